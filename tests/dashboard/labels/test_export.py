"""Labels leave in seven formats and come back unchanged, whatever stands in the names; cleanlab takes its table."""

import csv
import io
import json
import zipfile
from pathlib import PurePosixPath

import hypothesis.strategies as some
import numpy as np
import pyarrow.parquet as pq
import pytest
from cleanlab.filter import find_label_issues
from hypothesis import given, settings
from PIL import Image

from dashboard.decisions.label_format import LabelFormat
from dashboard.labels.export import labels_cleanlab, labels_coco, write_labels
from dashboard.labels.export_folders import NO_CLASS, safe_name
from dashboard.labels.label_table import LabelRow, LabelTable, label_table, stored_probabilities
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.errors import ImageError, TaxonomyError, WorkspaceError
from model_zoo.core.label_space.labels import LeafSpace, Part
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.workspace.manifest import ImageRecord
from tests.dashboard.labelled_animals import ATTACKS, read, texts, triples

SPACE = LeafSpace(
    (Part("thing", ("cat", "=dog", "a.b|c")), Part("size", ("small", "@large"))), lone=("-logo", "🫀\u202e")
)
KINDS = Taxonomy(
    "kinds",
    {"=animal": SPACE.parse(r"cat.*|=dog.*"), "../up": SPACE.parse(r"a\.b\|c.*"), "CON": SPACE.parse("-logo")},
    outside=SPACE.parse("🫀\u202e"),
)
labels = some.frozensets(some.sampled_from(SPACE.leaves), min_size=1)
rows = some.lists(
    some.tuples(texts, labels, some.just("") | texts), min_size=1, max_size=8, unique_by=lambda row: row[0]
)


class NoImages:
    """A desk whose images have no files, for tables that come from no workspace."""

    def image_bytes(self, image_id: str) -> bytes:
        if len(image_id) % 3 == 0:
            raise ImageError("no file")
        return image_id.encode()


def table(drawn) -> LabelTable:
    return LabelTable(
        "standing",
        SPACE,
        tuple(
            LabelRow(ImageRecord(image_id, f"images/{k}.png", Split.TRAIN, image_id, label), label, who)
            for k, (image_id, label, who) in enumerate(drawn)
        ),
        KINDS,
    )


def written(made: LabelTable, form: LabelFormat) -> bytes:
    out = io.BytesIO()
    write_labels(NoImages(), made, form, out)  # type: ignore[arg-type]
    return out.getvalue()


@pytest.mark.parametrize("form", [one for one in LabelFormat if one is not LabelFormat.CLEANLAB])
@given(drawn=rows)
def test_every_text_comes_back(form: LabelFormat, drawn) -> None:
    made = table(drawn)
    again = sorted(triples(read(written(made, form), f"x{form.suffix}")))
    assert again == sorted((image_id, SPACE.format(label), who) for image_id, label, who in drawn)


