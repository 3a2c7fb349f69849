"""Tables of images and of counts: names and indices, true and predicted, old and new labels are never mixed up."""

import json

import pandas as pd
import pytest

from model_zoo.importing.confusion_tables import CountColumns, read_confusion_table
from model_zoo.importing.json_tables import read_json
from model_zoo.importing.source import SourceError
from model_zoo.importing.tables import Columns, read_table, table_source


def counted(tmp_path, table, **more):
    path = tmp_path / "t.csv"
    pd.DataFrame(table).to_csv(path, index=False)
    return read_confusion_table(path, **more)


@pytest.mark.parametrize(
    ("true", "predicted", "told"),
    [
        (["cat", "dog"], [0, 1], "one side has names ('cat') and the other numbers ('0')"),
        ([1, 2, 3], [0, 1, 2], "true labels run from 1 to 3 and predictions from 0 to 2"),
        ([0, 1], [1, 2], "true labels run from 0 to 1 and predictions from 1 to 2"),
    ],
)
def test_pairs_are_written_in_one_way(tmp_path, true, predicted, told):
    with pytest.raises(SourceError, match="both") as refused:
        counted(tmp_path, {"true": true, "predicted": predicted, "count": [5] * len(true)})
    assert told in str(refused.value)


def test_the_remedies_for_pairs_work(tmp_path):
    same = counted(tmp_path, {"true": [0, 1, 2], "predicted": [0, 1, 2], "count": [5, 6, 7]})
    assert same.counts.trace() == 18
    zeros = counted(tmp_path, {"true": [1, 2, 3, 0], "predicted": [0, 1, 2, 3], "count": [5, 6, 7, 0]})
    assert (zeros.n_counted, zeros.counts.trace()) == (18, 0)


def test_two_columns_of_predictions_are_asked_about(tmp_path):
    columns = {"true": ["a", "b"], "predicted": ["a", "b"], "answer": ["b", "a"], "count": [3, 4]}
    with pytest.raises(SourceError, match=r"'predicted' and 'answer' can both be meant.*--predicted"):
        counted(tmp_path, columns)
    assert counted(tmp_path, columns, columns=CountColumns(predicted="predicted")).counts.trace() == 7
    assert counted(tmp_path, columns, columns=CountColumns(predicted="answer")).counts.trace() == 0
    assert counted(tmp_path, columns | {"answer": ["a", "b"]}).counts.trace() == 7  # they say the same


def test_positions_are_not_taken_for_names(tmp_path):
    names = sorted(map(str, range(12)))
    table = pd.DataFrame([[9 * (i == j) for j in range(12)] for i in range(12)], columns=names)
    table.to_csv(tmp_path / "t.csv")  # pandas numbers the rows 0 to 11
    with pytest.raises(SourceError, match="positions and no names"):
        read_confusion_table(tmp_path / "t.csv")
    table.set_axis(names, axis=0).to_csv(tmp_path / "t.csv")  # as the sentence says
    assert read_confusion_table(tmp_path / "t.csv").counts.trace() == 9 * 12


def source(tmp_path, columns, wanted=None, index=False):
    path = tmp_path / "list.csv"
    pd.DataFrame(columns).to_csv(path, index=index)
    return table_source(read_table(path), tmp_path, wanted or Columns())


def test_of_two_columns_of_labels_that_differ_one_is_named(tmp_path):
    columns = {"file": ["a", "b", "c"], "label": ["x", "y", "y"], "diagnosis": ["x", "x", "y"]}
    with pytest.raises(SourceError, match=r"'label' and 'diagnosis' are both called as labels.*--label"):
        source(tmp_path, columns)
    assert [row.labels for row in source(tmp_path, columns, Columns(labels=("diagnosis",))).rows] == [
        ("x",), ("x",), ("y",),
    ]  # fmt: skip


def test_names_are_read_beside_their_indices_and_the_finer_of_two_levels(tmp_path):
    columns = {"file": ["a", "b", "c"], "label": [0, 1, 1], "class_name": ["cat", "dog", "dog"]}
    assert [row.labels[0] for row in source(tmp_path, columns).rows] == ["cat", "dog", "dog"]
    columns = {"file": ["a", "b", "c"], "label": ["cat", "dog", "car"], "category": ["animal", "animal", "thing"]}
    assert [row.labels[0] for row in source(tmp_path, columns).rows] == ["cat", "dog", "car"]


def test_the_index_that_pandas_writes_is_left_out(tmp_path):
    found = source(tmp_path, {"file": ["a", "b"], "label": ["x", "y"]}, index=True)
    assert [row.file for row in found.rows] == ["a", "b"]
    assert found.told[0] == "The first column has no name and counts the rows: it is left out."


@pytest.mark.parametrize(
    ("categories", "told"),
    [
        ([{"id": 1, "name": "left"}, {"id": 2, "name": "left"}], "several categories are called 'left'"),
        ([{"id": 1, "name": "2"}, {"id": 2}], "category '2' has no name, and others have"),
    ],
)
def test_categories_are_not_merged_by_their_names(tmp_path, categories, told):
    held = {
        "images": [{"id": 7, "file_name": "a.png"}],
        "categories": categories,
        "annotations": [{"image_id": 7, "category_id": 2}],
    }
    (tmp_path / "c.json").write_text(json.dumps(held))
    with pytest.raises(SourceError, match=told):
        read_json(tmp_path / "c.json", tmp_path)
