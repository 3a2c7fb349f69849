"""DICOM: every kind of pixel comes out as it is meant, and nothing that says who somebody is comes out at all."""

import io
import random

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

from dashboard.importing.plan import ImportOptions, plan_import
from dashboard.importing.plan_words import plan_words
from dashboard.importing.write import write_import
from model_zoo.importing.archives import UnpackBudget
from model_zoo.importing.dicom import PIXELS, TOLD, extract_frames, holds_dicom
from model_zoo.importing.reading import read_source
from model_zoo.importing.source import SourceError
from model_zoo.workspace.new_workspace import init
from model_zoo.workspace.workspace import Workspace
from tests.foreign_dicom import RAMP, SECRET, dicom


def frame(tmp_path, *args, name="1.png", **more):
    dicom(tmp_path / "1.dcm", *args, **more)
    extract_frames(tmp_path / "1.dcm", tmp_path / "out")
    return np.asarray(Image.open(tmp_path / "out" / name))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_grey_is_kept_and_turned_where_it_is_turned(tmp_path, syntax):
    assert np.array_equal(frame(tmp_path, RAMP, syntax), RAMP)
    (tmp_path / "b").mkdir()
    assert np.array_equal(frame(tmp_path / "b", RAMP, syntax, "MONOCHROME1"), 255 - RAMP)


def test_twelve_bits_are_scaled_windowed_or_signed(tmp_path):
    deep = RAMP.astype(np.uint16) * 16
    assert np.abs(frame(tmp_path / "a", deep, bits=12).astype(int) - RAMP).max() <= 1
    window = frame(tmp_path / "b", deep, bits=12, WindowCenter="1024.5", WindowWidth="1025")  # 512 to 1536
    assert (window[0].max(), window[7].min()) == (0, 255)
    assert window.reshape(-1)[64] == pytest.approx(255 / 2, abs=1)  # 1024 is its middle
    scaled = frame(
        tmp_path / "c",
        deep,
        bits=12,
        WindowCenter="24.5",
        WindowWidth="1025",
        RescaleSlope="1",
        RescaleIntercept="-1000",
    )
    assert np.array_equal(scaled, window)
    signed = frame(tmp_path / "d", (RAMP.astype(np.int16) - 128) * 256, bits=16, signed=1)
    assert np.abs(signed.astype(int) - RAMP).max() <= 1


