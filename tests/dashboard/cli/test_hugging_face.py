"""Folders of Hugging Face: classifiers of transformers, and timm's, predict as their libraries do."""

import json
import shutil

import numpy as np
import pytest
import timm
import torch
import transformers as hf
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from dashboard.cli.models import commands
from model_zoo.checkpoints.load import load_model
from model_zoo.checkpoints.model_file import read_model
from model_zoo.checkpoints.transformers_models import TransformersModel
from model_zoo.core.errors import CheckpointError
from model_zoo.core.label_space.splits import Split
from model_zoo.images.decoding import decode
from model_zoo.inference.saliency import explain, target_layers
from model_zoo.workspace.run import read_run
from tests.drawn_workspace import make, shapes

SMALL = {
    "vit": (
        hf.ViTForImageClassification,
        hf.ViTConfig(
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            image_size=32,
            patch_size=8,
        ),
    ),
    "resnet": (hf.ResNetForImageClassification, hf.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1])),
    "convnext": (
        hf.ConvNextForImageClassification,
        hf.ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2),
    ),
    "swin": (
        hf.SwinForImageClassification,
        hf.SwinConfig(image_size=32, patch_size=2, embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=4),
    ),
}
PROCESSORS = {
    "vit": hf.ViTImageProcessor(size={"height": 32, "width": 32}),
    "resnet": hf.ConvNextImageProcessor(size={"shortest_edge": 32}, crop_pct=0.875),
    "convnext": hf.ConvNextImageProcessor(size={"shortest_edge": 32}, crop_pct=0.875),
    "swin": hf.MobileNetV2ImageProcessor(size={"shortest_edge": 40}, crop_size={"height": 32, "width": 32}),
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    made = make(tmp_path_factory.mktemp("hf") / "w", n_train=8)
    made.save_taxonomy(shapes(made))
    return made


def saved(folder, kind):
    torch.manual_seed(0)
    made, config = SMALL[kind]
    config.id2label = {0: "blank", 1: "disc", 2: "bar"}
    model = made(config).eval()
    for parameter in model.parameters():  # random models of this size hardly tell images apart
        parameter.data *= 3 if kind in ("vit", "swin") else 1
    model.save_pretrained(folder)
    PROCESSORS[kind].save_pretrained(folder)
    return model


def imported(workspace, path, name):
    """Run the next command as it is printed."""
    given = ["--name", name, "--taxonomy", "shapes", "--workspace", str(workspace.writable)]
    asked = CliRunner().invoke(commands, ["import-run", str(path), *given])
    line = next(one for one in asked.output.splitlines() if one.startswith("uv run taxoscope import-run"))
    done = CliRunner().invoke(commands, line.split()[3:])
    assert done.exit_code == 0, (line, done.output, done.exception)
    return read_run(workspace.writable / "runs" / name)


@pytest.mark.parametrize("kind", SMALL)
def test_a_classifier_predicts_as_transformers_does_with_its_own_preparation(workspace, tmp_path, kind):
    model = saved(tmp_path / "model", kind)
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path, "model") if kind == "vit" else ""
    run = imported(workspace, packed or tmp_path / "model", kind)
    assert (run.card.architecture, run.card.order) == ("transformers", ("blank", "disc", "bar"))
    images = [decode(workspace.image_path(one)).convert("RGB") for one in workspace.dataset().split(Split.TEST)]
    with torch.no_grad():
        inputs = hf.AutoImageProcessor.from_pretrained(tmp_path / "model")(images, return_tensors="pt")
        expected = model(**inputs).logits.softmax(dim=1).numpy()[:, [1, 2, 0]]
    said = run.predictions(Split.TEST).probabilities
    assert expected.std(axis=0).max() > 1e-3
    # a crop of the library is resized first and cut then, each rounded to whole pixels; a stretch is the same
    assert np.abs(said - expected).max() < (1e-3 if kind == "vit" else 0.05)
    exact = load_model(run)
    with torch.no_grad():
        again = exact(inputs["pixel_values"]).softmax(dim=1).numpy()
    assert np.allclose(again, expected, atol=1e-5)
    layer = target_layers(exact, (3, 32, 32))[0]
    assert explain(exact.requires_grad_(False), inputs["pixel_values"][:1], layer=layer.name).heat.shape == (32, 32)


def test_a_folder_of_timm_says_its_architecture_classes_and_preparation(workspace, tmp_path):
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", num_classes=3).eval()
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    config = {"input_size": [3, 32, 32], "mean": [0.2, 0.3, 0.4], "std": [0.1, 0.2, 0.3], "crop_pct": 1.0}
    config |= {"interpolation": "bicubic", "crop_mode": "squash"}
    written = {"architecture": "test_resnet", "num_classes": 3, "label_names": ["blank", "disc", "bar"]}
    (tmp_path / "config.json").write_text(json.dumps(written | {"pretrained_cfg": config}))
    run = imported(workspace, tmp_path, "timm")
    prepared = run.card.prepared
    assert (prepared.size, prepared.fit, prepared.interpolation) == ((32, 32), "stretch", "bicubic")
    assert (prepared.mean, prepared.std) == ((0.2, 0.3, 0.4), (0.1, 0.2, 0.3))
    images = [decode(workspace.image_path(one)) for one in workspace.dataset().split(Split.TEST)]
    with torch.no_grad():
        inputs = torch.stack([torch.from_numpy(prepared.apply(image)) for image in images])
        expected = model(inputs).softmax(dim=1).numpy()[:, [1, 2, 0]]
    assert np.allclose(run.predictions(Split.TEST).probabilities, expected, atol=1e-5)


def test_nothing_of_a_folder_is_run_or_fetched(tmp_path):
    saved(tmp_path, "vit")
    written = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "own.py").write_text("raise SystemExit('run')")

    def refused(**more):
        (tmp_path / "config.json").write_text(json.dumps(written | more))
        with pytest.raises(CheckpointError) as error:
            read_model(tmp_path)
        return str(error.value)

    assert "auto_map" in refused(auto_map={"AutoModelForImageClassification": "own.Own"})
    assert "type own" in refused(model_type="own")
    assert "type timm_wrapper" in refused(model_type="timm_wrapper", architecture=None)
    assert "numbers" in refused(hidden_size=2**15)  # known before 200 GB are asked for
    assert "ViTForImageClassification" in refused(num_hidden_layers=1)
    (tmp_path / "config.json").write_text(json.dumps(written | {"_attn_implementation": "somebody/kernels"}))
    found = read_model(tmp_path)
    assert TransformersModel(found.raw, (0, 1, 2)).network.config._attn_implementation == "eager"
    torch.save(load_file(tmp_path / "model.safetensors"), tmp_path / "pytorch_model.bin")
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="safetensors"):
        read_model(tmp_path)
