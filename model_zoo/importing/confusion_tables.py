"""Reads confusion tables from untrusted files."""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from model_zoo.importing.source import MAX_COLUMNS, SourceError, shown
from model_zoo.importing.tables import read_cells
from model_zoo.importing.text_encoding import decode_text, nfc
from model_zoo.untrusted.limits import bytes_of
from model_zoo.untrusted.parser_errors import parser_errors_as_ours
from model_zoo.untrusted.text_limits import load_json

MAX_BYTES = 64 * 2**20
MAX_CLASSES = 1_000
MAX_COUNTED = 500_000
MAX_VALUES = 50_000_000
"""Counted answers times classes: as many numbers are kept."""
MAX_LISTED = 100
MAX_ANSWERS = 1_000
"""Different ones that all labels together list, each of them at most `MAX_LISTED`."""
MAX_PIECES = 20
"""Of one path."""

TRUE = ("true", "true_label", "true_class", "actual", "truth", "ground_truth", "reference", "reference_text", "gold",
        "target", "y_true", "label")  # fmt: skip
PREDICTED = ("predicted", "prediction", "pred", "predicted_label", "predicted_class", "pred_label", "observed",
             "annotation_text", "answer", "y_pred")  # fmt: skip
COUNT = ("count", "counts", "occurrence", "occurrences", "frequency", "freq", "n", "value")
"""How the columns of a long table may be called, in any case, with spaces or _; of several the first counts."""

NOTHING = "none"
"""What a label that lists nothing, ``[]``, is called."""

Paths = tuple[str, ...]
"""What a label says: ``("fruit:citrus:lemon", "taste:sweet")``, of a plain class its name alone; () is nothing."""


@dataclass(frozen=True, slots=True)
class CountColumns:
    """Which column, or key of a JSON record, says what; '' leaves it to be recognised."""

    true: str = ""
    predicted: str = ""
    count: str = ""


@dataclass(frozen=True)
class ConfusionTable:
    """What a file counts: ``counts`` (K, K), rows true and columns predicted, both in the order of ``labels``.

    ``paths`` (K,) says what each label consists of, ``told`` in sentences what was taken for what.
    """

    name: str
    sha256: str
    labels: tuple[str, ...]
    paths: tuple[Paths, ...]
    counts: NDArray[np.int64]
    told: tuple[str, ...] = ()

    @property
    def n_counted(self) -> int:
        """How many answers are counted."""
        return int(self.counts.sum())


@dataclass(frozen=True, slots=True)
class _Cell:
    where: str
    true: Paths
    predicted: Paths
    count: int


def read_confusion_table(
    path: Path, columns: CountColumns = CountColumns(), columns_are_true: bool = False, encoding: str = ""
) -> ConfusionTable:
    """The counts in a CSV, Parquet or JSON file; `SourceError` in one sentence.

    A square table has a class's name before each row and above each column; its rows are the true labels unless
    ``columns_are_true``. A long one has a row for each pair of labels, and so has JSON: a list of records, bare or as
    ``data.values`` of a Vega specification. A pair that is not there was counted 0 times; none may be there twice.
    """
    title = shown(path.name)
    with parser_errors_as_ours(title, SourceError, "export it again", unreadable="check the path"):
        size = bytes_of(path)
        if size > MAX_BYTES:
            raise SourceError(f"{title} has {size:,} bytes; a confusion table has at most {MAX_BYTES:,}.")
        raw = path.read_bytes()
    is_json = path.suffix.lower() == ".json" or raw[:64].lstrip(b"\xef\xbb\xbf \r\n\t")[:1] == b"{"
    names, rows, read_as = _records(raw, title, encoding) if is_json else read_cells(path, encoding=encoding)
    square = None if is_json or any((columns.true, columns.predicted, columns.count)) else _square(names, rows)
    if square is not None:
        cells, told = _of_square(*square, title, columns_are_true)
    elif columns_are_true:
        raise SourceError(f"{title} is no square table; say which of its columns is the true label with --true.")
    else:
        cells, told = _of_rows(names, rows, columns, title)
    labels, paths, counts = _counted(cells, title)
    _check_no_sums(labels, counts, title)
    shorter = [k for k, one in enumerate(paths) if one and labels[k] != ", ".join(one)]
    if shorter:
        example = f"{shown(labels[shorter[0]])} is {shown(', '.join(paths[shorter[0]]), 100)}"
        told.append(f"Labels are paths, and are called by their ends where that is clear: {example}.")
    return ConfusionTable(title, hashlib.sha256(raw).hexdigest(), labels, paths, counts, (*read_as, *told))


