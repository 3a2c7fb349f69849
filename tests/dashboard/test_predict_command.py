"""`taxoscope predict RUN --cross-fit N` as it is typed: to its end, stopped by Ctrl-C, and refused in one sentence."""

import json
import signal
import subprocess
import time

import pyarrow.parquet as pq
import pytest
from command import TAXOSCOPE, environment, run
from drawn_workspace import TINY, make, shapes

from model_zoo.training import read_pixels, train


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    made = make(tmp_path_factory.mktemp("predict") / "w")
    train(made, shapes(made), TINY, 0, read_pixels(made, TINY.preprocessing, lambda done, total: None), "shapes-s0")
    return made


def predict(workspace, *arguments, cwd):
    return run("predict", *arguments, "--workspace", str(workspace.writable), cwd=cwd)


def test_stopped_by_ctrl_c_it_keeps_whole_folds_and_goes_on_from_there(workspace, tmp_path):
    card = workspace.writable / "runs" / "shapes-s0" / "card.json"
    written = card.read_text()
    card.write_text(json.dumps(json.loads(written) | {"recipe": json.loads(written)["recipe"] | {"epochs": 300}}))
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
    done = predict(workspace, "shapes-s0", "--cross-fit", "3", cwd=tmp_path)
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
        (["shapes-s0"], 2, "Missing option '--cross-fit'"),
    ],
)
def test_what_cannot_be_is_said(workspace, tmp_path, arguments, code, sentence):
    done = predict(workspace, *arguments, cwd=tmp_path)
    assert done.returncode == code
    assert sentence in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
