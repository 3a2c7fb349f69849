"""A folder or zip of a model, as Hugging Face, timm and Teachable Machine write them."""

import io
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from model_zoo.checkpoints.keras_models import KerasFile, read_h5
from model_zoo.checkpoints.read import (
    MAX_FILE_BYTES,
    MAX_SAID,
    Checkpoint,
    Said,
    read_checkpoint_bytes,
    safetensors_of,
    short,
)
from model_zoo.checkpoints.transformers_models import TransformersFile, read_classifier
from model_zoo.core.errors import CheckpointError
from model_zoo.untrusted.limits import bytes_of
from model_zoo.untrusted.parser_errors import parser_errors_as_ours
from model_zoo.untrusted.text_limits import load_json
from model_zoo.untrusted.zip_directory import n_members

MAX_FILES = 10_000
MAX_TEXT_BYTES = 16 * 2**20
CONFIG, PREPROCESSOR, INDEX, LABELS = (
    "config.json",
    "preprocessor_config.json",
    "model.safetensors.index.json",
    "labels.txt",
)
SAVED_MODEL = (
    "is a TensorFlow SavedModel, which is a program; where it was made, convert it with `python -m tf2onnx.convert "
    "--saved-model FOLDER --output model.onnx` and give model.onnx"
)


@dataclass(frozen=True)
class ModelFolder:
    """The files at the top of a folder or zip by name, each with its number of bytes; ``read`` gives a file's bytes."""

    name: str
    files: Mapping[str, int]
    read_file: Callable[[str], bytes]

    def read(self, name: str, most: int = MAX_FILE_BYTES) -> bytes:
        """A file's bytes; `CheckpointError` where it is too large or cannot be read."""
        if self.files[name] > most:
            raise CheckpointError(
                f"{short(name)} in {self.name} has {self.files[name]:,} bytes; at most {most:,} are read."
            )
        with parser_errors_as_ours(f"{short(name)} in {self.name}", CheckpointError, "copy it again"):
            return self.read_file(name)

    def json(self, name: str) -> Mapping[str, Any]:
        """A JSON object in it; {} where there is no such file."""
        if name not in self.files:
            return {}
        raw = self.read(name, MAX_TEXT_BYTES)
        with parser_errors_as_ours(f"{short(name)} in {self.name}", CheckpointError, "copy it again", "is no JSON"):
            found = load_json(raw.decode())
            if not isinstance(found, dict):
                raise ValueError("it is no object")
        return found


def folder_of(path: Path) -> ModelFolder:
    """The plain files in a folder. Links are followed: Hugging Face's cache is made of them."""
    with parser_errors_as_ours(short(path.name), CheckpointError, "check the path", "cannot be read"):
        files = {one.name: bytes_of(one) for one in sorted(path.iterdir())[:MAX_FILES] if one.is_file()}
    return ModelFolder(short(path.name), files, lambda name: (path / name).read_bytes())


