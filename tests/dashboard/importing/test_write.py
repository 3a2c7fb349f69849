"""Images brought in: what is planned is what is written, whole or not at all."""

import shutil
from pathlib import Path

import pytest

from dashboard.importing.plan import ImportOptions, plan_import
from dashboard.importing.plan_words import plan_words
from dashboard.importing.write import write_import
from model_zoo.core.label_space.splits import Split
from model_zoo.importing.reading import read_source
from model_zoo.importing.source import SourceError
from model_zoo.importing.tables import Columns
from model_zoo.workspace.new_workspace import init
from model_zoo.workspace.workspace import Workspace
from tests.foreign_images import by_class, fetal_planes_folder, picture
from tests.real_data import real

HOSTILE = ("<script>alert(1)</script>"[:8], "🐟", "\u202eעברית", "=1+1", "a.b*c", "x..y", 'it\'s "so"', "y" * 200)


@pytest.fixture
def workspace(tmp_path):
    return Workspace.open(init(tmp_path / "ws"))


def everything_in(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
    }


def bring(workspace, source, options=None, **more):
    plan = plan_import(workspace, read_source(source, **more), options or ImportOptions())
    return plan, write_import(plan)


@pytest.mark.parametrize("copy", [False, True])
def test_folders_become_leaves_a_taxonomy_and_images_that_open(workspace, tmp_path, copy):
    by_class(tmp_path / "pets")
    plan, read = bring(workspace, tmp_path / "pets", ImportOptions(copy=copy))
    assert read.space.leaves == ("cat", "dog")
    assert list(read.taxonomies()) == ["classes"]
    assert read.opening == ("classes",)
    images = read.dataset().images
    assert images == plan.records
    for image in images:
        assert read.image_path(image).read_bytes() == (tmp_path / "pets" / image.image_id).read_bytes()
    assert (workspace.writable / "images" / "pets").is_symlink() is not copy
    shutil.rmtree(tmp_path / "pets")
    assert read.image_path(images[0]).is_file() if copy else not (workspace.writable / images[0].path).is_file()


def test_images_that_lie_in_the_workspace_stay(workspace):
    by_class(workspace.writable / "pets")
    _, read = bring(workspace, workspace.writable / "pets")
    assert read.dataset().images[0].path == "pets/cat/0.png"
    assert not (workspace.writable / "images").exists()


def test_a_folder_can_be_made_a_workspace_and_brought_into_itself(tmp_path):
    workspace = Workspace.open(init(by_class(tmp_path / "pets")))
    _, read = bring(workspace, tmp_path / "pets")
    assert [image.path for image in read.dataset().images][:1] == ["cat/0.png"]


def test_a_plan_writes_nothing(workspace, tmp_path):
    by_class(tmp_path / "pets")
    before = everything_in(workspace.writable)
    list(plan_words(plan_import(workspace, read_source(tmp_path / "pets"), ImportOptions(copy=True))))
    assert everything_in(workspace.writable) == before


def test_fetal_planes_come_with_their_taxonomies_and_keep_the_published_split(workspace, tmp_path):
    plan, read = bring(workspace, fetal_planes_folder(tmp_path / "db"))
    assert list(read.taxonomies()) == ["all_planes", "planes", "brain_planes"]
    assert {split: len(read.dataset().split(split)) for split in Split} == {
        Split.TRAIN: 4, Split.VALIDATION: 0, Split.TEST: 5, Split.NONE: 0
    }  # fmt: skip
    assert read.dataset().column_names == ("Operator", "US_Machine")
    assert all(read.image_path(image).is_file() for image in read.dataset().images)
    told = "\n".join(plan_words(plan))
    assert "train: 4 images of 2 patients" in told
    assert "taxonomies/brain_planes.toml: 4 classes, 5 leaves outside" in told
    assert "images: 9 of 9 listed" in told


def test_hostile_names_are_kept_as_they_are_and_shown_as_text(workspace, tmp_path):
    for k, name in enumerate(HOSTILE):
        picture(tmp_path / "odd" / name / f"{name[:100]}.png", seed=k)
    plan, read = bring(workspace, tmp_path / "odd", ImportOptions(copy=True))
    assert set(read.taxonomies()["classes"].names) == set(HOSTILE)
    assert {image.image_id for image in read.dataset().images} == {f"{name}/{name[:100]}.png" for name in HOSTILE}
    assert all(read.image_path(image).is_file() for image in read.dataset().images)
    assert all(line.isprintable() for line in plan_words(plan))


def test_a_second_source_is_added_in_the_labels_that_are_declared(workspace, tmp_path):
    bring(workspace, by_class(tmp_path / "pets"))
    (tmp_path / "more").mkdir()
    picture(tmp_path / "more" / "x.png", seed=77)
    (tmp_path / "more" / "t.csv").write_text("image,label\nx.png,dog\n")
    plan, read = bring(Workspace.open(workspace.writable), tmp_path / "more" / "t.csv")
    assert [read.space.format(image.label) for image in read.dataset().images] == ["cat", "cat", "dog", "dog", "dog"]
    assert plan.declaration == ""
    (tmp_path / "more" / "t.csv").write_text("image,label,id\nx.png,bird,new\n")
    with pytest.raises(SourceError, match="row 1: this workspace has no label 'bird'"):
        plan_import(Workspace.open(workspace.writable), read_source(tmp_path / "more" / "t.csv"), ImportOptions())


