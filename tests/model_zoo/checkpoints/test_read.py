"""Weights are read from whatever training scripts write; nothing in a file is run, whatever it asks for."""

import argparse
import builtins
import io
import os
import pickle
import random
import struct
import time
import zipfile
from collections import OrderedDict, defaultdict
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from model_zoo.checkpoints.read import WHOLE, read_checkpoint
from model_zoo.core.errors import CheckpointError
from tests.real_data import real

FORMATS = {"zip": True, "legacy": False}


def tiny(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 2, 3), norm=nn.BatchNorm2d(2), fc=nn.Linear(2, 3)))


def saved(path, value, form="zip"):
    torch.save(value, path, _use_new_zipfile_serialization=FORMATS[form])
    return path


def same(found, expected):
    assert list(found) == list(expected)
    assert all(torch.equal(found[key], expected[key]) and found[key].dtype == expected[key].dtype for key in expected)
    return True


@pytest.fixture(params=FORMATS)
def form(request):
    return request.param


def test_a_state_dict_is_read_as_torch_reads_it(tmp_path, form):
    state = tiny().state_dict()
    checkpoint = read_checkpoint(saved(tmp_path / "w.pth", state, form))
    assert checkpoint.parts == (WHOLE,)
    assert same(checkpoint.weights().tensors, state)


@pytest.mark.parametrize("key", ["state_dict", "model", "net", "state_dict_ema", "model_state_dict", "weights"])
def test_weights_are_found_under_any_key(tmp_path, form, key):
    state = tiny().state_dict()
    checkpoint = read_checkpoint(saved(tmp_path / "w.pth", {"epoch": 3, key: state, "best": 0.5}, form))
    assert checkpoint.parts == (key,)
    assert same(checkpoint.weights().tensors, state)
    assert checkpoint.said == {"epoch": 3, "best": 0.5}


@pytest.mark.parametrize("prefix", ["module.", "model.", "_orig_mod.", "module._orig_mod.", "net.", "model.module."])
def test_wrappers_prefixes_are_taken_off_and_it_is_said(tmp_path, prefix):
    state = tiny().state_dict()
    path = saved(tmp_path / "w.pth", {"state_dict": {prefix + key: value for key, value in state.items()}})
    weights = read_checkpoint(path).weights()
    assert same(weights.tensors, state)
    assert f"Prefix '{prefix.split('.')[0]}.' was taken off 9 names." in weights.notes


def test_numbers_of_every_kind_shared_and_transposed_and_of_no_axes(tmp_path, form):
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    kinds = (
        torch.float64,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
    )
    state = {
        "base": base,
        "part": base[1:3, ::2],
        "turned": base.T,
        "count": torch.tensor(7),
        "none": torch.empty(0, 3),
    }
    state |= {str(kind): torch.arange(3).to(kind) for kind in kinds} | {"yes": torch.tensor([True, False])}
    assert same(read_checkpoint(saved(tmp_path / "w.pth", state, form)).weights().tensors, state)
    beside = {"args": argparse.Namespace(lr=1), "state_dict": state}  # read without torch's reader
    assert same(read_checkpoint(saved(tmp_path / "v.pth", beside, form)).weights().tensors, state)


def test_safetensors_with_what_they_say(tmp_path):
    state = tiny().state_dict()
    save_file(state, tmp_path / "w.bin", {"architecture": "resnet18"})
    checkpoint = read_checkpoint(tmp_path / "w.bin")
    assert checkpoint.said == {"architecture": "resnet18"}
    assert checkpoint.weights().tensors.keys() == state.keys()
    assert all(torch.equal(checkpoint.weights().tensors[key], value) for key, value in state.items())


