"""How a file writes classes: by name, by index from 0 or 1, or at any depth by the name of an inner node."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from model_zoo.core.errors import ClassValuesError, LabelError
from model_zoo.core.label_space.labels import Label, LeafSpace
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.importing.text_encoding import nfc

AT_MOST = 20


class ClassValues(StrEnum):
    """What the values of a column of classes are."""

    NAMES = "names"
    INDICES = "indices"
    INDICES_FROM_1 = "indices-from-1"

    @property
    def words(self) -> str:
        """As a sentence says it."""
        return _WORDS[self]


_WORDS = {
    ClassValues.NAMES: "class names",
    ClassValues.INDICES: "class indices from 0",
    ClassValues.INDICES_FROM_1: "class indices from 1",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read all values of a column: ``index_of`` text -> class index in [0, K)."""

    values: ClassValues
    index_of: Mapping[str, int]


def readings(texts: Iterable[str], names: Sequence[str]) -> tuple[Reading, ...]:
    """Every way in which all of ``texts`` are classes of ``names`` (K,), in its order; () where none fits.

    A number may have decimals that are zero, as ``1.0`` in a column that has gaps.
    """
    distinct = tuple(dict.fromkeys(texts))
    ways = {
        ClassValues.NAMES: _by_name(names),
        ClassValues.INDICES: {str(k): k for k in range(len(names))},
        ClassValues.INDICES_FROM_1: {str(k + 1): k for k in range(len(names))},
    }
    found = []
    for values, known in ways.items():
        plain = {text: nfc(text) if values is ClassValues.NAMES else text for text in distinct}
        written = {text: one if one in known else _whole(one) for text, one in plain.items()}
        if all(one in known for one in written.values()):
            found.append(Reading(values, {text: known[one] for text, one in written.items()}))
    return tuple(found)


def read_classes(
    texts: Iterable[str], names: Sequence[str], wanted: ClassValues | None = None, option: str = "--prediction-values"
) -> Reading:
    """The way in which all of ``texts`` are classes of ``names`` (K,): ``wanted``, or the only one.

    Ways that give every text the same class are one. `ClassValuesError` where none fits, or where several fit and
    differ: then ``option`` is named, which says what is meant.
    """
    distinct = tuple(dict.fromkeys(texts))
    fitting = readings(distinct, names)
    chosen = [one for one in fitting if wanted in (None, one.values)]
    if not chosen:
        raise ClassValuesError(_why_none(distinct, names, wanted, fitting))
    if any(one.index_of != chosen[0].index_of for one in chosen):
        ways = " or ".join(f"{one.values.words} ({option} {one.values})" for one in chosen)
        raise ClassValuesError(
            f"the values {_listed(distinct)} can be {ways}, and these are different classes of {_listed(names)}: say "
            f"which with {option}."
        )
    return chosen[0]


@dataclass(frozen=True)
class InnerNodes:
    """What a predicted label may name beside the classes of ``taxonomy``.

    ``taxonomies`` are those whose classes may be named, ``space`` reads patterns such as ``left.*``.
    """

    taxonomy: Taxonomy
    taxonomies: Mapping[str, Taxonomy]
    space: LeafSpace

    def classes_of(self, text: str) -> tuple[str, ...]:
        """The classes of the taxonomy that ``text`` may be, in their order.

        A class of the taxonomy comes first, then a class of another taxonomy, then a pattern. `ClassValuesError` for
        what is none of them, or means different classes in different taxonomies.
        """
        wanted = nfc(text)
        if own := next((name for name in self.taxonomy.classes if nfc(name) == wanted), None):
            return (own,)
        named = {
            self._touched(label): one.reference
            for one in self.taxonomies.values()
            for name, label in one.classes.items()
            if nfc(name) == wanted
        }
        if len(named) > 1:
            raise ClassValuesError(
                f"{_shown(text)} is a class of {' and of '.join(named.values())}, which mean different classes of "
                f"{self.taxonomy.reference}; write the leaf classes instead, joined by |."
            )
        try:
            found = next(iter(named), None) or self._touched(self.space.parse(wanted))
        except LabelError as error:
            raise ClassValuesError(
                f"{_shown(text)} is no class of {self.taxonomy.reference} and no inner node: no class of another "
                "taxonomy and no pattern of leaf classes."
            ) from error
        if not found:
            raise ClassValuesError(f"{_shown(text)} lies outside all classes of {self.taxonomy.reference}.")
        return found

    def _touched(self, label: Label) -> tuple[str, ...]:
        return tuple(name for name, leaves in self.taxonomy.classes.items() if not leaves.isdisjoint(label))


def _by_name(names: Sequence[str]) -> Mapping[str, int]:
    return {nfc(name): k for k, name in enumerate(names)}


def _whole(text: str) -> str:
    """``3`` of ``3.0``; any other text as it is, also ``03``, which is a name."""
    number = re.fullmatch(r"(0|[1-9][0-9]{0,8})\.0*", text)
    return number[1] if number else text


def _why_none(
    texts: Sequence[str], names: Sequence[str], wanted: ClassValues | None, fitting: Sequence[Reading]
) -> str:
    last = len(names) - 1
    if wanted and fitting:
        return f"the values {_listed(texts)} are not {wanted.words}; leave that option out, or say {fitting[0].values}."
    if "" in texts:
        return "a value is empty; leave out the rows that have no prediction."
    by_name = _by_name(names)
    named = [text for text in texts if nfc(text) in by_name]
    others = [text for text in texts if nfc(text) not in by_name]
    numbers = [text for text in others if _whole(text).isdigit() and 0 <= int(_whole(text)) <= last + 1]
    if named and numbers and len(numbers) == len(others):
        return (
            f"some values are class names ({_listed(named[:3])}) and others are not ({_listed(numbers[:3])}); write "
            "all of them as names, or all as indices."
        )
    unknown = next((text for text in others if text not in numbers), others[0] if others else texts[0])
    return (
        f"it holds {_shown(unknown)}, which is no class here; there are {_listed(names)}, or numbers from 0 to {last} "
        f"or from 1 to {last + 1} in that order."
    )


def _listed(texts: Sequence[str]) -> str:
    rest = f" and {len(texts) - AT_MOST:,} more" if len(texts) > AT_MOST else ""
    return ", ".join(map(_shown, texts[:AT_MOST])) + rest


def _shown(text: str) -> str:
    cut = text if len(text) <= 60 else text[:59] + "…"
    return f"'{''.join(one if one.isprintable() else ascii(one)[1:-1] for one in cut)}'"
