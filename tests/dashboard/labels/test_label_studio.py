"""Label Studio: tasks come back as they were, and what it exports is read as its users annotated it."""

import io
import json

import pytest

from dashboard.labels.label_files import LabelFileError, read_label_file
from dashboard.labels.label_studio import label_studio_tasks
from dashboard.labels.label_table import LabelRow, LabelTable
from model_zoo.core.label_space.labels import LeafSpace, Part
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.workspace.manifest import ImageRecord

SPACE = LeafSpace((Part("thing", ("cat", "dog")), Part("size", ("small", "large"))))
KINDS = Taxonomy("things", {"cat": SPACE.parse("cat.*"), "dog": SPACE.parse("dog.*")})


def table():
    given = [("i1", "cat.small", "Ann"), ("i2", "dog.*", ""), ("i3", "*.small", "Bo")]
    rows = [
        LabelRow(ImageRecord(name, f"images/{name}.png", Split.TEST, "", SPACE.parse(text)), SPACE.parse(text), who)
        for name, text, who in given
    ]
    return LabelTable("standing", SPACE, tuple(rows), KINDS)


def lines(tasks):
    read = read_label_file(io.BytesIO(json.dumps(tasks).encode()), "tasks.json")
    return [(one.image, one.label, one.reviewer) for one in read.lines]


def annotated(choice, **more):
    return {"result": [{"type": "choices", "value": {"choices": [choice]}}], **more}


def test_a_class_that_nobody_changes_keeps_its_label_and_a_changed_one_is_the_choice():
    tasks = label_studio_tasks(table())
    assert lines(tasks) == [("i1", "cat.small", "Ann"), ("i2", "dog.*", ""), ("i3", "*.small", "Bo")]
    tasks[0]["annotations"] = [annotated("dog", completed_by={"id": 4, "email": "cy@example.org"})]
    tasks[1]["annotations"] = [annotated("dog", completed_by=7), annotated("cat", was_cancelled=True)]
    tasks[2]["annotations"] = []
    assert lines(tasks) == [("i1", "dog", "cy@example.org"), ("i2", "dog.*", "Label Studio user 7")]


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("/data/local-files/?d=images/a%20b.png", "a b.png"),
        ("/data/upload/3/ab12-cat.png", "ab12-cat.png"),
        ("https://example.org/x/c%C3%A9.jpg?size=2", "cé.jpg"),
        ("s3://bucket/folder/d.png", "d.png"),
    ],
)
def test_images_of_foreign_tasks_are_named_by_their_files(image, name):
    assert lines([{"data": {"image": image}, "annotations": [annotated("cat")]}]) == [(name, "cat", "")]


@pytest.mark.parametrize(
    "tasks",
    [
        [3],
        [{"data": {"image": "a.png"}}],
        [{"data": {"image": "a.png"}, "annotations": [{"result": []}]}],
        [{"data": {"image": "a.png"}, "annotations": [annotated("a") | {"result": [{"type": "choices"}]}]}],
        [{"data": {}, "annotations": [annotated("cat")]}],
        [{"data": {"image": "a.png"}, "annotations": 3}],
    ],
)
def test_what_are_no_tasks_is_one_sentence(tasks):
    with pytest.raises(LabelFileError, match="no list of Label Studio's tasks"):
        lines(tasks)
