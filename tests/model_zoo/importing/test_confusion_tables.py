"""Confusion tables out of files: the counts come back as they were, and what is no table is one sentence."""

import csv
import json
import os
import unicodedata
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from model_zoo.importing.confusion_tables import (
    MAX_CLASSES,
    MAX_COUNTED,
    MAX_LISTED,
    MAX_PIECES,
    NOTHING,
    CountColumns,
    label_texts,
    read_confusion_table,
)
from model_zoo.importing.source import MAX_COLUMNS, SourceError
from tests.real_data import real

HOSTILE = ["../../etc/passwd", "🐋", "<script>alert(1)</script>", "=1+1", "a.b|c*\\", 'say "hi", he said', "x" * 300]


def written(path, rows):
    with path.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows(rows)
    return path


def square(path, labels, counts):
    return written(path, [["", *labels], *([label, *row] for label, row in zip(labels, counts))])


def pairs(labels, counts):
    return [(true, said, counts[i][k]) for i, true in enumerate(labels) for k, said in enumerate(labels)]


def as_csv_of_pairs(path, labels, counts):
    return written(path, [["n", "true_label", "Predicted Label"], *((n, t, p) for t, p, n in pairs(labels, counts))])


def as_parquet(path, labels, counts):
    columns = {label: [row[k] for row in counts] for k, label in enumerate(labels)}
    pq.write_table(pa.table(columns | {"__index_level_0__": list(labels)}), path)
    return path


def as_records(path, labels, counts):
    said = [{"actual": [t], "observed": [p], "count": n} for t, p, n in pairs(labels, counts)]
    path.write_text(json.dumps({"data": {"values": said}}), encoding="utf-8")
    return path


def as_vega(path, labels, counts):
    said = [{"annotation_text": p, "reference_text": t, "occurrence": n} for t, p, n in pairs(labels, counts)]
    path.write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
    return path


WAYS = {"csv": square, "long.csv": as_csv_of_pairs, "parquet": as_parquet, "json": as_records, "vega.json": as_vega}

names = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters=":[]"), min_size=1)


@st.composite
def tables(draw):
    labels = draw(st.lists(names, min_size=2, max_size=5, unique_by=lambda one: unicodedata.normalize("NFC", one)))
    row = st.lists(st.integers(0, 60), min_size=len(labels), max_size=len(labels))
    return labels, draw(st.lists(row, min_size=len(labels), max_size=len(labels)))


def holds_sums(counts):
    """Whether a class counts as often as all others together, in every row and column: as totals do."""
    for k in range(len(counts)) if len(counts) > 2 else ():
        others = np.delete(np.delete(counts, k, 0), k, 1)
        row, column = np.delete(counts[k], k), np.delete(counts[:, k], k)
        if (row == others.sum(0)).all() and (column == others.sum(1)).all() and counts[k, k] == others.sum():
            return True
    return False


@pytest.mark.parametrize("way", WAYS)
@given(table=tables())
@example(table=(HOSTILE, [[i * k + 1 for k in range(7)] for i in range(7)]))
def test_counts_come_back_as_they_were(way, table, tmp_path_factory):
    labels, counts = table
    assume(np.sum(counts) > 0 and not holds_sums(np.array(counts)))
    assume(not (way.endswith("csv") and "true" in map(str.casefold, labels)))
    path = WAYS[way](tmp_path_factory.mktemp("table") / f"t.{way}", labels, counts)
    with patch("model_zoo.importing.tables.check_parquet"):  # a child for each example takes minutes; others see it run
        found = read_confusion_table(path)
    assert found.labels == tuple(unicodedata.normalize("NFC", one) for one in labels)
    assert found.counts.tolist() == counts
    assert found.n_counted == np.sum(counts)


