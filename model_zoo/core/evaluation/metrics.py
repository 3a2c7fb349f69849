"""Shares and ratios with confidence intervals clustered by patient."""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit


class MappedBy(StrEnum):
    """How a prediction gets into a coarser label space: the model's answer mapped, or its probabilities summed."""

    ANSWER = "answer"
    SUM = "sum"


class ClassFigure(StrEnum):
    """A figure per class; recall is what the story calls accuracy per class."""

    RECALL = "recall"
    PRECISION = "precision"
    F1 = "F1"


class Headline(StrEnum):
    """The one figure that a verdict is about; fixed in the workspace beforehand."""

    ACCURACY = "accuracy"
    BALANCED_ACCURACY = "balanced accuracy"
    MACRO_F1 = "macro-F1"


LEAST_PATIENTS = 8
"""With fewer patients a share has no interval.

Simulated (`benchmarks/shares.py`): from 8 patients on, with intra-patient correlations up to 0.5, 95 % intervals hold
the truth in 93 % of trials or more, also where one patient has 30 % of the images. Where patients are wholly right or
wholly wrong it is 90 % or more, with such a giant 87 %. With 5 and 6 patients, 97 % of them wholly right, it is 82 to
85 %. Where fewer than 5 wholly wrong patients are expected among others whose images err independently, it is 61 % at
worst: samples that hold none of them show nothing of it.
"""


@dataclass(frozen=True, slots=True)
class Share:
    """A share in [0, 1] with its interval; all NaN when there is nothing to take a share of.

    Figures on another scale (kappa, a loss, a difference) travel in the same record, within their own bounds.
    ``n_images`` may be fractional when it is a mean over seeds; ``design_effect`` >= 1 is by
    how much images of the same patients inflate the variance. ``trials``: Wilson's interval of so many independent
    trials is that of the share (`clustered_trials`); NaN where there is no interval.
    """

    value: float
    low: float
    high: float
    n_images: float
    n_patients: int
    design_effect: float
    trials: float = math.nan


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of sums over images with its interval; NaN where there is nothing to divide by."""

    value: float
    low: float
    high: float
    n_images: int
    n_patients: int


def wilson(share: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a share of ``n`` independent trials (Wilson 1927).

    It stays inside [0, 1] at n = 3, where the normal interval does not; NaN for n <= 0.
    """
    if not n > 0 or math.isnan(share):
        return math.nan, math.nan
    z2 = float(ndtri(0.5 + level / 2)) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    # at shares 0 and 1 the bound is the share itself; rounding must not move it inside
    return (0.0 if share == 0 else max(0.0, centre - half)), (1.0 if share == 1 else min(1.0, centre + half))


def share(hits: ArrayLike, totals: ArrayLike, level: float = 0.95) -> Share:
    """The share ``sum(hits) / sum(totals)`` from per-patient tables, both of shape (P,).

    Wilson's interval at `clustered_trials`, of the linearised cluster variance of the share or its binomial variance,
    whichever is larger (their ratio is Kish's design effect, 1965). None with fewer than `LEAST_PATIENTS`.
    """
    hit, total = np.asarray(hits, dtype=np.float64), np.asarray(totals, dtype=np.float64)
    hit, total = hit[total > 0], total[total > 0]
    n, n_patients = float(total.sum()), len(total)
    if n_patients == 0:
        return Share(math.nan, math.nan, math.nan, 0.0, 0, math.nan)
    value = min(1.0, max(0.0, float(hit.sum()) / n))
    binomial = value * (1 - value) / n
    if n_patients == 1 or binomial <= _NOTHING:
        effect = max(1.0, n / n_patients)
    else:
        effect = max(1.0, cluster_variance((hit - value * total) / n, total / n) / binomial)
    trials = clustered_trials(value, effect * binomial, total, hit, level)
    return Share(value, *wilson(value, trials, level), n, n_patients, effect, trials)


