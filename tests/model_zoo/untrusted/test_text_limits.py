"""Tables, JSON, TOML and lists of archives that would fill the memory or take minutes: refused by a count."""

import io
import json
import struct
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model_zoo.checkpoints.read import read_checkpoint
from model_zoo.core.errors import CheckpointError, LabelError, RunError, TaxonomyError, WorkspaceError
from model_zoo.core.label_space.labels import LeafSpace, Part
from model_zoo.importing import rules, tables
from model_zoo.importing.confusion_tables import read_confusion_table
from model_zoo.importing.json_tables import read_json
from model_zoo.importing.prediction_files import read_predictions
from model_zoo.importing.source import SourceError
from model_zoo.importing.tables import read_table
from model_zoo.untrusted import parquet_trial, text_limits
from model_zoo.untrusted.text_limits import CsvRows, load_json
from model_zoo.untrusted.zip_directory import n_members
from model_zoo.workspace.taxonomy_files import parse_taxonomy, read_toml

SPACE = LeafSpace((Part("animal", ("cat", "dog")),))


def written(path, raw):
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    "raw",
    [
        b"," * 3_000_000 + b"\n",  # a header of three million names
        b"path,label\n" + b"," * 3_000_000 + b"\n",
        b"path,label\n" + b'x,"\n",' * 600_000 + b"\n",  # one row over 600,000 lines
        b"path,label\ra.png,cat\r" + b"," * 3_000_000,  # ends of lines that are no \n
    ],
)
def test_a_row_of_millions_of_cells_is_refused_before_it_is_made(tmp_path, raw):
    with pytest.raises(SourceError, match=r"cells|columns|under 2"):
        read_table(written(tmp_path / "t.csv", raw))


def test_rows_are_counted_whatever_ends_them(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "MAX_ROWS", 100)
    for end in ("\n", "\r", "\r\n"):
        text = end.join(["path,label", *["a.png,cat"] * 101])
        with pytest.raises(SourceError, match="more than 100 lines; split it"):
            read_table(written(tmp_path / "t.csv", text.encode()))
    assert len(read_table(written(tmp_path / "t.csv", b"path,label\r" + b"a.png,cat\r" * 100)).rows) == 100
    monkeypatch.setattr(tables, "MAX_CELLS", 100)
    with pytest.raises(SourceError, match="at most 100 cells are read"):
        read_table(written(tmp_path / "t.csv", b"path,label\n" + b"a.png,cat\n" * 60))


def test_rows_are_those_of_the_standard_library():
    text = 'a,b\r\n\r\n"x,\n""y""",2\n,\n\n3,"4\n5"'
    rows = CsvRows(text, ",", lambda *_: None)
    found = [(row, rows.line) for row in rows]
    assert [row for row, _ in found] == [["a", "b"], [], ['x,\n"y"', "2"], ["", ""], [], ["3", "4\n5"]]
    assert [line for _, line in found] == [1, 2, 4, 5, 6, 8]