def label_texts(labels: Sequence[Paths]) -> tuple[str, ...]:
    """How each label is written: its paths joined by commas, or `NOTHING`.

    Of a path its last piece, ``lemon`` of ``fruit:citrus:lemon``, where no other path of ``labels`` ends so.
    """
    paths = dict.fromkeys(path for one in labels for path in one)
    ends = {path: path.rsplit(":", 1)[-1].strip() for path in paths}
    times = Counter(ends.values())
    called = {path: end if end and times[end] == 1 else path for path, end in ends.items()}
    return tuple(", ".join(called[path] for path in one) or NOTHING for one in labels)


def _records(raw: bytes, title: str, encoding: str) -> tuple[tuple[str, ...], list[Any], tuple[str, ...]]:
    """The keys that any record has, the records, and the encoding in a sentence."""

    def no_number(text: str) -> NoReturn:
        raise ValueError(f"{text} is no number of answers")

    with parser_errors_as_ours(title, SourceError, "export it again", "is damaged or no JSON"):
        decoded = decode_text(raw, title, encoding)
        held = load_json(decoded.text, parse_constant=no_number)
    for key in ("data", "values"):
        held = held.get(key, held) if isinstance(held, dict) else held
    if not isinstance(held, list) or not held or not all(isinstance(one, dict) for one in held):
        raise SourceError(
            f"{title} is no list of counts; expected records such as "
            '{"actual": ["cat"], "observed": ["dog"], "count": 3}, bare or as data.values.'
        )
    names = tuple(dict.fromkeys(name for record in held for name in record))
    if len(names) > MAX_COLUMNS:
        raise SourceError(
            f"{title} has records with {len(names):,} different keys, at most {MAX_COLUMNS:,} are read; give each "
            "record its two labels and its count alone."
        )
    return names, held, decoded.told


def _square(
    names: tuple[str, ...], rows: Sequence[tuple[str, ...]]
) -> tuple[tuple[str, ...], list[tuple[str, tuple[str, ...]]]] | None:
    """The columns' classes, and each row's class with its counts; None where rows and columns name other classes.

    The rows' names stand in the first column, or in the last, where pandas writes them in Parquet.
    """
    names = tuple(map(nfc, names))
    for at in (0, -1):
        others = names[1:] if at == 0 else names[:-1]
        named = [(nfc(row[at]), row[1:] if at == 0 else row[:-1]) for row in rows]
        rows_named = [name for name, _ in named]
        if rows and len(set(others)) == len(others) and sorted(others) == sorted(rows_named):
            positions = [str(k) for k in range(len(others))]
            if list(others) != rows_named and positions in (list(others), rows_named):
                raise SourceError(
                    f"Its rows are called {', '.join(rows_named[:5])}... and its columns {', '.join(others[:5])}...: "
                    "numbers in order may be positions and no names. Write the same names in the same order before the "
                    "rows and above the columns."
                )
            return others, named
    return None


def _of_square(
    columns: tuple[str, ...], rows: Sequence[tuple[str, tuple[str, ...]]], title: str, columns_are_true: bool
) -> tuple[list[_Cell], list[str]]:
    _check_number(len(columns), title)
    of = {name: _paths(name, title, f"class {shown(name)}") for name in columns}
    cells = []
    for row, counts in rows:
        for column, count in zip(columns, counts, strict=True):
            true, predicted = (column, row) if columns_are_true else (row, column)
            where = f"row {shown(row)}, column {shown(column)}"
            cells.append(_Cell(where, of[true], of[predicted], _count(count, title, where)))
    said = (
        "columns are taken for the true labels and rows for the answers, as you said"
        if columns_are_true
        else "rows are taken for the true labels and columns for the answers: nothing in it says so, and "
        "--columns-are-true turns it"
    )
    return cells, [f"A square table of {len(columns):,} classes; {said}."]


