"""Reads cells of labels: what is no label, numbers, several labels in one cell, columns of 0 and 1.

What can be meant in several ways is never guessed: `SourceError` asks, and names the options that answer.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from model_zoo.importing.source import LabelCells, Row, SourceError, Wording, counted, shown
from model_zoo.importing.text_encoding import decode_text, nfc
from model_zoo.untrusted.limits import bytes_of
from model_zoo.untrusted.parser_errors import parser_errors_as_ours

if TYPE_CHECKING:
    from model_zoo.importing.tables import Table

MISSING = frozenset({"nan", "na", "n/a", "#n/a", "<na>", "null", "none", "nil", "-", "?"})
"""Texts that programs write for no value, in any case; each may also be a class."""

SEPARATORS = ("|", ";")
ANNOTATOR = ("reviewer", "annotator", "labeller", "rater", "who")
AT_MOST = 5
AS_WRITTEN = f"--label-cells {LabelCells.AS_WRITTEN}"
_WHOLE = re.compile(r"(0|[1-9][0-9]{0,8})(\.0+)?")


@dataclass(frozen=True)
class ReadLabels:
    """The classes of each row, one per level; ``others`` row -> further finest classes; ``told`` in sentences."""

    labels: Sequence[tuple[str, ...]]
    others: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    told: tuple[str, ...] = ()


def label_cells(table: "Table", columns: Sequence[str], in_parts: bool, wording: Wording) -> ReadLabels:
    """The cells of ``columns``, the finest classes first, each column read in one way; ('',) without columns."""
    if not columns:
        return ReadLabels([("",)] * len(table.rows))
    told: list[str] = []
    read: list[list[str]] = []
    others: dict[int, tuple[str, ...]] = {}
    for level, name in enumerate(columns):
        at, where = table.names.index(name), f"{table.title}: column {shown(name)}"
        texts = [nfc(row[at]) for row in table.rows]
        is_finest = level == 0 and not in_parts
        ways = _single(Counter(texts), where, wording, is_finest, told)
        if is_finest:
            several = _several(ways, where, wording)
            others = {k: several[text][1:] for k, text in enumerate(texts) if text in several}
            ways = {text: several.get(text, (one,))[0] for text, one in ways.items()}
            told += [_told_of_several(others)] if others else []
        read.append([ways[text] for text in texts])
    return ReadLabels(list(zip(*read, strict=True)), others, tuple(told))


def one_hot_columns(table: "Table", taken: Collection[str], wording: Wording) -> tuple[str, ...]:
    """The columns of 0 and 1 that are the classes of a table without labels; () where there are none.

    `SourceError` asks where each row has one 1, or says which row has not.
    """
    free = [name for name in table.names if name not in taken]
    found = [
        name
        for name, cells in zip(table.names, zip(*table.rows, strict=True), strict=True)
        if name in free and {_number(cell) for cell in set(cells)} <= {"0", "1"}
    ]
    ones = [[table.names.index(name) for name in found]]
    odd = next((k for k, row in enumerate(table.rows) if sum(_number(row[j]) == "1" for j in ones[0]) != 1), None)
    if len(found) < 2 or odd is not None:
        if wording.one_hot:
            why = f"row {odd + 1:,} has not one 1" if odd is not None and len(found) > 1 else "there are fewer than two"
            raise SourceError(
                f"{table.title}: the columns of 0 and 1 ({_listed(found) or 'none'}) are not one class a row: {why}; "
                "leave other columns of 0 and 1 out of the table."
            )
        return ()
    if not wording.one_hot:
        raise SourceError(
            f"{table.title}: no column is called as one of labels, and {counted(len(found), 'column')} "
            f"({_listed(found)}) have one 1 in each row; give --one-hot to take them for the classes, or name the "
            "column of labels with --label."
        )
    return tuple(found)


def one_hot_cells(table: "Table", columns: Sequence[str]) -> ReadLabels:
    """The name of the column that has the 1, for each row."""
    places = [table.names.index(name) for name in columns]
    labels = [(nfc(next(table.names[j] for j in places if _number(row[j]) == "1")),) for row in table.rows]
    return ReadLabels(labels, told=(f"Label: the column of {_listed(columns)} that holds 1.",))


def merged_rows(
    rows: Sequence[Row], table: "Table", in_parts: bool, wording: Wording
) -> tuple[tuple[Row, ...], list[str]]:
    """The rows with each image once, and sentences about those that are listed several times.

    The same label counts once. Other labels are refused, or with ``wording.opinions`` the image has one of them. Rows
    of one id that differ in file, patient or split are left as they are.
    """
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.image_id, row.file, row.patient_id, row.split), []).append(row)
    several = [group for group in groups.values() if len(group) > 1]
    if not several:
        return tuple(rows), []
    differ = [group for group in several if len({(row.labels, row.others) for row in group}) > 1]
    told = []
    if n_same := len(several) - len(differ):
        group = next(group for group in several if group not in differ)
        told.append(
            f"{counted(n_same, 'image')} {'is' if n_same == 1 else 'are'} listed several times with the same label, "
            f"such as {shown(group[0].image_id)} ({group[0].where}, {group[1].where}); each counts once."
        )
    if differ:
        told.append(_contradictions(differ, table, wording))
    return tuple(_merged(group, in_parts) for group in groups.values()), told


def read_class_names(path: Path, encoding: str = "") -> tuple[tuple[str, str], ...]:
    """(number, name) for each line of a text file: ``0 Name``, ``0: Name``, or names alone, then the number is ''.

    `SourceError` in one sentence.
    """
    title = f"Class names {shown(path.name)}"
    with parser_errors_as_ours(title, SourceError, "give a name a line", unreadable="give a file with a name a line"):
        if bytes_of(path) > 2**20:
            raise SourceError(f"{title} have more than a megabyte; give a file with a name a line.")
        text = decode_text(path.read_bytes(), title, encoding).text
    return parse_class_names(text, title)


def parse_class_names(text: str, title: str = "Class names") -> tuple[tuple[str, str], ...]:
    """As `read_class_names`; lines are numbered where all are, each by its own number."""
    lines = [nfc(line.strip()) for line in text.splitlines() if line.strip()]
    numbered = [re.fullmatch(r"([0-9]{1,9})(?:\s*[:,;=\t]\s*|\s+)(\S.*)", line) for line in lines]
    pairs = [(str(int(one[1])), one[2]) for one in numbered if one]
    if not lines or len(pairs) < len(lines) or len({number for number, _ in pairs}) < len(pairs):
        pairs = [("", line) for line in lines]
    names = [name for _, name in pairs]
    if not names or len(set(names)) < len(names):
        twice = next((name for name in names if names.count(name) > 1), "")
        got = f"name {shown(twice)} twice" if twice else "hold no name"
        raise SourceError(f"{title} {got}; give each class its own name, a line each.")
    return tuple(pairs)


def _single(texts: Mapping[str, int], where: str, wording: Wording, is_finest: bool, told: list[str]) -> dict[str, str]:
    """Each text of a column -> what it says, before it is parted: '' for no label, 1 for 1.0, names for numbers."""
    no_label = {one.casefold() for one in wording.missing}
    unclear = [text for text in texts if text.casefold() in MISSING - no_label]
    if unclear and wording.cells is not LabelCells.AS_WRITTEN:
        n = sum(texts[one] for one in unclear)
        raise SourceError(
            f"{where} has {counted(n, 'cell')} of {_listed(unclear)}, which can be no label or a class of that name; "
            f"give --missing {quote(','.join(unclear))}, or {AS_WRITTEN}."
        )
    ways = {text: "" if text.casefold() in no_label else text for text in texts}
    if n := sum(texts[text] for text, one in ways.items() if text and not one):
        told.append(f"{counted(n, 'cell')} of {_listed(wording.missing)} {'is' if n == 1 else 'are'} read as no label.")
    ways = _whole_numbers(ways, where, wording, told)
    return _named(ways, where, wording, told) if is_finest else ways


def _whole_numbers(ways: dict[str, str], where: str, wording: Wording, told: list[str]) -> dict[str, str]:
    said = [one for one in ways.values() if one]
    decimal = [one for one in said if (match := _WHOLE.fullmatch(one)) and match[2]]
    if not decimal or wording.cells is LabelCells.AS_WRITTEN:
        return ways
    both = next((one for one in decimal if _number(one) in said), "")
    if both and wording.cells is None:
        raise SourceError(
            f"{where} has {shown(_number(both))} and {shown(both)}, one class if these are numbers; give --label-cells "
            f"{LabelCells.NUMBERS}, or {AS_WRITTEN} if they are two."
        )
    if wording.cells is None and not all(_WHOLE.fullmatch(one) for one in said):
        return ways
    told.append(f"Numbers are read without decimals: {shown(decimal[0])} is {shown(_number(decimal[0]))}.")
    return {text: _number(one) for text, one in ways.items()}


def _named(ways: dict[str, str], where: str, wording: Wording, told: list[str]) -> dict[str, str]:
    said = {one for one in ways.values() if one}
    are_numbers = bool(said) and all(one.isdecimal() for one in said)
    if not wording.class_names:
        if are_numbers and len(said) > 1:
            told.append("Classes are numbers; --class-names FILE names them, a line each.")
        return ways
    if said <= {name for _, name in wording.class_names}:
        return ways
    if not are_numbers:
        strange = min(one for one in said if not one.isdecimal())
        raise SourceError(f"{where} has {shown(strange)}, which is no number; --class-names names numbers alone.")
    names = _numbered(wording.class_names, said, where)
    if lacking := sorted(said - names.keys(), key=int):
        raise SourceError(
            f"{where} has {shown(lacking[0])}, and the class names have {_listed(list(names))}; add a line "
            f"'{lacking[0]} NAME'."
        )
    first = next(iter(names))
    told.append(f"Classes are numbers, named by --class-names: {first} is {shown(names[first])}.")
    return {text: names[one] if one else "" for text, one in ways.items()}


def _numbered(class_names: Sequence[tuple[str, str]], said: Collection[str], where: str) -> dict[str, str]:
    """Number -> name; names without numbers are counted from 0, or from 1 if only so all numbers have a name."""
    if class_names[0][0]:
        return dict(class_names)
    ends = min(map(int, said)), max(map(int, said))
    if ends[0] > 0 and ends[1] < len(class_names):
        raise SourceError(
            f"{where} has numbers from {ends[0]} to {ends[1]}, and {counted(len(class_names), 'class name')} can be "
            f"counted from 0 or from 1; write the number before each name: '0 {class_names[0][1]}' or "
            f"'1 {class_names[0][1]}'."
        )
    start = 1 if ends[1] == len(class_names) and ends[0] > 0 else 0
    return {str(k): name for k, (_, name) in enumerate(class_names, start=start)}


def _several(ways: Mapping[str, str], where: str, wording: Wording) -> dict[str, tuple[str, ...]]:
    """Text -> the labels that it names, of those that name several."""
    alone = set(ways.values())
    if not wording.separator:
        for separator in SEPARATORS if wording.cells is not LabelCells.AS_WRITTEN else ():
            parted = {text: _pieces(one, separator) for text, one in ways.items() if separator in one}
            unclear = [
                text for text, some in parted.items() if len(some) > 1 and (separator == "|" or alone & set(some))
            ]
            if unclear:
                raise SourceError(
                    f"{where} has {counted(len(unclear), 'label')} such as {shown(unclear[0])}, which can be several "
                    f"labels in one cell or one name; give --separator {quote(separator)} (the image has one of them, "
                    f"which is not known), or {AS_WRITTEN}."
                )
        return {}
    parted = {text: _pieces(one, wording.separator) for text, one in ways.items()}
    return {text: some for text, some in parted.items() if len(some) > 1}


def _pieces(text: str, separator: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.strip() for one in text.split(separator) if one.strip()))


def _told_of_several(others: Mapping[int, tuple[str, ...]]) -> str:
    n = len(others)
    return f"{counted(n, 'image')} {'has' if n == 1 else 'have'} one of several labels; which is not known."


def _contradictions(groups: Sequence[Sequence[Row]], table: "Table", wording: Wording) -> str:
    n, group = len(groups), groups[0]
    other = next(row for row in group if (row.labels, row.others) != (group[0].labels, group[0].others))
    such = (
        f"{counted(n, 'image')} {'is' if n == 1 else 'are'} listed with several labels, such as "
        f"{shown(group[0].image_id)} ({shown(group[0].labels[0])} in {group[0].where}, {shown(other.labels[0])} in "
        f"{other.where})"
    )
    has_annotator = any(name.casefold() in ANNOTATOR for name in table.names)
    after = "store each label as an opinion with `taxoscope labels import` and the same table"
    after += "" if has_annotator else ", with a column annotator that says who gave it"
    if not wording.opinions:
        raise SourceError(
            f"{table.title}: {such}; keep one line of each, or give --opinions: the image then has one of its labels, "
            f"which is not known, and you {after}."
        )
    return f"{such}; each has one of them, which is not known: {after}."


def _merged(group: Sequence[Row], in_parts: bool) -> Row:
    if in_parts:  # what rows disagree about is unknown
        pairs = zip(*(row.labels for row in group), strict=True)
        return replace(group[0], labels=tuple(some[0] if len(set(some)) == 1 else "" for some in pairs))
    classes = tuple(dict.fromkeys(one for row in group for one in (row.labels[0], *row.others) if one))
    first = next((row for row in group if row.labels[0]), group[0])
    return replace(first, others=classes[1:])


def _number(text: str) -> str:
    """``1`` of ``1.0``; any other text as it is."""
    match = _WHOLE.fullmatch(text)
    return match[1] if match else text


def _listed(texts: Iterable[str]) -> str:
    some = list(texts)
    rest = f" and {len(some) - AT_MOST:,} more" if len(some) > AT_MOST else ""
    return ", ".join(map(shown, some[:AT_MOST])) + rest
