"""The manifest of a data set: image, split, patient and label."""

import csv
import hashlib
import io
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from model_zoo.core.errors import LabelError, WorkspaceError
from model_zoo.core.label_space.labels import Label, LeafSpace
from model_zoo.core.label_space.splits import Split
from model_zoo.images.grey_scale import COLUMN, GreyScale, parse_scale

COLUMNS = ("image_id", "path", "split", "patient_id", "label")
"""The columns that every manifest has; any other column is kept and can be filtered by."""
NO_IMAGE = "no-image"
"""The path of a row that stands for one count of a confusion table: there never was a file."""


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One row of the manifest. ``path`` is relative to the workspace; ``patient_id`` may be empty."""

    image_id: str
    path: str
    split: Split
    patient_id: str
    label: Label
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def grey(self) -> GreyScale | None:
        """The scale by which grey values of more than 8 bits are read; None where the manifest keeps none."""
        return parse_scale(self.columns.get(COLUMN, ""))

    @property
    def has_image(self) -> bool:
        """Whether there should be a file; a count of a confusion table has none."""
        return self.path != NO_IMAGE


@dataclass(frozen=True)
class DataSet:
    """All images of a workspace, in manifest order."""

    space: LeafSpace
    images: tuple[ImageRecord, ...]

    def __post_init__(self) -> None:
        if len(self.by_id) < len(self.images):
            seen: set[str] = set()
            for image in self.images:
                if image.image_id in seen:
                    raise WorkspaceError(f"The manifest names image {image.image_id!r} twice; ids must be unique.")
                seen.add(image.image_id)

    @cached_property
    def by_id(self) -> Mapping[str, ImageRecord]:
        """Image id -> record."""
        return {image.image_id: image for image in self.images}

    @cached_property
    def labels(self) -> Mapping[str, Label]:
        """Image id -> original label."""
        return {image.image_id: image.label for image in self.images}

    @cached_property
    def patients(self) -> Mapping[str, str]:
        """Image id -> patient id ('' where there is none)."""
        return {image.image_id: image.patient_id for image in self.images}

    @cached_property
    def counts_alone(self) -> bool:
        """Whether all of it are counts of a confusion table, so that there is nothing to look at."""
        return bool(self.images) and not any(image.has_image for image in self.images)

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """The further columns that any image has, in order of appearance."""
        return tuple(dict.fromkeys(name for image in self.images for name in image.columns))

    def split(self, split: Split) -> tuple[ImageRecord, ...]:
        """The images of one split, in manifest order."""
        return tuple(image for image in self.images if image.split is split)

    def hash(self, split: Split, recipe_version: int | None = None) -> str:
        """12 hexadecimal digits over ids, labels and patients of one split and the recipe's version."""
        images = self.split(split)
        texts = _texts(images, self.space)
        rows = sorted((image.image_id, texts[image.label], image.patient_id) for image in images)
        return hashlib.sha256(repr((rows, recipe_version)).encode()).hexdigest()[:12]


