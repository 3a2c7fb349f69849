"""Label files from anywhere: columns recognised, everything else refused in one sentence that says where."""

import io
import time
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard.labels.label_files import MAX_BYTES, MAX_LINES, LabelFileError, read_label_file
from tests.dashboard.labelled_animals import read, triples


@pytest.mark.parametrize(
    "text",
    [
        "image,label,reviewer\na,cat,Ann\n",
        "IMAGE,Label,Annotator\na,cat,Ann\n",
        "reviewer, label , image_id\nAnn,cat,a\n",
        "file;LABEL;who\na;cat;Ann\n",
        "path\tclass\trater\tsplit\na\tcat\tAnn\ttest\n",
        "\ufeffimage,label,reviewer\r\na,cat,Ann\r\n\r\n",
        '"image","label","reviewer"\n"a","cat","Ann"',
        '{"Image": "a", "LABEL": "cat", "Reviewer": "Ann", "other": [1]}\n\n',
        '{"images": [{"id": 7, "file_name": "a"}], "categories": [{"id": 2, "name": "cat"}], '
        '"annotations": [{"id": 1, "image_id": 7, "category_id": 2, "attributes": {"reviewer": "Ann"}}]}',
    ],
)
def test_columns_are_found_in_any_case_and_order(text: str) -> None:
    assert triples(read(text.encode())) == [("a", "cat", "Ann")]


def test_the_kind_of_a_file_is_what_it_holds_and_not_its_name() -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"Image": ["a", "b"], "Label": ["cat", "dog"], "big": [[1], [2]]}), out)
    assert triples(read(out.getvalue(), "labels.csv")) == [("a", "cat", ""), ("b", "dog", "")]
    assert read(b"image,label\na,b", "../../dir/l\nx.json").name == "l x.json"


def test_lines_are_numbered_as_an_editor_does() -> None:
    file = read(b'image,label\n"a\nb",cat\n\nc,dog\n')
    assert [line.where for line in file.lines] == ["line 3", "line 5"]


def test_folders_of_a_foreign_zip_are_labels() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in ("cat/a.png", "deep/dog/b.png", "../cat/c.png", "/dog/d.png"):
            archive.writestr(name, b"x")
    assert triples(read(out.getvalue())) == [
        ("a.png", "cat", ""), ("b.png", "dog", ""), ("c.png", "cat", ""), ("d.png", "dog", ""),
    ]  # fmt: skip


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in files.items():
            archive.writestr(name.replace("_dot_", "."), raw)
    return out.getvalue()


