"""`taxoscope learn-curve SUBJECT CLASS` as it is typed: to its end, again, stopped by Ctrl-C, and refused."""

import json
import re
import signal
import subprocess

import pytest

from model_zoo.training.train import read_pixels, train
from model_zoo.workspace.learning_curve import FOLDER
from tests.command import TAXOSCOPE, environment, run, run_here
from tests.drawn_workspace import TINY, make, shapes


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    made = make(tmp_path_factory.mktemp("curve") / "w")
    train(made, shapes(made), TINY, 0, read_pixels(made, TINY.preprocessing, lambda done, total: None), "shapes-s0")
    return made


def learn_curve(workspace, *arguments, cwd, typed=run_here):
    return typed("learn-curve", *arguments, "--workspace", str(workspace.writable), cwd=cwd)


def test_it_trains_what_is_missing_and_says_where(workspace, tmp_path):
    done = learn_curve(workspace, "shapes", "bar", "--percents", "50", "--seeds", "0", cwd=tmp_path, typed=run)
    assert done.returncode == 0, done.stdout + done.stderr
    (point,) = (workspace.writable / FOLDER).iterdir()
    card = json.loads((point / "card.json").read_text())
    assert card["recipe"]["kept"] == {"class_name": "bar", "n_images": 7}  # half of 14
    told = re.search(rf"bar, 7 of 14 training images, seed 0: (\d+) s, written to {re.escape(str(point))}", done.stdout)
    assert told, done.stdout
    assert abs(int(told[1]) - card["duration_s"]) <= 1
    assert "Diagnose shows the curve of bar for shapes · 1 seed." in done.stdout
    before = (point / "card.json").read_bytes()
    again = learn_curve(workspace, "shapes", "bar", "--percents", "25,50", "--seeds", "0-1", cwd=tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert (point / "card.json").read_bytes() == before
    assert len(list((workspace.writable / FOLDER).iterdir())) == 4  # 4 and 7 images, two seeds


def test_ctrl_c_keeps_what_is_finished(workspace, tmp_path):
    card = workspace.writable / "runs" / "shapes-s0" / "card.json"
    written = card.read_text()
    card.write_text(json.dumps(json.loads(written) | {"recipe": json.loads(written)["recipe"] | {"epochs": 3000}}))
    before = set((workspace.writable / FOLDER).glob("*"))
    command = [*TAXOSCOPE, "learn-curve", "shapes", "disc", "--workspace", str(workspace.writable)]
    shown, said = environment(FORCE_COLOR="1"), ""  # draws its bar into the pipe
    with subprocess.Popen(command, env=shown, cwd=tmp_path, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        while not re.search(r"epoch \d+", said):
            piece = process.stdout.read(1)
            assert piece, said
            said += piece
        process.send_signal(signal.SIGINT)
        said += process.communicate(timeout=60)[0]
    card.write_text(written)
    assert process.returncode == 130, said
    assert "Stopped; finished points are kept" in said
    assert set((workspace.writable / FOLDER).glob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("shapes", "star"), 1, "'shapes' has no class 'star'; it has disc, bar, blank."),
        (("nothing", "bar"), 1, "There is no run or series 'nothing' here"),
        (("shapes", "bar", "--percents", "0,50"), 1, "Cannot read shares '0,50'; write them as 25,50"),
        (("shapes", "bar", "--percents", "1"), 1, "'bar' has 14 training images: none of these shares leaves some."),
        (("shapes",), 2, "Missing argument 'CLASS'"),
    ],
)
def test_bad_input_gets_one_sentence(workspace, tmp_path, arguments, code, sentence):
    refused = learn_curve(workspace, *arguments, cwd=tmp_path)
    assert refused.returncode == code
    assert sentence in refused.stdout + refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr
