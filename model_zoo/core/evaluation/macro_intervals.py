"""Confidence intervals of macro averages, valid also for classes with few patients or few errors.

A macro average weighs each class alike, so that one image of a small class moves it far. What each patient takes away
from the figure is a weighted count of errors. Its interval is that of a weighted sum of Poisson counts, as for
directly standardised rates (Fay & Feuer 1997, Stat. Med. 16): the end towards more errors allows for one more error
of the heaviest weight, also where none was seen. A difference is what patients add less what patients take away, each
with such an interval, joined by MOVER (Zou & Donner 2008, Stat. Med. 27) with their covariance.

A class with fewer than `MIN_CLASS_PATIENTS` patients is *rare*: its figure may be anything from 0 to 1.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from model_zoo.core.evaluation.metrics import LEAST_PATIENTS, effective_number
from model_zoo.core.evaluation.patient_counts import Ratios

MIN_CLASS_PATIENTS = 10
"""A class with fewer patients is rare."""

FEW_WITH_ERRORS = 5
"""Where fewer patients show an error (or a difference), each unseen one may be wrong on all its images."""


@dataclass(frozen=True, slots=True)
class MacroInterval:
    """The 95 % interval of a macro average in [0, 1], or of a difference of two in [-1, 1], over patients.

    NaN where there are fewer than `metrics.LEAST_PATIENTS`. ``rare`` are the indices of the rare classes, among those
    averaged over.
    """

    low: float
    high: float
    rare: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Parts:
    """What P patients take away from (or add to) each class that is not rare, (P, J), and with what weight they could.

    The sum of ``taken`` over patients, divided by ``n_classes``, is what the average loses; ``moves`` are the same
    centred at what each patient's weight would take. ``below`` (J,) are the images of each class.
    """

    taken: NDArray[np.float64]
    moves: NDArray[np.float64]
    weights: NDArray[np.float64]
    below: NDArray[np.float64]
    n_classes: int


def macro_interval(ratios: Ratios, images: NDArray[np.float64]) -> MacroInterval:
    """Of the mean of J ratios in [0, 1], averaged over S runs; ``images`` (P, J) of each true class by patient."""
    above, below = ratios.above.mean(axis=0), ratios.below.mean(axis=0)
    rare = rare_classes(images, below)
    n_classes = len(rare)
    found = tuple(int(k) for k in np.flatnonzero(rare))
    if rare.all():
        return MacroInterval(0.0, 1.0, found)
    if len(images) < LEAST_PATIENTS:
        return MacroInterval(math.nan, math.nan, found)
    shift = _mean_of(ratios, ~rare) - float((above.sum(axis=0) / below.sum(axis=0))[~rare].sum()) / n_classes
    above, below = above[:, ~rare], below[:, ~rare]
    total = below.sum(axis=0)
    weights = below / total
    lost = 1 - above.sum(axis=0) / total
    share = (~rare).sum() / n_classes  # what the average could lose in all
    loss = float(lost.sum()) / n_classes
    missed, hit = (below - above) / total, above / total
    fewer = loss <= share / 2  # errors are rarer than hits: the bound allows for unseen errors, else for unseen hits
    side = missed if fewer else hit
    parts = _Parts(side, side - (lost if fewer else 1 - lost) * weights, weights, total, n_classes)
    taken = loss if fewer else share - loss
    t, heaviest, squares = _spread(parts)
    variance = float(squares @ squares)
    skew = 1 - 2 * taken / share
    most = min(share, taken + _reach(t, variance, skew * heaviest))
    least = max(0.0, taken + _reach(-t, variance, skew * variance / taken)) if taken > 0 else 0.0
    low, high = (share - most, share - least) if fewer else (least, most)
    return MacroInterval(max(0.0, low + shift), min(1.0, high + shift + rare.sum() / n_classes), found)


def macro_difference(
    a: Ratios, b: Ratios, images: NDArray[np.float64], seeds_halves: tuple[float, float] = (0.0, 0.0)
) -> MacroInterval:
    """Of the mean over J ratios of A minus that of B, each averaged over its runs, over the same P patients.

    ``images`` (P, J) of each true class by patient; ``seeds_halves`` is what the choice of seeds adds below and above,
    in squares (`Variance.seeds_halves`). Patient p moves a ratio by (what it adds above - r times what it adds below) /
    below, with r and below the means of both sides: that sums to the difference, and is 0 for a patient with whom both
    sides come to the same.
    """
    above = a.above.mean(axis=0), b.above.mean(axis=0)
    below = a.below.mean(axis=0), b.below.mean(axis=0)
    both = (below[0] + below[1]) / 2
    rare = rare_classes(images, below[0]) | rare_classes(images, below[1])
    n_classes = len(rare)
    found = tuple(int(k) for k in np.flatnonzero(rare))
    unknown = float(rare.sum()) / n_classes
    if rare.all():
        return MacroInterval(-1.0, 1.0, found)
    if len(images) < LEAST_PATIENTS:
        return MacroInterval(math.nan, math.nan, found)
    rates = [over.sum(axis=0) / under.sum(axis=0) for over, under in zip(above, below, strict=True)]
    added = (above[0] - above[1] - (rates[0] + rates[1]) / 2 * (below[0] - below[1])) / both.sum(axis=0)
    added, both = added[:, ~rare], both[:, ~rare]
    weights, total = both / both.sum(axis=0), both.sum(axis=0)
    by_patient = added.sum(axis=1)
    share = weights.sum(axis=1) / weights.sum()
    gains, losses = np.maximum(by_patient, 0), np.maximum(-by_patient, 0)
    moves = [(side - side.sum() * share)[:, None] for side in (gains, losses)]
    t, heaviest, _ = _spread(_Parts(added, added, weights, total, n_classes))
    (gain, loss), covariance = (gains.sum() / n_classes, losses.sum() / n_classes), _levelled(moves, share, n_classes)
    least, most = [], []
    for side, variance in ((gain, covariance[0, 0]), (loss, covariance[1, 1])):
        least.append(max(0.0, side + _reach(-t, variance, variance / side)) if side > 0 else 0.0)
        most.append(side + _reach(t, variance, heaviest))
    product = math.sqrt(covariance[0, 0] * covariance[1, 1])
    alike = covariance[0, 1] / product if product > 0 else 0.0
    halves = (
        _joined(gain - least[0], most[1] - loss, alike),
        _joined(most[0] - gain, loss - least[1], alike),
    )
    value = _mean_of(a, ~rare) - _mean_of(b, ~rare)
    to_low, to_high = (math.hypot(*pair) + unknown for pair in zip(halves, seeds_halves, strict=True))
    return MacroInterval(max(-1.0, value - to_low), min(1.0, value + to_high), found)


def rare_classes(images: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which classes have too few patients, (J,): by their images (P, J) or by what the ratio divides by (P, J)."""
    return np.minimum((images > 0).sum(axis=0), (below > 0).sum(axis=0)) < MIN_CLASS_PATIENTS


