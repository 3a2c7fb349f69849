"""Edits of a taxonomy: merge, split, rename, reorder, exclude.

An edit is a record, so that a draft can be kept as its steps; applied, it gives a new taxonomy with the next
version and leaves the old one as it is. `TaxonomyError` says in one sentence why an edit is impossible.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from model_zoo.core.errors import TaxonomyError
from model_zoo.core.label_space.labels import Label, LeafSpace
from model_zoo.core.label_space.taxonomy import ELSEWHERE, Taxonomy

MAX_NAME = 300
"""Characters of a class name that an edit gives."""


@dataclass(frozen=True, slots=True)
class Merge:
    """Several classes become one, which stands where the first of them stood."""

    names: tuple[str, ...]
    into: str

    def apply(self, taxonomy: Taxonomy, space: LeafSpace) -> Taxonomy:
        """``taxonomy`` with the classes merged."""
        merged = set(self.names)
        leaves = frozenset[str]().union(*(_leaves(taxonomy, name) for name in self.names))
        if len(merged) < 2:
            raise TaxonomyError("A merge needs at least two classes; choose another one beside it.")
        check_class_name(self.into, [name for name in taxonomy.names if name not in merged], taxonomy)
        first = next(name for name in taxonomy.names if name in merged)
        pieces = {name: {self.into: leaves} if name == first else {} for name in merged}
        return _replaced(taxonomy, pieces)


@dataclass(frozen=True, slots=True)
class SplitByPart:
    """A class becomes one class per value of a part that its leaves have, named after class and value."""

    name: str
    part: str

    def apply(self, taxonomy: Taxonomy, space: LeafSpace) -> Taxonomy:
        """``taxonomy`` with the class split; a lone leaf, which has no parts, gets a class of its own."""
        leaves = _leaves(taxonomy, self.name)
        index = next((k for k, part in enumerate(space.parts) if part.name == self.part), None)
        if index is None:
            listed = ", ".join(part.name for part in space.parts) or "none"
            raise TaxonomyError(f"No part {self.part[:100]!r} in this workspace to split by; it has {listed}.")
        groups: dict[str, set[str]] = {}
        for leaf in (leaf for leaf in space.leaves if leaf in leaves):
            values = space.values_of[leaf]
            groups.setdefault(values[index] if values else leaf, set()).add(leaf)
        if len(groups) < 2:
            raise TaxonomyError(
                f"All leaves of class {_short(self.name)} have the same {self.part}; split it by another part."
            )
        taken: dict[str, Label] = {name: label for name, label in taxonomy.classes.items() if name != self.name}
        pieces: dict[str, Label] = {}
        for value, group in groups.items():
            name = _free(f"{self.name[: MAX_NAME // 2]} {value[: MAX_NAME // 3]}", taken | pieces)
            pieces[name] = frozenset(group)
        return _replaced(taxonomy, {self.name: pieces})


@dataclass(frozen=True, slots=True)
class SplitOff:
    """Some leaves of a class become a class of their own, right after it."""

    name: str
    leaves: Label
    new: str

    def apply(self, taxonomy: Taxonomy, space: LeafSpace) -> Taxonomy:
        """``taxonomy`` with the leaves in class ``new``."""
        held = _leaves(taxonomy, self.name)
        if strangers := sorted(self.leaves - held):
            raise TaxonomyError(f"Class {_short(self.name)} does not hold leaf {strangers[0]!r}; choose among its own.")
        if not self.leaves or self.leaves == held:
            how_many = "all" if self.leaves else "none"
            raise TaxonomyError(f"Splitting off {how_many} of the leaves of {_short(self.name)} changes nothing.")
        check_class_name(self.new, taxonomy.names, taxonomy)
        return _replaced(taxonomy, {self.name: {self.name: held - self.leaves, self.new: self.leaves}})


@dataclass(frozen=True, slots=True)
class Rename:
    """A class gets another name."""

    name: str
    new: str

    def apply(self, taxonomy: Taxonomy, space: LeafSpace) -> Taxonomy:
        """``taxonomy`` with the class renamed, in its place."""
        leaves = _leaves(taxonomy, self.name)
        check_class_name(self.new, taxonomy.names, taxonomy)
        return _replaced(taxonomy, {self.name: {self.new: leaves}})


@dataclass(frozen=True, slots=True)
class Reorder:
    """A class moves to a position, counted from 1; class order is the order of a model's outputs."""

    name: str
    position: int

    def apply(self, taxonomy: Taxonomy, space: LeafSpace) -> Taxonomy:
        """``taxonomy`` with the class at ``position`` and the others in their order."""
        leaves = _leaves(taxonomy, self.name)
        others = [item for item in taxonomy.classes.items() if item[0] != self.name]
        if not 1 <= self.position <= len(taxonomy.classes):
            raise TaxonomyError(f"There is no position {self.position}; it can be 1 to {len(taxonomy.classes)}.")
        if taxonomy.names[self.position - 1] == self.name:
            raise TaxonomyError(f"Class {_short(self.name)} stands at position {self.position} already.")
        others.insert(self.position - 1, (self.name, leaves))
        return _next(taxonomy, dict(others), taxonomy.outside)


