"""Images by content, whatever they are called; what is no image is named by ending, and so are classes without any."""

import io
import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from dashboard.importing.plan import ImportOptions, plan_import
from dashboard.importing.plan_words import plan_words
from model_zoo.images.formats import HEAD, MOST_FRAMES, count_frames, kind_of
from model_zoo.importing.archives import unpack
from model_zoo.importing.folders import image_folders
from model_zoo.importing.reading import read_source
from model_zoo.importing.source import SourceError
from model_zoo.workspace.new_workspace import init
from model_zoo.workspace.workspace import Workspace
from tests.foreign_images import picture
from tests.real_data import real

PIXELS = np.random.default_rng(0).integers(0, 255, (12, 16, 3), dtype=np.uint8)


def encoded(kind, n_frames=1, **options):
    frames = [Image.fromarray(np.roll(PIXELS, k, axis=0)) for k in range(n_frames)]
    more = {"save_all": True, "append_images": frames[1:]} if n_frames > 1 else {}
    out = io.BytesIO()
    frames[0].save(out, kind, **more, **options)
    return out.getvalue()


NAMES = {
    "GIF": "a.gif",
    "JPEG": "a.jfif",
    "PPM": "a.ppm",
    "PNG": "A.PNG",
    "TIFF": "scan",  # no ending
    "WEBP": "IM0001",
    "BMP": "picture.dat",
}


def folder_of(root, kinds=NAMES):
    for k, (kind, name) in enumerate(kinds.items()):
        (root / f"class{k}").mkdir(parents=True)
        (root / f"class{k}" / name).write_bytes(encoded(kind))
    return root


def planned(tmp_path, source, **wishes):
    return plan_import(Workspace.open(init(tmp_path / "w")), source, ImportOptions(**wishes))


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("form", ["folder", "zip", "table"])
def test_no_class_vanishes_whatever_its_files_are_called(tmp_path, form, check):
    root = folder_of(tmp_path / "pets")
    place = root
    if form == "zip":
        with zipfile.ZipFile(tmp_path / "pets.zip", "w") as packed:
            for path in sorted(root.rglob("*")):
                packed.write(path, path.relative_to(tmp_path))
        place = unpack(tmp_path / "pets.zip", tmp_path / "unpacked")
    if form == "table":
        rows = [f"class{k}/{name},class{k}" for k, name in enumerate(NAMES.values())]
        place = root / "list.csv"
        place.write_text("image,label\n" + "\n".join(rows) + "\n")
    plan = planned(tmp_path, read_source(place), check=check, copy=True)
    assert len(plan.records) == len(NAMES)
    assert sorted(plan.space.leaves) == [f"class{k}" for k in range(len(NAMES))]
    assert not any("comes out empty" in line for line in plan_words(plan))


def test_what_is_passed_over_is_named_by_ending_and_classes_that_come_out_empty_are_said(tmp_path):
    picture(tmp_path / "pets" / "cat" / "1.png")
    for name in ("dog/1.heic", "dog/2.HEIC", "dog/x.txt", "bird/x", "cat/notes.txt"):
        (tmp_path / "pets" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "pets" / name).write_bytes(b"\0\0\0 ftypheic")
    (tmp_path / "pets" / "fish").mkdir()
    told = image_folders(tmp_path / "pets").told
    assert "5 other files are not images and stay where they are: '.heic' 2, '.txt' 2, no ending 1." in told
    assert "Warning: class 'dog' comes out empty (3 files are not images: '.heic' 2, '.txt' 1)." in told
    assert "Warning: class 'bird' comes out empty (1 file is no image: no ending 1)." in told
    assert "Warning: class 'fish' comes out empty (no file)." in told
    assert not any("'cat'" in one for one in told)


