"""Classes as leaves: the finest level declares them, and every level is a taxonomy over them."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from model_zoo.core.errors import LabelError
from model_zoo.core.labels import Label, LeafSpace, join_values
from model_zoo.core.taxonomy import Taxonomy
from model_zoo.importing.source import Row, SourceError, shown

MAX_CLASSES = 5_000


def declared(rows: Iterable[Row], level: str) -> LeafSpace:
    """The leaf space in which each class of the finest level is a leaf without parts, in the order of their names."""
    names = sorted({row.labels[0] for row in rows} - {""})
    if not names:
        raise SourceError(
            "No image has a label, so there is nothing to declare; say which column holds it with --label."
        )
    if len(names) > MAX_CLASSES:
        raise SourceError(
            f"{shown(level)} has {len(names):,} classes, such as {shown(names[0])}; at most {MAX_CLASSES:,} are "
            "declared: choose another column with --label."
        )
    return LeafSpace((), tuple(names))


def label_of(text: str, space: LeafSpace, where: str) -> Label:
    """The leaf of that name, else the label that ``text`` writes in ``space``; '' is unknown."""
    if not text:
        return space.everything
    if (leaf := join_values((text,))) in space.everything:
        return frozenset({leaf})
    try:
        return space.parse(text)
    except LabelError as error:
        raise SourceError(f"{where}: this workspace has no label {shown(text)} ({error})") from error


def taxonomies(rows: Sequence[Row], levels: Sequence[str], space: LeafSpace) -> tuple[Taxonomy, ...]:
    """A taxonomy per level over the leaves of `declared`, class order as their names are sorted.

    `SourceError` where images of one leaf are of two coarser classes. A leaf that has no class in a level is outside.
    """
    made = []
    for k, name in enumerate(_names(levels)):
        owner: dict[str, tuple[str, Row]] = {}
        for row in rows:
            if not row.labels[0]:
                continue
            leaf = join_values((row.labels[0],))
            known = owner.setdefault(leaf, (row.labels[k], row))
            if known[0] != row.labels[k]:
                raise SourceError(
                    f"{shown(row.labels[0])} is both {shown(known[0])} ({known[1].where}) and {shown(row.labels[k])} "
                    f"({row.where}) in {shown(levels[k])}; a coarser level must follow from the finest: mend it or "
                    "leave it out."
                )
        classes: dict[str, set[str]] = {}
        for leaf, (class_name, _) in owner.items():
            classes.setdefault(class_name, set()).add(leaf)
        outside = frozenset(classes.pop("", ()))
        if not classes:
            raise SourceError(f"{shown(levels[k])} has no class at all; leave it out.")
        ordered: Mapping[str, Label] = {one: frozenset(classes[one]) for one in sorted(classes)}
        made.append(Taxonomy(name, ordered, outside, "As imported.").check(space))
    return tuple(made)


def alike(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Groups of names that differ in case, spaces or Unicode form alone."""
    groups: dict[str, list[str]] = {}
    for name in names:
        key = " ".join(unicodedata.normalize("NFKC", name).casefold().replace("_", " ").replace("-", " ").split())
        groups.setdefault(key, []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _names(levels: Sequence[str]) -> list[str]:
    """Names that can stand in a path: taxonomies and their runs are files."""
    names: list[str] = []
    for level in levels:
        name = plain_name(level, "classes")
        while name in names:
            name += "_"
        names.append(name)
    return names


def plain_name(text: str, otherwise: str) -> str:
    """``text`` with everything that may not name a file of ours made ``_``, at most 60 characters."""
    name = re.sub(r"[^\w-]+", "_", text).strip("_-")[:60]
    return name or otherwise
