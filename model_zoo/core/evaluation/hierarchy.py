"""Hierarchical metrics: a chain of taxonomies, each refining the next, with a root above them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.errors import TaxonomyError
from model_zoo.core.evaluation.evaluation import Evaluation, Figure
from model_zoo.core.evaluation.linearised import Judged, over_runs
from model_zoo.core.evaluation.metrics import ClassFigure
from model_zoo.core.label_space.taxonomy import OUTSIDE, Taxonomy, project


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """The tree that a chain of taxonomies makes, finest first; its leaves are the first one's classes.

    A class that the next taxonomy keeps as it is stays one node. `TaxonomyError` where one does not refine the next.
    """

    chain: tuple[Taxonomy, ...]

    def __post_init__(self) -> None:
        if not self.chain:
            raise TaxonomyError("A hierarchy needs at least one taxonomy; name the finest first.")
        for finer, coarser in zip(self.chain, self.chain[1:], strict=False):
            project(finer, coarser)

    @cached_property
    def ancestors(self) -> NDArray[np.bool_]:
        """Which nodes each class is or lies under, (K, nodes), smallest nodes first, without the root.

        The root holds every class: it is common to all and says nothing.
        """
        members = [project(self.chain[0], one).matrix.astype(np.bool_) for one in self.chain]
        nodes = np.unique(np.hstack(members), axis=1)
        sizes = nodes.sum(axis=0)
        order = np.argsort(sizes, kind="stable")
        return nodes[:, order[(sizes[order] > 0) & ((sizes[order] < len(nodes)) | (len(nodes) == 1))]]

    @cached_property
    def heights(self) -> NDArray[np.int64]:
        """The height of the lowest node that holds both of two classes, (K + 1, K + 1).

        A class has height 0, a node 1 more than the highest below it (Bertinetto et al. 2020). The last row and
        column stand for `OUTSIDE`, which meets every class in the root alone.
        """
        below = self.ancestors
        of_node = np.zeros(below.shape[1], dtype=np.int64)
        for k in range(below.shape[1]):
            inside = ~(below[:, :k] & ~below[:, [k]]).any(axis=0)
            of_node[k] = max(of_node[:k][inside], default=-1) + 1
        n_classes = len(below)
        heights = np.full((n_classes + 1, n_classes + 1), of_node.max() + 1, dtype=np.int64)
        for k in reversed(np.argsort(of_node, kind="stable")):
            heights[np.ix_(np.flatnonzero(below[:, k]), np.flatnonzero(below[:, k]))] = of_node[k]
        return heights


def longest_chain(taxonomies: Sequence[Taxonomy], first: Taxonomy | None = None) -> tuple[Taxonomy, ...]:
    """The longest path in which each taxonomy refines the next and is larger; the first found among equals.

    It starts with ``first`` where that is given, else with any of ``taxonomies``.
    """
    best: dict[Taxonomy, tuple[Taxonomy, ...]] = {}
    for one in sorted([*taxonomies, *([first] if first else [])], key=lambda taxonomy: len(taxonomy.classes)):
        after = [path for next_, path in best.items() if len(next_.classes) < len(one.classes) and one.refines(next_)]
        best[one] = (one, *max(after, key=len, default=()))
    return best[first] if first else max(best.values(), key=len, default=())


def hierarchical(evaluation: Evaluation, hierarchy: Hierarchy, figure: ClassFigure) -> Figure:
    """Hierarchical precision, recall or F1 (Kiritchenko et al. 2006), in [0, 1].

    Truth and answer are each taken with all their ancestors but the root; pooled over images, the share of the
    answers' nodes that are the truth's (precision), of the truths' that are the answers' (recall), and F1 of both.
    A prediction outside has no node, and an undecided one those that hold all classes that it may be. The evaluation
    stands in the hierarchy's finest label space.
    """
    _check(evaluation, hierarchy)
    predictions, sets = _with_undecided(evaluation)
    above = np.vstack([hierarchy.ancestors, np.zeros_like(hierarchy.ancestors[:1])])
    above = np.vstack([above, *(above[[sorted(one)]].all(axis=1) for one in sets)]).astype(np.float64)
    true_nodes = above[evaluation.truth].sum(axis=1)

    def judge(predicted: NDArray[np.int64]) -> Judged:
        said_nodes = above[predicted].sum(axis=1)
        shared = (above @ above.T)[evaluation.truth, predicted]
        among = {
            ClassFigure.PRECISION: said_nodes,
            ClassFigure.RECALL: true_nodes,
            ClassFigure.F1: (said_nodes + true_nodes) / 2,
        }[figure]
        if not among.any():
            return float("nan"), np.zeros(len(predicted))
        value = float(shared.sum() / among.sum())
        return value, (shared - value * among) / among.mean()

    right = evaluation.right
    if figure is ClassFigure.PRECISION:  # 1 also where a prediction stops above the true class
        holds_truth = above @ above.T >= above.sum(axis=1)
        right = right | (evaluation.is_undecided & holds_truth[evaluation.truth, predictions])
    return over_runs(f"hierarchical {figure}", evaluation, map(judge, predictions), right.mean(axis=0))


def mistake_severity(evaluation: Evaluation, hierarchy: Hierarchy) -> Figure:
    """The mean height, over the wrong answers, of the lowest node that holds truth and answer; at least 1.

    NaN for a run without mistakes. It may fall while accuracy does: a run that adds slight mistakes has better ones. An
    undecided prediction is a mistake whose node holds all classes that it may be.
    The evaluation stands in the hierarchy's finest label space.
    """
    _check(evaluation, hierarchy)
    predictions, sets = _with_undecided(evaluation)
    heights = np.column_stack([hierarchy.heights, *(hierarchy.heights[:, sorted(one)].max(axis=1) for one in sets)])

    def judge(predicted: NDArray[np.int64]) -> Judged:
        wrong = (predicted != evaluation.truth).astype(np.float64)
        if not wrong.any():
            return float("nan"), wrong
        height = heights[evaluation.truth, predicted]
        value = float(height.sum() / wrong.sum())
        return value, (height - value * wrong) / wrong.mean()

    return over_runs("mistake severity", evaluation, map(judge, predictions))


def _with_undecided(evaluation: Evaluation) -> tuple[NDArray[np.int64], list[frozenset[int]]]:
    """Predictions (S, N) where K is `OUTSIDE` and K + 1 + j the undecided set j, and these sets of classes."""
    n_classes = len(evaluation.taxonomy.classes)
    predicted = np.where(evaluation.predicted == OUTSIDE, n_classes, evaluation.predicted)
    sets = list(dict.fromkeys(classes for of_run in evaluation.undecided for classes in of_run.values()))
    number = {classes: n_classes + 1 + j for j, classes in enumerate(sets)}
    for row, k in zip(*np.nonzero(evaluation.is_undecided)):
        predicted[row, k] = number[evaluation.undecided[row][evaluation.image_ids[k]]]
    return predicted, sets


def _check(evaluation: Evaluation, hierarchy: Hierarchy) -> None:
    if evaluation.taxonomy != hierarchy.chain[0]:
        raise TaxonomyError(
            f"The hierarchy starts with {hierarchy.chain[0].name!r}, the evaluation stands in "
            f"{evaluation.taxonomy.name!r}; start the chain with that."
        )