@dataclass(frozen=True, slots=True)
class MoveOutside:
    """Leaves that the taxonomy no longer knows: no image of them is judged or learned."""

    leaves: Label

    def apply(self, taxonomy: Taxonomy, space: LeafSpace) -> Taxonomy:
        """``taxonomy`` without the leaves; a class that loses all of its own is gone."""
        if not self.leaves:
            raise TaxonomyError("Choose at least one leaf to move outside.")
        if strangers := sorted(self.leaves - taxonomy.index_of.keys()):
            raise TaxonomyError(f"Leaf {strangers[0]!r} is in no class of {taxonomy.name!r}, so it cannot leave one.")
        kept = {name: held - self.leaves for name, held in taxonomy.classes.items() if held - self.leaves}
        if not kept:
            raise TaxonomyError("Nothing would be left to tell apart; keep at least one leaf in a class.")
        return _next(taxonomy, kept, taxonomy.outside | self.leaves)


@dataclass(frozen=True, slots=True)
class BringBack:
    """Leaves from outside go into a class: one that is there, or a new one at the end."""

    leaves: Label
    name: str

    def apply(self, taxonomy: Taxonomy, space: LeafSpace) -> Taxonomy:
        """``taxonomy`` with the leaves in class ``name``."""
        if not self.leaves or not self.leaves <= taxonomy.outside:
            raise TaxonomyError("Only leaves that are outside can be brought back; choose at least one of them.")
        if self.name not in taxonomy.classes:
            check_class_name(self.name, taxonomy.names, taxonomy)
        held = taxonomy.classes.get(self.name, frozenset())
        return _next(
            taxonomy, {**taxonomy.classes, self.name: held | self.leaves}, outside=taxonomy.outside - self.leaves
        )


Edit = Merge | SplitByPart | SplitOff | Rename | Reorder | MoveOutside | BringBack


def edited(taxonomy: Taxonomy, edits: Iterable[Edit], space: LeafSpace) -> Taxonomy:
    """``taxonomy`` after all ``edits``, in their order."""
    for edit in edits:
        taxonomy = edit.apply(taxonomy, space)
    return taxonomy


def check_class_name(name: str, taken: Iterable[str], taxonomy: Taxonomy) -> None:
    """`TaxonomyError` unless ``name`` can be given to a class of ``taxonomy`` beside the classes ``taken``."""
    if not name or name != name.strip():
        raise TaxonomyError(f"The name {_short(name)} is empty or has spaces around it; write it without them.")
    if len(name) > MAX_NAME:
        raise TaxonomyError(f"A class name of {len(name):,} characters is too long; use at most {MAX_NAME}.")
    if name == ELSEWHERE or any("\ud800" <= character <= "\udfff" for character in name):
        raise TaxonomyError(f"No class can be called {_short(name)}; choose another name.")
    if name in taken:
        raise TaxonomyError(f"Taxonomy {taxonomy.name!r} has a class {_short(name)} already; choose another name.")


def _leaves(taxonomy: Taxonomy, name: str) -> Label:
    taxonomy.class_index(name)
    return taxonomy.classes[name]


def _replaced(taxonomy: Taxonomy, pieces: Mapping[str, Mapping[str, Label]]) -> Taxonomy:
    """Each class named in ``pieces`` replaced by its pieces, in its place."""
    classes: dict[str, Label] = {}
    for name, leaves in taxonomy.classes.items():
        classes |= pieces.get(name, {name: leaves})
    return _next(taxonomy, classes, taxonomy.outside)


def _next(taxonomy: Taxonomy, classes: Mapping[str, Label], outside: Label) -> Taxonomy:
    return Taxonomy(taxonomy.name, classes, outside, taxonomy.description, taxonomy.version + 1)


def _free(name: str, taken: Mapping[str, Label]) -> str:
    while name in taken:
        name += "'"
    return name


def _short(name: str) -> str:
    return repr(name if len(name) <= 100 else name[:99] + "…")
