"""Reads weights from untrusted checkpoint files without running code in them."""

import hashlib
import io
import pickle
import re
from collections import deque
from collections.abc import Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_safetensors
from torch import Tensor

from model_zoo.checkpoints.safe_pickle import Inert
from model_zoo.checkpoints.torch_format import SAVE_AGAIN, TorchFile, check, read_legacy, read_zip, stored, tensor
from model_zoo.core.errors import CheckpointError
from model_zoo.untrusted.parser_errors import parser_errors_as_ours
from model_zoo.untrusted.text_limits import load_json

MAX_FILE_BYTES = 4 * 2**30
MAX_HEADER = 64 * 2**20
"""Of a safetensors file; a million tensors need some 100 bytes each."""

MAX_SAID = 1000
MAX_DEPTH = 4
MAX_NUMBERS = 4
"""In a list that is kept of what a file says: a size, means; longer ones are no description."""

PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.", "backbone.")
Said = str | int | float | tuple[str | float, ...]
WHOLE = "the file"
"""Names the weights of a file that holds nothing else."""


@dataclass(frozen=True)
class Checkpoint:
    """The sets of weights that a file holds, and what else it says in plain words.

    ``parts`` names each set by where it lies (``state_dict``, ``model_ema``, or `WHOLE`); ``said`` maps places in the
    file to texts, numbers and lists of them that stand there (``args.model``), all of it unverified.
    """

    name: str
    sha256: str
    parts: tuple[str, ...]
    said: Mapping[str, Said]
    _values: Mapping[str, Mapping[Any, Any]]
    _file: TorchFile | None
    _raw: bytes

    def weights(self, part: str = "", wanted: Set[str] = frozenset()) -> "Weights":
        """The weights of one part; without ``part`` the only one. `CheckpointError` names those to choose from.

        Prefixes are taken off until all names ``wanted`` are there, if that is said, else as many as there are.
        """
        if not part and len(self.parts) > 1:
            raise CheckpointError(
                f"{self.name} holds {len(self.parts)} sets of weights ({', '.join(self.parts)}); say which is meant."
            )
        chosen = part or self.parts[0]
        if chosen not in self.parts:
            raise CheckpointError(f"{self.name} holds no weights {part[:80]!r}; there are {', '.join(self.parts)}.")
        with parser_errors_as_ours(self.name, CheckpointError, SAVE_AGAIN):
            return self._weights(chosen, wanted)

    def _weights(self, chosen: str, wanted: Set[str]) -> "Weights":
        values = self._values[chosen]
        if self._file is None:
            return _without_prefixes({str(key): value for key, value in values.items()}, (), wanted)
        kept = {key: one for key, value in values.items() if isinstance(key, str) and (one := stored(value))}
        others = tuple(short(key) for key in values if key not in kept)
        if sum(one.n_bytes for one in kept.values()) > 2 * len(self._raw):
            raise CheckpointError(f"{self.name} describes more numbers than it holds; {SAVE_AGAIN}.")
        for one in kept.values():
            check(one, self._file.storages, self.name)
        read = self._by_torch(chosen) if self._file.plain else None
        if read is None or kept.keys() - read.keys():
            read = {key: tensor(one, self._file.storages, self.name) for key, one in kept.items()}
        return _without_prefixes({key: read[key] for key in kept}, others, wanted)

    def _by_torch(self, part: str) -> Mapping[str, Tensor] | None:
        """The part as torch's restricted reader gives it; None where that one refuses the file."""
        found = self._loaded
        for key in () if part == WHOLE else part.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        return {key: value.detach() for key, value in found.items() if isinstance(value, Tensor)} if found else None

    @cached_property
    def _loaded(self) -> Any:
        with (
            parser_errors_as_ours(self.name, CheckpointError, SAVE_AGAIN, "is damaged"),
            suppress(pickle.UnpicklingError),
        ):
            return torch.load(io.BytesIO(self._raw), map_location="cpu", weights_only=True)
        return None


@dataclass(frozen=True)
class Weights:
    """Tensors by name, without the wrappers' prefixes; ``notes`` says in sentences what was taken off or left out."""

    tensors: Mapping[str, Tensor]
    notes: tuple[str, ...]


def read_checkpoint(path: Path) -> Checkpoint:
    """What the file holds, whatever its ending; `CheckpointError` says what it is instead and what to do.

    safetensors, and ``torch.save`` of a state_dict or of mappings that hold some: training scripts, timm, Lightning.
    """
    name, raw = short(path.name), _bytes(path)
    return read_checkpoint_bytes(raw, name)


def read_checkpoint_bytes(raw: bytes, name: str) -> Checkpoint:
    """As `read_checkpoint`, of a file's bytes."""
    with parser_errors_as_ours(name, CheckpointError, SAVE_AGAIN):
        return _read(raw, name)


