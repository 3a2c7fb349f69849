"""Near-duplicates by perceptual hash: all pairs whose hashes differ in a few bits.

The hash: signs of the 64 lowest frequencies of a 32 x 32 grey image against their median (Zauner 2010, 3.2.1, "pHash").
The search is exact: split into one chunk of bits more than may differ, two such hashes share a chunk (Norouzi, Punjani
& Fleet 2012, multi-index hashing).
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

from model_zoo.core.errors import ImageError
from model_zoo.images.bit_depth import rescaled_to_8_bits
from model_zoo.images.decoding import open_image

MAX_DISTANCE = 4
"""Of 64 bits; a re-encoded or resized copy differs in 0 to 4, unrelated photographs in about 32."""

SIDE, N_LOW = 32, 8
MAX_PAIRS = 1_000_000
HASHES = "perceptual_hashes.jsonl"
"""Where a workspace keeps them: a line per file as it was (path, size, mtime_ns), so that work can stop anywhere."""

_BLOCK = 2_048
_ROOM = 1_000


@dataclass(frozen=True, slots=True)
class Pairs:
    """Indices of images that look alike, (n, 2), the first below the second, and the bits in which they differ, (n,).

    ``n_left_out`` is how many more there are, at least, where they are more than `MAX_PAIRS`.
    """

    indices: NDArray[np.int64]
    distances: NDArray[np.uint8]
    n_left_out: int = 0


def perceptual_hash(image: Image.Image) -> int:
    """64 bits of how an image looks; the same for its copies in other sizes and formats, or nearly."""
    grey = np.asarray(image.convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS), dtype=np.float64)
    low = dctn(grey, norm="ortho")[:N_LOW, :N_LOW].ravel()
    bits = low > np.median(low[1:])  # the mean brightness would push the median
    return int(np.packbits(bits).view(">u8")[0])


def pairs_alike(hashes: NDArray[np.uint64], at_most: int = MAX_DISTANCE) -> Pairs:
    """All pairs among ``hashes``, (n,), that differ in ``at_most`` (0 to 15) bits or fewer, in order."""
    values, group_of = np.unique(hashes, return_inverse=True)
    sizes = np.bincount(group_of, minlength=len(values))
    members, starts = np.argsort(group_of, kind="stable"), np.cumsum(sizes) - sizes
    same = np.flatnonzero(sizes > 1)
    one, two = np.vstack([np.column_stack([same, same]), _near(values, at_most)]).T
    n_all = int(np.where(one == two, sizes[one] * (sizes[one] - 1) // 2, sizes[one] * sizes[two]).sum())
    shown = np.minimum(sizes, _ROOM)  # of thousands of equal images, some
    n_each = shown[one] * shown[two]
    fit = np.cumsum(n_each) <= 2 * MAX_PAIRS
    one, two, n_each = one[fit], two[fit], n_each[fit]
    place = np.arange(n_each.sum()) - np.repeat(np.cumsum(n_each) - n_each, n_each)
    one, two = np.repeat(one, n_each), np.repeat(two, n_each)
    first, second = members[starts[one] + place // shown[two]], members[starts[two] + place % shown[two]]
    once = (one != two) | (first < second)
    indices = np.sort(np.column_stack([first, second])[once], axis=1)
    indices = indices[np.lexsort((indices[:, 1], indices[:, 0]))][:MAX_PAIRS]
    distances = np.bitwise_count(hashes[indices[:, 0]] ^ hashes[indices[:, 1]])
    return Pairs(indices, distances, n_all - len(indices))


def _near(values: NDArray[np.uint64], at_most: int) -> NDArray[np.int64]:
    """Pairs of different values within ``at_most`` bits, (n, 2), each once; where they are millions, not all."""
    edges = np.linspace(0, 64, at_most + 2).round().astype(int)
    pieces = [np.empty(0, dtype=np.int64)]
    n, n_found = len(values), 0
    for low, high in pairwise(edges):
        chunk = (values >> np.uint64(low)) & np.uint64(2 ** int(high - low) - 1)
        order = np.argsort(chunk, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(chunk[order]) != 0]) if n else np.empty(0, dtype=np.int64)
        lengths = np.diff(np.r_[starts, n]) if n else starts
        for length in np.unique(lengths[lengths > 1]):  # buckets of one length at once
            buckets = order[starts[lengths == length][:, None] + np.arange(length)]
            for found in _within(values, buckets, at_most):
                pieces.append(found)
                n_found += len(found)
                if n_found > 8 * MAX_PAIRS:
                    pieces = [np.unique(np.concatenate(pieces))]
                    n_found = len(pieces[0])
                    if n_found > 2 * MAX_PAIRS:
                        return np.column_stack([pieces[0] // n, pieces[0] % n])
    codes = np.unique(np.concatenate(pieces))
    return np.column_stack([codes // max(1, n), codes % max(1, n)])


def _within(values: NDArray[np.uint64], buckets: NDArray[np.int64], at_most: int) -> Iterator[NDArray[np.int64]]:
    """Codes (first * n + second) of near pairs in buckets, (n_buckets, length)."""
    n, length = len(values), buckets.shape[1]
    step = max(1, _BLOCK * _BLOCK // length**2)
    for start in range(0, len(buckets), step):
        some = buckets[start : start + step]
        for top in range(0, length, _BLOCK):  # a bucket of very many, by rows
            rows = some[:, top : top + _BLOCK]
            differ = np.bitwise_count(values[rows][:, :, None] ^ values[some][:, None, :])
            b, i, j = np.nonzero(differ <= at_most)
            one, two = rows[b, i], some[b, j]
            yield (one * n + two)[one < two]


class KnownHashes:
    """The hashes that a workspace keeps; ``None`` for a file that could not be decoded."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[tuple[str, int, int], int | None] = {}
        lines = path.read_bytes().split(b"\n") if path.is_file() else []
        for line in lines:
            try:
                name, size, mtime_ns, text = json.loads(line)
                self.known[name, int(size), int(mtime_ns)] = None if text is None else int(text, 16)
            except (ValueError, TypeError):
                continue  # the line at which somebody was stopped: computed anew

    def of(self, files: Mapping[str, Path]) -> dict[str, int]:
        """Hashes of those files that are as they were; name -> hash."""
        found = {}
        for name, path in files.items():
            one = self.known.get(_key(name, path))
            if one is not None:
                found[name] = one
        return found

    def fill(
        self, files: Mapping[str, Path], progress: Callable[[int, int], None] = lambda done, of: None
    ) -> list[str]:
        """Hash every file that is not known as it is now, each kept at once; a sentence for each that has none.

        ``progress`` is told how many of ``files`` are done; whatever it raises stops the work, and nothing is lost.
        """
        told = []
        with self.path.open("ab") as out:
            if out.tell() and not self.path.read_bytes().endswith(b"\n"):
                out.write(b"\n")
            for done, (name, path) in enumerate(files.items(), start=1):
                key = _key(name, path)
                if key not in self.known:
                    try:
                        self.known[key] = perceptual_hash(rescaled_to_8_bits(open_image(path, name)))
                    except ImageError as error:
                        self.known[key] = None
                        told.append(str(error))
                    self._keep(key, out.write)
                    out.flush()
                progress(done, len(files))
        return told

    def add(self, hashes: Iterable[tuple[str, Path, int]]) -> None:
        """Keep hashes that were computed elsewhere: name, file, hash."""
        with self.path.open("ab") as out:
            for name, path, one in hashes:
                key = _key(name, path)
                if key not in self.known:
                    self.known[key] = one
                    self._keep(key, out.write)

    def _keep(self, key: tuple[str, int, int], write: Callable[[bytes], object]) -> None:
        one = self.known[key]
        write(json.dumps([*key, None if one is None else f"{one:016x}"]).encode() + b"\n")


def _key(name: str, path: Path) -> tuple[str, int, int]:
    try:
        stat = path.stat()
    except OSError:
        return name, -1, -1
    return name, stat.st_size, stat.st_mtime_ns


def as_array(hashes: Sequence[int]) -> NDArray[np.uint64]:
    """Hashes as `pairs_alike` takes them."""
    return np.array(hashes, dtype=np.uint64)
