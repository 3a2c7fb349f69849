"""Tipping point of a result: how many wrong test labels would turn it, in the worst case and at random."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.comparison.comparison import Pair, Verdict, pair, verdict
from model_zoo.core.comparison.outcomes import Answer
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.metrics import Headline
from model_zoo.core.evaluation.patient_counts import Counts, count_tables

N_DRAWS = 11
"""Random samples of wrong labels; the stated number turns more than half of them."""

Rows = NDArray[np.int64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TippingPoint:
    """How many of ``n_images`` test labels would have to be wrong for another result.

    ``worst``: so many wrong labels are enough if they are those that hurt most. ``at_random``: so many turn the result
    in more than half of the cases in which the wrong labels are a random sample of the ``n_differ`` images on which
    the models' predictions differ; the correct class of such an image is then another that the models predict, as
    likely as they predict it. ``to_zero``: so many bring the difference itself to 0 or beyond, in the worst case.
    None where not even all of these images are enough;
    ``to_zero`` is also None for an equivalent result.
    """

    worst: int | None
    at_random: int | None
    to_zero: int | None
    n_differ: int
    n_images: int


def tipping_point(a: Evaluation, b: Evaluation, said: Verdict) -> TippingPoint | None:
    """The tipping point of ``said``, the verdict of A against B; None without a result or with missing predictions.

    Worst case: the labels that change the difference most come first. For accuracy no smaller number brings the
    difference to 0 (each image's change is largest possible); that the interval could not turn earlier is not proved.
    """
    if said.answer in (Answer.NOT_SETTLED, Answer.TOO_FEW) or said.n_apart:
        return None
    images = _Images.of(a, b)
    signs = (1, -1) if said.answer is Answer.SAME else (1,) if said.difference.value > 0 else (-1,)

    def turned(rows: Rows, labels: Labels) -> bool:
        return images.verdict(rows, labels, said).answer is not said.answer

    def gone(rows: Rows, labels: Labels) -> bool:
        return images.verdict(rows, labels, said).difference.value * signs[0] <= 1e-12

    orders = [images.most_harmful(sign, said.figure) for sign in signs]
    worst = [_least_of(order, turned) for order in orders]
    to_zero = None if said.answer is Answer.SAME else _least_of(orders[0], gone)
    rng = np.random.default_rng(0)
    draws = [images.at_random(rng) for _ in range(N_DRAWS)]
    at_random = _least(
        len(images.truth), lambda m: 2 * sum(turned(rows[:m], labels[:m]) for rows, labels in draws) > N_DRAWS
    )
    return TippingPoint(
        min((one for one in worst if one is not None), default=None),
        at_random,
        to_zero,
        len(images.truth),
        said.n_images,
    )


@dataclass(frozen=True, eq=False)
class _Images:
    """The n images on which the predictions of the sides differ, and the tables of all others.

    ``votes`` (2, n, K): the share of a side's runs that predict each class. ``predicted``: (S, n) of either side.
    """

    truth: Labels
    patients: NDArray[np.int64]
    predicted: tuple[NDArray[np.int64], NDArray[np.int64]]
    votes: NDArray[np.float64]
    whole: Pair
    rest: tuple[Counts, Counts]

    @classmethod
    def of(cls, a: Evaluation, b: Evaluation) -> "_Images":
        row_of = {image_id: row for row, image_id in enumerate(b.image_ids)}
        both = [(row, row_of[image_id]) for row, image_id in enumerate(a.image_ids) if image_id in row_of]
        own, other = np.array(both, dtype=np.int64).reshape(-1, 2).T
        _, patients = np.unique(a.patients[own], return_inverse=True)
        first, second = replace(a.only(own), patients=patients), replace(b.only(other), patients=patients)
        n_classes = len(a.taxonomy.classes)
        votes = np.stack(
            [np.stack([(one.predicted == k).mean(axis=0) for k in range(n_classes)], axis=1) for one in (first, second)]
        )
        differ = np.abs(votes[0] - votes[1]).max(axis=1) > 0
        whole = pair(first, second)
        rest = tuple(
            count_tables(
                patients[~differ], one.truth[~differ], one.predicted[:, ~differ], whole.a.n_patients, n_classes
            )
            for one in (first, second)
        )
        return cls(
            first.truth[differ],
            patients[differ],
            (first.predicted[:, differ], second.predicted[:, differ]),
            votes[:, differ],
            whole,
            (rest[0], rest[1]),
        )

    def verdict(self, rows: Rows, labels: Labels, said: Verdict) -> Verdict:
        """The verdict if the images ``rows`` had ``labels``."""
        truth = self.truth.copy()
        truth[rows] = labels
        sides = []
        for predicted, rest in zip(self.predicted, self.rest, strict=True):
            n_patients, n_classes = rest.images.shape[1:]
            sides.append(rest + count_tables(self.patients, truth, predicted, n_patients, n_classes))
        return verdict(replace(self.whole, a=sides[0], b=sides[1]), said.figure, said.question, said.margin)

    def most_harmful(self, sign: int, figure: Headline) -> tuple[Rows, Labels]:
        """Images and new labels that lower ``sign`` x (A - B), most harmful first; macro averages to first order."""
        effect = sign * (self.votes[0] - self.votes[1])  # (n, K): what an image adds if its label is k
        if figure is not Headline.ACCURACY:
            effect = effect / np.maximum(self.whole.a.images.sum(axis=(0, 1)), 1)
        labels = effect.argmin(axis=1)
        drop = effect[np.arange(len(labels)), self.truth] - effect.min(axis=1)
        rows = np.argsort(-drop, kind="stable")[: int((drop > 0).sum())]
        return rows, labels[rows]

    def at_random(self, rng: np.random.Generator) -> tuple[Rows, Labels]:
        """All images in random order, each with another class that the models predict."""
        weights = self.votes.sum(axis=0)
        weights[np.arange(len(self.truth)), self.truth] = 0
        bounds = np.cumsum(weights, axis=1)
        labels = (rng.random(len(bounds))[:, None] * bounds[:, -1:] >= bounds).sum(axis=1)
        rows = rng.permutation(np.flatnonzero(bounds[:, -1] > 0))  # others: no other class is predicted
        return rows, labels[rows]


def _least_of(order: tuple[Rows, Labels], turns: Callable[[Rows, Labels], bool]) -> int | None:
    """The least number of the first images of ``order`` that turns."""
    rows, labels = order
    return _least(len(rows), lambda m: turns(rows[:m], labels[:m]))


def _least(most: int, turns: Callable[[int], bool]) -> int | None:
    """The least number from 1 to ``most`` that turns, by bisection; None if ``most`` does not."""
    if most == 0 or not turns(most):
        return None
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if turns(middle) else (middle, high)
    return high