def colours(n=1):
    rgb = np.random.default_rng(0).integers(0, 255, (16, 24, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(rgb[:4, :6]).resize((24, 16), Image.Resampling.BICUBIC))
    return np.stack([np.roll(smooth, k, axis=1) for k in range(n)]) if n > 1 else smooth


def test_colours(tmp_path):
    rgb = colours()
    assert np.array_equal(frame(tmp_path / "a", rgb, photometric="RGB"), rgb)
    ybr = np.asarray(Image.fromarray(rgb).convert("YCbCr"))
    back = frame(tmp_path / "b", ybr, photometric="YBR_FULL")
    assert np.abs(back.astype(int) - rgb).max() <= 4
    planes = frame(tmp_path / "c", rgb, photometric="RGB", raw=rgb.transpose(2, 0, 1).tobytes(), PlanarConfiguration=1)
    assert np.array_equal(planes, rgb)


def test_jpeg_inside(tmp_path):
    out = io.BytesIO()
    Image.fromarray(colours()).save(out, "JPEG", quality=98, subsampling=1)
    raw = encapsulate([out.getvalue()])
    back = frame(tmp_path, colours(), JPEGBaseline8Bit, "YBR_FULL_422", raw=raw)
    assert np.abs(back.astype(int) - np.asarray(Image.open(out).convert("RGB"))).max() <= 3


def refused(path, sentence):
    with pytest.raises(SourceError, match=sentence):
        extract_frames(path, path.parent / "out")
    return True


def test_scans_of_a_jpeg_inside_are_counted(tmp_path):
    """As of any JPEG: each scan passes over all pixels, and costs the file 75 bytes."""
    out = io.BytesIO()
    Image.new("L", (2000, 2000), 9).save(out, "JPEG", progressive=True)
    raw = out.getvalue()
    start = raw.rindex(b"\xff\xda")
    bomb = raw[:-2] + raw[start:-2] * 300 + raw[-2:]
    pixels = np.zeros((2000, 2000), np.uint8)
    path = dicom(tmp_path / "1.dcm", pixels, JPEGBaseline8Bit, raw=encapsulate([raw, bomb]), NumberOfFrames=2)
    assert refused(path, r"1\.dcm' has 201 scans or more over 4\.0 million pixels")


def test_frames_that_unpack_to_far_more_than_the_file_are_refused(tmp_path):
    out = io.BytesIO()
    Image.new("L", (2000, 2000), 9).save(out, "JPEG")
    pixels = np.zeros((2000, 2000), np.uint8)
    raw = encapsulate([out.getvalue()[:300]] * 400)
    path = dicom(tmp_path / "1.dcm", pixels, JPEGBaseline8Bit, raw=raw, NumberOfFrames=400)
    assert refused(path, "unpacks to 1,600,000,000 bytes of pixels, far more than it holds")


def test_a_file_that_takes_too_long_is_left_out(tmp_path, monkeypatch):
    clock = iter(range(0, 10**6, 50))
    monkeypatch.setattr("model_zoo.importing.dicom.time.monotonic", lambda: next(clock))
    path = dicom(tmp_path / "1.dcm", np.stack([RAMP] * 9), NumberOfFrames=9)
    assert refused(path, r"takes too long, after 2 of 9 frames; .* set TAXOSCOPE_MAX_TRIAL_SECONDS")


def test_a_decoder_that_fails_leaves_one_file_out_and_not_all(tmp_path, monkeypatch):
    """Pillow raises an `OSError` for a broken stream, as the file system does for a full disk."""
    dicom(tmp_path / "in" / "good.dcm", RAMP)
    dicom(tmp_path / "in" / "bad.dcm", RAMP, JPEGBaseline8Bit, raw=encapsulate([b"\xff\xd8\xff\xe0 no more"]))
    found = extract_frames(tmp_path / "in", tmp_path / "out")
    assert found.n_files == 1
    assert len(found.left_out) == 1
    assert found.left_out[0].startswith("'bad.dcm' is damaged, or compressed")
    real = Image.Image.save

    def broken(image, path, *given):
        raise OSError("broken data stream")

    monkeypatch.setattr(Image.Image, "save", lambda image, path, *given: broken(image, path))
    assert refused(tmp_path / "in" / "good.dcm", "is damaged, or compressed in a way not read here")
    monkeypatch.setattr(Image.Image, "save", real)


def test_a_palette(tmp_path):
    table = {
        f"{colour}PaletteColorLookupTableDescriptor": [256, 0, 16] for colour in ("Red", "Green", "Blue")
    } | {
        f"{colour}PaletteColorLookupTableData": (np.arange(256, dtype=np.uint16) * factor).tobytes()
        for colour, factor in (("Red", 257), ("Green", 0), ("Blue", 128))
    }  # fmt: skip
    back = frame(tmp_path, RAMP, photometric="PALETTE COLOR", **table)
    assert np.array_equal(back[..., 0], RAMP)
    assert back[..., 1].max() == 0
    assert np.array_equal(back[..., 2], RAMP // 2)


def test_frames_of_a_clip_belong_together(tmp_path):
    clips = colours(5)
    for name, syntax in (("a", ExplicitVRLittleEndian), ("b", RLELossless)):
        dicom(tmp_path / "us" / "head" / f"{name}.dcm", clips, photometric="RGB")
        if syntax == RLELossless:
            one = pydicom.dcmread(tmp_path / "us" / "head" / "b.dcm")
            one.compress(RLELossless)
            one.save_as(tmp_path / "us" / "head" / "b.dcm")
    dicom(tmp_path / "us" / "femur" / "IM0001", RAMP, BurnedInAnnotation="YES", ManufacturerModelName="M" * 60)
    (tmp_path / "us" / "head" / "cut.dcm").write_bytes((tmp_path / "us" / "head" / "b.dcm").read_bytes()[:-2000])
    (tmp_path / "us" / "readme.txt").write_text("x")
    assert holds_dicom(tmp_path / "us")
    told = []
    frames = extract_frames(tmp_path / "us", tmp_path / "out", lambda *done: told.append(done))
    assert (frames.n_frames, frames.n_files, len(frames.left_out)) == (11, 3, 1)
    assert "'head/cut.dcm' holds no picture, or is cut off" in frames.left_out[0]
    assert told[-1] == (4, 4)
    assert "Text is burned into the picture, by their tags: 1 frame; without such a tag: 10;" in frames.told[2]
    read = read_source(tmp_path / "out")
    assert [row.file for row in read.rows][:3] == ["femur/IM0001.png", "head/a/0001.png", "head/a/0002.png"]
    assert {row.labels for row in read.rows} == {("head",), ("femur",)}
    assert {row.patient_id for row in read.rows} == {"femur/IM0001", "head/a.dcm", "head/b.dcm"}
    assert read.rows[0].columns["burned_in_annotation"] == "YES"
    for k in range(5):
        for name in "ab":
            assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / f"head/{name}/{k + 1:04d}.png")), clips[k])


