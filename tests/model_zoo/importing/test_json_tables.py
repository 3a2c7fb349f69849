"""JSON that lists images: what other tools export is read as they mean it, and hostile JSON is one sentence."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.importing.plan import ImportOptions, plan_import
from dashboard.importing.write import write_import
from model_zoo.core.errors import TaxoScopeError
from model_zoo.core.label_space.splits import Split
from model_zoo.importing.files import find_file
from model_zoo.importing.json_tables import read_json
from model_zoo.importing.reading import read_source
from model_zoo.importing.source import SourceError
from model_zoo.importing.tables import Columns
from model_zoo.workspace.new_workspace import init
from model_zoo.workspace.workspace import Workspace
from tests.foreign_images import picture

COCO = {
    "images": [
        {"id": 7, "file_name": "a.png", "width": 8, "patient": "p1", "tags": ["x"]},
        {"id": 8, "file_name": "sub/b.png", "width": 9, "patient": "p2"},
        {"id": 9, "file_name": "c.png", "width": 9, "patient": "p2"},
        {"id": 10, "file_name": "d.png", "width": 9, "patient": ""},
    ],
    "categories": [
        {"id": 1, "name": "cat", "supercategory": "animal"},
        {"id": 2, "name": "car", "supercategory": "vehicle"},
    ],
    "annotations": [
        {"image_id": 7, "category_id": 1, "bbox": [0, 0, 1, 1]},
        {"image_id": 7, "category_id": 1, "bbox": [2, 2, 1, 1]},
        {"image_id": 8, "category_id": 2},
        {"image_id": 9, "category_id": 1},
        {"image_id": 9, "category_id": 2},
    ],
}


def written(tmp_path, values, name="t.json"):
    path = tmp_path / name
    path.write_text(values if isinstance(values, str) else json.dumps(values))
    return path


def test_coco_gives_each_image_its_category_and_what_that_belongs_to(tmp_path):
    read = read_source(written(tmp_path, COCO))
    assert read.levels == ("category", "supercategory")
    assert [(row.file, row.image_id, row.labels, row.patient_id) for row in read.rows] == [
        ("a.png", "a.png", ("cat", "animal"), "p1"),  # two boxes of one category are one answer
        ("sub/b.png", "sub/b.png", ("car", "vehicle"), "p2"),
        ("c.png", "c.png", ("", ""), "p2"),  # a cat and a car: no single class
        ("d.png", "d.png", ("", ""), ""),
    ]
    assert "1 image has several answers, such as 'c.png' ('cat', 'car'), and no label." in read.told
    assert read.rows[0].columns == {"width": "8", "id": "7"}


def test_numbers_of_images_in_two_files_of_coco_are_not_taken_for_one_image(tmp_path):
    """COCO numbers images within a file: train.json and val.json both have an image 1."""
    made = Workspace.open(init(tmp_path / "ws"))
    for name in ("train", "val"):
        picture(tmp_path / name / f"{name}.png", seed=len(name))
        image = {"id": 1, "file_name": f"{name}.png", "path": f"/elsewhere/{name}.png"}
        one = COCO | {"images": [image], "annotations": [{"image_id": 1, "category_id": 1}]}
        made = write_import(plan_import(made, read_source(written(tmp_path / name, one)), ImportOptions(copy=True)))
    images = made.dataset().images
    assert [one.image_id for one in images] == ["train.png", "val.png"]
    assert [one.columns["id"] for one in images] == ["1", "1"]


@pytest.mark.parametrize("column", ["image_id", "label", "split", "patient_id", "path", "ID", " id "])
def test_columns_of_coco_called_like_ours_do_not_get_in_their_way(tmp_path, column):
    picture(tmp_path / "a.png")
    images = [COCO["images"][0] | {column: "train"}]
    one = COCO | {"images": images, "annotations": COCO["annotations"][:1]}
    made = Workspace.open(init(tmp_path / "ws"))
    made = write_import(plan_import(made, read_source(written(tmp_path, one)), ImportOptions(copy=True)))
    (image,) = made.dataset().images
    assert made.space.format(image.label) == "cat"
    assert (made.writable / image.path).is_file()


def test_a_level_of_coco_that_says_nothing_is_none(tmp_path):
    flat = COCO | {"categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "car", "supercategory": ""}]}
    assert read_source(written(tmp_path, flat)).levels == ("category",)
    assert read_source(written(tmp_path, COCO), Columns(labels=("supercategory",))).levels == ("supercategory",)


def studio(image, *answers, cancelled=False, **data):
    annotations = [
        {
            "was_cancelled": cancelled,
            "completed_by": {"email": "jane@example.org"},
            "result": [{"type": "choices", "from_name": name, "to_name": "i", "value": {"choices": some}}],
        }
        for name, some in answers
    ]
    return {"id": 1, "data": {"image": image} | data, "annotations": annotations, "predictions": []}


def test_label_studio_gives_each_image_the_choice_that_its_annotators_share(tmp_path):
    picture(tmp_path / "images" / "0a1b2c3d-a.png")
    picture(tmp_path / "b.png")
    picture(tmp_path / "deep" / "er" / "c d.png")
    tasks = [
        studio("/data/upload/3/0a1b2c3d-a.png", ("plane", ["head"]), ("plane", ["head"]), scanner="X"),
        studio("/data/upload/3/ffffffff-b.png", ("plane", ["head"]), ("plane", ["femur"])),
        studio("/data/local-files/?d=deep/er/c%20d.png", ("plane", ["femur"])),
        studio("s3://bucket/b.png", ("plane", ["femur"]), cancelled=True),
        studio("https://nowhere.example/x/gone.png?sig=1", ("plane", ["head", "femur"])),
    ]
    read = read_source(written(tmp_path, tasks))
    assert read.levels == ("plane",)
    assert [(row.file, row.labels) for row in read.rows] == [
        ("images/0a1b2c3d-a.png", ("head",)),
        ("b.png", ("",)),
        ("deep/er/c d.png", ("femur",)),
        ("gone.png", ("",)),
    ]
    assert any("1 image is listed several times" in one and "such as 'b.png'" in one for one in read.told)
    assert any(sentence.startswith("2 images have several answers") for sentence in read.told)
    assert read.rows[0].columns == {"scanner": "X"}
    assert "jane" not in repr(read)  # who said it is nobody's label


def test_what_label_studio_names_outside_is_said_in_the_same_words_whether_or_not_it_is_there(tmp_path):
    picture(tmp_path / "one_there.png")
    base = tmp_path / "base"
    base.mkdir()

    def told(name):
        tasks = [studio(one, ("plane", ["head"])) for one in (f"{tmp_path}/{name}", f"../{name}")]
        rows = [row for task in tasks for row in read_source(written(base, [task])).rows]
        return [sentence.replace(name, "X") for sentence in find_file(rows, base)[1]]

    assert told("one_there.png") == told("not_there.png")
    assert len(told("one_there.png")) == 2


def test_several_questions_of_label_studio_are_columns_to_choose_from(tmp_path):
    tasks = [studio("a.png", ("plane", ["head"]), ("marker", ["yes"])), studio("b.png", ("plane", ["femur"]))]
    path = written(tmp_path, tasks)
    assert any("name one with --label, or all with --part" in sentence for sentence in read_source(path).told)
    read = read_source(path, Columns(parts=("plane", "marker")))
    assert [row.labels for row in read.rows] == [("head", "yes"), ("femur", "")]


def test_the_short_export_of_label_studio_and_any_list_of_records(tmp_path):
    records = [
        {"image": "a.png", "id": 1, "choice": "cat", "box": [1, 2]},
        {"image": "b.png", "id": 2, "choice": {"choices": ["dog"]}},
        {"image": "c.png", "id": 3, "choice": {"choices": ["dog", "cat"]}, "score": 0.25, "ok": True},
    ]
    read = read_source(written(tmp_path, records))
    assert [row.labels for row in read.rows] == [("cat",), ("dog",), ("",)]
    assert read.rows[2].columns == {"score": "0.25", "ok": "True"}


@pytest.mark.parametrize("name", ["metadata.jsonl", "metadata.csv", "metadata.parquet"])
@pytest.mark.parametrize("in_splits", [False, True])
def test_the_metadata_of_an_image_folder(tmp_path, name, in_splits):
    import pandas as pd

    frame = pd.DataFrame({"file_name": ["a.png", "b/c.png"], "label": ["cat", "dog"], "age": [3, 4]})
    for folder in ("train", "validation") if in_splits else (".",):
        picture(tmp_path / folder / "a.png")
        path = tmp_path / folder / name
        if name.endswith("jsonl"):
            frame.to_json(path, orient="records", lines=True)
        elif name.endswith("csv"):
            frame.to_csv(path, index=False)
        else:
            frame.to_parquet(path)
    read = read_source(tmp_path)
    told = [(row.file, row.labels, row.split, row.columns["age"]) for row in read.rows]
    if not in_splits:
        assert told == [("a.png", ("cat",), Split.NONE, "3"), ("b/c.png", ("dog",), Split.NONE, "4")]
    else:
        assert told[0] == ("train/a.png", ("cat",), Split.TRAIN, "3")
        assert told[3] == ("validation/b/c.png", ("dog",), Split.VALIDATION, "4")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is damaged or of no layout known here"),
        ("[]", "lists no image"),
        ("3", "lists no image"),
        ("{}", "has no list images"),
        ("[1, 2]", "lists no image"),
        ("<html></html>", "is damaged"),
        ("[" * 200_000, "is damaged"),
        ('{"images": [], "categories": []}', "lists no image"),
        ('{"images": [{"id": 1}], "categories": []}', "is damaged or of no layout known here"),
        ('{"images": 3}', "has no list images"),
        ('{"images": [{"id": [], "file_name": "a.png"}], "categories": []}', "is damaged"),
        (json.dumps(COCO | {"annotations": [{"image_id": 7, "category_id": 99}]}), "of category '99', which is not"),
        ('[{"image": "\\ud800.png"}]', "is no Unicode text"),
        (json.dumps([{"image": "x" * 20_000}]), "a cell has 20,000 characters"),
        (json.dumps([studio("a.png")]), "without any choice"),
        (json.dumps([{"": "a.png"}]), "a column without a name"),
        ("[" + "9" * 10_000 + "]", "is damaged"),
        (json.dumps([{"image": "a.png", f"k{k}": 1} for k in range(1_000)]), "has 1,001 columns, at most 1,000"),
        (
            json.dumps([dict.fromkeys(range(999)) | {"image": "a.png"}, *[{}] * 50_000]),
            "has 50,001 rows of 1,000 columns, at most 50,000,000 cells",
        ),
    ],
)
def test_what_lists_no_image_is_one_sentence(tmp_path, text, sentence):
    with pytest.raises(SourceError) as refused:
        read_source(written(tmp_path, text))
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_line_that_is_no_json_is_named(tmp_path):
    with pytest.raises(SourceError, match="line 2 is no JSON"):
        read_source(written(tmp_path, '{"file_name": "a.png"}\n{oops\n', "t.jsonl"))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["images", "id", "file_name", "categories", "annotations", "image_id", "category_id", "name"]
            )
            | st.sampled_from(["data", "image", "result", "type", "value", "choices", "from_name", "was_cancelled"])
            | st.text(max_size=3),
            inner,
            max_size=6,
        )
    ),
    max_leaves=30,
)


@given(values)
def test_any_json_is_a_table_or_one_sentence(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("json") / "t.json"
    path.write_text(json.dumps(value))
    try:
        table = read_json(path, path.parent)
    except TaxoScopeError as error:
        told = str(error)
    else:
        told = ""
        assert all(len(row) == len(table.names) for row in table.rows)
    assert "\n" not in told
