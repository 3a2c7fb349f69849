"""Checks an ONNX graph before a runtime reads it.

The message is walked by its descriptor, so that no place is forgotten in which onnx keeps tensors, nodes or graphs:
initializers, sparse ones, attributes, defaults of a function's attributes, training information.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import onnx
from google.protobuf.message import Message

from model_zoo.core.errors import CheckpointError
from model_zoo.untrusted.parser_errors import first_line, parser_errors_as_ours

OWN_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
LOOPS = ("Loop", "Scan", "If", "SequenceMap")
MAX_NODES = 20_000
"""After all functions are inlined: onnxruntime took 10 s for 16,000, and the largest classifiers have some 5,000."""

MAX_NESTED_FUNCTIONS = 50
MAX_SPARSE_NUMBERS = 2**26
MAX_NUMBERS_PER_BYTE = 4
"""Of a dense tensor, by bytes of the file: two-bit numbers are the smallest."""

_NAMES = """
Conv ConvTranspose ConvInteger QLinearConv MatMul MatMulInteger QLinearMatMul Gemm Einsum Attention
AveragePool MaxPool LpPool GlobalAveragePool GlobalMaxPool GlobalLpPool
BatchNormalization InstanceNormalization LayerNormalization GroupNormalization RMSNormalization LpNormalization LRN
MeanVarianceNormalization
Relu LeakyRelu PRelu Elu Selu Celu Gelu HardSigmoid HardSwish Mish Sigmoid Swish Softmax LogSoftmax Hardmax Softplus
Softsign Tanh ThresholdedRelu Shrink Clip Erf Dropout
Add Sub Mul Div Pow Sqrt Exp Log Abs Neg Reciprocal Floor Ceil Round Sign Mod Min Max Mean Sum
Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh
And Or Not Xor Equal Greater GreaterOrEqual Less LessOrEqual Where IsNaN IsInf
ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare
ArgMax ArgMin CumSum TopK
Reshape Flatten Squeeze Unsqueeze Transpose Concat Split Slice Gather GatherElements GatherND ScatterElements
ScatterND Shape Size Expand Tile Pad Identity Cast CastLike Constant ConstantOfShape Range EyeLike Trilu OneHot
DepthToSpace SpaceToDepth Resize Upsample GridSample RotaryEmbedding
QuantizeLinear DequantizeLinear DynamicQuantizeLinear
"""
OPERATORS = frozenset(_NAMES.split())
"""What classifiers of images are made of. Left out: loops and branches, random numbers, texts, sequences, decoders of
images, and what makes its shape of pixels (NonZero, Compress, Unique, NonMaxSuppression)."""

ML_OPERATORS = frozenset(("Scaler", "Normalizer", "LinearClassifier"))

Function = tuple[str, str, str]
"""Domain, name and overload."""


def parse(raw: bytes, name: str) -> onnx.ModelProto:
    """The model in a file's bytes; `CheckpointError` where it is none, or has fields that onnx does not know."""
    with parser_errors_as_ours(name, CheckpointError, "export it again", "is no ONNX file, or damaged"):
        model = onnx.load_model_from_string(raw)
        size = model.ByteSize()
        model.DiscardUnknownFields()
    if model.ByteSize() != size:  # a newer runtime might read what was not looked at here
        raise CheckpointError(
            f"{name} has fields that the onnx package here does not know; export it for an older version of ONNX."
        )
    if not model.graph.node or not model.opset_import:
        raise CheckpointError(f"{name} is no ONNX model: it has no graph of operators; export it again.")
    return model


def check(model: onnx.ModelProto, name: str, n_bytes: int) -> None:
    """`CheckpointError` unless a model of ``n_bytes`` stays in its file, among `OPERATORS`, and within the limits."""
    _check_tensors(model, name, n_bytes)
    functions = _functions(model, name)
    domains = {one.domain for one in functions.values()}
    imported = [*model.opset_import, *(one for function in model.functions for one in function.opset_import)]
    if foreign := sorted({one.domain for one in imported} - domains - set(OWN_DOMAINS)):
        raise _of_others(name, foreign[0])
    for node in _messages(model, onnx.NodeProto):
        _check_node(node, functions, name)
    n_nodes = _inlined(list(_messages(model.graph, onnx.NodeProto)), functions, {}, name, 0)
    if n_nodes > MAX_NODES:
        raise CheckpointError(
            f"{name} has {_count(n_nodes)} operators once its functions are written out, at most {MAX_NODES:,} are "
            "read; export the classifier alone."
        )