def test_a_checkpoint_as_timm_writes_it(tmp_path, form):
    """timm/utils/checkpoint_saver.py, `_save`: args is a Namespace; scripts add paths and numpy scalars."""
    model, ema = tiny().state_dict(), tiny(1).state_dict()
    optimizer = torch.optim.SGD(tiny().parameters(), lr=0.1, momentum=0.9)
    args = argparse.Namespace(model="resnet18", num_classes=3, data_dir=Path("/data"), class_map=["cat", "dog", "bird"])
    args.mean, args.std, args.betas = [0.5, 0.25, 0.125], (1, 1, 1), [0.1] * 9
    written = {
        **{"epoch": 7, "arch": "resnet18", "state_dict": model, "state_dict_ema": ema, "args": args, "version": 2},
        **{"optimizer": optimizer.state_dict(), "metric": np.float64(81.5), "seen": {(1, 2): "pair"}, "set": {1, 2}},
        **{"history": defaultdict(list, loss=[1.0]), "array": np.arange(3)},
    }
    with pytest.raises(pickle.UnpicklingError):
        torch.load(saved(tmp_path / "w.pth.tar", written, form), weights_only=True)
    checkpoint = read_checkpoint(tmp_path / "w.pth.tar")
    assert checkpoint.parts == ("state_dict", "state_dict_ema")
    assert (checkpoint.said["arch"], checkpoint.said["args.model"]) == ("resnet18", "resnet18")
    assert checkpoint.said["args.class_map"] == ("cat", "dog", "bird")
    assert (checkpoint.said["args.mean"], checkpoint.said["args.std"]) == ((0.5, 0.25, 0.125), (1, 1, 1))
    assert "args.betas" not in checkpoint.said  # longer than any description of an image
    assert same(checkpoint.weights("state_dict").tensors, model)
    assert same(checkpoint.weights("state_dict_ema").tensors, ema)
    with pytest.raises(CheckpointError, match=r"2 sets of weights \(state_dict, state_dict_ema\); say which is meant"):
        checkpoint.weights()
    with pytest.raises(CheckpointError, match="holds no weights 'ema'; there are"):
        checkpoint.weights("ema")


class Kept(dict):
    """Stands for Lightning's AttributeDict."""


def test_numbers_too_long_to_write_are_not_kept(tmp_path, form):
    said = {"mean": [10**5000], "std": [0.5, 1], "epoch": 10**5000}
    assert read_checkpoint(saved(tmp_path / "c.pth", said | {"state_dict": tiny().state_dict()}, form)).said == {
        "std": (0.5, 1)
    }


def test_a_checkpoint_as_lightning_writes_it(tmp_path):
    state = {f"model.{key}": value for key, value in tiny().state_dict().items()} | {"loss.weight": torch.ones(3)}
    written = {
        **{"epoch": 1, "pytorch-lightning_version": "2.4.0", "state_dict": state, "lr_schedulers": [], "loops": {}},
        **{"callbacks": {"ModelCheckpoint": {"best_model_path": "/x"}}, "hyper_parameters": Kept(arch="resnet18")},
        **{"optimizer_states": [torch.optim.Adam(tiny().parameters()).state_dict()]},
    }
    checkpoint = read_checkpoint(saved(tmp_path / "w.ckpt", written))
    assert checkpoint.parts == ("state_dict",)
    assert checkpoint.said["hyper_parameters.arch"] == "resnet18"
    weights = checkpoint.weights()
    assert same(weights.tensors, tiny().state_dict())
    assert weights.notes[1] == "Left out beside it: loss.weight (1 in all)."


@pytest.mark.parametrize("name", ["resnet20-12fca82f.th", "resnet32-d509ac18.th"])
def test_real_checkpoints_of_cifar(name):
    path = real("cifar_resnet_ckpts_a") / name
    checkpoint = read_checkpoint(path)
    assert checkpoint.parts == ("state_dict",)
    assert round(float(checkpoint.said["best_prec1"]), 1) == {"resnet20": 91.8, "resnet32": 92.8}[name[:8]]
    expected = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    assert same(checkpoint.weights().tensors, {key.removeprefix("module."): one for key, one in expected.items()})


def test_real_checkpoints_without_names():
    for path, n_keys in zip(sorted(real("ckpt_minifasnet").glob("*.pth")), (334, 370), strict=True):
        weights = read_checkpoint(path).weights()
        assert len(weights.tensors) == n_keys
        assert weights.tensors["prob.weight"].shape == (3, 128)


class Calls:
    """A pickle that calls something when it is loaded."""

    def __init__(self, function, *given):
        self.call = function, given

    def __reduce__(self):
        return self.call


def hostile(marker):
    touch = f"touch '{marker}'"
    yield "os.system", Calls(os.system, touch)
    yield "open", Calls(builtins.open, str(marker), "w")
    yield "exec", Calls(builtins.exec, f"open({str(marker)!r}, 'w')")
    yield "eval", Calls(builtins.eval, f"open({str(marker)!r}, 'w')")
    yield "popen", Calls(os.popen, touch)
    yield "mkdir", Calls(os.mkdir, str(marker))
    yield "rebuilt", Calls(torch._utils._rebuild_tensor_v2, Calls(os.system, touch), 0, (1,), (1,), False, {})
    yield "parameter", Calls(torch._utils._rebuild_parameter, Calls(os.system, touch), False, {})
    yield "from type", Calls(torch._tensor._rebuild_from_type_v2, os.mkdir, torch.Tensor, (str(marker),), {})
    yield "storage", Calls(torch.storage._load_from_bytes, pickle.dumps(Calls(os.system, touch)))
    yield "map", Calls(list, Calls(map, os.mkdir, [str(marker)]))


