"""Macro averages, kappa, correlation and losses: equal to scikit-learn and PyCM, intervals to a patient bootstrap."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from pycm import ConfusionMatrix
from sklearn.metrics import (
    balanced_accuracy_score,
    brier_score_loss,
    cohen_kappa_score,
    f1_score,
    matthews_corrcoef,
    precision_score,
)
from sklearn.metrics import log_loss as sklearn_log_loss

from model_zoo.core.evaluation.evaluation import class_figures, evaluate, probabilities_in
from model_zoo.core.evaluation.metrics import ClassFigure
from model_zoo.core.evaluation.overall_metrics import brier, kappa, log_loss, macro, mcc
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.label_space.taxonomy import Taxonomy
from tests.evaluations import FOUR, bootstrap, cases, clustered, judged

PAIRS = Taxonomy("pairs", {"ab": frozenset("ab"), "cd": frozenset("cd")})


def test_a_present_class_never_predicted_has_f1_0_and_no_precision():
    one = judged([0, 0, 1, 1], [0, 0, 0, 0])  # class 0: P = 2/4, R = 1, F1 = 2*2 / (2*2 + 2 + 0) = 2/3; class 1: none
    assert macro(one, ClassFigure.F1).mean == pytest.approx((2 / 3 + 0) / 2)
    assert macro(one, ClassFigure.RECALL).mean == pytest.approx((1 + 0) / 2)
    assert np.isnan(macro(one, ClassFigure.PRECISION).mean)
    assert [row.mean for row in class_figures(one, ClassFigure.F1)][1] == 0
    assert np.isnan([row.mean for row in class_figures(one, ClassFigure.PRECISION)][1])


def test_classes_absent_from_the_data_set_are_not_averaged_but_calling_them_costs():
    one = judged([0, 0, 1, 1], [0, 2, 1, 1])  # recalls 1/2 and 1; class 2 is absent, though named once
    assert macro(one, ClassFigure.RECALL).mean == pytest.approx(3 / 4)
    assert macro(one, ClassFigure.F1).mean == pytest.approx((2 / 3 + 1) / 2)
    assert macro(one, ClassFigure.PRECISION).mean == 1


@given(cases)
def test_macro_averages_are_the_means_of_the_classes_present(case):
    one = judged(*case)
    present = np.unique(one.truth)
    for figure in ClassFigure:
        rows = np.stack([row.per_run for row in class_figures(one, figure)])
        assert macro(one, figure).per_run == pytest.approx(rows[present].mean(axis=0), nan_ok=True)


@given(cases)
@pytest.mark.filterwarnings("ignore")
def test_each_figure_is_scikit_learns(case):
    one = judged(*case)
    present = list(np.unique(one.truth))
    for k, said in enumerate(one.predicted):
        f1 = f1_score(one.truth, said, labels=present, average="macro", zero_division=0)
        assert macro(one, ClassFigure.F1).per_run[k] == pytest.approx(f1, abs=1e-12)
        balanced = balanced_accuracy_score(one.truth, said)
        assert macro(one, ClassFigure.RECALL).per_run[k] == pytest.approx(balanced, abs=1e-12)
        if set(present) <= set(said):
            precision = precision_score(one.truth, said, labels=present, average="macro")
            assert macro(one, ClassFigure.PRECISION).per_run[k] == pytest.approx(precision, abs=1e-12)
        else:  # scikit-learn says 0 with a warning, PyCM says None
            assert np.isnan(macro(one, ClassFigure.PRECISION).per_run[k])
        theirs = cohen_kappa_score(one.truth, said)
        assert kappa(one).per_run[k] == pytest.approx(theirs, abs=1e-9, nan_ok=True)
        if len(present) > 1 and len(set(said)) > 1:
            assert mcc(one).per_run[k] == pytest.approx(matthews_corrcoef(one.truth, said), abs=1e-9)
        else:  # scikit-learn says 0: a truth or an answer that never varies correlates with nothing
            assert np.isnan(mcc(one).per_run[k])


@given(cases)
def test_each_figure_is_pycms(case):
    """PyCM averages over all classes named by either side, so only cases where those are the same."""
    one = judged(*case)
    for k, said in enumerate(one.predicted):
        if set(said) != set(one.truth) or len(set(said)) < 2:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = ConfusionMatrix(one.truth.tolist(), said.tolist(), digit=15)
        assert macro(one, ClassFigure.F1).per_run[k] == pytest.approx(theirs.F1_Macro, abs=1e-9)
        assert macro(one, ClassFigure.RECALL).per_run[k] == pytest.approx(theirs.TPR_Macro, abs=1e-9)
        assert macro(one, ClassFigure.PRECISION).per_run[k] == pytest.approx(theirs.PPV_Macro, abs=1e-9)
        assert kappa(one).per_run[k] == pytest.approx(theirs.Kappa, abs=1e-9)
        assert mcc(one).per_run[k] == pytest.approx(theirs.Overall_MCC, abs=1e-9)


def test_precision_is_undefined_for_pycm_too():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert ConfusionMatrix([0, 0, 1, 1], [0, 0, 0, 0]).PPV_Macro == "None"


def some_predictions(seed=0, n=60):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(4, 0.6), n).astype(np.float32)
    ids = tuple(f"i{k}" for k in range(n))
    labels = {image_id: frozenset("abcd"[int(k)]) for image_id, k in zip(ids, rng.integers(0, 4, n), strict=True)}
    return Predictions(ids, FOUR.names, p / p.sum(axis=1, keepdims=True)), labels


@pytest.mark.parametrize("space", [FOUR, PAIRS])
def test_losses_are_scikit_learns_natively_and_with_probabilities_summed(space):
    said, labels = some_predictions()
    one = evaluate([said], FOUR, space, labels, {})
    (summed,) = probabilities_in(one, [said], FOUR)
    indices = list(range(len(space.classes)))
    by_hand = said.probabilities if space is FOUR else said.probabilities.reshape(-1, 2, 2).sum(axis=2)
    assert summed == pytest.approx(by_hand)
    normal = summed / summed.sum(axis=1, keepdims=True)
    assert log_loss(one, [normal]).mean == pytest.approx(sklearn_log_loss(one.truth, normal, labels=indices), abs=1e-9)
    theirs = brier_score_loss(one.truth, normal, labels=indices, scale_by_half=False)
    assert brier(one, [normal]).mean == pytest.approx(theirs, abs=1e-9)


def test_a_truth_held_for_impossible_is_a_large_loss_but_no_infinite_one():
    one = judged([0, 1], [0, 0])
    certain = np.array([[1.0, 0, 0, 0], [1.0, 0, 0, 0]])
    assert log_loss(one, [certain]).mean == pytest.approx(-np.log(np.finfo(np.float32).eps) / 2)
    assert brier(one, [certain]).mean == pytest.approx((0 + 2) / 2)


def test_what_lies_outside_the_label_space_costs_as_a_wrong_class():
    one = judged([0], [0])
    assert brier(one, [np.array([[0.5, 0.0, 0.0, 0.0]])]).mean == pytest.approx(0.5**2 + 0.5**2)


@pytest.mark.parametrize(
    "figure",
    [lambda e, f=f: macro(e, f) for f in ClassFigure] + [kappa, mcc],
    ids=[*ClassFigure, "kappa", "mcc"],
)
def test_intervals_are_those_of_a_patient_bootstrap(figure):
    one = clustered()
    mine = figure(one).share
    low, high = bootstrap(one, lambda drawn: figure(drawn).mean)
    assert (mine.low, mine.high) == pytest.approx((low, high), abs=0.02)
    assert (mine.high - mine.low) / (high - low) == pytest.approx(1, abs=0.15)
    assert mine.design_effect > 1.2  # images of one patient resemble each other, and the interval knows


def test_where_nothing_is_wrong_the_interval_still_knows_how_few_patients_there_are():
    few, many = (judged(np.arange(n) % 4, np.arange(n) % 4) for n in (40, 400))
    for figure in (lambda e: macro(e, ClassFigure.F1), kappa, mcc):
        assert figure(few).share.high == figure(many).share.high == 1
        assert figure(few).share.low < 0.92 < figure(many).share.low
    rare = judged([0] * 400 + [1], [0] * 400 + [1])  # half of balanced accuracy rests on one patient
    assert macro(rare, ClassFigure.RECALL).share.low < 0.55


@given(cases)
def test_intervals_hold_their_figure_and_stay_within_its_bounds(case):
    one = judged(*case)
    for figure, least in [(macro(one, f), 0) for f in ClassFigure] + [(kappa(one), -1), (mcc(one), -1)]:
        if not np.isnan(figure.share.low):  # 8 patients or more, and for a macro average a class that is not rare
            assert least - 1e-9 <= figure.share.low <= figure.mean + 1e-9
            assert figure.mean - 1e-9 <= figure.share.high <= 1 + 1e-9


def test_nothing_to_judge_is_undefined():
    nothing = judged([], [[], []])
    empty = np.zeros((0, 4))
    figures = [macro(nothing, f) for f in ClassFigure] + [kappa(nothing), mcc(nothing)]
    figures += [log_loss(nothing, [empty] * 2), brier(nothing, [empty] * 2)]
    for figure in figures:
        assert np.isnan([figure.mean, figure.share.low, figure.share.high]).all()
        assert figure.per_run.shape == (2,)
