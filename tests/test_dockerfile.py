"""The Dockerfile: read, and its steps run without a container runtime."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STEPS = re.findall(r"^([A-Z]+) (.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def arguments(name):
    return [told for step, told in STEPS if step == name]


def test_it_runs_as_an_account_without_rights():
    names = [step for step, _ in STEPS]
    (user,) = arguments("USER")
    (made,) = [told for told in arguments("RUN") if "useradd" in told]
    assert re.search(rf"useradd --uid \d+ .*\b{user}\b", made)
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert "RUN" not in names[names.index("USER") :]


def test_nothing_that_was_built_here_goes_into_it():
    left_out = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".venv"} <= set(left_out)


@pytest.mark.full
def test_its_steps_install_a_command_that_works_offline(tmp_path):
    """Each RUN step but that of the account, with folders of the image below ``tmp_path``, in an empty environment."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "python"], check=True)
    variables = {"PATH": f"{tmp_path / 'python' / 'bin'}:{os.environ['PATH']}", "EXTRAS": "", "HOME": str(tmp_path)}
    for step in arguments("RUN"):
        if "useradd" not in step:
            here = step.replace("/wheels", str(tmp_path / "wheels"))
            subprocess.run(["bash", "-euc", here], cwd=ROOT, env={**os.environ, **variables}, check=True)
    offline = ["unshare", "--net"] if shutil.which("unshare") and os.geteuid() == 0 else []
    (data,) = arguments("VOLUME")
    (environment,) = arguments("ENV")
    told = dict(one.split("=", 1) for one in environment.replace(data, str(tmp_path / "data")).split())
    (tmp_path / "data").mkdir()
    done = subprocess.run(
        [*offline, tmp_path / "python" / "bin" / "taxoscope", "compare", "fine", "consolidated"],
        cwd=tmp_path / "data", env={**os.environ, **variables, **told}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "95 % CI" in done.stdout
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["demo"]
