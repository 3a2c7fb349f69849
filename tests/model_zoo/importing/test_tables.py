"""Tables that list images: columns recognised or named, and everything that is no table refused in one sentence."""

from contextlib import suppress

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_zoo.core.errors import TaxoScopeError
from model_zoo.core.label_space.splits import Split
from model_zoo.importing.fetal_planes import LEVELS
from model_zoo.importing.labels import declare_labels, taxonomies
from model_zoo.importing.reading import read_source
from model_zoo.importing.source import MAX_CELL, MAX_COLUMNS, SourceError
from model_zoo.importing.tables import MAX_CELLS, Columns, read_cells, read_table, table_source
from tests.foreign_images import by_class, fetal_planes_folder


def table(tmp_path, text, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table(path)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_columns_are_recognised_by_their_names_and_said(tmp_path, separator):
    lines = ["File_Name,Class,Patient_ID,Split,scanner", "a.png,cat,p1,Training,A", "b.png,dog,,,B"]
    read = table_source(table(tmp_path, "\n".join(lines).replace(",", separator)), tmp_path, Columns())
    first, second = read.rows
    assert (first.file, first.labels, first.patient_id, first.split) == ("a.png", ("cat",), "p1", Split.TRAIN)
    assert (second.patient_id, second.split, second.columns) == ("", Split.NONE, {"scanner": "B"})
    assert read.told == (
        "Image: column 'File_Name', by its name.",
        "Label: column 'Class', by its name.",
        "Patient: column 'Patient_ID', by its name.",
        "Split: column 'Split', by its name.",
    )


def test_columns_can_be_named_and_no_word_of_ours_is_taken_twice(tmp_path):
    read = table_source(
        table(tmp_path, "label,x,y,path,patient_id\nL,a.png,cat,P,Q\n"), tmp_path, Columns("x", ("y",), patient="path")
    )
    (row,) = read.rows
    assert (row.file, row.labels, row.patient_id) == ("a.png", ("cat",), "P")
    assert row.columns == {"label_given": "L", "patient_id_given": "Q"}


def test_parquet_says_the_same_as_csv(tmp_path):
    frame = pd.DataFrame({"image": ["a.png", "b.png"], "label": ["1", "2"], "patient": [7.0, None], "age": [1.5, 2.0]})
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.csv", index=False)
    parquet, csv = (
        [(row.file, row.labels, row.patient_id) for row in read_source(tmp_path / name, images=tmp_path).rows]
        for name in ("t.parquet", "t.csv")
    )
    assert parquet == [("a.png", ("1",), "7"), ("b.png", ("2",), "")]
    assert [row[:2] for row in csv] == [row[:2] for row in parquet]


def test_pictures_inside_a_parquet_table_are_passed_over(tmp_path):
    inside = pa.table({"file_name": ["a.png"], "image": [{"bytes": b"x", "path": "a.png"}], "raw": [b"\x00"]})
    pq.write_table(inside, tmp_path / "metadata.parquet")
    assert read_table(tmp_path / "metadata.parquet").names == ("file_name",)


def test_a_few_bytes_cannot_fill_the_memory(tmp_path):
    """One text of 5 MB, 100,000 times: a small file, and half a terabyte if it were unpacked."""
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), pa.array(["x" * 5_000_000]))
    pq.write_table(pa.table({"image": repeated}), tmp_path / "bomb.parquet")
    assert (tmp_path / "bomb.parquet").stat().st_size < 10_000_000
    with pytest.raises(SourceError, match="a cell has 5,000,000 characters"):
        read_table(tmp_path / "bomb.parquet")


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "lists no image"),
        (b"image,label\n", "lists no image"),
        (b"image,image\na,b\n", "has 'image' twice"),
        (b"image,\na,b\n", "a column without a name"),
        (b"image,label\na\n", "line 2 has 1 cells under 2 columns"),
        (b'image,label\n"a,b\n', "line 2 has 1 cells under 2 columns"),
        (b"\x89PNG\r\n\x1a\n\0\0", "is no text"),
        (b"PAR1 and then nothing", "is damaged or no table"),
        ("image,label\nä,b\n".encode("latin-1"), "is no UTF-8"),
        (b"image,label\n" + b"x" * (MAX_CELL + 1) + b",b\n", "a cell has 10,001 characters"),
        (b"one,two\na,b\n", "say which with --image"),
        (b"image,split\na.png,sometimes\n", "no split 'sometimes'"),
        (b"<html><body>Not found</body></html>\n", "lists no image"),
    ],
)
def test_what_is_no_table_is_one_sentence(tmp_path, raw, sentence):
    (tmp_path / "t.csv").write_bytes(raw)
    with pytest.raises(SourceError, match=r"Table 't\.csv'") as refused:
        read_source(tmp_path / "t.csv")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_more_columns_than_anybody_names_are_refused(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    frame = pd.DataFrame([["a.png"] * (MAX_COLUMNS + 1)], columns=[f"c{k}" for k in range(MAX_COLUMNS + 1)])
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    with pytest.raises(SourceError, match="has 1,001 columns, at most 1,000 are read"):
        read_table(path)
    assert len(read_cells(path)[0]) == 1_001  # a square table names its rows in a column more


def test_cells_that_take_no_space_in_parquet_are_counted_before_they_take_memory(tmp_path):
    nothing = pa.nulls(MAX_CELLS // 500 + 1, pa.string())
    pq.write_table(pa.table({f"c{k}": nothing for k in range(500)}), tmp_path / "t.parquet")
    assert (tmp_path / "t.parquet").stat().st_size < 1_000_000
    with pytest.raises(SourceError, match="has 100,001 rows of 500 columns, at most 50,000,000 cells are read; split"):
        read_table(tmp_path / "t.parquet")


def test_a_named_column_that_is_not_there_is_said_with_those_that_are(tmp_path):
    (tmp_path / "t.csv").write_text("image,kind\na,b\n")
    with pytest.raises(SourceError, match="has no column 'class'; it has 'image', 'kind'"):
        read_source(tmp_path / "t.csv", Columns(labels=("class",)))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_table_or_one_sentence(tmp_path_factory, raw):
    path = tmp_path_factory.getbasetemp() / "fuzzed.csv"
    path.write_bytes(raw)
    with suppress(TaxoScopeError):
        assert read_source(path).rows


def test_hugging_faces_metadata_beside_images_is_found(tmp_path):
    (tmp_path / "metadata.csv").write_text("file_name,label\na.png,cat\n")
    assert [row.labels for row in read_source(tmp_path).rows] == [("cat",)]


def test_a_table_that_links_out_of_the_folder_is_not_read(tmp_path):
    root = by_class(tmp_path / "pets")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "metadata.csv").write_text("file_name,label\na.png,secret\n")
    (root / "train").symlink_to(tmp_path / "outside")
    assert {row.labels for row in read_source(root).rows} == {("cat",), ("dog",)}
    (root / "test").mkdir()
    for link in (root / "metadata.csv", root / "test" / "metadata.csv"):
        for target in ("metadata.csv", "not_there.csv"):
            link.symlink_to(tmp_path / "outside" / target)
            with pytest.raises(SourceError, match=r"metadata\.csv' leads out of .*pets; copy the file into it"):
                read_source(root)
            link.unlink()
    (root / "own.csv").write_text("file_name,label\ncat/0.png,own\n")
    (root / "metadata.csv").symlink_to("own.csv")
    assert [row.labels for row in read_source(root).rows] == [("own",)]


def test_fetal_planes_as_published(tmp_path):
    read = read_source(fetal_planes_folder(tmp_path))
    assert (read.layout, read.levels, len(read.rows)) == ("FETAL_PLANES_DB", LEVELS, 9)
    assert [row.split for row in read.rows] == [Split.TRAIN] * 4 + [Split.TEST] * 5
    assert read.rows[0].patient_id == "1"
    assert read.rows[0].columns == {"Operator": "Op. 1", "US_Machine": "Voluson E6"}
    every, planes, brains = taxonomies(read, read.rows, declare_labels(read, read.rows))
    assert len(every.classes) == 9
    assert set(planes.classes) == {
        "Other", "Fetal abdomen", "Fetal brain", "Fetal femur", "Fetal thorax", "Maternal cervix"
    }  # fmt: skip
    assert len(planes.classes["Fetal brain"]) == 4
    assert set(brains.classes) == {"Trans-thalamic", "Trans-cerebellum", "Trans-ventricular", "Fetal brain, other"}
    assert every.refines(planes)
    assert len(brains.outside) == 5


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [("Voluson E6;1", "Voluson E6;2", "Train is '2'"), ("Trans-thalamic", "Not A Brain", "brain plane 'Not A Brain'")],
)
def test_fetal_planes_that_were_never_published_are_refused(tmp_path, old, new, sentence):
    path = fetal_planes_folder(tmp_path) / "FETAL_PLANES_DB_data.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(SourceError, match=sentence):
        read_source(tmp_path)
