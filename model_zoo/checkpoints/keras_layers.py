"""Layers of a Keras model, run by Keras 3 on torch: built from steps that were checked, each a torch module."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from model_zoo.checkpoints.keras_config import CHANNELS_LAST, LayerStep, steps_from_json
from model_zoo.checkpoints.read import safetensors_of, short
from model_zoo.core.errors import CheckpointError
from model_zoo.untrusted.text_limits import load_json

INSTALL = "install it with `pip install taxoscope[keras]`"


def to_bytes(steps: Sequence[LayerStep], weights: Mapping[str, Sequence[Tensor]]) -> bytes:
    """A model as a run keeps it: safetensors with the steps among its metadata."""
    tensors = {f"{path}/{index}": one for path, all_of_it in weights.items() for index, one in enumerate(all_of_it)}
    return save(tensors, {"keras": json.dumps([step.to_json() for step in steps])})


def from_bytes(raw: bytes) -> tuple[tuple[LayerStep, ...], Mapping[str, list[Tensor]]]:
    """What `to_bytes` wrote, checked again: whoever wrote the run's folder may have changed it."""
    held, metadata = safetensors_of(raw)
    steps = steps_from_json(load_json(metadata["keras"]))
    tensors, weights = dict(held), dict[str, list[Tensor]]()
    for step in steps:
        if step.path not in weights:
            weights[step.path] = []
            while (one := tensors.pop(f"{step.path}/{len(weights[step.path])}", None)) is not None:
                weights[step.path].append(one)
    if tensors:
        raise CheckpointError(f"There are weights {short(next(iter(tensors)))} for a layer that is not there.")
    return steps, weights


class LayerNetwork(nn.Module):
    """The steps, run in order: pixels (N, channels, height, width) in, what the last step gives out.

    ``input_shape`` is (height, width, channels). `CheckpointError` where the weights have other shapes than the layers:
    that is known before any of them is given memory.
    """

    output_fmt = "NHWC"
    """What a heatmap reads of it: layers give (N, height, width, C)."""

    def __init__(
        self, steps: Sequence[LayerStep], weights: Mapping[str, Sequence[Tensor]], input_shape: tuple[int, int, int]
    ) -> None:
        super().__init__()
        self.steps = tuple(steps)
        self.keys = {path: path.replace(".", "_") for path in dict.fromkeys(step.path for step in steps)}
        if len(set(self.keys.values())) < len(self.keys):
            raise CheckpointError("Two of its layers have almost the same name; rename one.")
        self.last_use = {index: at for at, step in enumerate(steps) for index in step.inputs}
        self.layers = nn.ModuleDict(
            {self.keys[path]: _Layer(layer) for path, layer in _built(self.steps, weights, input_shape)}
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """What the last layer gives."""
        values: dict[int, Tensor] = {0: inputs.permute(0, 2, 3, 1).contiguous()}
        for at, step in enumerate(self.steps):
            values[at + 1] = self.layers[self.keys[step.path]](*(values[index] for index in step.inputs))
            for index in step.inputs:
                if self.last_use[index] == at:
                    values.pop(index, None)
        return values[len(self.steps)]


def try_layers(raw: bytes, shape: Sequence[int]) -> None:
    """Build the model and run it once on noise of ``shape`` (images, channels, height, width) in -1..1."""
    _, channels, height, width = shape
    with torch.no_grad():
        LayerNetwork(*from_bytes(raw), (height, width, channels))(2 * torch.rand(*shape) - 1)


class _Layer(nn.Module):
    """One layer of Keras, at which torch's hooks can read."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, *values: Tensor) -> Tensor:
        result: Tensor = self.layer(values[0] if len(values) == 1 else list(values))
        return result


def _built(
    steps: Sequence[LayerStep], weights: Mapping[str, Sequence[Tensor]], input_shape: tuple[int, int, int]
) -> Iterator[tuple[str, Any]]:
    """Each layer with its weights, in the order of its first call."""
    keras = import_keras()
    shapes: dict[str, Any] = {}
    with keras.device("meta"), torch.no_grad():  # shapes alone: no memory, no work
        values, hollow = [torch.empty(1, *input_shape, device="meta")], dict[str, Any]()
        for step in steps:
            taken = [values[index] for index in step.inputs]
            layer = hollow.setdefault(step.path, _made(keras, step))
            shapes.setdefault(step.path, [tuple(one.shape) for one in taken])
            try:
                values.append(layer(taken[0] if len(taken) == 1 else taken))
            except Exception as error:  # Keras raises anything for options and shapes that do not fit
                raise CheckpointError(
                    f"Layer {short(step.path)} takes no {shapes[step.path]}: {short(error)}"
                ) from error
            _check_shapes(step, layer, weights.get(step.path, ()))
    for step in {one.path: one for one in reversed(steps)}.values():
        shapes[step.path] = shapes[step.path][0] if len(shapes[step.path]) == 1 else shapes[step.path]
    for step in {one.path: one for one in steps}.values():
        layer = _made(keras, step)
        layer.build(shapes[step.path])
        if weights.get(step.path):
            for variable, tensor in zip(layer.weights, weights[step.path], strict=True):
                variable.assign(tensor)
        yield step.path, layer


def _made(keras: Any, step: LayerStep) -> Any:
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in step.options.items()}
    if step.kind in CHANNELS_LAST:
        options["data_format"] = "channels_last"
    try:
        return getattr(keras.layers, step.kind)(**options, dtype="float32")
    except Exception as error:
        raise CheckpointError(f"Layer {short(step.path)} cannot be built: {short(error)}.") from error


def _check_shapes(step: LayerStep, layer: Any, weights: Sequence[Tensor]) -> None:
    wanted, there = ([tuple(one.shape) for one in several] for several in (layer.weights, weights))
    if wanted != there:
        raise CheckpointError(f"Layer {short(step.path)} takes weights of {short(wanted)}, and has {short(there)}.")


def import_keras() -> Any:
    """Keras on torch; `CheckpointError` where it is not installed, or was loaded with something else."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    try:
        import keras
    except ImportError as error:
        raise CheckpointError(f"Models of Keras need the package keras; {INSTALL}.") from error
    if keras.backend.backend() != "torch":
        raise CheckpointError(
            f"Keras runs on {keras.backend.backend()} here; set KERAS_BACKEND=torch before it is loaded."
        )
    return keras
