"""ONNX graphs as modules of torch, in which heatmaps can be read."""

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from model_zoo.checkpoints.onnx_checks import parse
from model_zoo.checkpoints.onnx_graphs import Graph, GraphSession, check_outputs, makers
from model_zoo.core.errors import CheckpointError
from model_zoo.untrusted.parser_errors import parser_errors_as_ours

_SAME = ("Flatten", "Reshape", "Squeeze", "Identity", "Dropout")
_MEANS = ("GlobalAveragePool", "ReduceMean")


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
        check_outputs(self.graph, tuple(said.shape), (len(inputs), len(self.columns)))
        said = said[:, list(self.columns)].float()
        if self.head is None and self.graph.gives_probabilities:
            return said.clamp_min(torch.finfo(torch.float32).tiny).log()
        return said


class _Session(nn.Module):
    """A graph's run as a layer; no gradient passes through it."""

    def __init__(self, graph: Graph, raw: bytes) -> None:
        super().__init__()
        self.session = GraphSession(graph, raw)

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.from_numpy(self.session(inputs.detach().numpy()))


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
    made_by = makers(model)
    values = {one.name: one for one in model.graph.initializer}

    def back(name: str, through: tuple[str, ...]) -> onnx.NodeProto | None:
        node = made_by.get(name)
        while node is not None and node.op_type in through:
            node = made_by.get(node.input[0])
        return node

    last, bias = back(model.graph.output[0].name, ("Softmax", "Identity")), None
    if last is not None and last.op_type == "Add":
        bias = next((values[one] for one in last.input if one in values), None)
        last = next((made_by[one] for one in last.input if one in made_by), None)
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
