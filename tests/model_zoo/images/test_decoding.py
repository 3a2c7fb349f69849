"""Images in, whatever they are: decoded or refused in one sentence, fitted, and maps drawn back."""

import io
import struct
import time
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from model_zoo.core.errors import ImageError
from model_zoo.images.decoding import Fit, Interpolation, Preprocessing, decode
from tests.real_data import real


def encoded(image, kind="PNG", **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def png_by_hand(width, height, n_rows, depth=8, colour=0):
    """A PNG whose header promises ``width`` x ``height`` pixels; only ``n_rows`` rows of black follow."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer, rows = zlib.compressobj(9), []
    row = bytes(1 + (width * depth + 7) // 8)
    for _ in range(n_rows):
        rows.append(packer.compress(row))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"".join(rows) + packer.flush()) + chunk(b"IEND", b"")


PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (encoded(PHOTO, "JPEG")[:-400], "damaged or cut off"),
        (encoded(PHOTO)[:-4000], "damaged or cut off"),
        (encoded(PHOTO, "WEBP")[:-300], "damaged or cut off|not an image|cannot be read"),
        (b"this is a text, whatever its name says\n" * 20, "not an image of a kind known here"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n", "not an image|cannot be read|damaged"),
        (encoded(PHOTO, "ICO"), "not an image of a kind known here"),
        (png_by_hand(21_000, 10, 10), "21,000 x 10 pixels; at most 50 million"),
        (png_by_hand(7_200, 7_000, 10), "7,200 x 7,000 pixels"),
        (png_by_hand(0, 10, 10), "not an image|cannot be read|damaged"),
    ],
)
def test_what_cannot_be_trusted_is_refused_in_one_sentence(raw, sentence):
    with pytest.raises(ImageError, match=sentence) as caught:
        decode(raw, "scan.png")
    assert "scan.png" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bomb_costs_its_header_only(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_by_hand(30_000, 30_000, 30_000, depth=1))  # a real one: it would unpack to 900 MB
    assert path.stat().st_size < 300_000
    tracemalloc.start()
    started = time.perf_counter()
    with pytest.raises(ImageError, match=r"bomb\.png unpacks to 900 million pixels; at most 50 million"):
        decode(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.perf_counter() - started < 2
    assert peak < 20 * 2**20


def test_a_bomb_inside_a_comment_is_refused():
    """60 MB of text in a compressed chunk of an otherwise harmless PNG."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    comment = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(60_000_000), 9))
    raw = encoded(PHOTO)
    with pytest.raises(ImageError):
        decode(raw[:33] + comment + raw[33:], "comment.png")


def test_files_that_are_missing_folders_or_huge(tmp_path):
    with pytest.raises(ImageError, match=r"nowhere\.png cannot be read \(No such file"):
        decode(tmp_path / "nowhere.png")
    with pytest.raises(ImageError, match="cannot be read"):
        decode(tmp_path)
    with (tmp_path / "huge.png").open("wb") as out:
        out.truncate(64 * 2**20 + 1)  # sparse: takes no room
    with pytest.raises(ImageError, match=r"huge\.png has 64 MB; at most 64 MB"):
        decode(tmp_path / "huge.png")
    with pytest.raises(ImageError, match="at most 64 MB"):
        decode(bytes(64 * 2**20 + 1), "huge.png")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(orientation):
    upright = np.full((40, 60, 3), 20, dtype=np.uint8)
    upright[:20, :20] = 230  # a bright corner, top left
    turn = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    stored = Image.fromarray(upright)
    if turn is not None:  # the stored pixels, so that turning them by EXIF gives ``upright``
        inverse = {0: 0, 3: 3, 1: 1, 5: 5, 6: 6, 2: 2, 4: 4}[turn]
        stored = stored.transpose(Image.Transpose(inverse))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode(encoded(stored, "JPEG", exif=exif, quality=95))
    assert image.size == (60, 40)
    assert np.asarray(image)[5:15, 5:15].mean() > 200
    assert np.asarray(image)[25:].mean() < 60


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"]
)
def test_a_broken_exif_block_does_not_hide_the_image(exif):
    assert decode(encoded(PHOTO, "JPEG", exif=exif)).size == (120, 90)


RAMP = np.linspace(0, 255, 256).astype(np.uint8)[None].repeat(4, axis=0)


