"""Reads label files: lines of image, label and reviewer."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pyarrow.parquet as pq

from dashboard.decisions.csv_export import plain_cell
from dashboard.labels.export_folders import LIST
from dashboard.labels.label_studio import labels_in_tasks
from model_zoo.core.errors import TaxoScopeError
from model_zoo.importing.archives import is_of_macos, member_names
from model_zoo.importing.prediction_columns import SCORE, words_of
from model_zoo.importing.text_encoding import decode_text, nfc
from model_zoo.untrusted.killable import TrialError
from model_zoo.untrusted.parquet_trial import check_parquet
from model_zoo.untrusted.parser_errors import parser_errors_as_ours
from model_zoo.untrusted.text_limits import CsvRows, check_json, load_json
from model_zoo.untrusted.zip_directory import n_members

MAX_BYTES = 64 * 2**20
MAX_LINES = 500_000
MAX_CELL = 10_000
MAX_COLUMNS = 10_000

IMAGE = ("image_id", "image", "id", "file_name", "filename", "file", "path")
LABEL = ("leaf_label", "label", "after", "to", "class", "class_name", "category")
REVIEWER = ("reviewer", "annotator", "labeller", "rater", "who")
"""How a file may call its columns, in any case; of several that it has, the first counts."""

_OF_LABELS = SCORE | {"id", "n", "count", "source", "date", "time", "version", "weight", "quality", "comment", "note"}
"""Words in the name of a column about labels, which holds none."""

_FORMULA = tuple("=+-@")


class LabelFileError(TaxoScopeError):
    """A file that carries no labels that can be read."""


@dataclass(frozen=True, slots=True)
class LabelLine:
    """What a file says of one image, as written; ``where`` is its place in the file, in words."""

    where: str
    image: str
    label: str
    reviewer: str = ""


@dataclass(frozen=True, slots=True)
class LabelFile:
    """The lines of a file, its name, the SHA-256 of all its bytes, and the column of the labels, '' without columns.

    ``told`` says in sentences how its text was decoded.
    """

    name: str
    sha256: str
    lines: tuple[LabelLine, ...]
    column: str = ""
    told: tuple[str, ...] = ()


def read_label_file(file: io.BufferedIOBase, name: str, column: str = "", encoding: str = "") -> LabelFile:
    """The labels in a CSV, JSON Lines, Parquet, COCO, Label Studio or zip file; `LabelFileError` in one sentence.

    ``column`` names the column of the labels, else `LABEL` does; then no other column of labels may say otherwise.
    ``encoding`` of a text, and of names in a zip: see `decode_text`.

    A history of decisions gives the labels that are in force, the last of each person for each image. Nothing is
    unpacked; of a zip of foreign folders the folder's name is the label and the file's name the image.
    """
    title = f"File {_one_line(PurePosixPath(name).name)!r}"
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    start = file.read(4)
    packed = start == b"PK\x03\x04"
    if size > MAX_BYTES and not packed:
        raise LabelFileError(f"{title} has {size:,} bytes; split it into files of at most {MAX_BYTES:,}.")
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    told: tuple[str, ...] = ()
    try:
        with parser_errors_as_ours(
            "it", LabelFileError, "export it again as CSV in UTF-8", "is damaged or no label file"
        ):
            if start == b"PAR1":
                read, lines = _last_said(_parquet(file, column), column)
            elif packed:
                read, lines, told = _zipped(file, column, encoding)
            else:
                read, lines, told = _text(file.read(), column, encoding)
    except LabelFileError as error:
        raise LabelFileError(f"{title}: {error}") from error
    if not lines:
        raise LabelFileError(f"{title} holds no label; it needs a line for each image below the names of its columns.")
    return LabelFile(_one_line(PurePosixPath(name).name), digest, tuple(lines), read, told)


def _text(raw: bytes, column: str, encoding: str) -> tuple[str, list[LabelLine], tuple[str, ...]]:
    decoded = decode_text(raw, "the text", encoding, LabelFileError)
    text = decoded.text
    if text.lstrip().startswith("["):
        return "", _label_studio(text), decoded.told
    if not text.lstrip().startswith("{"):
        return (*_csv(text, column), decoded.told)
    first = text.lstrip().split("\n", 1)[0]
    try:
        values = load_json(first)
    except ValueError:
        values = load_json(text)
    if isinstance(values, dict) and "annotations" in values:
        return "", list(_coco(values)), decoded.told
    return (*_last_said(_json_lines(text, column), column), decoded.told)


def _check_lines(text: str) -> None:
    if (n_lines := text.count("\n")) > MAX_LINES:
        raise LabelFileError(f"it has {n_lines:,} lines; split it into files of at most {MAX_LINES:,}.")


def _csv(text: str, column: str) -> tuple[str, list[LabelLine]]:
    _check_lines(text)
    header = text.split("\n", 1)[0]
    rows = CsvRows(text, max(",;\t", key=header.count), _check_shape)
    return _last_said(_csv_rows(rows, column), column)


def _check_shape(n_rows: int, n_cells: int) -> None:
    if n_rows > MAX_LINES + 1:
        raise LabelFileError(f"it has more than {MAX_LINES:,} lines; split it into files of at most so many.")
    if n_cells > MAX_COLUMNS:
        raise LabelFileError(f"it has a line of {n_cells:,} cells; at most {MAX_COLUMNS:,} columns are read.")


def _csv_rows(rows: CsvRows, label: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    listed = iter(rows)
    columns = _columns(next(listed, []), label)
    for cells in listed:
        where = f"line {rows.line:,}"
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(columns):
            raise LabelFileError(f"{where} has {len(cells)} cells, expected {len(columns)}; check commas and quotes.")
        row = dict(zip(columns, map(plain_cell, cells), strict=True))
        for name in REVIEWER:
            raw = cells[columns.index(name)] if name in columns else ""
            if raw.startswith(_FORMULA):
                raise LabelFileError(f"{where}: the {name} {_one_line(raw)!r} is a spreadsheet formula; write a name.")
        yield where, row


def _json_lines(text: str, label: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    _check_lines(text)
    check_json(text)
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except ValueError as error:
            raise LabelFileError(
                f"line {number:,} is no JSON ({_one_line(str(error))}); write one object a line."
            ) from error
        if not isinstance(values, dict):
            raise LabelFileError(f'line {number:,} is no JSON object; expected {{"image_id": ..., "label": ...}}.')
        yield (
            f"line {number:,}",
            dict(zip(_columns(list(values), label, f"line {number:,}: "), values.values(), strict=True)),
        )


def _parquet(file: io.BufferedIOBase, label: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        check_parquet(file.read(), MAX_LINES)
    except TrialError as error:
        raise LabelFileError(f"it is damaged or no label file ({error}); export it again as CSV in UTF-8.") from error
    file.seek(0)
    stored = pq.ParquetFile(file)
    if stored.metadata.num_rows > MAX_LINES:
        raise LabelFileError(f"it has {stored.metadata.num_rows:,} rows; split it into files of at most {MAX_LINES:,}.")
    names = stored.schema_arrow.names
    known = {*IMAGE, *LABEL, *REVIEWER, "answer", "undone", "decision_id", label.strip().lower()}
    _columns(names, label)
    wanted = [name for name in names if name.strip().lower() in known or _is_of_labels(name.strip().lower())]
    columns = _columns(wanted, label)
    table = stored.read(columns=wanted)
    cells = [table.column(name).to_pylist() for name in wanted]
    for number, row in enumerate(zip(*cells, strict=True), start=1):
        yield f"row {number:,}", dict(zip(columns, row, strict=True))


def _last_said(rows: Iterable[tuple[str, Mapping[str, Any]]], column: str) -> tuple[str, list[LabelLine]]:
    """The column of the labels, and the rows as lines; of a history of decisions each person's last of an image."""
    listed = list(rows)
    label = _label_column(listed, column.strip().lower())
    lines: list[LabelLine] = []
    last: dict[tuple[str, str], LabelLine] = {}
    for where, row in listed:
        is_history = "answer" in row and ("after" in row or "to" in row)
        undone = str(row.get("undone")).lower() in ("true", "yes")
        if is_history and (row["answer"] not in ("relabel", "confirm") or undone):
            continue
        line = _line(where, row, label)
        if is_history:
            last.pop((line.image, line.reviewer), None)
            last[line.image, line.reviewer] = line
        else:
            lines.append(line)
    return label, lines + list(last.values())


