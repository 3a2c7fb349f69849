"""Image folders as ImageFolder reads them; and what is no image, no class, or leads elsewhere."""

import os

import pytest
from torchvision.datasets import ImageFolder

from model_zoo.core.label_space.splits import Split
from model_zoo.importing.folders import image_folders
from model_zoo.importing.reading import read_source
from model_zoo.importing.source import SourceError
from tests.foreign_images import by_class, picture


def test_the_same_images_and_classes_as_torchvision_finds(tmp_path):
    root = by_class(tmp_path / "pets", 3, ("dog", "Cat", "a b"))
    picture(root / "dog" / "deeper" / "still" / "x.jpg")
    (root / "dog" / "notes.txt").write_text("x")
    oracle = ImageFolder(str(root))
    known = {os.path.relpath(path, root): oracle.classes[index] for path, index in oracle.samples}
    read = image_folders(root)
    assert {row.file: row.labels[0] for row in read.rows} == known
    assert read.levels == ("classes",)
    assert "1 other file is no image and stays where it is: '.txt' 1." in read.told  # endings are named


def test_folders_called_like_splits_are_splits(tmp_path):
    for split in ("Train", "val", "test"):
        by_class(tmp_path / split)
    read = image_folders(tmp_path)
    assert {(row.file.split("/")[0], row.split) for row in read.rows} == {
        ("Train", Split.TRAIN),
        ("val", Split.VALIDATION),
        ("test", Split.TEST),
    }
    assert {row.labels for row in read.rows} == {("cat",), ("dog",)}


def test_classes_called_train_and_test_are_classes_where_they_hold_images(tmp_path):
    by_class(tmp_path, 2, ("train", "test"))
    assert {row.labels for row in image_folders(tmp_path).rows} == {("train",), ("test",)}


def test_folders_can_be_given_a_meaning(tmp_path):
    picture(tmp_path / "Greek" / "alpha" / "p1" / "lab" / "a.png")
    (row,) = image_folders(tmp_path, ("class", "class", "patient", "label")).rows
    assert (row.labels, row.patient_id, row.columns) == (("Greek/alpha", "Greek"), "p1", {"label_given": "lab"})
    assert image_folders(tmp_path, ("class", "class")).levels == ("classes", "classes_of_first_folder")
    (row,) = image_folders(tmp_path, ("-", "class")).rows
    assert row.labels == ("alpha",)


def test_links_to_folders_are_not_followed_and_loops_end(tmp_path):
    root = by_class(tmp_path / "root")
    by_class(tmp_path / "outside")
    (root / "secret").symlink_to(tmp_path / "outside" / "cat")
    (root / "cat" / "loop").symlink_to(root)
    read = image_folders(root)
    assert len(read.rows) == 4
    assert "2 links to folders are not read." in read.told


def test_a_name_that_is_no_unicode_is_left_out_and_the_others_stay(tmp_path):
    root = by_class(tmp_path / "root")
    os.rename(os.fsencode(root / "cat" / "0.png"), os.fsencode(root / "cat") + b"/\xff\xfe.png")
    read = image_folders(root)
    assert len(read.rows) == 3
    assert len(read.left_out) == 1
    assert "no Unicode text" in read.left_out[0]
    read.left_out[0].encode()


def test_images_in_no_class_folder_are_said(tmp_path):
    by_class(tmp_path)
    picture(tmp_path / "stray.png")
    assert image_folders(tmp_path).left_out == ("'stray.png' lies in no folder for its class.",)


def test_nothing_to_find_is_one_sentence(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="holds no image that can be brought in"):
        image_folders(tmp_path / "empty")
    picture(tmp_path / "flat" / "a.png")
    with pytest.raises(SourceError, match="no folder for each class"):
        image_folders(tmp_path / "flat")
    with pytest.raises(SourceError, match="There is no folder or file"):
        read_source(tmp_path / "none")
    (tmp_path / "a.zip").write_bytes(b"PK")
    with pytest.raises(SourceError, match="is packed; unpack it"):
        read_source(tmp_path / "a.zip")


def test_a_table_beside_the_folders_is_mentioned(tmp_path):
    by_class(tmp_path)
    (tmp_path / "labels.csv").write_text("image,label\n")
    assert any("'labels.csv', which was not read" in sentence for sentence in image_folders(tmp_path).told)
