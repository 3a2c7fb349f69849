"""Reads files of `torch.save`: their pickle and the place of each tensor.

Two formats exist: since torch 1.6 a zip with ``data.pkl`` and one entry per storage, before that five pickles in a row
with the storages behind them (``torch/serialization.py``, `_load` and `_legacy_load`). Both are read here without
torch's reader: a file that names unknown things can be read as well, and one that lies about sizes is known before.
"""

import io
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from model_zoo.checkpoints.safe_pickle import Inert, Name, Persistent, Pickled, PickleError, read_pickle
from model_zoo.core.errors import CheckpointError
from model_zoo.untrusted.parser_errors import parser_errors_as_ours
from model_zoo.untrusted.zip_directory import n_members

MAGIC = 0x1950A86A20F9469CFC6C  # torch/serialization.py, MAGIC_NUMBER of the legacy format
MAX_AXES = 16
MAX_ENTRIES = 100_000
SAVE_AGAIN = "save it again with torch.save(model.state_dict(), ...), or copy it again if it was copied"
DENSE = ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3")
WRAPPED = ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state")

_DTYPES = {
    "Float": torch.float32,
    "Double": torch.float64,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
}


@dataclass(frozen=True, slots=True)
class Stored:
    """A dense tensor as its file describes it; ``offset`` and ``stride`` count numbers, not bytes."""

    storage: str
    dtype: torch.dtype
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def n_bytes(self) -> int:
        """What the tensor takes in memory."""
        return math.prod(self.size) * self.dtype.itemsize

    @property
    def end(self) -> int:
        """How many numbers of the storage it reaches over."""
        reach = sum((size - 1) * stride for size, stride in zip(self.size, self.stride, strict=True))
        return self.offset + reach + 1 if all(self.size) else 0


@dataclass(frozen=True)
class TorchFile:
    """The pickle of a file and its storages by key; ``plain`` says that torch's own safe reader may have it."""

    value: Any
    storages: Mapping[str, memoryview]
    plain: bool


def read_zip(raw: bytes, name: str) -> TorchFile:
    """The parts of a zip that ``torch.save`` wrote; `CheckpointError` says what else it is, or what ails it."""
    with parser_errors_as_ours(name, CheckpointError, SAVE_AGAIN, "is a damaged or cut off zip"):
        if (n_listed := n_members(io.BytesIO(raw))) > MAX_ENTRIES:
            raise CheckpointError(f"{name} lists {n_listed:,} entries or more; torch.save writes one for each tensor.")
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            names = [entry.filename for entry in archive.infolist()]
            _refuse_other_zips(names, name)
            _refuse_bombs(archive, len(raw), name)
            if (damaged := archive.testzip()) is not None:
                raise CheckpointError(
                    f"{name} is damaged (entry {damaged[:60]!r} is not what was written); {SAVE_AGAIN}."
                )
            folder = next(one for one in names if one.split("/")[1:] == ["data.pkl"]).split("/")[0]
            if any(one == f"{folder}/byteorder" and archive.read(one) != b"little" for one in names):
                raise CheckpointError(f"{name} was written by a big-endian machine; save it as safetensors there.")
            pickled = _pickle(io.BytesIO(archive.read(f"{folder}/data.pkl")), name)
            start = f"{folder}/data/"
            storages = {
                one.removeprefix(start): memoryview(archive.read(one)) for one in names if one.startswith(start)
            }
    return TorchFile(pickled.value, storages, _is_plain(pickled))


def read_legacy(raw: bytes, name: str) -> TorchFile:
    """The parts of a file in torch's format before 1.6; `CheckpointError` if it is another pickle or damaged."""
    stream = io.BytesIO(raw)
    first = _pickle(stream, name)
    if first.value != MAGIC or isinstance(first.value, bool):
        kind = f" ({first.value.name[:80]!r})" if isinstance(first.value, Inert) else ""
        raise CheckpointError(
            f"{name} is a Python pickle{kind} but no file of torch.save; nothing in it was run: {_THEN}."
        )
    pickles = [_pickle(stream, name) for _ in range(4)]
    version, _, main, order = (one.value for one in pickles)
    if version != 1001 or not isinstance(order, list) or not all(isinstance(key, str) for key in order):
        raise CheckpointError(f"{name} is in an unknown or damaged format of torch; {SAVE_AGAIN}.")
    widths = _widths(main)
    storages: dict[str, memoryview] = {}
    view, at = memoryview(raw), stream.tell()
    for key in order:
        count = int.from_bytes(view[at : at + 8], "little", signed=True)
        end = at + 8 + count * widths.get(key, 0)
        if count < 0 or end > len(raw) or key not in widths or key in storages or at + 8 > len(raw):
            raise CheckpointError(f"{name} is damaged or cut off (its numbers do not fit its table); {SAVE_AGAIN}.")
        storages[key] = view[at + 8 : end]
        at = end
    return TorchFile(main, storages, all(_is_plain(one) for one in pickles))