def test_a_square_table_can_be_read_the_other_way(tmp_path):
    path = square(tmp_path / "t.csv", ["a", "b"], [[5, 1], [2, 7]])
    rows, columns = read_confusion_table(path), read_confusion_table(path, columns_are_true=True)
    assert columns.counts.tolist() == rows.counts.T.tolist()
    assert "rows are taken for the true labels" in rows.told[0]
    assert "nothing in it says so" in rows.told[0]
    assert "columns are taken for the true labels" in columns.told[0]


def test_columns_can_be_named_and_a_pair_that_is_not_there_was_never_counted(tmp_path):
    path = written(tmp_path / "t.csv", [["gt", "model", "times"], ["a", "b", "3"], ["b", "b", "2.0"], ["a", "c", "0"]])
    found = read_confusion_table(path, CountColumns("gt", "model", "times"))
    assert (found.labels, found.counts.tolist()) == (("a", "b", "c"), [[0, 3, 0], [0, 2, 0], [0, 0, 0]])


def test_lists_are_labels_of_several_answers_whatever_their_order(tmp_path):
    records = [
        {"actual": ["fruit:citrus:lemon", "ripe:yes"], "observed": ["ripe:yes", "fruit:citrus:lemon"], "count": 4},
        {"actual": "[fruit:citrus:lime,ripe:no]", "observed": [], "count": 1},
    ]
    (tmp_path / "t.json").write_text(json.dumps(records))
    found = read_confusion_table(tmp_path / "t.json")
    assert found.labels == ("lemon, yes", "lime, no", NOTHING)
    assert found.counts.tolist() == [[4, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert "'lemon, yes' is 'fruit:citrus:lemon, ripe:yes'" in found.told[-1]


PATHS = ["a", "b", "a:b", "a:c", "b:c:d", "b:", "e: b"]


@given(st.lists(st.lists(st.sampled_from(PATHS), unique=True)))
def test_only_an_end_that_is_clear_stands_for_its_path(labels):
    texts = label_texts([tuple(one) for one in labels])
    called = {path: set() for one in labels for path in one}
    for one, text in zip(labels, texts):
        for path, piece in zip(one, text.split(", ")):
            assert piece in (path, path.rsplit(":", 1)[-1].strip())
            called[path].add(piece)
    assert all(len(pieces) == 1 for pieces in called.values())  # everywhere alike
    assert len(set.union(set(), *called.values())) == len(called)  # and no two paths alike


def records(count, true="a", predicted="b"):
    return [{"actual": true, "observed": predicted, "count": count}, {"actual": "b", "observed": "b", "count": 5}]


@pytest.mark.parametrize(
    ("held", "told"),
    [
        (records(-1), "no count of 0 or more"),
        (records(0.5), "no whole number"),
        (records("many"), "no count of 0 or more"),
        (records(True), "no count of 0 or more"),
        (records(None), "has no count; write 0"),
        (records([3]), "no count of 0 or more"),
        (records(MAX_COUNTED + 1), f"more than {MAX_COUNTED:,} answers"),
        (records(10**400), "a very long number"),
        (records(MAX_COUNTED), "each answer becomes a line of its own"),
        (records(1, predicted=""), "names no class"),
        (records(1, predicted=None), "a label is a text or a list of texts"),
        (records(1, predicted=[["b"]]), "a label is a text or a list of texts"),
        (records(1, predicted="\ud800"), "no Unicode text"),
        (records(1) + records(2), "twice (row 1 and row 3)"),
        (records(1, true=["b", "c"], predicted="b, c"), "in a way that both read 'b, c'"),
        (records(1, true=[], predicted="none"), "in a way that both read 'none'"),
        ([{"actual": "a", "observed": "a", "count": 5}], "has 1 classes"),
        ([{"actual": "a", "observed": "b", "count": 0}], "every count in it is 0"),
        ([{"actual": f"c{k}", "observed": "b", "count": 1} for k in range(MAX_CLASSES)], "a confusion table has 2 to"),
        ([{"actual": "a", "observed": "b"}], "no column for count is among 'actual', 'observed'"),
        ([records(1)[0] | {str(k): 0} for k in range(MAX_COLUMNS)], "1,003 different keys, at most 1,000"),
        (records(1, true=["b"] * (MAX_LISTED + 1)), "row 1: a label lists 101 answers; it can list 100"),
        ([one for k in range(11) for one in records(1, true=[f"{k}:{n}" for n in range(100)])], "list 1,101 different"),
        (records(1, true="b" + ":b" * MAX_PIECES), "is a path of 21 pieces; it can have 20"),
        ([], "is no list of counts"),
        ({"data": {"values": "https://example.org"}}, "is no list of counts"),
        ([1, 2], "is no list of counts"),
    ],
)  # fmt: skip
def test_records_that_count_nothing_are_one_sentence(held, told, tmp_path):
    (tmp_path / "t.json").write_text(json.dumps(held))
    with pytest.raises(SourceError) as raised:
        read_confusion_table(tmp_path / "t.json")
    assert told in str(raised.value)
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is no table of counts"),
        ("true,predicted,count\n", "has 0 classes"),
        (",a,b\na,1,2\nb,3\n", "line 3 has 2 cells under 3 columns"),
        (",a,b\na,1,2\nc,3,4\n", "is no table of counts"),
        (",a,a\na,1,2\na,3,4\n", "is no table of counts"),
        (",a,b\na,1,\nb,3,4\n", "row 'a', column 'b' has no count"),
        (",a,b\na,1,nan\nb,3,4\n", "no count of 0 or more"),
        (",a,b\na,0.9,0.1\nb,0.3,0.7\n", "give the counts"),
        (",a,b,All\na,5,1,6\nb,2,7,9\nAll,7,8,15\n", "'All' holds the sums"),
        ("true,predicted,count\na,b,1\na,b,2\n", "twice (row 1 and row 2)"),
        ("<!doctype html><html>\n<p>,sign in\n", "2 cells under 1 columns"),
        ("[1, 2", "is no table of counts"),
        ('{"data": [', "damaged or no JSON"),
        ('[{"count": 1' + "0" * 5000, "damaged or no JSON"),
        ("[" * 100_000, "damaged or no JSON"),
        ('[{"actual": "a", "observed": "b", "count": NaN}]', "NaN is no number"),
    ],
)  # fmt: skip
def test_files_that_are_no_table_are_one_sentence(text, told, tmp_path):
    path = tmp_path / ("t.json" if text[:2] in ("[[", "[{") else "t.csv")
    path.write_text(text)
    with pytest.raises(SourceError) as raised:
        read_confusion_table(path)
    assert told in str(raised.value)


