"""Keras models (``.h5``, ``.keras``): read in a child process, kept as safetensors, run by Keras 3 on torch."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from model_zoo.checkpoints.keras_config import EXPORT, KerasConfig, LayerStep, read_config
from model_zoo.checkpoints.keras_layers import LayerNetwork, from_bytes, to_bytes
from model_zoo.checkpoints.keras_weights import Texts, weights_of_h5, weights_of_keras
from model_zoo.checkpoints.read import Said, safetensors_of, short
from model_zoo.core.errors import CheckpointError
from model_zoo.images.decoding import MAX_INPUT_SIDE
from model_zoo.untrusted.killable import TrialError, try_in_child
from model_zoo.untrusted.limits import limits
from model_zoo.untrusted.parser_errors import parser_errors_as_ours
from model_zoo.untrusted.text_limits import load_json
from model_zoo.workspace.run import KERAS

_NO_WEIGHTS = ("Activation", "Softmax", "Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "Reshape")
_SAVE = "save it again with model.save()"
_START_FACTOR = 5
"""Keras itself may take a minute to load where cores are shared; the file is not to blame for that."""


@dataclass(frozen=True)
class KerasFile:
    """A model with one picture in and one row of class scores out; ``raw`` is what a run keeps of it.

    ``channels`` and ``size`` (height, width) are what it takes, 0 where it takes any, ``n_classes`` what it gives, 0
    where the layers do not say. ``said`` is what stands beside the layers, unverified.
    """

    name: str
    sha256: str
    raw: bytes
    channels: int
    size: tuple[int, int]
    n_classes: int
    said: Mapping[str, Said] = field(default_factory=dict)
    architecture: str = KERAS

    @property
    def sentences(self) -> tuple[str, ...]:
        """What goes in and comes out, in sentences."""
        takes = ", ".join(str(side or "any") for side in (*self.size, self.channels))
        gives = f"{self.n_classes} classes" if self.n_classes else "outputs, it does not say how many"
        return f"Keras; takes {takes} (height, width, channels).", f"It gives {gives}."

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What there is to say of its outputs."""
        final = from_bytes(self.raw)[0][-1]
        return _OUTPUTS[_activation(final)]


def read_h5(raw: bytes, name: str, said: Mapping[str, Said]) -> KerasFile:
    """A file of ``model.save("model.h5")``; `CheckpointError` says why it is not built."""
    tensors, texts = _read_hdf5(raw, name)
    config = texts.get("", {}).get("model_config")
    if not isinstance(config, str):
        raise CheckpointError(
            f"{name} holds weights of Keras without their layers; save the whole model with model.save()."
        )
    with parser_errors_as_ours(name, CheckpointError, _SAVE, "has no readable layers"):
        layers = read_config(load_json(config), name)
        weights = weights_of_h5(layers.tree, tensors, texts, name)
    return _file(raw, name, layers, weights, said)


def read_keras(raw: bytes, config: bytes, hdf5: bytes, name: str, said: Mapping[str, Said]) -> KerasFile:
    """A file of ``model.save("model.keras")``, a zip of ``config`` and ``hdf5``."""
    with parser_errors_as_ours(name, CheckpointError, _SAVE, "has no readable layers"):
        layers = read_config(load_json(config.decode()), name)
    tensors, _ = _read_hdf5(hdf5, name)
    return _file(raw, name, layers, weights_of_keras(layers.tree, tensors), said)


