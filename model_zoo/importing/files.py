"""Finds and checks the image files that imported rows name, inside their folder only."""

import hashlib
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from model_zoo.core.errors import ImageError
from model_zoo.images.bit_depth import depth_of, rescaled_to_8_bits
from model_zoo.images.decoding import file_is_deep, open_image
from model_zoo.images.formats import FRAMES_AT_THE_END, FRAMES_HEAD, SUFFIXES, count_frames, kind_of
from model_zoo.images.grey_scale import Depth
from model_zoo.importing.file_matching import Matched, files_below, match_endings
from model_zoo.importing.near_duplicates import perceptual_hash
from model_zoo.importing.source import Row, shown
from model_zoo.untrusted.limits import limits


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A row and its file: ``inside`` is its path below the source's folder, links followed.

    Of files that were not read ``sha256`` is '', ``n_bytes`` 0 and the perceptual hash ``look`` None. ``depth`` is
    that of an image of more than 8 bits, and ``n_frames`` counts its pictures, of which the first is read.
    """

    row: Row
    inside: str
    sha256: str = ""
    n_bytes: int = 0
    look: int | None = None
    depth: Depth | None = None
    n_frames: int = 1


def find_file(rows: Iterable[Row], base: Path) -> tuple[list[FoundFile], list[str], list[str]]:
    """The rows whose file lies below ``base``, one sentence for each other, and how names were matched; none is opened.

    A path or link that leads out of ``base`` is refused before anything asks whether a file is there, and in the same
    words whether or not one is; a name without an ending may be that of an image file. A file that is not found as it
    is written is looked up by its name in any case and Unicode form, and by the end of its path (`match_endings`).
    """
    root = os.path.realpath(base)
    rows = list(rows)
    reals: dict[str, str] = {}
    for file in dict.fromkeys(row.file for row in rows):
        places = [inside(base, name) for name in _names(file)]
        reals[file] = next((place for place in places if place and os.path.isfile(place)), "")
    sought = [file for file, real in reals.items() if not real]
    taken = {os.path.relpath(real, root).replace(os.sep, "/") for real in reals.values() if real}
    matched = match_endings(sought, files_below(root), taken) if sought else Matched({}, {})
    for file, relative in matched.found.items():
        place = inside(base, relative) or ""
        reals[file] = place if os.path.isfile(place) else ""
    found, left_out = [], []
    for row in rows:
        if real := reals[row.file]:
            found.append(FoundFile(row, os.path.relpath(real, root).replace(os.sep, "/")))
        elif row.file in matched.refused:
            left_out.append(f"{shown(row.file)} ({row.where}) {matched.refused[row.file]}")
        elif all(inside(base, name) for name in _names(row.file)):
            left_out.append(f"{shown(row.file)} ({row.where}) is no file in {root}.")
        else:
            left_out.append(f"{shown(row.file)} ({row.where}) leads out of {root}; copy the file into it.")
    return found, left_out, matched.told


def inside(base: Path, written: str) -> str | None:
    """Where ``written`` leads to, links followed, whether or not anything is there; None where that is out of ``base``.

    An absolute path stands for itself.
    """
    root = os.path.realpath(base)
    if "\0" in written:
        return root  # no file has such a name, there as anywhere
    lies = os.path.normpath(os.path.join(root, written))
    if _below(lies, named := os.path.abspath(base)):
        lies = os.path.join(root, os.path.relpath(lies, named))
    real = os.path.realpath(lies) if _below(lies, root) else ""
    return real if _below(real, root) else None


def leads_out(base: Path, written: str) -> bool:
    """Whether ``written`` is, or links to, anything that is not in ``base``."""
    return inside(base, written) is None


def inspect_file(
    found: Sequence[FoundFile], base: Path, progress: Callable[[int], None] = lambda done: None
) -> tuple[list[FoundFile], list[str]]:
    """Every file read and decoded once: those that can be, with their hashes, and one sentence for each other."""
    root, at_most = Path(os.path.realpath(base)), limits().image_mb * 2**20
    readable, left_out = [], []
    for done, one in enumerate(found, start=1):
        path = root / one.inside
        try:
            raw = path.read_bytes() if path.stat().st_size <= at_most else b""
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow's, of an image that `decode` refuses or reads
                # the path where there are no bytes: its sentence says why
                image = open_image(raw or path, shown(one.inside))
                depth = depth_of(image)
        except ImageError as error:
            left_out.append(str(error))
        except OSError as error:
            left_out.append(f"{shown(one.inside)} cannot be read ({error.strerror}); give access.")
        else:
            digest, look = hashlib.sha256(raw).hexdigest(), perceptual_hash(rescaled_to_8_bits(image))
            readable.append(FoundFile(one.row, one.inside, digest, len(raw), look, depth, count_frames(raw)))
        progress(done)
    return readable, left_out


def read_bit_depths(found: Sequence[FoundFile], base: Path) -> list[FoundFile]:
    """The same with depth and frames, where images are not opened otherwise; only those of more than 8 bits are.

    A file that cannot be read stays as it is.
    """
    root, known = Path(os.path.realpath(base)), []
    for one in found:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                deep = file_is_deep(root / one.inside)
                depth = depth_of(open_image(root / one.inside)) if deep else None
            known.append(replace(one, depth=depth, n_frames=_frames_in(root / one.inside)))
        except (ImageError, OSError):
            known.append(one)
    return known


def _frames_in(path: Path) -> int:
    """How many pictures a file holds; read in full only where it is of a kind that keeps them at its end."""
    with path.open("rb") as file:
        head = file.read(FRAMES_HEAD)
        in_full = kind_of(head) in FRAMES_AT_THE_END and path.stat().st_size <= limits().image_mb * 2**20
        return count_frames(head + file.read() if in_full else head)


def _names(written: str) -> list[str]:
    """What a row may mean by ``written``."""
    either = [one for suffix in SUFFIXES for one in (suffix, suffix.upper())]
    names = [written, *(written + suffix for suffix in either if not written.lower().endswith(SUFFIXES))]
    return [*names, written.replace("\\", "/")] if "\\" in written else names


def _below(path: str, root: str) -> bool:
    return path.startswith(root.rstrip(os.sep) + os.sep)
