"""Image classifiers of Hugging Face's transformers: built from a checked ``config.json``, weights by safetensors alone.

Nothing is fetched and no code of the folder runs: the configuration is data, and the class is the library's own.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from model_zoo.checkpoints.read import Said, safetensors_of, short
from model_zoo.core.errors import CheckpointError
from model_zoo.untrusted.parser_errors import first_line, is_parser_error, parser_errors_as_ours
from model_zoo.untrusted.text_limits import load_json
from model_zoo.workspace.run import TRANSFORMERS

_MODEL_TYPES_NAMES = """
beit bit convnext convnextv2 cvt data2vec-vision deit dinov2 dinov2_with_registers efficientnet focalnet hiera ijepa
levit mobilenet_v1 mobilenet_v2 mobilevit mobilevitv2 poolformer pvt pvt_v2 regnet resnet segformer swiftformer swin
swinv2 vit vit_msn
"""
MODEL_TYPES = frozenset(_MODEL_TYPES_NAMES.split())
"""Those whose network is made of numbers in the configuration alone, by the library's own code."""

_NOT_TAKEN_NAMES = """
id2label label2id num_labels dtype torch_dtype architectures quantization_config
"""
_NOT_TAKEN = frozenset(_NOT_TAKEN_NAMES.split())
MAX_CLASSES = 100_000
MAX_COUNTERS = 10_000
"""Numbers that older files lack: counters of batches, indices of positions."""


@dataclass(frozen=True)
class TransformersFile:
    """A classifier of transformers; ``raw`` is what a run keeps of it: weights, and the configuration beside them."""

    name: str
    sha256: str
    raw: bytes
    model_type: str
    channels: int
    n_classes: int
    said: Mapping[str, Said] = field(default_factory=dict)
    size: tuple[int, int] = (0, 0)
    notes: tuple[str, ...] = ()
    architecture: str = TRANSFORMERS

    @property
    def sentences(self) -> tuple[str, ...]:
        """What it is, and what goes in and comes out, in sentences."""
        takes = f"takes {self.channels} channels" if self.channels else "takes any channels"
        return f"A classifier of transformers ({self.model_type}); {takes}.", f"It gives {self.n_classes} classes."


def read_classifier(
    config: Mapping[str, Any], tensors: Mapping[str, Tensor], name: str, said: Mapping[str, Said]
) -> TransformersFile:
    """The classifier that a ``config.json`` and its weights describe; `CheckpointError` says why it is not built."""
    labels = config.get("id2label")
    n_classes = len(labels) if isinstance(labels, dict) else config.get("num_labels", 2)
    if not isinstance(n_classes, int) or not 1 <= n_classes <= MAX_CLASSES:
        raise CheckpointError(f"{name} names {short(n_classes)} classes in config.json; correct id2label.")
    kept = {**_plain(config), "num_labels": n_classes}
    _built(kept, tensors, name)
    metadata = {"transformers": json.dumps(kept)}
    raw = save({key: tensor.contiguous() for key, tensor in tensors.items()}, metadata)
    channels = kept.get("num_channels", 0)
    model_type = short(kept["model_type"])
    digest = hashlib.sha256(raw).hexdigest()
    return TransformersFile(name, digest, raw, model_type, channels if channels in (1, 3) else 0, n_classes, said)


class TransformersModel(nn.Module):
    """A classifier of transformers as TaxoScope asks models; logits come out in the order of ``columns``."""

    def __init__(self, raw: bytes, columns: tuple[int, ...]) -> None:
        super().__init__()
        with parser_errors_as_ours("The model", CheckpointError, "import it again"):
            tensors, metadata = safetensors_of(raw)
            kept = load_json(metadata["transformers"])
            kept = _plain(kept) | {"num_labels": int(kept["num_labels"])}
        self.network, self.columns = _built(kept, tensors, "The model"), columns

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (N, K)."""
        try:
            said = self.network(pixel_values=inputs).logits
        except ValueError as error:  # transformers checks sizes itself
            raise CheckpointError(f"The model takes no {tuple(inputs.shape)}: {first_line(error, 200)}") from error
        if said.ndim != 2 or said.shape[1] != len(self.columns):
            raise CheckpointError(
                f"The model gives {tuple(said.shape)}, not ({len(inputs)}, {len(self.columns)} classes); "
                "choose the taxonomy that it was trained on."
            )
        logits: Tensor = said[:, list(self.columns)].float()
        return logits


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers, words and lists of them; what names code, files or other models is left out, or refused."""
    model_type = config.get("model_type")
    if model_type not in MODEL_TYPES:
        raise CheckpointError(
            f"A model of type {short(model_type)} is not built here; known are {', '.join(sorted(MODEL_TYPES))}. "
            "Export it as ONNX, or give its code with --architecture-file."
        )
    if "auto_map" in config and config.get("auto_map"):
        raise CheckpointError(
            "config.json names code of its own (auto_map), which is never run; export the model as ONNX, or give code "
            "that you have read with --architecture-file."
        )
    plain = {key: value for key, value in config.items() if key not in _NOT_TAKEN and not key.startswith("_")}
    return {key: value for key, value in plain.items() if _is_plain(value, 0)}


def _is_plain(value: Any, depth: int) -> bool:
    if isinstance(value, list):
        return depth < 3 and len(value) <= 1_000 and all(_is_plain(one, depth + 1) for one in value)
    return value is None or isinstance(value, bool | int | float | str)


def _built(kept: Mapping[str, Any], tensors: Mapping[str, Tensor], name: str) -> nn.Module:
    """The network with its weights; their shapes are compared before any of it is given memory."""
    try:
        from transformers import CONFIG_MAPPING, MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING
        from transformers.utils.logging import disable_progress_bar
    except ImportError as error:
        raise CheckpointError(
            "Classifiers of Hugging Face's transformers need that package; install it with "
            "`pip install taxoscope[transformers]`."
        ) from error
    disable_progress_bar()
    kind = CONFIG_MAPPING[kept["model_type"]]
    known = kind().to_dict().keys() | {"num_labels"}
    try:
        config = kind(**{key: value for key, value in kept.items() if key in known and key != "model_type"})
        made: Any = MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING[type(config)]
        config._attn_implementation = "eager"
        with torch.device("meta"):
            hollow = made(config)
        needed = sum(tensor.numel() for tensor in hollow.state_dict().values())
        there = sum(tensor.numel() for tensor in tensors.values())
        if needed > there + MAX_COUNTERS:  # known before any of it is given memory
            raise CheckpointError(f"{name} holds {there:,} numbers, {made.__name__} needs {needed:,}; copy it again.")
        network, report = made.from_pretrained(
            None,
            config=config,
            state_dict=dict(tensors),
            dtype=torch.float32,
            local_files_only=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,  # the report has them
            output_loading_info=True,
        )
        wrong = {kind: sorted(map(str, found)) for kind, found in report.items() if found}
        if wrong:
            told = "; ".join(f"{kind} {', '.join(map(short, names[:3]))}" for kind, names in wrong.items())
            raise CheckpointError(f"The weights in {name} do not fit {made.__name__}: {told}.")
    except CheckpointError:
        raise
    except Exception as error:
        if not is_parser_error(error) and not isinstance(error, TypeError | ValueError | AttributeError | ImportError):
            raise
        raise CheckpointError(
            f"{name} cannot be built as {short(kept['model_type'])}: {first_line(error, 200)}"
        ) from error
    loaded: nn.Module = network.eval()
    return loaded
