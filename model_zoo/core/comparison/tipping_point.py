"""Tipping point: how many wrong test labels would change a result, in the worst case and at random."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.comparison.comparison import Pair, Verdict, verdict
from model_zoo.core.comparison.outcomes import Answer
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.metrics import Headline
from model_zoo.core.evaluation.patient_counts import count_tables

N_DRAWS = 11
"""Random samples of wrong labels; the stated number turns more than half of them."""

BLOCK = 1000
"""Images whose predictions are compared at once."""

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
    if said.answer in (Answer.INCONCLUSIVE, Answer.TOO_FEW) or said.n_apart:
        return None
    images = _Images.of(a, b, said.figure)
    signs = (1, -1) if said.answer is Answer.SAME else (1,) if said.difference.value > 0 else (-1,)

    def turned(rows: Rows, labels: Labels) -> bool:
        return images.verdict(rows, labels, said).answer is not said.answer

    def gone(rows: Rows, labels: Labels) -> bool:
        return images.verdict(rows, labels, said).difference.value * signs[0] <= 1e-12

    orders = [images.most_harmful(sign, said.figure) for sign in signs]
    worst = [_least_of(order, turned) for order in orders]
    to_zero = None if said.answer is Answer.SAME else _least_of(orders[0], gone)
    rng = np.random.default_rng(0)
    draws = list(images.at_random(rng))
    at_random = _least(len(images.truth), lambda m: _most_of(turned(rows[:m], labels[:m]) for rows, labels in draws))
    return TippingPoint(
        min((one for one in worst if one is not None), default=None),
        at_random,
        to_zero,
        len(images.truth),
        said.n_images,
    )


@dataclass(frozen=True, eq=False)
class _Images:
    """The n images on which the predictions of the sides differ, and the tables of all images.

    ``votes`` (2, n, K): the share of a side's runs that predict each class. ``predicted``: (S, n) of either side.
    ``sizes`` (K,): images of each class. ``column`` (K,) of each class in the tables of ``whole``: accuracy needs only
    one for all of them, a macro average none for classes that no image gets.
    """

    truth: Labels
    patients: NDArray[np.int64]
    predicted: tuple[NDArray[np.int64], NDArray[np.int64]]
    votes: NDArray[np.float64]
    sizes: NDArray[np.int64]
    column: NDArray[np.int64]
    whole: Pair

    @classmethod
    def of(cls, a: Evaluation, b: Evaluation, figure: Headline) -> "_Images":
        row_of = {image_id: row for row, image_id in enumerate(b.image_ids)}
        both = [(row, row_of[image_id]) for row, image_id in enumerate(a.image_ids) if image_id in row_of]
        own, other = np.array(both, dtype=np.int64).reshape(-1, 2).T
        _, patients = np.unique(a.patients[own], return_inverse=True)
        truth, predicted = a.truth[own], (a.predicted[:, own], b.predicted[:, other])
        sizes = np.bincount(truth, minlength=len(a.taxonomy.classes))
        differ = np.concatenate(
            [np.abs(np.subtract(*_votes(predicted, some, len(sizes)))).max(axis=1) > 0 for some in _blocks(len(truth))]
        )
        column, names = np.zeros(len(sizes), dtype=np.int64), ("all",)
        if figure is not Headline.ACCURACY:
            seen = np.isin(np.arange(len(sizes)), np.concatenate([truth, *map(np.ravel, predicted)]))
            seen[seen.argmin()] = True  # where no class is predicted, the first of these is another label
            column, names = np.cumsum(seen) - 1, tuple(np.array(a.taxonomy.names, dtype=object)[seen])
        n_patients = int(patients.max(initial=-1)) + 1
        tables = [
            count_tables(patients, column[truth], _columns(one, truth, column), n_patients, len(names))
            for one in predicted
        ]
        return cls(
            truth[differ],
            patients[differ],
            (predicted[0][:, differ], predicted[1][:, differ]),
            _votes(predicted, np.flatnonzero(differ), len(sizes)),
            sizes,
            column,
            Pair(names, tables[0], tables[1]),
        )

    def verdict(self, rows: Rows, labels: Labels, said: Verdict) -> Verdict:
        """The verdict if the images ``rows`` had ``labels``."""
        old, new, sides = self.truth[rows], labels, []
        before, after = (self.patients[rows] * len(self.whole.classes) + self.column[one] for one in (old, new))
        images = self.whole.a.images.copy()
        np.subtract.at(images.ravel(), before, 1.0)  # a view: the copy is contiguous
        np.add.at(images.ravel(), after, 1.0)
        for predicted, counts in zip(self.predicted, (self.whole.a, self.whole.b), strict=True):
            hits = counts.hits.copy()
            for table, one in zip(hits, predicted[:, rows], strict=True):
                np.subtract.at(table.ravel(), before, (one == old).astype(np.float64))
                np.add.at(table.ravel(), after, (one == new).astype(np.float64))
            sides.append(replace(counts, images=images, hits=hits))
        return verdict(replace(self.whole, a=sides[0], b=sides[1]), said.figure, said.question, said.margin)

    def most_harmful(self, sign: int, figure: Headline) -> tuple[Rows, Labels]:
        """Images and new labels that lower ``sign`` x (A - B), most harmful first; macro averages to first order."""
        effect = sign * (self.votes[0] - self.votes[1])  # (n, K): what an image adds if its label is k
        if figure is not Headline.ACCURACY:
            effect = effect / np.maximum(self.sizes, 1)
        labels = effect.argmin(axis=1)
        drop = effect[np.arange(len(labels)), self.truth] - effect.min(axis=1)
        rows = np.argsort(-drop, kind="stable")[: int((drop > 0).sum())]
        return rows, labels[rows]

    def at_random(self, rng: np.random.Generator) -> Iterator[tuple[Rows, Labels]]:
        """`N_DRAWS` times all images in random order, each with another class that the models predict."""
        bounds = self.votes.sum(axis=0)
        bounds[np.arange(len(self.truth)), self.truth] = 0
        np.cumsum(bounds, axis=1, out=bounds)
        for _ in range(N_DRAWS):
            labels = (rng.random(len(bounds))[:, None] * bounds[:, -1:] >= bounds).sum(axis=1)
            rows = rng.permutation(np.flatnonzero(bounds[:, -1] > 0))  # others: no other class is predicted
            yield rows, labels[rows]


def _votes(predicted: Sequence[NDArray[np.int64]], rows: Rows, n_classes: int) -> NDArray[np.float64]:
    """The share of each side's runs that predict each class for the images ``rows``, (2, n, K)."""
    found = np.zeros((len(predicted), len(rows), n_classes))
    for votes, one in zip(found, predicted, strict=True):
        run, image = np.nonzero(one[:, rows] >= 0)
        np.add.at(votes, (image, one[:, rows][run, image]), 1)
        votes /= len(one)
    return found


def _blocks(n: int) -> list[Rows]:
    """All ``n`` rows, a block at a time; one block of none."""
    return np.array_split(np.arange(n), n // BLOCK + 1)


def _columns(predicted: NDArray[np.int64], truth: Labels, column: NDArray[np.int64]) -> NDArray[np.int64]:
    """The columns of predictions (S, N); of incorrect ones below 0 where all classes share one, or they are of none."""
    apart = np.where((predicted >= 0) & (column.max(initial=0) > 0), column[predicted], -1)
    return np.where(predicted == truth, column[truth], apart)


def _most_of(turned: Iterable[bool]) -> bool:
    """Whether more than half of `N_DRAWS` are true; asks for no more of them than this takes."""
    n_true = n_false = 0
    for one in turned:
        n_true, n_false = n_true + one, n_false + (not one)
        if 2 * max(n_true, n_false) > N_DRAWS:
            break
    return n_true > n_false


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