def wrapped(value):
    state = tiny().state_dict()
    yield {"state_dict": state, "extra": value}
    yield {"state_dict": state, "args": argparse.Namespace(deep=[{"a": (value,)}])}
    yield OrderedDict([("conv.weight", value), *state.items()])
    yield value
    yield [value]


def tried(path):
    """The names of all weights of a file, or the sentence that refuses it."""
    try:
        checkpoint = read_checkpoint(path)
        return {name for part in checkpoint.parts for name in checkpoint.weights(part).tensors}
    except CheckpointError as error:
        return str(error)


HOSTILE = [name for name, _ in hostile(Path("x"))]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
def test_a_file_that_would_run_code_runs_none(tmp_path, name, form):
    marker = tmp_path / "was run"
    value = dict(hostile(marker))[name]
    for number, written in enumerate(wrapped(value)):
        path = tmp_path / f"{number}.pth"
        if form == "pickle":
            path.write_bytes(pickle.dumps(written))
        else:
            saved(path, written, form)
        outcome = tried(path)
        assert isinstance(outcome, str) or outcome <= set(tiny().state_dict())
        assert not marker.exists()


@pytest.mark.parametrize("name", HOSTILE)
def test_the_hostile_files_would_have_run_it(tmp_path, name):
    marker = tmp_path / "was run"
    with suppress(AttributeError, TypeError, RuntimeError):  # after the call: its result is no tensor
        pickle.loads(pickle.dumps(dict(hostile(marker))[name]))
    for _ in range(100):  # popen does not wait
        if marker.exists():
            break
        time.sleep(0.02)
    assert marker.exists()


