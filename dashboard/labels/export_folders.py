"""Images exported as a zip with one folder per class."""

import csv
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import BinaryIO

from dashboard.decisions.csv_export import safe_cell
from dashboard.labels.label_table import LabelTable
from model_zoo.core.errors import ImageError
from model_zoo.images.metadata import without_metadata
from model_zoo.workspace.manifest import ImageRecord

LIST = "labels.csv"
COLUMNS = ("file", "image_id", "label", "class", "reviewer")
NO_CLASS = "no class"
MAX_BYTES = 150
# Windows takes these for devices, with any ending.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def write_folders(table: LabelTable, read: Callable[[ImageRecord], bytes], out: BinaryIO) -> tuple[str, ...]:
    """Write ``CLASS/IMAGE`` for every image, and `LIST`, which says each file's image, label and class.

    Images whose label fits no class lie in a folder of their own. Files keep their pixels and lose their metadata
    (EXIF, GPS, XMP, comments; not the colour profile). Returns the images without a file that could be read and
    cleaned: they stand in the list alone.
    """
    missing, listed = [], [COLUMNS]
    folders: dict[str | None, str] = {}
    taken: set[str] = {LIST.casefold()}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for row in table.rows:
            name = table.class_of(row)
            if name not in folders:
                folders[name] = safe_name(name or NO_CLASS, taken)
            stem, ending = row.image.image_id, PurePosixPath(row.image.path).suffix
            ending = ending if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", ending) else ""
            file = safe_name(stem, taken, f"{folders[name]}/", ending)
            try:
                archive.writestr(file, without_metadata(read(row.image), row.image.image_id))
            except ImageError:
                missing.append(row.image.image_id)
                file = ""
            listed.append((file, row.image.image_id, table.space.format(row.label), name or "", row.reviewer))
        text = io.StringIO(newline="")
        csv.writer(text).writerows([safe_cell(cell) for cell in line] for line in listed)
        archive.writestr(LIST, text.getvalue())
    return tuple(missing)


def safe_name(text: str, taken: set[str], folder: str = "", ending: str = "") -> str:
    """A path in ``folder`` that no system minds and that is not among ``taken`` (case aside), to which it is added.

    Every sign that is no letter, digit, space, ``-``, ``_`` or ``.`` becomes ``_``.
    """
    stem = re.sub(r"[^\w .-]", "_", text).encode()[:MAX_BYTES].decode(errors="ignore").strip(" .") or "_"
    if _DEVICES.fullmatch(stem):
        stem = f"_{stem}"
    name, number = f"{folder}{stem}{ending}", 2
    while name.casefold() in taken:
        name, number = f"{folder}{stem} ({number}){ending}", number + 1
    taken.add(name.casefold())
    return name
