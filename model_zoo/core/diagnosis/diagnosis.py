"""The four causes of a low metric: one measure each, against its null range.

Each measure is tested against a null in which the *other* three causes may be at work: what is
exchanged is what this cause alone would tie together.

============  ============================================  =====================================================
cause         measure                                       null
============  ============================================  =====================================================
imbalance     rank correlation of a class's recall with     supports exchanged between classes (permutation)
              its training images
confusion     share of the wrong answers that lie on pairs  answers of each patient and class redrawn from rates,
              of classes beyond what rates, pulls and       pulls and groups (parametric bootstrap, clustered by
              groups of shared meaning give                 patient)
capacity      images that summing the probabilities of      classes exchanged between the coarser classes
              each coarser class makes right, less those    (permutation)
              it makes wrong
scatter       wrong answers that stay inside a group of     classes exchanged between the groups (permutation of
              shared meaning beyond rates and pulls, in SD  rows and columns together: quadratic assignment,
              of random groups; the largest of all groups   Hubert & Schultz 1976)
============  ============================================  =====================================================

Nulls are one-sided, because each cause pushes its measure up: the null interval runs from the lowest
possible value to the quantile that, by Bonferroni over the four, 1 % of all null data sets exceed with
any of them.

What cannot be distinguished: a group of two from a pair of classes, so that groups and their complements
need at least three members; a group from its complement, as the same wrong answers cross their border;
wrong answers on *all* pairs of a group from a signal scattered over it; small classes pushed out by the
softmax from small classes badly learned, which is why support enters the first measure alone. Neighbouring
causes blur into one another: several pairs that all lie in one group may also look like a signal scattered
over it, and members that draw the group's images unevenly like pairs (`benchmarks/causes.py` says how often).
The classes are the sample of the first, third and fourth null: they say nothing of other classes. With few
classes there are too few ways to exchange them: the range is then undefined (NaN) and nothing is said.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from model_zoo.core.diagnosis.quasi_independence import ErrorCounts, count_errors, quasi_independent
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.probability_summing import n_ways, net_summing_effect, probability_summing
from model_zoo.core.label_space.class_groups import ClassGroup


class Cause(StrEnum):
    """Why a figure is low; the order is that of the pages and ranks nothing."""

    IMBALANCE = "unbalanced, too few images"
    CONFUSION = "confusable classes"
    CAPACITY = "capacity wasted, small classes pushed out"
    SCATTER = "one signal scattered over many classes"


LEVEL = 0.99
"""Of the four null ranges together."""
MIN_MEMBERS = 3
"""Members that a group, and the classes outside it, need to be distinguished from a pair."""

_TAIL = (1 - LEVEL) / len(Cause)
_PERMUTATIONS = 4_000
_REGROUPED = 2_000
_REDRAWN = (60, 300)  # least and most redraws; fewer of more answers
_ANSWERS_REDRAWN = 3_000_000
_MOST_ROWS = 20_000  # images x runs that the null of the third measure looks at


@dataclass(frozen=True, slots=True)
class Measure:
    """How strongly one cause shows, and up to which value chance alone would show it.

    ``null_high`` is NaN where nothing can be said: too few classes, or nothing to measure.
    """

    cause: Cause
    value: float
    null_high: float

    @property
    def can_tell(self) -> bool:
        """Whether the value could have stood out at all."""
        return not (math.isnan(self.value) or math.isnan(self.null_high))

    @property
    def stands_out(self) -> bool:
        """Whether the value lies above what chance gives."""
        return self.can_tell and self.value > self.null_high


def may_be_masked_by(cause: Cause, measures: Sequence[Measure]) -> tuple[Cause, ...]:
    """The other causes that stand out, where ``cause`` does not: its absence then means little.

    Of two causes at work together one is missed in up to all data sets (`benchmarks/causes.py`), since each measure
    takes from the wrong answers what the others explain.
    """
    standing = tuple(one.cause for one in measures if one.stands_out)
    measure = next(one for one in measures if one.cause is cause)
    return standing if measure.can_tell and not measure.stands_out else ()


def measure_causes(
    evaluation: Evaluation,
    probabilities: NDArray[np.floating],
    training: NDArray[np.int64],
    coarser: NDArray[np.int64],
    groups: Sequence[ClassGroup],
    seed: int = 0,
) -> tuple[Measure, ...]:
    """The four measures in the order of `Cause`, for runs judged in their own K classes.

    ``probabilities`` (S, N, K) of the images of ``evaluation``; ``training`` (K,) images each class was
    trained on; ``coarser`` (K,) the coarser class of each class, `OUTSIDE` where there is none. ``seed``
    fixes the exchanges and redraws.
    """
    answers = count_errors(evaluation)
    return (
        imbalance(class_recall(evaluation), training, seed),
        confusion(answers, groups, seed),
        probability_split(evaluation.truth, probabilities, coarser, seed),
        scattered_feature(answers, groups, seed),
    )


def class_recall(evaluation: Evaluation) -> NDArray[np.float64]:
    """Recall of each class, mean over runs, (K,); NaN for a class without images."""
    n_classes = len(evaluation.taxonomy.classes)
    images = np.bincount(evaluation.truth, minlength=n_classes)
    hits = np.bincount(evaluation.truth, weights=evaluation.right.mean(axis=0), minlength=n_classes)
    return np.divide(hits, images, out=np.full(n_classes, np.nan), where=images > 0)


def rank_correlation(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Spearman's, over the places where both are defined; NaN where one of them does not vary."""
    known = ~(np.isnan(a) | np.isnan(b))
    x, y = _centred_ranks(a[known]), _centred_ranks(b[known])
    size = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / size if size else math.nan