def test_classes_below_splits_are_empty_only_where_no_split_has_one(tmp_path):
    picture(tmp_path / "train" / "cat" / "1.png")
    picture(tmp_path / "test" / "dog" / "1.png")
    for name in ("train/dog/1.heic", "test/cat/1.heic", "test/bird/1.heic"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    empty = [one for one in image_folders(tmp_path).told if "comes out empty" in one]
    assert empty == ["Warning: class 'bird' comes out empty (1 file is no image: '.heic' 1)."]


def test_a_class_of_which_every_image_is_unreadable_or_missing_is_said(tmp_path):
    picture(tmp_path / "pets" / "cat" / "1.png")
    (tmp_path / "pets" / "dog").mkdir()
    (tmp_path / "pets" / "dog" / "1.png").write_bytes(b"no image")
    plan = planned(tmp_path, image_folders(tmp_path / "pets"))
    assert "Note: Class 'dog' (classes) comes out empty: 1 image listed, none can be brought in." in plan_words(plan)
    (tmp_path / "list.csv").write_text("image,label\npets/cat/1.png,cat\npets/gone.gif,bird\n")
    plan = plan_import(Workspace.open(init(tmp_path / "w2")), read_source(tmp_path / "list.csv"), ImportOptions())
    assert any("Class 'bird' (label) comes out empty" in one for one in plan_words(plan))


def test_nothing_but_other_files_says_which(tmp_path):
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog" / "1.heic").write_bytes(b"x")
    with pytest.raises(SourceError, match=r"1 file is no image \('.heic' 1\)"):
        image_folders(tmp_path)


def test_a_table_may_leave_an_upper_case_ending_out(tmp_path):
    picture(tmp_path / "a.PNG")
    (tmp_path / "list.csv").write_text("image,label\na,cat\n")
    assert len(planned(tmp_path, read_source(tmp_path / "list.csv")).records) == 1


@pytest.mark.parametrize("text", [b"BMW cars", b"P4 and P5", b"RIFF\0\0\0\0AVI ", b"GIF", b"II*", b"", b"P5x3"])
def test_what_only_begins_like_an_image_is_none(text):
    assert kind_of(text.ljust(HEAD, b" ")) == ""


def test_links_and_pipes_are_never_opened(tmp_path):
    picture(tmp_path / "pets" / "cat" / "1.png")
    (tmp_path / "secret").write_bytes(encoded("PNG"))
    (tmp_path / "pets" / "cat" / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pets" / "cat" / "pipe")
    assert [row.file for row in image_folders(tmp_path / "pets").rows] == ["cat/1.png"]


@pytest.mark.parametrize(("kind", "name"), [("TIFF", "a.tif"), ("WEBP", "a.webp"), ("GIF", "a.gif"), ("PNG", "a.png")])
@pytest.mark.parametrize("check", [True, False])
def test_further_pictures_are_counted_and_named(tmp_path, kind, name, check):
    raw = encoded(kind, 5)
    assert count_frames(raw) == getattr(Image.open(io.BytesIO(raw)), "n_frames", 1) == 5
    (tmp_path / "pets" / "cat").mkdir(parents=True)
    (tmp_path / "pets" / "cat" / name).write_bytes(raw)
    picture(tmp_path / "pets" / "cat" / "single.png")
    told = list(plan_words(planned(tmp_path, image_folders(tmp_path / "pets"), check=check)))
    assert f"Note: 4 further pictures in 1 file are not read, only the first of each file: 'cat/{name}' 4." in told


def test_a_file_that_claims_millions_of_pictures_costs_nothing():
    step = b"\x2c" + bytes(8) + b"\0" + b"\x02\x01\0\0"
    assert count_frames(b"GIF89a" + bytes(7) + step * 100_000) == MOST_FRAMES
    looped = bytearray(encoded("TIFF"))
    start = int.from_bytes(looped[4:8], "little")
    n = int.from_bytes(looped[start : start + 2], "little")
    looped[start + 2 + 12 * n : start + 6 + 12 * n] = start.to_bytes(4, "little")
    assert count_frames(bytes(looped)) == 1


def test_real_scans_under_names_that_others_give_them_lose_no_class(tmp_path):
    paths = sorted((real("hc18_200") / "images").iterdir())[:4]
    for path, (kind, name) in zip(
        paths, {"GIF": "a.gif", "JPEG": "a.jfif", "PPM": "a.pgm", "PNG": "a"}.items(), strict=True
    ):
        (tmp_path / "scans" / kind).mkdir(parents=True)
        Image.open(path).convert("L").save(tmp_path / "scans" / kind / name, kind)
    plan = planned(tmp_path, image_folders(tmp_path / "scans"))
    assert sorted(plan.space.leaves) == ["GIF", "JPEG", "PNG", "PPM"]
    assert plan.left_out == ()
