"""Every format that was tried and what it gives, as the table in docs/formats.md; run this file to write it anew."""

import csv
import io
import json
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from onnx import TensorProto, helper
from PIL import Image
from pydicom.data import get_testdata_file
from safetensors.torch import save_file
from torch import nn

from model_zoo.checkpoints.model_file import read_model
from model_zoo.checkpoints.onnx_graphs import Graph
from model_zoo.checkpoints.read import Checkpoint
from model_zoo.core.errors import TaxoScopeError
from model_zoo.importing.archives import is_archive, unpack
from model_zoo.importing.dicom import extract_frames, holds_dicom
from model_zoo.importing.prediction_files import read_predictions
from model_zoo.importing.reading import read_source
from model_zoo.importing.tables import Columns
from tests.foreign_images import fetal_planes_folder

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "formats.md"
CLASSES = ("cat", "dog")
STATE = {"fc.weight": torch.zeros(2, 4), "fc.bias": torch.zeros(2)}
SAID = np.array([[0.25, 0.75], [0.5, 0.5]])


def _torch(held: object, **how: object) -> Callable[[Path], None]:
    return lambda path: torch.save(held, path, **how)


def _text(text: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(text) and None


def _onnx(path: Path) -> None:
    node = helper.make_node("GlobalAveragePool", ["x"], ["g"])
    flat = helper.make_node("Flatten", ["g"], ["s"])
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])]
    outputs = [helper.make_tensor_value_info("s", TensorProto.FLOAT, ["n", 3])]
    made = helper.make_graph([node, flat], "g", inputs, outputs)
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def _zip_of(*names: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as out:
            for name in names:
                out.writestr(f"archive/{name}", "x")

    return write


def _csv(*rows: tuple[object, ...]) -> Callable[[Path], None]:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return _text(out.getvalue())


def _images(*places: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        for place in places:
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8)).save(folder / place)

    return write


def _listed(name: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        Image.new("L", (8, 8)).save(path.parent / "a.png")
        rows = {"image": ["a.png"], "label": ["cat"], "patient_id": ["p"], "split": ["test"]}
        if name == "csv":
            _csv(tuple(rows), *zip(*rows.values(), strict=True))(path)
        else:
            pq.write_table(pa.table(rows), path)

    return write


def _packed(form: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with tempfile.TemporaryDirectory() as name:
            _images("cat/1.png", "dog/2.png")(Path(name))
            shutil.move(shutil.make_archive(str(path.parent / "packed"), form, name), path)

    return write


def _dicom(folder: Path) -> None:
    for place in ("cat/1.dcm", "dog/2.dcm"):
        made = get_testdata_file("CT_small.dcm", read=True)
        (folder / place).parent.mkdir(parents=True)
        made.save_as(folder / place)


def _with_images(text: str, *places: str) -> Callable[[Path], None]:
    """A table ``text`` beside images; a path without an ending is the folder of both, its table ``metadata``."""

    def write(path: Path) -> None:
        _images(*places)(path.parent)
        path.write_text(text)

    return write


def _hugging_face(ending: str) -> Callable[[Path], None]:
    texts = {
        "csv": "file_name,label\n1.png,cat\n2.png,dog\n",
        "jsonl": '{"file_name": "1.png", "label": "cat"}\n{"file_name": "2.png", "label": "dog"}\n',
    }

    def write(folder: Path) -> None:
        folder.mkdir()
        _with_images(texts[ending], "1.png", "2.png")(folder / f"metadata.{ending}")

    return write


COCO = {
    "images": [{"id": 1, "file_name": "1.png"}, {"id": 2, "file_name": "2.png"}],
    "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    "annotations": [{"image_id": 1, "category_id": 1}, {"image_id": 2, "category_id": 2}],
}
LABEL_STUDIO = [
    {
        "id": k,
        "data": {"image": f"{k}.png"},
        "annotations": [
            {"result": [{"type": "choices", "from_name": "kind", "to_name": "image", "value": {"choices": [name]}}]}
        ],
    }
    for k, name in enumerate(CLASSES, start=1)
]


def _exported(part: str) -> Callable[[Path], None]:
    """What Teachable Machine exports, or one file of it."""

    def write(path: Path) -> None:
        packed = Path(__file__).parent / "teachable_machine" / "converted_keras.zip"
        with zipfile.ZipFile(packed) as archive:
            path.write_bytes(archive.read(part) if part else packed.read_bytes())

    return write


def _timm_folder(folder: Path) -> None:
    folder.mkdir()
    save_file(STATE, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"architecture": "resnet18", "label_names": list(CLASSES)}))


