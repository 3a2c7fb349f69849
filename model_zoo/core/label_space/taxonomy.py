"""Taxonomies: named partitions of the leaf classes, their projections, and the shared classes of several."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.errors import TaxonomyError
from model_zoo.core.label_space.labels import Label, LeafSpace

OUTSIDE = -1
"""Index of "no class here": an image left out, or a prediction outside the target taxonomy."""

ELSEWHERE = "(outside)"
"""What a prediction `OUTSIDE` is called where classes are named."""


@dataclass(frozen=True, eq=False)
class Taxonomy:
    """A named, versioned partition of leaves into classes (class order is index order).

    ``outside`` holds the leaves that it declares not to know. Taxonomies are equal when their
    names and hashes are: the order of the classes counts, description and version do not.
    """

    name: str
    classes: Mapping[str, Label]
    outside: Label = frozenset()
    description: str = ""
    version: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", MappingProxyType(dict(self.classes)))
        if not self.classes:
            raise TaxonomyError(f"Taxonomy {self.name!r} has no class; give it at least one.")
        owner: dict[str, str] = {}
        for name, leaves in self.classes.items():
            if not leaves:
                raise TaxonomyError(f"Class {name!r} of taxonomy {self.name!r} holds no leaf; fill it or drop it.")
            for leaf in sorted(leaves):
                if leaf in owner:
                    raise TaxonomyError(
                        f"Taxonomy {self.name!r} puts leaf {leaf!r} in both {owner[leaf]!r} and {name!r}; "
                        "each leaf belongs to one class."
                    )
                owner[leaf] = name
        if both := sorted(self.outside & owner.keys()):
            raise TaxonomyError(f"Taxonomy {self.name!r} lists leaf {both[0]!r} in a class and as outside; choose one.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Taxonomy) and (self.name, self.hash) == (other.name, other.hash)

    def __hash__(self) -> int:
        return hash((self.name, self.hash))

    @property
    def names(self) -> tuple[str, ...]:
        """Class names in index order."""
        return tuple(self.classes)

    @property
    def reference(self) -> str:
        """The name alone for the first version, ``name.v2`` for the second."""
        return self.name if self.version == 1 else self.pinned

    @property
    def pinned(self) -> str:
        """``name.v1``, also for the first version: this one, whatever newer ones there may be."""
        return f"{self.name}.v{self.version}"

    @cached_property
    def index_of(self) -> Mapping[str, int]:
        """Leaf -> index of its class; leaves outside are absent."""
        return {leaf: index for index, leaves in enumerate(self.classes.values()) for leaf in leaves}

    @cached_property
    def hash(self) -> str:
        """12 hexadecimal digits over classes, their order, leaves and outside; the name does not count."""
        content = [[name, sorted(leaves)] for name, leaves in self.classes.items()]
        text = json.dumps([content, sorted(self.outside)], ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def check(self, space: LeafSpace) -> "Taxonomy":
        """This taxonomy if each leaf of ``space`` is in a class or outside, else `TaxonomyError`."""
        covered = frozenset(self.index_of) | self.outside
        if missing := [leaf for leaf in space.leaves if leaf not in covered]:
            raise TaxonomyError(
                f"Taxonomy {self.name!r} does not say where leaf {missing[0]!r} belongs"
                f"{f' (nor {len(missing) - 1} more)' if len(missing) > 1 else ''}; "
                "put it in a class or list it under outside."
            )
        if strangers := sorted(covered - space.everything):
            raise TaxonomyError(f"Taxonomy {self.name!r} names leaf {strangers[0]!r}, which this workspace lacks.")
        return self

    def class_index(self, name: str) -> int:
        """Index of a class by name; `TaxonomyError` suggests what else there is."""
        if name not in self.classes:
            raise TaxonomyError(f"No class {name[:100]!r} in taxonomy {self.name!r}; it has {', '.join(self.names)}.")
        return self.names.index(name)

    def place(self, label: Label) -> int:
        """Index of the one class that holds all leaves of ``label``, else `OUTSIDE`."""
        indices = {self.index_of.get(leaf, OUTSIDE) for leaf in label}
        return indices.pop() if len(indices) == 1 else OUTSIDE

    def place_all(self, labels: Sequence[Label]) -> NDArray[np.int64]:
        """Class index per label, shape (N,); `OUTSIDE` where the label cannot be placed."""
        known: dict[Label, int] = {}
        for label in labels:
            if label not in known:
                known[label] = self.place(label)
        return np.array([known[label] for label in labels], dtype=np.int64)

    def refines(self, other: "Taxonomy") -> bool:
        """Whether every class of this taxonomy falls into one class of ``other``."""
        return not standing_in_the_way(self, other)


@dataclass(frozen=True, slots=True)
class Projection:
    """The many-to-one map from one taxonomy's classes to a coarser one's.

    ``index`` has shape (K_source,): the target class of each source class, `OUTSIDE`
    where the target declares all its leaves outside.
    """

    source: Taxonomy
    target: Taxonomy
    index: NDArray[np.int64]

    def apply(self, predicted: NDArray[np.int64]) -> NDArray[np.int64]:
        """Class indices of the source, any shape, as indices of the target: argmax, then mapped."""
        return apply(self.index, predicted)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """1 where a source class falls into a target class, else 0; (K_source, K_target).

        Probabilities (N, K_source) times this are those of the target's classes.
        """
        onto = np.zeros((len(self.index), len(self.target.classes)))
        known = self.index != OUTSIDE
        onto[known, self.index[known]] = 1
        return onto

    def merged(self) -> Mapping[str, tuple[str, ...]]:
        """Target class -> the source classes that fall into it, where there are several."""
        members: dict[str, list[str]] = {}
        for name, target in zip(self.source.names, self.index, strict=True):
            if target != OUTSIDE:
                members.setdefault(self.target.names[target], []).append(name)
        return {name: tuple(sources) for name, sources in members.items() if len(sources) > 1}


def apply(coarser: NDArray[np.int64], predicted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Class indices, any shape, as those of coarser classes, where class k falls into ``coarser[k]``, (K,)."""
    return np.where(predicted == OUTSIDE, OUTSIDE, coarser[predicted])


