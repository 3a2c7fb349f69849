"""Separability of pairs of classes by models (AUC), and agreement of people about them.

Two classes are separated as well as an image of the one is likely to be scored above an image of the other: the area
under the ROC curve (AUC), over the images labelled as either, of the score log p(one) - log p(other). Chance is 0.5.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from model_zoo.core.comparison import uncertainty
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.metrics import Share, effective_number, share, wilson

CHANCE, FAIR = 0.5, 0.7
"""From 0.7 discrimination is called acceptable (Hosmer, Lemeshow & Sturdivant 2013, section 5.2.4)."""

MIN_PATIENTS_PER_CLASS = 10
"""With fewer patients than this in either class no interval is given."""

_LEAST_FREEDOM = 0.5
"""Degrees of freedom that one patient with nearly all images of a class is taken for."""

_SMALLEST = float(np.finfo(np.float32).tiny)

Answers = tuple[Evaluation, Sequence[NDArray[np.float64]]]
"""A subject's evaluation and, of each of its S runs, the probabilities of its N images in its label space, (N, K)."""


@dataclass(frozen=True, slots=True)
class Separation:
    """How well one subject separates two classes; ``auc`` is the mean over its runs, ``sd`` over them (NaN for one).

    ``low`` and ``high`` cover the choice of patients, for all pairs and subjects at once; NaN where either class
    has fewer than `MIN_PATIENTS_PER_CLASS`. ``n_images`` and ``n_patients`` are those of either class,
    ``n_patients_in_all`` counts a patient of both once.
    """

    auc: float
    low: float
    high: float
    sd: float
    n_images: tuple[int, int]
    n_patients: tuple[int, int]
    n_patients_in_all: int


@dataclass(frozen=True, slots=True)
class PairSeparability:
    """Two classes, by index, and how well each subject separates them; `best` is the subject that does it best."""

    pair: tuple[int, int]
    separations: tuple[Separation, ...]

    @property
    def best(self) -> int:
        """Which subject's AUC is the highest; the simultaneous intervals cover the choice."""
        return int(np.argmax([-1.0 if math.isnan(one.auc) else one.auc for one in self.separations]))

    @property
    def measured(self) -> bool:
        """Whether any subject has an interval."""
        return any(not math.isnan(one.low) for one in self.separations)

    @property
    def separable(self) -> bool:
        """Whether some subject separates them better than chance for sure enough."""
        return any(one.low > CHANCE for one in self.separations)

    @property
    def poorly_at_best(self) -> bool:
        """Whether every subject stays below `FAIR` for sure enough."""
        return all(one.high < FAIR for one in self.separations)


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """How often two people who both called an image one of two classes meant the same one.

    ``n_answers`` counts pairs of answers about ``n_images``, ``n_same`` those alike; ``chance`` is how many would be
    alike if people called the classes as often but at random (Scott 1955). The interval of ``share`` takes patients
    as clusters and holds for all pairs of classes at once; none for fewer than `MIN_PATIENTS_PER_CLASS`.
    """

    n_answers: int
    n_same: int
    n_images: int
    share: Share
    chance: float

    @property
    def beyond_chance(self) -> bool:
        """Whether people agree more often than by chance for sure enough."""
        return self.share.low > self.chance


def pair_separabilities(subjects: Sequence[Answers]) -> tuple[PairSeparability, ...]:
    """Every pair of classes of the one taxonomy that all ``subjects`` were judged in, the least separable first.

    Least separable is the pair whose upper bounds are all the lowest; pairs without an interval come last.
    Bounds hold together with 95 % (Bonferroni over all pairs and subjects).
    """
    n_classes = len(subjects[0][0].taxonomy.classes)
    pairs = tuple(combinations(range(n_classes), 2))
    measured = {}
    for k, (evaluation, runs) in enumerate(subjects):
        images = [np.flatnonzero(evaluation.truth == one) for one in range(n_classes)]
        logs = np.stack([np.log(np.maximum(one, _SMALLEST)) for one in runs])
        for a, b in pairs:
            measured[(a, b), k] = _measure(evaluation.patients, logs, (images[a], images[b]), (a, b))
    tail = (1 - uncertainty.LEVEL) / 2 / max(1, sum(one.enough for one in measured.values()))
    found = [
        PairSeparability(pair, tuple(measured[pair, k].bounded(tail) for k in range(len(subjects)))) for pair in pairs
    ]
    return tuple(sorted(found, key=lambda one: (not one.measured, _upper(one), one.separations[one.best].auc)))