def imbalance(recall: NDArray[np.float64], training: NDArray[np.int64], seed: int = 0) -> Measure:
    """Rank correlation of recall (K,) with training images (K,); null: which class has how many is exchanged."""
    value = rank_correlation(recall, training.astype(np.float64))
    if math.isnan(value):
        return Measure(Cause.IMBALANCE, math.nan, math.nan)
    known = ~np.isnan(recall)
    x, y = _centred_ranks(recall[known]), _centred_ranks(training[known])
    rng = np.random.default_rng([seed, 1])
    exchanged = rng.permuted(np.tile(y, (5 * _PERMUTATIONS, 1)), axis=1)
    return Measure(Cause.IMBALANCE, value, _upper(exchanged @ x / math.sqrt(float(x @ x) * float(y @ y))))


def confusion(answers: ErrorCounts, groups: Sequence[ClassGroup], seed: int = 0) -> Measure:
    """Share in [0, 1] of the wrong answers on pairs of classes beyond rates, pulls and ``groups``.

    The index of dissimilarity between the pairs' observed and expected wrong answers (Kuha & Firth 2011).
    Chance alone gives more than 0; the null's quantile is its mean and SD over redrawn answers with normal
    tails, as the index sums over many pairs.
    """
    blocks = group_blocks(groups, answers.n_classes)
    expected = quasi_independent(answers.counts, blocks)
    value = float(pair_excess(answers.counts, expected))
    if math.isnan(value) or answers.n_classes < 4:  # with three classes rates and pulls explain everything
        return Measure(Cause.CONFUSION, value, math.nan)
    rng = np.random.default_rng([seed, 2])
    n_draws = int(np.clip(_ANSWERS_REDRAWN // len(answers.true), *_REDRAWN))
    null = [pair_excess(drawn, quasi_independent(drawn, blocks)) for drawn in answers.redraw(expected, n_draws, rng)]
    by_chance = np.concatenate([np.atleast_1d(one) for one in null])
    return Measure(Cause.CONFUSION, value, float(by_chance.mean() + norm.isf(_TAIL) * by_chance.std(ddof=1)))


def pair_excess(counts: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of wrong answers (..., K, K) by which pairs of classes, either way, exceed ``expected``; NaN for none."""
    more = np.triu(counts + np.swapaxes(counts, -1, -2) - expected - np.swapaxes(expected, -1, -2), 1)
    total = counts.sum(axis=(-2, -1))
    excess = np.clip(more, 0, None).sum(axis=(-2, -1))
    return np.divide(excess, total, out=np.full_like(total, np.nan), where=total > 0)


def probability_split(
    truth: NDArray[np.int64], probabilities: NDArray[np.floating], coarser: NDArray[np.int64], seed: int = 0
) -> Measure:
    """Images made right less images made wrong by summing, as a share of all; null: classes exchanged.

    A positive value says that answers are lost to other coarser classes *because* the own one's
    probability is split among its members, more often than with random classes as members.
    """
    gained, lost = probability_summing(truth, probabilities, coarser)
    value = float(gained.mean() - lost.mean()) if gained.size else math.nan
    if math.isnan(value) or n_ways(coarser) * _TAIL < 1:
        return Measure(Cause.CAPACITY, value, math.nan)
    contested = probabilities.max(axis=-1) <= 0.5  # else the sum cannot say another class than the argmax
    rows = probabilities[contested]
    of = np.broadcast_to(truth, contested.shape)[contested]
    step = -(-len(rows) // _MOST_ROWS) or 1
    rng = np.random.default_rng([seed, 3])
    exchanged = rng.permuted(np.tile(coarser, (_REGROUPED, 1)), axis=1)
    net = net_summing_effect(of[::step], rows[::step].astype(np.float32), exchanged)
    return Measure(Cause.CAPACITY, value, _quantile(net * step / gained.size))


def scattered_feature(answers: ErrorCounts, groups: Sequence[ClassGroup], seed: int = 0) -> Measure:
    """The largest of `group_scores`; null: the classes of all groups exchanged together."""
    n_classes, large = answers.n_classes, large_groups(groups, answers.n_classes)
    if not large or not answers.counts.any():
        return Measure(Cause.SCATTER, math.nan, math.nan)
    stays, exchanged = _stays_inside(answers, large, seed)
    mean, sd = exchanged.mean(axis=0), exchanged.std(axis=0)
    if not sd.all() or n_classes < 2 * MIN_MEMBERS:
        return Measure(Cause.SCATTER, math.nan, math.nan)
    return Measure(Cause.SCATTER, float(((stays - mean) / sd).max()), _upper(((exchanged - mean) / sd).max(axis=1)))


def group_scores(answers: ErrorCounts, groups: Sequence[ClassGroup], seed: int = 0) -> NDArray[np.float64]:
    """By how many SD of random groups of its size each group's wrong answers stay inside it, (G,).

    Counted beyond rates and pulls alone; NaN for a group that cannot be distinguished from a pair, or without
    errors.
    """
    scores = np.full(len(groups), np.nan)
    tested = [k for k, group in enumerate(groups) if large_groups([group], answers.n_classes)]
    if tested and answers.counts.any():
        stays, exchanged = _stays_inside(answers, [groups[k] for k in tested], seed)
        sd = exchanged.std(axis=0)
        scores[tested] = np.divide(stays - exchanged.mean(axis=0), sd, out=np.full_like(sd, np.nan), where=sd > 0)
    return scores


def large_groups(groups: Sequence[ClassGroup], n_classes: int) -> tuple[ClassGroup, ...]:
    """The groups that can be distinguished from a pair of classes: `MIN_MEMBERS` members inside and outside."""
    return tuple(group for group in groups if MIN_MEMBERS <= len(group.members) <= n_classes - MIN_MEMBERS)


def group_blocks(groups: Sequence[ClassGroup], n_classes: int) -> NDArray[np.bool_] | None:
    """The members of the `large_groups`, (G, K), for `quasi_independent`."""
    large = large_groups(groups, n_classes)
    return np.stack([group.mask(n_classes) for group in large]) if large else None


def _stays_inside(
    answers: ErrorCounts, groups: Sequence[ClassGroup], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wrong answers inside each group less those expected: as it is (G,), and with classes exchanged (B, G)."""
    n_classes = answers.n_classes
    beyond = answers.counts - quasi_independent(answers.counts)
    inside = np.stack([group.mask(n_classes) for group in groups]).astype(np.float64)
    rng = np.random.default_rng([seed, 4])
    orders = rng.permuted(np.tile(np.arange(n_classes), (_PERMUTATIONS, 1)), axis=1)
    exchanged = beyond[orders[:, :, None], orders[:, None, :]]
    return _sums(beyond, inside), _sums(exchanged, inside)


def _sums(matrix: NDArray[np.float64], inside: NDArray[np.float64]) -> NDArray[np.float64]:
    """Per group (G, K) the sum of matrix (..., K, K) over its members both ways, (..., G)."""
    return ((matrix @ inside.T) * inside.T).sum(axis=-2)


def _centred_ranks(values: NDArray[np.generic]) -> NDArray[np.float64]:
    ranks = rankdata(values)
    return np.asarray(ranks - ranks.mean() if len(ranks) else ranks, dtype=np.float64)


def _upper(by_chance: NDArray[np.float64]) -> float:
    """The value that at most a `_TAIL` of the draws exceed; NaN if none ever does, so that nothing could stand out."""
    high = _quantile(by_chance)
    return high if high < by_chance.max() else math.nan


def _quantile(by_chance: NDArray[np.float64]) -> float:
    return float(np.quantile(by_chance, 1 - _TAIL, method="higher")) + 1e-9  # sums in another order differ by less
