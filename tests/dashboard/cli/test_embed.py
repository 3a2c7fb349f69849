"""`taxoscope embed RUN` as it is typed: to its end, a second time, stopped by Ctrl-C, and refused in one sentence."""

import os
import signal
import subprocess

import pyarrow.parquet as pq
import pytest

from model_zoo.training.train import read_pixels, train
from tests.command import TAXOSCOPE, environment, run, run_here
from tests.drawn_workspace import TINY, make, shapes


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    made = make(tmp_path_factory.mktemp("embed") / "w")
    train(made, shapes(made), TINY, 0, read_pixels(made, TINY.preprocessing, lambda done, total: None), "shapes-s0")
    return made


def embed(workspace, *arguments, cwd, typed=run_here):
    return typed("embed", *arguments, "--workspace", str(workspace.writable), cwd=cwd)


def test_stopped_by_ctrl_c_it_leaves_nothing(workspace, tmp_path):
    """Stopped while it reads the card, which is a pipe that nobody writes to the end."""
    card = workspace.writable / "runs" / "shapes-s0" / "card.json"
    written = card.read_bytes()
    card.unlink()
    os.mkfifo(card)
    command = [*TAXOSCOPE, "embed", "shapes-s0", "--split", "test", "--workspace", str(workspace.writable)]
    process = subprocess.Popen(command, env=environment(), cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    with card.open("wb"):  # returns once the command reads
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[0]
    card.unlink()
    card.write_bytes(written)
    assert process.returncode == 130, said
    assert "Stopped. Nothing is left half-written; the same command starts anew." in said
    assert "Traceback" not in said
    assert not (workspace.writable / "embeddings").exists()


def test_it_writes_them_once_and_says_where(workspace, tmp_path):
    done = embed(workspace, "shapes-s0", cwd=tmp_path, typed=run)
    assert done.returncode == 0, done.stdout + done.stderr
    path = workspace.writable / "embeddings" / "shapes-s0" / "validation.parquet"
    assert f"shapes-s0: 12 validation images embedded, {path}" in done.stdout
    assert pq.read_table(path).column_names == ["image_id", "vector"]
    before = path.stat().st_mtime_ns
    again = embed(workspace, "shapes-s0", cwd=tmp_path)
    assert (again.returncode, path.stat().st_mtime_ns) == (0, before)
    assert f"shapes-s0: 12 validation images are embedded already, {path}" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["shapes-s1"], 1, "There is no run 'shapes-s1' here; it has shapes-s0."),
        (["shapes-s0", "--split", "none"], 1, "The none split holds no image to embed"),
        (["shapes-s0", "--split", "nowhere"], 2, "Invalid value for '--split'"),
        ([], 2, "Missing argument"),
    ],
)
def test_what_cannot_be_is_said(workspace, tmp_path, arguments, code, sentence):
    done = embed(workspace, *arguments, cwd=tmp_path)
    assert done.returncode == code
    assert sentence in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
