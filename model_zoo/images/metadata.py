"""Removes metadata (EXIF, GPS, comments) from image files without changing pixels.

JPEG, PNG, WebP and GIF are copied part by part, so that no pixel is coded anew. What changes how pixels are shown
stays: colour profiles, gamma, resolution, transparency, animation, and the orientation, the only EXIF entry kept.
"""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageSequence

from model_zoo.core.errors import ImageError
from model_zoo.images.decoding import FORMATS, decode

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP cICP mDCV cLLI sBIT bKGD pHYs acTL fcTL fdAT".split()
)
_WEBP_KEPT = frozenset((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04
_GIF_KEPT = (b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012")
_ORIENTATION = 0x0112
_LOSSLESS = {"TIFF": {"compression": "tiff_lzw"}}


def without_metadata(raw: bytes, name: str = "") -> bytes:
    """The same pixels in the same format, without metadata; `ImageError` where that cannot be had.

    Bytes after the image's end, previews and further pictures of a JPEG go too. Kinds beside JPEG, PNG, WebP and GIF
    are written anew and compared, frame by frame. Bytes that are no image known here come back as they are.
    """
    try:
        if raw.startswith(b"\xff\xd8"):
            return _jpeg(raw, _orientation(raw))
        if raw.startswith(_PNG):
            return _png(raw, _orientation(raw))
        if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
            return _webp(raw, _orientation(raw))
        if raw[:6] in (b"GIF87a", b"GIF89a"):
            return _gif(raw)
    except (IndexError, struct.error, ValueError) as error:
        raise ImageError(f"{name or 'The image'} is damaged: its metadata cannot be taken out.") from error
    try:
        with Image.open(io.BytesIO(raw), formats=FORMATS):
            pass
    except Exception:  # Pillow's parsers raise anything on bytes that are no image
        return raw
    return _written_anew(raw, name)


def _jpeg(raw: bytes, orientation: int) -> bytes:
    out, at = [b"\xff\xd8"], 2
    if orientation > 1:
        exif = b"Exif\0\0" + _exif(orientation)
        out.append(b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif)
    while True:
        while raw[at] == 0xFF and raw[at + 1] == 0xFF:  # fill bytes
            at += 1
        if raw[at] != 0xFF:
            raise ValueError("no marker")
        marker = raw[at + 1]
        if marker == 0xD9:
            return b"".join([*out, b"\xff\xd9"])
        end = at + 2 + struct.unpack_from(">H", raw, at + 2)[0]
        body = raw[at + 4 : end]
        if marker == 0xDA:
            end = _end_of_scan(raw, end)
        if end > len(raw):
            raise ValueError("cut off")
        if marker == 0xE0 and body.startswith(b"JFIF\0"):
            out.append(b"\xff\xe0\x00\x10" + body[:12] + b"\0\0")  # without its preview
        elif not (0xE0 <= marker <= 0xEF or marker == 0xFE) or _shows(marker, body):
            out.append(raw[at:end])
        at = end


def _shows(marker: int, body: bytes) -> bool:
    """Whether an application's segment changes how pixels are shown."""
    return (marker == 0xE2 and body.startswith(b"ICC_PROFILE\0")) or (marker == 0xEE and body.startswith(b"Adobe"))


def _end_of_scan(raw: bytes, at: int) -> int:
    while True:
        at = raw.index(b"\xff", at)
        if raw[at + 1] != 0 and not 0xD0 <= raw[at + 1] <= 0xD7:
            return at
        at += 2


def _png(raw: bytes, orientation: int) -> bytes:
    out, at = [_PNG], 8
    while True:
        (length,), kind = struct.unpack_from(">I", raw, at), raw[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(raw):
            raise ValueError("cut off")
        if kind == b"IDAT" and orientation > 1:
            exif = _exif(orientation)
            check = struct.pack(">I", zlib.crc32(b"eXIf" + exif))
            out.append(struct.pack(">I", len(exif)) + b"eXIf" + exif + check)
            orientation = 1
        if kind in _PNG_KEPT:
            out.append(raw[at:end])
        if kind == b"IEND":
            return b"".join(out)
        at = end


def _webp(raw: bytes, orientation: int) -> bytes:
    chunks = []
    for kind, body in _riff(raw):
        if kind == b"VP8X":
            flags = body[0] & ~(_WEBP_EXIF | _WEBP_XMP) | (_WEBP_EXIF if orientation > 1 else 0)
            body = bytes([flags]) + body[1:]
        if kind in _WEBP_KEPT:
            chunks.append((kind, body))
    if orientation > 1:
        chunks.append((b"EXIF", _exif(orientation)))
    packed = b"".join(kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2) for kind, body in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(packed)) + b"WEBP" + packed


def _riff(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    at, end = 12, 8 + struct.unpack_from("<I", raw, 4)[0]
    if end > len(raw) + 1:
        raise ValueError("cut off")
    while at + 8 <= min(end, len(raw)):
        (length,) = struct.unpack_from("<I", raw, at + 4)
        yield raw[at : at + 4], raw[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _gif(raw: bytes) -> bytes:
    at = 13 + _colours(raw[10])
    out = [raw[:at]]
    while True:
        start, kind = at, raw[at]
        if kind == 0x3B:
            return b"".join([*out, b"\x3b"])
        if kind == 0x2C:
            at = _end_of_blocks(raw, at + 11 + _colours(raw[at + 9]))
            out.append(raw[start:at])
        elif kind == 0x21:
            label, at = raw[at + 1], _end_of_blocks(raw, at + 2)
            if label == 0xF9 or (label == 0xFF and raw[start + 3 : start + 14] in _GIF_KEPT):
                out.append(raw[start:at])
        else:
            raise ValueError("no block")


def _colours(flags: int) -> int:
    """Bytes of the colour table that a descriptor with these flags is followed by."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _end_of_blocks(raw: bytes, at: int) -> int:
    while raw[at]:
        at += 1 + raw[at]
    return at + 1


def _written_anew(raw: bytes, name: str) -> bytes:
    decode(raw, name)  # its limits
    out = io.BytesIO()
    try:
        with Image.open(io.BytesIO(raw), formats=FORMATS) as image:
            kind, profile = str(image.format), image.info.get("icc_profile")
            frames = [_bare(frame) for frame in ImageSequence.Iterator(image)]  # of TIFF, Pillow turns them upright
            more: dict[str, object] = dict(_LOSSLESS.get(kind, {}))
            if len(frames) > 1:
                more |= {"save_all": True, "append_images": frames[1:]}
            if profile:
                more["icc_profile"] = profile
            frames[0].save(out, kind, **more)  # type: ignore[arg-type]
        with Image.open(io.BytesIO(out.getvalue()), formats=[kind]) as again:
            same = [np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(frames, _frames(again), strict=True)]
    except Exception as error:  # Pillow's writers raise anything for what they cannot write
        raise ImageError(f"{name or 'The image'} cannot be written without its metadata; save it as PNG.") from error
    if not all(same):
        raise ImageError(f"{name or 'The image'} would lose pixels without its metadata; save it as PNG.")
    return out.getvalue()


def _frames(image: Image.Image) -> Iterator[Image.Image]:
    for frame in ImageSequence.Iterator(image):
        yield frame.copy()


def _bare(frame: Image.Image) -> Image.Image:
    """A copy that remembers nothing of its file."""
    bare = Image.new(frame.mode, frame.size)
    bare.paste(frame)
    if (palette := frame.palette) is not None and frame.mode == "P":
        bare.putpalette(palette.getdata()[1], palette.mode)
    return bare


def _orientation(raw: bytes) -> int:
    """1 to 8 as in EXIF; 1, upright, where nothing says otherwise."""
    try:
        with Image.open(io.BytesIO(raw), formats=FORMATS) as image:
            found = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # Pillow's parsers raise anything on damaged metadata, which is not kept anyway
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _exif(orientation: int) -> bytes:
    """TIFF with one entry."""
    return b"MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", _ORIENTATION, 3, 1, orientation, 0) + b"\0\0\0\0"