def _mean_of(ratios: Ratios, chosen: NDArray[np.bool_]) -> float:
    """What the ``chosen`` ratios (J,) contribute to the average over all J, mean over runs."""
    return float(ratios.each()[:, chosen].mean(axis=0).sum()) / len(chosen)


def _spread(parts: _Parts) -> tuple[float, float, NDArray[np.float64]]:
    """Student's t, the heaviest weight of one error that was not seen, and the patients' levelled moves (P,).

    An error of one more patient takes from a class as many images as errors of a patient and class do on average,
    weighted by size, and where fewer than `FEW_WITH_ERRORS` patients show any, all images of a patient. t has twice as
    many degrees of freedom as patients hold the errors, effectively, and fewer than there are effective patients;
    twice, because with once as many, intervals were wider than known variance asks for at 20 patients with errors
    (simulated: `benchmarks/shares.py`).
    """
    sizes = np.abs(parts.taken) * parts.below
    effective = np.array([effective_number(column) for column in parts.weights.T])
    wholly = float((1 / effective).max()) / parts.n_classes
    share = parts.weights.sum(axis=1) / parts.weights.sum()
    moves = parts.moves.sum(axis=1) / parts.n_classes / np.sqrt(np.maximum(1 - share, 1e-9))
    if np.count_nonzero(sizes.max(axis=1, initial=0) > 1e-9) < FEW_WITH_ERRORS:
        return float(ndtri(0.975)), wholly, moves
    unit = float((sizes**2).sum() / sizes.sum())
    heaviest = min(wholly, float((unit / parts.below).max()) / parts.n_classes)
    holders = effective_number(np.abs(parts.taken.sum(axis=1)))
    freedom = min(effective_number(share) - 1, 2 * holders)
    return float(stdtrit(max(freedom, 1.0), 0.975)), heaviest, moves


def _reach(t: float, variance: float, weight: float) -> float:
    """How far from a weighted count its score bound lies: up for t > 0, down for t < 0."""
    middle = t * t * weight / 2
    return middle + math.copysign(math.sqrt(t * t * variance + middle * middle), t)


def _levelled(moves: list[NDArray[np.float64]], share: NDArray[np.float64], n_classes: int) -> NDArray[np.float64]:
    """The covariance (2, 2) of what is gained and lost, patients levelled as in `metrics.cluster_variance`."""
    table = np.concatenate(moves, axis=1) / n_classes / np.sqrt(np.maximum(1 - share, 1e-9))[:, None]
    return np.asarray(table.T @ table)


def _joined(one: float, other: float, alike: float) -> float:
    return math.sqrt(max(0.0, one * one + other * other - 2 * alike * one * other))