def _transformers_folder(folder: Path) -> None:
    from transformers import ResNetConfig, ResNetForImageClassification

    small = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], id2label=dict(enumerate(CLASSES)))
    ResNetForImageClassification(small).save_pretrained(folder)


class ClassificationModel(nn.Linear):
    """Pickled under the name that ultralytics gives its classifiers."""


ClassificationModel.__module__ = "ultralytics.nn.tasks"


def _yolo(path: Path) -> None:
    names = ("ultralytics", "ultralytics.nn", "ultralytics.nn.tasks")
    sys.modules.update(dict.fromkeys(names, sys.modules[__name__]))
    try:
        torch.save({"model": ClassificationModel(4, 2)}, path)
    finally:
        for name in names:
            del sys.modules[name]


MODELS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "safetensors": ("model.safetensors", lambda path: save_file(STATE, path)),
    "torch.save of a state_dict": ("model.pth", _torch(STATE)),
    "the same, before torch 1.6": ("model.th", _torch(STATE, _use_new_zipfile_serialization=False)),
    "`{'state_dict': ...}` with `module.`": (
        "model.pth.tar",
        _torch({"epoch": 3, "state_dict": {f"module.{key}": value for key, value in STATE.items()}}),
    ),
    "weights and their EMA": (
        "last.pth",
        _torch({"model": STATE, "model_ema": {key: one + 1 for key, one in STATE.items()}}),
    ),
    "ONNX": ("model.onnx", _onnx),
    "a whole pickled model": ("model.pt", _torch(nn.Linear(4, 2))),
    "TorchScript": ("model.pt", _zip_of("constants.pkl", "code/model.py", "data.pkl")),
    "torch.export (`.pt2`)": ("model.pt2", _zip_of("serialized_exported_program.json", "version")),
    "a Git LFS pointer": ("model.pth", _text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")),
    "a web page": ("model.pth", _text("<!DOCTYPE html><html></html>")),
    "Teachable Machine, `converted_keras.zip`": ("converted_keras.zip", _exported("")),
    "Keras (`.h5`)": ("model.h5", _exported("keras_model.h5")),
    "Hugging Face folder of transformers": ("model", _transformers_folder),
    "Hugging Face folder of timm": ("model", _timm_folder),
    "SavedModel, packed": ("model.zip", _zip_of("saved_model.pb", "variables/variables.index")),
    "TFLite": ("model.tflite", lambda path: path.write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(64))),
    "YOLO (ultralytics) `best.pt`": ("best.pt", _yolo),
}
PREDICTIONS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "CSV, a column per class": ("said.csv", _csv(("image_id", "cat", "dog"), ("a", 0.25, 0.75))),
    "CSV, labels alone": ("said.csv", _csv(("image_id", "predicted"), ("a", "dog"))),
    "JSON Lines, labels alone": ("said.jsonl", _text('{"image_id": "a", "label": "cat", "y_hat": "dog"}\n')),
    "CSV of truth and predictions": ("said.csv", _csv(("image_id", "label", "y_hat"), ("a", "cat", "dog"))),
    "CSV, two columns of classes": ("said.csv", _csv(("image_id", "label", "net"), ("a", "cat", "dog"))),
    "Parquet, a column per class": (
        "said.parquet",
        lambda path: pq.write_table(pa.table({"image_id": ["a"], "p:cat": [0.25], "p:dog": [0.75]}), path),
    ),
    "NPY of probabilities": ("said.npy", lambda path: np.save(path, SAID)),
    "NPY of labels": ("said.npy", lambda path: np.save(path, np.array([1, 0]))),
    "NPZ with ids and classes": (
        "said.npz",
        lambda path: np.savez(path, ids=["a", "b"], probabilities=SAID, classes=list(CLASSES)),
    ),
    "NPY of Python objects": ("said.npy", lambda path: np.save(path, np.array([{}, {}]), allow_pickle=True)),
}
DATA: dict[str, tuple[str, Callable[[Path], object]]] = {
    "folders by class": ("images", _images("cat/1.png", "dog/2.png")),
    "folders by split and class": ("images", _images("train/cat/1.png", "test/dog/2.png")),
    "CSV": ("list.csv", _listed("csv")),
    "Parquet": ("list.parquet", _listed("parquet")),
    "zip of folders by class": ("images.zip", _packed("zip")),
    "tar.gz of folders by class": ("images.tar.gz", _packed("gztar")),
    "DICOM in folders by class": ("frames", _dicom),
    "COCO (JSON)": ("coco.json", _with_images(json.dumps(COCO), "1.png", "2.png")),
    "Label Studio (JSON)": ("export.json", _with_images(json.dumps(LABEL_STUDIO), "1.png", "2.png")),
    "Hugging Face, `metadata.csv`": ("images", _hugging_face("csv")),
    "Hugging Face, `metadata.jsonl`": ("images", _hugging_face("jsonl")),
    "FETAL_PLANES_DB as published": ("published", lambda path: fetal_planes_folder(path) and None),
}


