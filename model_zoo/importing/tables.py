"""Reads tables that list images: CSV and Parquet, columns named or recognised."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model_zoo.core.label_space.splits import Split
from model_zoo.importing.label_cells import label_cells, merged_rows, one_hot_cells, one_hot_columns
from model_zoo.importing.source import (
    MAX_CELL,
    MAX_COLUMNS,
    MAX_ROWS,
    Row,
    Source,
    SourceError,
    Wording,
    free_columns,
    shown,
    split_of,
)
from model_zoo.importing.text_encoding import decode_text, nfc
from model_zoo.untrusted.killable import TrialError
from model_zoo.untrusted.limits import bytes_of
from model_zoo.untrusted.parquet_trial import BATCH, check_parquet, is_text, plain_columns
from model_zoo.untrusted.parser_errors import parser_errors_as_ours
from model_zoo.untrusted.text_limits import CsvRows

MAX_BYTES = 512 * 2**20
MAX_UNPACKED = 2 * 2**30
MAX_CELLS = 50_000_000
"""Cells of a file that need not hold each of them: nothing, repeated, takes no space in Parquet or JSON."""

IMAGE = ("path", "image_path", "file_name", "filename", "file", "image", "image_name", "image_id", "id")
LABEL = ("label", "class", "class_name", "category", "diagnosis", "dx", "target", "choice", "y")
PATIENT = ("patient_id", "patient", "patient_num", "subject_id", "subject", "case_id")
SPLIT = ("split", "subset", "partition", "set")
IMAGE_ID = ("image_id", "id")
"""How a table may call its columns, in any case; of several that it has, the first counts."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column says what; '' and () leave it to be recognised. ``labels``: the finest first; or ``parts``."""

    image: str = ""
    labels: tuple[str, ...] = ()
    patient: str = ""
    split: str = ""
    image_id: str = ""
    parts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.parts and self.labels:
            raise SourceError(
                "A label is either one of its --label columns' classes or made of --part columns; give one."
            )


@dataclass(frozen=True, slots=True)
class Table:
    """A table as text: ``names`` of the columns, and rows of as many cells, stripped of spaces around them.

    ``labels`` are the columns of classes and ``image`` that of the image files where the file itself says so; then a
    column ``id`` means something inside that file alone. ``told`` is what else it says, in sentences.
    """

    title: str
    names: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    labels: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    image: str = ""
    nested: tuple[str, ...] = ()
    """Columns of lists and records, which are not read."""

    def __post_init__(self) -> None:
        if not self.rows:
            raise SourceError(f"{self.title} lists no image; it needs a line for each below the names of its columns.")
        twice = [name for k, name in enumerate(self.names) if name in self.names[:k]]
        if twice or not all(self.names):
            got = shown(twice[0]) if twice else "a column without a name"
            raise SourceError(f"{self.title} has {got} {'twice' if twice else ''}; give each column its own name.")

    def column(self, name: str) -> str:
        """The column called ``name``, in any case where that is clear; `SourceError` lists what there is."""
        wanted = nfc(name.strip()).casefold()
        for found in (name, *(one for one in self.names if nfc(one).casefold() == wanted)):
            if found in self.names:
                return found
        listed = ", ".join(shown(one, 30) for one in self.names[:20])
        raise SourceError(f"{self.title} has no column {shown(name)}; it has {listed}.")


def read_table(path: Path, encoding: str = "") -> Table:
    """A CSV (separated by comma, semicolon or tab) or Parquet file as text; `SourceError` in one sentence.

    A first column without a name that counts the rows, as pandas writes it, is left out. ``encoding``: see
    `decode_text`.
    """
    names, rows, told = read_cells(path, MAX_COLUMNS, encoding)
    if names and not names[0] and len(names) > 1 and all(row[0] == str(k) for k, row in enumerate(rows)):
        told = (*told, "The first column has no name and counts the rows: it is left out.")
        return Table(title_of(path), names[1:], [row[1:] for row in rows], (), told)
    return Table(title_of(path), names, rows, (), told)


def title_of(path: Path) -> str:
    """What sentences call a table's file."""
    return f"Table {shown(path.name)}"