def apply_set(coarser: NDArray[np.int64], classes: Iterable[int]) -> frozenset[int]:
    """The coarser classes, `OUTSIDE` among them, into which some of ``classes`` fall."""
    return frozenset(OUTSIDE if one == OUTSIDE else int(coarser[one]) for one in classes)


def standing_in_the_way(source: Taxonomy, target: Taxonomy) -> Mapping[str, tuple[str, ...]]:
    """Source classes that do not fall into one target class -> their leaves.

    Leaves that the target declares outside stand in nobody's way: no image of them is judged there.
    """
    blocked = {}
    for name, leaves in source.classes.items():
        if len({target.index_of.get(leaf, OUTSIDE) for leaf in leaves - target.outside}) > 1:
            blocked[name] = tuple(sorted(leaves))
    return blocked


def project(source: Taxonomy, target: Taxonomy) -> Projection:
    """The projection of ``source`` onto ``target``; `TaxonomyError` names the leaves that stand in the way."""
    covered = frozenset(target.index_of) | target.outside
    if strangers := sorted(frozenset(source.index_of) - covered):
        raise TaxonomyError(
            f"Taxonomy {target.name!r} does not know leaf {strangers[0]!r} of {source.name!r}; "
            "they belong to different workspaces or versions."
        )
    if blocked := standing_in_the_way(source, target):
        name, leaves = next(iter(blocked.items()))
        raise TaxonomyError(
            f"Taxonomy {source.reference!r} cannot be projected onto {target.reference!r}: "
            f"class {name!r} holds {', '.join(leaves)}, which fall into different classes there."
        )
    index = [
        target.index_of[min(leaves - target.outside)] if leaves - target.outside else OUTSIDE
        for leaves in source.classes.values()
    ]
    return Projection(source, target, np.array(index, dtype=np.int64))


def common_ground(taxonomies: Sequence[Taxonomy]) -> Taxonomy:
    """The finest taxonomy that all of ``taxonomies`` project onto (finest common coarsening).

    Two leaves share a class as soon as one of the taxonomies cannot tell them apart:
    union-find over the leaves that every taxonomy knows; all other leaves are outside.
    """
    if not taxonomies:
        raise TaxonomyError("Choose at least one taxonomy to find the common ground of.")
    known = frozenset.intersection(*(frozenset(taxonomy.index_of) for taxonomy in taxonomies))
    seen = frozenset().union(*(frozenset(t.index_of) | t.outside for t in taxonomies))
    shared = _connected(taxonomies, known)
    if not shared:
        raise TaxonomyError("These taxonomies share no leaf that each of them knows; nothing can be compared.")
    coarsest = min(taxonomies, key=lambda taxonomy: len(taxonomy.classes))
    shared.sort(key=lambda group: min(coarsest.index_of[leaf] for leaf in group))
    classes: dict[str, Label] = {}
    for group in shared:
        classes[_group_name(group, taxonomies, coarsest, taken=classes)] = group
    for taxonomy in taxonomies:
        if list(classes.items()) == list(taxonomy.classes.items()) and seen - known == taxonomy.outside:
            return taxonomy
    names = " & ".join(dict.fromkeys(taxonomy.reference for taxonomy in taxonomies))
    return Taxonomy(f"common ground of {names}", classes, outside=seen - known)


def _connected(taxonomies: Sequence[Taxonomy], known: Label) -> list[Label]:
    parent: dict[str, str] = {}

    def root(leaf: str) -> str:
        parent.setdefault(leaf, leaf)
        while parent[leaf] != leaf:
            parent[leaf] = parent[parent[leaf]]
            leaf = parent[leaf]
        return leaf

    for taxonomy in taxonomies:
        for leaves in taxonomy.classes.values():
            members = sorted(leaves & known)
            for leaf in members:
                parent[root(leaf)] = root(members[0])
    groups: dict[str, set[str]] = {}
    for leaf in parent:
        groups.setdefault(root(leaf), set()).add(leaf)
    return [frozenset(group) for group in groups.values()]


def _group_name(group: Label, taxonomies: Sequence[Taxonomy], coarsest: Taxonomy, taken: Mapping[str, Label]) -> str:
    for taxonomy in (coarsest, *taxonomies):
        for name, leaves in taxonomy.classes.items():
            if leaves == group and name not in taken:
                return name
    members = [name for name, leaves in coarsest.classes.items() if leaves & group]
    others = [name for name, leaves in coarsest.classes.items() if not leaves & group]
    if len(members) > 3 and len(others) <= 2:
        name = "not " + " or ".join(others) if others else "anything"
    elif len(members) > 3:
        name = f"{members[0]}, {members[1]} and {len(members) - 2} more"
    else:
        name = " or ".join(members)
    while name in taken:
        name += "'"
    return name
