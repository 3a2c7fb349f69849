"""ONNX models: checked, then run by onnxruntime on the CPU."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from model_zoo.checkpoints.onnx_checks import check, parse
from model_zoo.checkpoints.onnx_trial import session_of
from model_zoo.core.errors import CheckpointError
from model_zoo.images.decoding import MAX_INPUT_SIDE
from model_zoo.untrusted.killable import TrialError, try_in_child
from model_zoo.untrusted.parser_errors import parser_errors_as_ours

_SAME = ("Flatten", "Reshape", "Squeeze", "Identity", "Dropout")
_MEANS = ("GlobalAveragePool", "ReduceMean")


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

    @cached_property
    def sha256(self) -> str:
        """64 hexadecimal digits."""
        return hashlib.sha256(self.raw).hexdigest()


class OnnxModel(nn.Module):
    """A graph as TaxoScope asks models; logits come out in the order of ``columns`` of its outputs.

    Where the graph ends in global average pooling and one linear layer, these two are torch's, and ``features`` is a
    layer at which maps can be read; else there is none.
    """

    def __init__(self, graph: Graph, columns: tuple[int, ...]) -> None:
        super().__init__()
        self.graph, self.columns = graph, columns
        self.features, self.head = _split(graph)

    @property
    def has_maps(self) -> bool:
        """Whether class activation maps can be read."""
        return self.head is not None

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (N, K)."""
        said = self.features(inputs) if self.head is None else self.head(self.features(inputs).mean(dim=(2, 3)))
        if said.ndim != 2 or said.shape[1] != len(self.columns):
            raise CheckpointError(
                f"{self.graph.name} gives {tuple(said.shape)}, not ({len(inputs)}, {len(self.columns)} classes); "
                "choose the taxonomy that it was trained on."
            )
        said = said[:, list(self.columns)].float()
        if self.head is None and self.graph.gives_probabilities:
            return said.clamp_min(torch.finfo(torch.float32).tiny).log()
        return said


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
    final = _makers(model).get(model.graph.output[0].name)
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
    sides = (*shape[1:], shape[0]) if graph.channels_last else shape
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


class _Session(nn.Module):
    """A graph's run as a layer; no gradient passes through it."""

    def __init__(self, graph: Graph, raw: bytes) -> None:
        super().__init__()
        try_once(graph)
        with parser_errors_as_ours(graph.name, CheckpointError, "export it again", "is no graph that onnxruntime runs"):
            self.session = session_of(raw)
        self.graph, self.input = graph, self.session.get_inputs()[0].name

    def forward(self, inputs: Tensor) -> Tensor:
        pixels = inputs.detach().numpy()
        pixels = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1) if self.graph.channels_last else pixels)
        blocks = np.split(pixels, len(pixels)) if self.graph.one_by_one else [pixels]
        shape = tuple(inputs.shape[1:])
        try_once(self.graph, shape)
        with parser_errors_as_ours(self.graph.name, CheckpointError, "correct the size", f"fails on images of {shape}"):
            said = np.concatenate([self.session.run(None, {self.input: one})[0] for one in blocks])
        return torch.from_numpy(np.asarray(said, dtype=np.float32))


def _split(graph: Graph) -> tuple[_Session, nn.Linear | None]:
    whole = _Session(graph, graph.raw)
    with parser_errors_as_ours(graph.name, CheckpointError, "export it again"):
        found = _before_pooling(parse(graph.raw, graph.name))
    if found is None or graph.channels_last:
        return whole, None
    raw, weight, bias = found
    head = nn.Linear(weight.shape[1], weight.shape[0])
    head.load_state_dict({"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)})
    features = _Session(graph, raw)
    height, width = (side or 64 for side in graph.size)
    probe = torch.rand(2, graph.channels or 3, height, width, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        maps = features(probe)
        if maps.ndim != 4:
            return whole, None
        scores, expected = head(maps.mean(dim=(2, 3))), whole(probe)
        scores = scores.softmax(dim=1) if graph.gives_probabilities else scores
        same = scores.shape == expected.shape and torch.allclose(scores, expected, rtol=1e-3, atol=1e-4)
    return (features, head) if same else (whole, None)


def _before_pooling(model: onnx.ModelProto) -> tuple[bytes, NDArray[np.float32], NDArray[np.float32]] | None:
    """The graph up to its global pooling, and weights (K, C) and biases (K,) after it; None where it ends otherwise.

    What is found is a guess by the names of operators; `_split` checks it with numbers.
    """
    makers = _makers(model)
    values = {one.name: one for one in model.graph.initializer}

    def back(name: str, through: tuple[str, ...]) -> onnx.NodeProto | None:
        node = makers.get(name)
        while node is not None and node.op_type in through:
            node = makers.get(node.input[0])
        return node

    last, bias = back(model.graph.output[0].name, ("Softmax", "Identity")), None
    if last is not None and last.op_type == "Add":
        bias = next((values[one] for one in last.input if one in values), None)
        last = next((makers[one] for one in last.input if one in makers), None)
    if last is None or last.op_type not in ("Gemm", "MatMul") or last.input[1] not in values:
        return None
    weight = np.asarray(numpy_helper.to_array(values[last.input[1]]), dtype=np.float32)
    turned = any(one.name == "transB" and one.i for one in last.attribute)
    weight = weight if turned else weight.T
    if last.op_type == "Gemm" and len(last.input) > 2:
        bias = values.get(last.input[2])
    added = np.zeros(len(weight)) if bias is None else numpy_helper.to_array(bias)
    pool = back(last.input[0], _SAME)
    if pool is None or pool.op_type not in _MEANS or weight.ndim != 2 or added.shape != (len(weight),):
        return None
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_tensor_value_info(pool.input[0], onnx.TensorProto.FLOAT, None))
    return model.SerializeToString(), np.array(weight, order="C"), np.array(added, dtype=np.float32)


def _makers(model: onnx.ModelProto) -> Mapping[str, onnx.NodeProto]:
    return {name: node for node in model.graph.node for name in node.output}