def test_labels_in_parts_are_read_as_the_workspace_declares_them(workspace, tmp_path):
    (workspace.writable / "workspace.toml").write_text('[parts]\nside = ["left", "right"]\nview = ["front", "top"]\n')
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png", seed=2)
    (tmp_path / "t.csv").write_text("image,label\na.png,left.top\nb.png,*.front\n")
    _, read = bring(Workspace.open(workspace.writable), tmp_path / "t.csv")
    assert [read.space.format(image.label) for image in read.dataset().images] == ["left.top", "*.front"]


def test_columns_become_parts_of_a_new_workspace(workspace, tmp_path):
    for k, name in enumerate("abc"):
        picture(tmp_path / f"{name}.png", seed=k)
    (tmp_path / "t.csv").write_text("image,side,view\na.png,left,top\nb.png,right,front\nc.png,left,\n")
    _, read = bring(workspace, tmp_path / "t.csv", wanted=Columns(parts=("side", "view")))
    assert [read.space.format(image.label) for image in read.dataset().images] == ["left.top", "right.front", "left.*"]
    assert {name: len(one.classes) for name, one in read.taxonomies().items()} == {"leaves": 4, "side": 2, "view": 2}


def test_the_same_import_twice_is_refused_and_changes_nothing(workspace, tmp_path):
    by_class(tmp_path / "pets")
    bring(workspace, tmp_path / "pets")
    before = everything_in(workspace.writable)
    with pytest.raises(SourceError, match="is in the workspace already; were these imported before"):
        bring(Workspace.open(workspace.writable), tmp_path / "pets")
    assert everything_in(workspace.writable) == before


def split_patients(tmp_path):
    for k, name in enumerate("abc"):
        picture(tmp_path / f"{name}.png", seed=k)
    path = tmp_path / "t.csv"
    path.write_text("image,label,patient,split\na.png,x,p1,train\nb.png,y,p1,train\nc.png,x,p1,test\n")
    return path


def test_a_patient_in_two_splits_is_refused_or_moved_by_name(workspace, tmp_path):
    source = split_patients(tmp_path)
    with pytest.raises(SourceError, match=r"1 patient, such as 'p1', has images in two splits.*--move-patients"):
        plan_import(workspace, read_source(source), ImportOptions())
    plan, read = bring(workspace, source, ImportOptions(move_patients=True))
    assert {image.split for image in read.dataset().images} == {Split.TRAIN}
    assert "1 image of 1 patient moves to their patient's split." in plan.warnings


def test_a_patient_who_is_in_the_workspace_already_is_seen(workspace, tmp_path):
    bring(workspace, split_patients(tmp_path), ImportOptions(move_patients=True))
    picture(tmp_path / "d.png", seed=9)
    (tmp_path / "u.csv").write_text("image,label,patient,split\nd.png,x,p1,test\n")
    with pytest.raises(SourceError, match="has images in two splits"):
        plan_import(Workspace.open(workspace.writable), read_source(tmp_path / "u.csv"), ImportOptions())


def test_equal_files_across_splits_and_classes_are_said(workspace, tmp_path):
    for split, name in (("train", "cat"), ("train", "dog"), ("test", "cat")):
        picture(tmp_path / "pets" / split / name / "same.png", seed=1)
        picture(tmp_path / "pets" / split / name / "own.png", seed=hash((split, name)) % 1000 + 10)
    plan = plan_import(workspace, read_source(tmp_path / "pets"), ImportOptions())
    told = "\n".join(plan.warnings)
    assert "3 images are 1 when equal files count once" in told
    assert "1 of these is in several splits" in told
    assert "in test and train; keep one of each." in told
    assert "1 of these is in several classes" in told
    unread = plan_import(workspace, read_source(tmp_path / "pets"), ImportOptions(check=False))
    assert "equal files" not in "\n".join(unread.warnings)
    assert any("no image was opened" in line for line in plan_words(unread))


def test_equal_files_that_came_in_before_are_seen(workspace, tmp_path):
    for split, name, file in (("train", "cat", "a"), ("train", "dog", "b"), ("test", "dog", "c")):
        picture(tmp_path / split / split / name / f"{file}.png", seed={"a": 1, "b": 2, "c": 1}[file])
    plan, _ = bring(workspace, tmp_path / "train")
    assert plan.warnings == ()
    plan = plan_import(Workspace.open(workspace.writable), read_source(tmp_path / "test"), ImportOptions())
    assert plan.warnings == (
        "2 images are 1 when equal files count once, such as 'test/dog/c.png' and 'train/cat/a.png'.",
        "1 of these is in several splits, such as 'test/dog/c.png' in test and train; keep one of each.",
        "1 of these is in several classes, such as 'test/dog/c.png' in 'cat' and 'dog'; keep one of each.",
    )
    (workspace.writable / "images" / "train").unlink()  # what cannot be read is equal to nothing
    assert (
        plan_import(Workspace.open(workspace.writable), read_source(tmp_path / "test"), ImportOptions()).warnings == ()
    )