def test_nobody_can_be_told_from_what_is_imported(tmp_path):
    dicom(tmp_path / "us" / "head" / "1.dcm", colours(3), photometric="RGB")
    dicom(tmp_path / "us" / "femur" / "2.dcm", RAMP)
    frames = extract_frames(tmp_path / "us", tmp_path / "out")
    plan = plan_import(Workspace.open(init(tmp_path / "ws")), read_source(tmp_path / "out"), ImportOptions(copy=True))
    write_import(plan)
    files = [path for path in (*(tmp_path / "ws").rglob("*"), *(tmp_path / "out").rglob("*")) if path.is_file()]
    assert len(files) > 8
    everything = b"\n".join(path.read_bytes() for path in files) + "\n".join([*plan_words(plan), *frames.told]).encode()
    for secret in (SECRET, SECRET.lower(), "19010203", "987654321"):
        assert secret.encode() not in everything
    assert b"Maker" in everything  # the list of tags that may come is read
    for path in files:
        if path.suffix == ".png":
            assert Image.open(path).info == {}


def test_no_tag_that_is_asked_for_says_who_somebody_is():
    asked = {pydicom.datadict.tag_for_keyword(name) for name in (*PIXELS, *TOLD)}
    assert None not in asked
    assert not [tag for tag in asked if tag >> 16 in (0x0010, 0x0032, 0x0038, 0x0040, 0x4008)]
    # PS3.15, table E.1-1: what de-identification takes away, apart from the groups above
    taken = "InstitutionName ReferringPhysicianName OperatorsName StudyDate ContentDate AccessionNumber StudyID"
    assert not asked & {pydicom.datadict.tag_for_keyword(name) for name in taken.split()}