def repacked(raw, change):
    """A zip of torch.save, its data.pkl changed and its checksums right."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            body = old.read(entry)
            new.writestr(entry.filename, change(body) if entry.filename.endswith("data.pkl") else body)
    return out.getvalue()


def laughs():
    """Tuples of tuples, forty deep: their hash takes years, as a key of a mapping."""
    return b"\x80\x02}q\x00)q\x01" + b"h\x01h\x01\x86q\x01" * 40 + b"K\x01s."


@pytest.mark.parametrize(
    "body",
    [
        laughs(),
        b"\x80\x02" + b"(" * 500_000 + b".",
        b"\x80\x02)" + b"\x85" * 500_000 + b".",
        b"\x80\x02]q\x00" + b"h\x00a" * 100_000 + b".",  # a list that holds itself
        b"\x80\x02r\xff\xff\xff\xff.",
        b"\x80\x05\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
        b"\x80\x02ctorch\nTensor\n(J\xff\xff\xff\x7fJ\xff\xff\xff\x7ftR.",
        b"\x80\x02c__builtin__\nbytearray\n(\x8a\x06\x00\x00\x00\x00\x00\x01tR.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}X\x08\x00\x00\x00__code__K\x01sb.",
        b"",
        b".",
        b"\x80\x02N.",
    ],
)
def test_pickles_that_would_never_end_or_fill_the_memory(tmp_path, body):
    path = tmp_path / "w.pth"
    path.write_bytes(repacked(saved(tmp_path / "v.pth", tiny().state_dict()).read_bytes(), lambda _: body))
    started = time.monotonic()
    with pytest.raises(CheckpointError):
        read_checkpoint(path).weights()
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("claim", [b"K\x7f", b"J\xff\xff\xff\x7f", b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"])
def test_a_tensor_larger_than_its_numbers_is_refused(tmp_path, claim):
    raw = saved(tmp_path / "w.pth", {"w": torch.zeros(2, 3)}).read_bytes()
    for old in (b"K\x02K\x03\x86", b"K\x03K\x01\x86"):  # size and stride
        path = tmp_path / "v.pth"
        path.write_bytes(repacked(raw, lambda body, old=old: body.replace(old, old.replace(b"K\x03", claim))))
        with pytest.raises(CheckpointError, match=r"holds no named tensors|lies outside|describes more numbers"):
            read_checkpoint(path).weights()


def lies(tmp_path):
    good = saved(tmp_path / "good.pth", tiny().state_dict()).read_bytes()
    legacy = saved(tmp_path / "legacy.pth", tiny().state_dict(), "legacy").read_bytes()
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("a/data.pkl", b"\0" * 50_000_000)
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as out:
        out.writestr("photo.txt", "hello")
    script = tmp_path / "script.pt"
    torch.jit.save(torch.jit.trace(tiny()[:2], torch.zeros(1, 1, 5, 5)), script)
    exported = tmp_path / "exported.pt2"
    torch.export.save(torch.export.export(nn.Linear(2, 3), (torch.zeros(1, 2),)), exported)
    save_file(tiny().state_dict(), tmp_path / "w.safetensors")
    flipped = bytearray(good)
    flipped[good.index(b"fc.weight") + 2] ^= 1
    return {
        "is empty": b"",
        "Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        "web page": b"\n<!DOCTYPE html><html>404</html>",
        "whole pickled model (torch.nn.modules.container.Sequential)": saved(tmp_path / "m.pth", tiny()).read_bytes(),
        "whole pickled model": saved(tmp_path / "n.pth", {"model": tiny(), "epoch": 1}).read_bytes(),
        "TorchScript": script.read_bytes(),
        "exported program": exported.read_bytes(),
        "unpacks to 50,000,000": bomb.getvalue(),
        "no file of torch.save": other.getvalue(),
        "cut off": good[:-100],
        "damaged": bytes(flipped),
        "cut off (": legacy[:-100],
        "holds no named tensors": saved(tmp_path / "e.pth", {"epoch": 1}).read_bytes(),
        "is a Python pickle": pickle.dumps({"a": 1}),
        "cut off safetensors": (tmp_path / "w.safetensors").read_bytes()[:-9],
        "cut off safetensors file": (tmp_path / "w.safetensors").read_bytes()[:60],
        "HDF5": b"\x89HDF\r\n\x1a\n" + b"\0" * 100,
        "numpy array": b"\x93NUMPY" + b"\0" * 100,
        "gzip": b"\x1f\x8b" + b"\0" * 100,
        "no file of weights known here": b"hello, these are weights",
    }


def test_what_is_no_weights_is_called_what_it_is(tmp_path):
    for told, raw in lies(tmp_path).items():
        (tmp_path / "given.pth").write_bytes(raw)
        with pytest.raises(CheckpointError) as caught:
            read_checkpoint(tmp_path / "given.pth").weights()
        sentence = str(caught.value)
        assert told in sentence
        assert sentence.startswith("given.pth ")
        assert sentence.endswith(".")
        assert "\n" not in sentence


def test_a_folder_and_a_missing_file(tmp_path):
    for path, told in ((tmp_path, "is a folder"), (tmp_path / "no.pth", "There is no file no.pth")):
        with pytest.raises(CheckpointError, match=told):
            read_checkpoint(path)


def mutations(raw, rng, count):
    for _ in range(count):
        body = bytearray(raw)
        for _ in range(rng.choice((1, 1, 2, 8))):
            at = rng.randrange(len(body))
            kind = rng.randrange(4)
            if kind == 0:
                body[at] ^= 1 << rng.randrange(8)
            elif kind == 1:
                body[at : at + rng.randrange(1, 9)] = rng.randbytes(rng.randrange(9))
            elif kind == 2:
                body[at:] = body[at : at + rng.randrange(len(body))]
            else:
                body[at : at + 8] = struct.pack("<q", rng.choice((-1, 2**31, 2**62, 0)))
            if not body:
                break
        yield bytes(body)


@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle in a zip", "with args", "safetensors"])
def test_hundreds_of_damaged_files_give_weights_or_one_sentence(tmp_path, kind):
    rng = random.Random(kind)
    args = {"args": argparse.Namespace(model="resnet18", path=Path("/x"))} if kind == "with args" else {}
    written = {"state_dict": tiny().state_dict(), **args}
    raw = saved(tmp_path / "w.pth", written, "legacy" if kind == "legacy" else "zip").read_bytes()
    if kind == "safetensors":
        save_file(tiny().state_dict(), tmp_path / "w.pth")
        raw = (tmp_path / "w.pth").read_bytes()
    inside = kind in ("pickle in a zip", "with args")
    started, path, refused = time.monotonic(), tmp_path / "v.pth", 0
    with zipfile.ZipFile(io.BytesIO(raw)) if inside else io.BytesIO() as archive:
        start = archive.read(next(n for n in archive.namelist() if n.endswith("data.pkl"))) if inside else raw
    for body in mutations(start, rng, 300):
        path.write_bytes(repacked(raw, lambda _, body=body: body) if inside else body)
        outcome = tried(path)
        refused += isinstance(outcome, str)
        assert "\n" not in outcome
    assert refused > 100
    assert time.monotonic() - started < 120
