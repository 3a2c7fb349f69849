"""Groups of classes that share values of parts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.label_space.labels import LeafSpace
from model_zoo.core.label_space.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class ClassGroup:
    """At least two classes, by index, all of whose leaves have the part values ``shared`` (part name -> value)."""

    shared: Mapping[str, str]
    members: tuple[int, ...]

    @property
    def name(self) -> str:
        """What the members share, such as ``markers = none, annotation = present``."""
        return ", ".join(f"{part} = {value}" for part, value in self.shared.items())

    def mask(self, n_classes: int) -> NDArray[np.bool_]:
        """Whether each class is a member, (K,)."""
        inside = np.zeros(n_classes, dtype=np.bool_)
        inside[list(self.members)] = True
        return inside


def shared_meanings(taxonomy: Taxonomy, space: LeafSpace) -> tuple[ClassGroup, ...]:
    """Every group of classes that share some part values entirely, largest first, once per set of members.

    A class has a value when all its leaves do. Where several combinations of values pick the same
    classes, the group names all values that these classes share. The group of all classes says nothing
    and is left out.
    """
    settled = [
        frozenset((part, value) for part, value in space.parts_of(leaves).items() if value is not None)
        for leaves in taxonomy.classes.values()
    ]
    found = {members for value in frozenset().union(*settled) if len(members := _holders(settled, value)) > 1}
    singles, waiting = tuple(found), set(found)
    while waiting:  # closed under intersection: a combination of values picks what each of them picks
        new = {members & single for members in waiting for single in singles}
        waiting = {members for members in new if len(members) > 1} - found
        found |= waiting
    order = [part.name for part in space.parts]
    groups = []
    for members in found:
        if len(members) < len(settled):
            common = frozenset.intersection(*(settled[k] for k in members))
            shared = dict(sorted(common, key=lambda item: order.index(item[0])))
            groups.append(ClassGroup(shared, tuple(sorted(members))))
    return tuple(sorted(groups, key=lambda group: (-len(group.members), group.members)))


def _holders(settled: list[frozenset[tuple[str, str]]], value: tuple[str, str]) -> frozenset[int]:
    return frozenset(k for k, values in enumerate(settled) if value in values)