def stored(value: Any) -> Stored | None:
    """The dense tensor that ``value`` of a pickle stands for; None for anything else."""
    if isinstance(value, Inert) and value.name in WRAPPED and value.given:
        value = value.given[0]
    if isinstance(value, Inert) and value.name == "torch._tensor._rebuild_from_type_v2" and len(value.given) == 4:
        function, _, given, _ = value.given
        value = Inert(function.text, given) if isinstance(function, Name) and isinstance(given, tuple) else None
    if not isinstance(value, Inert) or value.name not in DENSE or len(value.given) < 4:
        return None
    where, offset, size, stride = value.given[:4]
    found = _storage(where)
    if found is None or not all(_counts(one) for one in (size, stride, (offset,))) or len(size) != len(stride):
        return None
    key, dtype, start = found
    if value.name == DENSE[2] and len(value.given) > 6 and isinstance(value.given[6], Name):
        dtype = _dtype_named(value.given[6].text)
    return None if dtype is None else Stored(key, dtype, start + offset, size, stride)


def tensor(one: Stored, storages: Mapping[str, memoryview], name: str) -> torch.Tensor:
    """The numbers of a tensor, its own copy; `CheckpointError` where they do not lie in the file."""
    check(one, storages, name)
    if one.n_bytes == 0:
        return torch.empty(one.size, dtype=one.dtype)
    numbers = bytearray(storages[one.storage][one.offset * one.dtype.itemsize : one.end * one.dtype.itemsize])
    flat = torch.frombuffer(numbers, dtype=one.dtype)
    return flat.as_strided(one.size, one.stride).clone(memory_format=torch.contiguous_format)


def check(one: Stored, storages: Mapping[str, memoryview], name: str) -> None:
    """`CheckpointError` unless the tensor lies within its storage and is no larger than it."""
    held = len(storages[one.storage]) if one.storage in storages else -1
    if one.n_bytes > held or one.end * one.dtype.itemsize > held:
        raise CheckpointError(f"{name} is damaged: a tensor of {one.size} lies outside its numbers; {SAVE_AGAIN}.")


_ALL_DTYPES = (*_DTYPES.values(), torch.uint16, torch.uint32, torch.uint64, torch.float8_e4m3fn, torch.float8_e5m2)
_THEN = "save model.state_dict() with torch.save or safetensors and give that file"


def _pickle(stream: io.BytesIO, name: str) -> Pickled:
    try:
        return read_pickle(stream)
    except PickleError as error:
        raise CheckpointError(f"{name} is damaged or cut off (its pickle has {error}); {SAVE_AGAIN}.") from error


def _is_plain(pickled: Pickled) -> bool:
    return pickled.simple and pickled.called <= {*DENSE[:2], WRAPPED[0]}


def _storage(where: Any) -> tuple[str, torch.dtype | None, int] | None:
    """Key, number format and first number of the storage that a reference names."""
    reference = where.reference if isinstance(where, Persistent) else None
    if not isinstance(reference, tuple) or len(reference) < 5 or reference[0] not in ("storage", b"storage"):
        return None
    kind, key = reference[1], reference[2]
    if not isinstance(kind, Name) or not isinstance(key, str) or not kind.text.startswith("torch."):
        return None
    last = kind.text.rpartition(".")[2]
    dtype = torch.uint8 if last == "UntypedStorage" else _DTYPES.get(last.removesuffix("Storage"))
    part = reference[5] if len(reference) > 5 else None
    if part is not None and not (isinstance(part, tuple) and len(part) == 3 and _counts(part[1:])):
        return None
    return key, dtype, part[1] if part else 0


def _dtype_named(text: str) -> torch.dtype | None:
    return next((dtype for dtype in _ALL_DTYPES if str(dtype) == text), None)


def _widths(value: Any) -> dict[str, int]:
    """Bytes per number of every storage that a value names, however deep."""
    widths: dict[str, int] = {}
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if (found := _storage(one)) is not None and found[1] is not None:
            widths.setdefault(found[0], found[1].itemsize)
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list | tuple):
            waiting += one
        elif isinstance(one, Inert):
            waiting += [one.given, one.state, one.entries, one.items]
    return widths


def _counts(values: Any) -> bool:
    return (
        isinstance(values, tuple)
        and len(values) <= MAX_AXES
        and all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one < 2**48 for one in values)
    )


def _refuse_other_zips(names: list[str], name: str) -> None:
    inside = {one.partition("/")[2] for one in names} | set(names)
    if "constants.pkl" in inside or any(one.startswith("code/") for one in inside):
        raise CheckpointError(
            f"{name} is a TorchScript archive, which is a program; load it where it was made and save its state_dict()."
        )
    exported = ("serialized_exported_program.json", "models/model.json", "archive_format")
    if any(one in inside for one in exported):
        raise CheckpointError(
            f"{name} is an exported program (.pt2), not weights; save the model's state_dict() where it was exported."
        )
    if sum(one.split("/")[1:] == ["data.pkl"] for one in names) != 1 or len(set(names)) != len(names):
        raise CheckpointError(
            f"{name} is a zip but no file of torch.save ({len(names)} entries); unpack it and give the weights inside."
        )


def _refuse_bombs(archive: zipfile.ZipFile, n_bytes: int, name: str) -> None:
    entries = archive.infolist()
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > n_bytes or any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise CheckpointError(
            f"{name} is a zip of {n_bytes:,} bytes that unpacks to {unpacked:,}; torch never packs weights, so it was "
            "not unpacked: save it again with torch.save."
        )
