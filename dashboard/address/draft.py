"""Drafts of taxonomies, written to and read from a page's address. No Streamlit here."""

import json
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from dashboard.address.fields import Query, text
from model_zoo.core.errors import LinkError
from model_zoo.core.label_space.edits import BringBack, Edit, Merge, MoveOutside, Rename, Reorder, SplitByPart, SplitOff
from model_zoo.core.label_space.labels import LeafSpace

MAX_DRAFT = 6000
"""Characters of an address that a draft may take: servers and browsers refuse far longer ones."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A taxonomy being edited: the version it starts from and the steps since.

    All of it is in the address, not on disk: it survives a reload, each step is one step back in the browser,
    a link hands it to a colleague, and two people's drafts never meet. ``name`` and ``description`` are ``None``
    while they are those of ``base``, a reference such as ``fine.v1``.
    """

    base: str
    edits: tuple[Edit, ...] = ()
    name: str | None = None
    description: str | None = None

    def with_step(self, edit: Edit) -> "Draft":
        """This draft with one more edit."""
        return replace(self, edits=(*self.edits, edit))

    def query(self, space: LeafSpace) -> dict[str, list[str]]:
        """The parameters that `read_draft` reads back; `LinkError` when they are too long for an address."""
        parameters = {
            "taxonomy": [self.base],
            "step": [_written(edit, space) for edit in self.edits],
            "name": [] if self.name is None else [self.name],
            "description": [] if self.description is None else [self.description],
        }
        if len(urlencode(parameters, doseq=True)) > MAX_DRAFT:
            raise LinkError("This draft has grown too long for an address; save it and go on from there.")
        return parameters


def read_draft(query: Query, default: str, space: LeafSpace) -> Draft:
    """The draft that an address holds; `LinkError` for a step that cannot be read."""
    return Draft(
        text(query, "taxonomy") or default,
        tuple(_read_step(step, space) for step in query.get("step", ())),
        text(query, "name"),
        text(query, "description"),
    )


def _written(edit: Edit, space: LeafSpace) -> str:
    """An edit as a JSON list: its kind, then its fields in their order, leaves as a pattern."""
    match edit:
        case Merge(names, into):
            values: list[object] = ["merge", names, into]
        case SplitByPart(name, part):
            values = ["split", name, part]
        case SplitOff(name, leaves, new):
            values = ["off", name, space.format(leaves), new]
        case Rename(name, new):
            values = ["rename", name, new]
        case Reorder(name, position):
            values = ["move", name, position]
        case MoveOutside(leaves):
            values = ["outside", space.format(leaves)]
        case BringBack(leaves, name):
            values = ["back", space.format(leaves), name]
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def _read_step(step: str, space: LeafSpace) -> Edit:
    try:
        values = json.loads(step)
    except (ValueError, RecursionError):
        values = None
    match values:
        case ["merge", [*names], str(into)] if all(isinstance(name, str) for name in names):
            return Merge(tuple(names), into)
        case ["split", str(name), str(part)]:
            return SplitByPart(name, part)
        case ["off", str(name), str(leaves), str(new)]:
            return SplitOff(name, space.parse(leaves), new)
        case ["rename", str(name), str(new)]:
            return Rename(name, new)
        case ["move", str(name), int(position)] if type(position) is int and abs(position) < 1_000_000:
            return Reorder(name, position)
        case ["outside", str(leaves)]:
            return MoveOutside(space.parse(leaves))
        case ["back", str(leaves), str(name)]:
            return BringBack(space.parse(leaves), name)
    raise LinkError(f"The address holds a step that cannot be read: {step[:100]!r}; take it out or start over.")
