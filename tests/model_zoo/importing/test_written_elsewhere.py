"""Text, names and paths as other machines write them: encodings, Unicode forms, endings, cells of labels."""

import io
import unicodedata
import zipfile

import pytest

from dashboard.labels.label_files import read_label_file
from model_zoo.core.label_space.splits import Split
from model_zoo.importing.archives import unpack
from model_zoo.importing.files import find_file
from model_zoo.importing.label_cells import parse_class_names
from model_zoo.importing.labels import declare_labels, label_of
from model_zoo.importing.reading import read_source
from model_zoo.importing.source import LabelCells, Row, SourceError, Wording, parse_split_names
from model_zoo.importing.tables import read_table
from model_zoo.importing.text_encoding import decode_text
from tests.foreign_images import picture

TEXT = "image,label\n가.png,정상\n나.png,환자\n"


def row(file):
    return Row("row 1", file, file, ("cat",))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949", "euc-kr"])
def test_korean_text_is_read_in_each_usual_encoding_and_a_sample_is_told(encoding):
    read = decode_text(TEXT.encode(encoding), "Table")
    assert read.text == TEXT
    assert "정상" in read.told[0]


@pytest.mark.parametrize(("text", "encoding"), [("a,Größe\n", "cp1252"), ("a,ひらがな漢字\n", "cp932")])
def test_other_encodings_are_taken_only_when_they_are_named(text, encoding):
    with pytest.raises(SourceError, match=r"is no UTF-8.*--encoding cp1252"):
        decode_text(text.encode(encoding), "Table")
    assert decode_text(text.encode(encoding), "Table", encoding).text == text


@pytest.mark.parametrize(
    "raw", ["정상\n".encode() + "환자\n".encode("cp949"), b"\xff\xfe\x00\xd8", b"a\xed\xa0\x80", b"a\0b"]
)
def test_mixed_encodings_lone_surrogates_and_null_are_one_sentence(raw):
    with pytest.raises(SourceError, match=r"^Table[^\n]*\.$"):
        decode_text(raw, "Table")


def test_a_sample_of_one_long_word_is_found_at_once():
    assert decode_text(b"[" * 2_000_000 + "가".encode(), "Table").told[0].startswith("Encoding: UTF-8; it reads '[[[")


def test_a_mark_inside_the_text_is_left_out_and_told():
    read = decode_text(b"a,b\n" + "c,가\n".encode("utf-8-sig"), "Table")
    assert (read.text, len(read.told)) == ("a,b\nc,가\n", 2)