class KerasModel(nn.Module):
    """A model of Keras as TaxoScope asks models; logits come out in the order of ``columns`` of its outputs.

    ``input_size`` is (channels, height, width). It is tried in a child process first.
    """

    def __init__(self, raw: bytes, input_size: tuple[int, int, int], columns: tuple[int, ...]) -> None:
        super().__init__()
        try_once(raw, input_size)
        channels, height, width = input_size
        with parser_errors_as_ours("The model", CheckpointError, "import it again"):
            steps, weights = from_bytes(raw)
        self.network, self.columns = LayerNetwork(steps, weights, (height, width, channels)), columns
        self.activation = _activation(steps[-1])

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (N, K)."""
        said = self.network(inputs)
        if self.activation == "sigmoid" and said.ndim == 2 and said.shape[1] == 1:
            said = torch.cat([1 - said, said], dim=1)
        if said.ndim != 2 or said.shape[1] != len(self.columns):
            raise CheckpointError(
                f"The model gives {tuple(said.shape)}, not ({len(inputs)}, {len(self.columns)} classes); "
                "choose the taxonomy that it was trained on."
            )
        said = said[:, list(self.columns)].float()
        return said.clamp_min(torch.finfo(torch.float32).tiny).log() if self.activation in _OF_PROBABILITIES else said


_TRIED: set[tuple[str, tuple[int, ...]]] = set()
"""Models, and sizes, that ran to their end in a child of this process."""


def try_once(raw: bytes, input_size: tuple[int, int, int]) -> None:
    """Build a model and run it on two images in a killable child; what passed once is not tried again."""
    key = hashlib.sha256(raw).hexdigest(), input_size
    if key in _TRIED:
        return
    try:
        seconds = _START_FACTOR * limits().trial_seconds
        try_in_child("keras", raw, {"shape": [2, *input_size]}, seconds=seconds)
    except TrialError as error:
        why = "was not built" if error.is_limit else f"fails on images of {input_size}"
        raise CheckpointError(f"The model {why}: {error}; correct the size, or {EXPORT}.") from error
    _TRIED.add(key)


_OF_PROBABILITIES = ("softmax", "sigmoid")
_OUTPUTS = {
    "softmax": ("Its outputs are probabilities (it ends in a softmax).",),
    "sigmoid": ("Its outputs are probabilities one by one (it ends in a sigmoid); they are divided by their sum.",),
}


def _activation(final: LayerStep) -> str:
    """``softmax``, ``sigmoid`` or '' for logits."""
    said = "softmax" if final.kind == "Softmax" else str(final.options.get("activation"))
    return said if said in _OF_PROBABILITIES else ""


def _read_hdf5(raw: bytes, name: str) -> tuple[Mapping[str, Tensor], Texts]:
    try:
        read = try_in_child("hdf5", raw)
    except TrialError as error:
        if "h5py" in str(error):
            raise CheckpointError(
                "Models of Keras need h5py; install it with `pip install taxoscope[keras]`."
            ) from error
        raise CheckpointError(f"{name} is not read: {error}; {_SAVE}.") from error
    tensors, metadata = safetensors_of(read)
    texts: Texts = load_json(metadata["texts"])
    return tensors, texts


def _file(
    raw: bytes, name: str, config: KerasConfig, weights: Mapping[str, list[Tensor]], said: Mapping[str, Said]
) -> KerasFile:
    height, width, channels = config.input_shape
    if channels not in (0, 1, 3) or max(height, width) > MAX_INPUT_SIDE:
        raise CheckpointError(
            f"{name} takes {short(config.input_shape)}; 1 or 3 channels up to {MAX_INPUT_SIDE} a side."
        )
    for path, several in weights.items():
        if not all(bool(torch.isfinite(one).all()) for one in several):
            raise CheckpointError(f"{name} holds numbers that are not finite ({short(path)}); training failed.")
    kept = to_bytes(config.steps, weights)
    digest = hashlib.sha256(raw).hexdigest()
    return KerasFile(name, digest, kept, channels, (height, width), _n_classes(config.steps), said)


def _n_classes(steps: tuple[LayerStep, ...]) -> int:
    at = len(steps)
    while at and steps[at - 1].kind in _NO_WEIGHTS and len(steps[at - 1].inputs) == 1:
        at = steps[at - 1].inputs[0]
    options = steps[at - 1].options if at else {}
    width = options.get("units", options.get("filters", 0))
    n_outputs = width if isinstance(width, int) else 0
    return 2 if n_outputs == 1 and _activation(steps[-1]) == "sigmoid" else n_outputs