def pair_agreements(
    disagreements: NDArray[np.int64], patients: NDArray[np.int64]
) -> dict[tuple[int, int], PairAgreement]:
    """Pair of classes -> how people agree about it, for the pairs of which two people or more gave both.

    ``disagreements`` (I, K, K) counts, image by image, pairs of people by the two classes they gave: symmetric,
    agreements on the diagonal. ``patients`` (I,) are codes.
    """
    counted = {}
    for a, b in combinations(range(disagreements.shape[1]), 2):
        same = disagreements[:, a, a] + disagreements[:, b, b]
        answers = same + disagreements[:, a, b]
        if all((disagreements[:, k, k] + disagreements[:, a, b]).any() for k in (a, b)):
            counted[a, b] = (same, answers, len(np.unique(patients[answers > 0])))
    n_bounded = max(1, sum(n >= MIN_PATIENTS_PER_CLASS for _, _, n in counted.values()))
    found = {}
    level = 1 - (1 - uncertainty.LEVEL) / n_bounded
    for (a, b), (same, answers, n_patients) in counted.items():
        one = share(np.bincount(patients, weights=same), np.bincount(patients, weights=answers), level)
        if n_patients < MIN_PATIENTS_PER_CLASS:
            one = Share(one.value, math.nan, math.nan, one.n_images, one.n_patients, one.design_effect)
        first = (2 * disagreements[:, a, a] + disagreements[:, a, b]).sum() / (2 * answers.sum())
        chance = float(first**2 + (1 - first) ** 2)
        found[a, b] = PairAgreement(int(answers.sum()), int(same.sum()), int((answers > 0).sum()), one, chance)
    return found


