"""Images of every kind, and files that only claim to be: decoded or one sentence, as import and browse read them."""

import io
import random
import time
import warnings

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile, TiffImagePlugin

from model_zoo.core.errors import ImageError
from model_zoo.images.decoding import decode
from model_zoo.importing.files import find_file, inspect_file
from model_zoo.importing.source import Row
from tests.foreign_images import picture
from tests.real_data import real

RGB = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8))
KINDS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "PPM")


def encoded(image, kind="PNG", **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def told(raw, name="scan.png"):
    """'' where it decodes, else the sentence; quick, without a warning, in 8 bits."""
    started = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = decode(raw, name)
    except ImageError as error:
        sentence = str(error)
        assert name in sentence
        assert "\n" not in sentence
        assert sentence.isprintable()
    else:
        sentence = ""
        assert image.mode in ("L", "RGB")
        assert np.asarray(image).dtype == np.uint8
    assert time.perf_counter() - started < 20
    return sentence


@pytest.mark.parametrize(
    ("mode", "kinds"),
    [
        ("1", ("PNG", "TIFF", "BMP")),
        ("L", KINDS),
        ("P", ("PNG", "TIFF", "BMP", "GIF")),
        ("RGB", KINDS),
        ("RGBA", ("PNG", "TIFF", "WEBP", "BMP")),
        ("LA", ("PNG", "TIFF", "WEBP")),
        ("CMYK", ("JPEG", "TIFF")),
        ("YCbCr", ("JPEG", "TIFF")),
        ("LAB", ("TIFF",)),
        ("I;16", ("PNG", "TIFF")),
        ("I", ("TIFF",)),
        ("F", ("TIFF",)),
    ],
)
def test_every_mode_in_every_format_that_holds_it(mode, kinds):
    for kind in kinds:
        source = Image.new("I;16", (50, 40), 30_000) if mode == "I;16" else RGB.convert(mode)
        assert told(encoded(source, kind)) == ""


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_orientation_counts_in_every_format_that_holds_it(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode(encoded(Image.new("RGB", (60, 40)), kind, exif=exif))
    assert image.size == ((60, 40) if orientation == 3 else (40, 60))


@pytest.mark.parametrize(
    "profile",
    [b"", b"x", b"\0" * 200, ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()[:90]],
    ids=["empty", "short", "zeros", "cut"],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_a_broken_colour_profile_does_not_hide_the_image(kind, profile):
    assert told(encoded(RGB, kind, icc_profile=profile)) == ""


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "GIF"])
def test_of_an_animation_the_first_picture_counts(kind):
    frames = [Image.new("RGB", (30, 20), (colour, 0, 0)) for colour in (200, 100, 0)]
    options = {"lossless": True} if kind == "WEBP" else {}
    image = decode(encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options))
    assert image.getpixel((5, 5))[0] == pytest.approx(200, abs=3)


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1), (3, 16_000)])
def test_shapes_that_nobody_draws(size):
    assert told(encoded(Image.new("L", size, 9))) == ""


@pytest.mark.parametrize("size", [(1, 20_001), (10_000, 10_000), (7_100, 7_100)])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_what_is_too_large_says_how_large(size, kind):
    sentence = told(encoded(Image.new("1", size), kind))
    assert "at most 50 million pixels and 20,000 a side are decoded" in sentence


PRETENDERS = {
    "svg": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "html": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
    "ico": encoded(RGB, "ICO"),
    "pdf": b"%PDF-1.4\n1 0 obj <<>> endobj\n%%EOF",
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
    "zip": b"PK\x03\x04" + bytes(100),
    "script": b"#!/bin/sh\ntouch /tmp/owned\n",
    "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12345\n",
    "nul": bytes(5000),
    "psd": b"8BPS\0\1" + bytes(100),
    "header": b"\x89PNG\r\n\x1a\n" + bytes(100),
}


@pytest.mark.parametrize("name", PRETENDERS)
def test_what_is_no_image_is_one_sentence_whatever_it_is_called(name):
    for ending in ("png", "jpg", "tif", "webp"):
        assert "save it" in told(PRETENDERS[name], f"scan.{ending}") or "export it" in told(
            PRETENDERS[name], f"scan.{ending}"
        )


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_with_the_wrong_ending_is_an_image_and_what_hangs_on_it_is_nothing(kind):
    assert told(encoded(RGB, kind), "scan.bmp") == ""
    if kind != "TIFF":
        assert told(encoded(RGB, kind) + PRETENDERS["html"] + PRETENDERS["zip"]) == ""