def _label_column(rows: Sequence[tuple[str, Mapping[str, Any]]], wanted: str) -> str:
    """The column of the labels of all rows: ``wanted``, or the first of `LABEL` that is there.

    A column of numbers gives way to the names beside it. `LabelFileError` where another column of labels differs.
    """
    names = tuple(dict.fromkeys(name for _, row in rows for name in row))
    if wanted or not rows:
        return wanted or LABEL[0]
    found = next(name for name in LABEL if name in names)
    if found == "label" and "class_name" in names and all(_number(row.get(found)) for _, row in rows):
        found = "class_name"
    if found in ("leaf_label", "after", "to") or (found == "class_name" and "label" in names):
        return found
    for other in names:
        if other == found or not _is_of_labels(other):
            continue
        pairs = {(_key(row.get(found)), _key(row.get(other))) for _, row in rows}
        is_coarser = other == "class" and len({one for one, _ in pairs}) == len(pairs)  # as our own exports have it
        if not is_coarser and any(one != two for one, two in pairs):
            raise LabelFileError(
                f"columns {found!r} and {_one_line(other)!r} both hold labels, and they differ; say which with "
                "--label-column."
            )
    return found


def _is_of_labels(name: str) -> bool:
    """Whether a column is called as one of labels: ``label``, ``new_label``, ``corrected class``."""
    words = words_of(name)
    return bool(words & {"label", "labels", "class", "category", "corrected"}) and not words & _OF_LABELS


