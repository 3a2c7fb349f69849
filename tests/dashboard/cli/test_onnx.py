"""ONNX graphs: imported, asked, explained where the graph allows; refused where they reach outside themselves."""

import contextlib
import os

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from typer.testing import CliRunner

from dashboard.cli.models import commands
from model_zoo.checkpoints.load import load_model
from model_zoo.core.errors import TaxoScopeError
from model_zoo.core.label_space.splits import Split
from model_zoo.images.decoding import decode
from model_zoo.inference.saliency import ExplanationError, explain, target_layers
from model_zoo.workspace.run import read_run
from tests.drawn_workspace import make, shapes
from tests.small_graph import BIAS, KERNELS, WEIGHT, graph

PREPARED = ["--size", "32", "--fit", "stretch", "--channels", "1", "--mean", "0.2", "--std", "0.2"]


def by_torch(inputs):
    maps = torch.nn.functional.conv2d(inputs, torch.from_numpy(KERNELS), stride=4, padding=1).relu()
    return maps.mean(dim=(2, 3)) @ torch.from_numpy(WEIGHT).T + torch.from_numpy(BIAS)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    made = make(tmp_path_factory.mktemp("onnx") / "w")
    made.save_taxonomy(shapes(made))
    return made


def imported(workspace, path, name, *more):
    named = ["--name", name, "--taxonomy", "shapes", "--workspace", str(workspace.writable)]
    return CliRunner().invoke(commands, ["import-run", str(path), *named, *PREPARED, *more])


def saved(tmp_path, model):
    onnx.save(model, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def inputs_of(workspace, run):
    images = workspace.dataset().split(Split.TEST)
    pixels = np.stack([run.card.prepared.pixels(decode(workspace.image_path(image))) for image in images])
    return torch.from_numpy(run.card.prepared.normalise(pixels))


@pytest.mark.parametrize("kind", ["logits", "softmax", "one by one", "unpooled"])
def test_a_graph_answers_as_torch_does(workspace, tmp_path, kind):
    options = {"softmax": {"softmax": True}, "one by one": {"batch": 1}, "unpooled": {"pooled": False}}.get(kind, {})
    done = imported(workspace, saved(tmp_path, graph(**options)), f"onnx {kind}", "--classes", "blank,disc,bar")
    assert done.exit_code == 0, done.output or done.exception
    said = " ".join(done.output.split())
    run = read_run(workspace.writable / "runs" / f"onnx {kind}")
    assert (run.card.architecture, run.card.order) == ("onnx", ("blank", "disc", "bar"))
    inputs, model = inputs_of(workspace, run), load_model(run)
    stored = run.predictions(Split.TEST).probabilities
    if kind == "unpooled":
        assert "It has no maps" in said
        with pytest.raises(ExplanationError, match="No layer of OnnxModel gives a map"):
            target_layers(model, (1, 32, 32))
        return
    expected = by_torch(inputs).softmax(dim=1)[:, [1, 2, 0]].numpy()
    assert np.allclose(stored, expected, atol=1e-4)
    assert "Maps can be read before its global pooling." in said
    (layer,) = target_layers(model, (1, 32, 32))
    assert layer.grid == (8, 8)
    found = explain(model, inputs[:1], class_index=0, layer=layer.name)
    maps = torch.nn.functional.conv2d(inputs[:1], torch.from_numpy(KERNELS), stride=4, padding=1).relu()[0]
    by_hand = (torch.from_numpy(WEIGHT)[1][:, None, None] * maps).sum(dim=0).clamp_min(0)  # Zhou et al. 2016
    row, column = np.unravel_index(found.heat.argmax(), found.heat.shape)
    assert by_hand[row // 4, column // 4] > 0.9 * by_hand.max()


def looping():
    body = helper.make_graph([], "body", [], [])
    return graph(more=[helper.make_node("If", ["x"], ["z"], then_branch=body, else_branch=body)])


def looping_in_a_function():
    made, hidden = graph(domain="local"), looping().graph.node[-1]
    opsets = [helper.make_opsetid("", 17)]
    made.functions.append(helper.make_function("local", "Relu", ["x"], ["z"], [hidden], opsets))
    return made


def huge():
    made = graph()
    for k, side in ((2, 2**20), (3, 2**20)):
        made.graph.input[0].type.tensor_type.shape.dim[k].dim_value = side
    return made


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: graph(external=True), "keeps weights in another file, which is not followed"),
        (lambda: graph(domain="com.evil"), "uses operators of 'com.evil', which are not ONNX's own"),
        (looping, "has a If, which may never end"),
        (looping_in_a_function, "has a If, which may never end"),
        (huge, "1 or 3 channels up to 4096 a side are expected"),
    ],
)
def test_a_graph_that_reaches_outside_itself_is_refused(workspace, tmp_path, made, told):
    done = imported(workspace, saved(tmp_path, made()), "never")
    assert isinstance(done.exception, TaxoScopeError), (done.output, done.exception)
    assert told in str(done.exception)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--size", "64"], "correct --channels and --size"),
        (["--architecture", "resnet18"], "leave out --architecture"),
        (["--channels", "3", "--mean", "0,0,0", "--std", "1,1,1"], "takes images of (1, 32, 32)"),
    ],
)
def test_what_does_not_fit_is_said(workspace, tmp_path, more, told):
    done = imported(workspace, saved(tmp_path, graph()), "never", *more)
    assert isinstance(done.exception, TaxoScopeError), (done.output, done.exception)
    assert told in str(done.exception)


def test_a_pipe_is_not_waited_for(workspace, tmp_path):
    os.mkfifo(tmp_path / "pipe.onnx")
    assert "There is no file pipe.onnx" in str(imported(workspace, tmp_path / "pipe.onnx", "never").exception)


def test_damaged_graphs_are_one_sentence_or_a_model_and_leave_nothing_behind(workspace, tmp_path):
    raw, rng = graph().SerializeToString(), np.random.default_rng(3)
    before = sorted(os.listdir(workspace.writable / "runs")) if (workspace.writable / "runs").exists() else []
    from model_zoo.checkpoints.model_file import read_model
    from model_zoo.checkpoints.onnx_models import OnnxModel

    for _ in range(120):
        bad = bytearray(raw)
        if rng.random() < 0.4:
            bad = bad[: rng.integers(1, len(raw))]
        for place in rng.integers(0, len(bad), 3):
            bad[place] ^= 1 << rng.integers(8)
        path = tmp_path / "bad.onnx"
        path.write_bytes(bad)
        with contextlib.suppress(TaxoScopeError):  # whatever else is raised fails the test
            OnnxModel(read_model(path), (0, 1, 2)).eval()
    after = sorted(os.listdir(workspace.writable / "runs")) if (workspace.writable / "runs").exists() else []
    assert after == before
