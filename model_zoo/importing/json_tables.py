"""Reads JSON that lists images: COCO, Label Studio, JSON Lines, lists of records."""

import json
import os
import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from model_zoo.importing.files import inside
from model_zoo.importing.source import MAX_ROWS, SourceError, counted, shown
from model_zoo.importing.tables import IMAGE, SPLIT, Table, cell_of, check_shape, text_of
from model_zoo.importing.text_encoding import decode_text
from model_zoo.untrusted.limits import bytes_of
from model_zoo.untrusted.parser_errors import parser_errors_as_ours
from model_zoo.untrusted.text_limits import check_json, load_json

ENDINGS = (".json", ".jsonl", ".ndjson")
MAX_JSON = 256 * 2**20
CATEGORY, SUPERCATEGORY, FILE_NAME = "category", "supercategory", "file_name"

Record = Mapping[str, Any]


def read_json(path: Path, base: Path, encoding: str = "") -> Table:
    """The images that a JSON file lists, with every value that is no list or table itself; `SourceError` otherwise.

    COCO (coco-dataset.org/#format-data): categories of its annotations. Label Studio (labelstud.io/guide/export): the
    choices of all annotations that were not cancelled, paths and addresses of images as they are found below ``base``;
    nothing is fetched. An image whose answers contradict each other comes without a label, which is told.
    """
    title = f"Table {shown(path.name)}"
    with parser_errors_as_ours(
        title, SourceError, "export it again", "is damaged or of no layout known here", "give access"
    ):
        if (size := bytes_of(path)) > MAX_JSON:
            raise SourceError(f"{title} has {size:,} bytes; split it into files of at most {MAX_JSON:,}.")
        decoded = decode_text(path.read_bytes(), title, encoding)
        text = decoded.text
        values = _lines(text, title) if path.suffix.lower() != ".json" else load_json(text)
        if isinstance(values, dict):
            return _after(decoded.told, _coco(values, title))
        if isinstance(values, list) and values and all(isinstance(one, dict) for one in values):
            is_studio = all(isinstance(one.get("data"), dict) and "annotations" in one for one in values)
            if is_studio:
                return _after(decoded.told, _label_studio(values, title, base))
            table = _after(decoded.told, _table(map(_plain, values), title))
            nested = dict.fromkeys(
                key.strip() for one in values for key, value in one.items() if value and isinstance(value, (dict, list))
            )
            return replace(table, nested=tuple(name for name in nested if name not in table.names))
    raise SourceError(f"{title} lists no image; expected COCO, a Label Studio export, or a list of records.")


def _after(told: Sequence[str], table: Table) -> Table:
    return replace(table, told=(*told, *table.told))


def below(tables: Sequence[tuple[str, Table]], path: Path) -> Table:
    """The tables of a folder's folders as one: images by their path below ``path``, and the folder as their split."""
    records = []
    for folder, table in tables:
        image = next((name for known in IMAGE for name in table.names if name.casefold() == known), "")
        if not image:
            raise SourceError(f"{table.title} in {shown(folder)} has no column file_name; give one.")
        has_split = any(name.casefold() in SPLIT for name in table.names)
        for row in table.rows:
            record = dict(zip(table.names, row, strict=True))
            record[image] = f"{folder}/{record[image]}"
            records.append(record if has_split else record | {"split": folder})
    return _table(records, f"Tables in the folders of {shown(path.name)}")


def _lines(text: str, title: str) -> list[Any]:
    values = []
    check_json(text)
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                values.append(json.loads(line))
            except ValueError as error:
                raise SourceError(f"{title}, line {number:,} is no JSON; each line needs a record.") from error
    return values


def _coco(values: Record, title: str) -> Table:
    if not isinstance(values.get("images"), list):
        raise SourceError(f"{title} has no list images; expected COCO, a Label Studio export, or a list of records.")
    name_of = {one["id"]: text_of(one.get("name", one["id"])) for one in values.get("categories", [])}
    above = {text_of(one.get("name", one["id"])): text_of(one.get(SUPERCATEGORY)) for one in values["categories"]}
    unnamed = [one["id"] for one in values.get("categories", []) if not text_of(one.get("name"))]
    if 0 < len(unnamed) < len(name_of):
        raise SourceError(f"{title}: category {shown(str(unnamed[0]))} has no name, and others have; name all or none.")
    if twice := next((one for one, n in Counter(name_of.values()).items() if n > 1), None):
        raise SourceError(f"{title}: several categories are called {shown(twice)}; give each its own name.")
    answers: dict[object, list[str]] = {}
    for one in values.get("annotations", []):
        if one["category_id"] not in name_of:
            raise SourceError(f"{title}: annotation of category {shown(str(one['category_id']))}, which is not listed.")
        answers.setdefault(one["image_id"], []).append(name_of[one["category_id"]])
    told = _Contradictions()
    levels = (CATEGORY, SUPERCATEGORY) if len(set(above.values())) > 1 else (CATEGORY,)
    records = []
    for image in values["images"]:
        name = told.one_of(answers.get(image["id"], ()), text_of(image[FILE_NAME]))
        said = dict(zip(levels, (name, above.get(name, "")), strict=False))
        records.append({key: value for key, value in _plain(image).items() if key not in levels} | said)
    return replace(_table(records, title, levels, ("The layout of COCO.", *told.sentences())), image=FILE_NAME)


