"""Reads DICOM files as PNG frames and a table of a few tags, without the identity of the patient.

PS3.3 C.7.6.3 (pixels), C.7.6.3.1.5 (palettes); grey values as `dicom_grey` reads them.
"""

import csv
import logging
import os
import shutil
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model_zoo.core.errors import ImageError
from model_zoo.core.extras import require
from model_zoo.images.formats import SUFFIXES
from model_zoo.images.grey_scale import COLUMN, Depth, GreyScale, scales_of_import
from model_zoo.importing.archives import UnpackBudget, unpack_budget
from model_zoo.importing.dicom_grey import TAGS, depth_in, eight_bit, has_undeclared_depth, how_read
from model_zoo.importing.files import leads_out
from model_zoo.importing.source import SPLITS, SourceError, counted, shown
from model_zoo.untrusted.decode_limits import check_work
from model_zoo.untrusted.limits import limits, variable
from model_zoo.untrusted.parser_errors import parser_errors_as_ours

if TYPE_CHECKING:
    from pydicom import Dataset

TABLE = "metadata.csv"
ENDINGS = (".dcm", ".dicom", ".ima")
MAX_BYTES = 2**30

TOLD = {
    "Modality": "modality",
    "Manufacturer": "manufacturer",
    "ManufacturerModelName": "model",
    "BodyPartExamined": "body_part",
    "BurnedInAnnotation": "burned_in_annotation",
}
"""The tags that become columns. None says who somebody is; texts are cut at `MAX_TEXT`."""

MAX_TEXT = 64
PIXELS = (
    *("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelData", "ExtendedOffsetTable"),
    *("ExtendedOffsetTableLengths", *TAGS),
    *("RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor"),
    *("BluePaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData"),
    *("BluePaletteColorLookupTableData", "SegmentedRedPaletteColorLookupTableData"),
    *("SegmentedGreenPaletteColorLookupTableData", "SegmentedBluePaletteColorLookupTableData"),
)
"""The tags that pixels need. Nothing beside these and `TOLD` is parsed."""

MAX_UNPACKED = 100 * 2**20
"""Bytes of pixels that a small file may unpack to; beyond that the ratio of `UnpackBudget` holds."""

FRAMES_A_TRIAL = 500
"""Frames that get as much time again as one file has."""

_DEFLATED = "1.2.840.10008.1.2.1.99"


@dataclass(frozen=True, slots=True)
class Frames:
    """What DICOM files became: frames and files read, what to know of them, and a sentence for each other file."""

    n_frames: int
    n_files: int
    told: tuple[str, ...]
    left_out: tuple[str, ...]


def holds_dicom(path: Path) -> bool:
    """Whether a file is DICOM, or a folder holds some and no ordinary image."""
    if path.is_file():
        return _is_dicom(path)
    files = [Path(folder) / name for folder, _, names in os.walk(path) for name in names]
    return not any(one.name.lower().endswith(SUFFIXES) for one in files) and any(
        not leads_out(path, str(one.relative_to(path))) and _is_dicom(one)
        for one in files
        if one.suffix.lower() in (*ENDINGS, "") or one.suffix[1:].isdigit()
    )


