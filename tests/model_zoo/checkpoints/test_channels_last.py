"""ONNX graphs that take (N, height, width, 3), as TensorFlow exports them."""

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from model_zoo.checkpoints.model_file import read_model
from model_zoo.checkpoints.onnx_models import OnnxModel

KERNELS = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)
WEIGHT = np.random.default_rng(1).normal(size=(4, 2)).astype(np.float32)


def test_pictures_with_channels_last_are_given_as_the_graph_takes_them(tmp_path):
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["t", "kernels"], ["c"]),
        helper.make_node("GlobalAveragePool", ["c"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("MatMul", ["f", "weight"], ["y"]),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 6, 8, 3])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])]
    held = [numpy_helper.from_array(KERNELS, "kernels"), numpy_helper.from_array(WEIGHT, "weight")]
    graph = helper.make_graph(nodes, "g", inputs, outputs, held)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")
    found = read_model(tmp_path / "m.onnx")
    assert (found.channels, found.size, found.channels_last, found.n_classes) == (3, (6, 8), True, 2)
    pixels = torch.rand(5, 3, 6, 8, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.conv2d(pixels, torch.from_numpy(KERNELS)).mean(dim=(2, 3)) @ torch.from_numpy(WEIGHT)
    assert torch.allclose(OnnxModel(found, (0, 1))(pixels), expected, atol=1e-5)
