"""Hostile and foreign files of Keras: refused before anything is read through a link or built."""

import io
import json

import h5py
import numpy as np
import pytest
import torch

from model_zoo.checkpoints.keras_config import LayerStep, read_config, steps_from_json
from model_zoo.checkpoints.keras_layers import from_bytes, to_bytes
from model_zoo.checkpoints.model_file import read_model
from model_zoo.core.errors import CheckpointError

DENSE = {"class_name": "Dense", "config": {"name": "dense", "units": 2, "activation": "softmax", "use_bias": False}}


def sequential(*layers, shape=(None, 4, 4, 3)):
    first = {"class_name": "InputLayer", "config": {"name": "pixels", "batch_input_shape": list(shape)}}
    return {"class_name": "Sequential", "config": {"name": "model", "layers": [first, *layers]}}


def layer(kind, **config):
    return {"class_name": kind, "config": {"name": kind.lower(), **config}}


FLAT = sequential(layer("Flatten"), DENSE)


def write(path, config=FLAT, change=lambda group: None):
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"flatten", b"dense"]
        dense = group.create_group("dense")
        dense.attrs["weight_names"] = [b"dense/kernel:0"]
        dense["dense/kernel:0"] = np.ones((48, 2), dtype=np.float32)
        change(dense)
    return path


def refusal(path):
    with pytest.raises(CheckpointError) as error:
        read_model(path)
    return str(error.value)


def test_a_small_file_is_read(tmp_path):
    found = read_model(write(tmp_path / "model.h5"))
    assert (found.channels, found.size, found.n_classes) == (3, (4, 4), 2)
    steps, weights = from_bytes(found.raw)
    assert [step.kind for step in steps] == ["Flatten", "Dense"]
    assert weights["dense"][0].shape == (48, 2)


def external(group):
    del group["dense/kernel:0"]
    group["dense/kernel:0"] = h5py.ExternalLink("secret.h5", "/x")


def soft(group):
    group["way"] = h5py.SoftLink("/model_weights/dense/dense/kernel:0")


def stored_outside(group):
    del group["dense/kernel:0"]
    group.create_dataset("dense/kernel:0", (48, 2), "f4", external=[("secret.bin", 0, 48 * 2 * 4)])


def virtual(group):
    del group["dense/kernel:0"]
    layout = h5py.VirtualLayout((48, 2), "f4")
    layout[:] = h5py.VirtualSource("secret.h5", "x", (48, 2))
    group.create_virtual_dataset("dense/kernel:0", layout)


def circle(group):
    group["again"] = group


def bomb(group):
    group.create_dataset("zeros", (2**20, 2**10), "f4", chunks=True, compression="gzip")


def foreign_filter(group):
    group.create_dataset("packed", (4,), "f4", chunks=(4,), compression="lzf")


def objects(group):
    group.create_dataset("refers", (1,), h5py.ref_dtype)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (external, "is a link"),
        (soft, "is a link"),
        (stored_outside, "another file"),
        (virtual, "another file"),
        (circle, "stands there twice"),
        (bomb, "claims 4,294,967"),
        (foreign_filter, "packed in a way"),
        (objects, "no plain numbers"),
    ],
)
def test_hdf5_that_leads_out_of_its_file_or_claims_too_much_is_refused(tmp_path, change, why):
    (tmp_path / "secret.bin").write_bytes(np.full((48, 2), 7, np.float32).tobytes())
    with h5py.File(tmp_path / "secret.h5", "w") as secret:
        secret["x"] = np.full((48, 2), 7, np.float32)
    assert why in refusal(write(tmp_path / "model.h5", change=change))


@pytest.mark.parametrize(
    "inner",
    [
        layer("Lambda", function={"class_name": "__lambda__", "config": {"code": "4wAAAA=="}}),
        layer("TFOpLambda", function="io.read_file"),
        layer("TorchModuleWrapper", module={"class_name": "builtins.eval"}),
        {**layer("Dense", units=2), "module": "os", "registered_name": None},
        {**layer("Dense", units=2), "registered_name": "own>Dense"},
        layer("StringLookup", vocabulary="/etc/passwd"),
        layer("Activation", activation={"module": "builtins", "class_name": "function", "config": "eval"}),
        layer("Activation", activation="hard_sigmoid"),
        layer("Conv2D", filters=2, kernel_size=3, data_format="channels_first"),
        layer("Rescaling", scale={"class_name": "__tensor__", "config": {}}),
    ],
)
def test_layers_that_hold_code_or_are_not_known_are_refused_before_anything_is_built(inner):
    config = sequential(inner, layer("Flatten"), DENSE)
    with pytest.raises(CheckpointError, match=r"model\.export"):
        read_config(config, "model.h5")
    with pytest.raises(CheckpointError, match=r"model\.export"):
        read_config(sequential(sequential(inner), DENSE), "model.h5")


def test_arithmetic_on_pixels_is_no_code():
    """``inputs / 127.5 - 1``, as Keras 2 and Keras 3 write it."""
    pixels = {"class_name": "InputLayer", "name": "x", "config": {"name": "x", "batch_input_shape": [None, 4, 4, 3]}}
    divided = {"class_name": "TFOpLambda", "name": "a", "config": {"name": "a", "function": "math.truediv"}}
    divided["inbound_nodes"] = [["x", 0, 0, {"y": 127.5, "name": None}]]
    tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": ["a", 0, 0]}}
    moved = {"class_name": "Subtract", "name": "b", "config": {"name": "b"}, "module": "keras.src.ops.numpy"}
    moved["inbound_nodes"] = [{"args": [tensor, 1.0], "kwargs": {}}]
    config = {"layers": [pixels, divided, moved], "input_layers": [["x", 0, 0]], "output_layers": [["b", 0, 0]]}
    found = read_config({"class_name": "Functional", "config": config}, "model.h5")
    value = 255.0
    for step in found.steps:
        value = value * step.options["scale"] + step.options["offset"]
    assert value == pytest.approx(1)


def test_a_run_that_was_changed_on_disk_is_checked_again():
    step = LayerStep("dense", "Dense", {"units": 2}, (0,))
    steps, weights = from_bytes(to_bytes([step], {"dense": [torch.ones(3, 2)]}))
    assert (steps, weights["dense"][0].shape) == ((step,), (3, 2))
    for garbled in (
        [["a", "Lambda", {}, [0]]],
        [["a", "Dense", {"kernel_initializer": "zeros"}, [0]]],
        [["a", "Dense", {"units": 2}, [1]]],
        [["a", "Dense", {"activation": "eval"}, [0]]],
        [],
    ):
        with pytest.raises(CheckpointError):
            steps_from_json(garbled)


def test_weights_alone_and_damaged_files_are_refused_in_a_sentence(tmp_path):
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file["kernel"] = np.ones(3)
    assert "without their layers" in refusal(tmp_path / "weights.h5")
    raw = write(tmp_path / "model.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(raw[: len(raw) // 2])
    assert "cut.h5 is not read" in refusal(tmp_path / "cut.h5")
    whole = io.BytesIO()
    with h5py.File(whole, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Own", "config": {}})
    (tmp_path / "own.h5").write_bytes(whole.getvalue())
    assert "kind Own" in refusal(tmp_path / "own.h5")