@pytest.mark.parametrize(("form", "encoding"), [("NFD", "utf-8"), ("NFC", "cp949")])
def test_names_in_a_zip_without_the_mark_of_utf_8_are_korean_again(tmp_path, form, encoding):
    raw = picture(tmp_path / "a.png").read_bytes()
    names = [unicodedata.normalize(form, f"강아지/{k}.png").encode(encoding) for k in "가나"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as out:
        for k in range(2):
            out.writestr("x" * (len(names[k]) - 1) + str(k), raw)
        out.writestr("__MACOSX/._0.png", b"x")
    data = packed.getvalue()
    for k, name in enumerate(names):
        data = data.replace(b"x" * (len(name) - 1) + str(k).encode(), name)
    (tmp_path / "z.zip").write_bytes(data)
    told = []
    found = read_source(unpack(tmp_path / "z.zip", tmp_path / "out", tell=told.append))
    assert {one.labels for one in found.rows} == {("강아지",)}
    assert "강아지" in told[0]
    assert told[1].startswith("1 resource file of macOS")


def test_folders_in_another_unicode_form_are_one_class_and_files_still_open(tmp_path):
    for k, form in enumerate(("NFC", "NFD")):
        picture(tmp_path / unicodedata.normalize(form, "강아지") / f"{k}.png", seed=k)
    source = read_source(tmp_path)
    assert {one.labels for one in source.rows} == {("강아지",)}
    assert len(find_file(source.rows, tmp_path)[0]) == 2


def test_paths_of_another_machine_are_found_by_their_ends_and_told(tmp_path):
    picture(tmp_path / "cat" / "a.JPG")
    picture(tmp_path / "dog" / "a.jpg")
    found, left_out, told = find_file([row("C:\\Users\\kim\\data\\cat\\a.jpg"), row("/home/x/dog/A.jpg")], tmp_path)
    assert ([one.inside for one in found], left_out) == (["cat/a.JPG", "dog/a.jpg"], [])
    assert told[0].startswith("2 image files are found by the end of the path")


def test_an_end_that_several_files_have_is_refused_with_two_of_them(tmp_path):
    for name in ("cat/a.png", "dog/a.png"):
        picture(tmp_path / name)
    found, left_out, _ = find_file([row("/home/x/a.png"), row("bird/a.png")], tmp_path)
    assert found == []
    assert all("'cat/a.png' and 'dog/a.png'" in one for one in left_out)
    assert find_file([row("cat/a.png")], tmp_path)[0]  # as the sentence says


def test_no_file_is_found_in_the_folder_of_another_class(tmp_path):
    picture(tmp_path / "dog" / "1.png")
    assert find_file([row("cat/1.png")], tmp_path)[0] == []


def source_of(tmp_path, text, **wording):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    return read_source(tmp_path / "t.csv", wording=Wording(**wording))


@pytest.mark.parametrize(
    ("text", "option", "wording", "labels"),
    [
        ("image,label\na,1\nb,1.0\n", "--label-cells numbers", {"cells": LabelCells.NUMBERS}, ["1", "1"]),
        ("image,label\na,1\nb,1.0\n", "as-written", {"cells": LabelCells.AS_WRITTEN}, ["1", "1.0"]),
        ("image,label\na,cat\nb,nan\n", "--missing nan", {"missing": ("nan",)}, ["cat", ""]),
        ("image,label\na,cat\nb,cat|dog\n", "--separator '|'", {"separator": "|"}, ["cat", "cat"]),
        ("image,cat,dog\na,1.0,0.0\nb,0.0,1.0\n", "--one-hot", {"one_hot": True}, ["cat", "dog"]),
        ("image,label\na,cat\na,dog\n", "--opinions", {"opinions": True}, ["cat"]),
        ("image,label,split\na,cat,trn\n", "--map-split", {"splits": parse_split_names("trn=train")}, ["cat"]),
    ],
)
def test_what_can_be_meant_in_several_ways_is_asked_and_each_answer_works(tmp_path, text, option, wording, labels):
    with pytest.raises(SourceError) as asked:
        source_of(tmp_path, text)
    assert option in str(asked.value)
    assert [one.labels[0] for one in source_of(tmp_path, text, **wording).rows] == labels


def test_an_image_with_one_of_several_labels_is_any_of_them(tmp_path):
    source = source_of(tmp_path, "image,label\na,cat\na,dog\nb,bird\n", opinions=True)
    space = declare_labels(source, source.rows)
    assert label_of(source.rows[0], source, space) == {"cat", "dog"}


def test_the_same_label_twice_counts_once_and_is_told(tmp_path):
    source = source_of(tmp_path, "image,label\na,cat\na,cat\n")
    assert len(source.rows) == 1
    assert "1 image is listed several times with the same label, such as 'a'" in source.told[-1]


def test_names_of_splits_and_of_numbers(tmp_path):
    text = "image,label,split\na,0,trn\nb,1.0,tst\n"
    names, splits = parse_class_names("0 Cat\n1 Big dog\n"), parse_split_names("trn=train,tst=test")
    rows = source_of(tmp_path, text, class_names=names, splits=splits).rows
    assert [(one.labels[0], one.split) for one in rows] == [("Cat", Split.TRAIN), ("Big dog", Split.TEST)]
    with pytest.raises(SourceError, match="from 0 or from 1; write the number before each name: '0 cat' or '1 cat'"):
        source_of(tmp_path, "image,label\na,1\n", class_names=parse_class_names("cat\ndog\n"))


def test_how_sure_a_label_is_is_no_other_label():
    raw = io.BytesIO(b"image,label,label_confidence\na,cat,0.5\n")
    assert read_label_file(raw, "l.csv").column == "label"


def test_korean_columns_are_found_in_either_form(tmp_path):
    (tmp_path / "t.csv").write_text(unicodedata.normalize("NFD", "파일,이름\na,b\n"))
    assert unicodedata.normalize("NFC", read_table(tmp_path / "t.csv").column("이름")) == "이름"
