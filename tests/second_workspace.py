"""A small workspace about something else, to prove that nothing in the code knows ultrasound."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.images.decoding import Preprocessing
from model_zoo.workspace.manifest import ImageRecord, write_manifest
from model_zoo.workspace.run import Card, Epoch, Run, read_run, write_run
from model_zoo.workspace.workspace import Workspace

DECLARATION = """
name = "Animals and vehicles"
lone = ["logo"]
forbidden = [{ thing = "plane", size = "small" }]
[parts]
thing = ["cat", "dog", "car", "plane"]
size = ["small", "large"]
"""

TAXONOMIES = {
    "things": {"cat": "cat.*", "dog": "dog.*", "car": "car.*", "plane": "plane.*", "logo": "logo"},
    "kinds": {"animal": ["cat.*", "dog.*"], "vehicle": ["car.*", "plane.*"], "logo": "logo"},
    "sizes": {"small": "*.small", "large": "*.large", "logo": "logo"},
}


def build(folder: Path, n_images: int = 120, seed: int = 0) -> Workspace:
    """Write the workspace: drawn images, three taxonomies, and runs whose predictions are drawn by chance."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "workspace.toml").write_text(DECLARATION)
    for name, classes in TAXONOMIES.items():
        lines = [f'name = "{name}"', "[classes]", *(f"{key} = {value!r}" for key, value in classes.items())]
        (folder / "taxonomies").mkdir(exist_ok=True)
        (folder / "taxonomies" / f"{name}.toml").write_text("\n".join(lines))
    rng = np.random.default_rng(seed)
    workspace = Workspace.open(folder)
    images = []
    (folder / "images").mkdir(exist_ok=True)
    for k in range(n_images):
        leaf = workspace.space.leaves[int(rng.integers(len(workspace.space.leaves)))]
        split = (Split.TEST, Split.TEST, Split.VALIDATION, Split.TRAIN)[k % 4]
        _draw(leaf, rng).save(folder / "images" / f"{k:04d}.png")
        record = ImageRecord(
            f"i{k:04d}", f"images/{k:04d}.png", split, f"owner{k // 3}", frozenset({leaf}), {"camera": "AB"[k % 2]}
        )
        images.append(record)
    write_manifest(folder / "manifest.csv", images, workspace.space)
    for name, n_seeds, skill in (("things", 3, 1.6), ("kinds", 2, 2.0), ("sizes", 1, 1.0)):
        taxonomy = workspace.taxonomy(name)
        for s in range(n_seeds):
            _write_run(workspace, taxonomy, s, skill, np.random.default_rng([seed, s, len(name)]))
    return workspace


def _write_run(workspace: Workspace, taxonomy: Taxonomy, seed: int, skill: float, rng: np.random.Generator) -> None:
    dataset = workspace.dataset()
    predictions = {}
    for split in (Split.VALIDATION, Split.TEST):
        images = dataset.split(split)
        logits = rng.normal(size=(len(images), len(taxonomy.classes)))
        logits[np.arange(len(images)), taxonomy.place_all([image.label for image in images])] += skill
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        predictions[split] = Predictions(tuple(i.image_id for i in images), taxonomy.names, p.astype(np.float32))
    card = Card(
        run_id=f"{taxonomy.name}-s{seed}",
        architecture="by_chance",
        taxonomy=taxonomy,
        preprocessing=Preprocessing(3, (32, 32), mean=(0.5,) * 3, std=(0.5,) * 3),
        data_hash={str(split): dataset.hash(split) for split in (Split.TRAIN, Split.VALIDATION, Split.TEST)},
        recipe={"version": 1},
        seed=seed,
        epochs_chosen="fixed in the recipe",
        n_train_images=len(dataset.split(Split.TRAIN)),
        n_parameters=0,
        duration_s=1.0,
        created="2026-01-01T00:00:00+00:00",
        versions={},
        processor="none",
    )
    history = [Epoch(1, 1.0, 1.1, 0.5, 0.001), Epoch(2, 0.8, 1.0, 0.6, 0.0001)]
    write_run(card, workspace.writable / "runs", b"", history, predictions)


def answer_test_alone(workspace: Workspace, run_id: str, of: str = "things-s0") -> Run:
    """What run ``of`` says of the test images, as a run without a model that was asked about no others."""
    source = read_run(workspace.writable / "runs" / of)
    card = replace(source.card, run_id=run_id, architecture="", preprocessing=None, recipe={"predictions": "all"})
    return write_run(card, workspace.writable / "runs", b"", [], {Split.TEST: source.predictions(Split.TEST)})


def _draw(leaf: str, rng: np.random.Generator) -> Image.Image:
    image = Image.new("RGB", (96, 96), tuple(int(x) for x in rng.integers(20, 90, 3)))
    draw = ImageDraw.Draw(image)
    r = 34 if leaf.endswith("large") else 16
    box = (48 - r, 48 - r, 48 + r, 48 + r)
    colour = tuple(int(x) for x in rng.integers(140, 255, 3))
    shapes = {"cat": draw.ellipse, "dog": draw.rectangle, "car": draw.ellipse, "plan": draw.rectangle}
    shapes.get(leaf[:4].rstrip("."), draw.ellipse)(
        box, fill=colour, outline="white", width=3 if leaf[:1] in "cp" else 0
    )
    return image