def test_one_bit():
    raw = encoded(Image.fromarray(RAMP > 127))
    image = decode(raw)
    assert (image.mode, image.getextrema()) == ("L", (0, 255))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_and_not_clipped(kind):
    raw = encoded(Image.fromarray(RAMP.astype(np.uint16) * 257), kind)
    image = decode(raw)
    assert image.mode == "L"
    assert np.array_equal(np.asarray(image), RAMP)


@pytest.mark.parametrize(("top", "expected"), [(1.0, 255), (0.5, 128), (300.0, 255), (np.nan, 0), (np.inf, 0)])
def test_floats(top, expected):
    values = np.zeros((3, 3), dtype=np.float32)
    values[1, 1] = top
    assert np.asarray(decode(encoded(Image.fromarray(values), "TIFF")))[1, 1] == expected


def test_a_palette_shows_its_colours():
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    assert decode(encoded(image)).getpixel((0, 0)) == (200, 100, 50)


def test_cmyk():
    image = decode(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95))
    assert image.mode == "RGB"
    assert image.getpixel((4, 4)) == pytest.approx((255, 0, 0), abs=12)


@pytest.mark.parametrize(
    ("image", "seen"),
    [
        (Image.new("RGBA", (4, 4), (200, 100, 50, 0)), 0),  # transparent: the black ground shows
        (Image.new("RGBA", (4, 4), (200, 200, 200, 255)), 200),
        (Image.new("LA", (4, 4), (200, 0)), 0),
        (Image.new("LA", (4, 4), (200, 255)), 200),
    ],
)
def test_transparency_lies_on_black(image, seen):
    decoded = decode(encoded(image))
    assert decoded.mode in ("L", "RGB")
    assert np.unique(np.asarray(decoded)).tolist() == [seen]


# -- fitting, and drawing back ------------------------------------------------------------------------------------


def prepared(fit, size=(48, 48), pool=1, interpolation=Interpolation.BILINEAR, channels=1):
    return Preprocessing(channels, size, fit, interpolation, pool, mean=(0.0,) * channels, std=(1.0,) * channels)


@pytest.mark.parametrize("fit", Fit)
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (1000, 2), (48, 48), (47, 49)])
def test_any_image_fits(fit, size):
    one = prepared(fit, channels=3)
    assert one.apply(Image.new("L", size, 255)).shape == one.input_size == (3, 48, 48)
    assert one.pixels(Image.new("L", size, 255)).max() == 255  # even a line of one pixel is still there
    heat = one.place_back(np.ones((48, 48), np.float32), *size)
    assert heat.shape == size[::-1]
    assert np.nanmin(heat) == np.nanmax(heat) == 1


@settings(max_examples=150)
@given(
    st.sampled_from(Fit),
    st.integers(30, 220),
    st.integers(30, 220),
    st.sampled_from([(48, 48), (32, 64), (60, 40)]),
    st.sampled_from([1, 2, 4]),
    st.floats(0.1, 0.9),
    st.floats(0.1, 0.9),
)
def test_a_hot_spot_comes_back_to_where_it_was(fit, width, height, size, pool, x, y):
    """A bright disc, seen through the preprocessing as if the model's map were its own input."""
    one = prepared(fit, size, pool)
    cx, cy, radius = x * width, y * height, max(4.0, 0.08 * max(width, height))
    yy, xx = np.mgrid[:height, :width] + 0.5
    blob = 255 * np.exp(-(((xx - cx) ** 2 + (yy - cy) ** 2) / (2 * radius**2)))
    image = Image.fromarray(blob.astype(np.uint8))
    heat = one.place_back(one.apply(image)[0], width, height)
    assert heat.shape == (height, width)
    unseen = np.isnan(heat)
    if fit is not Fit.CROP:
        assert not unseen.any()  # all of the image was shown to the model
    else:
        ratio = size[1] / size[0]
        seen = (~unseen).any(axis=0).sum(), (~unseen).any(axis=1).sum()
        assert seen == pytest.approx((min(width, height * ratio), min(height, width / ratio)), abs=1)
    if unseen[int(cy), int(cx)]:
        return  # the spot itself was cropped away
    inside = np.where(unseen, 0, blob)
    centre = [(inside * axis).sum() / inside.sum() for axis in (xx, yy)]
    warm = np.nan_to_num(heat)
    back = [(warm * axis).sum() / warm.sum() for axis in (xx, yy)]
    cell = one.pool * max(width / size[1], height / size[0])  # one cell of the map, in pixels of the image
    assert np.hypot(back[0] - centre[0], back[1] - centre[1]) < 1.5 + 0.75 * cell


