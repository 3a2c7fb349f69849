"""A model imported from a page: what its file says is told, what it does not say is asked, nothing is guessed."""

import base64
import io
from argparse import Namespace
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from dashboard.evaluation.saliency import colour_heatmap, explain_image
from dashboard.importing.checkpoint import (
    declare,
    file_orders,
    open_checkpoint,
    sample_heatmap,
    samples,
    try_out,
    write,
)
from dashboard.importing.checkpoint_metadata import CheckpointMetadata, contradictions, read_metadata
from dashboard.importing.checks import accuracy_words, as_numbers, as_size, order_words, trials_rows, trials_words
from dashboard.importing.uploads import UploadedFile, take_weights
from dashboard.server_state.jobs import Job
from dashboard.server_state.open_workspace import Desk
from model_zoo.checkpoints.read import read_checkpoint
from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.evaluation import evaluate
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.label_space.splits import Split
from model_zoo.images.decoding import Fit, Interpolation, Preprocessing
from model_zoo.importing.models import Declaration
from model_zoo.training.train import read_pixels, train
from tests.drawn_workspace import TINY, make, shapes
from tests.small_graph import graph

ORDER = ("blank", "disc", "bar")
IMAGENET = Preprocessing(3, (32, 32), Fit.CROP, Interpolation.BICUBIC, 1, 1.0, (0.485, 0.456, 0.406), (0.2,) * 3, 0.875)
TOLD = CheckpointMetadata("32", None, Interpolation.BICUBIC, 0.875, (0.485, 0.456, 0.406), (0.2,))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    made = make(tmp_path_factory.mktemp("model_import") / "w")
    made.save_taxonomy(shapes(made))
    train(made, shapes(made), TINY, 0, read_pixels(made, TINY.preprocessing, lambda done, total: None), "shapes-s0")
    return made


@pytest.fixture(scope="module")
def raw(workspace):
    """The trained weights as another script would save them: its own order of classes, in a wrapper, with words."""
    state = load_file(workspace.writable / "runs" / "shapes-s0" / "model.safetensors")
    rows = [shapes(workspace).names.index(name) for name in ORDER]
    state |= {key: state[key][rows] for key in ("fc.weight", "fc.bias")}
    said = {"args": {"img_size": 32, "interpolation": "bicubic", "arch": "test_resnet"}, "names": list(ORDER)}
    out = io.BytesIO()
    torch.save({**said, "state_dict": {f"module.{key}": value for key, value in state.items()}}, out)
    return out.getvalue()


@pytest.fixture(scope="module")
def held(raw):
    import_files = take_weights(UploadedFile("best <b>.pth", len(raw), lambda: raw))
    job = Job(lambda tell: open_checkpoint(import_files, tell))
    assert job.wait(120)
    assert job.error == ""
    import_files.close()
    return job.result


def declared(workspace, order=ORDER, name="mine"):
    prepared = TINY.preprocessing
    return declare(name, "test_resnet", shapes(workspace), order, prepared, "not known", "state_dict")


def test_what_the_file_is_and_says(held, workspace):
    (part,) = held.checkpoint.parts
    best = held.fits[part][0]
    assert (best.architecture, best.n_classes, best.channels) == ("test_resnet", 3, 1)
    assert any("Prefix 'module.'" in one for one in held.notes[part])
    said = read_metadata(held.checkpoint)
    assert (said.size, said.interpolation) == ("32", Interpolation.BICUBIC)
    assert file_orders(held.checkpoint, shapes(workspace)) == (ORDER,)


def test_a_file_that_says_nothing_prefills_nothing(workspace):
    raw = (workspace.writable / "runs" / "shapes-s0" / "model.safetensors").read_bytes()
    import_files = take_weights(UploadedFile("m.safetensors", len(raw), lambda: raw))
    found = open_checkpoint(import_files, lambda *told: None)
    said = read_metadata(found.checkpoint)
    assert (said.size, said.interpolation) == (None, None)
    assert file_orders(found.checkpoint, shapes(workspace)) == ()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (
            {"img_size": 224, "crop_pct": 0.875, "interpolation": "bicubic", "mean": IMAGENET.mean, "std": [1.0]},
            CheckpointMetadata("224", Fit.CROP, Interpolation.BICUBIC, 0.875, (0.485, 0.456, 0.406), (1.0,)),
        ),
        ({"input_size": (3, 224, 320), "mean": [0.5, 0.5], "crop_pct": 87.5}, CheckpointMetadata("224x320", Fit.CROP)),
        ({"img_size": None, "mean": None, "interpolation": "random", "std": "[0.2]"}, CheckpointMetadata(std=(0.2,))),
        (
            {"img_size": 0, "mean": float("nan"), "std": ["a", "b", "c"], "crop_pct": True},
            CheckpointMetadata(fit=Fit.CROP, crop_share=1.0),
        ),
    ],
)  # fmt: skip
def test_what_timms_args_say_of_images_is_read_and_nothing_else(args, said, tmp_path):
    torch.save({"args": Namespace(**args), "state_dict": {"fc.weight": torch.zeros(3, 4)}}, tmp_path / "m.pth.tar")
    assert read_metadata(read_checkpoint(tmp_path / "m.pth.tar")) == said


