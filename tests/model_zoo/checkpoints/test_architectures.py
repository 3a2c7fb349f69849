"""Weights tell which architecture they are of: by names and shapes alone, whatever their head and first layer."""

import pytest
import torch

from model_zoo.checkpoints.architectures import check_fit, fit_architecture, named_in, suggest
from model_zoo.checkpoints.load import build
from model_zoo.checkpoints.read import read_checkpoint
from model_zoo.core.errors import CheckpointError
from tests.real_data import real


def outline(architecture, n_classes=7, channels=3):
    with torch.device("meta"):
        return build(architecture, (channels, 224, 224), n_classes, at_any_size=True).state_dict()


@pytest.mark.parametrize(
    ("architecture", "channels"),
    [
        ("resnet18", 3),
        ("resnet50", 1),
        ("resnext50_32x4d", 3),
        ("vit_small_patch16_224", 3),
        ("deit_tiny_distilled_patch16_224", 3),
        ("swin_tiny_patch4_window7_224", 3),
        ("convnext_tiny", 3),
        ("convnextv2_nano", 3),
        ("efficientnet_b0", 1),
        ("efficientnet_b3", 3),
        ("mobilenetv3_large_100", 3),
        ("regnety_008", 3),
        ("densenet121", 3),
        ("vgg16_bn", 3),
        ("torchvision.mobilenet_v2", 3),
        ("torchvision.efficientnet_b0", 3),
        ("torchvision.vgg16", 3),
        ("torchvision.vit_b_16", 3),
        ("torchvision.shufflenet_v2_x1_0", 3),
    ],
)
def test_an_architecture_is_found_without_its_name(architecture, channels):
    first, *others = suggest(outline(architecture, 7, channels))
    assert (first.architecture, first.share, first.n_classes) == (architecture, 1.0, 7)
    assert first.channels == (0 if architecture.startswith("torchvision") else channels)
    assert all(other.share <= 1 for other in others)


def test_an_architecture_that_is_not_in_the_table_is_found_by_its_name():
    tensors = outline("ghostnet_100")
    assert suggest(tensors) == () or suggest(tensors)[0].share < 0.5
    assert suggest(tensors, ["my-ghostnet_100-best.pth"])[0].architecture == "ghostnet_100"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("resnet18", ("resnet18", "torchvision.resnet18")),
        ("timm/resnet18.a1_in1k", ("resnet18", "torchvision.resnet18")),
        ("run3_efficientnet_b0_best.pth", ("efficientnet_b0", "torchvision.efficientnet_b0")),
        ("weights.pth", ()),
        ("x" * 100_000, ()),
    ],
)
def test_names_of_architectures_in_texts(text, expected):
    assert named_in(text) == expected


def test_what_does_not_match_is_said():
    tensors = dict(outline("resnet18"))
    tensors["extra.weight"] = tensors.pop("layer4.1.conv2.weight")
    tensors["conv1.weight"] = torch.empty(64, 3, 3, 3)
    one = fit_architecture("resnet18", tensors)
    assert (one.missing, one.unexpected) == (("layer4.1.conv2.weight",), ("extra.weight",))
    assert one.misshapen == ("conv1.weight: (64, 3, 3, 3) in the file, not (64, 3, 7, 7)",)
    with pytest.raises(CheckpointError, match=r"do not fit resnet18: 120 tensors match, 1 missing \(layer4"):
        check_fit(one, "w.pth")
    assert check_fit(fit_architecture("resnet18", outline("resnet18")), "w.pth").n_matching == 122


def test_weights_from_before_batches_were_counted_fit_too():
    tensors = {key: one for key, one in outline("resnet18").items() if "num_batches" not in key}
    assert fit_architecture("resnet18", tensors).share == 1


@pytest.mark.parametrize("name", ["resnet", "torchvision.resnet999", "torchvision.fcn_resnet50", "", "os.system"])
def test_an_unknown_architecture(name):
    with pytest.raises(CheckpointError, match="has no"):
        fit_architecture(name, {})


def test_torchvision_takes_three_channels():
    with pytest.raises(CheckpointError, match="takes 3 channels, not 1"):
        build("torchvision.resnet18", (1, 64, 64), 2)


def test_real_weights_of_an_architecture_that_nobody_ships_are_not_taken_for_another():
    for path in real("cifar_resnet_ckpts_a").glob("*.th"):
        weights = read_checkpoint(path).weights()
        assert all(one.share < 0.7 for one in suggest(weights.tensors, [path.name]))
