"""Limits on the work of decoding an image, counted in its bytes before a decoder reads them.

Limits on pixels do not bound work: each scan of a progressive JPEG passes over all pixels, and costs its file 75 bytes;
tiles of a TIFF may be larger than the image; parsers spend microseconds on each of millions of empty parts.
"""

import math
import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from model_zoo.core.errors import ImageError

MAX_SCANS = 200
"""Of a JPEG; encoders write 1 to 15."""

MAX_SCANS_OF_LARGEST = 20
"""Scans times pixels are at most this many times the most pixels that an image may have."""

MAX_PARTS = 100_000
"""Chunks of a PNG, blocks of a GIF; 64 MB in chunks of 8 kB are 8,192."""

MAX_SEGMENTS = 5_000
"""Of a JPEG, scans left aside."""

MAX_EXIF = 4 * 2**20
MAX_DIRECTORIES, MAX_ENTRIES, MAX_PIECES = 10_000, 500_000, 1_000_000
"""Of a TIFF: images, entries of all of them together, and strips or tiles of one."""

MAX_SLOW_BYTES = 8 * 2**20
"""Of kinds that Pillow decodes in Python, about a microsecond each step: BMP with run lengths, PNM in digits."""

TILE_ROOM = 16_000_000
"""Pixels that the tiles of a TIFF may have beyond four times those of the image."""

_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
_WIDTH, _HEIGHT, _COMPRESSION, _SAMPLES, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 259, 277, 322, 323
_OFFSETS, _COUNTS = (273, 324), (279, 325)
_LOOKED_AT = {_WIDTH, _HEIGHT, _COMPRESSION, _SAMPLES, _TILE_WIDTH, _TILE_HEIGHT, *_OFFSETS, *_COUNTS}
_JPEG_IN_TIFF = (6, 7)
_LETTERS = {3: "H", 4: "I", 16: "Q"}
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