def _of_rows(
    names: tuple[str, ...], rows: Sequence[Any], wanted: CountColumns, title: str
) -> tuple[list[_Cell], list[str]]:
    chosen = {
        "True label": _column(names, wanted.true, TRUE, title),
        "Answer": _column(names, wanted.predicted, PREDICTED, title),
        "Count": _column(names, wanted.count, COUNT, title),
    }
    listed = ", ".join(shown(one, 30) for one in names[:10]) or "none"
    if missing := [what.lower() for what, at in chosen.items() if at is None]:
        raise SourceError(
            f"{title} is no table of counts: its first column does not name the classes of all other columns, and no "
            f"column for {' and '.join(missing)} is among {listed}; say which with --true, --predicted and --count."
        )
    places = [at for at in chosen.values() if at is not None]
    if len(set(places)) < 3:
        raise SourceError(f"{title}: one column cannot be two of true label, answer and count; it has {listed}.")
    given = (wanted.true, wanted.predicted, wanted.count)
    values = [[row.get(name) if isinstance(row, dict) else row[k] for row in rows] for k, name in enumerate(names)]
    for at, known, option, said in zip(
        places, (TRUE, PREDICTED, COUNT), ("--true", "--predicted", "--count"), given, strict=True
    ):
        others = [k for k in _recognised(names, known) if k not in places and not said]
        if rival := next((k for k in others if values[k] != values[at]), None):
            raise SourceError(
                f"{title}: columns {shown(names[at])} and {shown(names[rival])} can both be meant, and they differ; "
                f"say which with {option}."
            )
    _check_same_way(values[places[0]], values[places[1]], title)
    cells = []
    for number, row in enumerate(rows, start=1):
        where = f"row {number:,}"
        true, predicted, count = (row.get(names[at]) if isinstance(row, dict) else row[at] for at in places)
        sides = [_paths(one, title, where) for one in (true, predicted)]
        cells.append(_Cell(where, sides[0], sides[1], _count(count, title, where)))
    return cells, [
        f"{what}: column {shown(names[at])}, {'as you said' if said else 'by its name'}."
        for (what, at), said in zip(chosen.items(), given, strict=True)
        if at is not None
    ]


def _column(names: tuple[str, ...], given: str, known: Sequence[str], title: str) -> int | None:
    if given:
        if names.count(given) != 1:
            listed = ", ".join(shown(one, 30) for one in names[:20])
            raise SourceError(f"{title} has no one column {shown(given)}; it has {listed}.")
        return names.index(given)
    return next(iter(_recognised(names, known)), None)


def _recognised(names: tuple[str, ...], known: Sequence[str]) -> list[int]:
    """The columns that are called so, in the order of ``known``."""
    folded = [re.sub(r"[\s_-]+", "_", name.casefold()) for name in names]
    return [folded.index(one) for one in known if one in folded]


def _check_same_way(true: Sequence[object], predicted: Sequence[object], title: str) -> None:
    """`SourceError` where one side is written in names and the other in numbers, or in numbers from another start."""
    sides = [{str(one) for one in side if isinstance(one, (str, int))} for side in (true, predicted)]
    are_numbers = [all(one.isdecimal() for one in side) for side in sides]
    if all(sides) and are_numbers[0] != are_numbers[1] and not sides[0] & sides[1]:
        names, numbers = sorted(sides, key=lambda side: all(one.isdecimal() for one in side))
        raise SourceError(
            f"{title}: one side has names ({shown(min(names))}) and the other numbers ({shown(min(numbers))}); write "
            "both as names, or both as indices."
        )
    if all(sides) and all(are_numbers):
        ends = [(min(map(int, side)), max(map(int, side))) for side in sides]
        whole = all(len(side) == high - low + 1 for side, (low, high) in zip(sides, ends, strict=True))
        if whole and len(sides[0]) > 1 and abs(ends[0][0] - ends[1][0]) == 1 == abs(ends[0][1] - ends[1][1]):
            raise SourceError(
                f"{title}: true labels run from {ends[0][0]} to {ends[0][1]} and predictions from {ends[1][0]} to "
                f"{ends[1][1]}, as if counted from 0 and from 1; count both from the same number, or add a row with "
                "count 0 for each class that one side lacks."
            )


def _paths(value: object, title: str, where: str) -> Paths:
    """What a label says; ``[a:b, c:d]`` is a list, also where it is written as text."""
    listed = value if isinstance(value, list) else [value]
    if isinstance(value, str) and value[:1] == "[" and value[-1:] == "]":
        pieces = [one.strip() for one in value[1:-1].split(",")]
        listed = [] if pieces == [""] else pieces if all(":" in one for one in pieces) else listed
    if len(listed) > MAX_LISTED:
        raise SourceError(f"{title}, {where}: a label lists {len(listed):,} answers; it can list {MAX_LISTED:,}.")
    texts = []
    for one in listed:
        if isinstance(one, bool) or not isinstance(one, (str, int)):
            raise SourceError(f"{title}, {where}: a label is a text or a list of texts, not {shown(str(one)[:80])}.")
        text = nfc(str(one).strip())
        if not text:
            raise SourceError(f"{title}, {where} names no class; give every row and column a label.")
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise SourceError(f"{title}, {where}: {shown(text)} is no Unicode text; export it again.")
        if (n_pieces := text.count(":") + 1) > MAX_PIECES:
            raise SourceError(
                f"{title}, {where}: {shown(text)} is a path of {n_pieces:,} pieces; it can have {MAX_PIECES}."
            )
        texts.append(text)
    return tuple(dict.fromkeys(texts))


