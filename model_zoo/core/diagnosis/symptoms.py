"""What each of the four causes looks like in one model: metrics with counts and intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from model_zoo.core.diagnosis.diagnosis import class_recall, group_blocks, group_scores, rank_correlation
from model_zoo.core.diagnosis.quasi_independence import count_errors, expected_pairs, quasi_independent
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.metrics import Share, around, share
from model_zoo.core.evaluation.probability_summing import probability_summing
from model_zoo.core.label_space.class_groups import ClassGroup
from model_zoo.core.label_space.taxonomy import OUTSIDE


@dataclass(frozen=True, slots=True)
class Correlation:
    """Spearman's rank correlation over ``n`` classes or pairs, with its 95 % interval (they are the sample)."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class ImbalanceRatio:
    """How often a class is called over how often it is true, with its 95 % interval over patients."""

    value: float
    low: float
    high: float
    n_true: float
    n_predicted: float


@dataclass(frozen=True, slots=True)
class ErrorSplit:
    """Wrong answers as a share of all images: ``error`` = ``inside`` + ``across``.

    Inside: the answer falls into the same coarser class as the truth. Classes that the coarser space does
    not know count as one class of it.
    """

    error: Share
    inside: Share
    across: Share


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """Two classes, by index, taken for each other; images, mean over runs.

    ``expected`` is how often that would happen, both ways, going by how these and all other classes are mixed
    up otherwise: by rates, pulls and groups of shared meaning.
    """

    first: int
    second: int
    first_as_second: float
    second_as_first: float
    expected: float

    @property
    def n_images(self) -> float:
        """Both ways together."""
        return self.first_as_second + self.second_as_first


@dataclass(frozen=True, slots=True)
class GroupRecall:
    """A group of shared meaning recognised as a group, and member by member.

    ``as_group``: images of any member answered with any member; ``exactly``: with the right member; both as
    shares of the group's images. ``stays`` is the share of its images' wrong answers that stay inside, and
    ``expected`` that share if only rates and pulls were at work; ``score`` see `diagnosis.group_scores`.
    """

    group: ClassGroup
    as_group: Share
    exactly: Share
    stays: float
    expected: float
    score: float


def imbalance_ratio(training: NDArray[np.int64]) -> float:
    """Most over fewest training images (K,) of a class; infinite where a class has none, NaN where none has any."""
    if not training.any():
        return math.nan
    return float(training.max() / training.min()) if training.min() else math.inf


def correlation(a: NDArray[np.floating], b: NDArray[np.floating]) -> Correlation:
    """Spearman's rho with Bonett & Wright's interval (2000): Fisher's z with variance (1 + rho²/2) / (n - 3)."""
    n = int((~(np.isnan(a) | np.isnan(b))).sum())
    value = rank_correlation(a, b)
    if math.isnan(value) or n < 4:
        return Correlation(value, math.nan, math.nan, n)
    if abs(value) > 1 - 1e-12:
        return Correlation(value, value, value, n)
    half = norm.isf(0.025) * math.sqrt((1 + value**2 / 2) / (n - 3))
    return Correlation(value, math.tanh(math.atanh(value) - half), math.tanh(math.atanh(value) + half), n)


def class_pull(evaluation: Evaluation) -> list[ImbalanceRatio]:
    """Predicted over true frequency of every class, in class order; NaN for a class without images.

    The interval is that of the logarithm, linearised over patients.
    """
    n_codes = int(evaluation.patients.max(initial=-1)) + 1
    ratios = []
    for k in range(len(evaluation.taxonomy.classes)):
        true = np.bincount(evaluation.patients, weights=evaluation.truth == k, minlength=n_codes)
        said = np.bincount(evaluation.patients, weights=(evaluation.predicted == k).mean(axis=0), minlength=n_codes)
        n_true, n_said = float(true.sum()), float(said.sum())
        value = n_said / n_true if n_true else math.nan
        low = high = math.nan
        n_patients = evaluation.n_patients
        if n_true and n_said and n_patients > 1:
            residuals = (said / n_said - true / n_true) * math.sqrt(n_patients / (n_patients - 1))
            half = norm.isf(0.025) * math.sqrt(float(residuals @ residuals))
            low, high = value * math.exp(-half), value * math.exp(half)
        ratios.append(ImbalanceRatio(value, low, high, n_true, n_said))
    return ratios


def error_split(evaluation: Evaluation, coarser: NDArray[np.int64]) -> ErrorSplit:
    """The wrong answers of ``evaluation``, split by ``coarser`` (K,), the coarser class of each class."""
    wrong = ~evaluation.right
    same = evaluation.predicted_in(coarser) == coarser[evaluation.truth]
    return ErrorSplit(
        share_of(evaluation, wrong), share_of(evaluation, wrong & same), share_of(evaluation, wrong & ~same)
    )


def confused_pairs(evaluation: Evaluation, groups: Sequence[ClassGroup]) -> list[ConfusedPair]:
    """Every pair of classes taken for each other at all, most images first."""
    counts = count_errors(evaluation).counts
    expected = expected_pairs(counts, group_blocks(groups, len(counts)))
    pairs = [
        ConfusedPair(int(i), int(j), float(counts[i, j]), float(counts[j, i]), float(expected[i, j] + expected[j, i]))
        for i, j in zip(*np.triu_indices(len(counts), 1), strict=True)
        if counts[i, j] or counts[j, i]
    ]
    return sorted(pairs, key=lambda pair: -pair.n_images)