def test_directories_of_tiff_that_run_in_circles_do_not_hang():
    raw = bytearray(encoded(RGB, "TIFF"))
    start = int.from_bytes(raw[4:8], "little")
    n = int.from_bytes(raw[start : start + 2], "little")
    raw[start + 2 + 12 * n : start + 6 + 12 * n] = start.to_bytes(4, "little")
    assert told(bytes(raw)) == ""  # its first picture


def test_a_tag_of_tiff_that_promises_gigabytes_costs_nothing():
    about = TiffImagePlugin.ImageFileDirectory_v2()
    about[65_000] = "x" * 100
    raw = bytearray(encoded(RGB, "TIFF", tiffinfo=about))
    at = raw.index((65_000).to_bytes(2, "little"))
    raw[at + 4 : at + 8] = (2**31 - 1).to_bytes(4, "little")
    told(bytes(raw))


def mutations(raw, chance):
    """``raw`` in 25 ways that files break."""
    for _ in range(10):
        bad = bytearray(raw)
        for _ in range(chance.choice((1, 4, 30))):
            bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        yield bytes(bad)
    for _ in range(6):  # of the header, where most harm is done
        bad = bytearray(raw)
        for _ in range(3):
            bad[chance.randrange(min(200, len(bad)))] = chance.choice((0, 255, 127, chance.randrange(256)))
        yield bytes(bad)
    for _ in range(5):
        yield raw[: chance.randrange(1, len(raw))]
    at, length = chance.randrange(len(raw)), chance.randrange(1, 400)
    yield raw[:at] + raw[at + length :]
    yield raw[:at] + bytes(length) + raw[at:]
    yield raw[:at] + raw[:length] + raw[at + length :]
    yield raw[::-1]


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_files_of_every_format_decode_or_say_why(kind):
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    chance = random.Random(kind)
    sources = [encoded(RGB, kind)]
    if kind == "TIFF":
        sources += [
            encoded(RGB, kind, compression=how) for how in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits")
        ]
    if kind == "PNG":
        sources += [encoded(RGB.convert(mode)) for mode in ("P", "1", "RGBA")]
    for raw in sources:
        for bad in mutations(raw, chance):
            told(bad)


def test_mutated_real_scans_decode_or_say_why():
    chance = random.Random(1)
    paths = (
        sorted((real("hc18_200") / "images").iterdir())[:2]
        + sorted((real("fetal_head_masks57") / "images").iterdir())[:2]
    )
    for path in paths:
        for bad in mutations(path.read_bytes(), chance):
            told(bad)


def test_bad_images_never_stop_the_others(tmp_path):
    chance = random.Random(2)
    good = [f"good{k}.{ending}" for k, ending in enumerate(("png", "jpg", "tif", "bmp", "webp"))]
    for k, name in enumerate(good):
        picture(tmp_path / name, seed=k, side=32)
    bad = {f"{name}.png": raw for name, raw in PRETENDERS.items()}
    bad |= {f"cut{k}.png": encoded(RGB)[: chance.randrange(1, 900)] for k in range(20)}
    for name, raw in bad.items():
        (tmp_path / name).write_bytes(raw)
    odd = [
        "<script>alert(1)</script>.png".replace("/", "_"),
        "\u202egnp.png",
        "🐟.png",
        "=cmd|'x'!A1.png",
        "x" * 240 + ".png",
        "a\nb.png",
    ]
    for k, name in enumerate(odd):
        picture(tmp_path / name, seed=100 + k)
    names = [*good, *bad, *odd]
    found, missing, _ = find_file([Row("row 1", name, name, ("cat",)) for name in names], tmp_path)
    readable, left_out = inspect_file(found, tmp_path)
    assert missing == []
    assert {one.inside for one in readable} == {*good, *odd}
    assert len(left_out) == len(bad)
    assert all(sentence.isprintable() for sentence in left_out)


@pytest.mark.parametrize("head", [b"P2 2001 2000 255 ", b"P3 2001 2000 255 ", b"P5 2001 2000 4095 ", b"P1 2001 2000 "])
def test_what_is_decoded_number_by_number_is_limited_before_that(head):
    assert "slow to decode" in told(head + b"0 " * 100)
