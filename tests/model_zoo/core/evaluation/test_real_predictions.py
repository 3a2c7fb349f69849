"""Ten thousand real answers, judged natively and on coarser ground: against published and recomputed figures."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_score, recall_score

from model_zoo.core.evaluation.confusion import Per
from model_zoo.core.evaluation.evaluation import accuracy, class_figures, evaluate
from model_zoo.core.evaluation.metrics import ClassFigure
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.label_space.taxonomy import Taxonomy, common_ground
from tests.real_data import real

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
VEHICLES = {"airplane", "automobile", "ship", "truck"}
FINE = Taxonomy("fine", {name: frozenset({name}) for name in NAMES})
COARSE = Taxonomy("coarse", {"vehicle": frozenset(VEHICLES), "animal": frozenset(NAMES) - VEHICLES})


@pytest.fixture(scope="module")
def cifar():
    """Labels (10000,) as indices and the predictions of one model."""
    folder = real("label_errors_cifar10")
    (labels,) = folder.glob("*original_labels.npy")
    (probabilities,) = folder.glob("*pyx.npy")
    p = np.load(probabilities, allow_pickle=False)
    ids = tuple(f"c{k:05d}" for k in range(len(p)))
    return np.load(labels, allow_pickle=False).astype(int), Predictions(ids, NAMES, p.astype(np.float32))


def judged(cifar, space):
    truth, predictions = cifar
    labels = {image_id: frozenset({NAMES[k]}) for image_id, k in zip(predictions.image_ids, truth, strict=True)}
    return evaluate([predictions], FINE, space, labels, {})


def test_native_accuracy_is_the_published_one_with_wilson_s_interval(cifar):
    figure = accuracy(judged(cifar, FINE))
    assert figure.mean == pytest.approx(0.9294, abs=5e-5)
    # every image is a patient of its own; their variance is unbiased, which moves the interval by 1 in 10,000
    theirs = binomtest(9294, 10000).proportion_ci(method="wilson")
    assert (figure.share.low, figure.share.high) == pytest.approx((theirs.low, theirs.high), abs=1e-6)


@pytest.mark.parametrize("space", [FINE, COARSE], ids=lambda space: space.name)
def test_every_figure_is_that_of_scikit_learn(cifar, space):
    truth, predictions = cifar
    assert common_ground([FINE, COARSE]) == COARSE
    owner = np.array([space.index_of[name] for name in NAMES])
    true, said = owner[truth], owner[predictions.probabilities.argmax(axis=1)]
    ours = judged(cifar, space)
    assert accuracy(ours).mean == pytest.approx(accuracy_score(true, said), abs=1e-12)
    assert (ours.confusion.per(Per.COUNT) == confusion_matrix(true, said)).all()
    oracles = {ClassFigure.RECALL: recall_score, ClassFigure.PRECISION: precision_score, ClassFigure.F1: f1_score}
    for figure, oracle in oracles.items():
        assert [one.mean for one in class_figures(ours, figure)] == pytest.approx(oracle(true, said, average=None))
