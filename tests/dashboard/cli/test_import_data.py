"""`taxoscope import-data` as it is typed: dry, for real, refused in one sentence."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from dashboard.cli import data
from dashboard.importing.temporary_files import temporary_folder
from model_zoo.workspace.new_workspace import init
from model_zoo.workspace.workspace import Workspace
from tests.archived import zipped
from tests.command import run, run_here
from tests.foreign_images import by_class, fetal_planes_folder, picture


def test_from_an_empty_folder_to_images_that_are_listed(tmp_path):
    by_class(tmp_path / "pets")
    run("init", "ws", cwd=tmp_path)
    dry = run_here("import-data", "pets", "--workspace", "ws", "--dry-run", cwd=tmp_path)
    assert (dry.returncode, dry.stderr) == (0, "")
    assert "images: 4 of 4 listed" in dry.stdout
    assert "taxonomies/classes.toml: 2 classes" in dry.stdout
    assert dry.stdout.splitlines()[-1] == "Nothing was written: this was a dry run."
    assert (tmp_path / "ws" / "manifest.csv").read_text().count("\n") == 1
    done = run("import-data", "pets", "--workspace", "ws", "--copy", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "Written. Next: uv run taxoscope serve --workspace ws"
    assert (tmp_path / "ws" / "manifest.csv").read_text().count("\n") == 5
    assert (tmp_path / "ws" / "images" / "pets" / "cat" / "0.png").is_file()


def test_fetal_planes_with_a_validation_split_held_out(tmp_path):
    fetal_planes_folder(tmp_path / "db")
    run_here("init", "ws", cwd=tmp_path)
    few = run_here("import-data", "db", "--workspace", "ws", "--hold-out", "10", cwd=tmp_path)
    assert few.returncode == 1
    assert "2 patients are too few to draw splits from" in few.stdout
    done = run_here("import-data", "db", "--workspace", "ws", cwd=tmp_path)
    assert "taxonomies/all_planes.toml: 9 classes" in done.stdout


def test_a_patient_in_two_splits_asks_for_the_option_that_moves_them(tmp_path):
    for k, name in enumerate("ab"):
        picture(tmp_path / f"{name}.png", seed=k)
    (tmp_path / "t.csv").write_text("file,kind,who,part\na.png,x,p,train\nb.png,y,p,test\n")
    run_here("init", "ws", cwd=tmp_path)
    typed = ("import-data", "t.csv", "--workspace", "ws", "--label", "kind", "--patient", "who", "--split", "part")
    assert "--move-patients" in run_here(*typed, cwd=tmp_path).stdout
    done = run_here(*typed, "--move-patients", cwd=tmp_path)
    assert "1 image of 1 patient moves to their patient's split." in done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("pets", "--workspace", "none"), "There is no folder none"),
        (("none", "--workspace", "ws"), "There is no folder or file none; give images to bring in."),
        (("pets", "--workspace", "pets"), "pets is no workspace: it has no workspace.toml"),
        (("pets", "--workspace", "ws", "--divide", "1/2/3"), "Cannot divide by '1/2/3'"),
        (("pets", "--workspace", "ws", "--label", "x"), "is a folder, which has no columns"),
    ],
)
def test_what_cannot_be_is_one_sentence(tmp_path, arguments, sentence):
    by_class(tmp_path / "pets")
    run_here("init", "ws", cwd=tmp_path)
    done = run_here("import-data", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert sentence in " ".join(done.stdout.split())


def test_ctrl_c_while_writing_leaves_nothing_behind(tmp_path, monkeypatch, capsys):
    folder = init(tmp_path / "ws")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    write_bytes, written = Path.write_bytes, []

    def interrupted(path, raw):
        written.append(path)
        if len(written) == 2:
            raise KeyboardInterrupt
        return write_bytes(path, raw)

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    monkeypatch.setattr(data, "console", Console(width=300))
    with pytest.raises(SystemExit) as stopped:
        data.import_data(by_class(tmp_path / "pets"), folder)
    assert stopped.value.code == 130
    assert capsys.readouterr().out.splitlines()[-1] == "Stopped; nothing was written."
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_stopped_while_it_tidies_up_it_says_that_all_was_written(tmp_path, capsys, monkeypatch):
    folder = init(tmp_path / "ws")
    packed = shutil.make_archive(str(tmp_path / "pets"), "zip", by_class(tmp_path / "pets"))

    def interrupted(path, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    monkeypatch.setattr(data, "console", Console(width=300))
    with pytest.raises(SystemExit) as stopped:
        data.import_data(Path(packed), folder)
    assert stopped.value.code == 130
    assert capsys.readouterr().out.splitlines()[-1] == "Stopped; all of it was written."
    assert Workspace.open(folder).dataset().images


def test_what_a_killed_import_unpacked_is_removed_by_the_next(tmp_path):
    run_here("init", "ws", cwd=tmp_path)
    by_class(tmp_path / "pets")
    zipped(tmp_path / "all.zip", {"pets/cat/0.png": (tmp_path / "pets" / "cat" / "0.png").read_bytes()})
    left = temporary_folder(tmp_path / "ws", ".unpacked-")
    (left / "pets").mkdir()
    typed = ("import-data", "all.zip", "--workspace", "ws", "--dry-run")
    assert (run_here(*typed, cwd=tmp_path).returncode, left.is_dir()) == (0, True)  # this process still runs
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    left.rename(gone := left.with_name(left.name.replace(f"-{os.getpid()}-", f"-{ended.pid}-")))
    assert (run_here(*typed, cwd=tmp_path).returncode, gone.exists()) == (0, False)


def test_an_archive_is_unpacked_copied_and_gone(tmp_path):
    by_class(tmp_path / "pets")
    files = {f"{path.relative_to(tmp_path)}": path.read_bytes() for path in (tmp_path / "pets").rglob("*.png")}
    zipped(tmp_path / "all.zip", files)
    run_here("init", "ws", cwd=tmp_path)
    before = sorted((tmp_path / "ws").iterdir())
    dry = run_here("import-data", "all.zip", "--workspace", "ws", "--dry-run", cwd=tmp_path)
    assert "images: 4 of 4 listed; copied to images/pets" in dry.stdout
    assert dry.stdout.splitlines()[0].endswith(", images in all.zip/pets")
    assert sorted((tmp_path / "ws").iterdir()) == before
    done = run_here("import-data", "all.zip", "--workspace", "ws", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "ws" / "images" / "pets" / "cat" / "0.png").read_bytes() == files["pets/cat/0.png"]
    assert {path.name for path in (tmp_path / "ws").iterdir()} - {path.name for path in before} == {
        "images",
        "perceptual_hashes.jsonl",
        "taxonomies",
    }
    zipped(tmp_path / "bad.zip", {"../x.png": b""})
    refused = run_here("import-data", "bad.zip", "--workspace", "ws", cwd=tmp_path)
    assert (refused.returncode, "leads out of its folder" in refused.stdout) == (1, True)
