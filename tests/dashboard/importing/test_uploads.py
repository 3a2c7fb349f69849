"""What a page takes in: nothing outside the workspace's folder `incoming`, nothing left of what was uploaded."""

import gc
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dashboard.importing.images import label_counts
from dashboard.importing.temporary_files import temporary_folder
from dashboard.importing.uploads import (
    ReadOptions,
    UploadedFile,
    commands_instead,
    incoming_path,
    list_incoming,
    take_incoming,
    take_upload,
    take_weights,
    why_no_images,
)
from dashboard.server_state.jobs import JobCancelledError
from model_zoo.core.errors import TaxoScopeError
from model_zoo.importing.source import SourceError
from model_zoo.importing.tables import Columns
from model_zoo.workspace.new_workspace import init
from model_zoo.workspace.workspace import Workspace
from tests.foreign_dicom import RAMP, SECRET, dicom
from tests.foreign_images import by_class, picture


def quiet(done, of):
    """Nobody watches."""


@pytest.fixture
def workspace(tmp_path):
    return Workspace.open(init(tmp_path / "ws"))


@pytest.fixture
def held(tmp_path, monkeypatch):
    """The system's folder for what lives briefly, empty."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def given(name, raw):
    return UploadedFile(name, len(raw), lambda: raw)


def packed(folder, prefix=""):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, prefix + str(path.relative_to(folder)))
    return out.getvalue()


def test_incoming_offers_what_is_in_it_and_nothing_that_leads_out(workspace, tmp_path):
    assert list_incoming(workspace) == ()
    folder = workspace.writable / "incoming"
    by_class(folder / "birds")
    (folder / "list.csv").write_text("file\n")
    (folder / ".hidden").write_text("")
    (tmp_path / "secret.csv").write_text("file\n")
    (folder / "out.csv").symlink_to(tmp_path / "secret.csv")
    (folder / "up").symlink_to(workspace.writable)
    (folder / "self").symlink_to(folder)
    (folder / "round").symlink_to(folder / "round")
    (folder / "within").symlink_to(folder / "birds")
    assert list_incoming(workspace) == ("birds", "list.csv", "within")
    assert list_incoming(workspace, (".csv",)) == ("list.csv",)
    for name in (
        "out.csv",
        "up",
        "self",
        "round",
        "..",
        ".",
        "",
        "birds/cat",
        "/etc/passwd",
        "../manifest.csv",
        "a\0b",
    ):
        with pytest.raises(SourceError, match="put it there"):
            incoming_path(workspace, name)
    assert incoming_path(workspace, "birds") == (folder / "birds").resolve()


def test_an_incoming_that_leads_out_of_the_workspace_is_empty(workspace, tmp_path):
    by_class(tmp_path / "elsewhere")
    (workspace.writable / "incoming").symlink_to(tmp_path)
    assert list_incoming(workspace) == ()
    with pytest.raises(SourceError):
        incoming_path(workspace, "elsewhere")


def test_a_folder_of_incoming_stays_where_it_is_and_an_archive_is_unpacked_elsewhere(workspace, held):
    folder = workspace.writable / "incoming"
    by_class(folder / "birds")
    (folder / "more.zip").write_bytes(packed(folder / "birds"))
    import_files = take_incoming(workspace, "birds", quiet)
    assert (import_files.stays, len(import_files.source(ReadOptions()).rows)) == (True, 4)
    import_files.close()
    assert (folder / "birds").is_dir()
    import_files = take_incoming(workspace, "more.zip", quiet)
    assert not import_files.stays
    assert len(import_files.source(ReadOptions()).rows) == 4
    import_files.close()
    assert (list(held.iterdir()), (folder / "more.zip").is_file()) == ([], True)


def test_an_uploaded_zip_is_a_folder_until_it_is_closed(held, tmp_path):
    raw = packed(by_class(tmp_path / "birds"), "all/")
    import_files = take_upload([given("../../bi<b>rds.zip", raw)], quiet)
    source = import_files.source(ReadOptions())
    assert sorted({row.labels for row in source.rows}) == [("cat",), ("dog",)]
    assert str(held) in str(source.base)
    assert str(held) not in import_files.without_server_path(f"images in {source.base}")
    assert len(import_files.previews(ReadOptions())) == 4
    assert all(one.thumbnail.startswith("data:image/jpeg;base64,") for one in import_files.previews(ReadOptions()))
    import_files.close()
    assert list(held.iterdir()) == []


def test_what_nobody_refers_to_any_more_is_removed(held, tmp_path):
    import_files = take_upload([given("a.zip", packed(by_class(tmp_path / "birds")))], quiet)
    assert len(list(held.iterdir())) == 1
    del import_files
    gc.collect()
    assert list(held.iterdir()) == []


def test_what_a_killed_server_left_is_removed_by_the_next(held, tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    own = temporary_folder(held, "taxoscope-held-")
    old = held / own.name.replace(f"-{os.getpid()}-", f"-{ended.pid}-")
    old.mkdir()
    import_files = take_upload([given("a.zip", packed(by_class(tmp_path / "birds")))], quiet)
    assert (old.exists(), own.exists()) == (False, True)
    import_files.close()


def test_a_table_beside_a_zip_lists_its_images(held, tmp_path):
    picture(tmp_path / "pics" / "a.png")
    table = given("labels.csv", b"where,what\npics/a.png,owl\n")
    import_files = take_upload([given("x.zip", packed(tmp_path, "")), table], quiet)
    assert import_files.columns("") == ("where", "what")
    source = import_files.source(ReadOptions(columns=Columns(image="where", labels=("what",))))
    assert [(row.file, row.labels) for row in source.rows] == [("pics/a.png", ("owl",))]
    assert import_files.previews(ReadOptions(columns=Columns(image="where", labels=("what",))))[0].problem == ""


def test_a_table_inside_is_offered(held, tmp_path):
    picture(tmp_path / "z" / "pics" / "a.png")
    (tmp_path / "z" / "list.csv").write_text("file,label\npics/a.png,owl\n../../../etc/passwd,owl\n")
    import_files = take_upload([given("z.zip", packed(tmp_path / "z"))], quiet)
    assert (import_files.tables, import_files.likeliest_table) == (("list.csv",), "list.csv")
    reading = ReadOptions("list.csv")
    assert import_files.columns("list.csv") == ("file", "label")
    assert [bool(one.thumbnail) for one in import_files.previews(reading)] == [True, False]
    assert "leads out of" in import_files.previews(reading)[1].problem


def test_rules_give_labels_and_how_many_images_each_comes_to(held, tmp_path):
    for k in range(4):
        picture(tmp_path / "z" / f"{k}.png", seed=k)
    lines = ["file,marker,annotation,structure", "0.png,yes,yes,bpd", "1.png,no,no,bpd", "2.png,no,no,ac", "3.png,,,"]
    (tmp_path / "z" / "list.csv").write_text("\n".join(lines) + "\n")
    import_files = take_upload([given("z.zip", packed(tmp_path / "z"))], quiet)
    text = "marker=yes and annotation=yes and structure=bpd -> bpd\nmarker=no -> none # whatever it shows\n"
    reading = ReadOptions("list.csv", rules=text)
    assert list(label_counts(import_files.source(reading))) == [("none", 2), ("bpd", 1), ("", 1)]
    assert any("1 row without a label, since no rule matches" in one for one in import_files.source(reading).told)
    assert {one.row.labels[0] for one in import_files.previews(reading)} == {"none", "bpd", ""}
    for bad, sentence in (("", "holds no rule"), ("marker=yes", "line 1: expected"), ("side=left -> a", "no column")):
        with pytest.raises(SourceError, match=sentence):
            import_files.source(ReadOptions("list.csv", rules=bad))
    with pytest.raises(SourceError, match="Labels come from rules or from columns"):
        import_files.source(ReadOptions("list.csv", Columns(labels=("structure",)), rules=text))


def test_a_table_that_was_not_offered_is_not_read(workspace, tmp_path):
    picture(tmp_path / "ws" / "incoming" / "z" / "a.png")
    outside = tmp_path / "secret.csv"
    outside.write_text("file,label\na.png,owl\n")
    (tmp_path / "ws" / "incoming" / "z" / "link.csv").symlink_to(outside)
    (tmp_path / "ws" / "incoming" / "z" / "metadata.csv").symlink_to(outside)
    import_files = take_incoming(workspace, "z", quiet)
    assert import_files.tables == ()
    with pytest.raises(SourceError, match=r"'metadata\.csv' leads out of"):
        import_files.source(ReadOptions())
    told = set()
    for name in ("/etc/group", "../../../secret.csv", "link.csv", "../../../no_such.csv"):
        for ask in (import_files.columns, lambda name: import_files.source(ReadOptions(name))):
            with pytest.raises(SourceError) as refused:
                ask(name)
            told.add(str(refused.value).replace(name, "X"))
    assert told == {"'z' holds no table 'X'; choose one of those offered."}


def links_out():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        link = tarfile.TarInfo("a.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return out.getvalue()


@pytest.mark.parametrize(
    "files",
    [
        [("a.zip", b"PK\3\4 cut off")],
        [("a.zip", b"<html>404</html>")],
        [("a.tar", links_out())],
        [("a.csv", b"file\n"), ("b.csv", b"file\n")],
        [("a.zip", b"PK\5\6" + b"\0" * 18), ("b.zip", b"")],
        [("a.zip", b"PK\5\6" + b"\0" * 18)],
    ],
    ids=["cut", "html", "link", "two tables", "two", "empty"],
)
def test_bad_uploads_are_one_sentence_and_leave_nothing(held, files):
    with pytest.raises(TaxoScopeError) as refused:
        take_upload([given(*one) for one in files], quiet)
    assert "\n" not in str(refused.value)
    assert "packed'" not in str(refused.value)  # it is called as the user called it
    gc.collect()
    assert list(held.iterdir()) == []


def test_cancelled_while_it_unpacks_it_leaves_nothing(held, tmp_path):
    def tell(done, of):
        raise JobCancelledError("Cancelled.")

    raw = packed(by_class(tmp_path / "birds"))
    with pytest.raises(JobCancelledError):
        take_upload([given("a.zip", raw)], tell)
    assert list(held.iterdir()) == []


def test_what_is_too_large_is_not_even_read(held):
    def never():
        raise AssertionError("read")

    for take in (lambda one: take_upload([one], quiet), take_weights):
        with pytest.raises(SourceError, match="more than 256 MB"):
            take(UploadedFile("a.zip", 2**30, never))
    assert list(held.iterdir()) == []


def test_the_demo_says_what_to_do_instead(tmp_path, workspace):
    demo = Workspace.demo(tmp_path / "demo")
    assert "workspace of your own" in " ".join(why_no_images(demo).split())
    assert commands_instead(demo).splitlines() == [
        "uv run taxoscope init mine",
        "uv run taxoscope import-data IMAGES --dry-run --workspace mine",
        "uv run taxoscope serve --workspace mine",
    ]
    assert why_no_images(workspace) == ""
    assert str(workspace.writable) in commands_instead(workspace)
    assert Path(workspace.writable).is_dir()


def test_dicom_is_read_as_frames_whichever_way_it_comes(workspace, held, tmp_path):
    for name in ("cat", "dog"):
        dicom(tmp_path / "scans" / name / "1.dcm", np.stack([RAMP] * 2))
    (tmp_path / "scans" / "dog" / "2.dcm").write_bytes(bytes(128) + b"DICM and no more")
    (workspace.writable / "incoming").mkdir(exist_ok=True)
    shutil.copytree(tmp_path / "scans", workspace.writable / "incoming" / "copied")
    raw = packed(tmp_path / "scans")
    (workspace.writable / "incoming" / "scans.zip").write_bytes(raw)
    ways = (
        lambda: take_upload([given("scans.zip", raw)], quiet),
        lambda: take_incoming(workspace, "scans.zip", quiet),
        lambda: take_incoming(workspace, "copied", quiet),
    )
    for way in ways:
        import_files = way()
        source = import_files.source(ReadOptions())
        assert sorted(row.labels for row in source.rows) == [("cat",), ("cat",), ("dog",), ("dog",)]
        assert source.told[0] == "DICOM: 4 frames of 2 files, written as PNG."
        assert "2.dcm" in source.left_out[0]
        assert not import_files.stays
        assert SECRET not in repr(source)
        import_files.close()
        assert list(held.iterdir()) == []


@pytest.mark.parametrize("name", ["packed", "unpacked", "frames", "table"])
def test_an_archive_may_be_called_like_what_is_held_for_it(workspace, held, tmp_path, name):
    for kind in ("cat", "dog"):
        dicom(tmp_path / "scans" / kind / "1.dcm", RAMP)
    archive = given(f"{name}.zip", packed(tmp_path / "scans"))
    (workspace.writable / "incoming").mkdir(exist_ok=True)
    (workspace.writable / "incoming" / archive.name).write_bytes(archive.read())
    table = given("labels.csv", b"file,label\ncat/1.png,cat\ndog/1.png,dog\n")
    for import_files in (
        take_upload([archive], quiet),
        take_upload([archive, table], quiet),
        take_incoming(workspace, archive.name, quiet),
    ):
        assert [row.labels for row in import_files.source(ReadOptions()).rows] == [("cat",), ("dog",)]
        assert all(one.thumbnail for one in import_files.previews(ReadOptions()))


def test_what_is_refused_is_called_as_the_user_called_it(held):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("1.dcm", bytes(128) + b"DICM and no more")
    with pytest.raises(SourceError, match=r"^No frame can be read from other; '1.dcm' holds no picture"):
        take_upload([given("other.zip", out.getvalue())], quiet)


def test_frames_of_an_upload_have_an_uploads_limit(held, tmp_path, monkeypatch):
    monkeypatch.setenv("TAXOSCOPE_MAX_UPLOAD_UNPACKED_FILES", "4")
    dicom(tmp_path / "scans" / "cat" / "1.dcm", np.stack([RAMP] * 5))
    with pytest.raises(SourceError, match=r"has 5 frames, at most 4 .* set TAXOSCOPE_MAX_UPLOAD_UNPACKED_FILES"):
        take_upload([given("scans.zip", packed(tmp_path / "scans"))], quiet)
    assert list(held.iterdir()) == []