def extract_frames(
    path: Path,
    target: Path,
    progress: Callable[[int, int], None] = lambda done, of: None,
    within: UnpackBudget | None = None,
) -> Frames:
    """Every frame of a DICOM file, or of those below a folder, as a PNG below ``target``, and `TABLE` beside them.

    ``target`` is empty or not there yet; it is empty again if anything stops the work. ``progress`` is told how many
    files of how many are done. The table has a row per frame: its file, the file it is of as ``patient_id`` (nothing
    else is known of the patient), the tags of `TOLD`, and the folders on its way: the first is its ``label``, or its
    ``split`` where all are called so. A file that cannot be read, or would be too much by itself, is left out with a
    sentence; `SourceError` before all of them together are. ``within`` says how many files, and bytes of pixels in
    them, are too much. Grey values whose range no file declares are read twice: all of them share one scale.
    """
    require("dicom", "DICOM")
    root = path.parent if path.is_file() else path
    files, left_out = ([path], []) if path.is_file() else _below(path)
    if target.exists() and any(target.iterdir()):
        raise SourceError(f"{target} is not empty; give an empty folder for the frames of {shown(path.name)}.")
    rows: list[dict[str, str]] = []
    n_files, taken = 0, _Taken(within or unpack_budget())
    try:
        target.mkdir(parents=True, exist_ok=True)
        shared = _shared_scale(files, root, taken.room, lambda: progress(0, len(files)))
        for done, file in enumerate(files, start=1):
            inside = file.relative_to(root).as_posix()
            try:
                rows += _written(file, inside, target, taken, shared)
                n_files += 1
            except ImageError as error:
                left_out.append(str(error))
            progress(done, len(files))
        if not rows:
            raise SourceError(f"No frame can be read from {path}; " + (left_out or ["it holds no DICOM file."])[0])
        _write_table(rows, target / TABLE)
    except BaseException as error:
        shutil.rmtree(target, ignore_errors=True)
        if isinstance(error, OSError):
            raise SourceError(f"Frames cannot be written to {target} ({error.strerror}); make room.") from error
        raise
    burned = sum(row[TOLD["BurnedInAnnotation"]] == "YES" for row in rows)
    unsaid = sum(row[TOLD["BurnedInAnnotation"]] == "" for row in rows)
    grey = Counter(row[COLUMN] for row in rows if row[COLUMN])
    told = (
        f"DICOM: {counted(len(rows), 'frame')} of {counted(n_files, 'file')}, written as PNG.",
        *(f"Grey values of {counted(n, 'frame')}: {how}." for how, n in grey.items()),
        "No tag that names a patient is read: each file counts as its own patient, unless --patient names a column.",
        f"Text is burned into the picture, by their tags: {counted(burned, 'frame')}; without such a tag: {unsaid:,}; "
        "look for names in them.",
        "Names of files and folders are kept: they are each image's id, path and patient_id here, and shown. Rename "
        "those that name a patient first.",
    )
    return Frames(len(rows), n_files, told, tuple(left_out))


class _Taken:
    """What the frames written so far take of a room."""

    def __init__(self, room: UnpackBudget) -> None:
        self.room, self.n_frames, self.n_bytes = room, 0, 0

    def check(self, inside: str, n_frames: int, n_bytes: int) -> None:
        """`ImageError` where a file is too much by itself, `SourceError` where it is after those before it."""
        for unit, new, before, at_most, way in (
            ("bytes of pixels", n_bytes, self.n_bytes, self.room.n_bytes, self.room.ways[0]),
            ("frames", n_frames, self.n_frames, self.room.n_files, self.room.ways[1]),
        ):
            if new > at_most:
                raise ImageError(
                    f"{shown(inside)} has {new:,} {unit}, at most {at_most:,} are written; export fewer frames, or set "
                    f"{way}."
                )
            if before + new > at_most:
                raise SourceError(
                    f"With {shown(inside)} there are {before + new:,} {unit}, at most {at_most:,} are written; bring "
                    f"them in by parts, or set {way}."
                )

    def add(self, n_frames: int, n_bytes: int) -> None:
        self.n_frames += n_frames
        self.n_bytes += n_bytes


