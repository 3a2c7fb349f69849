"""`taxoscope` as it is typed: from any folder, with a taken port, stopped by Ctrl-C, and refused in one sentence."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from dashboard.cli import parse_seeds
from model_zoo.core.errors import WorkspaceError

PROJECT = Path(__file__).resolve().parents[2]
TAXOSCOPE = [str(Path(sys.executable).with_name("taxoscope"))]


def environment(**more):
    return {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", **more}


def run(*arguments, cwd, **more):
    return subprocess.run(
        [*TAXOSCOPE, *arguments], cwd=cwd, env=environment(**more), capture_output=True, text=True, timeout=120
    )


class Serving:
    """A started server and the lines that it printed until its address."""

    def __init__(self, arguments, cwd, **more):
        self.process = subprocess.Popen(
            [*TAXOSCOPE, *arguments, "--no-browser"],
            cwd=cwd,
            env=environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(line.strip())
            if "ready" in line:
                break

    @property
    def address(self):
        return next(word for word in self.lines[-1].split() if word.startswith("http"))

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@pytest.fixture
def serving(tmp_path):
    started = []

    def start(*arguments, **more):
        more.setdefault("TAXOSCOPE_DEMO_FOLDER", str(tmp_path / "demo"))
        started.append(Serving(arguments, tmp_path, **more))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def test_alone_it_serves_the_demo_from_any_folder_and_ctrl_c_stops_it(serving, tmp_path):
    served = serving("--port", "0")
    text = "\n".join(served.lines)
    assert str(tmp_path / "demo") in text  # where decisions are kept
    assert text.count("http://") == 1
    with urllib.request.urlopen(f"{served.address}/_stcore/health", timeout=10) as answer:
        assert answer.status == 200
    started = time.monotonic()
    served.process.send_signal(signal.SIGINT)
    rest = served.process.stdout.read()
    assert served.process.wait(20) == 0, rest
    assert time.monotonic() - started < 10
    assert "Traceback" not in rest


def test_a_taken_port_is_said_and_another_one_serves(serving):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        served = serving("serve", "--port", str(port))
        assert any(line.startswith(f"Port {port} is taken; using") for line in served.lines)
        assert not served.address.endswith(f":{port}")
        with urllib.request.urlopen(f"{served.address}/_stcore/health", timeout=10) as answer:
            assert answer.status == 200


def test_another_host_is_warned_of(serving):
    served = serving("--port", "0", "--host", "0.0.0.0")
    assert any("there is no sign-in" in line for line in served.lines)


def test_a_workspace_of_ones_own_is_served(serving, animals):
    served = serving("serve", "--workspace", str(animals.writable), "--port", "0")
    assert any(animals.name in line and str(animals.writable) in line for line in served.lines)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["serve", "--workspace", "nowhere"], "nowhere"),
        (["train", "--taxonomy", "finest"], "finest"),
        (["train", "--taxonomy", "fine", "--seeds", "a-b"], "Cannot read seeds 'a-b'"),
        (["train", "--taxonomy", "fine", "--seeds", "0"], "'fine-s0' is there already"),
        (["train", "--taxonomy", "fine", "--seeds", "77", "--architecture", "resnet1"], "resnet1"),
    ],
)
def test_what_cannot_be_is_one_sentence(arguments, sentence, tmp_path):
    done = run(*arguments, cwd=tmp_path, TAXOSCOPE_DEMO_FOLDER=str(tmp_path / "demo"))
    assert done.returncode == 1
    assert sentence in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert len(done.stdout.strip().splitlines()) == 1


def test_runs_lists_the_runs_with_their_label_space(animals, tmp_path):
    done = run("runs", "--workspace", str(animals.writable), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "own label space, test split" in done.stdout
    for listed in animals.runs():
        assert listed.run_id in done.stdout


@pytest.mark.parametrize(
    ("text", "seeds"), [("0", (0,)), ("0-3", (0, 1, 2, 3)), ("1,4,9", (1, 4, 9)), ("2,0-2", (2, 0, 1))]
)
def test_seeds(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "3-1", "x", "1,,2"])
def test_seeds_that_are_none(text):
    with pytest.raises(WorkspaceError, match="write them as"):
        parse_seeds(text)
