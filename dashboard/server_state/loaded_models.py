"""Loaded models, shared by all threads."""

import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from dashboard.server_state.open_workspace import Desk
from dashboard.settings import Settings
from model_zoo.core.errors import CheckpointError
from model_zoo.core.extras import require
from model_zoo.core.label_space.splits import Split
from model_zoo.inference.predict import Predictor, load_predictor, predict_images
from model_zoo.workspace.run import ONNX, Run

if TYPE_CHECKING:
    from torch import nn

    from model_zoo.inference.saliency import TargetLayer

MAX_LOADED = 12
Model = TypeVar("Model")

_loaded: "OrderedDict[str, Loaded]" = OrderedDict()
_graphs: "OrderedDict[str, Predictor]" = OrderedDict()
_lock = Lock()


@dataclass(frozen=True)
class Loaded:
    """A model in evaluation mode, shared by all threads."""

    model: "nn.Module"
    input_size: tuple[int, int, int]

    @cached_property
    def layers(self) -> "tuple[TargetLayer, ...]":
        """Where maps can be taken, from coarse to fine."""
        from model_zoo.inference.saliency import target_layers

        return tuple(target_layers(self.model, self.input_size))


def loaded(run: Run) -> Loaded:
    """The run's model in torch; `CheckpointError` where it has no weights that fit."""
    return _kept(_loaded, run, _load)


def predictor(run: Run) -> "Predictor":
    """The run's model for predictions alone: an ONNX graph needs no torch."""
    return _kept(_graphs, run, load_predictor) if run.card.architecture == ONNX else loaded(run).model


def _kept(models: "OrderedDict[str, Model]", run: Run, load: "Callable[[Run], Model]") -> "Model":
    key = f"{run.folder}:{run.card.weights_sha256}"
    with _lock:
        if key not in models:
            models[key] = load(run)
            while len(models) > MAX_LOADED:
                models.popitem(last=False)
        models.move_to_end(key)
        return models[key]


def _load(run: Run) -> Loaded:
    require("models", "This model")
    import torch

    from model_zoo.checkpoints.load import load_model

    torch.set_num_threads(max(1, (os.cpu_count() or 1) - 1))  # a map that is made keeps no answer waiting
    model = load_model(run, Settings().trusted)
    return Loaded(model.requires_grad_(False), run.card.prepared.input_size)


def predict(desk: Desk, run: Run, image_id: str) -> NDArray[np.float32]:
    """Probabilities (K,) of one run for one image: as stored, else asked now."""
    for split in (Split.TEST, Split.VALIDATION):
        if run.has_predictions(split):
            stored = desk.predictions(run.run_id, split)
            if image_id in stored.row_of:
                return stored.probabilities[stored.row_of[image_id]]
    if run.weights_path is None:
        raise CheckpointError(f"Run {run.run_id!r} has no stored answer for this image and no weights to ask.")
    return predict_images(predictor(run), run.card.prepared, [desk.decoded(image_id)])[0]
