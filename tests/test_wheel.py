"""The built wheel, installed without extras into an empty environment outside the checkout, in an empty folder.

No torch, no onnx and no pydicom are there: what needs them says what to install, all else works.
"""

import json
import re
import subprocess
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd
import pytest

from tests.command import Serving, environment
from tests.dashboard.test_server import ask, whole_page

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "model_zoo" / "sample_images"
PACKAGES = {"taxoscope", "dashboard", "model_zoo"}
MAX_BYTES = 100e6
PAGES = ("", "taxonomies", "compare", "diagnose", "images", "data", "review", "decisions", "labels", "import")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(["uv", "build", "--wheel", "--quiet", "--out-dir", folder, ROOT], check=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The command in the new environment, as the start of a command line."""
    folder = tmp_path_factory.mktemp("elsewhere") / "environment"
    subprocess.run(["uv", "venv", "--quiet", folder], check=True)
    subprocess.run(["uv", "pip", "install", "--quiet", "--python", folder / "bin" / "python", wheel], check=True)
    return [str(folder / "bin" / "taxoscope")]


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    return tmp_path_factory.mktemp("empty")


@pytest.fixture(scope="module")
def variables(tmp_path_factory):
    return {"PYTHONPATH": "", "VIRTUAL_ENV": "", "HOME": str(tmp_path_factory.mktemp("home"))}


@pytest.fixture(scope="module")
def served(installed, empty, variables):
    server = Serving(["--port", "0"], empty, installed, **variables)
    yield server
    server.stop()


@pytest.fixture
def typed(installed, empty, variables):
    def run(*arguments):
        return subprocess.run(
            [*installed, *arguments],
            cwd=empty,
            env=environment(**variables),
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


def test_the_wheel_holds_three_packages_and_the_demo(wheel):
    assert wheel.stat().st_size < MAX_BYTES
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == PACKAGES
    assert len(top) == len(PACKAGES) + 1
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *PACKAGES],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    assert {name for name in names if name.split("/")[0] in PACKAGES} == {
        name for name in tracked if name and (ROOT / name).is_file()
    }


def test_the_demo_is_served(served, empty):
    port = urlsplit(served.address).port
    for page in PAGES:
        told = whole_page(port, page)
        assert b"Traceback" not in told, page
        assert b"is no workspace" not in told, page
        assert b"taxoscope[" not in told, page
    assert list(empty.iterdir()) == []


def test_an_error_is_a_sentence(served):
    port = urlsplit(served.address).port
    told = whole_page(port, "run", "run=nowhere")
    assert b"nowhere" in told
    assert b"Start from Overview" in told
    assert b"Traceback" not in told
    assert ask(port, "/file/nowhere")[0] == 404


def test_no_other_site_frames_or_commands_it(served):
    port = urlsplit(served.address).port
    status, headers, body = ask(port, "/_stcore/host-config")
    assert (status, json.loads(body)["allowedOrigins"]) == (200, [])
    assert headers["Content-Security-Policy"] == "frame-ancestors 'self'"
    assert headers["X-Frame-Options"] == "SAMEORIGIN"


def test_models_are_compared(typed):
    done = typed("compare", "fine", "consolidated")
    assert done.returncode == 0, done.stderr + done.stdout
    manifest = pd.read_csv(SAMPLES / "manifest.csv")
    test = manifest[manifest.split == "test"]
    assert f"{len(test):,} images of {test.patient_id.nunique()} patients" in done.stdout
    assert re.search(r"95 % CI [+−]\d", done.stdout)


def test_a_page_without_torch_says_what_to_install(served):
    port = urlsplit(served.address).port
    image_id = pd.read_csv(SAMPLES / "manifest.csv").image_id.iloc[-1]
    assert b"Traceback" not in whole_page(port, "inspect", f"image={image_id}")
    status, _, told = ask(port, f"/map/fine-s0/{image_id}", Sec_Fetch_Site="same-origin")
    assert (status, told.endswith(b'`pip install "taxoscope[models]"`.')) == (409, True)


def test_the_next_command_is_one_that_can_be_typed_here(typed, tmp_path):
    done = typed("init", str(tmp_path / "mine"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Next: taxoscope import-data IMAGES --dry-run" in done.stdout


@pytest.mark.full
@pytest.mark.parametrize(
    "command",
    [
        ("train", "--taxonomy", "fine"),
        ("predict", "fine-s0", str(SAMPLES / "images" / "test")),
        ("look", "fine-s0"),
        ("embed", "anatomy-s0"),
        ("import-run", str(ROOT / "model_zoo" / "runs" / "fine-s0" / "model.safetensors")),
    ],
)
def test_a_command_without_torch_says_what_to_install(typed, command):
    done = typed(*command)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.strip().endswith('`pip install "taxoscope[models]"`.')
