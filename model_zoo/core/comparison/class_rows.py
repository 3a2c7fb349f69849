"""Differences per class, with confidence intervals that hold for all classes at once, also with small counts."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from model_zoo.core.comparison import uncertainty
from model_zoo.core.comparison.comparison import Difference, Pair, can_answer
from model_zoo.core.comparison.outcomes import Question
from model_zoo.core.comparison.uncertainty import FEW_DIFFERING, Variance
from model_zoo.core.evaluation.macro_intervals import MIN_CLASS_PATIENTS
from model_zoo.core.evaluation.metrics import ClassFigure
from model_zoo.core.evaluation.patient_counts import PatientCounts, Ratios, mean_defined, ratios_or_nan


@dataclass(frozen=True, slots=True)
class Row:
    """One class: its figure on both sides, and the difference with an interval simultaneous over all rows."""

    name: str
    a: float
    b: float
    difference: Difference
    n_images: int
    n_patients: int


def class_rows(pair: Pair, figure: ClassFigure, question: Question) -> list[Row]:
    """Every class with its difference; 95 % intervals hold for all rows at once, and are not symmetric.

    A class with fewer than `MIN_CLASS_PATIENTS` patients, or whose figure is undefined on a side, gets none; nor
    does any where the question cannot be answered. Where predictions are missing, an interval holds whatever they are.
    """
    a, b = pair.a.classes(figure), pair.b.classes(figure)
    mean_a, mean_b = mean_defined(a.each().T), mean_defined(b.each().T)
    images, patients = pair.a.images[0].sum(axis=0), (pair.a.images[0] > 0).sum(axis=0)
    gap = mean_a - mean_b
    low, high = np.full((2, len(gap)), np.nan)
    over = pair.extremes[0] if pair.extremes else pair  # all images, also those without a prediction
    shown = ((over.a.images[0] > 0).sum(axis=0) >= MIN_CLASS_PATIENTS) & ~np.isnan(gap)
    if shown.any() and can_answer(over, question):
        few = np.count_nonzero(_moved(a.only(shown), b.only(shown)), axis=0) < FEW_DIFFERING
        sides = [(one.only(shown), other.only(shown)) for one, other in _extremes(pair, figure)]
        ends = np.array([_simultaneous(*both, question, few) for both in sides])
        low[shown] = np.minimum(ends[:, 0].min(axis=0), gap[shown])
        high[shown] = np.maximum(ends[:, 1].max(axis=0), gap[shown])
    return [
        Row(
            name,
            float(mean_a[k]),
            float(mean_b[k]),
            Difference(float(gap[k]), float(low[k]), float(high[k])),
            int(images[k]),
            int(patients[k]),
        )
        for k, name in enumerate(pair.classes)
    ]


def _extremes(pair: Pair, figure: ClassFigure) -> list[tuple[Ratios, Ratios]]:
    """A and B at the worst for A in each class, and at the best, whatever the missing predictions are; one if none is.

    At the worst for its class no missing prediction is correct, and all of images of other classes name it.
    """
    if pair.extremes is None:
        return [(pair.a.classes(figure), pair.b.classes(figure))]
    low, high = pair.extremes

    def lowest(incorrect: PatientCounts, correct: PatientCounts) -> Ratios:
        missing = correct.hits - incorrect.hits  # (S, P, K)
        called = correct.called - 2 * missing + missing.sum(axis=2, keepdims=True)
        return PatientCounts(correct.images, incorrect.hits, called).classes(figure)

    return [(lowest(low.a, high.a), low.b.classes(figure)), (high.a.classes(figure), lowest(high.b, low.b))]


def _simultaneous(
    a: Ratios, b: Ratios, question: Question, few: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper ends (J,) that hold for all J differences A - B at once (Bonferroni); ``few``: see `_trials`.

    A difference is what A gains on B less what it loses. Over patients either is a share with its exact interval at
    the effective number of trials (Korn & Graubard 1998), and the two are joined as a difference (Zou & Donner 2008):
    so an interval reaches farther to the side on which more is still unseen.
    """
    gap = mean_defined(a.each().T) - mean_defined(b.each().T)
    tail = (1 - uncertainty.LEVEL) / 2 / len(gap)
    moved = _moved(a, b)
    share = np.clip(moved.sum(axis=0), np.abs(gap), 1.0)
    gain, loss = (share + gap) / 2, (share - gap) / 2
    influence = a.influence(), b.influence()
    variances = [_variance(influence, (a.each(), b.each()), j, question) for j in range(len(gap))]
    one_trial = gain * (1 - gain) + loss * (1 - loss)
    by_patients = np.array([variance.patients for variance in variances])
    sizes = (a.below.mean(axis=0) + b.below.mean(axis=0)) / 2
    effective = sizes.sum(axis=0) ** 2 / (sizes**2).sum(axis=0)
    trials = _trials(ratios_or_nan(one_trial, by_patients), moved, influence, effective, tail, few)
    runs = a.n_runs, b.n_runs
    seeds = np.array([one.seeds_halves(n, runs, tail) for one, n in zip(variances, effective, strict=True)]) ** 2
    (gain_low, gain_high), (loss_low, loss_high) = _exact(gain, trials, tail), _exact(loss, trials, tail)
    below = np.sqrt((gain - gain_low) ** 2 + (loss_high - loss) ** 2 + seeds[:, 0])
    above = np.sqrt((gain_high - gain) ** 2 + (loss - loss_low) ** 2 + seeds[:, 1])
    return np.maximum(gap - below, -1.0), np.minimum(gap + above, 1.0)


