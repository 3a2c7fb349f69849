"""Manifests: written and read back, whatever the cells hold; refused with the line that is wrong."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_zoo.core.errors import WorkspaceError
from model_zoo.core.label_space.labels import LeafSpace, Part
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.manifest import (
    DataSet,
    ImageRecord,
    patients_in_two_splits,
    read_manifest,
    write_manifest,
    write_whole,
)

SPACE = LeafSpace((Part("kind", ("cat", "car")), Part("size", ("small", "large"))), lone=("logo",))
HEADER = "image_id,path,split,patient_id,label\n"

cells = st.text(st.characters(exclude_categories=("Cs",)) | st.sampled_from(",\"'\n\r;= \t"), max_size=8)
names = cells.filter(lambda text: text.strip() and "\0" not in text)
paths = st.lists(st.text(st.characters(categories=("L", "N")), min_size=1, max_size=5), min_size=1, max_size=3)


@st.composite
def manifests(draw):
    columns = draw(st.lists(cells.map(lambda name: "x" + name), max_size=2, unique=True))
    ids = draw(st.lists(names, max_size=6, unique=True))
    return tuple(
        ImageRecord(
            image_id,
            "/".join(draw(paths)),
            draw(st.sampled_from(Split)),
            draw(cells),
            frozenset(draw(st.sets(st.sampled_from(SPACE.leaves), min_size=1))),
            {name: draw(cells) for name in columns},
        )
        for image_id in ids
    )


@given(images=manifests())
def test_what_is_written_is_read_back(tmp_path_factory, images):
    path = tmp_path_factory.getbasetemp() / "manifest.csv"
    write_manifest(path, images, SPACE)
    assert read_manifest(path, SPACE) == images


def read(tmp_path, text):
    path = tmp_path / "manifest.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_manifest(path, SPACE)


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path):
    (image,) = read(tmp_path, b"\xef\xbb\xbf" + HEADER.replace("\n", "\r\n").encode() + b"i,a.png,test,p,cat.*\r\n")
    assert (image.image_id, image.patient_id, image.label) == ("i", "p", {"cat.small", "cat.large"})
    assert image.columns == {}


def test_quotes_commas_newlines_and_further_columns(tmp_path):
    text = 'note,image_id,path,split,patient_id,label\n"a ""b"", c\nd","i,1",x/a.png,train,,*.small\n\n'
    (image,) = read(tmp_path, text)
    assert image.columns == {"note": 'a "b", c\nd'}
    assert image.image_id == "i,1"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "lacks column 'image_id'"),
        ("image_id,path,split,label\n", "lacks column 'patient_id'"),
        (HEADER.replace("label", "label,note,note"), "names a column twice"),
        (HEADER + "i,a.png,test,p,logo\nj,b.png,test,p,cat.huge\n", "line 3: No value 'huge' in part 'size'"),
        (HEADER + "i,a.png,test,p,lgo\n", "line 2: Cannot read label 'lgo'.*Did you mean 'logo'"),
        (HEADER + "i,a.png,tset,p,logo\n", "line 2: no split 'tset'; it can be train, validation, test, none"),
        (HEADER + "i,a.png,test,p\n", "line 2: expected 5 fields"),
        (HEADER + "i,a.png,test,p,logo,more\n", "line 2: expected 5 fields"),
        (HEADER + ",a.png,test,p,logo\n", "line 2: image_id and path must not be empty"),
        (HEADER + "i,,test,p,logo\n", "line 2: image_id and path must not be empty"),
        (HEADER + "i,../a.png,test,p,logo\n", r"'\.\./a\.png' leaves the workspace"),
        (HEADER + "i,x/../../a.png,test,p,logo\n", "leaves the workspace"),
        (HEADER + "i,/etc/passwd,test,p,logo\n", "leaves the workspace"),
        (HEADER + f"i,a.png,test,{'p' * 200_000},logo\n", "line 2: field larger than field limit"),
        (b"\xff\xfe\x00", "must be a UTF-8 CSV file"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, text, sentence):
    with pytest.raises(WorkspaceError, match=sentence) as caught:
        read(tmp_path, text)
    assert "manifest.csv" in str(caught.value)


def test_a_manifest_that_is_not_there(tmp_path):
    with pytest.raises(WorkspaceError, match="Cannot read the manifest"):
        read_manifest(tmp_path / "none.csv", SPACE)


def record(image_id, split=Split.TEST, patient="p", label="logo"):
    return ImageRecord(image_id, f"{image_id}.png", split, patient, SPACE.parse(label))


def test_an_id_stands_once():
    with pytest.raises(WorkspaceError, match="names image 'j' twice"):
        DataSet(SPACE, (record("i"), record("j"), record("j")))


def test_the_hash_is_over_ids_labels_and_patients_of_one_split_and_nothing_else():
    images = (record("i"), record("j", Split.TRAIN), record("k", label="cat.small"))
    first = DataSet(SPACE, images).hash(Split.TEST, 1)
    kept = record("kept-1", Split.NONE, patient="")
    assert DataSet(SPACE, (kept, *reversed(images))).hash(Split.TEST, 1) == first  # a kept upload changes none
    for changed in (record("i", patient="q"), record("i", label="cat.*"), record("z"), record("i", Split.TRAIN)):
        assert DataSet(SPACE, (changed, *images[1:])).hash(Split.TEST, 1) != first
    assert DataSet(SPACE, images).hash(Split.TEST, 2) != first


def test_patients_in_two_splits_are_found_and_kept_or_nameless_images_are_none():
    images = [record("i"), record("j", Split.TRAIN), record("k", Split.NONE), record("l", Split.TRAIN, "")]
    images += [record("m", Split.VALIDATION, ""), record("n", Split.TEST, "q"), record("o", Split.NONE, "q")]
    assert patients_in_two_splits(images) == {"p": (Split.TEST, Split.TRAIN)}


def test_a_failed_write_leaves_the_old_manifest_and_no_rubbish(tmp_path):
    path = tmp_path / "manifest.csv"
    write_manifest(path, [record("i")], SPACE)
    before = path.read_bytes()
    with pytest.raises(UnicodeEncodeError):
        write_manifest(path, [record("\ud800")], SPACE)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["manifest.csv"]


def test_many_threads_writing_one_file_never_show_half_of_it(tmp_path):
    path = tmp_path / "a.bin"
    contents = [bytes([k]) * 200_000 for k in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda raw: write_whole(path, raw), contents))
    assert path.read_bytes() in contents
    assert [file.name for file in tmp_path.iterdir()] == ["a.bin"]
