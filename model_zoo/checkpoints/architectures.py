"""Finds the architecture that fits weights, by names and shapes of tensors."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import timm
import torch
import torchvision.models
from torch import Tensor

from model_zoo.checkpoints.load import TORCHVISION, build
from model_zoo.checkpoints.read import short
from model_zoo.core.errors import CheckpointError

MAX_CANDIDATES = 30
COUNTERS = "num_batches_tracked"  # kept since torch 0.4.1 only, and of no use to a model that is not trained on

_FAMILIES: Mapping[str, tuple[str, ...]] = {
    "layer1.0.conv1.weight": (
        *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnet10t", "resnet26", "resnet26d"),
        *("resnet18d", "resnet34d", "resnet50d", "resnet101d", "resnext50_32x4d", "resnext101_32x8d", "seresnet50"),
        *("wide_resnet50_2", "wide_resnet101_2", "seresnext50_32x4d", "ecaresnet50d", "resnetrs50", "test_resnet"),
    ),
    "blocks.0.attn.qkv.weight": (
        *("vit_tiny_patch16_224", "vit_small_patch16_224", "vit_base_patch16_224", "vit_large_patch16_224"),
        *("vit_small_patch32_224", "vit_base_patch32_224", "vit_small_patch8_224", "vit_base_patch8_224"),
        *("deit_tiny_distilled_patch16_224", "deit_small_distilled_patch16_224", "deit_base_distilled_patch16_224"),
        *("vit_small_patch14_dinov2", "vit_base_patch14_dinov2", "deit3_small_patch16_224", "deit3_base_patch16_224"),
        *("vit_small_patch14_reg4_dinov2", "vit_base_patch14_reg4_dinov2", "beit_base_patch16_224", "test_vit"),
    ),
    "layers.0.blocks.0.attn.relative_position_bias_table": (
        *("swin_tiny_patch4_window7_224", "swin_small_patch4_window7_224", "swin_base_patch4_window7_224"),
        *("swin_large_patch4_window7_224", "swin_base_patch4_window12_384"),
    ),
    "layers.0.blocks.0.attn.cpb_mlp.0.weight": (
        *("swinv2_tiny_window8_256", "swinv2_small_window8_256", "swinv2_base_window8_256", "swinv2_tiny_window16_256"),
    ),
    "stages.0.blocks.0.conv_dw.weight": (
        *("convnext_atto", "convnext_femto", "convnext_pico", "convnext_nano", "convnext_tiny", "convnext_small"),
        *("convnext_base", "convnext_large", "convnextv2_atto", "convnextv2_femto", "convnextv2_pico"),
        *("convnextv2_nano", "convnextv2_tiny", "convnextv2_base", "test_convnext", "test_convnext2"),
    ),
    "conv_stem.weight": (
        *("efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "efficientnet_b4"),
        *("efficientnet_b5", "efficientnet_lite0", "tf_efficientnetv2_b0", "tf_efficientnetv2_b3"),
        *(
            "tf_efficientnetv2_s",
            "efficientnetv2_rw_t",
            "efficientnetv2_rw_s",
            "mobilenetv3_large_100",
            "mobilenetv3_small_100",
        ),
        *(
            "mobilenetv3_small_100",
            "mobilenetv3_small_050",
            "mobilenetv2_100",
            "mobilenetv2_050",
            "mobilenetv2_140",
            "mnasnet_100",
        ),
        *("mobilenetv4_conv_small", "mobilenetv4_conv_medium", "test_efficientnet", "mixnet_s", "lcnet_100"),
    ),
    "s1.b1.conv1.conv.weight": (
        *("regnetx_002", "regnetx_004", "regnetx_008", "regnetx_016", "regnetx_032", "regnety_002", "regnety_004"),
        *("regnety_008", "regnety_016", "regnety_032", "regnety_040", "regnetz_c16"),
    ),
    "features.denseblock1.denselayer1.norm1.weight": ("densenet121", "densenet161", "densenet169", "densenet201"),
    "features.0.0.weight": tuple(
        TORCHVISION + name
        for name in (
            *("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "efficientnet_b0", "efficientnet_b1"),
            *("efficientnet_b2", "efficientnet_b3", "efficientnet_v2_s", "convnext_tiny", "convnext_small"),
            *("swin_t", "swin_s", "swin_b", "swin_v2_t"),
        )
    ),
    "features.0.weight": (
        *("vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn", "repghostnet_100"),
        *(TORCHVISION + name for name in ("alexnet", "vgg11", "vgg13", "vgg16", "vgg19", "squeezenet1_0")),
        *(TORCHVISION + name for name in ("vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn", "squeezenet1_1")),
    ),
    "encoder.layers.encoder_layer_0.ln_1.weight": tuple(
        TORCHVISION + name for name in ("vit_b_16", "vit_b_32", "vit_l_16", "vit_l_32")
    ),
    "stage2.0.branch1.0.weight": tuple(
        TORCHVISION + name for name in ("shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5")
    ),
    "Mixed_5b.branch1x1.conv.weight": ("inception_v3",),
}


@dataclass(frozen=True, slots=True)
class ArchitectureFit:
    """How tensors fit an architecture, apart from the width of its head and the channels of its first layer.

    ``n_classes`` and ``channels`` are what the tensors have there, 0 where the layer is not among them. ``missing`` are
    tensors that the architecture has and the weights lack, ``unexpected`` the reverse, ``misshapen`` says both shapes.
    """

    architecture: str
    n_classes: int
    channels: int
    n_matching: int
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: tuple[str, ...]

    @property
    def share(self) -> float:
        """Tensors that match, among all that either has."""
        others = len(self.missing) + len(self.unexpected) + len(self.misshapen)
        return self.n_matching / max(1, self.n_matching + others)

    @property
    def sentence(self) -> str:
        """What does not match, with the first three names of each kind."""
        kinds = (("missing", self.missing), ("not expected", self.unexpected), ("of other shapes", self.misshapen))
        told = [f"{len(names)} {kind} ({', '.join(map(short, names[:3]))})" for kind, names in kinds if names]
        return f"{self.n_matching} tensors match" + "".join(f", {one}" for one in told)


def suggest(tensors: Mapping[str, Tensor], texts: Iterable[str] = (), limit: int = 5) -> tuple[ArchitectureFit, ...]:
    """The architectures that fit best, at most ``limit``, best first; those that ``texts`` name are tried first.

    ``texts`` are what the file says of itself and its name. Nothing that fits is no answer: an empty tuple.
    """
    named = [name for text in texts for name in named_in(text)]
    family = [name for key, names in _FAMILIES.items() if key in tensors for name in names]
    tried = [fit_architecture(name, tensors) for name in list(dict.fromkeys([*named, *family]))[:MAX_CANDIDATES]]
    ranked = sorted(tried, key=lambda one: -one.share)  # stable: of equals, the one that is named or common
    return tuple(one for one in ranked if one.n_matching and one.share > 0.2)[:limit]


def fit_architecture(
    architecture: str, tensors: Mapping[str, Tensor], size: tuple[int, int] | None = None
) -> ArchitectureFit:
    """How ``tensors`` fit the architecture at an input of ``size`` (height, width), or at its own.

    `CheckpointError` for an architecture that is not known or does not take that size.
    """
    return compare_architectures(architecture, *_outline(architecture, size), tensors)


def compare_architectures(
    architecture: str,
    expected: Mapping[str, tuple[int, ...]],
    last: tuple[str, ...],
    first: str,
    tensors: Mapping[str, Tensor],
) -> ArchitectureFit:
    """How ``tensors`` fit ``expected`` shapes; the head ``last`` may be of any width, ``first`` take any channels."""
    known = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    matching, misshapen = 0, []
    for key, shape in expected.items():
        if key not in known:
            continue
        free = 0 if key in last else 1 if key == first else None
        if _but(known[key], free) == _but(shape, free):
            matching += 1
        else:
            misshapen.append(f"{key}: {known[key]} in the file, not {shape}")
    missing = tuple(key for key in expected if key not in known and not key.endswith(COUNTERS))
    unexpected = tuple(key for key in known if key not in expected)
    width = next((known[key][0] for key in last if known.get(key)), 0)
    channels = known[first][1] if len(known.get(first, ())) > 1 else 0
    return ArchitectureFit(architecture, width, channels, matching, missing, unexpected, tuple(misshapen))


def outputs_and_channels(tensors: Mapping[str, Tensor]) -> tuple[int, int]:
    """What the shapes suggest where no architecture is known: rows of the last matrix, channels of the first filter.

    0 where there is none; depthwise filters and grouped ones say less than a picture has.
    """
    matrices = [one.shape[0] for one in tensors.values() if one.ndim == 2]
    filters = [one.shape[1] for one in tensors.values() if one.ndim == 4]
    return (matrices or [0])[-1], (filters or [0])[0]


def classifier_heads(architecture: str) -> tuple[str, ...]:
    """The names of the tensors that have a row per class."""
    return _outline(architecture)[1]


def named_in(text: str) -> tuple[str, ...]:
    """Architectures that a text names: it is one (``resnet18``, ``resnet18.a1_in1k``), or contains the longest such."""
    text = text[:300].rpartition("/")[2].lower()
    timms, torchvisions = _known()
    exact = text.split(".")[0]
    found = [name for name in timms if name == exact] or [name for name in timms if len(name) > 4 and name in text]
    others = [name for name in torchvisions if name == exact or (len(name) > 5 and name in text)]
    longest = sorted(found, key=len, reverse=True)[:2]
    return (*longest, *(TORCHVISION + name for name in sorted(others, key=len, reverse=True)[:1]))


@cache
def _known() -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(timm.list_models()), tuple(torchvision.models.list_models(module=torchvision.models))


@cache
def _outline(
    architecture: str, size: tuple[int, int] | None = None
) -> tuple[Mapping[str, tuple[int, ...]], tuple[str, ...], str]:
    """Shapes by name, the names of the head's tensors, and that of the first layer's weight."""
    with torch.device("meta"):
        model = build(architecture, (3, *(size or (224, 224))), n_classes=1000, at_any_size=size is None)
    shapes = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
    config = getattr(model, "pretrained_cfg", None) or {}
    last = config.get("classifier") or next((key for key in reversed(shapes) if len(shapes[key]) > 1), "")
    layers = (last,) if isinstance(last, str) else tuple(last)
    ends = tuple(f"{layer.removesuffix('.weight')}.{end}" for layer in layers for end in ("weight", "bias"))
    first = config.get("first_conv") or ""
    return shapes, ends, f"{first if isinstance(first, str) else first[0]}.weight"


def _but(shape: tuple[int, ...], axis: int | None) -> tuple[int, ...]:
    return shape if axis is None else shape[:axis] + shape[axis + 1 :]


def check_fit(one: ArchitectureFit, name: str) -> ArchitectureFit:
    """``one`` if every tensor has its place, else `CheckpointError` with what does not match."""
    if one.missing or one.unexpected or one.misshapen:
        raise CheckpointError(f"The weights in {name} do not fit {one.architecture}: {one.sentence}.")
    return one