def zip_of(raw: bytes, name: str) -> ModelFolder:
    """The files at the top of a zip, or in the one folder at its top."""
    with parser_errors_as_ours(name, CheckpointError, "copy it again", "is a damaged or cut off zip"):
        if n_members(io.BytesIO(raw)) > MAX_FILES:
            raise CheckpointError(f"{name} lists more than {MAX_FILES:,} files; give the model alone.")
        archive = zipfile.ZipFile(io.BytesIO(raw))
        entries = [one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX/")]
        tops = {one.filename.partition("/")[0] for one in entries}
        inner = f"{tops.pop()}/" if len(tops) == 1 and all("/" in one.filename for one in entries) else ""
        by_name = {one.filename.removeprefix(inner): one for one in entries}
    files = {key: one.file_size for key, one in by_name.items()}
    return ModelFolder(name, files, lambda key: archive.read(by_name[key]))


def read_folder(folder: ModelFolder) -> Checkpoint | KerasFile | TransformersFile:
    """The model in a folder or zip; `CheckpointError` says what it holds instead."""
    config = folder.json(CONFIG)
    if config:
        return _hugging_face(folder, config)
    hdf5 = [one for one in folder.files if one.lower().endswith((".h5", ".hdf5"))]
    if len(hdf5) == 1:
        return read_h5(folder.read(hdf5[0]), short(hdf5[0]), labels_said(folder))
    if any(one.rpartition("/")[2] == "saved_model.pb" for one in folder.files):
        raise CheckpointError(f"{folder.name} {SAVED_MODEL}.")
    if lite := next((one for one in folder.files if one.endswith(".tflite")), ""):
        raise CheckpointError(f"{short(lite)} in {folder.name} {TFLITE}.")
    there = ", ".join(short(one) for one in list(folder.files)[:5]) or "nothing"
    raise CheckpointError(
        f"{folder.name} is a folder or zip without a config.json; give the file of weights in it (there is {there})."
    )


TFLITE = (
    "is a TFLite model, which is a program; where it was made, convert it with `python -m tf2onnx.convert --tflite "
    "model.tflite --output model.onnx` and give model.onnx"
)


def labels_said(folder: ModelFolder) -> Mapping[str, Said]:
    """What a ``labels.txt`` beside a Keras model says: classes; Teachable Machine alone writes lines ``0 Name``.

    Its own code cuts the centre out as a square of 224 pixels by Lanczos and takes x / 127.5 - 1.
    """
    if LABELS not in folder.files:
        return {}
    text = folder.read(LABELS, MAX_TEXT_BYTES).decode("utf-8-sig", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()][:MAX_SAID]
    numbered = [re.fullmatch(r"(\d+)\s+(.+)", line) for line in lines]
    names = [found[2] for index, found in enumerate(numbered) if found and int(found[1]) == index]
    if not lines or len(names) < len(lines):
        return {"class_names": tuple(lines)} if lines else {}
    said: dict[str, Said] = {"class_names": tuple(names), "img_size": 224, "fit": "crop", "interpolation": "lanczos"}
    return said | {"mean": "0.5,0.5,0.5", "std": "0.5,0.5,0.5"}


def _hugging_face(folder: ModelFolder, config: Mapping[str, Any]) -> Checkpoint | TransformersFile:
    if isinstance(config.get("architecture"), str):  # timm's
        weights = _only_safetensors(folder)
        found = read_checkpoint_bytes(folder.read(weights), short(weights))
        return replace(found, said={**found.said, **_timm_said(config)})
    tensors, prepared = _tensors(folder), folder.json(PREPROCESSOR)
    return read_classifier(config, tensors, folder.name, {**_labels_of(config), **_processor_said(prepared)})


def _tensors(folder: ModelFolder) -> Mapping[str, Tensor]:
    shards = folder.json(INDEX).get("weight_map")
    names = sorted({str(one) for one in shards.values()}) if isinstance(shards, dict) else [_only_safetensors(folder)]
    if missing := [one for one in names if one not in folder.files]:
        raise CheckpointError(f"{folder.name} lacks {short(missing[0])}, which its index names; copy it again.")
    found: dict[str, Tensor] = {}
    for one in names:
        raw = folder.read(one)
        with parser_errors_as_ours(short(one), CheckpointError, "copy it again", "is no safetensors file, or damaged"):
            found |= safetensors_of(raw)[0]
    return found


def _only_safetensors(folder: ModelFolder) -> str:
    there = [one for one in folder.files if one.endswith(".safetensors")]
    if "model.safetensors" in there or len(there) == 1:
        return "model.safetensors" if "model.safetensors" in there else there[0]
    raise CheckpointError(
        f"{folder.name} has {len(there)} files .safetensors, and weights are read from one; save it again with "
        "model.save_pretrained(folder, safe_serialization=True)."
    )


def _timm_said(config: Mapping[str, Any]) -> Mapping[str, Said]:
    """What timm's ``config.json`` says, by the keys that checkpoints use."""
    written = config.get("pretrained_cfg") if isinstance(config.get("pretrained_cfg"), dict) else config
    said: dict[str, Said] = {"architecture": short(config["architecture"])}
    for key in ("input_size", "mean", "std", "interpolation", "crop_pct"):
        value = (written or {}).get(key)
        if isinstance(value, list):
            said[key] = tuple(one for one in value[:4] if isinstance(one, int | float))
        elif isinstance(value, str | int | float):
            said[key] = value
    fits = {"center": "crop", "squash": "stretch", "border": "pad"}
    said["fit"] = fits.get(str((written or {}).get("crop_mode", "center")), "")
    names = config.get("label_names") or (written or {}).get("label_names")
    return said | ({"class_names": tuple(map(str, names[:MAX_SAID]))} if isinstance(names, list) else {})


def _labels_of(config: Mapping[str, Any]) -> Mapping[str, Said]:
    labels = config.get("id2label")
    if not isinstance(labels, dict) or not all(str(key).isdecimal() for key in labels):
        return {}
    return {"class_names": tuple(str(labels[key]) for key in sorted(labels, key=int))[:MAX_SAID]}


_RESAMPLE = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}


def _processor_said(written: Mapping[str, Any]) -> Mapping[str, Said]:
    """What ``preprocessor_config.json`` says, by the keys that checkpoints use; nothing where it does more than these.

    A size of height and width is stretched to; a shortest edge is a crop with ``crop_size``, or with ``crop_pct`` below
    384 pixels, where ConvNeXT's processor stretches from 384 on.
    """
    said: dict[str, Said] = {}
    size, crop = _sides(written.get("size")), _sides(written.get("crop_size"))
    share = written.get("crop_pct") or 224 / 256
    edge = size[0] if len(size) == 1 else 0
    if written.get("do_resize", True) and len(size) == 2 and not written.get("do_center_crop"):
        said |= {"img_size": size, "fit": "stretch"}
    elif edge and written.get("do_center_crop") and len(crop) == 2 and min(crop) == max(crop) <= edge:
        said |= {"img_size": crop, "fit": "crop", "crop_pct": crop[0] / edge}
    elif edge and "ConvNext" in str(written.get("image_processor_type") or written.get("feature_extractor_type")):
        said |= {"img_size": (edge, edge), "fit": "crop" if edge < 384 else "stretch"}
        said |= {"crop_pct": float(share)} if edge < 384 else {}
    if written.get("resample") in _RESAMPLE:
        said["interpolation"] = _RESAMPLE[written["resample"]]
    scaled = abs(float(written.get("rescale_factor", 1 / 255)) - 1 / 255) < 1e-9 and written.get("do_rescale", True)
    if written and scaled and not written.get("rescale_offset") and not written.get("include_top"):
        plain = {"image_mean": (0.0,) * 3, "image_std": (1.0,) * 3}
        for key, otherwise in plain.items():
            value = written.get(key) if written.get("do_normalize", True) else list(otherwise)
            numbers = tuple(value) if isinstance(value, list) else ()
            if len(numbers) in (1, 3) and all(isinstance(one, int | float) for one in numbers):
                said[key.removeprefix("image_")] = numbers
    return said


def _sides(written: Any) -> tuple[int, ...]:
    """(height, width), or (shortest edge,); older files have a number, which is both sides."""
    if isinstance(written, int):
        return (written, written)
    found = written if isinstance(written, dict) else {}
    keys = ("height", "width") if "height" in found else ("shortest_edge",)
    sides = tuple(found.get(key) for key in keys)
    return tuple(one for one in sides if isinstance(one, int)) if all(isinstance(one, int) for one in sides) else ()