def safetensors_of(raw: bytes) -> tuple[Mapping[str, Tensor], Mapping[str, Any]]:
    """The tensors of a safetensors file, and its metadata; raises what its parsers raise."""
    length = int.from_bytes(raw[:8], "little")
    if length > min(MAX_HEADER, len(raw) - 8):
        raise ValueError(f"a header of {length:,} bytes")
    written: Mapping[str, Any] = load_json(raw[8 : 8 + length].decode()).get("__metadata__") or {}
    return load_safetensors(raw), written


def _read(raw: bytes, name: str) -> Checkpoint:
    _refuse_others(raw, name)
    digest = hashlib.sha256(raw).hexdigest()
    if raw[8:9] == b"{":
        tensors, said = _safetensors(raw, name)
        return Checkpoint(name, digest, (WHOLE,), said, {WHOLE: tensors}, None, raw)
    if raw.startswith(b"PK\x03\x04"):
        file = read_zip(raw, name)
    elif raw.startswith(b"\x80"):
        file = read_legacy(raw, name)
    else:
        raise CheckpointError(f"{name} is no file of weights known here; give safetensors or a file of torch.save.")
    _refuse_modules(file.value, name)
    found = {".".join(place) or WHOLE: values for place, values in _parts(file.value)}
    if not found:
        raise CheckpointError(f"{name} was written by torch.save but holds no named tensors; {_SAVE_STATE}.")
    return Checkpoint(name, digest, tuple(found), dict(islice(_said(file.value), MAX_SAID)), found, file, raw)


_SAVE_STATE = "save model.state_dict() with torch.save or safetensors and give that file"


def _bytes(path: Path) -> bytes:
    name = short(path.name)
    with parser_errors_as_ours(
        name, CheckpointError, "check the path", "cannot be read"
    ):  # a path with a null byte is a ValueError
        if path.is_dir():
            raise CheckpointError(f"{name} is a folder; give the file of weights in it, such as model.safetensors.")
        if not path.is_file():
            raise CheckpointError(f"There is no file {name}; check the path.")
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise CheckpointError(f"{name} has {size / 2**30:.1f} GiB; at most {MAX_FILE_BYTES / 2**30:.0f} are read.")
        raw = path.read_bytes()
    if not raw:
        raise CheckpointError(f"{name} is empty; copy or download it again.")
    return raw


def _refuse_others(raw: bytes, name: str) -> None:
    start = raw[:512].lstrip().lower()
    if start.startswith(b"version https://git-lfs"):
        raise CheckpointError(f"{name} is a Git LFS pointer, not the weights; run `git lfs pull` where it came from.")
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise CheckpointError(f"{name} is a web page, most likely an error or a sign-in; download the weights again.")
    kinds = {
        b"\x89HDF": "an HDF5 file, which is no file of torch weights",
        b"\x93NUMPY": "a numpy array; save weights as safetensors",
        b"\x1f\x8b": "packed with gzip; unpack it first",
        b"BZh": "packed with bzip2; unpack it first",
        b"7z\xbc\xaf": "packed with 7-Zip; unpack it first",
        b"GGUF": "a GGUF language model; it classifies no images",
        b"\x08": "an ONNX or other protobuf file, which is no file of weights alone",
    }
    for magic, kind in kinds.items():
        if raw.startswith(magic) and raw[8:9] != b"{":
            raise CheckpointError(f"{name} is {kind}.")
    if raw[257:262] == b"ustar":
        raise CheckpointError(f"{name} is a tar archive; unpack it and give the file of weights inside.")
    if raw.startswith((b"PK\x05\x06", b"PK\x07\x08")):
        raise CheckpointError(f"{name} is an empty or split zip; give the file that torch.save wrote.")


def _safetensors(raw: bytes, name: str) -> tuple[Mapping[str, Tensor], Mapping[str, Said]]:
    with parser_errors_as_ours(name, CheckpointError, "copy it again", "is a damaged or cut off safetensors file"):
        tensors, written = safetensors_of(raw)
        said = {short(key): str(value)[:1000] for key, value in islice(written.items(), MAX_SAID)}
    if not tensors:
        raise CheckpointError(f"{name} is a safetensors file without a tensor; {_SAVE_STATE}.")
    return tensors, said


_EXPORTS = {
    "ultralytics": "is a whole model of ultralytics (YOLO), which only its own code can open; where it was "
    "trained, run `yolo export model=best.pt format=onnx`, rename the result",
    "fastai": "is a whole Learner of fastai, which only its own code can open; where it was trained, run "
    '`torch.onnx.export(learn.model.eval(), torch.rand(1, 3, 224, 224), "model.onnx", dynamo=False)` '
    "for the size that it takes",
}
"""By package: what a file is, and how its library exports it."""