def auc_placements(scores: NDArray[np.float64], first: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Of each of N images, the share of the other class's images that it stands on the right side of, (..., N).

    ``scores`` (..., N) are to be higher for the images of the class ``first`` (N,); ties count half. The mean over
    either class is the AUC (DeLong, DeLong & Clarke-Pearson 1988).
    """
    placed = np.empty(scores.shape)
    for row, into in zip(scores.reshape(-1, len(first)), placed.reshape(-1, len(first)), strict=True):
        into[first] = _below(row[first], row[~first])
        into[~first] = 1 - _below(row[~first], row[first])
    return placed


def _below(scores: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    ordered = np.sort(others)
    return (ordered.searchsorted(scores) + ordered.searchsorted(scores, side="right")) / (2 * len(others))


def clustered_variance(
    placed: NDArray[np.float64], first: NDArray[np.bool_], patients: NDArray[np.int64]
) -> tuple[float, float]:
    """Variance of the AUC over patients (Obuchowski 1997), and its degrees of freedom (Welch 1947).

    ``placed``, ``first`` and ``patients`` (codes) have shape (N,). With one image a patient it is DeLong's variance;
    it never falls below that of the images taken as independent, which few patients cannot show.
    """
    clustered, freedom = _variance(placed, first, np.unique(patients, return_inverse=True)[1])
    independent, _ = _variance(placed, first, np.arange(len(placed)))
    return max(clustered, independent), freedom


@dataclass(frozen=True, slots=True)
class _Measured:
    auc: float
    sd: float
    variance: float
    freedom: float
    n_images: tuple[int, int]
    n_patients: tuple[int, int]
    n_patients_in_all: int

    @property
    def enough(self) -> bool:
        return min(self.n_patients) >= MIN_PATIENTS_PER_CLASS

    def bounded(self, tail: float) -> Separation:
        """With Wilson's interval at the effective number of trials, as of a share (Newcombe 2006 for AUC)."""
        low = high = math.nan
        if self.enough:
            students = float(ndtri(tail)) / uncertainty.quantile(self.freedom, tail)
            low, high = wilson(min(1.0, max(0.0, self.auc)), self._trials() * students**2, 1 - 2 * tail)
        return Separation(self.auc, low, high, self.sd, self.n_images, self.n_patients, self.n_patients_in_all)

    def _trials(self) -> float:
        """AUC (1 - AUC) / variance, and no more than perfect separation of as many images would be worth.

        Near 0 and 1 the few images out of place say little of how many more there may be: twice the harmonic mean of
        the classes' sizes is what two normal classes come to there. Where no image is out of place, patients count.
        """
        if self.variance <= 1e-15:
            return 2 / sum(1 / n for n in self.n_patients)
        return min(self.auc * (1 - self.auc) / self.variance, 4 / sum(1 / n for n in self.n_images))


def _measure(
    all_patients: NDArray[np.int64],
    logs: NDArray[np.float64],
    images: tuple[NDArray[np.int64], NDArray[np.int64]],
    pair: tuple[int, int],
) -> _Measured:
    """``logs`` (S, N, K) of the runs' probabilities, ``images`` the rows of either class of the ``pair``."""
    inside = np.concatenate(images)
    first, patients = np.arange(len(inside)) < len(images[0]), all_patients[inside]
    n_images = len(images[0]), len(images[1])
    n_patients = len(np.unique(patients[first])), len(np.unique(patients[~first]))
    in_all = len(np.unique(patients))
    if not min(n_images):
        return _Measured(math.nan, math.nan, math.nan, math.nan, n_images, n_patients, in_all)
    placed = auc_placements(logs[:, inside, pair[0]] - logs[:, inside, pair[1]], first)
    per_run = placed[:, first].mean(axis=1)
    variance, freedom = math.nan, math.nan
    if min(n_patients) >= MIN_PATIENTS_PER_CLASS:
        variance, freedom = clustered_variance(placed.mean(axis=0), first, patients)
    sd = float(per_run.std(ddof=1)) if len(per_run) > 1 else math.nan
    return _Measured(float(per_run.mean()), sd, variance, freedom, n_images, n_patients, in_all)


def _variance(placed: NDArray[np.float64], first: NDArray[np.bool_], owner: NDArray[np.int64]) -> tuple[float, float]:
    """Obuchowski's variance from placements, and Welch's degrees of freedom, both from owners' sums.

    ``owner`` (N,) numbers who owns each image, from 0 without gaps. Owners' sums are levelled as in
    `metrics.cluster_variance`; each class has one degree of freedom less than effective owners, but no more than
    effective owners of images that stand on the wrong side of some (or on the right side, where that is rarer).
    """
    residuals = placed - float(placed[first].mean())
    moves, freedoms = [], []
    for side in (first, ~first):
        weights = np.bincount(owner, weights=side / side.sum()).astype(np.float64)
        moves.append(np.bincount(owner, weights=residuals * side / side.sum()) / np.sqrt(np.maximum(1 - weights, 1e-9)))
        out_of_place = (np.bincount(owner, weights=one * side) > 0 for one in (placed, 1 - placed))
        holders = min(effective_number(weights[some]) for some in out_of_place) or math.inf
        freedoms.append(max(min(effective_number(weights) - 1, holders), _LEAST_FREEDOM))
    parts = [float(one @ one) for one in moves]
    spread = sum(part**2 / freedom for part, freedom in zip(parts, freedoms, strict=True))
    freedom = sum(parts) ** 2 / spread if spread > 0 else min(freedoms)
    return max(0.0, sum(parts) + 2 * float(moves[0] @ moves[1])), freedom


def _upper(one: PairSeparability) -> float:
    highest = [single.high for single in one.separations if not math.isnan(single.high)]
    return max(highest, default=math.inf)
