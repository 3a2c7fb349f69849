"""What a refusal suggests is done as it says, and works: class values, columns, order of classes, images of a split."""

import io
import re
import shlex

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from dashboard.cli.models import commands
from dashboard.labels.label_files import LabelFileError, read_label_file
from dashboard.labels.label_values import read_values
from model_zoo.core.errors import TaxoScopeError
from model_zoo.core.label_space.splits import Split
from model_zoo.importing.class_values import ClassValues
from model_zoo.workspace.run import read_run
from tests.named_workspace import named_workspace


@pytest.fixture
def workspace(tmp_path):
    return named_workspace(tmp_path / "w", ["cat", "dog"], ["cat", "dog", "dog"])


def typed(workspace, path, name, *more):
    known = ["--name", name, "--taxonomy", "classes", "--workspace", str(workspace.writable)]
    return CliRunner().invoke(commands, ["import-predictions", str(path), *known, *more])


def refused(done):
    assert isinstance(done.exception, TaxoScopeError), done.output
    return str(done.exception)


def predicted(workspace, name):
    stored = read_run(workspace.writable / "runs" / name).predictions(Split.TEST)
    return dict(zip(stored.image_ids, (stored.classes[k] for k in stored.probabilities.argmax(axis=1)), strict=True))


RIGHT = {"a0": "cat", "a1": "dog", "a2": "dog"}


def test_an_option_that_does_not_fit_can_be_left_out_or_said_otherwise(workspace, tmp_path):
    path = tmp_path / "p.csv"
    pd.DataFrame({"image_id": list(RIGHT), "pred": list(RIGHT.values())}).to_csv(path, index=False)
    sentence = refused(typed(workspace, path, "m", "--prediction-values", "indices"))
    (other,) = re.findall(r"leave that option out, or say (\S+)\.", sentence)
    assert typed(workspace, path, "left-out").exit_code == 0
    assert typed(workspace, path, "other", "--prediction-values", other).exit_code == 0
    assert predicted(workspace, "left-out") == predicted(workspace, "other") == RIGHT


def test_columns_without_names_get_their_order_by_classes(workspace, tmp_path):
    path = tmp_path / "p.npz"
    np.savez(path, image_id=list(RIGHT), probs=np.array([[0.1, 0.9], [0.8, 0.2], [0.7, 0.3]]))  # dog, cat
    done = typed(workspace, path, "m")
    if done.exit_code != 0:
        assert "--classes" in refused(done)
    assert typed(workspace, path, "ordered", "--classes", "dog,cat").exit_code == 0
    assert predicted(workspace, "ordered") == RIGHT


def test_rows_without_images_are_those_of_a_split_or_name_them(workspace, tmp_path):
    path = tmp_path / "p.csv"
    pd.DataFrame({"pred": list(RIGHT.values())}).to_csv(path, index=False)
    sentence = refused(typed(workspace, path, "m"))
    assert "--split" in sentence
    assert "a column image_id" in sentence
    assert typed(workspace, path, "by-split", "--split", "test").exit_code == 0
    pd.DataFrame({"image_id": list(RIGHT), "pred": list(RIGHT.values())}).to_csv(path, index=False)
    assert typed(workspace, path, "by-name").exit_code == 0
    assert predicted(workspace, "by-split") == predicted(workspace, "by-name") == RIGHT


def test_both_columns_that_are_named_can_be_chosen(workspace, tmp_path):
    path, wrong = tmp_path / "p.csv", ["dog", "dog", "dog"]
    pd.DataFrame({"image_id": list(RIGHT), "my pred": list(RIGHT.values()), "other pred": wrong}).to_csv(
        path, index=False
    )
    named = shlex.split(refused(typed(workspace, path, "m")).split("say which with ")[1].rstrip("."))
    found = {}
    for k, (option, column) in enumerate(zip(named[::3], named[1::3], strict=True)):
        assert typed(workspace, path, f"m{k}", option, column).exit_code == 0
        found[column] = predicted(workspace, f"m{k}")
    assert found == {"my pred": RIGHT, "other pred": dict.fromkeys(RIGHT, "dog")}


def test_label_columns_that_differ_can_be_chosen():
    raw = b"image_id,label,new_label\na0,cat,dog\n"
    with pytest.raises(LabelFileError, match="--label-column") as told:
        read_label_file(io.BytesIO(raw), "l.csv")
    for column, label in zip(re.findall(r"'(\w+)'", str(told.value)), ("cat", "dog"), strict=True):
        assert [one.label for one in read_label_file(io.BytesIO(raw), "l.csv", column).lines] == [label]


def test_every_reading_of_labels_that_is_named_can_be_chosen(tmp_path):
    space = named_workspace(tmp_path / "w", ["1", "2", "3"], ["1", "2", "3"]).space
    file = read_label_file(io.BytesIO(b"image_id,label\na0,1\na1,2\n"), "l.csv")
    with pytest.raises(LabelFileError, match="say which") as told:
        read_values(file, space, None, None)
    readings = re.findall(r"--label-values ([\w-]+)", str(told.value))
    assert len(readings) > 1
    meant = [dict(read_values(file, space, None, ClassValues(one))[1]) for one in readings]
    assert len({tuple(sorted(one.items())) for one in meant}) > 1  # some differ, as the sentence says
    with pytest.raises(LabelFileError, match="say another --label-values"):
        read_values(read_label_file(io.BytesIO(b"image_id,label\na0,cat\n"), "l.csv"), space, None, ClassValues.INDICES)


def test_a_label_of_json_that_is_refused_is_read_in_quotes():
    with pytest.raises(LabelFileError, match="in quotes"):
        read_label_file(io.BytesIO(b'{"image_id": "a0", "label": 1.5}\n'), "l.jsonl")
    read = read_label_file(io.BytesIO(b'{"image_id": "a0", "label": "1.5"}\n'), "l.jsonl")
    assert [one.label for one in read.lines] == ["1.5"]