@pytest.mark.parametrize(
    ("tags", "sentence"),
    [
        ({"Rows": 60_000, "Columns": 60_000}, "60,000 x 60,000 pixels"),
        ({"NumberOfFrames": 2_000_000}, "2,000,000 frames"),
        ({"PixelData": b""}, "is damaged|holds no picture"),
        ({"PhotometricInterpretation": "XYB"}, "is damaged"),
        ({"BitsAllocated": 3}, "is damaged"),
        ({"Rows": 0}, "less than 1"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path, tags, sentence):
    path = dicom(tmp_path / "1.dcm", RAMP)
    one = pydicom.dcmread(path)
    for name, value in tags.items():
        setattr(one, name, value)
    one.save_as(path)
    with pytest.raises(SourceError, match=sentence) as refused:
        extract_frames(path, tmp_path / "out")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_deflated_as_a_whole_is_refused_before_it_is_unpacked(tmp_path):
    path = dicom(tmp_path / "1.dcm", RAMP, DeflatedExplicitVRLittleEndian)
    with pytest.raises(SourceError, match="is deflated as a whole"):
        extract_frames(path, tmp_path / "out")


def test_mutated_files_never_crash(tmp_path):
    raw = dicom(tmp_path / "1.dcm", colours(2), photometric="RGB").read_bytes()
    chance = random.Random(0)
    for k in range(150):
        bad = bytearray(raw[: chance.randrange(132, len(raw))] if k % 3 == 0 else raw)
        for _ in range(chance.randrange(1, 12)):
            bad[chance.randrange(132, min(len(bad), 132 + 1200) if len(bad) > 140 else len(bad))] = chance.randrange(
                256
            )
        path = tmp_path / "in" / f"{k}.dcm"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bad)
    (tmp_path / "in" / "good.dcm").write_bytes(raw)
    frames = extract_frames(tmp_path / "in", tmp_path / "out")
    assert frames.n_files + len(frames.left_out) == 151
    assert (tmp_path / "out" / "good" / "0002.png").is_file()
    assert all("\n" not in sentence and sentence.isprintable() for sentence in frames.left_out)


@pytest.mark.parametrize(
    ("unit", "within", "by_itself", "together"),
    [
        ("bytes of pixels", UnpackBudget(20_000, 1_000, ("BYTES", "FILES")), 79 * 256, 79 * 256),
        ("frames", UnpackBudget(10**9, 78, ("BYTES", "FILES")), 79, 79),
    ],
)
def test_bytes_and_frames_are_limited_over_a_file_and_over_all_of_them(tmp_path, unit, within, by_itself, together):
    way = within.ways[unit == "frames"]
    dicom(tmp_path / "us" / "a.dcm", np.stack([RAMP] * 40))
    dicom(tmp_path / "us" / "b.dcm", np.stack([RAMP] * 79))
    read = extract_frames(tmp_path / "us", tmp_path / "out", within=within)
    assert (read.n_frames, read.n_files) == (40, 1)
    assert read.left_out[0].startswith(f"'b.dcm' has {by_itself:,} {unit}, at most")
    assert read.left_out[0].endswith(f"export fewer frames, or set {way}.")
    dicom(tmp_path / "us" / "c.dcm", np.stack([RAMP] * 39))
    with pytest.raises(SourceError) as refused:
        extract_frames(tmp_path / "us", tmp_path / "out2", within=within)
    assert str(refused.value).startswith(f"With 'c.dcm' there are {together:,} {unit}, at most")
    assert str(refused.value).endswith(f"bring them in by parts, or set {way}.")
    assert not (tmp_path / "out2").exists()


def test_a_file_that_is_left_out_takes_no_room(tmp_path):
    for name in "abc":
        dicom(tmp_path / "us" / f"{name}.dcm", np.stack([RAMP] * 40), photometric="XYB")
    dicom(tmp_path / "us" / "good.dcm", np.stack([RAMP] * 40))
    within = UnpackBudget(20_000, 78, ("BYTES", "FILES"))  # 78 frames of 256 bytes
    read = extract_frames(tmp_path / "us", tmp_path / "out", within=within)
    assert (read.n_frames, len(read.left_out)) == (40, 3)


@pytest.mark.parametrize("tag", ["Rows", "Columns", "SamplesPerPixel"])
def test_no_size_is_below_one(tmp_path, tag):
    path = dicom(tmp_path / "1.dcm", RAMP)
    one = pydicom.dcmread(path)
    del one[tag]
    one.add_new(tag, "SS", -20_000)
    one.save_as(path)
    with pytest.raises(SourceError, match=r"-20,000.* less than 1; export it again"):
        extract_frames(path, tmp_path / "out")


def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path):
    dicom(tmp_path / "outside" / "there.dcm", RAMP)
    for name in ("there", "not_there"):
        (tmp_path / "us" / "head").mkdir(parents=True, exist_ok=True)
        (tmp_path / "us" / "head" / f"{name}.dcm").symlink_to(tmp_path / "outside" / f"{name}.dcm")
    assert not holds_dicom(tmp_path / "us")
    dicom(tmp_path / "us" / "head" / "1.dcm", RAMP)
    (tmp_path / "us" / "head" / "2.dcm").symlink_to("1.dcm")
    read = extract_frames(tmp_path / "us", tmp_path / "out")
    assert read.n_files == 2
    assert read.left_out == tuple(
        f"'head/{name}.dcm' leads out of {tmp_path / 'us'}; copy the file into it." for name in ("not_there", "there")
    )


def test_frames_beyond_what_a_file_says_are_not_written(tmp_path):
    dicom(tmp_path / "a.dcm", np.stack([RAMP] * 5), NumberOfFrames=2)
    assert extract_frames(tmp_path / "a.dcm", tmp_path / "out").n_frames == 2
    assert len(list((tmp_path / "out" / "a").iterdir())) == 2


def test_that_names_of_files_are_kept_and_shown_is_said(tmp_path):
    dicom(tmp_path / "Doe^Jane" / "1.dcm", RAMP)
    told = extract_frames(tmp_path, tmp_path / "out").told
    assert any("Names of files and folders are kept" in one and "Rename" in one for one in told)
    (row,) = read_source(tmp_path / "out").rows
    assert "Doe^Jane" in row.patient_id


@pytest.mark.parametrize(
    ("width", "function", "least"),
    [("0", "LINEAR", "1 or more"), ("-3", "", "1 or more"), ("0", "SIGMOID", "more than 0")],
)
def test_a_window_without_width_is_said_and_its_remedy_works(tmp_path, width, function, least):
    tags = {"VOILUTFunction": function} if function else {}
    with pytest.raises(SourceError, match=f"Window Width is {width}; expected {least}"):
        frame(tmp_path / "a", RAMP, WindowCenter="128", WindowWidth=width, **tags)
    assert np.array_equal(frame(tmp_path / "b", RAMP), RAMP)  # without the two tags
