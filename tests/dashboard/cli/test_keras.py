"""Keras models: what Teachable Machine exports is imported, asked and explained as Keras itself does."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from dashboard.cli.models import commands
from model_zoo.checkpoints.keras_layers import LayerNetwork, from_bytes, import_keras
from model_zoo.checkpoints.load import load_model
from model_zoo.checkpoints.model_file import read_model
from model_zoo.core.label_space.splits import Split
from model_zoo.images.decoding import decode
from model_zoo.inference.saliency import explain, target_layers
from model_zoo.workspace.run import read_run
from tests.drawn_workspace import make, shapes

EXPORTED = Path(__file__).parents[2] / "teachable_machine"
"""``converted_keras.zip`` as Teachable Machine lays it out (a Sequential of a truncated MobileNetV2 and of two Dense
layers, and ``labels.txt``), its model written by tf-keras 2.21; ``expected.json`` is what tf-keras predicts."""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    made = make(tmp_path_factory.mktemp("keras") / "w", n_train=8)
    made.save_taxonomy(shapes(made))
    return made


@pytest.fixture(scope="module")
def imported(workspace):
    """The next command, as it is printed, run once the taxonomy and a name stand in it."""
    given = ["--name", "machine", "--taxonomy", "shapes", "--workspace", str(workspace.writable)]
    path = str(EXPORTED / "converted_keras.zip")
    asked = CliRunner().invoke(commands, ["import-run", path, *given])
    line = next(one for one in asked.output.splitlines() if one.startswith("uv run taxoscope import-run"))
    done = CliRunner().invoke(commands, line.split()[3:])
    assert done.exit_code == 0, done.output or done.exception
    return line, " ".join(done.output.split()), read_run(workspace.writable / "runs" / "machine")


@pytest.mark.full
def test_the_export_says_its_classes_and_how_teachable_machine_prepares(imported):
    line, said, run = imported
    assert "--size 224 --fit crop --channels 3 --mean 0.5,0.5,0.5 --std 0.5,0.5,0.5 --interpolation lanczos" in line
    assert "Classes in the order of the file: blank, disc, bar." in said
    assert (run.card.architecture, run.card.order) == ("keras", ("blank", "disc", "bar"))
    assert run.card.prepared.normalise(np.array([[[0, 255]]] * 3, dtype=np.uint8))[0].tolist() == [[-1, 1]]


def test_the_model_predicts_what_keras_2_predicts():
    found = read_model(EXPORTED / "converted_keras.zip")
    assert (found.channels, found.size, found.n_classes) == (3, (224, 224), 3)
    assert found.said["class_names"] == ("blank", "disc", "bar")
    # the pixels that tf-keras was asked about
    pixels = (np.arange(2 * 224 * 224 * 3, dtype=np.float64).reshape(2, 224, 224, 3) * 0.6180339887 % 1) * 2 - 1
    inputs = torch.from_numpy(pixels.astype(np.float32)).permute(0, 3, 1, 2)
    expected = np.array(json.loads((EXPORTED / "expected.json").read_text()))
    with torch.no_grad():
        said = LayerNetwork(*from_bytes(found.raw), (224, 224, 3))(inputs).numpy()
    assert np.allclose(said, expected, atol=1e-6)


@pytest.mark.full
def test_the_run_predicts_and_keeps_what_the_model_says(workspace, imported):
    _, _, run = imported
    model, raw = load_model(run), read_model(EXPORTED / "converted_keras.zip").raw
    image = workspace.dataset().split(Split.TEST)[0]
    prepared = torch.from_numpy(run.card.prepared.apply(decode(workspace.image_path(image))))[None]
    stored = run.predictions(Split.TEST)
    with torch.no_grad():
        again = model(prepared).softmax(dim=1).numpy()
        in_its_order = LayerNetwork(*from_bytes(raw), (224, 224, 3))(prepared).numpy()
    assert np.allclose(again, in_its_order[:, [1, 2, 0]], atol=1e-5)  # disc, bar, blank: the taxonomy's order
    assert np.allclose(stored.probabilities[stored.row_of[image.image_id]], again[0], atol=1e-5)


@pytest.mark.full
def test_its_last_convolution_has_a_heatmap(imported):
    model = load_model(imported[2]).requires_grad_(False)
    coarse = target_layers(model, (3, 224, 224))[0]
    assert coarse.grid == (7, 7)
    image = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = explain(model, image, class_index=1, layer=coarse.name)
    # Grad-CAM by its definition (Selvaraju et al. 2017), from the last layer before the pooling
    features = []
    hook = model.network.layers["sequential_1/mobilenetv2_0_05_224/out_relu"].register_forward_hook(
        lambda module, inputs, output: features.append(output.detach().requires_grad_()) or features[0]
    )
    logits = model(image)
    hook.remove()
    (slope,) = torch.autograd.grad(logits[0, 1], features[0])
    by_hand = (slope.mean(dim=(1, 2), keepdim=True) * features[0]).sum(dim=3).clamp_min(0)[0].detach()
    small = torch.nn.functional.interpolate(torch.from_numpy(found.heat)[None, None], (7, 7), mode="area")[0, 0]
    assert np.corrcoef(small.flatten(), by_hand.flatten())[0, 1] > 0.95


@pytest.mark.parametrize("ending", [".h5", ".keras"])
def test_models_written_by_keras_3_predict_what_it_predicts(tmp_path, ending):
    keras = import_keras()
    layers = keras.layers
    pixels = keras.Input((16, 16, 3), name="pixels")
    value = layers.Rescaling(1 / 127.5, offset=-1)(pixels)
    value = layers.RandomFlip()(value)
    for width in (4, 8):
        side = layers.SeparableConv2D(width, 3, strides=2, padding="same", use_bias=False)(value)
        side = layers.BatchNormalization()(side)
        short_cut = layers.Conv2D(width, 1, strides=2, activation="leaky_relu")(value)
        value = layers.Activation("swish")(layers.Add()([side, short_cut]))
    inner = keras.Sequential(
        [keras.Input((4, 4, 8)), layers.Conv2D(8, 3, padding="same"), layers.PReLU()], name="inner"
    )
    value = layers.Concatenate()([inner(value), inner(value / 3.0)])
    value = layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(value))
    model = keras.Model(pixels, layers.Dense(3)(value))
    keras.utils.set_random_seed(1)
    model.set_weights([np.random.default_rng(k).random(one.shape) * 1.5 + 0.05 for k, one in enumerate(model.weights)])
    path = tmp_path / f"model{ending}"
    model.save(path)
    found = read_model(path)
    assert (found.channels, found.size, found.n_classes) == (3, (16, 16), 3)
    images = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3)).astype(np.float32)
    images *= np.linspace(0.1, 1, 5, dtype=np.float32)[:, None, None, None]
    with torch.no_grad():
        said = LayerNetwork(*from_bytes(found.raw), (16, 16, 3))(torch.from_numpy(images.transpose(0, 3, 1, 2)))
        expected = model(torch.from_numpy(images), training=False)
    assert expected.std(dim=0).min() > 1e-4  # the images differ in what is predicted
    assert torch.allclose(said, expected, rtol=1e-4, atol=1e-4)