def test_bad_images_are_left_out_and_the_others_come_in(workspace, tmp_path):
    by_class(tmp_path / "pets")
    (tmp_path / "pets" / "cat" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "pets" / "cat" / "out.png").symlink_to(picture(tmp_path / "secret.png"))
    plan, read = bring(workspace, tmp_path / "pets", ImportOptions(copy=True))
    assert len(read.dataset().images) == 4
    assert len(plan.left_out) == 2
    assert "Left out: 2 images" in list(plan_words(plan))
    copied = sorted(path.name for path in (workspace.writable / "images").rglob("*.png"))
    assert copied == ["0.png", "0.png", "1.png", "1.png"]


def test_if_none_can_be_read_it_is_one_sentence(workspace, tmp_path):
    (tmp_path / "pets" / "cat").mkdir(parents=True)
    (tmp_path / "pets" / "cat" / "a.png").write_text("<html>")
    with pytest.raises(SourceError, match=r"None of 1 image can be brought in; the first: 'cat/a\.png'"):
        plan_import(workspace, read_source(tmp_path / "pets"), ImportOptions())


def test_two_rows_of_one_id_are_refused(workspace, tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text("image,label,split\na.png,x,train\na.png,y,test\n")
    with pytest.raises(SourceError, match=r"Id 'a.png' is in row 1 and in row 2"):
        plan_import(workspace, read_source(tmp_path / "t.csv"), ImportOptions())


@pytest.mark.parametrize("name", ["..", "a/../b", "x" * 1001])
def test_an_id_that_cannot_stand_in_an_address_is_refused(workspace, tmp_path, name):
    picture(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text(f"path,label,image_id\na.png,x,{name}\n")
    with pytest.raises(SourceError, match="cannot name an image"):
        plan_import(workspace, read_source(tmp_path / "t.csv"), ImportOptions())


@pytest.mark.parametrize("copy", [False, True])
@pytest.mark.parametrize("write", [1, 2, 3])  # declaration, taxonomy, manifest
@pytest.mark.parametrize("why", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_whatever_stops_it_leaves_nothing_behind(workspace, tmp_path, monkeypatch, write, why, copy):
    plan = plan_import(workspace, read_source(by_class(tmp_path / "pets")), ImportOptions(copy=copy))
    before, written, write_bytes = everything_in(workspace.writable), [], Path.write_bytes

    def the_disk(path, raw):
        written.append(path)
        if len(written) == write:
            raise why
        return write_bytes(path, raw)

    monkeypatch.setattr(Path, "write_bytes", the_disk)
    with pytest.raises((KeyboardInterrupt, SourceError)):
        write_import(plan)
    assert len(written) >= write
    assert everything_in(workspace.writable) == before
    assert len(write_import(plan).dataset().images) == 4  # and then it goes


def test_a_source_that_vanishes_while_copying_leaves_nothing_behind(workspace, tmp_path):
    plan = plan_import(workspace, read_source(by_class(tmp_path / "pets")), ImportOptions(copy=True))
    before = everything_in(workspace.writable)
    (tmp_path / "pets" / "dog" / "1.png").unlink()
    with pytest.raises(SourceError, match="Nothing was written"):
        write_import(plan)
    assert everything_in(workspace.writable) == before


def test_a_manifest_that_changed_meanwhile_is_not_written_over(workspace, tmp_path):
    plan = plan_import(workspace, read_source(by_class(tmp_path / "pets")), ImportOptions())
    (workspace.writable / "manifest.csv").write_text("image_id,path,split,patient_id,label\nmine,a.png,none,,*\n")
    with pytest.raises(SourceError, match="was changed while this import was planned"):
        write_import(plan)
    assert "mine" in (workspace.writable / "manifest.csv").read_text()


def test_real_fetal_heads_come_in_with_two_levels(workspace):
    source = real("hc18_200") / "labels.csv"
    _, read = bring(workspace, source, ImportOptions(shares=(70, 15, 15)), wanted=Columns(labels=("fine", "coarse")))
    assert {name: len(one.classes) for name, one in read.taxonomies().items()} == {"fine": 3, "coarse": 1}
    assert {split: len(read.dataset().split(split)) for split in Split} == {
        Split.TRAIN: 140, Split.VALIDATION: 30, Split.TEST: 30, Split.NONE: 0
    }  # fmt: skip
    assert {read.space.format(i.label) for i in read.dataset().images} == {"head_t1", "head_t2", "head_t3"}