def cluster_variance(moves: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """The variance of a figure over P patients from how far each moves it (P,), which sum to 0.

    ``weights`` (P,) sum to 1. Each square is divided by 1 - weight, because a patient pulls the figure towards itself
    (CR2, Bell & McCaffrey 2002); with P equal ones that is P / (P - 1). NaN for one patient.
    """
    if len(moves) < 2:
        return math.nan
    return float((moves**2 / np.maximum(1 - weights, _NOTHING)).sum())


def effective_number(weights: NDArray[np.float64]) -> float:
    """How many equal ones would say as much: (sum w)^2 / sum w^2 (Kish 1965); 0 for none."""
    squares = float(weights @ weights)
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def clustered_trials(
    value: float, variance: float, totals: NDArray[np.float64], hits: NDArray[np.float64], level: float = 0.95
) -> float:
    """How many independent trials say as much of a share as ``hits`` among ``totals`` of P patients, both (P,).

    value (1 - value) / ``variance``, times (z / t)^2, so that Wilson's interval rests on Student's t (Korn & Graubard
    1998, Survey Methodology 24). Its degrees of freedom are the effective patients less 1, but no more than the
    effective patients that hold the misses, or the hits where these are rarer: a variance that two patients show is
    known no better than by two. Never fewer trials than effective patients, since no share varies more than one of
    patients that are wholly right or wrong. NaN with fewer than `LEAST_PATIENTS`.
    """
    if len(totals) < LEAST_PATIENTS or math.isnan(value):
        return math.nan
    patients = effective_number(totals)
    if not variance > _NOTHING or not 0 < value < 1:
        return patients
    holders = min(effective_number(totals[side > _ROUNDING]) for side in (hits, totals - hits))
    tail = (1 - level) / 2
    t = stdtrit(max(min(patients - 1, holders), _LEAST_FREEDOM), tail)
    return max(patients, value * (1 - value) / variance * float(ndtri(tail) / t) ** 2)


def around(pooled: Share, value: float) -> Share:
    """``value`` as a share of the same images: Wilson's interval with as many trials.

    For the mean of several runs' shares, which is not the pooled share where the runs' totals differ.
    """
    low, high = wilson(value, pooled.trials)
    return replace(pooled, value=value, low=low, high=high)


def ratio(above: ArrayLike, below: ArrayLike, patients: ArrayLike, level: float = 0.95) -> Ratio:
    """``sum(above) / sum(below)`` over N images, all (N,): a mean where ``below`` is 1; ``patients`` are codes.

    The interval takes the patients' sums as what was sampled: linearised variance of a ratio (Cochran 1977,
    chapter 6; `cluster_variance`), Student t with effective patients - 1 degrees of freedom. It is NaN with fewer than
    `LEAST_PATIENTS`.
    """
    top, bottom = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    codes, owner = np.unique(np.asarray(patients), return_inverse=True)
    if not bottom.sum() > 0:
        return Ratio(math.nan, math.nan, math.nan, len(top), len(codes))
    value = float(top.sum() / bottom.sum())
    if len(codes) < LEAST_PATIENTS:
        return Ratio(value, math.nan, math.nan, len(top), len(codes))
    weights = np.bincount(owner, weights=bottom) / float(bottom.sum())
    variance = cluster_variance(np.bincount(owner, weights=top - value * bottom) / float(bottom.sum()), weights)
    half = t_quantile(weights, level) * math.sqrt(variance)
    return Ratio(value, value - half, value + half, len(top), len(codes))


def t_quantile(weights: NDArray[np.float64], level: float = 0.95) -> float:
    """Student's t that covers ``level`` in the middle, effective patients - 1 degrees of freedom; weights (P,)."""
    return float(stdtrit(max(effective_number(weights) - 1, _LEAST_FREEDOM), 0.5 + level / 2))


def f1_from_overlap(overlap: Share) -> Share:
    """F1 = 2J / (1 + J) from J = TP / (TP + FP + FN), the share of hits among all images involved.

    The map is monotone, so the interval maps with it (Flores et al. 2022, Stat. Med. 41).
    """
    value, low, high = (2 * x / (1 + x) for x in (overlap.value, overlap.low, overlap.high))
    return replace(overlap, value=value, low=low, high=high)


_NOTHING = 1e-15
"""A smaller variance is rounding."""
_ROUNDING = 1e-9
"""So much of an image is no image."""
_LEAST_FREEDOM = 0.1
"""Student's t needs some; the effective patients bound the interval long before."""
