"""Images that ask for more work than an image does: refused by a count, before a decoder sees them."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from model_zoo.core.errors import ImageError
from model_zoo.images.decoding import decode
from model_zoo.untrusted.decode_limits import MAX_SCANS, check_work

PIXELS = 50_000_000


def encoded(kind="PNG", size=(8, 8), mode="L", **options):
    out = io.BytesIO()
    Image.new(mode, size, 9).save(out, kind, **options)
    return out.getvalue()


def refused(raw, says):
    with pytest.raises(ImageError) as error:
        decode(raw, "scan.png")
    assert says in str(error.value)
    assert str(error.value).startswith("scan.png ")
    return True


def last_scan(raw):
    """Where the last scan of a JPEG starts and ends, by its markers."""
    at, start = 2, 0
    while raw[at + 1] != 0xD9:
        length = int.from_bytes(raw[at + 2 : at + 4], "big")
        if raw[at + 1] == 0xDA:
            start, at = at, at + 2 + length
            while not (raw[at] == 0xFF and raw[at + 1] not in (0, *range(0xD0, 0xD8))):
                at += 1
        else:
            at += 2 + length
    return start, at


def with_scans(raw, more):
    start, end = last_scan(raw)
    return raw[:end] + raw[start:end] * more + raw[end:]


def test_scans_times_pixels_of_a_jpeg_are_bounded_before_it_is_decoded(monkeypatch):
    raw = encoded("JPEG", (7000, 7000), progressive=True)
    assert decode(raw).size == (7000, 7000)
    bomb = with_scans(raw, 100)
    assert len(bomb) - len(raw) < 100 * 100  # some 75 bytes a scan
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("it was decoded"))
    assert refused(bomb, "21 scans or more over 49.0 million pixels")  # 6 of its own; 20 x 50 / 49 = 20.4 are allowed


def test_scans_of_a_small_jpeg_are_bounded_by_number():
    raw = encoded("JPEG", (64, 64), progressive=True)
    assert decode(with_scans(raw, MAX_SCANS - 6)).size == (64, 64)
    assert refused(with_scans(raw, MAX_SCANS - 5), "201 scans or more")


def test_scans_of_a_jpeg_that_is_not_progressive_count_too():
    raw = encoded("JPEG", (6000, 6000), mode="RGB")
    assert decode(raw).size == (6000, 6000)
    assert refused(with_scans(raw, 40), "scans or more")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"progressive": True, "optimize": True}])
def test_ordinary_jpegs_pass_whatever_their_noise(options):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 200, 3), dtype=np.uint8))
    out = io.BytesIO()
    noise.save(out, "JPEG", quality=95, restart_marker_blocks=1, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0", **options)
    assert decode(out.getvalue()).size == (200, 300)


def test_segments_and_exif_of_a_jpeg_are_bounded():
    raw = encoded("JPEG")
    assert refused(raw[:2] + b"\xff\xfe\0\2" * 6_000 + raw[2:], "more than 5,000 segments")
    block = b"\xff\xe1" + struct.pack(">H", 65_000) + b"Exif\0\0" + bytes(64_992)
    assert refused(raw[:2] + block * 70 + raw[2:], "4 MB of EXIF")


def chunk(kind, data=b""):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("kind", [b"prVt", b"IDAT", b"tEXt"])
def test_chunks_of_a_png_are_counted(kind):
    raw = encoded()
    assert refused(raw[:33] + chunk(kind) * 110_000 + raw[33:], "more than 100,000 chunks")


def entries(n, length, at=8, first=40_000):
    return [struct.pack("<HHII", first + k, 1, length, at) for k in range(n)]


def tiff(tags, data=b"", chain=1):
    """A little-endian TIFF: ``data`` at 8, then a directory of ``tags`` (tag, type, count, value)."""
    listed = [struct.pack("<HHII", *one) for one in sorted(tags)]
    directory = struct.pack("<H", len(listed)) + b"".join(listed)
    start, each = 8 + len(data), len(directory) + 4
    links = [start + k * each for k in range(1, chain)] + [0]
    return b"II*\0" + struct.pack("<I", start) + data + b"".join(directory + struct.pack("<I", link) for link in links)


def image_tags(side=8, **more):
    plain = {256: side, 257: side, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: side, 279: side * side}
    plain |= {int(key[1:]): value for key, value in more.items()}
    return [(tag, 4, 1, value) for tag, value in plain.items() if value is not None]


def test_the_tiff_of_these_tests_is_one():
    assert decode(tiff(image_tags(), bytes(64))).size == (8, 8)
    assert decode(tiff(image_tags(), bytes(64), chain=50)).size == (8, 8)


def test_entries_of_a_tiff_that_share_their_bytes_are_counted_as_many():
    shared = [(40_000 + k, 1, 900_000, 8) for k in range(2_000)]
    bomb = tiff(image_tags() + shared, bytes(1_000_000))
    assert refused(bomb, "entries that name 1,800,")
    broken = [(40_000, 4, 2**20, 2**31)]  # one that is not there hides none of the others
    assert refused(tiff(image_tags() + broken + shared[1:], bytes(1_000_000)), "entries that name")
    assert refused(bomb[:-20], "entries that name")  # nor does a directory that is cut off


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_so_are_those_of_exif(kind):
    listed = entries(4_000, 8_000, at=8)
    exif = b"II*\0" + struct.pack("<IH", 8, len(listed)) + b"".join(listed) + bytes(4)
    raw = encoded(kind, exif=b"Exif\0\0" + exif, mode="RGB")
    assert refused(raw, "entries that name 32,000,000 bytes")


@pytest.mark.parametrize("side", [8_000, 20_000, 60_000])
def test_tiles_of_a_tiff_are_no_larger_than_the_image_asks_for(side):
    packed = zlib.compress(bytes(100))
    tiles = {"t322": side, "t323": side, "t324": 8, "t325": len(packed)}
    raw = tiff(image_tags(t259=8, t273=None, t278=None, t279=None, **tiles), packed)
    assert refused(raw, f"tiles of {side**2 / 1e6:,.0f} million pixels for 8 x 8")


def test_strips_of_a_tiff_that_are_one_again_and_again_are_counted_as_many():
    data = zlib.compress(bytes(8)) + bytes(200_000)
    where, lengths = struct.pack("<8I", *[8] * 8), struct.pack("<8I", *[200_000] * 8)
    tags = image_tags(t259=8, t273=None, t278=1, t279=None)
    tags += [(273, 4, 8, 8 + len(data)), (279, 4, 8, 8 + len(data) + 32)]
    assert refused(tiff(tags, data + where + lengths), "strips or tiles of 1,600,000 bytes")


def test_a_chain_of_images_in_a_tiff_is_bounded():
    assert refused(tiff(image_tags(), bytes(64), chain=10_002), "more than 10,000 images")
    assert refused(tiff(image_tags() + [(40_000 + k, 1, 1, 0) for k in range(400)], bytes(64), chain=2_000), "entries")


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits", "raw"])
def test_ordinary_tiffs_pass(compression):
    assert decode(encoded("TIFF", (900, 700), mode="RGB", compression=compression)).size == (900, 700)


@pytest.mark.parametrize("pair", [b"\0\0", b"\x01\x05", b"\0\2\0\0"])
def test_run_lengths_of_a_bmp_are_decoded_in_python_and_bounded_by_bytes(pair):
    palette = b"".join(bytes([k, k, k, 0]) for k in range(256))
    data, start = pair * (9 * 2**20 // len(pair)), 14 + 40 + 1024
    about = struct.pack("<IiiHHIIiiII", 40, 5000, 5000, 1, 8, 1, len(data), 0, 0, 256, 0)
    raw = b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + about + palette + data
    assert refused(raw, "is a BMP file with run lengths of 9,4")


def test_kinds_that_others_may_decode_are_counted_too():
    frames = b"".join(b"\x21\xfe\x01x\x00" for _ in range(120_000))
    with pytest.raises(ImageError, match="more than"):
        check_work(encoded("GIF")[:-1] + frames + b";", "a.gif", PIXELS)
    with pytest.raises(ImageError, match="more than"):
        check_work(encoded("GIF")[:-1] + b"\x21\xfe" + b"\x01x" * 2_000_000, "a.gif", PIXELS)
    with pytest.raises(ImageError, match="PNM file in digits"):
        check_work(b"P3 1000 1000 255\n" + b"1 " * 5_000_000, "a.ppm", PIXELS)
    frames = [Image.new("RGB", (20, 20), (k, 0, 0)) for k in range(90)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    check_work(out.getvalue(), "a.gif", PIXELS)
    riff = b"RIFF" + struct.pack("<I", 8 * 110_000) + b"WEBP" + b"JUNK\0\0\0\0" * 110_000
    with pytest.raises(ImageError, match="more than 100,000 chunks"):
        check_work(riff, "a.webp", PIXELS)
