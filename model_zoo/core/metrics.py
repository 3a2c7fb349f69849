"""Shares with intervals that know images of one patient resemble each other."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit


@dataclass(frozen=True, slots=True)
class Share:
    """A share in [0, 1] with its interval; all NaN when there is nothing to take a share of.

    Figures on another scale (kappa, a loss, a difference) travel in the same record, within their own bounds.
    ``n_images`` may be fractional when it is a mean over seeds; ``design_effect`` >= 1 is by
    how much images of the same patients inflate the variance.
    """

    value: float
    low: float
    high: float
    n_images: float
    n_patients: int
    design_effect: float


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

    Wilson's interval on images / design effect. The design effect is the ratio of the
    linearised cluster variance of the share to its binomial variance (Kish 1965), at least 1;
    at shares 0 and 1 it cannot be estimated and every patient counts as one trial.
    """
    hit, total = np.asarray(hits, dtype=np.float64), np.asarray(totals, dtype=np.float64)
    hit, total = hit[total > 0], total[total > 0]
    n, n_patients = float(total.sum()), len(total)
    if n_patients == 0:
        return Share(math.nan, math.nan, math.nan, 0.0, 0, math.nan)
    value = min(1.0, max(0.0, float(hit.sum()) / n))
    effect = _design_effect(hit, total, value)
    low, high = wilson(value, n / effect, level)
    return Share(value, low, high, n, n_patients, effect)


def around(pooled: Share, value: float) -> Share:
    """``value`` as a share of the same images: Wilson's interval with their number and design effect.

    For the mean of several runs' shares, which is not the pooled share where the runs' totals differ.
    """
    low, high = wilson(value, pooled.n_images / pooled.design_effect)
    return Share(value, low, high, pooled.n_images, pooled.n_patients, pooled.design_effect)


def ratio(above: ArrayLike, below: ArrayLike, patients: ArrayLike, level: float = 0.95) -> Ratio:
    """``sum(above) / sum(below)`` over N images, all (N,): a mean where ``below`` is 1; ``patients`` are codes.

    The interval takes the patients' sums as what was sampled: linearised variance of a ratio (Cochran 1977,
    chapter 6), Student t with patients - 1 degrees of freedom. It is NaN for one patient.
    """
    top, bottom = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    codes, owner = np.unique(np.asarray(patients), return_inverse=True)
    if not bottom.sum() > 0:
        return Ratio(math.nan, math.nan, math.nan, len(top), len(codes))
    value = float(top.sum() / bottom.sum())
    if len(codes) < 2:
        return Ratio(value, math.nan, math.nan, len(top), len(codes))
    residuals = np.bincount(owner, weights=top - value * bottom)
    variance = len(codes) / (len(codes) - 1) * float(residuals @ residuals) / float(bottom.sum()) ** 2
    half = float(stdtrit(len(codes) - 1, 0.5 + level / 2)) * math.sqrt(variance)
    return Ratio(value, value - half, value + half, len(top), len(codes))


def _design_effect(hits: NDArray[np.float64], totals: NDArray[np.float64], value: float) -> float:
    n, n_patients = float(totals.sum()), len(totals)
    binomial = value * (1 - value) / n
    if n_patients == 1 or binomial <= 1e-15:
        return max(1.0, n / n_patients)
    residuals = hits - value * totals
    clustered = n_patients / (n_patients - 1) * float(residuals @ residuals) / n**2
    return max(1.0, clustered / binomial)


def f1_from_overlap(overlap: Share) -> Share:
    """F1 = 2J / (1 + J) from J = TP / (TP + FP + FN), the share of hits among all images involved.

    The map is monotone, so the interval maps with it (Flores et al. 2022, Stat. Med. 41).
    """
    value, low, high = (2 * x / (1 + x) for x in (overlap.value, overlap.low, overlap.high))
    return Share(value, low, high, overlap.n_images, overlap.n_patients, overlap.design_effect)
