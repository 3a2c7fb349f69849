"""An ONNX graph of a convolution and a linear layer, small enough to check by hand."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

RNG = np.random.default_rng(0)
KERNELS = RNG.normal(size=(4, 1, 3, 3)).astype(np.float32)
WEIGHT, BIAS = RNG.normal(size=(3, 4)).astype(np.float32), RNG.normal(size=3).astype(np.float32)


def graph(*, pooled=True, softmax=False, batch="n", more=(), domain="", external=False):
    """A convolution, a ReLU, global pooling and a linear layer; or a linear layer over all cells."""
    nodes = [
        helper.make_node("Conv", ["x", "kernels"], ["c"], pads=[1, 1, 1, 1], strides=[4, 4]),
        helper.make_node("Relu", ["c"], ["r"], domain=domain),
        *([helper.make_node("GlobalAveragePool", ["r"], ["g"])] if pooled else []),
        helper.make_node("Flatten", ["g" if pooled else "r"], ["f"]),
        helper.make_node("Gemm", ["f", "weight", "bias"], ["s"], transB=1),
        *([helper.make_node("Softmax", ["s"], ["p"], axis=1)] if softmax else []),
        *more,
    ]
    weight = WEIGHT if pooled else np.tile(WEIGHT, (1, 64))
    held = {"kernels": KERNELS, "weight": weight, "bias": BIAS}
    tensors = [numpy_helper.from_array(array, name) for name, array in held.items()]
    if external:
        tensors[0].data_location = TensorProto.EXTERNAL
        tensors[0].external_data.add(key="location", value="../../etc/passwd")
        tensors[0].ClearField("raw_data")
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 1, 32, 32])]
    outputs = [helper.make_tensor_value_info("p" if softmax else "s", TensorProto.FLOAT, [batch, 3])]
    made = helper.make_graph(nodes, "g", inputs, outputs, tensors)
    opsets = [helper.make_opsetid("", 17), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(made, opset_imports=opsets, ir_version=8)
