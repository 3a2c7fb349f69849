"""Metrics of a whole run beside accuracy: macro averages, kappa, MCC, log loss, Brier score.

The conventions are in docs/metrics.md. Macro averages run over the classes present in the data set; a present
class never predicted has F1 = 0 and no precision, so that macro precision is then undefined. A prediction outside
the label space is a class that no image is of.
"""

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.evaluation.evaluation import Evaluation, Figure
from model_zoo.core.evaluation.linearised import Judged, mean_of, over_runs
from model_zoo.core.evaluation.macro_intervals import macro_interval
from model_zoo.core.evaluation.metrics import ClassFigure, Headline
from model_zoo.core.evaluation.patient_counts import counts_by_patient
from model_zoo.core.label_space.taxonomy import OUTSIDE

SMALLEST = float(np.finfo(np.float32).eps)
"""Log loss takes smaller probabilities for this: they are stored as float32, whose 0 would make it infinite."""


def macro(evaluation: Evaluation, figure: ClassFigure) -> Figure:
    """The mean of ``figure`` over the classes present; macro recall is balanced accuracy (Brodersen et al. 2010).

    Its interval: `macro_intervals`, in which a class with few patients may be anything from 0 to 1.
    """
    truth, n = evaluation.truth, len(evaluation.truth)
    of = np.append(np.bincount(truth, minlength=len(evaluation.taxonomy.classes)), 0).astype(np.float64)
    present = of > 0

    def judge(predicted: NDArray[np.int64]) -> Judged:
        said = np.where(predicted == OUTSIDE, len(of) - 1, predicted)
        right = (predicted == truth).astype(np.float64)
        called = np.bincount(said, minlength=len(of)).astype(np.float64)
        hits = np.bincount(truth, weights=right, minlength=len(of))
        with np.errstate(invalid="ignore", divide="ignore"):
            if figure is ClassFigure.RECALL:
                each = hits / of
                influence = (right - each[truth]) / of[truth]
            elif figure is ClassFigure.PRECISION:
                each = hits / called
                influence = np.where(present[said], (right - each[said]) / called[said], 0.0)
            else:
                both = of + called
                each = 2 * hits / both
                influence = (2 * right - each[truth]) / both[truth]
                influence -= np.where(present[said], each[said] / both[said], 0.0)
        return float(each[present].mean()), influence * n / present.sum()

    judged = over_runs(_MACRO[figure], evaluation, map(judge, evaluation.predicted))
    if math.isnan(judged.mean):
        return judged
    counts = counts_by_patient(evaluation)
    defined, averaged = ~np.isnan(judged.per_run), present[:-1]
    found = macro_interval(counts.classes(figure).only(averaged).of_runs(defined), counts.images[0][:, averaged])
    names = np.array(evaluation.taxonomy.names, dtype=object)[averaged]
    interval = replace(judged.share, low=found.low, high=found.high)
    return replace(judged, share=interval, rare=tuple(names[list(found.rare)]))


def kappa(evaluation: Evaluation) -> Figure:
    """Cohen's kappa (1960): agreement beyond what both sides' frequencies give by chance; in [-1, 1].

    NaN where chance already agrees on everything: one class, named always.
    """

    def judge(predicted: NDArray[np.int64]) -> Judged:
        agreed, by_chance, of_agreed, of_chance, _, _ = _agreement(evaluation, predicted)
        left = 1 - by_chance
        if left <= 0:
            return float("nan"), np.zeros(len(predicted))
        return (agreed - by_chance) / left, of_agreed / left - (1 - agreed) * of_chance / left**2

    return over_runs("Cohen's kappa", evaluation, map(judge, evaluation.predicted), *_beyond_chance(evaluation))


def mcc(evaluation: Evaluation) -> Figure:
    """Matthews' correlation for K classes (Gorodkin 2004, R_K); in [-1, 1].

    NaN where truth or answers never vary.
    """

    def judge(predicted: NDArray[np.int64]) -> Judged:
        agreed, by_chance, of_agreed, of_chance, true, said = _agreement(evaluation, predicted)
        spread_true, spread_said = 1 - true @ true, 1 - said @ said
        if min(spread_true, spread_said) <= 0:
            return float("nan"), np.zeros(len(predicted))
        value = (agreed - by_chance) / np.sqrt(spread_true * spread_said)
        of_true = -2 * (true[evaluation.truth] - true @ true)
        of_said = -2 * (said[predicted] - said @ said)
        influence = (of_agreed - of_chance) / np.sqrt(spread_true * spread_said)
        return float(value), influence - value / 2 * (of_true / spread_true + of_said / spread_said)

    return over_runs("Matthews correlation", evaluation, map(judge, evaluation.predicted), *_beyond_chance(evaluation))


def log_loss(evaluation: Evaluation, probabilities: Iterable[NDArray[np.float64]]) -> Figure:
    """Mean of -ln(probability of the true class), in nats, at least 0; probabilities below `SMALLEST` count as that.

    ``probabilities``: one (N, K) per run, as `evaluation.probabilities_in` gives them.
    """
    images = np.arange(len(evaluation.truth))
    losses = (-np.log(np.maximum(one[images, evaluation.truth], SMALLEST)) for one in probabilities)
    return over_runs("log loss", evaluation, map(mean_of, losses))


def brier(evaluation: Evaluation, probabilities: Iterable[NDArray[np.float64]]) -> Figure:
    """Mean squared distance of the probabilities from the truth, summed over classes; in [0, 2] (Brier 1950).

    ``probabilities``: one (N, K) per run; what they lack to 1 lies outside the label space, a class of its own.
    """
    true = np.eye(len(evaluation.taxonomy.classes))[evaluation.truth]
    losses = (((one - true) ** 2).sum(axis=1) + (1 - one.sum(axis=1)) ** 2 for one in probabilities)
    return over_runs("Brier score", evaluation, map(mean_of, losses))


_MACRO = {
    ClassFigure.RECALL: str(Headline.BALANCED_ACCURACY),
    ClassFigure.PRECISION: "macro precision",
    ClassFigure.F1: str(Headline.MACRO_F1),
}


def _beyond_chance(evaluation: Evaluation) -> tuple[NDArray[np.float64], float, float]:
    """For `over_runs`: how right each image is, what chance leaves where all are, and the lowest value."""
    frequencies = np.bincount(evaluation.truth) / max(1, len(evaluation.truth))
    return evaluation.right.mean(axis=0), 1 - float(frequencies @ frequencies), -1.0


def _agreement(
    evaluation: Evaluation, predicted: NDArray[np.int64]
) -> tuple[float, float, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Agreement and that by chance, the influence of each image on both, and the frequencies of truth and answers.

    The last class (K, which `OUTSIDE` indexes) is "outside".
    """
    truth, n = evaluation.truth, len(evaluation.truth)
    n_classes = len(evaluation.taxonomy.classes)
    true = np.bincount(truth, minlength=n_classes + 1) / n
    said = np.bincount(np.where(predicted == OUTSIDE, n_classes, predicted), minlength=n_classes + 1) / n
    right = (predicted == truth).astype(np.float64)
    agreed, by_chance = float(right.mean()), float(true @ said)
    return agreed, by_chance, right - agreed, true[predicted] + said[truth] - 2 * by_chance, true, said
