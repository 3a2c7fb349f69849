"""Image formats by the first bytes of a file, whatever its name."""

import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

ENDINGS = {
    "PNG": ("png",),
    "JPEG": ("jpg", "jpeg", "jfif", "jpe"),
    "WEBP": ("webp",),
    "TIFF": ("tif", "tiff"),
    "BMP": ("bmp", "dib"),
    "GIF": ("gif",),
    "PPM": ("ppm", "pgm", "pbm", "pnm"),
}
"""Format -> the endings that its files have."""

SUFFIXES = tuple(f".{ending}" for endings in ENDINGS.values() for ending in endings)
FRAMES_AT_THE_END, FRAMES_HEAD = ("WEBP", "TIFF", "GIF"), 65_536
"""Formats whose pictures lie anywhere in a file, and the bytes in which all others say how many they are."""

HEAD = 32
"""Bytes at the start of a file that say what it is."""

MOST_FRAMES = 1_000
"""Frames are counted up to this number: a file can claim millions of empty ones."""

_STEPS = 1_000_000
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)


def kind_of(head: bytes) -> str:
    """The format of a file that begins with ``head`` (`HEAD` bytes), one of `ENDINGS`; '' for any other."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace() and head[3:4] in b"#0123456789":
        return "PPM"
    return ""


def is_image(path: Path) -> bool:
    """Whether a plain file is called like an image, in any case, or begins like one; no link is judged by content."""
    if path.name.lower().endswith(SUFFIXES):
        return True
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return False
        with path.open("rb") as file:
            return bool(kind_of(file.read(HEAD)))
    except (OSError, ValueError):
        return False


def suffix_of(raw: bytes) -> str:
    """The ending for the bytes of an image, ``.jpg`` where they are of no kind known here."""
    return f".{ENDINGS[kind_of(raw[:HEAD]) or 'JPEG'][0]}"


def count_frames(raw: bytes) -> int:
    """How many pictures an image file holds, at most `MOST_FRAMES`; only their places are read, no pixel."""
    kind = kind_of(raw[:HEAD])
    walk = {"TIFF": _tiff_frames, "GIF": _gif_frames, "WEBP": _webp_frames, "PNG": _png_frames}.get(kind)
    try:
        return max(1, sum(1 for _ in zip(range(MOST_FRAMES), walk(raw), strict=False))) if walk else 1
    except (struct.error, IndexError, ValueError):
        return 1


def png_chunks(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and contents of a PNG file's chunks up to its pixels."""
    at = 8
    while at + 8 <= len(raw):
        length, name = struct.unpack_from(">I4s", raw, at)
        if name == b"IDAT":
            return
        yield name, raw[at + 8 : at + 8 + length]
        at += length + 12


def _tiff_frames(raw: bytes) -> Iterator[int]:
    order = "<" if raw.startswith(b"II") else ">"
    is_big = raw[2:4] in (b"+\0", b"\0+")
    count, size, offset = ("Q", 20, "Q") if is_big else ("H", 12, "I")
    at = struct.unpack_from(order + offset, raw, 8 if is_big else 4)[0]
    seen: set[int] = set()
    while at and at not in seen and at + struct.calcsize(count) <= len(raw):
        seen.add(at)
        yield at
        n = struct.unpack_from(order + count, raw, at)[0]
        at = struct.unpack_from(order + offset, raw, at + struct.calcsize(count) + size * n)[0]


def _gif_frames(raw: bytes) -> Iterator[int]:
    at = 13 + _table(raw[10])
    for _ in range(_STEPS):
        block = raw[at]
        if block == 0x2C:
            yield at
            at += 10 + _table(raw[at + 9]) + 1
        elif block == 0x21:
            at += 2
        else:
            return
        while raw[at]:
            at += raw[at] + 1
        at += 1


def _table(flags: int) -> int:
    """Bytes of a colour table."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _webp_frames(raw: bytes) -> Iterator[int]:
    at = 12
    while at + 8 <= len(raw):
        name, length = struct.unpack_from("<4sI", raw, at)
        if name == b"ANMF":
            yield at
        at += 8 + length + length % 2


def _png_frames(raw: bytes) -> Iterator[int]:
    for name, held in png_chunks(raw):
        if name == b"acTL":
            yield from range(struct.unpack_from(">I", held)[0])