def read_cells(
    path: Path, n_columns: int = MAX_COLUMNS + 1, encoding: str = ""
) -> tuple[tuple[str, ...], list[tuple[str, ...]], tuple[str, ...]]:
    """Names of at most ``n_columns`` columns, rows of as many cells, as `read_table` reads them, and the encoding.

    No column need have a name: one more than elsewhere may be that of the rows' own names.
    """
    title = title_of(path)
    remedy, other = "export it again as CSV in UTF-8", "give a CSV or Parquet file"
    with parser_errors_as_ours(title, SourceError, remedy, "is damaged or no table", other):
        size = bytes_of(path)
        if size > MAX_BYTES:
            raise SourceError(f"{title} has {size:,} bytes; split it into files of at most {MAX_BYTES:,}.")
        with path.open("rb") as file:
            is_parquet = file.read(4) == b"PAR1"
        if is_parquet:
            return (*_parquet(path, title, n_columns), ())
        decoded = decode_text(path.read_bytes(), title, encoding)
        return (*_csv(decoded.text, title, n_columns), decoded.told)


def check_shape(n_rows: int, n_columns: int, title: str, at_most: int = MAX_COLUMNS) -> None:
    """`SourceError` for more than ``at_most`` columns or `MAX_CELLS` cells, before one of them is made."""
    if n_columns > at_most:
        raise SourceError(
            f"{title} has {n_columns:,} columns, at most {at_most:,} are read; leave out those that are not needed."
        )
    if n_rows * n_columns > MAX_CELLS:
        raise SourceError(
            f"{title} has {n_rows:,} rows of {n_columns:,} columns, at most {MAX_CELLS:,} cells are read; split it."
        )