def people_and_models(people: NDArray[np.int64], evaluation: Evaluation) -> Correlation:
    """Whether people and models mix up the same pairs: rank correlation over the pairs of classes.

    ``people`` (K, K) counts how often one person gave the row's class and another the column's to the same
    image, symmetric, with agreements on the diagonal. Only pairs of classes that people met are compared.
    """
    models = count_errors(evaluation).counts
    met = people.sum(axis=0) > 0
    i, j = np.triu_indices(len(people), 1)
    both = met[i] & met[j]
    return correlation(people[i, j][both].astype(np.float64), (models + models.T)[i, j][both])


def probability_mass(
    evaluation: Evaluation, probabilities: NDArray[np.floating], coarser: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Mean probability on the true class, on its siblings (same coarser class) and elsewhere, (K, 3) by true class.

    Rows sum to 1; NaN for a class without images.
    """
    n_classes = len(coarser)
    by_class = np.zeros((n_classes, n_classes))
    np.add.at(by_class, evaluation.truth, probabilities.mean(axis=0, dtype=np.float64))
    images = np.bincount(evaluation.truth, minlength=n_classes)[:, None]
    mean = np.divide(by_class, images, out=np.full_like(by_class, np.nan), where=images > 0)
    own = np.diag(mean)
    siblings = np.where(coarser[:, None] == coarser[None, :], mean, 0.0).sum(axis=1) - own
    return np.stack([own, siblings, mean.sum(axis=1) - own - siblings], axis=1)


def changed_by_summing(
    evaluation: Evaluation, probabilities: NDArray[np.floating], coarser: NDArray[np.int64]
) -> tuple[Share, Share, NDArray[np.int64], NDArray[np.int64]]:
    """Shares of images that summing makes right, and wrong; and in how many runs it does so for each image, (N,)."""
    gained, lost = probability_summing(evaluation.truth, probabilities, coarser)
    known = (coarser != OUTSIDE)[evaluation.truth]
    return (
        share_of(evaluation, gained, known),
        share_of(evaluation, lost, known),
        gained.sum(axis=0),
        lost.sum(axis=0),
    )


def group_recalls(evaluation: Evaluation, groups: Sequence[ClassGroup]) -> list[GroupRecall]:
    """Each group as a group and member by member; the order is that of ``groups``."""
    answers = count_errors(evaluation)
    counts, expected = answers.counts, quasi_independent(answers.counts)
    found = []
    for group, score in zip(groups, group_scores(answers, groups), strict=True):
        members = group.mask(answers.n_classes)
        of_group = members[evaluation.truth]
        total = counts[members].sum()
        stays, by_chance = (
            one[np.ix_(members, members)].sum() / total if total else math.nan for one in (counts, expected)
        )
        found.append(
            GroupRecall(
                group,
                share_of(evaluation, _within(evaluation, members) & of_group, of_group),
                share_of(evaluation, evaluation.right & of_group, of_group),
                float(stays),
                float(by_chance),
                float(score),
            )
        )
    return found


def largest_cells(found: Sequence[GroupRecall]) -> GroupRecall | None:
    """The group with the largest score, if any has one."""
    scored = [one for one in found if not math.isnan(one.score)]
    return max(scored, key=lambda one: one.score, default=None)


def largest_cells_inside(evaluation: Evaluation, found: Sequence[GroupRecall]) -> Share:
    """Wrong answers that stay inside the `largest_cells` group, of all images; of none where no group has a score."""
    one = largest_cells(found)
    if one is None:
        return share_of(evaluation, ~evaluation.right, np.zeros(len(evaluation.truth), dtype=np.bool_))
    members = one.group.mask(len(evaluation.taxonomy.classes))
    return share_of(evaluation, ~evaluation.right & members[evaluation.truth] & _within(evaluation, members))


def _within(evaluation: Evaluation, members: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether a prediction lies in the ``members`` (K,), (S, N); an undecided one if all that it may be does."""
    return evaluation.predicted_in(members.astype(np.int64)) == 1


def small_classes(evaluation: Evaluation, training: NDArray[np.int64]) -> Share:
    """Images of classes with fewer training images than the median class that are answered wrongly, of all images."""
    small = training < np.median(training)
    return share_of(evaluation, ~evaluation.right & small[evaluation.truth])


def excess_on_pairs(split: ErrorSplit, pairs: Sequence[ConfusedPair]) -> Share:
    """Wrong answers on pairs beyond those expected there, of all images."""
    beyond = sum(max(0.0, pair.n_images - pair.expected) for pair in pairs)
    return around(split.error, beyond / split.error.n_images if split.error.n_images else math.nan)


def share_of(evaluation: Evaluation, hits: NDArray[np.bool_], among: NDArray[np.bool_] | None = None) -> Share:
    """Which share of the images, or of those ``among`` them (N,), are ``hits`` (S, N): mean over runs."""
    totals = np.ones(len(evaluation.truth)) if among is None else among.astype(np.float64)
    n_codes = int(evaluation.patients.max(initial=-1)) + 1
    return share(
        np.bincount(evaluation.patients, weights=hits.mean(axis=0), minlength=n_codes),
        np.bincount(evaluation.patients, weights=totals, minlength=n_codes),
    )


def recall_and_support(evaluation: Evaluation, training: NDArray[np.int64]) -> Correlation:
    """Rank correlation of recall with training images over the classes that have images."""
    return correlation(class_recall(evaluation), training.astype(np.float64))
