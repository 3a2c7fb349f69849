"""Reads a model file, folder or zip of any kind: weights, or a model with its architecture."""

from pathlib import Path

from model_zoo.checkpoints.keras_models import KerasFile, read_h5, read_keras
from model_zoo.checkpoints.model_folder import (
    CONFIG,
    LABELS,
    TFLITE,
    ModelFolder,
    folder_of,
    labels_said,
    read_folder,
    zip_of,
)
from model_zoo.checkpoints.onnx_graphs import Graph, read_graph
from model_zoo.checkpoints.read import MAX_FILE_BYTES, Checkpoint, read_checkpoint, short
from model_zoo.checkpoints.transformers_models import TransformersFile
from model_zoo.core.errors import CheckpointError
from model_zoo.untrusted.limits import bytes_of

WholeModel = Graph | KerasFile | TransformersFile
"""A model with its architecture."""

ModelFile = Checkpoint | WholeModel

MAX_GRAPH_BYTES = 2 * 2**30 - 1
"""Protobuf holds no more."""

_HDF5, _ZIP = b"\x89HDF", b"PK\x03\x04"
_KERAS_WEIGHTS = "model.weights.h5"
_IN_FOLDERS = (CONFIG, ".safetensors", ".h5", ".hdf5", "saved_model.pb", ".tflite")


def read_model(path: Path) -> ModelFile:
    """Read a model of any suffix; `CheckpointError` says in one sentence why it is not a model."""
    name = short(path.name)
    try:
        if path.is_dir():
            return read_folder(folder_of(path))
        size = bytes_of(path)
        with path.open("rb") as file:
            start = file.read(9)
        if start[4:8] == b"TFL3":
            raise CheckpointError(f"{name} {TFLITE}.")
        if start[:1] == b"\x08" and start[8:9] != b"{" and size <= MAX_GRAPH_BYTES:
            return read_graph(path.read_bytes(), name)
        if size <= MAX_FILE_BYTES and start.startswith(_HDF5):
            return read_h5(path.read_bytes(), name, labels_said(_beside(path)))
        is_zip = size <= MAX_FILE_BYTES and start.startswith(_ZIP) and start[8:9] != b"{"
        if is_zip and (found := _read_zip(path, name)) is not None:
            return found
    except (OSError, ValueError):
        pass  # the error below covers every kind of file
    return read_checkpoint(path)


def _read_zip(path: Path, name: str) -> ModelFile | None:
    """The model in a zip that ``torch.save`` did not write; None for all others."""
    raw = path.read_bytes()
    try:
        folder = zip_of(raw, name)
    except CheckpointError:
        return None
    if CONFIG in folder.files and _KERAS_WEIGHTS in folder.files:
        said = labels_said(_beside(path))
        return read_keras(raw, folder.read(CONFIG), folder.read(_KERAS_WEIGHTS), name, said)
    return read_folder(folder) if any(one.lower().endswith(_IN_FOLDERS) for one in folder.files) else None


def _beside(path: Path) -> ModelFolder:
    """The labels beside a file; a link is not followed, as the file may be somebody else's."""
    labels = path.with_name(LABELS)
    there = {LABELS: bytes_of(labels)} if labels.is_file() and not labels.is_symlink() else {}
    return ModelFolder(short(path.parent.name), there, lambda name: labels.read_bytes())