def _moved(a: Ratios, b: Ratios) -> NDArray[np.float64]:
    """How much each patient adds to each difference, without sign, (P, J); 0 where the sides agree on the patient.

    With the mean denominator T and the mean ratio r: (above_A - above_B - r (below_A - below_B)) / T.
    """
    above, below = ([side.mean(axis=0) for side in sides] for sides in ((a.above, b.above), (a.below, b.below)))
    totals = [one.sum(axis=0) for one in below]
    ratio = (above[0].sum(axis=0) / totals[0] + above[1].sum(axis=0) / totals[1]) / 2
    moved = np.abs(above[0] - above[1] - ratio * (below[0] - below[1]))
    return np.where(moved > _ROUNDING, moved, 0.0) / ((totals[0] + totals[1]) / 2)


def _variance(
    influence: tuple[NDArray[np.float64], NDArray[np.float64]],
    each: tuple[NDArray[np.float64], NDArray[np.float64]],
    j: int,
    question: Question,
) -> Variance:
    own = influence[0][:, :, j], influence[1][:, :, j]
    if question is Question.CHECKPOINT:
        return uncertainty.over_patients(*own)
    return uncertainty.over_patients_and_seeds(*own, (each[0][:, j], each[1][:, j]))


def _trials(
    measured: NDArray[np.float64],
    moved: NDArray[np.float64],
    influence: tuple[NDArray[np.float64], NDArray[np.float64]],
    patients: NDArray[np.float64],
    tail: float,
    few: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """As how many independent trials the patients count, (J,), beginning with those that give the variance measured.

    That number is known from the patients who differ, so it is reduced by Student's t: the degrees of freedom are
    those of a ratio of two sums over patients, at most those of the ``patients`` (J,), which are effective (Kish 1965).
    Where ``few`` patients differ, it is at most their number.
    """
    squares = (influence[0].mean(axis=0) - influence[1].mean(axis=0)) ** 2
    apart = ratios_or_nan(squares, squares.sum(axis=0)) - ratios_or_nan(moved, moved.sum(axis=0))
    freedom = np.fmin(patients - 1, ratios_or_nan(np.full(len(patients), 2.0), (apart**2).sum(axis=0)))
    shrink = [(uncertainty.quantile(math.inf, tail) / uncertainty.quantile(one, tail)) ** 2 for one in freedom]
    trials = np.maximum(measured * shrink, 1.0)  # NaN where nothing differs
    return np.where(few | np.isnan(trials), np.fmin(trials, patients), trials)


def _exact(
    share: NDArray[np.float64], trials: NDArray[np.float64], tail: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Clopper & Pearson's interval (1934) of shares (J,), for numbers of trials that need not be whole."""
    hits = share * trials
    low = np.where(hits > 0, betaincinv(np.maximum(hits, _ROUNDING), trials - hits + 1, tail), 0.0)
    high = np.where(hits < trials, betaincinv(hits + 1, np.maximum(trials - hits, _ROUNDING), 1 - tail), 1.0)
    return low, high


_ROUNDING = 1e-9
"""Means over runs are sums of 1 / S; what is nearer to 0 than this is 0."""