def _label_studio(tasks: Sequence[Record], title: str, base: Path) -> Table:
    told, names, records = _Contradictions(), dict[str, None](), []
    for task in tasks:
        image, written = _image_of(task["data"])
        said: dict[str, list[str]] = {}
        for one in task["annotations"]:
            for result in () if one.get("was_cancelled") else one.get("result", ()):
                if result.get("type") == "choices":
                    said.setdefault(result["from_name"], []).extend(map(str, result["value"]["choices"]))
        names |= dict.fromkeys(said)
        record = {key: value for key, value in _plain(task["data"]).items() if key != image}
        records.append(
            {"file": _found(written, base)} | record | {f: told.one_of(some, written) for f, some in said.items()}
        )
    if not names:
        raise SourceError(f"{title} is a Label Studio export without any choice; nothing classifies its images.")
    labels = tuple(names) if len(names) == 1 else ()
    more = () if labels else (f"Choices: {', '.join(map(shown, names))}; name one with --label, or all with --part.",)
    return _table(records, title, labels, ("An export of Label Studio.", *more, *told.sentences()))


class _Contradictions:
    """Images whose answers are not one."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, list[str]]] = []

    def one_of(self, answers: Iterable[str], where: str) -> str:
        some = list(dict.fromkeys(answers))
        if len(some) > 1:
            self.seen.append((where, some))
        return some[0] if len(some) == 1 else ""

    def sentences(self) -> tuple[str, ...]:
        if not self.seen:
            return ()
        where, some = self.seen[0]
        return (
            f"{counted(len(self.seen), 'image has', 'images have')} several answers, such as {shown(where)} "
            f"({', '.join(map(shown, some[:4]))}), and no label.",
        )


def _image_of(data: Record) -> tuple[str, str]:
    """The key and value of the image in a task's data."""
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    by_name = [key for known in IMAGE for key in texts if key.casefold() == known]
    by_look = [key for key, value in texts.items() if re.search(r"\.(png|jpe?g|tiff?|bmp|webp)\b", value, re.I)]
    key = next(iter(by_name + by_look), "")
    return key, texts.get(key, "")


def _found(written: str, base: Path) -> str:
    """A path or address of Label Studio as a path below ``base``; of several, the first that is there."""
    try:
        address = urlsplit(written)
        inner = parse_qs(address.query).get("d", [""])[0]  # /data/local-files/?d=folder/image.png
        path = inner or unquote(address.path)
    except ValueError:
        path = written
    name = posixpath.basename(path)
    bare = re.sub(r"^[0-9a-f]{8}-", "", name)  # uploads get a prefix
    candidates = [written, path.lstrip("/"), name, f"images/{name}", bare, f"images/{bare}"]
    return next((one for one in candidates if one and os.path.isfile(inside(base, one) or "")), name or written)


def _plain(record: Record) -> dict[str, Any]:
    """The values that a cell can hold; {"choices": [...]} as Label Studio's JSON-MIN has it, where it is one."""
    plain: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, dict) and isinstance(value.get("choices"), list) and len(value["choices"]) == 1:
            value = value["choices"][0]
        if not isinstance(value, (dict, list)):
            plain[key.strip()] = value
    return plain


def _table(records: Iterable[Record], title: str, labels: tuple[str, ...] = (), told: tuple[str, ...] = ()) -> Table:
    listed = list(records)
    if len(listed) > MAX_ROWS:
        raise SourceError(f"{title} has more than {MAX_ROWS:,} images; split it.")
    names = dict.fromkeys(name for record in listed for name in record)
    check_shape(len(listed), len(names), title)
    rows = [
        tuple(cell_of(text_of(record.get(name)), title, number) for name in names)
        for number, record in enumerate(listed, start=1)
    ]
    return Table(title, tuple(cell_of(name, title, 0) for name in names), rows, labels, told)