def _files(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders[:] = [one for one in folders if not one.startswith(".")]
        yield from (Path(where) / name for name in names if name != "DICOMDIR" and not name.startswith("."))


def _below(folder: Path) -> tuple[list[Path], list[str]]:
    """The DICOM files below a folder, and a sentence for each link that leads out of it and was not followed."""
    files, left_out = [], []
    for one in sorted(_files(folder)):
        if leads_out(folder, name := one.relative_to(folder).as_posix()):
            left_out.append(f"{shown(name)} leads out of {folder}; copy the file into it.")
        elif _is_dicom(one):
            files.append(one)
    return files, left_out


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return path.is_file() and file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _shared_scale(
    files: Sequence[Path], root: Path, room: UnpackBudget, progress: Callable[[], None]
) -> GreyScale | None:
    """The one scale of all grey values whose range no file declares; None where each file declares its own."""
    depths: list[Depth | None] = []
    for file in files:
        inside = file.relative_to(root).as_posix()
        try:
            with warnings.catch_warnings(), parser_errors_as_ours(shown(inside), ImageError, "export it uncompressed"):
                warnings.simplefilter("ignore")
                dataset = _read(file, inside)
                if has_undeclared_depth(dataset):
                    depths.append(depth_in(_frames_of(dataset, file, inside, room), dataset))
        except ImageError:  # said where its frames are to be written
            continue
        finally:
            progress()
    if not depths:
        return None
    is_float = any(one.is_float for one in depths if one)
    return next(iter(scales_of_import([Depth(one.observed, None, is_float) for one in depths if one])), None)


def _written(file: Path, inside: str, target: Path, taken: _Taken, shared: GreyScale | None) -> list[dict[str, str]]:
    """Rows of the frames of one file, each written below ``target``; `ImageError`, and none written, if one fails."""
    stem = inside.removesuffix(file.suffix) if file.suffix.lower() in ENDINGS else inside
    while (target / f"{stem}.png").exists() or (target / stem).exists():
        stem += "_"
    folder = target / stem
    rows = []
    try:
        broken = "is damaged, or compressed in a way not read here"
        with (
            warnings.catch_warnings(),
            parser_errors_as_ours(shown(inside), ImageError, "export it uncompressed", broken, ""),
        ):
            warnings.simplefilter("ignore")  # pydicom's, of values that break the standard
            dataset = _read(file, inside)
            n = int(dataset.get("NumberOfFrames") or 1)
            told = {column: str(dataset.get(tag) or "").strip()[:MAX_TEXT] for tag, column in TOLD.items()}
            folders = {f"folder_{k}": name for k, name in enumerate(inside.split("/")[:-1], start=1)}
            n_bytes = int(dataset.Rows) * int(dataset.Columns) * int(dataset.get("SamplesPerPixel") or 1)
            taken.check(inside, n, n * n_bytes)
            told[COLUMN] = how_read(dataset, shared)
            for k, pixels in enumerate(
                _pixels(_frames_of(dataset, file, inside, taken.room), dataset, shared), start=1
            ):
                name = f"{stem}/{k:04d}.png" if n > 1 else f"{stem}.png"
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(target / name)
                rows.append(
                    {"file_name": name, "patient_id": inside, "frame": str(k), "frames": str(n)} | told | folders
                )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if not rows:
        raise ImageError(f"{shown(inside)} holds no picture, or is cut off before it; leave it out.")
    taken.add(len(rows), len(rows) * n_bytes)
    return rows


def _read(file: Path, inside: str) -> "Dataset":
    from pydicom import dcmread
    from pydicom.filereader import read_file_meta_info

    logging.getLogger("pydicom").addHandler(logging.NullHandler())  # else its complaints are printed
    if (size := file.stat().st_size) > MAX_BYTES:
        raise ImageError(f"{shown(inside)} has {size:,} bytes, at most {MAX_BYTES:,} are read; export fewer frames.")
    if str(read_file_meta_info(file).get("TransferSyntaxUID")) == _DEFLATED:  # unpacked before any limit could hold
        raise ImageError(f"{shown(inside)} is deflated as a whole, which is not read here; export it uncompressed.")
    dataset = dcmread(file, specific_tags=[*PIXELS, *TOLD])
    if "PixelData" not in dataset:
        raise ImageError(f"{shown(inside)} holds no picture, or is cut off before it; leave it out.")
    height, width, n = int(dataset.Rows), int(dataset.Columns), int(dataset.get("NumberOfFrames") or 1)
    samples, at_most = int(dataset.get("SamplesPerPixel") or 1), limits()
    if min(height, width, samples) < 1:
        raise ImageError(
            f"{shown(inside)} says that it has {width:,} x {height:,} pixels of {samples:,} samples, none of which can "
            "be less than 1; export it again."
        )
    too_large = height * width > at_most.image_megapixels * 1_000_000 or max(height, width) > at_most.image_side
    if too_large or not 1 <= n <= at_most.dicom_frames:
        raise ImageError(
            f"{shown(inside)} has {n:,} frames of {width:,} x {height:,} pixels; at most {at_most.dicom_frames:,} of "
            f"{at_most.image_megapixels:,} million are read ({variable('dicom_frames')}, "
            f"{variable('image_megapixels')})."
        )
    return dataset


def _check_work(dataset: "Dataset", inside: str, n_frames: int, n_bytes: int, at_most: float) -> None:
    """`ImageError` for frames that unpack to far more than the file holds, or that no JPEG of an image would be."""
    from pydicom.encaps import generate_frames

    if n_bytes > max(MAX_UNPACKED, at_most):
        raise ImageError(
            f"{shown(inside)} unpacks to {n_bytes:,} bytes of pixels, far more than it holds; export it uncompressed."
        )
    if dataset.file_meta.TransferSyntaxUID.is_compressed:
        table = [dataset.get(tag) for tag in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")]
        offsets = (table[0], table[1]) if all(table) else None  # as pydicom finds frames itself
        frames = generate_frames(dataset.PixelData, number_of_frames=n_frames, extended_offsets=offsets)
        for frame in islice(frames, n_frames):
            check_work(frame, shown(inside), limits().image_megapixels * 1_000_000)


def _frames_of(dataset: "Dataset", file: Path, inside: str, room: UnpackBudget) -> "Iterator[NDArray[Any]]":
    """The frames as they are stored, YBR turned into RGB; no more than the file says that it holds.

    `ImageError` where they ask for more work than frames of their size need.
    """
    from pydicom.pixels.utils import iter_pixels

    n = int(dataset.get("NumberOfFrames") or 1)
    n_bytes = n * int(dataset.Rows) * int(dataset.Columns) * int(dataset.get("SamplesPerPixel") or 1)
    _check_work(dataset, inside, n, n_bytes, room.ratio * file.stat().st_size)
    ends = time.monotonic() + limits().trial_seconds * (1 + n / FRAMES_A_TRIAL)
    for k, frame in enumerate(islice(iter_pixels(dataset), n), start=1):
        if time.monotonic() > ends:
            raise ImageError(
                f"{shown(inside)} takes too long, after {k:,} of {n:,} frames; export it uncompressed, or set "
                f"{variable('trial_seconds')}."
            )
        yield frame


def _pixels(
    frames: "Iterator[NDArray[Any]]", dataset: "Dataset", shared: GreyScale | None
) -> Iterator[NDArray[np.uint8]]:
    """The frames in order, (height, width) of grey or (height, width, 3) of RGB."""
    from pydicom.pixels.processing import apply_color_lut

    for frame in frames:
        if str(dataset.PhotometricInterpretation) == "PALETTE COLOR":
            frame = apply_color_lut(frame, dataset)
            yield (frame >> 8 if frame.dtype == np.uint16 else frame).astype(np.uint8)
        elif frame.ndim == 3:
            yield (frame >> max(0, int(dataset.BitsStored) - 8)).astype(np.uint8)
        else:
            yield eight_bit(frame, dataset, shared)


def _write_table(rows: list[dict[str, str]], path: Path) -> None:
    firsts = {row.get("folder_1", "") for row in rows}
    said = "split" if all(one.casefold() in SPLITS for one in firsts) else "label"
    if "" not in firsts:
        second = {row.get("folder_2", "") for row in rows}
        rows = [row | {said: row["folder_1"]} for row in rows]
        if said == "split" and "" not in second:
            rows = [row | {"label": row["folder_2"]} for row in rows]
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(dict.fromkeys(name for row in rows for name in row)), restval="")
        writer.writeheader()
        writer.writerows(rows)
