"""Images without their metadata: nothing that names a person, place or machine stays, and no pixel changes."""

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageSequence, PngImagePlugin

from model_zoo.core.errors import ImageError
from model_zoo.images.decoding import decode
from model_zoo.images.metadata import without_metadata

SECRET = b"Ann Example, St. Elsewhere"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + SECRET + b"</x:xmpmeta>"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def photo(mode: str = "RGB") -> Image.Image:
    noise = np.random.default_rng(3).integers(0, 255, (37, 53, 3), dtype=np.uint8)
    return Image.fromarray(noise).convert(mode)


def exif(orientation: int = 6) -> Image.Exif:
    made = Image.Exif()
    made[0x010E] = made[0x0110] = SECRET.decode()  # description, model
    made[0x0112] = orientation
    made.get_ifd(0x8825)[29] = SECRET.decode()  # GPS
    return made


def text() -> PngImagePlugin.PngInfo:
    made = PngImagePlugin.PngInfo()
    made.add_text("Patient", SECRET.decode())
    made.add_text("Zipped", SECRET.decode() * 9, zip=True)
    made.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return made


def saved(image: Image.Image, kind: str, **more: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **more)
    return out.getvalue()


FILES = {
    "jpeg": lambda: saved(photo(), "JPEG", exif=exif(), comment=SECRET, icc_profile=PROFILE, xmp=XMP, quality=80),
    "progressive jpeg": lambda: saved(photo(), "JPEG", exif=exif(3), progressive=True, quality=80),
    "grey jpeg": lambda: saved(photo("L"), "JPEG", comment=SECRET),
    "cmyk jpeg": lambda: saved(photo("CMYK"), "JPEG", exif=exif(1)),
    "two pictures in a jpeg": lambda: saved(photo(), "MPO", save_all=True, append_images=[photo()], exif=exif(8)),
    "jpeg with a tail": lambda: saved(photo(), "JPEG", exif=exif()) + SECRET,
    "png": lambda: saved(photo(), "PNG", pnginfo=text(), exif=exif(), icc_profile=PROFILE, dpi=(300, 300)),
    "png with a palette": lambda: saved(photo("P"), "PNG", pnginfo=text(), transparency=3),
    "16-bit png": lambda: saved(
        Image.fromarray(np.arange(9, dtype=np.uint16).reshape(3, 3) * 7000), "PNG", exif=exif()
    ),
    "png with a tail": lambda: saved(photo(), "PNG", pnginfo=text()) + SECRET,
    "webp": lambda: saved(photo(), "WEBP", exif=exif(), xmp=XMP, icc_profile=PROFILE, quality=80),
    "lossless webp": lambda: saved(photo("RGBA"), "WEBP", exif=exif(5), lossless=True),
    "tiff": lambda: saved(photo(), "TIFF", exif=exif(), icc_profile=PROFILE),
    "tiff of many bits": lambda: saved(Image.fromarray(np.float32([[0.5, 7e9], [-1, 3]])), "TIFF", exif=exif(1)),
    "bmp with a tail": lambda: saved(photo(), "BMP") + SECRET,
}


@pytest.mark.parametrize("kind", FILES)
def test_pixels_stay_and_nothing_else_that_tells(kind: str) -> None:
    raw = FILES[kind]()
    assert SECRET in raw or b"Example" in raw or "palette" in kind or "16" in kind
    clean = without_metadata(raw)
    assert SECRET not in clean
    assert b"adobe:ns:meta" not in clean
    with Image.open(io.BytesIO(raw)) as before, Image.open(io.BytesIO(clean)) as after:
        assert (after.mode, after.size) == (before.mode, before.size)
        assert after.format == ("JPEG" if before.format == "MPO" else before.format)
        assert np.array_equal(np.asarray(after), np.asarray(before))
        orientation = before.getexif().get(0x0112, 1)
        kept = dict(after.getexif()) if after.format != "TIFF" else {}
        assert kept in ({}, {0x0112: orientation})
        assert after.getexif().get(0x0112, 1) == orientation
        assert after.info.get("icc_profile") == before.info.get("icc_profile")
        if before.format == "PNG":
            assert after.info.get("transparency") == before.info.get("transparency")
            assert after.info.get("dpi") == before.info.get("dpi")
    if "many bits" not in kind:
        assert np.array_equal(np.asarray(decode(clean)), np.asarray(decode(raw)))  # upright alike, too
    assert without_metadata(clean) == clean or kind.startswith(("tiff", "bmp"))


def test_jpeg_and_png_data_are_copied_not_coded_anew() -> None:
    raw = FILES["progressive jpeg"]()
    scans = raw[raw.index(b"\xff\xc2") :]
    assert without_metadata(raw).endswith(scans)
    raw = FILES["png"]()
    start = raw.index(b"IDAT")
    (length,) = struct.unpack(">I", raw[start - 4 : start])
    assert raw[start : start + length + 8] in without_metadata(raw)


def test_a_png_checks_out_chunk_by_chunk() -> None:
    clean, at, kinds = without_metadata(FILES["png"]()), 8, []
    while at < len(clean):
        (length,) = struct.unpack_from(">I", clean, at)
        assert struct.unpack_from(">I", clean, at + 8 + length)[0] == zlib.crc32(clean[at + 4 : at + 8 + length])
        kinds.append(clean[at + 4 : at + 8])
        at += 12 + length
    assert kinds == [b"IHDR", b"iCCP", b"pHYs", b"eXIf", b"IDAT", b"IEND"]


def test_a_gif_keeps_its_frames_and_loses_its_comment() -> None:
    frames = [photo("P"), photo("P").rotate(90), photo("P").rotate(180)]
    raw = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], comment=SECRET, loop=0, duration=50)
    clean = without_metadata(raw + SECRET)
    assert SECRET not in clean
    with Image.open(io.BytesIO(raw)) as before, Image.open(io.BytesIO(clean)) as after:
        assert after.info["loop"] == 0
        pairs = zip(ImageSequence.Iterator(before), ImageSequence.Iterator(after), strict=True)
        assert all(np.array_equal(np.asarray(a.convert("RGB")), np.asarray(b.convert("RGB"))) for a, b in pairs)


@pytest.mark.parametrize("kind", FILES)
def test_damaged_files_are_one_sentence_or_come_through(kind: str) -> None:
    raw = FILES[kind]()
    for cut in range(1, len(raw), max(1, len(raw) // 60)):
        with contextlib.suppress(ImageError):  # anything else fails the test
            assert isinstance(without_metadata(raw[:cut], "x"), bytes)


def test_what_is_no_image_is_left_as_it_is() -> None:
    assert without_metadata(b"abcd") == b"abcd"
    assert without_metadata(b"") == b""