def _number(value: object) -> bool:
    return not isinstance(value, bool) and (isinstance(value, int) or str(value).removesuffix(".0").isdecimal())


def _key(value: object) -> str:
    return "" if value is None else str(value).strip()


def _line(where: str, row: Mapping[str, Any], label: str) -> LabelLine:
    image, reviewer = (next((name for name in names if name in row), None) for names in (IMAGE, REVIEWER))
    assert image is not None
    return LabelLine(
        where,
        _cell(row[image], where, image),
        _cell(row.get(label), where, label),
        _cell(row[reviewer], where, reviewer, empty=True) if reviewer else "",
    )


def _coco(values: Mapping[str, Any]) -> Iterator[LabelLine]:
    try:
        names = {one["id"]: one["name"] for one in values.get("categories", ())}
        images = {one["id"]: one for one in values["images"]}
        if len(images) + len(values["annotations"]) > 2 * MAX_LINES:
            raise LabelFileError(f"it has more than {MAX_LINES:,} images; split it.")
        for one in values["annotations"]:
            where, image = f"annotation {one.get('id')!r:.40}", images[one["image_id"]]
            said = one.get("attributes") or {}
            label = said.get("label", names.get(one.get("category_id")))
            yield _attributed(where, image, label, said)
        for image in images.values():
            if said := image.get("attributes"):
                yield _attributed(f"image {image['id']!r:.40}", image, said.get("label"), said)
    except (KeyError, TypeError, AttributeError) as error:
        raise LabelFileError(
            f"it is no COCO file of images, categories and annotations ({_one_line(repr(error))}); export it again."
        ) from error


