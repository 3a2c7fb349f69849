"""Recognises the layout of a folder or file and reads its rows."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from model_zoo.importing.archives import is_archive
from model_zoo.importing.fetal_planes import TABLE, fetal_planes, is_fetal_planes
from model_zoo.importing.files import leads_out
from model_zoo.importing.folders import image_folders
from model_zoo.importing.json_tables import ENDINGS, below, read_json
from model_zoo.importing.rules import Rule, apply_rules, parse_rules
from model_zoo.importing.source import LabelCells, Source, SourceError, Wording, shown
from model_zoo.importing.tables import Columns, Table, read_table, table_source
from model_zoo.importing.text_encoding import decode_text
from model_zoo.untrusted.limits import bytes_of
from model_zoo.untrusted.parser_errors import parser_errors_as_ours

METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
"""Tables beside images as Hugging Face's imagefolder has them, with a column file_name."""


def read_source(
    path: Path,
    wanted: Columns | None = None,
    images: Path | None = None,
    folders: Sequence[str] = (),
    rules: Sequence[Rule] = (),
    wording: Wording | None = None,
) -> Source:
    """The rows of a folder or table; `SourceError` in one sentence for anything else.

    A table's files are looked up below ``images``, or beside the table. ``folders``: see `image_folders`. ``rules``
    give the labels instead of columns. ``wording`` says how it is written where that is not clear.
    """
    wanted, wording = wanted or Columns(), wording or Wording()
    if rules and (wanted.labels or wanted.parts):
        raise SourceError("Labels come from rules or from columns; give either --rule or --label and --part.")
    if rules:
        wording = replace(wording, cells=LabelCells.AS_WRITTEN)  # rules name their labels
    if path.is_dir():
        tables = _tables(path, (TABLE, *METADATA))
        inner = () if tables or folders else _metadata_of_splits(path, wording)
        if inner:
            return table_source(_by(rules, below(inner, path)), images or path, wanted, wording)
        if not tables or folders:
            if wanted != Columns() or images or rules:
                raise SourceError(f"{path} is a folder, which has no columns; give a CSV or Parquet file of it.")
            return image_folders(path, folders, wording.split_names)
        path = tables[0]
    elif not path.is_file():
        raise SourceError(f"There is no folder or file {path}; give images to bring in.")
    if is_archive(path):
        raise SourceError(f"{path} is packed; unpack it and give the folder.")
    if folders:
        raise SourceError(f"{path} is a table, where columns and not folders say what is what; leave --folders out.")
    table = _table(path, images or path.parent, wording)
    if is_fetal_planes(table) and wanted == Columns() and not rules:
        return fetal_planes(table, images or path.parent)
    return table_source(_by(rules, table), images or path.parent, wanted, wording)


def read_rules(path: Path, encoding: str = "") -> tuple[Rule, ...]:
    """The rules in a text file; `SourceError` in one sentence."""
    title = f"Rules {shown(path.name)}"
    with parser_errors_as_ours(
        title, SourceError, "save them as UTF-8", "are no UTF-8 text", "give a file with a rule a line"
    ):
        if bytes_of(path) > 2**20:
            raise SourceError(f"{title} have more than a megabyte; give a file of rules.")
        return parse_rules(decode_text(path.read_bytes(), title, encoding).text, title)


def _by(rules: Sequence[Rule], table: Table) -> Table:
    return apply_rules(table, rules).table if rules else table


def _table(path: Path, base: Path, wording: Wording) -> Table:
    is_json = path.suffix.lower() in ENDINGS
    return read_json(path, base, wording.encoding) if is_json else read_table(path, wording.encoding)


def _metadata_of_splits(path: Path, wording: Wording) -> tuple[tuple[str, Table], ...]:
    """The tables of a folder that has one in each folder of a split, as Hugging Face's imagefolder may."""
    found = []
    for name in sorted(one.name for one in path.iterdir() if one.name.casefold() in wording.split_names):
        tables = _tables(path, [f"{name}/{table}" for table in METADATA]) if not leads_out(path, name) else []
        if tables:
            found.append((name, _table(tables[0], path / name, wording)))
    return tuple(found)


def _tables(folder: Path, names: Sequence[str]) -> list[Path]:
    """Those of ``names`` that are files in ``folder``; `SourceError` for a link that leads out of it."""
    for name in names:
        if os.path.lexists(folder / name) and leads_out(folder, name):
            raise SourceError(f"{shown(name)} leads out of {folder}; copy the file into it.")
    return [folder / name for name in names if (folder / name).is_file()]
