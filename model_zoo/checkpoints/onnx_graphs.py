"""ONNX graphs: checked, then run by onnxruntime on the CPU, without torch."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from model_zoo.checkpoints.onnx_checks import check, parse
from model_zoo.checkpoints.onnx_trial import session_of
from model_zoo.core.errors import CheckpointError
from model_zoo.images.decoding import MAX_INPUT_SIDE
from model_zoo.untrusted.killable import TrialError, try_in_child
from model_zoo.untrusted.parser_errors import parser_errors_as_ours
from model_zoo.workspace.run import ONNX


@dataclass(frozen=True)
class Graph:
    """A graph with one picture in and one row of class scores out.

    ``channels`` and ``size`` (height, width) are what it takes, 0 where it takes any; ``n_classes`` what it gives, 0
    where it does not say. ``channels_last``: it takes (N, height, width, channels).
    """

    name: str
    raw: bytes
    channels: int
    size: tuple[int, int]
    channels_last: bool
    one_by_one: bool
    n_classes: int
    gives_probabilities: bool
    said: Mapping[str, Any] = field(default_factory=dict)
    architecture: str = ONNX

    @cached_property
    def sha256(self) -> str:
        """64 hexadecimal digits."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def sentences(self) -> tuple[str, str]:
        """What goes in and comes out, in two sentences."""
        takes = ", ".join(str(side or "any") for side in (self.channels, *self.size))
        outputs = f"{self.n_classes} output{'' if self.n_classes == 1 else 's'}"
        gives = outputs if self.n_classes else "outputs, it does not say how many"
        return f"ONNX; takes {takes} (channels, height, width).", f"It gives {gives}."


def read_graph(raw: bytes, name: str) -> Graph:
    """The graph in a file's bytes; `CheckpointError` says why it is not run. Nothing beside the file is opened."""
    model = parse(raw, name)
    check(model, name, len(raw))
    given = {one.name for one in model.graph.initializer}
    inputs = [one for one in model.graph.input if one.name not in given]
    if len(inputs) != 1 or len(model.graph.output) != 1:
        raise CheckpointError(
            f"{name} has {len(inputs)} inputs and {len(model.graph.output)} outputs; one picture and one row of class "
            "scores are expected: export the classifier alone."
        )
    if inputs[0].type.tensor_type.elem_type != onnx.TensorProto.FLOAT:
        raise CheckpointError(f"{name} takes no float32 pictures; export it with float32 inputs.")
    sides = [one.dim_value for one in inputs[0].type.tensor_type.shape.dim]
    if len(sides) != 4 or sides[0] not in (0, 1):
        raise CheckpointError(f"{name} takes {sides}, not (images, channels, height, width) of any number of images.")
    last = sides[3] in (1, 3) and sides[1] not in (1, 3)
    channels, height, width = (sides[3], sides[1], sides[2]) if last else (sides[1], sides[2], sides[3])
    if channels not in (0, 1, 3) or not all(0 <= side <= MAX_INPUT_SIDE for side in (height, width)):
        raise CheckpointError(f"{name} takes {sides}; 1 or 3 channels up to {MAX_INPUT_SIDE} a side are expected.")
    rows = [one.dim_value for one in model.graph.output[0].type.tensor_type.shape.dim]
    final = makers(model).get(model.graph.output[0].name)
    softmax = final is not None and final.op_type == "Softmax"
    n_classes = rows[-1] if rows else 0
    return Graph(name, raw, channels, (height, width), last, sides[0] == 1, n_classes, softmax)


_TRIED: set[tuple[str, tuple[int, ...]]] = set()
"""Graphs, and what was put in, that ran to their end in a child of this process; () was only loaded."""


def try_once(graph: Graph, shape: tuple[int, ...] = ()) -> None:
    """Load a graph in a killable child, and run it there on one image or two of ``shape`` (channels, height, width).

    What passed once is not tried again. `CheckpointError` where it fails, or is stopped by a limit.
    """
    if (graph.sha256, shape) in _TRIED:
        return
    sides = (*shape[1:], shape[0]) if shape and graph.channels_last else shape
    batch = [1 if graph.one_by_one else 2, *sides] if shape else []
    try:
        try_in_child("onnx", graph.raw, {"shape": batch})
    except TrialError as error:
        if error.is_limit:
            raise CheckpointError(f"{graph.name} was not loaded: {error}; give a smaller graph.") from error
        if shape and (graph.sha256, ()) in _TRIED:
            raise CheckpointError(f"{graph.name} fails on images of {shape} ({error}); correct the size.") from error
        raise CheckpointError(f"{graph.name} is no graph that onnxruntime runs ({error}).") from error
    _TRIED.update(((graph.sha256, shape), (graph.sha256, ())))


class GraphSession:
    """A graph loaded by onnxruntime, after it was loaded in a killable child."""

    def __init__(self, graph: Graph, raw: bytes = b"") -> None:
        """``raw`` is a part of the graph to run in its place."""
        try_once(graph)
        with parser_errors_as_ours(graph.name, CheckpointError, "export it again", "is no graph that onnxruntime runs"):
            self.session = session_of(raw or graph.raw)
        self.graph, self.input = graph, self.session.get_inputs()[0].name

    def __call__(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Outputs for normalised pixels (N, channels, height, width)."""
        shape = tuple(pixels.shape[1:])
        pixels = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1) if self.graph.channels_last else pixels)
        blocks = np.split(pixels, len(pixels)) if self.graph.one_by_one else [pixels]
        try_once(self.graph, shape)
        with parser_errors_as_ours(self.graph.name, CheckpointError, "correct the size", f"fails on images of {shape}"):
            said = np.concatenate([self.session.run(None, {self.input: one})[0] for one in blocks])
        return np.asarray(said, dtype=np.float32)


class GraphClassifier:
    """A graph that predicts classes; its outputs are put in the order of ``columns``."""

    def __init__(self, graph: Graph, columns: tuple[int, ...]) -> None:
        self.graph, self.columns = graph, columns
        self.session = GraphSession(graph)

    def __call__(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (N, K) of normalised pixels (N, channels, height, width)."""
        said = self.session(pixels)
        check_outputs(self.graph, said.shape, (len(pixels), len(self.columns)))
        said = said[:, list(self.columns)]
        return np.log(np.maximum(said, np.finfo(np.float32).tiny)) if self.graph.gives_probabilities else said


def check_outputs(graph: Graph, found: tuple[int, ...], expected: tuple[int, int]) -> None:
    """`CheckpointError` unless the outputs have the shape (N, K) that the classes want."""
    if found != expected:
        raise CheckpointError(
            f"{graph.name} gives {found}, not ({expected[0]}, {expected[1]} classes); "
            "choose the taxonomy that it was trained on."
        )


def makers(model: onnx.ModelProto) -> Mapping[str, onnx.NodeProto]:
    """Name of a value -> the node that makes it."""
    return {name: node for node in model.graph.node for name in node.output}