def _model(path: Path) -> str:
    found = read_model(path)
    if isinstance(found, Graph):
        return "a model with its architecture; maps where it ends in global pooling and one linear layer"
    if not isinstance(found, Checkpoint):
        return f"a model with its architecture ({found.architecture}); {' '.join(found.sentences)}"
    if classes := found.said.get("class_names"):
        return f"weights, architecture {found.said['architecture']}, classes {', '.join(classes)}"
    return f"weights under {', '.join(found.parts)}"


def _answers(path: Path) -> str:
    found = read_predictions(path, CLASSES)
    what = "labels alone" if found.probabilities is None else "probabilities"
    return f"{what}; {'images by name' if found.images else 'rows in the order of a split (`--split`)'}"


def _data(path: Path) -> str:
    if is_archive(path):
        path = unpack(path, path.parent / "unpacked")
    if holds_dicom(path):
        extract_frames(path, frames := path.parent / "png")
        path = frames
    found = read_source(path, Columns(), None, ())
    splits = sorted({str(row.split) for row in found.rows})
    return f"{len(found.rows)} image(s) with classes; split {', '.join(splits)}"


def text() -> str:
    """The document, from what each format gives today."""
    parts = [
        "# Formats that were tried, and what each gives\n",
        "Written by `uv run python -m tests.formats_table`; a test fails where it is out of date. Each row is a small",
        "file of that format, read as the command reads it.\n",
    ]
    tables = {
        "Models: `taxoscope import-run`": (MODELS, _model),
        "Predictions: `taxoscope import-predictions`": (PREDICTIONS, _answers),
        "Images and labels: `taxoscope import-data`": (DATA, _data),
    }
    for title, (formats, read) in tables.items():
        parts += [f"## {title}\n", "| format | what it gives |", "|---|---|"]
        parts += [f"| {name} | {_tried(file, write, read)} |" for name, (file, write) in formats.items()]
        parts.append("")
    return "\n".join(parts)


def _tried(file: str, write: Callable[[Path], object], read: Callable[[Path], str]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file
        write(path)
        try:
            return read(path)
        except TaxoScopeError as error:
            return f"refused: {str(error).replace(folder, '').replace('|', chr(92) + '|')}"


if __name__ == "__main__":
    DOCUMENT.write_text(text(), encoding="utf-8")
    json.dump({"written": DOCUMENT.name}, sys.stdout)