def test_what_cannot_be_read_or_taken_both_ways_is_one_sentence(tmp_path):
    path = written(tmp_path / "t.csv", [["true", "predicted", "count"], ["a", "b", 1]])
    for how, told in (
        ({"columns_are_true": True}, "say which of its columns is the true label"),
        ({"columns": CountColumns(true="truth")}, "has no one column 'truth'"),
        ({"columns": CountColumns(true="count")}, "one column cannot be two"),
    ):
        with pytest.raises(SourceError, match=told):
            read_confusion_table(path, **how)
    for absent in (tmp_path / "none.csv", tmp_path, Path(os.devnull)):
        with pytest.raises(SourceError, match="cannot be read"):
            read_confusion_table(absent)


@pytest.mark.parametrize(
    ("name", "n_classes", "n_counted", "n_right"),
    [
        ("beverages.json", 7, 68, 61),
        ("case-study-1.csv", 15, 94_971, 76_727),
        ("case-study-3.json", 38, 47_872, 43_384),
        ("fruit.json", 22, 7_618, 2_340),
        ("materials.json", 52, 85_236, 74_971),
    ],
)
def test_published_tables_are_read_whole(name, n_classes, n_counted, n_right):
    found = read_confusion_table(real("neo_hierarchical_confusions") / name)
    assert (len(found.labels), found.n_counted, np.trace(found.counts)) == (n_classes, n_counted, n_right)