@given(drawn=rows.filter(lambda drawn: any(KINDS.place(row[1]) >= 0 for row in drawn)))
@settings(max_examples=settings().max_examples // 3)  # each example is read in a process of its own
def test_the_cleanlab_table_comes_back_but_for_what_has_no_class(drawn) -> None:
    again = sorted(triples(read(written(table(drawn), LabelFormat.CLEANLAB))))
    placed = [row for row in drawn if KINDS.place(row[1]) >= 0]
    assert again == sorted((image_id, SPACE.format(label), who) for image_id, label, who in placed)


@given(drawn=rows)
def test_no_cell_can_run_and_no_path_leaves_its_folder(drawn) -> None:
    for cells in csv.reader(io.StringIO(written(table(drawn), LabelFormat.CSV).decode(), newline="")):
        assert not any(cell.startswith(tuple("=+-@\t\r\n＝＋－＠")) for cell in cells)
    with zipfile.ZipFile(io.BytesIO(written(table(drawn), LabelFormat.FOLDERS))) as archive:
        names = archive.namelist()
    assert len({name.casefold() for name in names}) == len(names)
    for name in names:
        path = PurePosixPath(name)
        assert not path.is_absolute()
        assert ".." not in path.parts
        assert "\\" not in name
        assert len(path.name.encode()) < 255
        assert len(path.parts) == (1 if name == "labels.csv" else 2)


def test_folders_hold_each_image_once_by_class_and_list_the_rest() -> None:
    drawn = [
        ("a/b", SPACE.parse("cat.small"), ""),
        ("a b", SPACE.parse("cat.*"), "Ann"),
        ("a_b", SPACE.parse("-logo"), ""),
    ]
    drawn += [("abcd", SPACE.parse("*.small"), ""), ("abc", SPACE.parse("cat.small"), "")]  # 3 letters: no file
    with zipfile.ZipFile(io.BytesIO(written(table(drawn), LabelFormat.FOLDERS))) as archive:
        held = {name: archive.read(name) for name in archive.namelist() if name != "labels.csv"}
        listed = list(csv.DictReader(io.StringIO(archive.read("labels.csv").decode(), newline="")))
    assert held == {f"{NO_CLASS}/abcd.png": b"abcd"} | {
        row["file"]: row["image_id"].encode() for row in listed if row["file"] and row["class"]
    }
    assert [row["class"] for row in listed] == ["'=animal", "'=animal", "CON", "", "'=animal"]
    assert [row["file"] for row in listed if row["image_id"] == "abc"] == [""]


def test_safe_names_never_meet() -> None:
    taken: set[str] = set()
    names = [
        safe_name(text, taken, "f/", ".png") for text in (*ATTACKS, *(one.upper() for one in ATTACKS), "", ".", "..")
    ]
    assert len({name.casefold() for name in names}) == len(names)
    assert all(name.startswith("f/") and name.count("/") == 1 and name[2] not in ". " for name in names)


def test_coco_says_images_categories_and_annotations_without_boxes() -> None:
    made = labels_coco(table([("i", SPACE.parse("cat.small"), "Ann"), ("j", SPACE.parse("*.small"), "")]))
    assert [one["name"] for one in made["categories"]] == ["=animal", "../up", "CON"]
    assert made["annotations"] == [
        {"id": 1, "image_id": 1, "category_id": 1, "attributes": {"label": "cat.small", "reviewer": "Ann"}}
    ]
    assert made["images"][1] == {
        "id": 2, "file_name": "images/1.png", "image_id": "j", "attributes": {"label": "*.small", "reviewer": ""},
    }  # fmt: skip


def test_classes_want_a_taxonomy(animals) -> None:
    desk = Desk(animals)
    for form in (LabelFormat.FOLDERS, LabelFormat.COCO, LabelFormat.CLEANLAB):
        with pytest.raises(WorkspaceError, match="choose a taxonomy"):
            write_labels(desk, label_table(desk, "original"), form, io.BytesIO())


def test_cleanlab_takes_the_table(animals) -> None:
    """Its labels are class indices of the manifest's, its columns the stored probabilities: no other order fits."""
    desk, things = Desk(animals), animals.taxonomy("things")
    out = io.BytesIO()
    left_out = write_labels(desk, label_table(desk, "original", None, things), LabelFormat.CLEANLAB, out, "things-s0")
    assert left_out.startswith("30 images left out")  # 120 images, 90 in validation and test
    stored = pq.read_table(io.BytesIO(out.getvalue()))
    names = json.loads(stored.schema.metadata[b"classes"])
    assert names == list(things.names)
    given_labels = np.array(stored.column("label"))
    said = np.stack([np.array(stored.column(f"p:{name}")) for name in names], axis=1)
    issues = find_label_issues(given_labels, said)
    truth = desk.dataset().labels
    ids = [one for split in (Split.VALIDATION, Split.TEST) for one in desk.predictions("things-s0", split).image_ids]
    rows = np.concatenate(
        [desk.predictions("things-s0", split).probabilities for split in (Split.VALIDATION, Split.TEST)]
    )
    expected = find_label_issues(things.place_all([truth[one] for one in ids]), rows)
    flagged = {one for one, bad in zip(stored.column("image_id").to_pylist(), issues, strict=True) if bad}
    assert flagged == {one for one, bad in zip(ids, expected, strict=True) if bad}
    assert flagged


def test_probabilities_of_classes_that_fall_together_are_summed(animals) -> None:
    desk, kinds = Desk(animals), animals.taxonomy("kinds")
    fine, coarse = (stored_probabilities(desk, "things-s0", one) for one in (animals.taxonomy("things"), kinds))
    image_id = next(iter(fine))
    cat, dog, car, plane, logo = fine[image_id]
    assert coarse[image_id] == pytest.approx([cat + dog, car + plane, logo])
    with pytest.raises(TaxonomyError):
        stored_probabilities(desk, "kinds-s0", animals.taxonomy("things"))
    made = labels_cleanlab(label_table(desk, "original", None, kinds))
    assert made.num_rows == 120
    assert "p:animal" not in made.column_names


def test_a_folder_export_says_that_metadata_is_gone_and_takes_it_out() -> None:
    picture, out = io.BytesIO(), io.BytesIO()
    exif = Image.Exif()
    exif[0x0110] = "Ann's scanner"
    Image.new("RGB", (8, 6), (200, 10, 10)).save(picture, "JPEG", exif=exif)

    class OneImage(NoImages):
        def image_bytes(self, image_id: str) -> bytes:
            return picture.getvalue()

    told = write_labels(OneImage(), table([("i", SPACE.parse("cat.small"), "")]), LabelFormat.FOLDERS, out)  # type: ignore[arg-type]
    assert "Metadata of the image files was removed" in told
    with zipfile.ZipFile(out) as archive:
        (name,) = [name for name in archive.namelist() if name != "labels.csv"]
        clean = archive.read(name)
    assert b"scanner" in picture.getvalue()
    assert b"scanner" not in clean
    with Image.open(picture) as before, Image.open(io.BytesIO(clean)) as after:
        assert before.tobytes() == after.tobytes()