def test_what_was_cropped_is_undefined_not_cold():
    heat = prepared(Fit.CROP).place_back(np.ones((48, 48), np.float32), 100, 50)
    assert np.isnan(heat[:, :25]).all()  # 100 x 50 to a square: the middle 50 columns were seen
    assert (heat[:, 25:75] == 1).all()
    assert np.isnan(heat[:, 75:]).all()


def test_padding_is_black_and_no_part_of_the_map_that_comes_back():
    one = prepared(Fit.PAD)
    pixels = one.pixels(Image.new("L", (100, 50), 255))[0]
    assert pixels[:12].max() == 0  # 100 x 50 becomes 48 x 24, 12 rows above and below
    assert pixels[12:36].min() == 255
    assert pixels[36:].max() == 0
    heat = np.zeros((48, 48), np.float32)
    heat[12:36] = 1
    assert one.place_back(heat, 100, 50).mean() > 0.97


def test_max_pooling_keeps_a_line_of_one_pixel_where_shrinking_wipes_it_out():
    image = Image.new("L", (224, 224))
    image.paste(255, (101, 20, 102, 200))
    pooled = Preprocessing(1, (224, 224), pool=2).pixels(image)
    shrunk = Preprocessing(1, (112, 112)).pixels(image)
    assert pooled.shape == shrunk.shape == (1, 112, 112)
    assert pooled[0, 50, 50] == 255  # column 101 lies in block 50
    assert shrunk.max() < 200


def test_normalising_by_hand():
    one = Preprocessing(3, (2, 2), value_range=255.0, mean=(10, 20, 30), std=(2, 4, 5))
    assert one.normalise(np.full((3, 2, 2), 50, np.uint8))[:, 0, 0].tolist() == [20, 7.5, 4]
    other = Preprocessing(1, (2, 2), mean=(0.2,), std=(0.2,))
    assert other.normalise(np.full((5, 1, 2, 2), 255, np.uint8)) == pytest.approx(4)  # (1 - 0.2) / 0.2


@given(st.sampled_from(Fit), st.sampled_from(Interpolation), st.integers(1, 4), st.booleans())
def test_what_a_card_says_is_read_back(fit, interpolation, pool, rgb):
    one = prepared(fit, (pool * 3, pool * 5), pool, interpolation, 3 if rgb else 1)
    assert Preprocessing.from_json(one.to_json()) == one


@pytest.mark.parametrize(
    "wrong",
    [
        {"channels": 2},
        {"mean": [0.1, 0.2]},
        {"std": [0.0]},
        {"std": [float("nan")]},
        {"size": [225, 224]},
        {"size": 224},
        {"size": [0, 0]},
        {"pool": 0},
        {"fit": "squeeze"},
        {"interpolation": None},
    ],
)
def test_a_preprocessing_that_makes_no_sense_is_refused(wrong):
    values = Preprocessing(1, (224, 224), pool=2).to_json() | wrong
    with pytest.raises(ImageError):
        Preprocessing.from_json(values)
    with pytest.raises(ImageError, match="every field"):
        Preprocessing.from_json({name: values[name] for name in values if name != "channels"})


# -- images that nobody here made ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hc18_200", "fetal_head_masks57"])
def test_real_scans_decode(name):
    paths = sorted((real(name) / "images").iterdir())[:25]
    assert len(paths) == 25
    one = Preprocessing(1, (224, 224), Fit.PAD, pool=2)
    for path in paths:
        image = decode(path)
        assert image.mode in ("L", "RGB")
        assert min(image.size) > 100
        assert one.pixels(image).std() > 5  # something is to be seen


def test_real_one_bit_characters_decode():
    with zipfile.ZipFile(real("omniglot_small") / "images_background_small1.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".png")][::97]
        for name in names:
            image = decode(archive.read(name), name)
            assert (image.mode, image.size, image.getextrema()) == ("L", (105, 105), (0, 255))