def check_work(raw: bytes, name: str, n_pixels: int) -> None:
    """`ImageError` where decoding ``raw`` may cost more than an image of ``n_pixels`` should; other kinds pass.

    What is damaged passes too: the decoder says so.
    """
    try:
        if raw.startswith(b"\xff\xd8"):
            _check_jpeg(raw, name, n_pixels)
        elif raw.startswith(b"\x89PNG\r\n\x1a\n"):
            _check_png(raw, name)
        elif raw[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            _check_tiff(raw, name, n_pixels)
        elif raw.startswith((b"GIF87a", b"GIF89a")):
            _check_gif(raw, name)
        elif raw.startswith(b"BM") and len(raw) > 34 and struct.unpack_from("<I", raw, 30)[0] in (1, 2):
            _check_slow(raw, name, "BMP file with run lengths")
        elif raw[:2] in (b"P1", b"P2", b"P3"):
            _check_slow(raw, name, "PNM file in digits")
        elif raw.startswith(b"RIFF") and raw[8:12] == b"WEBP":
            _check_webp(raw, name)
    except (struct.error, IndexError):
        return


def _check_jpeg(raw: bytes, name: str, n_pixels: int) -> None:
    at, n_segments, n_scans, size, exif = 2, 0, 0, 0, bytearray()
    while (found := _MARKER.search(raw, at)) is not None:
        marker, at = raw[found.start() + 1], found.end()
        if marker == 0xD9:
            break
        if marker in (0x01, 0xD8):
            continue
        (length,) = struct.unpack_from(">H", raw, at)
        if marker == 0xDA:
            n_scans += 1
        else:
            n_segments += 1
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", raw, at + 3)
            size = max(size, height * width)
        if marker == 0xE1 and raw[at + 2 : at + 6] == b"Exif":
            exif += raw[at + 8 : at + length]
        if n_segments > MAX_SEGMENTS or len(exif) > MAX_EXIF:
            raise _too_much(name, f"more than {MAX_SEGMENTS:,} segments, or {MAX_EXIF >> 20} MB of EXIF")
        if n_scans > MAX_SCANS or n_scans * size > MAX_SCANS_OF_LARGEST * n_pixels:
            raise _too_much(name, f"{n_scans:,} scans or more over {size / 1e6:,.1f} million pixels")
        at += length
    _check_exif(bytes(exif), name)


def _check_png(raw: bytes, name: str) -> None:
    at, n_parts = 8, 0
    while at + 8 <= len(raw):
        (length,) = struct.unpack_from(">I", raw, at)
        kind, n_parts = raw[at + 4 : at + 8], n_parts + 1
        if n_parts > MAX_PARTS:
            raise _too_much(name, f"more than {MAX_PARTS:,} chunks")
        if kind == b"eXIf":
            _check_exif(raw[at + 8 : at + 8 + length], name)
        if kind == b"IEND":
            return
        at += 12 + length


def _check_webp(raw: bytes, name: str) -> None:
    at, n_parts = 12, 0
    while at + 8 <= len(raw):
        (length,) = struct.unpack_from("<I", raw, at + 4)
        n_parts += 1
        if n_parts > MAX_PARTS:
            raise _too_much(name, f"more than {MAX_PARTS:,} chunks")
        if raw[at : at + 4] == b"EXIF":
            _check_exif(raw[at + 8 : at + 8 + length], name)
        at += 8 + length + length % 2


def _check_gif(raw: bytes, name: str) -> None:
    at, n_parts = 13 + _palette(raw[10]), 0
    while at < len(raw) and raw[at] in (0x21, 0x2C):
        at += 2 if raw[at] == 0x21 else 11 + _palette(raw[at + 9])
        while raw[at]:
            at, n_parts = at + 1 + raw[at], n_parts + 1
            if n_parts > 10 * MAX_PARTS:  # they hold 255 bytes at most
                raise _too_much(name, f"more than {10 * MAX_PARTS:,} blocks")
        at, n_parts = at + 1, n_parts + 10
        if n_parts > 10 * MAX_PARTS:
            raise _too_much(name, f"more than {MAX_PARTS:,} parts")


def _palette(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


class _Directory(NamedTuple):
    """One image of a TIFF: the values of the tags in `_LOOKED_AT`, and how many bytes all its entries name."""

    values: dict[int, tuple[int, ...]]
    n_bytes: int


def _check_exif(raw: bytes, name: str) -> None:
    tiff = raw.removeprefix(b"Exif\0\0")
    if len(tiff) > MAX_EXIF:
        raise _too_much(name, f"more than {MAX_EXIF >> 20} MB of EXIF")
    if tiff[:4] in (b"II*\0", b"MM\0*") and (first := next(_directories(tiff, name), None)) is not None:
        _check_shares(first.n_bytes, tiff, name)


def _check_tiff(raw: bytes, name: str, n_pixels: int) -> None:
    for number, one in enumerate(_directories(raw, name)):
        if number >= MAX_DIRECTORIES:
            raise _too_much(name, f"more than {MAX_DIRECTORIES:,} images")
        _check_shares(one.n_bytes, raw, name)
        if number == 0:
            _check_pieces(one, raw, name, n_pixels)


def _check_shares(n_bytes: int, raw: bytes, name: str) -> None:
    """Entries that name the same bytes again and again are copied each time."""
    if n_bytes > 4 * len(raw) + 100_000:
        raise _too_much(name, f"entries that name {n_bytes:,} bytes, in a file of {len(raw):,}")


def _check_pieces(one: _Directory, raw: bytes, name: str, n_pixels: int) -> None:
    """Strips and tiles: together not much larger than the image and the file."""

    def first(tag: int, otherwise: int = 0) -> int:
        return next(iter(one.values.get(tag, ())), otherwise)

    width, height, tile_width, tile_height = map(first, (_WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT))
    n_pieces = max(len(one.values.get(tag, ())) for tag in _OFFSETS)
    held = max(sum(one.values.get(tag, ())) for tag in _COUNTS)
    if first(_COMPRESSION, 1) != 1 and held > 2 * len(raw) + 100_000:
        raise _too_much(name, f"strips or tiles of {held:,} bytes, in a file of {len(raw):,}")
    if tile_width and tile_height:
        n_tiles = max(n_pieces, math.ceil(width / tile_width) * math.ceil(height / tile_height))
        area = n_tiles * tile_width * tile_height
        if area > 4 * width * height * max(1, first(_SAMPLES, 1)) + TILE_ROOM:
            raise _too_much(name, f"tiles of {area / 1e6:,.0f} million pixels for {width:,} x {height:,}")
    n_scans = raw.count(b"\xff\xda") if first(_COMPRESSION) in _JPEG_IN_TIFF else 0
    if n_scans * width * height > MAX_SCANS_OF_LARGEST * n_pixels * max(1, n_pieces):
        raise _too_much(name, f"{n_scans:,} scans over {n_pieces:,} strips or tiles")


def _directories(raw: bytes, name: str) -> Iterator[_Directory]:
    """The directories of a TIFF in the order of their chain, each once; what is cut off ends it."""
    order, big = ("<" if raw[:2] == b"II" else ">"), raw[2:4] in (b"+\0", b"\0+")
    count_of, entry_of, next_of = (order + one for one in (("Q", "HHQQ", "Q") if big else ("H", "HHII", "I")))
    inline, step = (8 if big else 4), struct.calcsize(entry_of)
    (at,) = struct.unpack_from(next_of, raw, inline)
    seen: set[int] = set()
    n_entries = 0
    while at and at not in seen:
        seen.add(at)
        (n,) = struct.unpack_from(count_of, raw, at)
        n_entries += n
        if n_entries > MAX_ENTRIES:
            raise _too_much(name, f"more than {MAX_ENTRIES:,} entries")
        at += struct.calcsize(count_of)
        values: dict[int, tuple[int, ...]] = {}
        n_bytes = 0
        for place in range(at, min(at + n * step, len(raw) - step + 1), step):
            tag, kind, count, where = struct.unpack_from(entry_of, raw, place)
            length = count * _WIDTHS.get(kind, 0)
            n_bytes += length
            if tag in _LOOKED_AT and kind in _LETTERS and tag not in values:
                if count > MAX_PIECES:
                    raise _too_much(name, f"more than {MAX_PIECES:,} strips or tiles")
                start = place + step - inline if length <= inline else where
                is_there = start + length <= len(raw)  # else Pillow leaves the entry out and reads on
                values[tag] = struct.unpack_from(f"{order}{count}{_LETTERS[kind]}", raw, start) if is_there else ()
        yield _Directory(values, n_bytes)
        (at,) = struct.unpack_from(next_of, raw, at + n * step)


def _check_slow(raw: bytes, name: str, kind: str) -> None:
    if len(raw) > MAX_SLOW_BYTES:
        raise ImageError(
            f"{name} is a {kind} of {len(raw):,} bytes, at most {MAX_SLOW_BYTES:,} are decoded; save it as PNG."
        )


def _too_much(name: str, what: str) -> ImageError:
    return ImageError(f"{name} has {what}, as no ordinary image does; save it again as PNG.")