@pytest.mark.parametrize(
    ("change", "sentences"),
    [
        ({}, ()),
        ({"value_range": 255.0, "mean": (123.675, 116.28, 103.53), "std": (51.0,) * 3}, ()),  # 255 times as much
        (
            {"interpolation": Interpolation.BILINEAR, "size": (32, 48)},
            (
                "The file says size 32, you said 32x48.",
                "The file says interpolation bicubic, you said bilinear.",
            ),
        ),
        ({"crop_share": 1.0}, ("The file says crop share 0.875, you said 1.",)),
        ({"crop_share": 1.0, "fit": Fit.STRETCH}, ("The file says crop share 0.875, you said stretch.",)),
        (
            {"mean": (0.0,) * 3, "std": (1.0,) * 3},
            ("The file says mean 0.485,0.456,0.406, you said 0,0,0.", "The file says std 0.2, you said 1,1,1."),
        ),
    ],
)
def test_what_contradicts_the_file_is_one_sentence_each(change, sentences):
    assert contradictions(TOLD, replace(IMAGENET, **change)) == sentences
    assert contradictions(CheckpointMetadata(), replace(IMAGENET, **change)) == ()
    without = tuple(one for one in sentences if "says mean" not in one and "says std" not in one)
    assert contradictions(TOLD, replace(IMAGENET, **change), values=False) == without


def test_what_is_no_checkpoint_is_one_sentence():
    import_files = take_weights(UploadedFile("w.pth", 20, lambda: b"<html>sign in</html>"))
    job = Job(lambda tell: open_checkpoint(import_files, tell))
    assert job.wait(60)
    assert "is a web page" in job.error


def test_samples_are_what_the_model_would_get(workspace):
    desk, prepared = Desk(workspace), Preprocessing(1, (16, 24), Fit.STRETCH, mean=(0.2,), std=(0.2,))
    found = samples(desk, prepared)
    assert len(found) == 4
    for one in found:
        record = desk.dataset().by_id[one.image_id]
        assert record.split is Split.VALIDATION
        with Image.open(workspace.writable / record.path) as image:
            numbers = prepared.apply(image)
        assert (one.low, one.high) == pytest.approx((numbers.min(), numbers.max()))
        shown = Image.open(io.BytesIO(base64.b64decode(one.after.partition(",")[2])))
        assert shown.size == (24, 16)
        assert np.allclose((np.asarray(shown) / 255 - 0.2) / 0.2, numbers[0], atol=1e-5)


def test_tried_it_writes_nothing_and_then_the_run_scores_as_the_one_it_was(held, workspace):
    def runs():
        return sorted(path.name for path in (workspace.writable / "runs").iterdir())

    told_of = []
    imported = try_out(workspace, held.checkpoint, declared(workspace), lambda *told: told_of.append(told))
    assert runs() == ["shapes-s0"]
    assert told_of[0][1:] == (12, "Reading validation images")
    assert told_of[-1] == (len(imported.tried), len(imported.tried), "Trying other preparations")
    told = accuracy_words(imported.judged, imported.judged_on, imported.card.taxonomy)
    assert "Accuracy over validation" in told
    assert "original labels, taxonomy shapes" in told
    assert order_words(imported.judged, imported.card.taxonomy, ORDER) == ""
    rows = trials_rows(imported.tried)
    assert rows[0][0] == "as given"
    assert len(rows) > 5
    assert trials_words(()) == ""
    write(workspace, imported)
    assert runs() == ["mine", "shapes-s0"]
    own, other = (next(r for r in workspace.runs() if r.run_id == name) for name in ("mine", "shapes-s0"))
    for split in (Split.VALIDATION, Split.TEST):
        assert np.allclose(own.predictions(split).probabilities, other.predictions(split).probabilities, atol=1e-6)
    with pytest.raises(RunError, match="already there"):
        try_out(workspace, held.checkpoint, declared(workspace), lambda *told: None)
    with pytest.raises(RunError):
        try_out(workspace, held.checkpoint, declared(workspace, name="../x"), lambda *told: None)


