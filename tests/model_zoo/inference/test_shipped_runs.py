"""The shipped runs are what the training command made of the shipped recipe, manifest and images."""

import io
import tomllib
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from sklearn.metrics import accuracy_score

from model_zoo.checkpoints.load import load_model
from model_zoo.core.evaluation.evaluation import accuracy, evaluate
from model_zoo.core.explanation.regions import read_regions
from model_zoo.core.label_space.splits import Split
from model_zoo.inference.predict import predict_images
from model_zoo.workspace.workspace import PROJECT, Workspace

WANTED = {"fine": 8, "consolidated": 8, "merged_na": 3, "merged_no": 3, "volume": 3, "one_negative": 3, "anatomy": 3}
RUNS = sorted((PROJECT / "model_zoo" / "runs").iterdir())


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return Workspace.demo(tmp_path_factory.mktemp("demo"))


def test_every_taxonomy_has_its_seeds(demo):
    assert demo.unreadable_runs() == ()
    series = demo.series()
    assert Counter(one.card.taxonomy.name for one in series) == Counter(WANTED.keys())  # one series each
    assert {one.card.taxonomy.name: len(one.runs) for one in series} == WANTED
    assert {one.card.taxonomy for one in series} == set(demo.taxonomies().values())
    assert sum(path.stat().st_size for path in PROJECT.glob("model_zoo/runs/*/model.safetensors")) < 60e6


def test_the_demo_knows_where_what_lies_in_every_image_that_is_shown(demo):
    shown = [image for split in (Split.VALIDATION, Split.TEST) for image in demo.dataset().split(split)]
    regions = demo.regions()
    assert regions.keys() == {image.image_id for image in shown}
    for image in shown:
        known = {one.name: one.shapes for one in read_regions(regions[image.image_id])}
        parts = demo.space.parts_of(image.label)
        assert bool(known["markers"]) == (parts["markers"] == "placed")
        assert bool(known["texts"]) == (parts["annotation"] == "present")


def test_cards_tell_the_recipe_and_the_data_they_were_trained_on(demo):
    recipe = tomllib.loads((PROJECT / "model_zoo" / "sample_images" / "recipe.toml").read_text())
    assert recipe["status"] == "final"
    training = dict(recipe["training"])
    training.pop("preprocessing")
    architecture = training.pop("architecture")
    hashes = {str(split): demo.dataset().hash(split, recipe["version"]) for split in list(Split)[:3]}
    for run in demo.runs():
        assert run.card.data_hash == hashes
        assert run.card.recipe == training | {"version": recipe["version"]}
        assert (run.card.architecture, run.card.licence) == (architecture, "Apache-2.0")
        assert [one.epoch for one in run.history()] == list(range(1, training["epochs"] + 1))


@pytest.mark.parametrize("folder", RUNS, ids=lambda folder: folder.name)
@pytest.mark.parametrize("split", ["validation", "test"])
def test_stored_predictions_come_from_the_weights(demo, folder, split):
    """A sample of every run's answers, asked again."""
    (run,) = (run for run in demo.runs() if run.run_id == folder.name)
    stored = run.predictions(Split(split))
    assert set(stored.image_ids) == {image.image_id for image in demo.dataset().split(Split(split))}
    model, by_id = load_model(run), demo.dataset().by_id
    rows = range(0, len(stored.image_ids), 61)
    images = [Image.open(demo.image_path(by_id[stored.image_ids[row]])) for row in rows]
    again = predict_images(model, run.card.preprocessing, images)
    assert np.abs(again - stored.probabilities[list(rows)]).max() <= 1e-4


@pytest.mark.parametrize("name", ["fine-s0", "consolidated-s0"])
def test_all_stored_predictions_by_other_code(name):
    """Every test answer again, with nothing of the project but its files."""
    folder = PROJECT / "model_zoo" / "runs" / name
    frame = pd.read_parquet(folder / "predictions_test.parquet").set_index("image_id")
    manifest = pd.read_csv(PROJECT / "model_zoo" / "sample_images" / "manifest.csv").set_index("image_id")
    model = timm.create_model("test_resnet", num_classes=frame.shape[1], in_chans=1).eval()
    model.load_state_dict(load_file(folder / "model.safetensors"))
    for start in range(0, len(frame), 128):
        part = frame.iloc[start : start + 128]
        raw = [(PROJECT / "model_zoo" / "sample_images" / path).read_bytes() for path in manifest.path[part.index]]
        pixels = np.stack([np.asarray(Image.open(io.BytesIO(one)).convert("L"), np.float32) / 255 for one in raw])
        pooled = torch.nn.functional.max_pool2d(torch.from_numpy(pixels)[:, None], 2)
        with torch.inference_mode():
            again = torch.softmax(model((pooled - 0.2) / 0.2), dim=1).numpy()
        assert np.abs(again - part.to_numpy()).max() <= 1e-4


def test_accuracy_is_that_of_other_code(demo):
    labels, patients = demo.dataset().labels, demo.dataset().patients
    for run in demo.runs():
        said = run.predictions(Split.TEST)
        taxonomy = run.card.taxonomy
        ours = accuracy(evaluate([said], taxonomy, taxonomy, labels, patients)).mean
        frame = pd.read_parquet(run.folder / "predictions_test.parquet").set_index("image_id")
        owner = {leaf: name for name, leaves in taxonomy.classes.items() for leaf in leaves}
        written = pd.read_csv(PROJECT / "model_zoo" / "sample_images" / "manifest.csv").set_index("image_id").label
        truth = written[frame.index].map(owner)
        placed = truth.notna()
        answers = frame.idxmax(axis=1).str.removeprefix("p:")
        assert ours == pytest.approx(accuracy_score(truth[placed], answers[placed]))
