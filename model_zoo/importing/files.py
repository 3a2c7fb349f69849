"""The files that rows name: found without leaving their folder, and looked into one by one."""

import hashlib
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from model_zoo.core.errors import ImageError
from model_zoo.images import MAX_FILE_BYTES, decode
from model_zoo.importing.near_duplicates import perceptual_hash
from model_zoo.importing.source import SUFFIXES, Row, shown


@dataclass(frozen=True, slots=True)
class Found:
    """A row and its file: ``inside`` is its path below the source's folder, links followed.

    Of files that were not read ``sha256`` is '', ``n_bytes`` 0 and the perceptual hash ``look`` None.
    """

    row: Row
    inside: str
    sha256: str = ""
    n_bytes: int = 0
    look: int | None = None


def find(rows: Iterable[Row], base: Path) -> tuple[list[Found], list[str]]:
    """The rows whose file lies below ``base``, and one sentence for each other; no file is opened.

    A path or link that leads out of ``base`` is refused; a name without an ending may be that of an image file.
    """
    root = os.path.realpath(base)
    found, left_out = [], []
    for row in rows:
        try:
            real = _real(root, row.file)
        except ValueError:  # a NUL in a path
            real = None
        if real is None:
            left_out.append(f"{shown(row.file)} ({row.where}) is no file in {root}.")
        elif not real.startswith(root.rstrip(os.sep) + os.sep):
            left_out.append(f"{shown(row.file)} ({row.where}) leads out of {root}; copy the file into it.")
        else:
            found.append(Found(row, os.path.relpath(real, root).replace(os.sep, "/")))
    return found, left_out


def look_into(
    found: Sequence[Found], base: Path, progress: Callable[[int], None] = lambda done: None
) -> tuple[list[Found], list[str]]:
    """Every file read and decoded once: those that can be, with their hashes, and one sentence for each other."""
    root = Path(os.path.realpath(base))
    readable, left_out = [], []
    for done, one in enumerate(found, start=1):
        path = root / one.inside
        try:
            raw = path.read_bytes() if path.stat().st_size <= MAX_FILE_BYTES else b""
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow's, of an image that `decode` refuses or reads
                image = decode(
                    raw or path, shown(one.inside)
                )  # the path where there are no bytes: its sentence says why
        except ImageError as error:
            left_out.append(str(error))
        except OSError as error:
            left_out.append(f"{shown(one.inside)} cannot be read ({error.strerror}); give access.")
        else:
            digest, look = hashlib.sha256(raw).hexdigest(), perceptual_hash(image)
            readable.append(Found(one.row, one.inside, digest, len(raw), look))
        progress(done)
    return readable, left_out


def _real(root: str, written: str) -> str | None:
    """The file that is meant, links followed; None where there is none."""
    candidates = [written, *(written + suffix for suffix in SUFFIXES if not written.lower().endswith(SUFFIXES))]
    if "\\" in written:
        candidates.append(written.replace("\\", "/"))
    for candidate in candidates:
        joined = os.path.join(root, candidate)  # an absolute path stands for itself, and must lead inside
        if os.path.isfile(joined):
            return os.path.realpath(joined)
    return None
