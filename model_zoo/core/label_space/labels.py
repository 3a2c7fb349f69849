"""Leaf classes and labels: a label is the set of leaf classes that an image may be.

A *leaf* is one combination of part values (or a lone leaf without parts), written
``bpd.placed.present``. A *label* is the non-empty set of leaves an image may be.
Labels are written as patterns: ``*.none.present`` (structure unknown), alternatives
joined by ``|``, and ``*`` alone for "anything". A backslash escapes ``. | *`` and itself.
"""

import itertools
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from model_zoo.core.errors import LabelError

Label = frozenset[str]

UNKNOWN = None
MAX_COMBINATIONS = 1_000_000
"""Of the values of all parts; each is made, and looked at for every pattern of a label."""

_SPECIAL = re.compile(r"([\\.|*])")


@dataclass(frozen=True, slots=True)
class Part:
    """One aspect of a label, such as ``markers``, and the values it can take."""

    name: str
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.name or not self.values or not all(self.values):
            raise LabelError(f"Part {self.name!r} needs a name and at least one value, none of them empty.")
        if len(set(self.values)) < len(self.values):
            raise LabelError(f"Part {self.name!r} lists a value twice: {', '.join(self.values)}.")
        for value in self.values:
            _check_edges(value, f"Value {value!r} of part {self.name!r}")