def text_of(value: object) -> str:
    """A value as a cell's text: '' for none, no decimals where a number has none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def cell_of(text: str, title: str, line: int) -> str:
    """A cell without the spaces around it; `SourceError` where it is too long or no Unicode text."""
    _check_length(len(text), title, line)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SourceError(f"{title}, line {line:,}: {shown(text)} is no Unicode text; export it again.") from None
    return text.strip()


def table_source(table: Table, base: Path, wanted: Columns, wording: Wording | None = None) -> Source:
    """The rows of a table that has a column for the image; all columns that mean nothing else are kept.

    An image that is listed several times with the same label counts once; see `merged_rows`.
    """
    wording = wording or Wording()
    chosen, told = _recognised(table, wanted)
    at = {name: k for k, name in enumerate(table.names)}
    answers = chosen.parts or chosen.labels
    taken = {chosen.image, chosen.patient, chosen.split, chosen.image_id}
    classes = () if answers else one_hot_columns(table, taken, wording)
    cells = one_hot_cells(table, classes) if classes else label_cells(table, answers, bool(chosen.parts), wording)
    told += cells.told
    used = {*taken, *answers, *classes}
    kept = free_columns([name for name in table.names if name not in used])
    splits: dict[str, Split] = {"": Split.NONE}
    rows, left_out = [], []
    for number, row in enumerate(table.rows, start=1):
        where, file = f"row {number:,}", row[at[chosen.image]]
        text = row[at[chosen.split]] if chosen.split else ""
        if text not in splits:
            splits[text] = split_of(text, f"{table.title}, {where}, column {shown(chosen.split)}", wording.split_names)
        if not file:
            left_out.append(f"{table.title}, {where} names no image.")
            continue
        rows.append(
            Row(
                where=where,
                file=file,
                image_id=nfc(row[at[chosen.image_id]] if chosen.image_id else file),
                labels=cells.labels[number - 1],
                patient_id=nfc(row[at[chosen.patient]]) if chosen.patient else "",
                split=splits[text],
                columns={new: nfc(row[at[name]]) for name, new in kept.items()},
                others=cells.others.get(number - 1, ()),
            )
        )
    levels, in_parts = answers or ("classes",), bool(chosen.parts)
    merged, said = merged_rows(rows, table, in_parts, wording)
    layout = table.title[:1].lower() + table.title[1:]
    return Source(layout, base, levels, merged, (*told, *said), tuple(left_out), in_parts)


def _recognised(table: Table, wanted: Columns) -> tuple[Columns, list[str]]:
    by_fold: Mapping[str, str] = {name.casefold(): name for name in reversed(table.names)}

    def find(what: str, given: str, known: Sequence[str], taken: Sequence[str] = ()) -> str:
        if given:
            return table.column(given)
        found = next((by_fold[name] for name in known if name in by_fold and by_fold[name] not in taken), "")
        told.append(f"{what}: column {shown(found)}, by its name." if found else f"{what}: no column is called so.")
        return found

    told = list(table.told)
    image = find("Image", wanted.image, (table.image.casefold(), *IMAGE) if table.image else IMAGE)
    if not image:
        listed = ", ".join(shown(one, 30) for one in table.names[:20])
        raise SourceError(f"{table.title}: no column names the images among {listed}; say which with --image.")
    labels, parts = (tuple(table.column(name) for name in some) for some in (wanted.labels, wanted.parts))
    if not labels and not parts and table.labels:
        labels = table.labels
        told += [f"Label: column {' and '.join(map(shown, labels))}, as said above."]
    elif not labels and not parts:
        found = find("Label", "", _label_columns(table, by_fold))
        labels = (found,) if found else ()
    patient, split = find("Patient", wanted.patient, PATIENT), find("Split", wanted.split, SPLIT)
    image_id = table.column(wanted.image_id) if wanted.image_id else ""
    if not image_id:
        known = IMAGE_ID[:1] if table.image else IMAGE_ID
        image_id = next((by_fold[name] for name in known if name in by_fold and by_fold[name] != image), "")
        told += [f"Id: column {shown(image_id)}, by its name."] if image_id else []
    return Columns(image, labels, patient, split, image_id, parts), told


def _label_columns(table: Table, by_fold: Mapping[str, str]) -> Sequence[str]:
    """`LABEL`, the one first that holds the names where another has numbers for them.

    `SourceError` where two columns are called as labels, and neither follows from the other.
    """
    called = [name for name in LABEL if name in by_fold]
    if not called:
        return LABEL
    values = {name: [row[table.names.index(by_fold[name])] for row in table.rows] for name in called}
    first = called[0]
    for other in called[1:]:
        pairs = set(zip(values[first], values[other], strict=True))
        counts = {len(set(values[one])) for one in (first, other)}
        if len(pairs) not in counts:
            raise SourceError(
                f"{table.title}: columns {shown(by_fold[first])} and {shown(by_fold[other])} are both called as "
                "labels, and they differ; say which with --label."
            )
        are_numbers = [all(one.isdecimal() for one in set(values[name]) - {""}) for name in (first, other)]
        if counts == {len(pairs)} and are_numbers == [True, False]:
            return (other, *LABEL)
    return LABEL


def _csv(text: str, title: str, n_columns: int) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    header = text.split("\n", 1)[0]
    names: tuple[str, ...] = ()

    def check(n_rows: int, n_cells: int) -> None:
        if n_rows > MAX_ROWS + 1:
            raise SourceError(f"{title} has more than {MAX_ROWS:,} lines; split it.")
        check_shape(n_rows, len(names) or n_cells, title, n_columns)

    rows = CsvRows(text, max(",;\t", key=header.count), check)
    listed = iter(rows)
    names = tuple(name.strip() for name in next(listed, []))
    cells = []
    for row in listed:
        if row and len(row) != len(names):
            raise SourceError(
                f"{title}, line {rows.line:,} has {len(row)} cells under {len(names)} columns; check its quotes."
            )
        if row:
            cells.append(tuple(cell_of(cell, title, rows.line) for cell in row))
    return names, cells


def _parquet(path: Path, title: str, n_columns: int) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    try:
        check_parquet(path, MAX_ROWS)
    except TrialError as error:
        raise SourceError(f"{title} is damaged or no table ({error}); export it again as CSV in UTF-8.") from error
    with pq.ParquetFile(path) as stored:
        about = stored.metadata
        unpacked = sum(about.row_group(k).total_byte_size for k in range(about.num_row_groups))
        if about.num_rows > MAX_ROWS or unpacked > MAX_UNPACKED:
            raise SourceError(
                f"{title} has {about.num_rows:,} rows and {unpacked:,} bytes unpacked; split it into files of at most "
                f"{MAX_ROWS:,} and {MAX_UNPACKED:,}."
            )
        schema = stored.schema_arrow
    plain = plain_columns(schema)
    check_shape(about.num_rows, len(plain), title, n_columns)
    repeating = [name for name in plain if is_text(schema.field(name).type)]
    rows: list[tuple[str, ...]] = []
    # a text that repeats is stored once: kept so until its length is known, a few bytes cannot fill the memory
    with pq.ParquetFile(path, read_dictionary=repeating) as lean:
        for batch in lean.iter_batches(BATCH, columns=plain):
            cells = [_texts(batch.column(k), title, len(rows)) for k in range(len(plain))]
            rows += zip(*cells, strict=True)
    return tuple(name.strip() for name in plain), rows


def _texts(column: pa.Array, title: str, before: int) -> list[str]:
    if isinstance(column, pa.DictionaryArray):
        longest = pc.max(pc.utf8_length(column.dictionary)).as_py() if len(column.dictionary) else 0
        _check_length(longest or 0, title, before)
    return [cell_of(text_of(value), title, before + k) for k, value in enumerate(column.to_pylist(), start=1)]


def _check_length(length: int, title: str, line: int) -> None:
    if length > MAX_CELL:
        raise SourceError(
            f"{title}, line {line:,} or after it: a cell has {length:,} characters, at most {MAX_CELL:,}."
        )