def read_manifest(path: Path, space: LeafSpace) -> tuple[ImageRecord, ...]:
    """The rows of a CSV manifest; `WorkspaceError` names the first line that does not hold together."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise WorkspaceError(f"Cannot read the manifest {path}: {error}. It must be a UTF-8 CSV file.") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        return _records(reader, space, path)
    except csv.Error as error:
        raise WorkspaceError(f"Manifest {path}, line {reader.line_num + 1}: {error}; check its quotes.") from error


def write_manifest(path: Path, images: Sequence[ImageRecord], space: LeafSpace) -> None:
    """Write ``images`` so that `read_manifest` reads them back, whole or not at all."""
    extra = tuple(dict.fromkeys(name for image in images for name in image.columns))
    rows: list[tuple[str, ...]] = [COLUMNS + extra]
    texts = _texts(images, space)
    for image in images:
        fixed = (image.image_id, image.path, str(image.split), image.patient_id, texts[image.label])
        rows.append((*fixed, *(image.columns.get(name, "") for name in extra)))
    # csv quotes a lone carriage return only where it is part of the line's end
    odd = any("\r" in cell for row in rows for cell in row)
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL if odd else csv.QUOTE_MINIMAL).writerows(rows)
    write_whole(path, out.getvalue().encode())


def write_whole(path: Path, raw: bytes) -> None:
    """Write a file so that nobody ever sees half of it, however many threads write it at once."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        partial.write_bytes(raw)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_new(path: Path, raw: bytes) -> None:
    """Write a file whole or not at all; `FileExistsError` if it is there already, whoever was first."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        partial.write_bytes(raw)
        os.link(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def check_no_leak(dataset: DataSet, image_ids: Iterable[str]) -> None:
    """`WorkspaceError` unless a model may learn from all of ``image_ids``.

    Each must be in the training split, and neither its patient nor its file in validation or test.
    """
    judged = [image for image in dataset.images if image.split in (Split.VALIDATION, Split.TEST)]
    patients = {image.patient_id: image.split for image in judged if image.patient_id}
    files = {image.path: image.split for image in judged}
    for image_id in image_ids:
        image = dataset.by_id[image_id]
        if image.split is not Split.TRAIN:
            raise WorkspaceError(f"Image {image_id!r} is in split {image.split}; models learn from split train alone.")
        if split := patients.get(image.patient_id):
            raise WorkspaceError(
                f"Patient {image.patient_id!r} has images in both train and {split}, so a model would know who it is "
                f"judged on; give all of them one split in the manifest (image {image_id!r} is one)."
            )
        if split := files.get(image.path):
            raise WorkspaceError(
                f"File {image.path!r} is an image of train and one of {split}; keep one row in the manifest."
            )


def patients_in_two_splits(images: Iterable[ImageRecord]) -> Mapping[str, tuple[Split, ...]]:
    """Patients whose images are spread over several splits -> those splits (a leak)."""
    seen: dict[str, set[Split]] = {}
    for image in images:
        if image.patient_id and image.split is not Split.NONE:
            seen.setdefault(image.patient_id, set()).add(image.split)
    return {patient: tuple(sorted(splits)) for patient, splits in seen.items() if len(splits) > 1}


def _texts(images: Iterable[ImageRecord], space: LeafSpace) -> Mapping[Label, str]:
    """Each label that occurs -> how it is written."""
    return {label: space.format(label) for label in {image.label for image in images}}


def _records(reader: "csv.DictReader[str]", space: LeafSpace, path: Path) -> tuple[ImageRecord, ...]:
    if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
        raise WorkspaceError(f"Manifest {path} lacks column {missing[0]!r}; it needs {', '.join(COLUMNS)}.")
    if len(set(reader.fieldnames or ())) < len(reader.fieldnames or ()):
        raise WorkspaceError(f"Manifest {path} names a column twice; give each its own name.")
    known: dict[str, Label] = {}
    images = []
    for row in reader:
        where = f"Manifest {path}, line {reader.line_num}"
        if None in row or any(value is None for value in row.values()):
            raise WorkspaceError(
                f"{where}: expected {len(reader.fieldnames or ())} fields; check its commas and quotes."
            )
        images.append(_record(row, space, known, where))
    return tuple(images)


def _record(row: Mapping[str, str], space: LeafSpace, known: dict[str, Label], where: str) -> ImageRecord:
    if not row["image_id"] or not row["path"]:
        raise WorkspaceError(f"{where}: image_id and path must not be empty.")
    pure = Path(row["path"]) if row["path"] != NO_IMAGE else None
    if pure is not None and (pure.is_absolute() or ".." in pure.parts):
        raise WorkspaceError(f"{where}: path {row['path']!r} leaves the workspace; use a path inside it.")
    if row["split"] not in tuple(Split):
        raise WorkspaceError(f"{where}: no split {row['split']!r}; it can be {', '.join(Split)}.")
    text = row["label"]
    if text not in known:
        try:
            known[text] = space.parse(text)
        except LabelError as error:
            raise WorkspaceError(f"{where}: {error}") from error
    columns = {name: value for name, value in row.items() if name not in COLUMNS}
    return ImageRecord(row["image_id"], row["path"], Split(row["split"]), row["patient_id"], known[text], columns)
