"""Leaf classes and taxonomies that imported labels declare."""

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from model_zoo.core.errors import LabelError
from model_zoo.core.label_space.labels import Label, LeafSpace, Part, join_values
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.importing.source import Row, Source, SourceError, shown
from model_zoo.importing.text_encoding import nfc

MAX_CLASSES = 5_000
_AS_IMPORTED = "As imported."


def declare_labels(source: Source, rows: Iterable[Row]) -> LeafSpace:
    """The leaf space of a source: its finest classes as leaves without parts, or its parts with all their values.

    In the order of their names. Of parts no combination is forbidden: that is for people to say.
    """
    rows = list(rows)
    others = {one for row in rows for one in row.others}
    columns = zip(*(row.labels for row in rows), strict=True)
    seen = [sorted({*values, *(others if k == 0 else ())} - {""}) for k, values in enumerate(columns)]
    named = dict(zip(source.levels, seen, strict=True)) if source.in_parts else {source.levels[0]: seen[0]}
    for name, values in named.items():
        if not values:
            raise SourceError(
                f"No image has a label in {shown(name)}, so there is nothing to declare; name its column."
            )
    if math.prod(map(len, named.values())) > MAX_CLASSES:
        raise SourceError(
            f"{' x '.join(f'{shown(name)} ({len(values):,})' for name, values in named.items())} makes more than "
            f"{MAX_CLASSES:,} leaves; choose another column with --label, or fewer parts."
        )
    if source.in_parts:
        return LeafSpace(tuple(Part(name, tuple(values)) for name, values in named.items()))
    return LeafSpace((), tuple(seen[0]))


def label_of(row: Row, source: Source, space: LeafSpace, made: Sequence[Taxonomy] = ()) -> Label:
    """The leaf of the finest class, else the label that it writes in ``space``; of parts their combination.

    Whatever is '' is unknown: of a finest class then all leaves of the next coarser one in ``made`` (`taxonomies`).
    `SourceError` where the workspace has no such label.
    """
    text = row.labels[0]
    try:
        if source.in_parts:
            said = dict(zip(source.levels, row.labels, strict=True))
            if said.keys() != {part.name for part in space.parts}:
                raise LabelError(f"it has parts {', '.join(part.name for part in space.parts) or 'none'}")
            text = ".".join(join_values((said[part.name],)) or "*" for part in space.parts)
            return space.parse(text)
        if not text:
            coarser = zip(made[1:], row.labels[1:], strict=False)
            return next((one.classes[name] for one, name in coarser if name in one.classes), space.everything)
        return frozenset().union(*(_leaves(text := one, space) for one in (text, *row.others)))
    except LabelError as error:
        raise SourceError(f"{row.where}: this workspace has no label {shown(text)} ({error})") from error


def _leaves(text: str, space: LeafSpace) -> Label:
    """The leaf called ``text``, in whatever Unicode form it was declared, else the label that it writes."""
    leaf = join_values((text,))
    if leaf in space.everything:
        return frozenset({leaf})
    same = [one for one in space.leaves if not one.isascii() and nfc(one) == nfc(leaf)]
    return frozenset(same) if len(same) == 1 else space.parse(text)


def taxonomies(source: Source, rows: Sequence[Row], space: LeafSpace) -> tuple[Taxonomy, ...]:
    """What to look at a source's leaves with (`declare_labels`), class order as names are sorted.

    Of classes a taxonomy per level: `SourceError` where images of one leaf are of two coarser classes; a leaf without
    a class in a level is outside. Of parts a taxonomy per part of two values or more, and one of the leaves.
    """
    if source.in_parts:
        return _of_parts(space)
    levels, made = source.levels, []
    for k, name in enumerate(free_names(levels)):
        owner: dict[str, tuple[str, Row]] = {}
        for row in rows:
            for other in row.others:
                owner.setdefault(join_values((other,)), (other if k == 0 else "", row))
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
        made.append(Taxonomy(name, ordered, outside, _AS_IMPORTED).check(space))
    return tuple(made)


def _of_parts(space: LeafSpace) -> tuple[Taxonomy, ...]:
    names = free_names(["leaves", *(part.name for part in space.parts)])
    made = [Taxonomy(names[0], {leaf: frozenset({leaf}) for leaf in space.leaves}, description=_AS_IMPORTED)]
    for k, part in enumerate(space.parts):
        classes = {
            value: frozenset(leaf for leaf, values in space.values_of.items() if values[k] == value)
            for value in part.values
        }
        if len(classes) > 1 and len(space.parts) > 1:
            made.append(Taxonomy(names[k + 1], classes, description=_AS_IMPORTED))
    return tuple(one.check(space) for one in made)


def equal_columns(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Groups of names that differ in case, spaces or Unicode form alone."""
    groups: dict[str, list[str]] = {}
    for name in names:
        key = " ".join(unicodedata.normalize("NFKC", name).casefold().replace("_", " ").replace("-", " ").split())
        groups.setdefault(key, []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def free_names(levels: Sequence[str]) -> list[str]:
    """Each of ``levels`` as a name of its own that can stand in a path: taxonomies and their runs are files."""
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
