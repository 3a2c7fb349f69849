"""Which classes the wrong answers go to, and where they would go if no pair or group of classes were special."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.evaluation import Evaluation

_ROUNDS = 40  # of proportional fitting; margins then agree to about 1e-4 of an image
_AT_ONCE = 4_000_000  # random numbers held in memory


@dataclass(frozen=True)
class WrongAnswers:
    """The wrong answers of S runs, gathered per patient and true class.

    ``cluster`` (M,) numbers patient and true class, ``predicted`` (M,) is a wrong answer given there and
    ``weight`` (M,) how many images got it, mean over runs. ``true`` (C,) is the true class of each cluster.
    What one patient's images, and several runs over them, are taken for is one event seen several times: it
    is a cluster that is redrawn, never an image.
    """

    n_classes: int
    true: NDArray[np.int64]
    cluster: NDArray[np.int64]
    predicted: NDArray[np.int64]
    weight: NDArray[np.float64]

    @cached_property
    def counts(self) -> NDArray[np.float64]:
        """Images by true class and wrong answer, mean over runs, (K, K) with a diagonal of 0."""
        k = self.n_classes
        cells = self.true[self.cluster] * k + self.predicted
        return _counted(cells, self.weight, k * k).reshape(k, k)

    def redraw(
        self, expected: NDArray[np.float64], n_draws: int, rng: np.random.Generator
    ) -> Iterator[NDArray[np.float64]]:
        """Batches of counts (B, K, K), ``n_draws`` together, with every answer drawn anew from ``expected`` (K, K).

        Each cluster keeps its true class, how many different answers it has and how many images each of them
        got; only which classes they are is drawn, each in proportion to its row of ``expected``, without
        repeating one (Gumbel's maxima, Yellott 1977).
        """
        if not len(self.weight):
            yield np.zeros((n_draws, self.n_classes, self.n_classes))
            return
        k, n_clusters = self.n_classes, len(self.true)
        order = np.lexsort((rng.random(len(self.cluster)), self.cluster))
        cluster, weight = self.cluster[order], self.weight[order]
        slot = np.arange(len(cluster)) - np.searchsorted(cluster, cluster)
        with np.errstate(divide="ignore"):
            scores = np.log(expected[self.true])
        batch = max(1, _AT_ONCE // (n_clusters * k))
        for start in range(0, n_draws, batch):
            n = min(batch, n_draws - start)
            ranked = (-scores - rng.gumbel(size=(n, n_clusters, k))).argsort(axis=2)
            cells = self.true[cluster] * k + ranked[:, cluster, slot]
            cells += np.arange(n)[:, None] * k * k
            weights = np.broadcast_to(weight, cells.shape).ravel()
            yield _counted(cells.ravel(), weights, n * k * k).reshape(n, k, k)


def wrong_answers(evaluation: Evaluation) -> WrongAnswers:
    """The wrong answers of all runs of ``evaluation``; answers outside its classes are left out."""
    k = len(evaluation.taxonomy.classes)
    n_runs = len(evaluation.predicted)
    wrong = ~evaluation.right & (evaluation.predicted >= 0)
    place = (evaluation.patients * k + evaluation.truth) * k
    events, n_times = np.unique((place + evaluation.predicted)[wrong], return_counts=True)
    clusters, cluster = np.unique(events // k, return_inverse=True)
    return WrongAnswers(k, clusters % k, cluster.astype(np.int64), events % k, n_times / n_runs)


def quasi_independent(
    counts: NDArray[np.float64], blocks: NDArray[np.bool_] | None = None, kept: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Expected wrong answers if each class had a rate of being wrong and each a pull, and no pair were special.

    ``counts`` (..., K, K), the diagonal ignored. Log-linear quasi-independence off the diagonal (Goodman 1968;
    Bishop, Fienberg & Holland 1975, ch. 5): row and column totals are kept, and, for each of ``blocks``
    (G, K), a group of classes, the total of wrong answers that stay inside it. Fitted by iterative
    proportional scaling (Csiszár 1975). Where ``kept`` (..., K, K) is given, the other cells do not count
    and are foretold from those that do.
    """
    k = counts.shape[-1]
    off = ~np.eye(k, dtype=np.bool_)
    kept = off if kept is None else kept & off
    counts = np.where(kept, counts, 0.0)
    insides = [] if blocks is None else [np.outer(block, block) & off for block in blocks]
    totals = [np.where(inside, counts, 0.0).sum(axis=(-2, -1), keepdims=True) for inside in insides]
    rows, columns = counts.sum(axis=-1, keepdims=True), counts.sum(axis=-2, keepdims=True)
    fitted = np.broadcast_to(off, counts.shape).astype(np.float64)
    for _ in range(_ROUNDS):
        for inside, total in zip(insides, totals, strict=True):
            now = np.where(inside & kept, fitted, 0.0).sum(axis=(-2, -1), keepdims=True)
            fitted = np.where(inside, fitted * _ratio(total, now), fitted)
        fitted *= _ratio(columns, np.where(kept, fitted, 0.0).sum(axis=-2, keepdims=True))
        fitted *= _ratio(rows, np.where(kept, fitted, 0.0).sum(axis=-1, keepdims=True))
    return fitted


def foretold_pairs(counts: NDArray[np.float64], blocks: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Wrong answers (K, K) expected on each pair of classes, both ways, from all the *other* pairs.

    Unlike a fit to all cells this also shows a pair that holds most of its classes' wrong answers.
    """
    k = len(counts)
    first, second = np.triu_indices(k, 1)
    kept = np.ones((len(first), k, k), dtype=np.bool_)
    pairs = np.arange(len(first))
    kept[pairs, first, second] = kept[pairs, second, first] = False
    fitted = quasi_independent(np.broadcast_to(counts, kept.shape), blocks, kept)
    expected = np.zeros((k, k))
    expected[first, second] = fitted[pairs, first, second]
    expected[second, first] = fitted[pairs, second, first]
    return expected


def _counted(cells: NDArray[np.int64], weights: NDArray[np.float64], n_cells: int) -> NDArray[np.float64]:
    return np.bincount(cells, weights=weights, minlength=n_cells).astype(np.float64)


def _ratio(wanted: NDArray[np.float64], now: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(wanted, now, out=np.zeros_like(now), where=now > 0)
