"""Confidence intervals of a difference: over patients, or over patients and seeds."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr, stdtrit

from model_zoo.core.evaluation.patient_counts import Ratios, mean_defined, ratios_or_nan

LEVEL = 0.95
N_RESAMPLES = 2000
MAX_BOOTSTRAP_PATIENTS = 10_000
"""Above this many patients an interval over patients is linearised, which is then as good and much faster."""

FEW_DIFFERING = 5
"""Where fewer patients differ, what was not seen decides how wide an interval is."""

GIANT = 20
"""So many times the mean weight make a patient one whose differing says nothing of the others."""


@dataclass(frozen=True, slots=True)
class Variance:
    """Where the uncertainty of a difference comes from, as parts of its variance.

    ``patients`` is the patients' part as it is measured, over the mean of the runs. ``seeds`` and ``interaction``
    (how differently a patient fares from seed to seed, which both other parts hold) are given per side; they are
    0 where runs are taken as they are. ``differing`` is the effective number of patients who differ (Kish 1965, by how
    far each moves the difference); infinite where it is not counted. ``means`` are each side's mean over its seeds, in
    (0, 1), and ``stretch`` how many times larger the SD over seeds is on the logit scale; NaN where it is not known.
    """

    patients: float
    seeds: tuple[float, float] = (0.0, 0.0)
    interaction: tuple[float, float] = (0.0, 0.0)
    differing: float = math.inf
    means: tuple[float, float] = (math.nan, math.nan)
    stretch: tuple[float, float] = (math.nan, math.nan)

    @property
    def total(self) -> float:
        """Patients + seeds - interaction, never below the patients' part."""
        return self.patients + max(0.0, sum(self.seeds) - sum(self.interaction))

    def patients_freedom(self, n_patients: float) -> float:
        """Degrees of freedom of the patients' part; ``n_patients`` are effective.

        One less than patients, but at most twice as many as one less than effectively differ, because the squares of
        the others hardly add. With twice as many, 9 to 24 patients who differ wholly and have unequal sizes (lognormal,
        SD 1) are covered in 92 to 96 %; with once as many, intervals of 30 to 100 patients of equal size were 3 to
        12 % wider than need be.
        """
        return min(n_patients - 1, max(2.0, 2 * (self.differing - 1)))

    def seeds_freedom(self, n_runs: tuple[int, int]) -> float:
        """Degrees of freedom of the sum of both sides' seeds (Satterthwaite 1946); NaN where none differ."""
        uncertain = sum(seeds**2 / (n - 1) for seeds, n in zip(self.seeds, n_runs, strict=True))
        return sum(self.seeds) ** 2 / uncertain if uncertain > 0 else math.nan

    def halves(
        self, n_patients: float, n_runs: tuple[int, int], tail: float = (1 - LEVEL) / 2, own_t: bool = False
    ) -> tuple[float, float]:
        """How far below and above the difference an interval reaches that leaves ``tail`` on each side.

        ``n_patients`` are effective. Patients and seeds each have their Student's t, joined as the parts of the
        variance are (Banerjee 1960, Ann. Inst. Stat. Math. 11), so that a spread of seeds that comes out small by
        chance gains no degrees of freedom from many patients.
        """
        patients = quantile(self.patients_freedom(n_patients), tail) ** 2 * self.patients
        low, high = self.seeds_halves(n_patients, n_runs, tail, own_t)
        return math.sqrt(patients + low**2), math.sqrt(patients + high**2)

    def seeds_halves(
        self, n_patients: float, n_runs: tuple[int, int], tail: float = (1 - LEVEL) / 2, own_t: bool = False
    ) -> tuple[float, float]:
        """What the choice of seeds adds below and above, in squares; 0 where runs are taken as they are.

        ``n_patients`` are effective. The seeds' degrees of freedom are Satterthwaite's (1946) over both sides, or with
        ``own_t`` each side's own. The interaction is a sum over patients and is subtracted with their t: seeds keep
        their own t for all that they vary. Each side's mean has its interval on the logit scale, and the two are
        joined as a difference (Zou & Donner 2008): near 1, a side whose few seeds came out high also came out alike.
        """
        if not any(self.seeds) or (not own_t and self.total <= self.patients):
            return 0.0, 0.0
        freedoms = [n - 1 for n in n_runs] if own_t else [self.seeds_freedom(n_runs)] * 2
        squares = [quantile(freedom, tail) ** 2 * part for freedom, part in zip(freedoms, self.seeds, strict=True)]
        patients = quantile(self.patients_freedom(n_patients), tail) ** 2
        left = max(0.0, 1 - patients * sum(self.interaction) / sum(squares))
        (low_a, high_a), (low_b, high_b) = (
            _on_logit_scale(math.sqrt(left * square), mean, stretch)
            for square, mean, stretch in zip(squares, self.means, self.stretch, strict=True)
        )
        return math.hypot(low_a, high_b), math.hypot(high_a, low_b)


def _on_logit_scale(half: float, mean: float, stretch: float) -> tuple[float, float]:
    """How far below and above ``mean`` an interval reaches that is ``stretch`` times ``half`` on the logit scale."""
    if math.isnan(stretch):
        return half, half
    return mean - float(expit(logit(mean) - stretch * half)), float(expit(logit(mean) + stretch * half)) - mean


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
    return Variance(
        over_patients(a, b).patients,
        (seeds[0], seeds[1]),
        (interaction[0], interaction[1]),
        means=(float(np.mean(figures[0])), float(np.mean(figures[1]))),
        stretch=(_stretch(figures[0]), _stretch(figures[1])),
    )


