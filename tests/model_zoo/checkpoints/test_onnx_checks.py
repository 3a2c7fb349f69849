"""ONNX graphs that hide files, loops or endless work: refused before a runtime sees them, or stopped in a child."""

import time

import numpy as np
import onnx
import onnx.inliner
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from model_zoo.checkpoints import onnx_graphs
from model_zoo.checkpoints.onnx_checks import MAX_NODES, OPERATORS
from model_zoo.checkpoints.onnx_graphs import read_graph, try_once
from model_zoo.checkpoints.onnx_models import OnnxModel
from model_zoo.checkpoints.onnx_trial import session_of
from model_zoo.core.errors import CheckpointError
from tests.small_graph import graph

OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]


def read(model, name="g.onnx"):
    return read_graph(model.SerializeToString(), name)


def refused(model, says):
    with pytest.raises(CheckpointError) as error:
        read(model)
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def outside():
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "t")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../../etc/passwd")
    tensor.ClearField("raw_data")
    return tensor


def sparse():
    one = onnx.SparseTensorProto(values=outside(), dims=[4])
    one.indices.CopyFrom(numpy_helper.from_array(np.arange(4), "i"))
    return one


def with_function(model, nodes, attributes=(), name="Relu"):
    function = helper.make_function("local", name, ["x"], ["y"], nodes, OPSETS)
    function.attribute_proto.extend(attributes)
    model.functions.append(function)
    if all(one.domain != "local" for one in model.opset_import):
        model.opset_import.append(OPSETS[1])
    return model


def in_an_attribute(fill, kind):
    model = graph()
    node = helper.make_node("Constant", [], ["held"])
    fill(node.attribute.add(name="value", type=kind))
    model.graph.node.append(node)
    return model


def in_a_default(fill, kind):
    attribute = onnx.AttributeProto(name="a", type=kind)
    fill(attribute)
    node = helper.make_node("Constant", [], ["c"])
    node.attribute.add(name="value", type=kind, ref_attr_name="a")
    return with_function(graph(), [node, helper.make_node("Relu", ["x"], ["y"])], [attribute])


def in_training():
    model = graph()
    model.training_info.add().initialization.initializer.append(outside())
    return model


def sparse_initializer():
    model = graph()
    model.graph.sparse_initializer.append(sparse())
    return model


KINDS = onnx.AttributeProto
HIDDEN = {
    "initializer": lambda: graph(external=True),
    "sparse initializer": sparse_initializer,
    "value": lambda: in_an_attribute(lambda a: a.t.CopyFrom(outside()), KINDS.TENSOR),
    "values": lambda: in_an_attribute(lambda a: a.tensors.append(outside()), KINDS.TENSORS),
    "sparse_value": lambda: in_an_attribute(lambda a: a.sparse_tensor.CopyFrom(sparse()), KINDS.SPARSE_TENSOR),
    "sparse values": lambda: in_an_attribute(lambda a: a.sparse_tensors.append(sparse()), KINDS.SPARSE_TENSORS),
    "default value": lambda: in_a_default(lambda a: a.t.CopyFrom(outside()), KINDS.TENSOR),
    "default sparse value": lambda: in_a_default(lambda a: a.sparse_tensor.CopyFrom(sparse()), KINDS.SPARSE_TENSOR),
    "subgraph": lambda: in_an_attribute(lambda a: a.g.initializer.append(outside()), KINDS.GRAPH),
    "training": in_training,
}


@pytest.mark.parametrize("place", HIDDEN)
def test_weights_in_another_file_are_found_wherever_onnx_can_keep_a_tensor(place):
    refused(HIDDEN[place](), "keeps weights in another file, which is not followed")


