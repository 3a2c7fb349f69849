"""`taxoscope init` as it is typed, and the dashboard on what it made."""

import os
import subprocess
import sys
from pathlib import Path

from tests.command import run, run_here

SCRIPT = """
from streamlit.testing.v1 import AppTest
at = AppTest.from_file("dashboard/pages/app.py", default_timeout=60).run()
told = [one.value for one in (*at.info, *at.code)]
assert any("There is no image yet" in text for text in told), told
assert any("uv run taxoscope import-data IMAGES --dry-run --workspace" in text for text in told), told
for page in ("taxonomies", "compare", "diagnose", "images", "inspect", "review", "decisions", "labels"):
    at.switch_page(f"{page}.py").run()
    assert not at.exception, (page, at.exception)
    assert not at.error, (page, [one.value for one in at.error])
    if page in ("compare", "diagnose"):
        (told,) = [one.value for one in at.info]
        assert "taxoscope train --taxonomy NAME --seeds 0-2 --workspace " in told, told
"""


def test_it_is_made_once_and_says_what_comes_next(tmp_path):
    made = run("init", "my work", cwd=tmp_path)
    assert (made.returncode, made.stderr) == (0, "")
    assert "Next: uv run taxoscope import-data IMAGES --dry-run --workspace 'my work'" in made.stdout
    again = run_here("init", "my work", cwd=tmp_path)
    assert (again.returncode, again.stderr) == (1, "")
    assert again.stdout.strip() == (
        "my work has workspace.toml already and nothing is written over; choose another folder."
    )
    listed = run_here("runs", "--workspace", "my work", cwd=tmp_path)
    assert (listed.returncode, listed.stderr) == (0, "")


def test_every_page_opens_on_an_empty_workspace(tmp_path):
    run_here("init", "ws", cwd=tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=Path(__file__).resolve().parents[3],
        env={**os.environ, "TAXOSCOPE_WORKSPACE": str(tmp_path / "ws")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
