"""How uncertain the difference of a figure is: over patients alone, or over patients and seeds."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from model_zoo.core.counts import Ratios, mean_defined

LEVEL = 0.95
N_RESAMPLES = 2000
MAX_BOOTSTRAP_PATIENTS = 10_000
"""Above this many patients an interval over patients is linearised, which is then as good and much faster."""


@dataclass(frozen=True, slots=True)
class Variance:
    """Where the uncertainty of a difference comes from, as parts of its variance.

    ``patients`` is the patients' part as it is measured, over the mean of the runs. ``seeds`` and ``interaction``
    (how differently a patient fares from seed to seed, which both other parts hold) are given per side; they are
    0 where runs are taken as they are.
    """

    patients: float
    seeds: tuple[float, float] = (0.0, 0.0)
    interaction: tuple[float, float] = (0.0, 0.0)

    @property
    def total(self) -> float:
        """Patients + seeds - interaction, never below the patients' part."""
        return self.patients + max(0.0, sum(self.seeds) - sum(self.interaction))

    def degrees_of_freedom(self, n_patients: float, n_runs: tuple[int, int]) -> float:
        """Of `total` (Satterthwaite 1946); ``n_patients`` counts effective patients.

        Never below the seeds' own on the smaller side, which a sum of variances cannot fall under; the subtracted
        interaction would take it there.
        """
        parts = [(self.patients, n_patients - 1)]
        for seeds, interaction, n in zip(self.seeds, self.interaction, n_runs, strict=True):
            parts += [(seeds, n - 1), (interaction, (n_patients - 1) * (n - 1))]
        uncertainty = sum(part**2 / freedom for part, freedom in parts if part > 0)
        least = min(n_patients - 1, *(n - 1 for n in n_runs if n > 1)) if any(self.seeds) else n_patients - 1
        return max(least, self.total**2 / uncertainty) if uncertainty > 0 else n_patients - 1

    def seeds_half(self, n_runs: tuple[int, int]) -> float:
        """Half the width of the interval that the choice of seeds alone gives; 0 where runs are taken as they are."""
        if not any(self.seeds):
            return 0.0
        freedom = sum(self.seeds) ** 2 / sum(part**2 / (n - 1) for part, n in zip(self.seeds, n_runs, strict=True))
        return quantile(freedom) * float(np.sqrt(self.total - self.patients))

    def rescaled(self, patients: float, seeds: float) -> float:
        """The total with so many times the patients and the seeds (1: as now)."""
        interaction = min(self.patients, sum(self.interaction))
        trainings = max(0.0, sum(self.seeds) - sum(self.interaction))
        return (self.patients - interaction) / patients + trainings / seeds + interaction / (patients * seeds)


def over_patients(a: NDArray[np.float64], b: NDArray[np.float64]) -> Variance:
    """Of the difference of two figures, from the influence (S, P) of the patients on each side's runs."""
    between = a.mean(axis=0) - b.mean(axis=0)
    return Variance(few_patients(a.shape[1]) * float(between @ between))


def over_patients_and_seeds(
    a: NDArray[np.float64], b: NDArray[np.float64], figures: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> Variance:
    """The same for a way of training: patients crossed with seeds, at least two a side.

    ``figures`` holds each side's figure per run, (S,). Two-way random effects: each sum of squares holds the
    interaction, which is subtracted once (Cameron, Gelbach & Miller 2011; Owen 2007).
    """
    seeds, interaction = [], []
    for influence, figure in zip((a, b), figures, strict=True):
        n_runs = len(figure)
        own = influence - influence.mean(axis=0)
        seeds.append(float(np.nan_to_num(np.var(figure, ddof=1))) / n_runs)
        interaction.append(few_patients(influence.shape[1]) * float((own**2).sum()) / ((n_runs - 1) * n_runs))
    return Variance(over_patients(a, b).patients, (seeds[0], seeds[1]), (interaction[0], interaction[1]))


def few_patients(n_patients: int) -> float:
    """What a sum of squares over patients is multiplied by, so that it does not fall short when they are few."""
    return n_patients / max(1, n_patients - 1)


def bootstrap_interval(a: Ratios, b: Ratios, n_effective: float) -> tuple[float, float]:
    """95 % interval of mean figure A - mean figure B over resamples of the P patients.

    Percentiles, expanded to what Student's t with ``n_effective`` patients asks for: plain ones are too short
    for few patients (Hesterberg 2015, Am. Stat. 69, section 5).
    """
    n_patients = a.above.shape[1]
    weights = resamples(n_patients)
    moved = [mean_defined(side.resampled(weights)).mean(axis=0) for side in (a, b)]
    expanded = stdtrit(n_effective - 1, (1 + LEVEL) / 2) * np.sqrt(n_patients / (n_patients - 1))
    tail = float(ndtr(-expanded))
    low, high = np.nanquantile(moved[0] - moved[1], (tail, 1 - tail))
    return float(low), float(high)


def largest_resampled(a: Ratios, b: Ratios) -> float:
    """The 95 % quantile over resamples of the largest studentised difference among J ratios."""
    weights = resamples(a.above.shape[1])
    moved = np.subtract(*(mean_defined(np.moveaxis(side.resampled(weights), 0, -1)) for side in (a, b)))
    spread = np.nanstd(moved, axis=0)
    studentised = np.abs(moved - np.nanmean(moved, axis=0))[:, spread > 0] / spread[spread > 0]
    return float(np.quantile(np.nan_to_num(studentised).max(axis=1, initial=0), LEVEL))


def largest_normal(covariance: NDArray[np.float64]) -> float:
    """The same for J jointly normal differences with this covariance (J, J), by 20,000 draws."""
    spread = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(spread, spread))
    draws = np.random.default_rng(0).standard_normal((20_000, len(spread)))
    return float(np.quantile(np.abs(draws @ (vectors * np.sqrt(np.clip(values, 0, None))).T).max(axis=1), LEVEL))


def quantile(freedom: float, tail: float = (1 - LEVEL) / 2) -> float:
    """Student's t that is exceeded with probability ``tail``."""
    return float(-stdtrit(freedom, tail))


def unseen(n_images: float) -> float:
    """How large a share may be, at 97.5 %, of which none was seen among ``n_images`` (exact binomial).

    The half-width of a difference where no patient shows any. Images count, not patients: a patient who differs
    differs nearly always in one image.
    """
    return float(1 - ((1 - LEVEL) / 2) ** (1 / n_images))


@lru_cache(maxsize=2)
def resamples(n_patients: int) -> NDArray[np.float32]:
    """How often each patient is drawn in each resample, (B, P); always the same, so that no verdict flickers."""
    rng = np.random.default_rng(n_patients)
    weights = np.empty((N_RESAMPLES, n_patients), dtype=np.float32)
    for row in weights:
        row[:] = np.bincount(rng.integers(0, n_patients, n_patients), minlength=n_patients)
    return weights