def test_a_wrong_order_is_told_with_the_right_one(held, workspace):
    """Every disc is called bar, every bar blank, every blank disc: the output named bar means disc, and so on."""
    imported = try_out(workspace, held.checkpoint, declared(workspace, name="wrong"), lambda *told: None)
    taxonomy, dataset = shapes(workspace), workspace.dataset()
    images = dataset.split(Split.VALIDATION)
    said = np.roll(np.eye(3, dtype=np.float32), 1, axis=1)[taxonomy.place_all([image.label for image in images])]
    answers = Predictions(tuple(image.image_id for image in images), taxonomy.names, said)
    judged = evaluate([answers], taxonomy, taxonomy, dataset.labels, dataset.patients)
    warned = order_words(judged, imported.card.taxonomy, ("disc", "bar", "blank"))
    assert taxonomy.names == ("disc", "bar", "blank")
    assert warned.startswith("With the outputs named blank, disc, bar, 100.0 % of the 12 images would be right")


def test_one_image_is_shown_with_where_the_model_looked_as_the_written_run_says_it(held, workspace):
    imported = try_out(workspace, held.checkpoint, declared(workspace, name="looks"), lambda *told: None)
    found = sample_heatmap(workspace, imported)
    assert found.image_id == imported.judged.image_ids[0]
    sides = [Image.open(io.BytesIO(base64.b64decode(one.partition(",")[2]))) for one in (found.before, found.after)]
    assert sides[0].size == sides[1].size == (32, 32)
    run = write(workspace, imported)
    picture = map_picture_of(workspace, run, found.image_id)
    heat = np.asarray(picture)[..., 3] > 128  # where the map of the written run is hot
    changed = np.abs(np.asarray(sides[1], int) - np.asarray(sides[0].convert("RGB"), int)).sum(axis=2)
    assert changed[heat].mean() > changed[~heat].mean()
    stored = run.predictions(imported.judged_on)
    answer = stored.classes[stored.predicted[stored.row_of[found.image_id]]]
    assert found.words.startswith(f"It answers {answer}, ")


def map_picture_of(workspace, run, image_id):
    """The map that Inspect shows, RGBA."""
    record = workspace.dataset().by_id[image_id]
    with Image.open(workspace.writable / record.path) as image:
        found, _ = explain_image(run, image, {})
        return colour_heatmap(run.card.prepared.place_back(found.heat, *image.size))


def test_an_onnx_file_says_what_it_takes_and_is_tried_like_any_other(workspace):
    raw = graph().SerializeToString()
    import_files = take_weights(UploadedFile("net.onnx", len(raw), lambda: raw))
    held = open_checkpoint(import_files, lambda *told: None)
    import_files.close()
    assert (held.architecture, held.channels, held.n_outputs, read_metadata(held.checkpoint).size) == (
        "onnx",
        1,
        3,
        "32",
    )
    said = Declaration("graph", held.architecture, shapes(workspace), ORDER, TINY.preprocessing, "not known")
    imported = try_out(workspace, held.checkpoint, said, lambda *told: None)
    assert sample_heatmap(workspace, imported).after
    assert write(workspace, imported).card.architecture == "onnx"


def test_cancelled_it_stops_between_images(held, workspace):
    job = Job(lambda tell: try_out(workspace, held.checkpoint, declared(workspace, name="never"), tell))
    job.cancel()
    assert job.wait(60)
    assert (job.result, job.error) == (None, "")
    assert not (workspace.writable / "runs" / "never").exists()


def test_sizes_and_numbers_as_people_write_them():
    assert (as_size("224"), as_size(" 224 x 320 ")) == ((224, 224), (224, 320))
    assert as_numbers("0.485, .456,-1,1e-3") == (0.485, 0.456, -1.0, 0.001)
    for text in ("", "0", "9999", "2x", "1e3", "224x", "a"):
        with pytest.raises(RunError, match="Cannot read size"):
            as_size(text)
    for text in ("", "1,,2", "nan", "1e9", "0.5;0.5", "."):
        with pytest.raises(RunError, match="one number per channel"):
            as_numbers(text)