def _attributed(where: str, image: Mapping[str, Any], label: object, said: Mapping[str, Any]) -> LabelLine:
    name = image.get("image_id", image.get("file_name"))
    reviewer = _cell(said.get("reviewer"), where, "reviewer", empty=True)
    return LabelLine(where, _cell(name, where, "file_name"), _cell(label, where, "label"), reviewer)


def _label_studio(text: str) -> list[LabelLine]:
    try:
        tasks = load_json(text)
        return [_line(where, row, "label") for where, row in labels_in_tasks(tasks)]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise LabelFileError(
            f"it is no list of Label Studio's tasks with one choice for each image ({_one_line(repr(error))}); export "
            "it again as JSON."
        ) from error


def _zipped(file: io.BufferedIOBase, column: str, encoding: str) -> tuple[str, list[LabelLine], tuple[str, ...]]:
    if (listed_at_least := n_members(file)) > MAX_LINES:
        raise LabelFileError(
            f"it lists {listed_at_least:,} files or more; split it into zips of at most {MAX_LINES:,}."
        )
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        names = member_names(members, encoding, "it", LabelFileError)
        entries = [name for name in names.names if not name.endswith("/")]
        if len(entries) > MAX_LINES:
            raise LabelFileError(f"it holds {len(entries):,} files; split it into zips of at most {MAX_LINES:,}.")
        if LIST in archive.namelist():
            if archive.getinfo(LIST).flag_bits & 1:
                raise LabelFileError(f"its {LIST} is encrypted; unpack it with its password and give that file.")
            with archive.open(LIST) as listed:  # read no more than asked, whatever the zip claims
                raw = listed.read(MAX_BYTES + 1)
            if len(raw) > MAX_BYTES:
                raise LabelFileError(f"its {LIST} has more than {MAX_BYTES:,} bytes; split it.")
            return _text(raw, column, encoding)
        lines = []
        for entry in entries:
            path = PurePosixPath(entry)
            if any(map(is_of_macos, path.parts)):
                continue
            if len(path.parts) < 2:
                raise LabelFileError(
                    f"{_one_line(entry)!r} lies in no folder; put each image into a folder named by its class."
                )
            lines.append(LabelLine(f"file {_one_line(entry)}", path.name, nfc(path.parent.name)))
        return "", lines, names.told


def _columns(names: Sequence[str], label: str, where: str = "") -> list[str]:
    """Column names in lower case; refused where none names an image or a label, or one is there twice."""
    columns, wanted = [str(name).strip().lower() for name in names], label.strip().lower()
    for what, known in (("an image", IMAGE), ("a label", (wanted,) if wanted else LABEL)):
        if not set(columns) & set(known):
            raise LabelFileError(
                f"{where}no column names {what}; got {_one_line(', '.join(columns)) or 'nothing'}, expected one of "
                f"{', '.join(known)}: rename the column."
            )
    used = [name for name in columns if name in {*IMAGE, *LABEL, *REVIEWER, wanted}]
    if twice := next((name for name in used if used.count(name) > 1), None):
        raise LabelFileError(f"column {twice!r} stands there twice; keep one.")
    return columns


def _cell(value: object, where: str, column: str, *, empty: bool = False) -> str:
    if value is None and empty:
        return ""
    if type(value) is int:  # the label 3 is the class "3", as it is in CSV; a float or a boolean is no name
        value = str(value)
    if not isinstance(value, str):
        raise LabelFileError(
            f"{where}: {column} is {_one_line(repr(value))}; expected text: write it as a word in quotes."
        )
    if len(value) > MAX_CELL:
        raise LabelFileError(f"{where}: {column} has {len(value):,} characters; at most {MAX_CELL:,} are read.")
    if not value.strip() and not empty:
        raise LabelFileError(f"{where}: {column} is empty; name it, or remove the line.")
    return value


def _one_line(text: str, most: int = 120) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