@pytest.mark.parametrize("piece", ["[],", "{},", '{"a":[]},', "[[[]]],"])
def test_json_of_millions_of_lists_is_counted_before_it_is_read(piece, monkeypatch):
    monkeypatch.setattr(json, "loads", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(ValueError, match=r"lists and objects, .* at most 5,000,000 and 50,000,000"):
        load_json("[" + piece * 5_100_000 + "0]")


def test_json_readers_count(tmp_path, monkeypatch):
    monkeypatch.setattr(text_limits, "MAX_VALUES", 1_000)
    raw = json.dumps([{"file_name": f"{k}.png", "label": "cat"} for k in range(600)]).encode()
    with pytest.raises(SourceError, match="1,199 values"):
        read_json(written(tmp_path / "t.json", raw), tmp_path)
    lines = b"\n".join(b'{"file_name": "a", "label": "b", "c": 1}' for _ in range(600))
    with pytest.raises(SourceError, match="1,200 values"):
        read_json(written(tmp_path / "t.jsonl", lines), tmp_path)
    with pytest.raises(SourceError, match="1,199 values"):
        read_confusion_table(written(tmp_path / "c.json", raw))


@pytest.mark.parametrize(
    "text",
    [
        ".".join(["a"] * 40_000) + " = 1\n",
        "[" + ".".join(["a"] * 40_000) + "]\n",
        " . ".join(['"a.b"'] * 10_000) + " = 1\n",
        ".".join(["'\"'"] * 10_000) + " = 1\n",
        ".".join(['"\\""'] * 10_000) + " = 1\n",
        'x = {y = """\n\' """, ' + ".".join(["b"] * 20_000) + " = 1, c = 'x' }\n",
    ],
)
def test_a_key_of_thousands_of_parts_is_refused_at_once(tmp_path, text):
    with pytest.raises(TaxonomyError, match=r"a key of 100 parts or more"):
        parse_taxonomy(text.encode()[:99_000], "the file", SPACE)
    with pytest.raises(WorkspaceError, match=r"a key of 100 parts or more"):
        read_toml(written(tmp_path / "w.toml", text.encode()))


def test_texts_with_many_dots_are_no_keys(tmp_path):
    text = f'name = "t"\ndescription = "{"One. Two words. " * 500}"\noutside = ["{"|".join(["a.b.c"] * 900)}"]\n'
    assert set(read_toml(written(tmp_path / "w.toml", text.encode()))) == {"name", "description", "outside"}
    with pytest.raises(WorkspaceError, match="at most 1,048,576"):
        read_toml(written(tmp_path / "w.toml", b"#" * 2**21))


def test_a_second_directory_in_a_zip_does_not_hide_the_first(tmp_path):
    """The end of a zip64 directory in the archive's comment, which readers of the archive itself do not look at."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for k in range(2_000):
            archive.writestr(f"{k}.npy", b"")
    honest = n_members(io.BytesIO(out.getvalue()))
    assert 2_000 / 6 < honest <= 2_000
    fake = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1, 1, 46, 0)
    raw = out.getvalue()[:-2] + struct.pack("<H", len(fake)) + fake
    assert n_members(io.BytesIO(raw)) == honest
    assert len(zipfile.ZipFile(io.BytesIO(raw)).infolist()) == 2_000
    with pytest.raises(RunError, match="more than 100 arrays"):
        read_predictions(written(tmp_path / "p.npz", raw), ("cat", "dog"))
    claimed = b"PK\3\4" + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 9, 9, 2**31, 4, 0)
    with pytest.raises(CheckpointError, match="lists 7,158,278 entries or more"):
        read_checkpoint(written(tmp_path / "w.pth", claimed))


def test_answers_of_more_images_than_a_dataset_has_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("model_zoo.importing.prediction_files.MAX_ROWS", 1_000)
    np.save(tmp_path / "p.npy", np.zeros(1_001, np.uint8))
    with pytest.raises(RunError, match="more than 1,000 images"):
        read_predictions(tmp_path / "p.npy", ("cat", "dog"))


def test_a_parquet_table_that_unpacks_without_end_is_stopped_in_a_child(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_trial, "_PASSED", set())
    monkeypatch.setenv("TAXOSCOPE_MAX_TRIAL_GB", "1")
    pq.write_table(pa.table({"path": ["a.png"], "label": ["cat"]}), tmp_path / "small.parquet")
    assert read_table(tmp_path / "small.parquet").rows == [("a.png", "cat")]
    n, length = 5, 2**27
    buffers = [
        None,
        pa.py_buffer(np.arange(0, (n + 1) * length, length, dtype=np.int32)),
        pa.py_buffer(bytes(n * length)),
    ]
    table = pa.table({"path": pa.Array.from_buffers(pa.string(), n, buffers)})
    pq.write_table(table, tmp_path / "t.parquet", compression="zstd", use_dictionary=False, write_statistics=False)
    assert (tmp_path / "t.parquet").stat().st_size < 2**21
    with pytest.raises(SourceError, match=r"needs more than 1 GB of memory or crashes"):
        read_table(tmp_path / "t.parquet")


def test_what_passed_in_a_child_is_not_tried_again(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(parquet_trial, "_PASSED", set())
    monkeypatch.setattr(parquet_trial, "try_in_child", lambda *given: ran.append(given))
    pq.write_table(pa.table({"path": ["a.png"], "label": ["cat"]}), tmp_path / "t.parquet")
    for _ in range(3):
        read_table(tmp_path / "t.parquet")
    assert len(ran) == 1


def test_parts_of_more_combinations_than_can_be_made_are_refused():
    for values, n_parts in (("0123456789", 7), ("0123456789", 900), ("ab", 60)):
        with pytest.raises(LabelError, match="combinations, at most 1,000,000; declare fewer"):
            LeafSpace(tuple(Part(f"p{k}", tuple(values)) for k in range(n_parts)))
    assert len(LeafSpace(tuple(Part(f"p{k}", tuple("0123456789")) for k in range(4))).leaves) == 10_000


def test_a_pattern_that_a_label_repeats_is_looked_up_once(monkeypatch):
    seen = []
    real = LeafSpace._expand
    monkeypatch.setattr(LeafSpace, "_expand", lambda self, *given: seen.append(given[0]) or real(self, *given))
    assert SPACE.parse("*|" * 5_000 + "cat | cat|*") == SPACE.everything
    assert seen == ["*", "cat"]


@pytest.mark.parametrize("line", ['\\"' * 4_900, "a=b -> c " + '"\\' * 4_900, 'x "' * 3_333])
def test_quotes_that_are_never_closed_are_not_looked_for_again_and_again(line, monkeypatch):
    tokens = []
    real = rules._Token
    monkeypatch.setattr(rules, "_Token", lambda *given, **more: tokens.append(given) or real(*given, **more))
    with pytest.raises(SourceError, match="Rules, line 1"):
        rules.parse_rules(line)
    assert len(tokens) < 10_000
    assert sum(given == ('"',) for given in tokens) <= 1
