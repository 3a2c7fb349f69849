"""`taxoscope` as it is typed: from any folder, with a taken port, stopped by Ctrl-C, and refused in one sentence."""

import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from rich.console import Console

from dashboard.cli import main as commands
from dashboard.cli.main import parse_seeds
from dashboard.cli.terminal_tables import runs_table
from dashboard.runs.train import train_seeds
from dashboard.settings import Settings
from model_zoo.core.errors import CheckpointError, RunError, WorkspaceError
from model_zoo.core.label_space.edits import Rename
from model_zoo.workspace.workspace import PROJECT, Workspace
from tests.command import TAXOSCOPE, Serving, environment, run, run_here


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
    with urllib.request.urlopen(f"{served.address}/map/fine-s0/te-0030", timeout=90) as answer:  # loads torch
        assert answer.headers["Content-Type"] == "image/png"
    started = time.monotonic()
    served.process.send_signal(signal.SIGINT)
    rest = served.process.stdout.read()
    assert served.process.wait(20) == 0, rest
    assert time.monotonic() - started < 10
    assert rest.strip() == "Stopped. Everything that was saved is kept."


def test_ctrl_c_while_the_command_is_still_being_loaded_is_no_traceback(tmp_path):
    started = subprocess.Popen(
        [*TAXOSCOPE, "runs"],
        cwd=tmp_path,
        env=environment(PYTHONPROFILEIMPORTTIME="1"),  # a line for each module that was loaded
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in started.stderr:
        if line.split("|")[-1].strip() == "numpy":
            break
    else:
        pytest.fail("numpy was never loaded")
    started.send_signal(signal.SIGINT)
    out, err = started.communicate(timeout=30)
    assert started.returncode == 130
    assert "Traceback" not in out + err
    assert err.splitlines()[-1].startswith("Stopped")


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


def answer(url):
    """Status and body."""
    try:
        with urllib.request.urlopen(url, timeout=20) as got:
            return got.status, got.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_folders_named_relative_to_the_users_folder_are_meant_there(serving, tmp_path, animals):
    shutil.copytree(animals.writable, tmp_path / "mine")
    for workspace, image_id, kept in (("", "none", tmp_path / "demo"), ("mine", "i0000", tmp_path / "mine")):
        served = serving("serve", "--port", "0", TAXOSCOPE_WORKSPACE=workspace, TAXOSCOPE_DEMO_FOLDER="demo")
        assert f"is kept in {kept}" in "\n".join(served.lines)
        status, _ = answer(f"{served.address}/file/{image_id}")
        assert status == (200 if workspace else 404)  # no image of the demo is called so
        assert (kept / "decisions.sqlite").is_file()
        assert not (PROJECT / kept.name).exists()
        served.stop()


def test_an_empty_variable_is_none(monkeypatch):
    monkeypatch.setenv("TAXOSCOPE_WORKSPACE", "")
    assert Settings().workspace is None


def test_a_port_that_needs_rights_is_not_called_taken(monkeypatch):
    def refuse(probe, address):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(commands.socket.socket, "bind", refuse, raising=False)
    with pytest.raises(WorkspaceError, match="This account may not use port 80; give a --port above 1023"):
        commands._free_port("127.0.0.1", 80)


def test_an_address_that_cannot_be_is_one_sentence():
    for host in ("a..b", "::1:foo", "192.0.2.1"):
        with pytest.raises(WorkspaceError, match=f"Cannot listen on {host}"):
            commands._free_port(host, 0)


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
    done = run_here(*arguments, cwd=tmp_path, TAXOSCOPE_DEMO_FOLDER=str(tmp_path / "demo"))
    assert done.returncode == 1
    assert sentence in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert len(done.stdout.strip().splitlines()) == 1


def test_a_demo_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    done = run_here("runs", cwd=tmp_path, TAXOSCOPE_DEMO_FOLDER=str(tmp_path / "file" / "demo"))
    assert (done.returncode, done.stderr) == (1, "")
    assert "cannot be made" in done.stdout


def test_runs_lists_the_runs_with_their_label_space_images_and_patients(animals, tmp_path):
    done = run("runs", "--workspace", str(animals.writable), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "accuracy: own classes, test split, original labels" in done.stdout
    rows = {cells[0]: cells for line in done.stdout.splitlines() if (cells := line.split())}
    images, patients = rows["run"].index("images"), rows["run"].index("patients")
    test = [image for image in animals.dataset().images if image.split == "test"]
    for one in animals.runs():
        assert rows[one.run_id][images] == str(len(test)) == "60"
        assert rows[one.run_id][patients] == str(len({image.patient_id for image in test}))


def listed(workspace):
    console = Console(width=300)
    with console.capture() as captured:
        console.print(runs_table(workspace))
    return captured.get()


def test_a_run_that_cannot_be_read_is_named_below_the_others(fresh_animals):
    runs = fresh_animals.writable / "runs"
    (runs / "things-s0" / "predictions_test.parquet").write_bytes(b"no parquet")
    (runs / "kinds-s0" / "card.json").write_text("{")
    said = listed(fresh_animals)
    assert "predictions_test.parquet do not fit the card of run 'things-s0'" in said
    assert "Cannot read the run card" in said
    assert "things-s1" in said


def test_brackets_in_names_are_names(fresh_animals, tmp_path):
    declaration = fresh_animals.writable / "workspace.toml"
    declaration.write_text(declaration.read_text().replace("Animals and vehicles", "Animals [/red] [bold]"))
    done = run_here("runs", "--workspace", str(fresh_animals.writable), cwd=tmp_path)
    assert "Animals [/red] [bold]" in done.stdout, done.stderr


# -- what is checked before the first image is read ------------------------------------------------------------------

RECIPE = """version = 1
[training]
architecture = "test_resnet"
epochs = 1
batch_size = 8
learning_rate = 4e-3
weight_decay = 0.05
pad_px = 0
[training.preprocessing]
channels = 1
size = [30, 30]
fit = "stretch"
interpolation = "bilinear"
pool = 1
value_range = 1.0
mean = [0.2]
std = [0.2]
"""


@pytest.fixture
def unread(fresh_animals, monkeypatch):
    """Animals with a recipe, where reading an image is an error."""
    (fresh_animals.writable / "recipe.toml").write_text(RECIPE)
    monkeypatch.setattr(Workspace, "image_path", lambda self, image: pytest.fail("an image was read"))
    return fresh_animals


@pytest.mark.parametrize("recipe", [True, False])
def test_an_architecture_that_does_not_take_the_size_is_refused_wherever_it_is_named(unread, recipe):
    path = unread.writable / "recipe.toml"
    if recipe:
        path.write_text(RECIPE.replace("test_resnet", "maxvit_tiny_tf_224"))
    with pytest.raises(CheckpointError, match="'maxvit_tiny_tf_224' does not take images of 30 x 30"):
        train_seeds(unread, "kinds", [7], Console(), None if recipe else "maxvit_tiny_tf_224")


def test_a_folder_of_that_name_is_seen_even_if_it_is_no_run(unread):
    (unread.writable / "runs" / "kinds-s7").mkdir()
    with pytest.raises(RunError, match="'kinds-s7' is there already"):
        train_seeds(unread, "kinds", [7], Console())


@pytest.mark.parametrize(("reference", "run_id"), [("kinds", "kinds.v2-s7"), ("kinds.v1", "kinds-s7")])
def test_runs_of_a_later_version_are_named_after_it_and_the_newest_is_trained(unread, reference, run_id):
    unread.save_taxonomy(Rename("animal", "pet").apply(unread.taxonomy("kinds"), unread.space))
    (unread.writable / "runs" / run_id).mkdir()
    with pytest.raises(RunError, match=f"'{run_id}' is there already"):
        train_seeds(unread, reference, [7], Console())


def test_a_run_name_that_grows_too_long_is_refused(unread):
    name = "k" * 199
    path = unread.writable / "taxonomies" / "kinds.toml"
    path.write_text(path.read_text().replace('"kinds"', f'"{name}"', 1))
    with pytest.raises(RunError, match="at most 200 bytes"):
        train_seeds(unread, name, [7], Console())


@pytest.mark.parametrize(
    ("text", "seeds"), [("0", (0,)), ("0-3", (0, 1, 2, 3)), ("1,4,9", (1, 4, 9)), ("2,0-2", (2, 0, 1))]
)
def test_seeds(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "3-1", "x", "1,,2"])
def test_seeds_that_are_none(text):
    with pytest.raises(WorkspaceError, match="write them as"):
        parse_seeds(text)
