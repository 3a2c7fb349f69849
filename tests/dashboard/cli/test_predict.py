"""`taxoscope predict RUN --cross-fit N` as it is typed: to its end, stopped by Ctrl-C, and refused in one sentence."""

import json
import os
import shutil
import signal
import subprocess
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model_zoo.core.label_space.splits import Split
from model_zoo.training.train import read_pixels, train
from model_zoo.workspace.run import read_run
from tests.command import TAXOSCOPE, environment, run, run_here
from tests.drawn_workspace import TINY, make, shapes


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    made = make(tmp_path_factory.mktemp("predict") / "w")
    train(made, shapes(made), TINY, 0, read_pixels(made, TINY.preprocessing, lambda done, total: None), "shapes-s0")
    return made


def predict(workspace, *arguments, cwd, typed=run_here):
    return typed("predict", *arguments, "--workspace", str(workspace.writable), cwd=cwd)


def test_stopped_by_ctrl_c_it_keeps_whole_folds_and_goes_on_from_there(workspace, tmp_path):
    card = workspace.writable / "runs" / "shapes-s0" / "card.json"
    written = card.read_text()
    card.write_text(json.dumps(json.loads(written) | {"recipe": json.loads(written)["recipe"] | {"epochs": 60}}))
    folder = workspace.writable / "out_of_fold"
    command = [*TAXOSCOPE, "predict", "shapes-s0", "--cross-fit", "3", "--workspace", str(workspace.writable)]
    with subprocess.Popen(command, env=environment(), cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not list(folder.glob(".*/0.npy")):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[0]
    card.write_text(written)
    assert process.returncode == 130, said
    assert "Stopped; whole folds are kept, and the same command goes on from there." in said
    kept = [path.name for path in folder.rglob("*") if path.is_file()]
    assert kept in (["0.npy"], ["0.npy", "1.npy"])
    assert "Traceback" not in said


def test_it_writes_them_once_and_says_where(workspace, tmp_path):
    done = predict(workspace, "shapes-s0", "--cross-fit", "3", cwd=tmp_path, typed=run)
    assert done.returncode == 0, done.stdout + done.stderr
    path = workspace.writable / "out_of_fold" / "shapes-s0.parquet"
    assert f"shapes-s0: 41 training images judged out of fold, {path}" in done.stdout
    assert pq.read_table(path).column_names == ["image_id", "fold", "p:disc", "p:bar", "p:blank"]
    before = path.read_bytes()
    again = predict(workspace, "shapes-s0", "--cross-fit", "4", cwd=tmp_path)
    assert (again.returncode, path.read_bytes()) == (1, before)
    assert "'shapes-s0' has out-of-fold predictions already" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["shapes-s1", "--cross-fit", "5"], 1, "There is no run 'shapes-s1' here; it has shapes-s0."),
        (["shapes-s0", "--cross-fit", "1"], 2, "Invalid value for '--cross-fit'"),
        (["shapes-s0"], 1, "Give what to predict: a workspace or a folder of images, or --cross-fit 5."),
        (["shapes-s0", "nowhere"], 1, "There is no folder nowhere"),
        (["shapes-s0", ".", "--out", "x.txt"], 1, "give a file ending in .parquet or .csv"),
        (["shapes-s0", "."], 1, "holds no image"),
    ],
)
def test_what_cannot_be_is_said(workspace, tmp_path, arguments, code, sentence):
    done = predict(workspace, *arguments, cwd=tmp_path)
    assert done.returncode == code
    assert sentence in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_whole_data_set_is_answered_as_the_run_answered_its_splits(workspace, tmp_path):
    done = predict(workspace, "shapes-s0", str(workspace.writable), "--out", "all.parquet", cwd=tmp_path, typed=run)
    assert done.returncode == 0, done.stdout + done.stderr
    table = pq.read_table(tmp_path / "all.parquet")
    run_ = read_run(workspace.writable / "runs" / "shapes-s0")
    about = json.loads(table.schema.metadata[b"taxoscope"])
    assert about == {
        "run": "shapes-s0", "card_sha256": run_.card_sha256, "weights_sha256": run_.card.weights_sha256,
    }  # fmt: skip
    rows = {row["image_id"]: row for row in table.to_pylist()}
    assert len(rows) == 65
    stored = run_.predictions(Split.TEST)
    for image_id, said, k in zip(stored.image_ids, stored.probabilities, stored.predicted):
        assert np.allclose([rows[image_id][f"p:{name}"] for name in stored.classes], said, atol=1e-5)
        assert rows[image_id]["predicted"] == stored.classes[k]
    assert "is there already, and nothing is written over" in (
        predict(workspace, "shapes-s0", str(workspace.writable), "--out", "all.parquet", cwd=tmp_path).stdout
    )