def _count(value: object, title: str, where: str) -> int:
    if value is None or value == "":
        raise SourceError(f"{title}, {where} has no count; write 0 where nothing was counted.")
    try:
        number = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.inf
    except ValueError:
        number = math.nan
    if math.isfinite(number) and number >= 0 and number != int(number):
        raise SourceError(
            f"{title}, {where} holds {shown(str(value), 30)}, no whole number; shares do not say how many answers they "
            "are of: give the counts."
        )
    if not 0 <= number <= MAX_COUNTED:
        what = f"more than {MAX_COUNTED:,} answers" if number > 0 else "no count of 0 or more"
        raise SourceError(f"{title}, {where} holds {_number_shown(value)}, {what}; correct it.")
    return int(number)


def _number_shown(value: object) -> str:
    return "a very long number" if isinstance(value, int) and abs(value) >= 10**30 else shown(str(value), 30)


def _counted(cells: Iterable[_Cell], title: str) -> tuple[tuple[str, ...], tuple[Paths, ...], NDArray[np.int64]]:
    """Labels in the order in which they are true, then answered, what they say, and the counts (K, K)."""
    cells = list(cells)
    first: dict[tuple[str, ...], Paths] = {}  # a list in another order says the same
    for side in ([cell.true for cell in cells], [cell.predicted for cell in cells]):
        for paths in side:
            first.setdefault(tuple(sorted(paths)), paths)
    _check_number(len(first), title)
    if (n_answers := len({path for paths in first for path in paths})) > MAX_ANSWERS:
        raise SourceError(
            f"{title} has labels that list {n_answers:,} different answers in all; they can list {MAX_ANSWERS:,}: "
            "leave some out."
        )
    labels = label_texts(tuple(first.values()))
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise SourceError(f"{title} writes two different labels in a way that both read {shown(twice)}; rename one.")
    index_of = {key: k for k, key in enumerate(first)}
    counts = np.zeros((len(labels), len(labels)), dtype=np.int64)
    seen: dict[tuple[int, int], str] = {}
    total = 0
    for cell in cells:
        at = index_of[tuple(sorted(cell.true))], index_of[tuple(sorted(cell.predicted))]
        if at in seen:
            raise SourceError(
                f"{title} counts true {shown(labels[at[0]])}, answered {shown(labels[at[1]])} twice ({seen[at]} and "
                f"{cell.where}); give each pair once, added up if both belong to it."
            )
        seen[at] = cell.where
        counts[at] = cell.count
        total += cell.count
    if not total:
        raise SourceError(f"{title} counts nothing: every count in it is 0.")
    if total > MAX_COUNTED or total * len(labels) > MAX_VALUES:
        raise SourceError(
            f"{title} counts {total:,} answers in {len(labels):,} classes; each answer becomes a line of its own, and "
            f"there can be {min(MAX_COUNTED, MAX_VALUES // len(labels)):,}: give the table of a part of the images."
        )
    return labels, tuple(first.values()), counts


def _check_number(n_classes: int, title: str) -> None:
    if not 2 <= n_classes <= MAX_CLASSES:
        raise SourceError(f"{title} has {n_classes:,} classes; a confusion table has 2 to {MAX_CLASSES:,}.")


def _check_no_sums(labels: Sequence[str], counts: NDArray[np.int64], title: str) -> None:
    """Totals that stand among the classes, as pandas' ``margins=True`` writes them, would be counted twice."""
    if len(labels) < 3:
        return
    rows, columns, total = counts.sum(axis=1), counts.sum(axis=0), int(counts.sum())
    for k, label in enumerate(labels):
        sums = (2 * counts[k] == columns).all() and (2 * counts[:, k] == rows).all() and 4 * int(counts[k, k]) == total
        if sums:
            raise SourceError(
                f"{title}: {shown(label)} holds the sums of all other classes; leave its row and column out."
            )