def parquet(**columns: list[object]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


HEAD = b"image,label,reviewer\n"


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "no column names an image; got nothing"),
        (b"\n\n", "no column names an image"),
        (HEAD, "holds no label"),
        (b"name,kind\na,cat\n", "no column names an image; got name, kind, expected one of image_id, image"),
        (b"image,kind\na,cat\n", "no column names a label; got image, kind, expected one of leaf_label, label"),
        (b"image,Image,label\na,a,cat\n", "column 'image' stands there twice"),
        (HEAD + b"a,cat\n", "line 2 has 2 cells, expected 3"),
        (HEAD + b"a,cat,Ann,x\n", "line 2 has 4 cells, expected 3"),
        (HEAD + b",cat,Ann\n", "line 2: image is empty"),
        (HEAD + b"a,,Ann\n", "line 2: label is empty"),
        (HEAD + b"a,cat,=1+1\n", "line 2: the reviewer '=1+1' is a spreadsheet formula"),
        (HEAD + b"a,cat,@SUM(A1)\n", "is a spreadsheet formula"),
        (HEAD + b'"a,cat,Ann\n', "line 2 has 1 cells"),
        (HEAD + b"a,\xff\xfe,Ann\n", "line 2, byte 24: it is no UTF-8"),
        ("image,label\na,cät\n".encode("utf-16-le"), "no text"),
        ("image,label\na,cät\n".encode("latin-1"), "no UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "no text"),
        (b"\x7fELF\0\0\0", "no text"),
        (HEAD + b"a," + b"x" * 200_000 + b",Ann\n", "field larger than field limit"),
        (HEAD + b"a," + b"x" * 20_000 + b",Ann\n", "label has 20,000 characters"),
        (b"PAR1 no parquet", "damaged"),
        (b"PK\x03\x04 no zip", "damaged"),
        (b"{", "damaged"),
        (b'{"image": "a"', "damaged"),
        (b'{"image": "a", "label": NaN}', "line 1: label is nan; expected text"),
        (b'{"image": "a", "label": 1.0}', "line 1: label is 1.0; expected text"),
        (b'{"image": "a", "label": true}', "line 1: label is True; expected text"),
        (b'{"image": "a", "label": ["cat"]}', "label is ['cat']; expected text"),
        (b'{"image": null, "label": "cat"}', "image is None"),
        (b'{"image": "a", "label": "cat"}\n[]', "line 2 is no JSON object"),
        (b'{"image": "a", "label": "cat"}\nnonsense', "line 2 is no JSON"),
        (b'{"a":' * 30_000, "damaged"),
        (b'{"annotations": 5}', "no COCO file"),
        (b'{"annotations": [{"image_id": 3}], "images": []}', "no COCO file"),
        (b'{"annotations": [{"image_id": NaN}], "images": [{"id": NaN}]}', "expected text"),
        (b'{"annotations": [{"image_id": 1}], "images": [{"id": 1, "file_name": "a"}]}', "label is None"),
        (parquet(image=["a"], label=[1.5]), "row 1: label is 1.5"),
        (parquet(image=["a"], label=[float("nan")]), "row 1: label is nan"),
        (parquet(image=["a"], label=[None]), "row 1: label is None"),
        (parquet(x=["a"]), "no column names an image"),
        (zipped(a_dot_png=b""), "'a.png' lies in no folder"),
        (zipped(labels_dot_csv=b"\0"), "no text"),
        (zipped(labels_dot_csv=b"0" * (MAX_BYTES + 1)), "has more than"),
        (zipped(), "no text"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_hostile_file_gives_one_sentence(raw: bytes, says: str) -> None:
    with pytest.raises(LabelFileError) as refused:
        read(raw, "a<b>.csv")
    assert says in str(refused.value)
    assert str(refused.value).startswith("File 'a<b>.csv'")
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 500


def test_a_million_lines_are_refused_in_seconds() -> None:
    started = time.monotonic()
    for raw in (
        HEAD + b"a,cat,Ann\n" * 1_000_000,
        b'{"image":"a","label":"cat"}\n' * 1_000_000,
        parquet(image=["a"] * 1_000_000, label=["cat"] * 1_000_000),
    ):
        with pytest.raises(LabelFileError, match=f"{MAX_LINES:,}"):
            read(raw)
    assert time.monotonic() - started < 60


def test_a_huge_file_is_not_even_read() -> None:
    class Huge(io.BytesIO):
        def seek(self, offset: int, whence: int = 0) -> int:
            super().seek(offset, whence)
            return MAX_BYTES + 1 if whence == io.SEEK_END else 0

    with pytest.raises(LabelFileError, match=r"has 67,108,865 bytes; split it"):
        read_label_file(Huge(HEAD), "huge.csv")


def test_formula_cells_elsewhere_are_text() -> None:
    (line,) = read(b"image,label\n=1+1,=cmd|' /C calc'!A0\n").lines
    assert (line.image, line.label) == ("=1+1", "=cmd|' /C calc'!A0")


def test_an_integer_label_in_json_lines_is_read_as_in_csv():
    def labels_of(raw, name):
        return [(one.image, one.label) for one in read_label_file(io.BytesIO(raw), name).lines]

    lines = b'{"image": 7, "label": 3}\n{"image": 8, "label": "3"}\n'
    wanted = [("7", "3"), ("8", "3")]
    assert labels_of(lines, "a.jsonl") == labels_of(b"image,label\n7,3\n8,3\n", "a.csv") == wanted


def test_a_table_of_a_spreadsheet_in_utf_16_is_read_and_told() -> None:
    found = read("image,label\na,cät\n".encode("utf-16"), "a.csv")
    assert found.lines[0].label == "cät"
    assert found.told[0].startswith("Encoding: UTF-16; it reads 'cät'")