def test_killed_it_goes_on_and_asks_nothing_twice_and_a_bad_image_stops_no_other(workspace, tmp_path):
    images, raw = tmp_path / "images", (workspace.writable / "test-0.png").read_bytes()
    (images / "=deep").mkdir(parents=True)
    for k in range(64 * 12 - 2):
        (images / "=deep" / f"{k:04d}.png").write_bytes(raw)
    (images / "broken.png").write_bytes(raw[: len(raw) // 2])
    (images / "page.jpg").write_text("<html>")
    command = [*TAXOSCOPE, "predict", "shapes-s0", "images", "--out", "said.csv", "--workspace"]
    command += [str(workspace.writable)]
    kept = tmp_path / ".said.csv.partial"
    with subprocess.Popen(command, env=environment(), cwd=tmp_path, stdout=subprocess.PIPE) as process:
        while process.poll() is None and len(list(kept.glob("0*.parquet"))) < 2:
            time.sleep(0.005)
        process.kill()
    done = sorted(kept.glob("0*.parquet"))
    assert not (tmp_path / "said.csv").exists()
    assert 2 <= len(done) < 12
    first = pq.read_table(done[0])
    at = first.column_names.index("predicted")
    marked = first.set_column(at, "predicted", pa.array(["kept"] * len(first)))  # to be known again
    pq.write_table(marked.replace_schema_metadata(first.schema.metadata), done[0])
    again = run_here(*command[1:], cwd=tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"Going on: {len(done)} batches of 64 images are done already." in again.stdout
    assert "768 images asked, said.csv; 2 images could not be read" in " ".join(again.stdout.split())
    lines = (tmp_path / "said.csv").read_text().splitlines()
    assert len(lines) == 769
    assert sum(",kept," in line for line in lines) == 64
    assert sum(line.startswith("'=deep/") for line in lines) == 766
    assert not kept.exists()


def test_other_images_or_another_run_are_not_mixed_with_what_was_begun(workspace, tmp_path):
    images, raw = tmp_path / "images", (workspace.writable / "test-0.png").read_bytes()
    images.mkdir()
    (images / "a.png").write_bytes(raw)
    kept = tmp_path / ".said.csv.partial"
    kept.mkdir()
    (kept / "plan.json").write_text("{}")
    (kept / "0000000.parquet").write_bytes(b"of something else")
    done = predict(workspace, "shapes-s0", "images", "--out", "said.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "it is done anew" in " ".join(done.stdout.split())
    assert len((tmp_path / "said.csv").read_text().splitlines()) == 2


def test_links_to_nowhere_pipes_folders_and_odd_names_stop_no_other_image(workspace, tmp_path):
    images, raw = tmp_path / "images", (workspace.writable / "test-0.png").read_bytes()
    images.mkdir()
    (images / "a.png").write_bytes(raw)
    (images / "dangling.png").symlink_to(tmp_path / "nowhere.png")
    (images / "circle.png").symlink_to("circle.png")
    os.mkfifo(images / "pipe.png")
    (images / os.fsdecode(b"\xff.png")).write_bytes(raw)
    (images / os.fsdecode(b"bad\xff.png")).write_bytes(b"no image")
    done = predict(workspace, "shapes-s0", "images", "--out", "said.parquet", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 images asked, said.parquet; 4 images could not be read" in " ".join(done.stdout.split())
    rows = {row["image_id"]: row for row in pq.read_table(tmp_path / "said.parquet").to_pylist()}
    bad = {"dangling.png", "circle.png", "pipe.png", "bad\\xff.png"}
    assert {name for name, row in rows.items() if row["problem"]} == bad
    assert rows["bad\\xff.png"]["problem"].startswith("bad\\xff.png is not an image")
    assert rows["a.png"]["predicted"] == rows["\\xff.png"]["predicted"] is not None


def test_counts_alone_are_refused(workspace, tmp_path):
    (tmp_path / "t.csv").write_text(",disc,bar\ndisc,2,1\nbar,0,3\n")
    assert run_here("import-confusion", "t.csv", "counts", cwd=tmp_path).returncode == 0
    done = predict(workspace, "shapes-s0", "counts", "--out", "said.csv", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert " ".join(done.stdout.split()).startswith("counts holds the counts of a confusion table and no image")


@pytest.mark.parametrize(("changed", "told"), [("pixels", "it is done anew"), ("labels", "Going on")])
def test_batches_of_a_workspace_are_used_unless_its_images_changed(workspace, tmp_path, changed, told):
    other = tmp_path / "other"
    shutil.copytree(workspace.writable, other)
    (header, *lines) = (other / "manifest.csv").read_text().splitlines()
    many = [line.replace(",", f"-{k},", 1) for k in range(12) for line in lines]
    (other / "manifest.csv").write_text("\n".join([header, *many]) + "\n")
    command = ["predict", "shapes-s0", "other", "--out", "said.csv", "--workspace", str(workspace.writable)]
    kept = tmp_path / ".said.csv.partial"
    with subprocess.Popen([*TAXOSCOPE, *command], env=environment(), cwd=tmp_path, stdout=subprocess.PIPE) as process:
        while process.poll() is None and not list(kept.glob("0*.parquet")):
            time.sleep(0.005)
        process.kill()
    assert list(kept.glob("0*.parquet"))
    plan = (kept / "plan.json").read_bytes()
    if changed == "pixels":
        shutil.copy(other / "train-0.png", other / "test-0.png")
    else:
        manifest = other / "manifest.csv"
        manifest.write_text(manifest.read_text().replace("disc.bright", "bar.bright", 1))
    again = run_here(*command, cwd=tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert told in " ".join(again.stdout.split())
    assert b"weights_sha256" in plan