def test_a_place_that_keeps_tensors_is_found_by_the_descriptor_and_by_no_list():
    """Every way from a model to a tensor that onnx's own schema has is walked, by another route than the check's."""
    ways, waiting = set(), [(onnx.ModelProto.DESCRIPTOR, ())]
    while waiting:
        kind, way = waiting.pop()
        if kind.name == "TensorProto":
            ways.add(way)
        elif len(way) < 5:
            waiting += [(one.message_type, (*way, one.name)) for one in kind.fields if one.message_type]
    assert len(ways) > 20
    for way in ways:
        model = graph()
        one = model
        for name in way[:-1]:
            one = getattr(one, name)
            one = one.add() if hasattr(one, "add") else one
        last = getattr(one, way[-1])
        (last.append if hasattr(last, "append") else last.CopyFrom)(outside())
        refused(model, "keeps weights in another file")


def test_one_function_of_a_domain_allows_that_function_alone():
    ours = with_function(graph(domain="local"), [helper.make_node("Relu", ["x"], ["y"])])
    assert read(ours).n_classes == 3
    ours.graph.node.append(helper.make_node("FusedMatMul", ["x", "x"], ["z"], domain="local"))
    refused(ours, "uses operators of 'local', which are not ONNX's own")
    inner = with_function(graph(domain="local"), [helper.make_node("Evil", ["x"], ["y"], domain="local")])
    refused(inner, "uses operators of 'local'")
    microsoft = graph(more=[helper.make_node("Attention", ["x"], ["z"], domain="com.microsoft")])
    microsoft.functions.append(helper.make_function("com.microsoft", "Gelu", ["x"], ["y"], [], OPSETS))
    refused(microsoft, "defines 'Gelu' anew")
    refused(with_function(with_function(graph(domain="local"), []), []), "defines 'Relu' anew")


@pytest.mark.parametrize("operator", ["ImageDecoder", "RandomNormal", "StringConcat", "NonZero", "SequenceConstruct"])
def test_an_operator_that_no_classifier_needs_is_refused(operator):
    refused(graph(more=[helper.make_node(operator, ["x"], ["z"])]), f"uses the operator '{operator}'")


def test_every_operator_that_is_read_is_one_of_onnx():
    known = {one.name for one in onnx.defs.get_all_schemas_with_history() if one.domain == ""}
    assert known >= OPERATORS


@pytest.mark.parametrize("operator", ["Loop", "Scan", "If", "SequenceMap"])
def test_a_loop_is_refused_in_a_function_too(operator):
    node = helper.make_node(operator, ["x"], ["y"])
    refused(with_function(graph(domain="local"), [node]), f"has a {operator}, which may never end")


def doubling(n, times=2):
    """Functions of which each calls the one before ``times`` times: ``times`` ** (n - 1) operators."""
    model = graph()
    for k in range(n):
        chain = [f"t{j}" for j in range(times)]
        calls = [("Relu", "")] if k == 0 else [(f"f{k - 1}", "local")] * times
        names = ["x", *chain[: len(calls) - 1], "y"]
        nodes = [helper.make_node(op, [a], [b], domain=d) for (op, d), a, b in zip(calls, names, names[1:])]
        with_function(model, nodes, name=f"f{k}")
    model.graph.node[1].CopyFrom(helper.make_node(f"f{n - 1}", ["c"], ["r"], domain="local"))
    return model


@pytest.mark.parametrize(("n", "times"), [(16, 2), (60, 2), (12, 3), (40, 10)])
def test_functions_that_call_others_twice_are_counted_without_writing_them_out(n, times):
    model = doubling(n, times)
    assert times ** (n - 1) > MAX_NODES
    started = time.process_time()
    refused(model, "50 deep" if n > 51 else "operators once its functions are written out, at most 20,000")
    assert time.process_time() - started < 5


def test_the_count_is_that_of_the_runtime():
    model = doubling(8)
    assert len(onnx.inliner.inline_local_functions(model).graph.node) == 2**7 + 4
    assert OnnxModel(read(model), (0, 1, 2)).has_maps


def test_functions_that_call_themselves_are_refused():
    refused(with_function(graph(domain="local"), [helper.make_node("Relu", ["x"], ["y"], domain="local")]), "50 deep")


