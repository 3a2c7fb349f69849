"""Pages that run no model do not import torch: a fresh process draws them and says after each what it has loaded."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, sys
from streamlit.testing.v1 import AppTest
for page, query in json.loads(sys.argv[1]):
    at = AppTest.from_file("dashboard/pages/app.py", default_timeout=60)
    for name, value in query.items():
        at.query_params[name] = value
    at.run()
    if page != "overview":
        at.switch_page(f"{page}.py").run()
    told = [one.value for one in (*at.exception, *at.error)]
    heavy = [name for name in ("torch", "timm", "torchvision", "pytorch_grad_cam") if name in sys.modules]
    print(json.dumps({"title": at.title[0].value, "told": told, "heavy": heavy}))
"""
PAGES = (
    *("overview", "taxonomies", "compare", "diagnose", "images", "data", "inspect?image=i0000"),
    *("review", "decisions", "labels", "import_page", "import_page?what=model", "run"),
)


@pytest.fixture(scope="module")
def drawn(animals):
    """Page -> what it showed, and which heavy packages were loaded once it was drawn."""
    asked = [
        (page, dict([query.split("=")] if query else [])) for page, _, query in (one.partition("?") for one in PAGES)
    ]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(asked)],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "TAXOSCOPE_WORKSPACE": str(animals.writable)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(zip(PAGES, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_runs_no_model_does_not_import_torch(drawn, page):
    assert drawn[page]["title"]
    assert (drawn[page]["told"], drawn[page]["heavy"]) == ([], [])