@dataclass(frozen=True)
class LeafSpace:
    """The parts, values and allowed combinations that a workspace declares.

    ``forbidden`` lists partial combinations (part name -> value) that no image can be;
    ``lone`` lists leaves that have no parts at all.
    """

    parts: tuple[Part, ...]
    lone: tuple[str, ...] = ()
    forbidden: tuple[Mapping[str, str], ...] = ()

    def __post_init__(self) -> None:
        names = [part.name for part in self.parts]
        if len(set(names)) < len(names):
            raise LabelError(f"Each part needs a name of its own; got {', '.join(names)}.")
        for leaf in self.lone:
            _check_edges(leaf, f"Lone leaf {leaf!r}")
        for combination in self.forbidden:
            for name, value in combination.items():
                self._check_value(name, value)
        if self.parts and (n := math.prod(len(part.values) for part in self.parts)) > MAX_COMBINATIONS:
            shown = f"{n:,}" if n < 10**15 else "very many"
            raise LabelError(
                f"The parts have {shown} combinations, at most {MAX_COMBINATIONS:,}; declare fewer values."
            )
        if not self.leaves:
            raise LabelError("The leaf space allows no leaf at all; declare a part with values or a lone leaf.")
        if twice := [leaf for leaf, n_times in Counter(self.leaves).items() if n_times > 1]:
            raise LabelError(
                f"Leaf {twice[0]!r} is declared twice, as a lone leaf or a combination; rename one of them."
            )

    @cached_property
    def leaves(self) -> tuple[str, ...]:
        """All leaves: the allowed combinations in the order of the parts' values, then the lone ones."""
        combinations = itertools.product(*(part.values for part in self.parts)) if self.parts else iter(())
        allowed = [values for values in combinations if not self._is_forbidden(values)]
        return tuple(join_values(values) for values in allowed) + tuple(_escape(leaf) for leaf in self.lone)

    @cached_property
    def values_of(self) -> Mapping[str, tuple[str, ...]]:
        """Leaf -> its value per part, in part order; ``()`` for a lone leaf."""
        combinations = itertools.product(*(part.values for part in self.parts)) if self.parts else iter(())
        known: dict[str, tuple[str, ...]] = {
            join_values(values): values for values in combinations if not self._is_forbidden(values)
        }
        return known | {_escape(leaf): () for leaf in self.lone}

    @cached_property
    def everything(self) -> Label:
        """The label that says nothing: every leaf."""
        return frozenset(self.leaves)

    def parse(self, text: str) -> Label:
        """The label that ``text`` writes; `LabelError` names the first thing in it that does not exist."""
        label: set[str] = set()
        for pattern in dict.fromkeys(one.strip() for one in _split(text.strip(), "|")):  # each once: a text repeats
            label |= self._expand(pattern, text)
        return frozenset(label)

    def format(self, label: Label) -> str:
        """The shortest text that `parse` reads back as ``label``."""
        self.check(label)
        if label == self.everything and len(self.leaves) > 1:  # of a single leaf everything is known
            return "*"
        boxed = [leaf for leaf in self.leaves if leaf in label and self.values_of[leaf]]
        lone = [leaf for leaf in self.leaves if leaf in label and not self.values_of[leaf]]
        if len(boxed) > 1 and (pattern := self._as_pattern(boxed)):
            boxed = [pattern]
        return "|".join(boxed + lone)

    def check(self, label: Label) -> Label:
        """``label`` itself if it is a non-empty set of leaves of this space, else `LabelError`."""
        if not label:
            raise LabelError("A label needs at least one leaf; '*' says that nothing is known.")
        if strangers := sorted(label - self.everything):
            raise LabelError(f"No leaf {strangers[0]!r} in this workspace.{self._did_you_mean(strangers[0])}")
        return label

    def parts_of(self, label: Label) -> dict[str, str | None]:
        """Part name -> its value where the label settles it, else ``None`` (unknown or not applicable)."""
        settled: dict[str, str | None] = {}
        for index, part in enumerate(self.parts):
            values = {self.values_of[leaf][index] if self.values_of[leaf] else None for leaf in label}
            settled[part.name] = values.pop() if len(values) == 1 else UNKNOWN
        return settled

    def edit(self, label: Label, changes: Mapping[str, str | None]) -> Label:
        """``label`` with some parts set (``None`` = unknown) and every other part kept.

        Raises `LabelError` when no allowed combination is left.
        """
        self.check(label)
        for name, value in changes.items():
            self._check_value(name, value)
        if not changes:
            return label
        edited = {leaf for leaf, values in self.values_of.items() if values and self._reachable(values, label, changes)}
        if not edited:
            wanted = ", ".join(f"{name} = {value or 'unknown'}" for name, value in changes.items())
            raise LabelError(f"No allowed combination has {wanted} beside the other parts; change those too.")
        return frozenset(edited)

    def answer(self, label: Label, leaves: Label) -> Label:
        """What ``label`` becomes when somebody says "it is one of ``leaves``" (a class).

        Only the parts that the class settles against the label change; the others are kept.
        """
        self.check(leaves)
        if both := self.check(label) & leaves:
            return both
        kept = [index for index in range(len(self.parts)) if self._values(leaves, index) & self._values(label, index)]
        narrowed = {
            leaf
            for leaf in leaves
            if any(all(self._value(leaf, i) == self._value(old, i) for i in kept) for old in label)
        }
        return frozenset(narrowed) or leaves

    def _reachable(self, values: tuple[str, ...], label: Label, changes: Mapping[str, str | None]) -> bool:
        for part, value in zip(self.parts, values, strict=True):
            if changes.get(part.name) not in (None, value):
                return False
        kept = [index for index, part in enumerate(self.parts) if part.name not in changes]
        return any(
            not self.values_of[old] or all(self.values_of[old][index] == values[index] for index in kept)
            for old in label
        )

    def _values(self, label: Label, index: int) -> set[str]:
        return {self.values_of[leaf][index] for leaf in label if self.values_of[leaf]}

    def _value(self, leaf: str, index: int) -> str | None:
        values = self.values_of[leaf]
        return values[index] if values else None

    def _as_pattern(self, boxed: Sequence[str]) -> str | None:
        fields = []
        for index, part in enumerate(self.parts):
            values = {self.values_of[leaf][index] for leaf in boxed}
            if len(values) > 1 and len(values) < len(part.values):
                return None
            fields.append(_escape(values.pop()) if len(values) == 1 else "*")
        pattern = ".".join(fields)
        return pattern if pattern != "*" and self.parse(pattern) == frozenset(boxed) else None

    def _expand(self, pattern: str, text: str) -> Label:
        if pattern == "*":
            return self.everything
        if pattern in self.everything:
            return frozenset({pattern})
        fields = [field if field == "*" else _unescape(field) for field in _split(pattern, ".")]
        if len(fields) != len(self.parts):
            shape = ".".join(part.name for part in self.parts)
            raise LabelError(
                f"Cannot read label {text!r}: {pattern!r} is no lone leaf and not of the form {shape!r}."
                + self._did_you_mean(pattern)
            )
        for part, field in zip(self.parts, fields, strict=True):
            if field != "*":
                self._check_value(part.name, field)
        label = frozenset(
            leaf
            for leaf, values in self.values_of.items()
            if values and all(field in ("*", value) for field, value in zip(fields, values, strict=True))
        )
        if not label:
            raise LabelError(f"Label {text!r} names no allowed combination of this workspace.")
        return label

    def _is_forbidden(self, values: tuple[str, ...]) -> bool:
        named = {part.name: value for part, value in zip(self.parts, values, strict=True)}
        return any(all(named[name] == value for name, value in combination.items()) for combination in self.forbidden)

    def _check_value(self, name: str, value: str | None) -> None:
        for part in self.parts:
            if part.name == name:
                if value is not None and value not in part.values:
                    close = get_close_matches(value, part.values, 1)
                    hint = f"Did you mean {close[0]!r}?" if close else f"It can be {', '.join(part.values)}."
                    raise LabelError(f"No value {value!r} in part {name!r}. {hint}")
                return
        raise LabelError(f"No part {name!r} in this workspace; it has {', '.join(part.name for part in self.parts)}.")

    def _did_you_mean(self, text: str) -> str:
        close = get_close_matches(text, self.leaves, 1)
        return f" Did you mean {close[0]!r}?" if close else ""


def join_values(values: Sequence[str]) -> str:
    """The leaf with these part values, each escaped, joined by dots."""
    return ".".join(_escape(value) for value in values)


def _check_edges(text: str, what: str) -> None:
    if not text or text != text.strip():  # `parse` strips around | so that labels can be typed with spaces
        raise LabelError(f"{what} is empty or has spaces around it; write it without them.")


def _escape(value: str) -> str:
    return _SPECIAL.sub(r"\\\1", value)


def _unescape(field: str) -> str:
    return re.sub(r"\\(.)", r"\1", field)


def _split(text: str, separator: str) -> list[str]:
    fields, current, escaped = [], "", False
    for character in text:
        if escaped or character != separator:
            current += character
            escaped = character == "\\" and not escaped
        else:
            fields.append(current)
            current = ""
    return [*fields, current]
