"""Grey values of more than 8 bits: as files declare, else one scale over the whole import; the same wherever read."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.sequence import Sequence

from dashboard.importing.plan import ImportOptions, plan_import
from dashboard.importing.plan_words import plan_words
from dashboard.importing.write import write_import
from dashboard.routes import routes
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.label_space.splits import Split
from model_zoo.images.decoding import Preprocessing
from model_zoo.images.grey_scale import COLUMN, Depth, GreyScale, parse_scale, scale_of_bits, scales_of_import
from model_zoo.importing.dicom import extract_frames
from model_zoo.importing.reading import read_source
from model_zoo.workspace.manifest import write_manifest
from model_zoo.workspace.new_workspace import init
from model_zoo.workspace.workspace import Workspace
from tests.foreign_dicom import dicom
from tests.real_data import real

RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)
DARK = RAMP // 8


def png(values, significant=None):
    out = io.BytesIO()
    Image.fromarray(values.astype(np.uint16)).save(out, "PNG")
    raw = out.getvalue()
    if significant is None:
        return raw
    chunk = b"sBIT" + bytes([significant])
    return raw[:33] + struct.pack(">I", 1) + chunk + struct.pack(">I", zlib.crc32(chunk)) + raw[33:]


def tiff(values, **tags):
    about = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        about[int(tag[1:])] = value
    out = io.BytesIO()
    Image.fromarray(values).save(out, "TIFF", tiffinfo=about)
    return out.getvalue()


def twelve_bit_tiff(values):
    """Two values in three bytes, as microscopes pack them."""
    flat = values.reshape(-1).astype(np.uint32)
    pairs = (flat[::2] << 12) | flat[1::2]
    data = np.stack([pairs >> 16, (pairs >> 8) & 255, pairs & 255], axis=1).astype(np.uint8).tobytes()
    height, width = values.shape
    tags = [
        (256, 3, width), (257, 3, height), (258, 3, 12), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1),
        (278, 3, height), (279, 4, len(data)),
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + entries + bytes(4)


def workspace_of(tmp_path, name="w", **files):
    """A workspace of an import of files, all of class cat, in split test."""
    folder = tmp_path / f"source-{name}" / "test" / "cat"
    folder.mkdir(parents=True)
    for stem, raw in files.items():
        ending = "tif" if raw[:2] in (b"II", b"MM") else "png"
        (folder / f"{stem}.{ending}").write_bytes(raw)
    init(tmp_path / name)
    plan = plan_import(Workspace.open(tmp_path / name), read_source(folder.parents[1]), ImportOptions(copy=True))
    return write_import(plan), list(plan_words(plan))


def decoded(workspace):
    return {
        image.path.rpartition("/")[2].partition(".")[0]: np.asarray(workspace.decoded(image))
        for image in workspace.dataset().images
    }


def by_hand(values, low, high):
    return np.clip(np.floor((values.astype(np.float64) - low) / (high - low) * 255 + 0.5), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("raw", "low", "high", "values"),
    [
        (png(RAMP), 0, 4095, RAMP),
        (png(DARK, significant=12), 0, 4095, DARK),  # dark, but of 12 bits
        (png(RAMP << 4, significant=12), 0, 65535, RAMP << 4),  # as PNG wants it: from the top
        (png(DARK, significant=10), 0, 1023, DARK),
        (png(DARK * 16 + 5), 0, 8191, DARK * 16 + 5),
        (tiff(RAMP.astype(np.uint16)), 0, 4095, RAMP),
        (tiff(DARK.astype(np.uint16), _281=4095), 0, 4095, DARK),  # MaxSampleValue
        (tiff(DARK.astype(np.uint16), _281=511), 0, 511, DARK),
        (twelve_bit_tiff(DARK), 0, 4095, DARK),  # BitsPerSample
        (tiff(RAMP.astype(np.int32) - 1024), -1024, 4095, RAMP.astype(np.int32) - 1024),
        (tiff((RAMP / 4095).astype(np.float32)), 0, 1, RAMP / 4095),
        (tiff((RAMP / 4095 * 700 - 100).astype(np.float32)), -100, 600, RAMP / 4095 * 700 - 100),
    ],
)
def test_every_depth_keeps_its_grey_values(tmp_path, raw, low, high, values):
    workspace, told = workspace_of(tmp_path, a=raw)
    (image,) = workspace.dataset().images
    assert image.grey == GreyScale(low, pytest.approx(high, rel=1e-6))
    found = decoded(workspace)["a"]
    assert np.abs(found.astype(int) - by_hand(values, low, high)).max() <= 1
    assert any("of more than 8 bits" in one for one in told)


def colours(values, n_channels):
    """A PNG of 16 bits a channel, by hand: Pillow writes none."""
    height, width = values.shape
    full = np.stack([values, values[::-1], values // 2, np.full_like(values, 65535)], axis=2)[..., :n_channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in full)
    head = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[n_channels], 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(held)) + name + held + struct.pack(">I", zlib.crc32(name + held)) for name, held in chunks
    )


@pytest.mark.parametrize("n_channels", [3, 4])
def test_colours_of_twelve_bits_in_sixteen_are_not_near_black(tmp_path, n_channels):
    workspace, _ = workspace_of(tmp_path, a=colours(RAMP, n_channels), b=colours(DARK, n_channels))
    for name, values in (("a", RAMP), ("b", DARK)):
        expected = np.stack([by_hand(one, 0, 4095) for one in (values, values[::-1], values // 2)], axis=2)
        assert np.array_equal(decoded(workspace)[name], expected)


@pytest.mark.parametrize("order", [3, 6, 8])
def test_colours_of_sixteen_bits_are_turned_as_a_whole(order):
    from model_zoo.images.decoding import decode

    raw = colours(RAMP[:32], 3)
    exif = Image.Exif()
    exif[0x0112] = order
    held = b"eXIf" + exif.tobytes()[6:]
    turned = raw[:33] + struct.pack(">I", len(held) - 4) + held + struct.pack(">I", zlib.crc32(held)) + raw[33:]
    plain = np.asarray(decode(raw, grey=scale_of_bits(12)))
    expected = np.rot90(plain, {3: 2, 6: 3, 8: 1}[order])
    assert np.array_equal(np.asarray(decode(turned, grey=scale_of_bits(12))), expected)


def test_white_is_zero_is_turned(tmp_path):
    workspace, _ = workspace_of(tmp_path, a=tiff(RAMP.astype(np.uint16), _262=0))
    assert np.array_equal(decoded(workspace)["a"], 255 - by_hand(RAMP, 0, 4095))


def test_one_scale_for_the_whole_import_and_never_one_per_image(tmp_path):
    workspace, _ = workspace_of(tmp_path, bright=png(RAMP), dark=png(RAMP // 16), black=png(RAMP * 0))
    found = decoded(workspace)
    assert found["bright"].max() == 255
    assert np.array_equal(found["dark"], by_hand(RAMP // 16, 0, 4095))
    assert found["black"].max() == 0
    assert {image.columns[COLUMN] for image in workspace.dataset().images} == {"0 to 4095"}


def test_training_prediction_pages_and_uploads_see_the_same_pixels(tmp_path, monkeypatch):
    from model_zoo.inference.predict import fitted_pixels

    workspace, _ = workspace_of(tmp_path, a=png(RAMP), b=png(DARK))
    prepared = Preprocessing(1, (64, 64))
    ids, pixels = fitted_pixels(workspace, Split.TEST, prepared)
    desk = Desk(workspace)
    assert len(ids) == 2
    for image_id, row, values in zip(ids, pixels, (RAMP, DARK), strict=True):
        assert np.array_equal(row[0], by_hand(values, 0, 4095))
        assert np.array_equal(np.asarray(desk.decoded(image_id)), row[0])
    upload = desk.add_upload(png(DARK), "c.png")
    assert np.array_equal(np.asarray(desk.decoded(upload.upload_id)), by_hand(DARK, 0, 4095))
    kept = workspace.keep(png(DARK // 2), "d.png", workspace.space.everything)
    assert kept.columns[COLUMN] == "0 to 4095"
    monkeypatch.setattr("dashboard.routes.desk", lambda: desk)
    (route,) = [one for one in routes() if one.path.startswith("/file/")]
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    sent = TestClient(Starlette(routes=[route])).get(f"/file/{ids[0]}").content
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(sent))), by_hand(RAMP, 0, 4095))


def test_a_workspace_from_before_keeps_its_reading_and_is_told(tmp_path):
    workspace, _ = workspace_of(tmp_path, a=png(RAMP))
    manifest = workspace.writable / "manifest.csv"
    images = workspace.dataset().images
    from dataclasses import replace

    write_manifest(manifest, [replace(one, columns={}) for one in images], workspace.space)
    old = Workspace.open(workspace.writable)
    assert np.array_equal(decoded(old)["a"], by_hand(RAMP, 0, 65535))
    (tmp_path / "more" / "test" / "cat").mkdir(parents=True)
    (tmp_path / "more" / "test" / "cat" / "b.png").write_bytes(png(DARK))
    plan = plan_import(old, read_source(tmp_path / "more"), ImportOptions(copy=True))
    assert any("were imported before scales were kept" in one for one in plan_words(plan))
    assert plan.before[0].grey is None


def test_a_later_import_takes_the_scale_of_the_first_where_it_serves(tmp_path):
    workspace, _ = workspace_of(tmp_path, a=png(RAMP))
    for name, values, scale in (("b", RAMP // 2, "0 to 4095"), ("c", RAMP * 16, "0 to 65535")):
        (tmp_path / name / "test" / "cat").mkdir(parents=True)
        (tmp_path / name / "test" / "cat" / f"{name}.png").write_bytes(png(values))
        plan = plan_import(workspace, read_source(tmp_path / name), ImportOptions(copy=True))
        assert plan.records[0].columns[COLUMN] == scale
        assert any("read otherwise than those of earlier images" in one for one in plan_words(plan)) == (name == "c")


def test_scales_by_hand():
    def whole(low, high, declared=None):
        return Depth(GreyScale(low, high), declared, False)

    assert scales_of_import([None, whole(0, 3000), whole(0, 10)]) == [None, scale_of_bits(12), scale_of_bits(12)]
    assert scales_of_import([whole(0, 100)]) == [scale_of_bits(8)]
    assert scales_of_import([whole(0, 200, scale_of_bits(10)), whole(0, 5000)]) == [
        scale_of_bits(10),
        scale_of_bits(13),
    ]
    assert scales_of_import([whole(-1, 1)]) == [GreyScale(-1, 255)]
    assert scales_of_import([whole(-1025, 1)]) == [GreyScale(-2048, 255)]
    assert scales_of_import([whole(0, 900)], [scale_of_bits(12), scale_of_bits(16)]) == [
        scale_of_bits(10)
    ]  # both would make them dark
    assert scales_of_import([whole(0, 1100)], [scale_of_bits(12), scale_of_bits(16)]) == [scale_of_bits(12)]
    assert parse_scale(GreyScale(-100.125, 600.5).text) == GreyScale(-100.125, 600.5)
    assert [parse_scale(one) for one in ("", "dark", "3 to 3", "nan to 4", "0 to inf", "by the file's window")] == [
        None
    ] * 6


@pytest.mark.parametrize("name", ["hc18_200", "fetal_head_masks57"])
def test_a_real_scan_of_twelve_bits_is_that_scan(tmp_path, name):
    paths = sorted((real(name) / "images").iterdir())[:2]
    plain = [np.asarray(Image.open(path).convert("L")).astype(np.uint16) for path in paths]
    noise = np.random.default_rng(0).integers(0, 16, plain[0].shape, dtype=np.uint16)
    workspace, _ = workspace_of(tmp_path, a=png(plain[0] * 16 + noise), b=tiff(plain[1] * 16))
    found = decoded(workspace)
    for stem, values in zip("ab", plain, strict=True):
        assert np.abs(found[stem].astype(int) - values).max() <= 1
        assert len(np.unique(found[stem])) > 100


# -- DICOM --------------------------------------------------------------------------------------------------------

HU = (RAMP.astype(np.int32) - 1024).astype(np.int16)


def frames(tmp_path, **files):
    for name, make in files.items():
        make(tmp_path / "in" / f"{name}.dcm")
    read = extract_frames(tmp_path / "in", tmp_path / "out")
    return {name: np.asarray(Image.open(tmp_path / "out" / f"{name}.png")) for name in files}, read


def test_ct_without_a_window_gets_one_scale_over_the_whole_import(tmp_path):
    found, read = frames(
        tmp_path,
        a=lambda path: dicom(path, HU, bits=16, signed=1, RescaleSlope="1", RescaleIntercept="0"),
        b=lambda path: dicom(path, HU // 4, bits=16, signed=1),
        c=lambda path: dicom(path, RAMP, bits=16, RescaleSlope="1", RescaleIntercept="-1024"),
    )
    assert np.array_equal(found["a"], by_hand(HU, -1024, 4095))
    assert np.array_equal(found["b"], by_hand(HU // 4, -1024, 4095))
    assert np.array_equal(found["c"], found["a"])  # the same values, stored otherwise
    assert len(np.unique(found["a"])) > 200
    assert any("observed over the whole import, -1024 to 4095" in one for one in read.told)


def test_twelve_bits_in_sixteen_are_not_near_black(tmp_path):
    found, _ = frames(tmp_path, a=lambda path: dicom(path, RAMP, bits=16), b=lambda path: dicom(path, DARK, bits=16))
    assert np.array_equal(found["a"], by_hand(RAMP, 0, 4095))
    assert np.array_equal(found["b"], by_hand(DARK, 0, 4095))


def test_padding_does_not_widen_the_scale(tmp_path):
    padded = HU.copy()
    padded[:4] = -32768
    found, _ = frames(tmp_path, a=lambda path: dicom(path, padded, bits=16, signed=1, PixelPaddingValue=-32768))
    assert np.array_equal(found["a"][4:], by_hand(HU[4:], -1024, 4095))
    assert found["a"][:4].max() == 0


def voi_lut(data, first, n_bits):
    item = Dataset()
    item.LUTDescriptor = [len(data), first, n_bits]
    item.LUTData = data.astype(np.uint16).tobytes()
    item["LUTData"].VR = "OW"
    return Sequence([item])


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
@pytest.mark.parametrize(
    ("stored", "n_bits", "tags"),
    [
        (RAMP, 12, {"VOILUTSequence": voi_lut(np.sqrt(np.arange(4096) / 4095) * 4095, 0, 12)}),
        (RAMP, 16, {"VOILUTSequence": voi_lut(np.arange(1024)[::-1] * 64, 500, 16), "WindowCenter": 9,
                    "WindowWidth": 9}),
        ((RAMP // 16).astype(np.uint8), 8, {"WindowCenter": "100", "WindowWidth": "50"}),
        ((RAMP // 16).astype(np.uint8), 8, {"WindowCenter": "100", "WindowWidth": "80", "VOILUTFunction": "SIGMOID"}),
        ((RAMP // 16).astype(np.uint8), 8, {"VOILUTSequence": voi_lut(np.arange(256) ** 2 / 255, 0, 8)}),
        (RAMP, 12, {"WindowCenter": ["40", "400"], "WindowWidth": ["400", "2000"], "RescaleSlope": "1",
                    "RescaleIntercept": "-1024"}),
        (RAMP, 12, {"ModalityLUTSequence": voi_lut(np.arange(4096) * 16, 0, 16)}),
    ],
)  # fmt: skip
def test_luts_and_windows_are_those_of_pydicom(tmp_path, stored, n_bits, tags, photometric):
    kept = {}

    def make(path):
        kept["it"] = dicom(path, stored, photometric=photometric, bits=n_bits if n_bits != 16 else 12, **tags)

    found, _ = frames(tmp_path, a=make)
    import pydicom

    dataset = pydicom.dcmread(kept["it"])
    values = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset).astype(np.float64)
    low, high = (0, {12: 4095, 16: 65535, 8: 255}[n_bits]) if "VOILUTSequence" in tags else (0, 255)
    if "RescaleIntercept" in tags:
        low, high = -1024, 3071
    if "ModalityLUTSequence" in tags:
        high = 65535
    expected = by_hand(values, low, high)
    expected = 255 - expected if photometric == "MONOCHROME1" else expected
    assert np.abs(found["a"].astype(int) - expected).max() <= 1
    assert len(np.unique(found["a"])) > 20


def test_eight_bits_without_any_of_it_stay_as_they_are(tmp_path):
    eight = (RAMP // 16).astype(np.uint8)
    found, read = frames(tmp_path, a=lambda path: dicom(path, eight))
    assert np.array_equal(found["a"], eight)
    assert not any("Grey values" in one for one in read.told)
