"""Layout of a confusion matrix: order of classes, collapsed groups, and all other classes as one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import squareform

from model_zoo.core.errors import TaxonomyError
from model_zoo.core.evaluation.confusion import Confusion, Per
from model_zoo.core.label_space.labels import LeafSpace
from model_zoo.core.label_space.taxonomy import Projection, Taxonomy, project

OTHER = "(other)"
"""The line that stands for all classes which are not shown, so that no image leaves the matrix."""


@dataclass(frozen=True)
class MatrixLayout:
    """The lines of a matrix over the label space ``space``, in order; each stands for one class or several.

    ``lines`` maps a line's name to its classes; together they hold every class once.
    """

    space: Taxonomy
    lines: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "lines", MappingProxyType(dict(self.lines)))
        held = [name for names in self.lines.values() for name in names]
        if sorted(held) != sorted(self.space.names):
            astray = sorted(set(held) ^ set(self.space.names)) or sorted(held)
            raise TaxonomyError(
                f"These lines do not hold each class of {self.space.name!r} once: look at {astray[0][:100]!r}."
            )

    @classmethod
    def of(cls, space: Taxonomy) -> "MatrixLayout":
        """Every class on its own, in the order of the taxonomy."""
        return cls(space, {name: (name,) for name in space.names})

    @cached_property
    def projection(self) -> Projection:
        """From the classes to the lines, in their order; total, so projecting loses no image."""
        classes = {
            line: frozenset[str]().union(*(self.space.classes[name] for name in names))
            for line, names in self.lines.items()
        }
        return project(self.space, Taxonomy(self.space.name, classes, self.space.outside))

    @property
    def merged(self) -> Mapping[str, tuple[str, ...]]:
        """The lines that stand for several classes."""
        return {line: names for line, names in self.lines.items() if len(names) > 1}

    def collapsed(self, groups: Mapping[str, Sequence[str]], opened: Sequence[str] = ()) -> "MatrixLayout":
        """Each of ``groups`` (name -> classes) as one line where its first class stood.

        The classes of an ``opened`` group stay lines of their own, side by side. A group with the name of
        another line gets an apostrophe.
        """
        group_of = {name: group for group, names in groups.items() for name in names}
        lines: dict[str, tuple[str, ...]] = {}
        done = set()
        for name in self.space.names:
            group = group_of.get(name)
            if group is None:
                lines[_free(name, lines)] = (name,)
            elif group not in done:
                done.add(group)
                names = tuple(groups[group])
                single = {_free(one, lines): (one,) for one in names}
                lines |= single if group in opened else {_free(group, lines): names}
        return MatrixLayout(self.space, lines)

    def ordered(self, order: Sequence[int] | NDArray[np.int64]) -> "MatrixLayout":
        """The same lines in ``order``: positions of the present lines."""
        names = list(self.lines)
        return MatrixLayout(self.space, {names[k]: self.lines[names[k]] for k in order})

    def only(self, lines: Sequence[str]) -> "MatrixLayout":
        """The named lines, in their present order, and `OTHER` for all the rest; `TaxonomyError` for a stranger."""
        if strangers := [line for line in lines if line not in self.lines]:
            raise TaxonomyError(f"The matrix has no class {strangers[0][:100]!r}; it has {', '.join(self.lines)}.")
        kept = {line: names for line, names in self.lines.items() if line in lines}
        rest = tuple(name for line, names in self.lines.items() if line not in lines for name in names)
        return MatrixLayout(self.space, kept | ({_free(OTHER, kept): rest} if rest else {}))


def groups_by_taxonomy(space: Taxonomy, coarser: Taxonomy) -> Mapping[str, tuple[str, ...]]:
    """Class of ``coarser`` -> the classes of ``space`` that fall into it, where there are several."""
    return project(space, coarser).merged()


def groups_by_part(space: Taxonomy, leaves: LeafSpace, part: str) -> Mapping[str, tuple[str, ...]]:
    """Value of a part of the labels -> the classes of ``space`` that settle it so, where there are several."""
    groups: dict[str, list[str]] = {}
    for name, label in space.classes.items():
        if value := leaves.parts_of(label).get(part):
            groups.setdefault(value, []).append(name)
    return {value: tuple(names) for value, names in groups.items() if len(names) > 1}


def confusability_order(confusions: Sequence[Confusion]) -> NDArray[np.int64]:
    """Positions of the classes, so that those confused with each other stand together; (K,).

    Two classes are as near as the share of either that is called the other, mean of both directions
    and of all matrices. Average linkage on 1 - that share, and of the 2^(K-1) orders that its tree
    allows the one with the nearest neighbours (Bar-Joseph, Gifford & Jaakkola 2001, Bioinformatics 17).
    """
    n = len(confusions[0].taxonomy.names)
    if n < 3:
        return np.arange(n)
    shares = np.mean([np.nan_to_num(confusion.per(Per.TRUE)) for confusion in confusions], axis=0)
    distances = squareform(1 - (shares + shares.T) / 2, checks=False)
    tree = linkage(distances, "average")
    order: NDArray[np.int64] = leaves_list(optimal_leaf_ordering(tree, distances)).astype(np.int64)
    return order if order[0] < order[-1] else order[::-1]  # both directions are as good: the taxonomy's comes first


def _free(name: str, taken: Mapping[str, object]) -> str:
    while name in taken:
        name += "'"
    return name
