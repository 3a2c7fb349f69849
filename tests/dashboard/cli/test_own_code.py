"""A model with its own code: one Python file given on the command line, run there and nowhere else unasked."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from dashboard.cli.models import commands
from dashboard.runs.region_attention import measure_region_attention
from model_zoo.checkpoints.load import load_model
from model_zoo.checkpoints.trusted_code import read_code
from model_zoo.core.errors import CheckpointError, TaxoScopeError
from model_zoo.core.explanation.cam_method import CamMethod
from model_zoo.core.label_space.splits import Split
from model_zoo.inference.region_attention_files import read_attention
from model_zoo.inference.saliency import explain, target_layers
from model_zoo.workspace.run import CODE, read_run
from tests.command import run_here
from tests.drawn_workspace import make, shapes
from tests.own_resnet import build

SOURCE = (Path(__file__).parents[2] / "own_resnet.py").read_text()
PREPARED = ["--size", "32", "--fit", "stretch", "--channels", "1", "--mean", "0.2", "--std", "0.2"]
UNPREPARED = PREPARED[:6]
LATE = "--architecture-file"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    made = make(tmp_path_factory.mktemp("own") / "w")
    made.save_taxonomy(shapes(made))
    return made


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build(3, 1).eval()


@pytest.fixture
def checkpoint(network, tmp_path):
    path = tmp_path / "model_best.pth.tar"
    torch.save({"state_dict": {f"module.{key}": value for key, value in network.state_dict().items()}}, path)
    return path


def code(folder, text=SOURCE, name="mine.py"):
    (folder / name).write_text(text)
    return str(folder / name)


def imported(workspace, checkpoint, *arguments, name="own"):
    named = ["--name", name, "--taxonomy", "shapes", "--workspace", str(workspace.writable)]
    return CliRunner().invoke(commands, ["import-run", str(checkpoint), *named, *arguments])


def pixels(workspace, name):
    card = read_run(workspace.writable / "runs" / name).card
    images = workspace.dataset().split(Split.TEST)
    from model_zoo.images.decoding import decode

    return np.stack([card.preprocessing.pixels(decode(workspace.image_path(image))) for image in images])


def test_the_file_is_copied_with_its_hash_and_runs_again_only_where_it_is_trusted(
    workspace, network, checkpoint, tmp_path
):
    done = imported(workspace, checkpoint, *PREPARED, LATE, code(tmp_path), "--classes", "blank,disc,bar")
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "Warning: mine.py is run as it is, with all your rights on this machine" in said
    assert "serve --trust-code own" in said
    kept = read_run(workspace.writable / "runs" / "own")
    assert (kept.folder / CODE).read_text() == SOURCE
    assert kept.card.code["name"] == kept.card.architecture == "mine.py"
    assert kept.card.n_parameters == sum(one.numel() for one in network.parameters())
    inputs = torch.from_numpy(kept.card.preprocessing.normalise(pixels(workspace, "own")))
    with torch.inference_mode():  # outputs are blank, disc, bar; the taxonomy says disc, bar, blank
        expected = network(inputs).softmax(dim=1)[:, [1, 2, 0]].numpy()
    assert np.allclose(kept.predictions(Split.TEST).probabilities, expected, atol=1e-6)
    with pytest.raises(CheckpointError, match=r"runs only where you say so: .* --trust-code 'own'"):
        load_model(kept)
    model = load_model(kept, ("own",))
    layers = target_layers(model, (1, 32, 32))
    assert [layer.grid for layer in layers] == [(8, 8), (16, 16), (32, 32)]
    assert explain(model, inputs[:1], layer=layers[0].name).heat.shape == (32, 32)
    (kept.folder / CODE).write_text(SOURCE + "\n")
    with pytest.raises(CheckpointError, match="is not the file that was imported"):
        load_model(kept, ("own",))


PREPARING = """
def prepare(pixels):
    return (pixels - pixels.mean(dim=(1, 2, 3), keepdim=True)) / (pixels.std(dim=(1, 2, 3), keepdim=True) + 1)
"""
SAYS_PROBABILITIES = """
PROBABILITIES = True
class Sure(ResNet):
    def forward(self, x):
        return super().forward(x).softmax(dim=1)
def build(n_classes, channels):
    return Sure(3, n_classes, channels)
