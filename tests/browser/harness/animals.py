"""The second workspace with runs that can be asked, and edits of its labels."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from safetensors.numpy import load_file, save

from model_zoo.core.errors import LabelError
from model_zoo.core.label_space.labels import Label, LeafSpace
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.run import read_run, write_run
from model_zoo.workspace.workspace import Workspace
from tests.browser.serving import PROJECT
from tests.second_workspace import build


def build_with_weights(folder: Path) -> Workspace:
    """The second workspace, and beside its runs by chance one with weights and one whose weights say nothing."""
    workspace = build(folder, n_images=150, seed=3)
    trained, by_chance = PROJECT / "model_zoo" / "runs" / "fine-s0", read_run(workspace.writable / "runs" / "things-s0")
    like, classes = read_run(trained).card, by_chance.card.classes
    tensors = load_file(trained / "model.safetensors")
    predictions = {split: by_chance.predictions(split) for split in (Split.VALIDATION, Split.TEST)}
    for run_id, strength in (("seeing-s0", 1), ("blank-s0", 0)):
        head = {name: strength * tensors[name][: len(classes)].copy() for name in ("fc.weight", "fc.bias")}
        weights = save(tensors | head)
        card = replace(
            by_chance.card,
            run_id=run_id,
            architecture=like.architecture,
            preprocessing=like.preprocessing,
            recipe={"version": run_id},
            weights_sha256=sha256(weights).hexdigest(),
        )
        write_run(card, workspace.writable / "runs", weights, [], predictions)
    return workspace


def edited(space: LeafSpace, label: Label, changes: dict[str, str | None]) -> Label:
    """The edited label, empty where nothing possible is left."""
    try:
        return space.edit(label, changes)
    except LabelError:
        return frozenset()