def _stretch(rates: NDArray[np.float64]) -> float:
    """The SD of the logit over that of ``rates`` (S,) in [0, 1]; its derivative where a rate is 0 or 1.

    NaN where all rates are equal.
    """
    spread = float(np.std(rates))
    if not spread > 0:
        return math.nan
    if rates.min() > 0 and rates.max() < 1:
        return float(np.std(logit(rates))) / spread
    mean = float(np.mean(rates))
    return 1 / (mean * (1 - mean))


def few_patients(n_patients: int) -> float:
    """What a sum of squares over patients is multiplied by, so that it does not fall short when they are few."""
    return n_patients / max(1, n_patients - 1)


def bootstrap_interval(a: Ratios, b: Ratios, freedom: float) -> tuple[float, float]:
    """95 % interval of mean figure A - mean figure B over resamples of the P patients.

    Percentiles, expanded to what Student's t with ``freedom`` asks for: plain ones are too short for few patients
    (Hesterberg 2015, Am. Stat. 69, section 5).
    """
    n_patients = a.above.shape[1]
    weights = resamples(n_patients)
    moved = [mean_defined(side.resampled(weights)).mean(axis=0) for side in (a, b)]
    expanded = stdtrit(freedom, (1 + LEVEL) / 2) * np.sqrt(n_patients / (n_patients - 1))
    tail = float(ndtr(-expanded))
    low, high = np.nanquantile(moved[0] - moved[1], (tail, 1 - tail))
    return float(low), float(high)


def skew(between: NDArray[np.float64], resampled: bool, tail: float = (1 - LEVEL) / 2) -> float:
    """By how much the skewness of what patients add, (P,), moves both ends of an interval; 0 where they add nothing.

    The second-order term of a studentised mean (Hall 1992, The Bootstrap and Edgeworth Expansion, section 2.6); an
    interval of resampled percentiles holds a part of it already.
    """
    squares, z = float((between**2).sum()), quantile(math.inf, tail)
    terms = z**2 + 2 if resampled else 2 * z**2 + 1
    return float((between**3).sum()) / squares * terms / 6 if squares > 0 else 0.0


def quantile(freedom: float, tail: float = (1 - LEVEL) / 2) -> float:
    """Student's t that is exceeded with probability ``tail``."""
    return float(-stdtrit(freedom, tail))


def unseen(n_images: float) -> float:
    """How large a share may be, at 97.5 %, of which none was seen among ``n_images`` (exact binomial)."""
    return float(1 - ((1 - LEVEL) / 2) ** (1 / n_images))


def unseen_patients(weights: NDArray[np.float64], tail: float = (1 - LEVEL) / 2) -> float:
    """The share of wholly different patients that a sample misses with ``tail``; ``weights`` (P,) sum to 1.

    1 - 0.025^(1 / P) for P patients of equal weight (exact binomial), else for 1 / sum(weights^2) patients (Kish
    1965), which allows for patients who differ the oftener the larger they are. Those of more than `GIANT` mean
    weights may differ with any probability p: weights @ p is then maximal over all p with prod(1 - p) >= 0.025.
    """
    log_tail = np.log(tail)
    by_size = float(-np.expm1(log_tail * (weights @ weights)))
    giants = -np.sort(-weights[weights > GIANT / len(weights)])
    if not len(giants):
        return by_size
    left = np.exp(
        (np.cumsum(np.log(giants)) + log_tail) / np.arange(1, len(giants) + 1)
    )  # weight * (1 - p) of the first k
    differing = int((giants > left).sum())
    return max(by_size, float((giants[:differing] - left[differing - 1]).sum()))


def beside_missed(
    a: Ratios, b: Ratios, value: float, ends: tuple[float, float], tail: float = (1 - LEVEL) / 2
) -> tuple[float, float]:
    """The interval of a difference ``value`` in [-1, 1], at least as wide as missed patients ask for.

    Where fewer than `FEW_DIFFERING` patients depart from the difference that all others have, hardly any variance was
    seen, as where A is right and B wrong everywhere; those missed (`unseen_patients`) may differ by -1 or 1.
    """
    rates = [np.nan_to_num(ratios_or_nan(one.above.sum(axis=2), one.below.sum(axis=2))).mean(axis=0) for one in (a, b)]
    _, n_alike = np.unique(np.round(rates[0] - rates[1], 9), return_counts=True)
    if n_alike.sum() - n_alike.max(initial=0) >= FEW_DIFFERING:
        return ends
    missed = unseen_patients((a.weights() + b.weights()) / 2, tail)
    seen = (1 - missed) * value
    return min(ends[0], max(-1.0, seen - missed)), max(ends[1], min(1.0, seen + missed))


def effective_number(values: NDArray[np.float64]) -> float:
    """As how many equal ones ``values`` (P,) count: (sum v^2)^2 / sum v^4; 0 where all are 0."""
    squares = values**2
    return float(squares.sum() ** 2 / (squares @ squares)) if squares.any() else 0.0


@lru_cache(maxsize=2)
def resamples(n_patients: int) -> NDArray[np.float32]:
    """How often each patient is drawn in each resample, (B, P); always the same, so that no verdict flickers."""
    rng = np.random.default_rng(n_patients)
    weights = np.empty((N_RESAMPLES, n_patients), dtype=np.float32)
    for row in weights:
        row[:] = np.bincount(rng.integers(0, n_patients, n_patients), minlength=n_patients)
    return weights
