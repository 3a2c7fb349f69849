"""Loads weights into a module; refuses what is unsafe or does not fit the card."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

# Waiting threads that spin slow each other down 2-6 x when the cores are shared; read once, by libgomp.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import timm
import torch
import torchvision.models
from safetensors.torch import load
from torch import nn

from model_zoo.checkpoints.trusted_code import TrustedCode, read_code
from model_zoo.checkpoints.weights import check_weights, read_weights
from model_zoo.core.errors import CheckpointError
from model_zoo.untrusted.parser_errors import first_line, is_parser_error
from model_zoo.workspace.run import CODE, GRAPH, KERAS, ONNX, TRANSFORMERS, Card, Run

TORCHVISION = "torchvision."
"""Starts the names of torchvision's architectures; all others are timm's."""


def check_architecture(architecture: str, input_size: tuple[int, int, int]) -> None:
    """`CheckpointError` unless a model can be built and takes one image of ``input_size`` (channels, height, width)."""
    model = build(architecture, input_size, n_classes=2).eval()
    with _at_size(architecture, input_size), torch.inference_mode():
        model(torch.zeros(1, *input_size))


def build(architecture: str, input_size: tuple[int, int, int], n_classes: int, at_any_size: bool = False) -> nn.Module:
    """A freshly initialised model of timm, or of torchvision where the name starts with `TORCHVISION`.

    ``input_size`` is (channels, height, width); ``at_any_size`` leaves height and width to the architecture.
    `CheckpointError` for an architecture that does not exist or cannot be built.
    """
    channels, height, width = input_size
    if architecture.startswith(TORCHVISION):
        return _build_torchvision(architecture, input_size, n_classes)
    if not timm.is_model(architecture):
        close = timm.list_models(f"*{architecture[:6]}*")[:3]
        hint = f"Did you mean {', '.join(close)}?" if close else "See timm.list_models()."
        raise CheckpointError(f"timm has no architecture {architecture!r}. {hint}")
    options: dict[str, Any] = {"num_classes": n_classes, "in_chans": channels, "pretrained": False}
    with _at_size(architecture, input_size):
        if at_any_size:
            return timm.create_model(architecture, **options)
        try:
            return timm.create_model(architecture, img_size=(height, width), **options)
        except TypeError:  # fully convolutional models take any size and refuse the argument
            return timm.create_model(architecture, **options)


def _build_torchvision(architecture: str, input_size: tuple[int, int, int], n_classes: int) -> nn.Module:
    name, known = architecture.removeprefix(TORCHVISION), torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        close = get_close_matches(name, known)
        hint = f"Did you mean {', '.join(close)}?" if close else "See torchvision.models.list_models()."
        raise CheckpointError(f"torchvision has no classifier {name!r}. {hint}")
    if input_size[0] != 3:
        raise CheckpointError(f"{architecture} takes 3 channels, not {input_size[0]}; declare 3, or take a timm model.")
    with _at_size(architecture, input_size):
        return torchvision.models.get_model(name, weights=None, num_classes=n_classes)


def load_model(run: Run, trusted: Collection[str] = ()) -> nn.Module:
    """The run's model in evaluation mode on the CPU, its weights checked against the card.

    A run that brought its own code is loaded only if ``trusted`` names it: that runs the code.
    """
    raw, code = read_weights(run), None
    if run.card.code:
        if run.run_id not in trusted:
            raise CheckpointError(
                f"The model of run {run.run_id!r} comes with its own code, which runs only where you say so: read "
                f"{CODE} in its folder and start again with --trust-code {run.run_id!r}."
            )
        code = read_code(run.folder / CODE)
        if code.sha256 != run.card.code["sha256"]:
            raise CheckpointError(f"{CODE} of run {run.run_id!r} is not the file that was imported; restore it.")
    return restore(run.card, raw, code).eval()


def restore(card: Card, weights: bytes, code: TrustedCode | None = None) -> nn.Module:
    """A model with these safetensors weights; `CheckpointError` if they are not the card's. ``code`` is run."""
    check_weights(card, weights)
    if card.architecture == ONNX:
        from model_zoo.checkpoints.onnx_graphs import read_graph
        from model_zoo.checkpoints.onnx_models import OnnxModel

        return OnnxModel(read_graph(weights, GRAPH), card.columns)
    if card.architecture == KERAS:
        from model_zoo.checkpoints.keras_models import KerasModel

        return KerasModel(weights, card.prepared.input_size, card.columns)
    if card.architecture == TRANSFORMERS:
        from model_zoo.checkpoints.transformers_models import TransformersModel

        return TransformersModel(weights, card.columns)
    channels, n_classes = card.prepared.channels, len(card.classes)
    if code is None:
        model = build(card.architecture, card.prepared.input_size, n_classes)
    else:
        model = code.network(n_classes, channels)
    try:
        state: dict[str, torch.Tensor] = load(weights)
        model.load_state_dict(state)
    except Exception as error:
        if not is_parser_error(error):  # KeyError, for one: number formats that torch lacks
            raise
        first = first_line(error, 300)
        raise CheckpointError(f"The weights of run {card.run_id!r} do not fit {card.architecture}: {first}") from error
    return model if code is None else code.around(model, card.columns)


@contextmanager
def _at_size(architecture: str, input_size: tuple[int, int, int]) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # timm's models raise anything at a size they were not written for
        channels, height, width = input_size
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise CheckpointError(
            f"Architecture {architecture!r} does not take images of {height} x {width} with {channels} channel(s) "
            f"({first}); change the architecture or the recipe's size."
        ) from error