def _messages(message: Message, kind: type[Message]) -> Iterator[Message]:
    """Every message of ``kind`` in ``message``, however deep, itself included; found by the descriptor alone."""
    waiting = [message]
    while waiting:
        one = waiting.pop()
        if isinstance(one, kind):
            yield one
        for field, value in one.ListFields():
            if field.message_type is not None:
                waiting += [value] if isinstance(value, Message) else value


def _check_tensors(model: onnx.ModelProto, name: str, n_bytes: int) -> None:
    for one in _messages(model, onnx.TensorProto):
        if one.data_location == onnx.TensorProto.EXTERNAL or one.external_data:
            raise CheckpointError(
                f"{name} keeps weights in another file, which is not followed; export it as one file."
            )
        _check_size(one.dims, MAX_NUMBERS_PER_BYTE * n_bytes, name)
    for sparse in _messages(model, onnx.SparseTensorProto):
        _check_size(sparse.dims, MAX_SPARSE_NUMBERS, name)


def _check_size(dims: Iterable[int], at_most: int, name: str) -> None:
    sides = list(dims)
    if any(side < 0 for side in sides) or math.prod(sides) > at_most:
        shown = " x ".join(_count(side) for side in sides[:6])
        raise CheckpointError(f"{name} has a tensor of {shown} numbers, which its bytes cannot hold; export it again.")


def _functions(model: onnx.ModelProto, name: str) -> Mapping[Function, onnx.FunctionProto]:
    functions: dict[Function, onnx.FunctionProto] = {}
    for one in model.functions:
        key = _key(one, one.name)
        if one.domain in (*OWN_DOMAINS, "com.microsoft") or key in functions:
            raise CheckpointError(
                f"{name} defines {first_line(ValueError(one.name), 40)!r} anew; export it with each function once, in "
                "a domain of its own."
            )
        functions[key] = one
    return functions


def _check_node(node: onnx.NodeProto, functions: Mapping[Function, onnx.FunctionProto], name: str) -> None:
    if node.op_type in LOOPS and node.domain in OWN_DOMAINS:
        raise CheckpointError(
            f"{name} has a {node.op_type}, which may never end; a classifier needs none: export it so."
        )
    if _key(node, node.op_type) in functions:
        return
    allowed = ML_OPERATORS if node.domain == "ai.onnx.ml" else OPERATORS
    if node.domain not in OWN_DOMAINS:
        raise _of_others(name, node.domain)
    if node.op_type not in allowed:
        raise CheckpointError(
            f"{name} uses the operator {first_line(ValueError(node.op_type), 40)!r}, which is none of the "
            f"{len(OPERATORS)} that classifiers of images need; export the classifier alone."
        )
    if any(one.HasField("g") or one.graphs for one in node.attribute):
        raise CheckpointError(f"{name} has a graph inside its operator {node.op_type}; export it again.")


def _inlined(
    nodes: list[onnx.NodeProto],
    functions: Mapping[Function, onnx.FunctionProto],
    known: dict[Function, int],
    name: str,
    depth: int,
) -> int:
    """How many operators ``nodes`` are with every function written out, without writing one out."""
    if depth > MAX_NESTED_FUNCTIONS:
        raise CheckpointError(
            f"{name} has functions that call themselves, or each other {MAX_NESTED_FUNCTIONS} deep; export it without."
        )
    total = 0
    for key, times in Counter(_key(node, node.op_type) for node in nodes).items():
        if key in functions and key not in known:
            body = list(_messages(functions[key], onnx.NodeProto))
            known[key] = _inlined(body, functions, known, name, depth + 1)
        total += times * known.get(key, 1)
    return total


def _key(one: onnx.NodeProto | onnx.FunctionProto, called: str) -> Function:
    return one.domain, called, one.overload


def _of_others(name: str, domain: str) -> CheckpointError:
    shown = first_line(ValueError(domain), 60)
    return CheckpointError(f"{name} uses operators of {shown!r}, which are not ONNX's own; export it without.")


def _count(number: int) -> str:
    return f"{number:,}" if number < 10**15 else "very many"