def _refuse_modules(value: Any, name: str) -> None:
    """A pickled module keeps its parts in ``_modules``; to rebuild it means to import and call what the file names."""
    for one in (value, *(value.values() if isinstance(value, dict) else ())):
        if isinstance(one, Inert) and (export := _EXPORTS.get(one.name.partition(".")[0])):
            raise CheckpointError(f"{name} {export} and give model.onnx.")
        if isinstance(one, Inert) and isinstance(one.state, dict) and {"_modules", "_parameters"} & set(one.state):
            raise CheckpointError(
                f"{name} holds a whole pickled model ({short(one.name)}), which only its own code can open; "
                'load it there, and save it with torch.save(model.state_dict(), "weights.pth"), or with '
                'torch.onnx.export(model.eval(), torch.rand(1, 3, 224, 224), "model.onnx", dynamo=False) '
                "for the size that it takes."
            )
    if isinstance(value, Inert) and not value.entries:
        raise CheckpointError(
            f"{name} would call {short(value.name)} when loaded and holds no weights; nothing was run: {_SAVE_STATE}."
        )


def _parts(value: Any) -> Iterator[tuple[tuple[str, ...], Mapping[Any, Any]]]:
    """Mappings that hold named tensors of two axes or more, with their place; what optimisers keep is passed over."""
    seen: set[int] = set()
    waiting: deque[tuple[tuple[str, ...], Any]] = deque([((), value)])
    while waiting:
        place, one = waiting.popleft()
        entries = one.entries if isinstance(one, Inert) else one
        if not isinstance(entries, dict) or id(entries) in seen:
            continue
        seen.add(id(entries))
        tensors = [found for key, inner in entries.items() if isinstance(key, str) and (found := stored(inner))]
        if any(len(found.size) > 1 for found in tensors):
            yield place, entries
        if len(place) < MAX_DEPTH:
            named = [(key, inner) for key, inner in entries.items() if isinstance(key, str) and key and "." not in key]
            waiting += [((*place, key), inner) for key, inner in named if not _OF_TRAINING.match(key)]


_OF_TRAINING = re.compile(r"opt|lr_|sched|scaler|amp|callback|loops", re.IGNORECASE)


def _said(value: Any) -> Iterator[tuple[str, Said]]:
    """Texts, numbers, lists of texts and short lists of numbers near the top of the file, by place."""
    seen: set[int] = set()
    waiting = deque([("", value, 0)])
    while waiting:
        place, one, depth = waiting.popleft()
        if id(one) in seen:
            continue
        seen.add(id(one))
        states = (one.entries, one.state) if isinstance(one, Inert) else (one,)
        for key, inner in (pair for state in states if isinstance(state, dict) for pair in state.items()):
            if not isinstance(key, str) or _OF_TRAINING.match(key):
                continue
            where = f"{place}.{short(key)}" if place else short(key)
            if _is_number(inner):
                yield where, inner
            elif isinstance(inner, str):
                yield where, inner[:1000]
            elif isinstance(inner, list | tuple) and inner and id(inner) not in seen:
                seen.add(id(inner))
                if all(isinstance(each, str) for each in inner):
                    yield where, tuple(each[:300] for each in inner)
                elif len(inner) <= MAX_NUMBERS and all(map(_is_number, inner)):
                    yield where, tuple(inner)
            elif isinstance(inner, dict | Inert) and depth < 2:
                waiting.append((where, inner, depth + 1))


def _is_number(value: Any) -> bool:
    """One that can be written: Python refuses to write an integer of thousands of digits."""
    return isinstance(value, int | float) and abs(value) < 2**63


def _without_prefixes(tensors: Mapping[str, Tensor], others: tuple[str, ...], wanted: Set[str]) -> Weights:
    """Prefixes that wrappers put before all names are taken off; what lies beside the wrapped model is left out."""
    notes = (
        [f"{len(others)} entries that are no dense tensors were left out: {', '.join(others[:3])}."] if others else []
    )
    while prefix := next((one for one in PREFIXES if _is_around(one, tensors)), None):
        if wanted and wanted <= tensors.keys():
            break
        beside = [key for key in tensors if not key.startswith(prefix)]
        tensors = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        notes.append(f"Prefix {prefix!r} was taken off {len(tensors)} names.")
        if beside:
            shown = ", ".join(short(key) for key in beside[:3])
            notes.append(f"Left out beside it: {shown} ({len(beside)} in all).")
    return Weights(tensors, tuple(notes))


def _is_around(prefix: str, tensors: Mapping[str, Tensor]) -> bool:
    return bool(tensors) and sum(key.startswith(prefix) for key in tensors) >= 0.8 * len(tensors)


def short(text: object) -> str:
    """A name out of a file, fit for a sentence: one line of at most 80 characters."""
    try:
        written = str(text)
    except ValueError:  # Python writes no integer of more than 4,300 digits
        written = "a very long number"
    return "".join(letter if letter.isprintable() else "?" for letter in written[:80])