def test_tensors_larger_than_their_file_are_refused():
    for dims in ([2**31, 2**31], [10**9], [-1, -(10**9)], [2**62] * 8):
        model = graph()
        model.graph.initializer.append(TensorProto(name="t", data_type=1, dims=dims))
        refused(model, "which its bytes cannot hold")
    model = graph()
    one = model.graph.sparse_initializer.add(dims=[2**20, 2**20])
    one.values.CopyFrom(numpy_helper.from_array(np.ones(1, np.float32), "s"))
    one.indices.CopyFrom(numpy_helper.from_array(np.zeros(1, np.int64), "i"))
    refused(model, "which its bytes cannot hold")


def test_fields_that_only_a_newer_onnx_knows_are_refused():
    raw = graph().SerializeToString() + b"\xfa\x3f\x03abc"  # field 1023, three bytes
    with pytest.raises(CheckpointError, match="has fields that the onnx package here does not know"):
        read_graph(raw, "g.onnx")


def large_constants(side, n):
    """A chain of ``n`` operators on a constant of ``side`` x ``side`` that no image reaches."""
    model = graph()
    made = [helper.make_node("ConstantOfShape", ["side"], ["k0"])]
    made += [helper.make_node(("Sin", "Cos")[k % 2], [f"k{k}"], [f"k{k + 1}"]) for k in range(n)]
    made += [
        helper.make_node("ReduceMax", [f"k{n}"], ["most"], keepdims=0),
        helper.make_node("Mul", ["most", "no"], ["z"]),
    ]
    made += [helper.make_node("Add", ["s0", "z"], ["s"])]
    model.graph.node[-1].output[0] = "s0"
    model.graph.node.extend(made)
    for array, name in ((np.array([side, side]), "side"), (np.float32(0), "no")):
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    return model


def test_no_constant_is_computed_at_load_and_other_optimisations_stay():
    calls = []

    class Session:
        def __init__(self, raw, options, **more):
            calls.append(more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("model_zoo.checkpoints.onnx_trial.onnxruntime.InferenceSession", Session)
        session_of(b"")
    assert calls[0]["disabled_optimizers"] == ["ConstantFolding"]
    started = time.process_time()
    session_of(large_constants(10_000, 10).SerializeToString())  # 14 s of folding
    assert time.process_time() - started < 3
    options = onnxruntime.SessionOptions()
    assert options.graph_optimization_level == onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL


@pytest.fixture
def _forgotten(monkeypatch):
    monkeypatch.setattr(onnx_graphs, "_TRIED", set())


@pytest.mark.usefixtures("_forgotten")
def test_a_graph_that_takes_too_long_or_too_much_is_stopped_in_the_child(monkeypatch):
    monkeypatch.setenv("TAXOSCOPE_MAX_TRIAL_SECONDS", "4")
    slow = read(large_constants(8_000, 200))
    with pytest.raises(CheckpointError, match=r"was not loaded: it took more than 4 seconds"):
        OnnxModel(slow, (0, 1, 2))
    monkeypatch.setenv("TAXOSCOPE_MAX_TRIAL_SECONDS", "60")
    monkeypatch.setenv("TAXOSCOPE_MAX_TRIAL_GB", "4")
    with pytest.raises(CheckpointError, match=r"was not loaded: it needs more than 4 GB of memory"):
        OnnxModel(read(large_constants(60_000, 2)), (0, 1, 2))


@pytest.mark.usefixtures("_forgotten")
def test_what_passed_in_the_child_is_not_tried_again(monkeypatch):
    ran = []
    monkeypatch.setattr(onnx_graphs, "try_in_child", lambda *given: ran.append(given))
    one = read(graph())
    for _ in range(3):
        try_once(one, (1, 32, 32))
    try_once(one)
    try_once(one, (1, 64, 64))
    assert [given[2]["shape"] for given in ran] == [[2, 1, 32, 32], [2, 1, 64, 64]]
