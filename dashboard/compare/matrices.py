"""Layout of the confusion matrices of a comparison: classes, groups, order, and the largest changes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dashboard.address.links import MatrixView
from dashboard.address.selection import ClassOrder, Space
from dashboard.evaluation.comparison import Comparison
from dashboard.words import counted
from model_zoo.core.comparison.difference_matrix import FEW_IMAGES, DifferenceMatrix
from model_zoo.core.errors import LinkError
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.matrix_layout import (
    MatrixLayout,
    confusability_order,
    groups_by_part,
    groups_by_taxonomy,
)
from model_zoo.core.label_space.labels import LeafSpace
from model_zoo.core.label_space.taxonomy import Taxonomy, standing_in_the_way

MANY_CLASSES = 60
"""Above this a matrix opens collapsed, or where nothing groups its classes, ordered by confusability."""

UNGROUPED = "none"
"""What an address calls a matrix in which every class is a line of its own."""

Groups = Mapping[str, tuple[str, ...]]
"""Group -> its classes, where there are several."""


@dataclass(frozen=True)
class MatrixLayouts:
    """Evaluations with one layout each, and the available options.

    ``groupings`` maps the name of a grouping in the address to its groups, over all class sets shown; ``group`` is the
    selected one, ``opened`` its expanded groups. ``order`` is the selected order.
    """

    layouts: tuple[MatrixLayout, ...]
    groupings: Mapping[str, Groups]
    group: str
    order: ClassOrder
    lines: tuple[str, ...]

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of the grouping in force."""
        return tuple(self.groupings.get(self.group, {}))


def why_no_difference(judged: Comparison) -> str:
    """Why these subjects have no difference matrix, in one sentence; empty if they have one."""
    if len(judged.subjects) != 2:
        return "A difference needs exactly two runs or series: choose two above."
    if judged.mixes_label_spaces and judged.space is Space.NATIVE:
        return (
            "These two answer in different classes, so their matrices cannot be subtracted cell by cell: "
            "look at the difference on their common ground."
        )
    first, second = judged.evaluations
    if set(first.image_ids) != set(second.image_ids):
        return "These two are judged over different images: predict the same split with both."
    return ""


def matrix_layouts(
    judged: Comparison, view: MatrixView, taxonomies: Iterable[Taxonomy], leaves: LeafSpace
) -> MatrixLayouts:
    """The layout of every subject's matrix; subjects with the same classes share one.

    Raises `LinkError` for a grouping, group or class that no matrix has.
    """
    spaces = list(dict.fromkeys(evaluation.taxonomy for evaluation in judged.evaluations))
    offered = {space: groupings(space, taxonomies, leaves) for space in spaces}
    known: dict[str, Groups] = {}
    for groups_of in offered.values():
        for name, groups in groups_of.items():
            known[name] = {**known.get(name, {}), **groups}
    group = _grouping(view, spaces, known)
    _check(view.opened, known.get(group, {}), "open group")
    layouts = {space: MatrixLayout.of(space).collapsed(offered[space].get(group, {}), view.opened) for space in spaces}
    longest = max(len(layout.lines) for layout in layouts.values())
    order = view.order or (ClassOrder.CONFUSED if longest > MANY_CLASSES else ClassOrder.TAXONOMY)
    if order is ClassOrder.CONFUSED:
        layouts = {space: _by_confusion(layout, judged.evaluations) for space, layout in layouts.items()}
    lines = tuple(dict.fromkeys(line for layout in layouts.values() for line in layout.lines))
    if view.only:
        _check(view.only, lines, "class")
        layouts = {
            space: layout.only([line for line in view.only if line in layout.lines])
            for space, layout in layouts.items()
        }
    chosen = tuple(layouts[evaluation.taxonomy] for evaluation in judged.evaluations)
    return MatrixLayouts(chosen, known, group, order, lines)


def groupings(space: Taxonomy, taxonomies: Iterable[Taxonomy], leaves: LeafSpace) -> Mapping[str, Groups]:
    """Possible groupings of the classes of ``space``, finest first: taxonomies that it refines, and label parts."""
    covered = frozenset(space.index_of)
    found: dict[str, Groups] = {
        f"taxonomy:{one.name}": groups_by_taxonomy(space, one)
        for one in taxonomies
        if covered <= frozenset(one.index_of) | one.outside and not standing_in_the_way(space, one)
    }
    found |= {f"part:{part.name}": groups_by_part(space, leaves, part.name) for part in leaves.parts}
    n_classes = len(space.classes)
    found = {name: groups for name, groups in found.items() if groups and _n_lines(n_classes, groups) > 1}
    return dict(sorted(found.items(), key=lambda item: -_n_lines(n_classes, item[1])))


N_CHANGES = 10
"""Most cells in a list of changes."""


def largest_changes(difference: DifferenceMatrix, at_most: int = N_CHANGES) -> Sequence[tuple[int, int]]:
    """The cells whose change is conclusive and large enough, largest first, as (true, predicted) positions."""
    size = np.where(difference.settled & ~difference.few, np.abs(np.nan_to_num(difference.values)), 0)
    ranked = np.argsort(-size, axis=None, kind="stable")[:at_most]
    pairs = [divmod(int(one), size.shape[1]) for one in ranked]
    return [pair for pair in pairs if size[pair] > 0]


def unlisted_changes(difference: DifferenceMatrix, at_most: int = N_CHANGES) -> str:
    """Why conclusive changes are missing from `largest_changes`, a sentence for each reason; empty if none are."""
    settled = difference.settled & (difference.values != 0)
    n_more, n_few = int((settled & ~difference.few).sum()) - at_most, int((settled & difference.few).sum())
    sentences = [f"{counted(n_more, 'smaller change')} not listed."] if n_more > 0 else []
    if n_few:
        why = f"fewer than {FEW_IMAGES} images on both sides, grey in the matrix"
        sentences.append(f"{counted(n_few, 'further cell')} left out: {why}.")
    return " ".join(sentences)


def _n_lines(n_classes: int, groups: Groups) -> int:
    return n_classes - sum(len(names) - 1 for names in groups.values())


def _grouping(view: MatrixView, spaces: Sequence[Taxonomy], known: Mapping[str, Groups]) -> str:
    if view.group is not None:
        if view.group not in (UNGROUPED, *known):
            listed = ", ".join((UNGROUPED, *known))
            raise LinkError(f"Classes cannot be grouped by {view.group[:100]!r} here; it can be {listed}.")
        return view.group
    n_classes = max(len(space.classes) for space in spaces)
    if n_classes > MANY_CLASSES:
        for name, groups in known.items():
            if _n_lines(n_classes, groups) <= MANY_CLASSES:
                return name
    return UNGROUPED


def _by_confusion(layout: MatrixLayout, evaluations: Sequence[Evaluation]) -> MatrixLayout:
    shown = [one.confusion.project(layout.projection) for one in evaluations if one.taxonomy == layout.space]
    return layout.ordered(confusability_order(shown))


def _check(asked: Sequence[str], known: Iterable[str], what: str) -> None:
    names = list(known)
    if strangers := [one for one in asked if one not in names]:
        raise LinkError(
            f"The matrices have no {what} {strangers[0][:100]!r}; there is {', '.join(names[:20]) or 'none'}."
        )