"""


def test_it_may_prepare_pixels_itself_and_give_probabilities(workspace, network, checkpoint, tmp_path):
    path = code(tmp_path, SOURCE + PREPARING + SAYS_PROBABILITIES)
    told = imported(workspace, checkpoint, *PREPARED, LATE, path, name="prepares")
    assert "prepares pixels itself; leave out --mean, --std and --per-image." in str(told.exception)
    done = imported(workspace, checkpoint, *UNPREPARED, LATE, path, name="prepares")
    assert done.exit_code == 0, done.output
    seen = torch.from_numpy(pixels(workspace, "prepares").astype(np.float32))
    seen = (seen - seen.mean(dim=(1, 2, 3), keepdim=True)) / (seen.std(dim=(1, 2, 3), keepdim=True) + 1)
    with torch.inference_mode():
        expected = network(seen).softmax(dim=1).numpy()
    stored = read_run(workspace.writable / "runs" / "prepares").predictions(Split.TEST)
    assert np.allclose(stored.probabilities, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def build(:", "mine.py is no Python file that can be read"),
        ("x = 1", "defines no build(n_classes, channels)"),
        ("def build(n_classes, channels):\n    return 1 / 0", "mine.py, line 2, failed: ZeroDivisionError"),
        ("def build(n_classes, channels):\n    return 3", "gave int, not a torch.nn.Module"),
        ("import no_such_module_at_all", "mine.py, line 1, failed: ModuleNotFoundError"),
        (SOURCE.replace("self.linear", "self.fc"), "do not fit mine.py: 114 tensors match, 2 missing (fc.weight"),
        (SOURCE + "\nPROBABILITIES = True", "says PROBABILITIES, but its outputs are none"),
        (SOURCE.replace("return self.linear(x.mean(dim=(2, 3)))", "return x"), "gives (12, 64, 8, 8), not (12, 3)"),
    ],
)
def test_code_that_does_not_hold_is_one_sentence_and_leaves_nothing(workspace, checkpoint, tmp_path, text, told):
    done = imported(workspace, checkpoint, *PREPARED, LATE, code(tmp_path, text), name="never")
    assert isinstance(done.exception, TaxoScopeError), done.output
    assert told in str(done.exception)
    assert not [name for name in os.listdir(workspace.writable / "runs") if "never" in name]


def test_a_prefix_that_belongs_to_the_model_stays(workspace, network, tmp_path):
    wrapped = {f"backbone.{key}": value for key, value in network.state_dict().items()}
    torch.save({f"module.{key}": value for key, value in wrapped.items()}, tmp_path / "wrapped.pth")
    text = (
        SOURCE
        + """
class Wrapped(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.backbone = inner
    def forward(self, x):
        return self.backbone(x)
def build(n_classes, channels):
    return Wrapped(ResNet(3, n_classes, channels))
"""
    )
    done = imported(workspace, tmp_path / "wrapped.pth", *PREPARED, LATE, code(tmp_path, text), name="wrapped")
    assert done.exit_code == 0, done.output


def test_look_asks_for_trust_and_takes_it(workspace, checkpoint, tmp_path):
    done = imported(workspace, checkpoint, *PREPARED, LATE, code(tmp_path), name="looked")
    assert done.exit_code == 0, done.output
    (workspace.writable / "regions.jsonl").write_text(
        "".join(f'{{"image_id": "validation-{k}", "regions": {{"mark": [[4, 4, 20, 20]]}}}}\n' for k in range(12))
    )
    asked = ["look", "looked", "--workspace", str(workspace.writable)]
    refused = run_here(*asked, cwd=tmp_path)
    assert refused.returncode == 1
    assert "--trust-code 'looked'" in " ".join(refused.stdout.split())
    trusted = run_here(*asked, "--trust-code", "looked", cwd=tmp_path)
    assert trusted.returncode == 0, trusted.stdout + trusted.stderr


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("import sys\nsys.exit(0)", "mine.py, line 2, failed: SystemExit: 0; correct it."),
        ("raise SystemExit", "mine.py, line 1, failed: SystemExit: ; correct it."),
        ("def build(n, c):\n    exit(3)", "mine.py, line 2, failed: SystemExit: 3; correct it."),
        ("class Odd(BaseException): pass\nraise Odd('no')", "mine.py, line 2, failed: Odd: no; correct it."),
        ("raise GeneratorExit", "mine.py, line 1, failed: GeneratorExit: ; correct it."),
    ],
)
def test_code_that_ends_the_program_is_said_like_any_other_failure(tmp_path, text, sentence):
    with pytest.raises(CheckpointError) as refused:
        read_code(Path(code(tmp_path, text))).network(3, 1)
    assert str(refused.value) == sentence


def test_ctrl_c_still_stops_it(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        read_code(Path(code(tmp_path, "raise KeyboardInterrupt"))).run()


CROPPING = """
def prepare(pixels):
    return pixels[:, :, :24, 4:32] / 255
"""


@pytest.mark.parametrize(
    ("declared", "n_energies", "told"),
    [
        ("CROP = (0, 4, 24, 32)\n", 12 * 3, "It looks at (0, 4, 24, 32)"),
        ("", 0, "declares no crop, but prepare passes on (0, 4, 24, 32)"),
        ("CROP = (0, 0, 32, 32)\n", 0, "declares the crop (0, 0, 32, 32), but prepare passes on (0, 4, 24, 32)"),
    ],
)
def test_shares_of_heatmaps_are_stored_only_where_their_place_is_known(
    workspace, checkpoint, tmp_path, monkeypatch, declared, n_energies, told
):
    name = f"crops{n_energies}{len(declared)}"
    done = imported(workspace, checkpoint, *UNPREPARED, LATE, code(tmp_path, SOURCE + CROPPING + declared), name=name)
    assert done.exit_code == 0, done.output
    assert told in " ".join(done.output.split())
    (workspace.writable / "regions.jsonl").write_text(
        "".join(f'{{"image_id": "validation-{k}", "regions": {{"mark": [[4, 4, 20, 20]]}}}}\n' for k in range(12))
    )
    monkeypatch.setenv("TAXOSCOPE_TRUST_CODE", name)
    measure_region_attention(workspace, name, Split.VALIDATION, None, CamMethod.GRAD_CAM, (), Console(width=300))
    found = read_attention(workspace.writable, name, Split.VALIDATION)
    assert len(found.looks) == n_energies
    assert len(found.removals) == 12
