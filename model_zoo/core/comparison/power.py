"""Power: patients and seeds that a comparison needs, and the smallest gap that a test split can detect.

The interval's own rule is used (`uncertainty.Variance.critical`): Student's t of the patients and of the seeds, whose
measured variances vary from sample to sample as chi-squares do.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, ndtr, ndtri, stdtrit
from scipy.stats.qmc import Sobol

from model_zoo.core.comparison import uncertainty
from model_zoo.core.comparison.outcomes import Question
from model_zoo.core.comparison.uncertainty import Variance
from model_zoo.core.evaluation import macro_intervals
from model_zoo.core.evaluation.metrics import Headline
from model_zoo.core.evaluation.patient_counts import PatientCounts, Ratios

POWER = 0.8
"""The chance with which a stated number of patients or seeds gives a result, or the smallest gap is detected."""

MOST_TIMES = 10**6
"""More than so many times the present patients or seeds are "never"."""

_N_SAMPLES = 1024
"""Samples whose measured variances stand for all: a quasi-random set (Sobol), so that nothing flickers."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What gives a result with `POWER`, if the true difference is the observed one; None where it never would.

    ``patients`` alone, with the seeds of now; then seeds alone: ``seeds_a`` with B's as they are, ``seeds_b`` with A's
    as they are, ``seeds_each`` the same number on both sides. ``together``: patients, seeds of A and seeds of B, all
    multiplied by one factor. Seeds are None for the checkpoint question.
    """

    patients: int | None
    seeds_a: int | None = None
    seeds_b: int | None = None
    seeds_each: int | None = None
    together: tuple[int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class SmallestGap:
    """The smallest true difference that an interval excludes 0 for in 80 % of samples of this size; in (0, 1].

    It rests on one model alone: the other is assumed to vary as much, with as many seeds. ``unrelated``: the two err
    independently of each other. ``alike``: they err on the same patients, as two seeds of this model do; NaN for one
    run. The more errors two models share, the smaller the gap that is detected.

    ``rare`` are the indices of the classes of a macro average that its interval takes as unknown (`macro_intervals`).
    Both gaps are then those that every class has, and NaN where not even a gap of 1 is detected.
    """

    figure: Headline
    question: Question
    unrelated: float
    alike: float
    n_patients: int
    n_runs: int
    rare: tuple[int, ...] = ()


def power(
    gap: float,
    margin: float,
    variance: Variance,
    n_effective: float,
    n_runs: tuple[int, int],
    unseen: float | None = None,
) -> float:
    """The chance in [0, 1] that the interval lies off 0 or within ``margin``, if the true difference is ``gap``.

    ``variance`` is the true one, ``n_effective`` counts effective patients; ``unseen`` is the share of wholly different
    patients that such a sample can miss. With a margin of 0 only an interval off 0 counts.
    """
    missed = uncertainty.unseen(n_effective) if unseen is None else unseen
    seen_enough = 0 < margin >= missed
    spread = math.sqrt(variance.total)
    if spread == 0:
        seen = (1 - missed) * abs(gap)  # `uncertainty.beside_missed`
        return float(seen > missed or (margin > 0 and seen + missed <= margin))
    half = _half_widths(variance, n_effective, n_runs)
    chance = ndtr((gap - half) / spread) + ndtr((-gap - half) / spread)
    if seen_enough:
        inner = margin - half  # an estimate within it gives an interval within the margin
        within = ndtr((inner - gap) / spread) - ndtr((-inner - gap) / spread)
        chance = np.where(inner >= half, 1.0, chance + np.maximum(within, 0))
    return float(chance.mean())


def rescaled(variance: Variance, patients: float, seeds: tuple[float, float]) -> Variance:
    """What ``variance`` would be with so many times the patients and the seeds of A and B (1: as now)."""
    trainings = [max(0.0, own - both) for own, both in zip(variance.seeds, variance.interaction, strict=True)]
    counted = variance.total - variance.patients  # the trainings' part as the total holds it, never below 0
    share = counted / sum(trainings) if sum(trainings) > 0 else 0.0
    both = min(1.0, variance.patients / sum(variance.interaction)) if sum(variance.interaction) > 0 else 0.0
    interaction = [both * part / (patients * times) for part, times in zip(variance.interaction, seeds, strict=True)]
    return Variance(
        max(0.0, variance.patients - sum(variance.interaction)) / patients + sum(interaction),
        _two(share * part / times + one for part, times, one in zip(trainings, seeds, interaction, strict=True)),
        _two(interaction),
        variance.differing * patients,
    )


@lru_cache(maxsize=256)
def needs(
    gap: float,
    margin: float,
    variance: Variance,
    n_patients: int,
    n_effective: float,
    n_runs: tuple[int, int],
    question: Question,
    unseen: float | None = None,
) -> Needs:
    """How many patients and seeds give a result with `POWER`, if the true difference is ``gap``.

    ``margin`` is a share in (0, 1); ``n_effective`` of the ``n_patients`` are effective; ``unseen`` as in `power`, for
    the patients of now.
    """
    missed = uncertainty.unseen(n_effective) if unseen is None else unseen

    def enough(patients: float, seeds: tuple[float, float]) -> bool:
        runs = round(n_runs[0] * seeds[0]), round(n_runs[1] * seeds[1])
        fewer = 1 - (1 - missed) ** (1 / patients)
        return power(gap, margin, rescaled(variance, patients, seeds), n_effective * patients, runs, fewer) >= POWER

    a, b = n_runs
    patients = _least(lambda n: enough(n / n_patients, (1, 1)), n_patients)
    if question is Question.CHECKPOINT:
        return Needs(patients)
    times = _least(lambda n: enough(n / 1000, (n / 1000, n / 1000)), 1000)
    together = [math.ceil(n * times / 1000) for n in (n_patients, a, b)] if times else None
    return Needs(
        patients,
        _least(lambda n: enough(1, (n / a, 1)), a),
        _least(lambda n: enough(1, (1, n / b)), b),
        _least(lambda n: enough(1, (n / a, n / b)), max(a, b)),
        (together[0], together[1], together[2]) if together else None,
    )


def smallest_gap(counts: PatientCounts, figure: Headline, question: Question) -> SmallestGap:
    """What one side's variance says of the gaps that can be detected; NaN where it never varies.

    ``question`` training takes at least two runs.
    """
    ratios, rare = _known(counts, figure)
    share = ratios.above.shape[2] / max(1, ratios.above.shape[2] + len(rare))
    influence, values, n_runs = share * ratios.figure_influence(), share * ratios.figure(), counts.n_runs
    patients = uncertainty.few_patients(counts.n_patients) * float((influence.mean(axis=0) ** 2).sum())
    own = interaction = 0.0
    if n_runs > 1 and share:
        alone = uncertainty.over_patients_and_seeds(influence, influence, (values, values))
        own, interaction = alone.seeds[0], alone.interaction[0]
    unrelated, alike = 2 * patients, 2 * min(patients, interaction)
    seeds, both = (own, own), (interaction, interaction)
    if question is Question.CHECKPOINT:
        seeds = both = (0.0, 0.0)
    found = [
        _in_every_class(_detected(Variance(part, seeds, both), counts.effective_patients, (n_runs, n_runs)), share)
        for part in (unrelated, alike)
    ]
    return SmallestGap(
        figure, question, found[0], found[1] if n_runs > 1 else math.nan, counts.n_patients, n_runs, rare
    )


def _known(counts: PatientCounts, figure: Headline) -> tuple[Ratios, tuple[int, ...]]:
    """The ratios of ``figure`` without those of rare classes, and the indices of these classes."""
    ratios = counts.headline(figure)
    if figure is Headline.ACCURACY:
        return ratios, ()
    present = np.flatnonzero(counts.images.sum(axis=(0, 1)))
    rare = macro_intervals.rare_classes(counts.images[0][:, present], ratios.below.mean(axis=0))
    return ratios.only(~rare), tuple(present[rare].tolist())


def _in_every_class(gap: float, share: float) -> float:
    """The gap that adds ``gap`` beyond what is unknown, where the known classes are a ``share`` of all; NaN above 1."""
    if share == 1:
        return gap
    every = (1 - share + gap) / share if share > 0 else math.nan
    return every if every <= 1 else math.nan


def _half_widths(variance: Variance, n_effective: float, n_runs: tuple[int, int]) -> NDArray[np.float64]:
    """Half-widths of the interval in samples whose true variance is ``variance``, (N_SAMPLES,)."""
    freedoms = (variance.patients_freedom(n_effective), *(max(1, n - 1) for n in n_runs))
    measured = [_chi_squares(freedom, one) for freedom, one in zip(freedoms, _uniform(), strict=True)]
    patients, seeds = (
        variance.patients * measured[0],
        [p * m for p, m in zip(variance.seeds, measured[1:], strict=True)],
    )
    both, interaction = uncertainty.quantile(freedoms[0]) ** 2, sum(variance.interaction)
    squared = patients * both
    if any(variance.seeds):
        freedom = (seeds[0] + seeds[1]) ** 2 / (seeds[0] ** 2 / freedoms[1] + seeds[1] ** 2 / freedoms[2])
        trainings = (seeds[0] + seeds[1]) * stdtrit(freedom, 1 - (1 - uncertainty.LEVEL) / 2) ** 2 - both * interaction
        squared = squared + np.where(seeds[0] + seeds[1] > interaction, np.maximum(0.0, trainings), 0.0)
    return np.asarray(np.sqrt(squared))


def _chi_squares(freedom: float, tails: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quantiles of chi-square / freedom; above 100 degrees by Wilson & Hilferty (1931), off by less than 0.1 %."""
    if freedom <= 100:
        return np.asarray(chdtri(freedom, tails) / freedom)
    spread = 2 / (9 * freedom)
    return np.asarray((1 - spread + math.sqrt(spread) * ndtri(1 - tails)) ** 3)


@lru_cache(maxsize=1)
def _uniform() -> NDArray[np.float64]:
    return Sobol(3, seed=0).random(_N_SAMPLES).T


def _detected(variance: Variance, n_effective: float, n_runs: tuple[int, int]) -> float:
    """The least gap that is detected with `POWER`; NaN without any variance, 1 at most."""
    if variance.total <= 0:
        return math.nan
    steps = 10**5
    found = _least(lambda n: power(n / steps, 0.0, variance, n_effective, n_runs) >= POWER, 1, steps)
    return (found or steps) / steps


def _two(values: Iterable[float]) -> tuple[float, float]:
    first, second = values
    return first, second


def _least(enough: Callable[[int], bool], now: int, most_times: int = MOST_TIMES) -> int | None:
    """The least number from ``now`` on, at most so many times as large, that is enough; by bisection."""
    low, high = now, now * most_times
    if enough(low):
        return low
    if not enough(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
