"""Errors by pair of classes, observed and expected under quasi-independence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.evaluation.evaluation import Evaluation

_ROUNDS = 40  # of proportional fitting; margins then agree to about 1e-4 of an image
_AT_ONCE = 4_000_000  # random numbers held in memory
_PAIRS_CELLS = 100_000  # factors of the pairs that are foretold together


@dataclass(frozen=True)
class ErrorCounts:
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


def count_errors(evaluation: Evaluation) -> ErrorCounts:
    """The wrong answers of all runs of ``evaluation``; answers outside its classes are left out."""
    k = len(evaluation.taxonomy.classes)
    n_runs = len(evaluation.predicted)
    wrong = ~evaluation.right & (evaluation.predicted >= 0)
    place = (evaluation.patients * k + evaluation.truth) * k
    events, n_times = np.unique((place + evaluation.predicted)[wrong], return_counts=True)
    clusters, cluster = np.unique(events // k, return_inverse=True)
    return ErrorCounts(k, clusters % k, cluster.astype(np.int64), events % k, n_times / n_runs)


def quasi_independent(counts: NDArray[np.float64], blocks: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Expected wrong answers if each class had a rate of being wrong and each a pull, and no pair were special.

    ``counts`` (..., K, K), the diagonal ignored. Log-linear quasi-independence off the diagonal (Goodman 1968;
    Bishop, Fienberg & Holland 1975, ch. 5): row and column totals are kept, and, for each of ``blocks``
    (G, K), a group of classes, the total of wrong answers that stay inside it. Fitted by iterative
    proportional scaling (Csiszár 1975).
    """
    k = counts.shape[-1]
    off = ~np.eye(k, dtype=np.bool_)
    kept = np.where(off, counts, 0.0).reshape(-1, k, k)
    kinds, kind = _kinds(blocks, k)
    totals = [kept[:, block][:, :, block].sum(axis=(1, 2)) for block in ([] if blocks is None else blocks)]
    rate, pull, inside = _scaled(kept.sum(axis=2), kept.sum(axis=1), totals, kinds, kind)
    fitted = rate[:, :, None] * pull[:, None, :] * off
    if len(kinds):
        fitted *= inside[:, kind[:, None], kind]
    return fitted.reshape(counts.shape)


def expected_pairs(counts: NDArray[np.float64], blocks: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Wrong answers (K, K) expected on each pair of classes, both ways, from all the *other* pairs.

    Unlike a fit to all cells this also shows a pair that holds most of its classes' wrong answers. Only pairs that
    have any are foretold; the others are 0.
    """
    k = len(counts)
    counts = np.where(np.eye(k, dtype=np.bool_), 0.0, counts)
    kinds, kind = _kinds(blocks, k)
    expected = np.zeros((k, k))
    pairs = np.argwhere(np.triu(counts + counts.T, 1) > 0)
    for start in range(0, len(pairs), batch := max(1, _PAIRS_CELLS // k)):
        first, second = pairs[start : start + batch].T
        pair, there, back = np.arange(len(first)), counts[first, second], counts[second, first]
        rows, columns = (np.tile(counts.sum(axis=axis), (len(first), 1)) for axis in (1, 0))
        rows[pair, first], rows[pair, second] = rows[pair, first] - there, rows[pair, second] - back
        columns[pair, second], columns[pair, first] = columns[pair, second] - there, columns[pair, first] - back
        totals = [
            counts[np.ix_(block, block)].sum() - np.where(block[first] & block[second], there + back, 0.0)
            for block in ([] if blocks is None else blocks)
        ]
        rate, pull, inside = _scaled(rows, columns, totals, kinds, kind, (first, second))
        alike = inside[pair, kind[first], kind[second]]
        expected[first, second] = rate[pair, first] * pull[pair, second] * alike
        expected[second, first] = rate[pair, second] * pull[pair, first] * alike
    return expected


def _scaled(
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
    totals: Sequence[NDArray[np.float64]],
    kinds: NDArray[np.bool_],
    kind: NDArray[np.int64],
    but: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The factors of B fits: rates (B, K), pulls (B, K) and (B, U, U) what staying inside blocks brings, by kind.

    A fitted cell is rate x pull x inside, so that no fit of K x K cells is held: sums over a row are pulls summed by
    kind, without the diagonal and, where ``but`` gives a pair of classes for each fit, without its two cells.
    """
    n_fits, k = rows.shape
    n_kinds = int(kind.max(initial=0)) + 1
    of_kind = (kind[:, None] == np.arange(n_kinds)).astype(np.float64)
    rate, pull, inside = np.ones((n_fits, k)), np.ones((n_fits, k)), np.ones((n_fits, n_kinds, n_kinds))
    fit = np.arange(n_fits)

    def summed(factor: NDArray[np.float64], inside: NDArray[np.float64]) -> NDArray[np.float64]:
        """(B, K): by what each class's own factor is multiplied in the sum of its row, or of its column."""
        by_kind = np.einsum("buv,bv->bu", inside, factor @ of_kind)
        sums = by_kind[:, kind] - inside[:, kind, kind] * factor
        if but is not None:
            first, second = but
            alike = inside[fit, kind[first], kind[second]]
            sums[fit, first] -= alike * factor[fit, second]
            sums[fit, second] -= alike * factor[fit, first]
        return np.clip(sums, 0.0, None)

    for _ in range(_ROUNDS):
        for block, total in zip(kinds, totals, strict=True):
            both = np.outer(block, block)
            now = (rate * summed(pull, np.where(both, inside, 0.0))).sum(axis=1)
            inside = np.where(both, inside * _ratio(total, now)[:, None, None], inside)
        pull = pull * _ratio(columns, pull * summed(rate, inside))
        rate = rate * _ratio(rows, rate * summed(pull, inside))
    return rate, pull, inside


def _kinds(blocks: NDArray[np.bool_] | None, n_classes: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """The kinds of classes alike in their blocks: which each block holds, (G, U), and that of each class, (K,)."""
    if blocks is None or not len(blocks):
        return np.zeros((0, 1), dtype=np.bool_), np.zeros(n_classes, dtype=np.int64)
    kinds, kind = np.unique(blocks, axis=1, return_inverse=True)
    return kinds, kind.reshape(-1).astype(np.int64)


def _counted(cells: NDArray[np.int64], weights: NDArray[np.float64], n_cells: int) -> NDArray[np.float64]:
    return np.bincount(cells, weights=weights, minlength=n_cells).astype(np.float64)


def _ratio(wanted: NDArray[np.float64], now: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(wanted, now, out=np.zeros_like(now), where=now > 0)
