"""Pages that run no model do not import torch: each is run in a fresh process that says what it loaded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
from streamlit.testing.v1 import AppTest
at = AppTest.from_file("dashboard/pages/app.py", default_timeout=60)
for name, value in {query}.items():
    at.query_params[name] = value
at.run()
if {page!r} != "overview":
    at.switch_page("{page}.py").run()
assert not at.exception, at.exception
assert not at.error, [one.value for one in at.error]
print("titles", [one.value for one in at.title])
heavy = sorted(name for name in ("torch", "timm", "torchvision", "pytorch_grad_cam") if name in sys.modules)
assert not heavy, heavy
"""


PAGES = (
    *("overview", "taxonomies", "compare", "diagnose", "images", "data", "inspect"),
    *("review", "decisions", "labels", "import_page", "import_page?model", "run"),
)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_runs_no_model_does_not_import_torch(page, animals, tmp_path):
    queries = {
        "inspect": {"image": "i0000"},
        "import_page?model": {"what": "model"},
    }  # answers are stored, nothing is given
    page, query = page.partition("?")[0], queries.get(page, {})
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(page=page, query=query)],
        cwd=root,
        env={**os.environ, "TAXOSCOPE_WORKSPACE": str(animals.writable)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
