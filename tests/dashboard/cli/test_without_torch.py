"""Commands where torch is not installed: an import of it fails in a process of their own."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from model_zoo.core.extras import EXTRAS
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.run import read_run
from tests.command import environment
from tests.dashboard.cli.test_onnx import by_torch, imported, inputs_of, saved
from tests.drawn_workspace import make, shapes
from tests.small_graph import graph

WITHOUT = """
import sys
class Nowhere:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Nowhere())
from dashboard.cli.main import main
main()
"""


def run(absent, *arguments, cwd):
    return subprocess.run(
        [sys.executable, "-P", "-c", WITHOUT.format(absent=absent), *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    made = make(tmp_path_factory.mktemp("without") / "w")
    made.save_taxonomy(shapes(made))
    return made


@pytest.mark.parametrize("softmax", [False, True])
def test_a_graph_predicts_without_torch(workspace, tmp_path, softmax):
    name = f"graph-{softmax}"
    done = imported(workspace, saved(tmp_path, graph(softmax=softmax)), name, "--classes", "blank,disc,bar")
    assert done.exit_code == 0, done.output
    chosen = read_run(workspace.writable / "runs" / name)
    arguments = ("predict", name, workspace.writable, "--workspace", workspace.writable, "--out", "said.csv")
    done = run(EXTRAS["models"], *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    said = pd.read_csv(tmp_path / "said.csv").set_index("image_id")
    found = said.loc[list(chosen.predictions(Split.TEST).image_ids), [f"p:{one}" for one in chosen.card.classes]]
    expected = by_torch(inputs_of(workspace, chosen)).softmax(dim=1)[:, [1, 2, 0]].numpy()
    assert np.allclose(found.to_numpy(), expected, atol=1e-4)


def test_a_missing_extra_is_named_in_one_sentence(workspace, tmp_path):
    name = "needs-onnx"
    assert imported(workspace, saved(tmp_path, graph()), name).exit_code == 0
    arguments = ("predict", name, workspace.writable, "--workspace", workspace.writable, "--out", "said.csv")
    done = run(EXTRAS["onnx"], *arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.strip() == (
        'An ONNX model needs onnx and onnxruntime, which are not installed; type `pip install "taxoscope[onnx]"`.'
    )
