"""Architectures that do not take the card's size are refused before anything is read, and strange weights too."""

import hashlib
import json
import struct

import pytest
import torch

from model_zoo.checkpoints.load import build, check_architecture, restore
from model_zoo.core.errors import CheckpointError
from tests.model_zoo.workspace.test_run import card

SIZE = (1, 112, 112)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit2", "levit_128"])
def test_an_architecture_that_takes_the_size_says_nothing(name):
    check_architecture(name, SIZE)


@pytest.mark.parametrize(
    "name",
    [
        "maxvit_tiny_tf_224",
        "hiera_tiny_224",
        "coatnet_0_224",
        "crossvit_9_240",
        "efficientformer_l1",  # can be built, but takes no image
        "twins_pcpvt_small",
    ],
)
def test_an_architecture_that_does_not_take_the_size_is_one_sentence_with_a_remedy(name):
    with pytest.raises(CheckpointError) as caught:
        check_architecture(name, SIZE)
    sentence = str(caught.value)
    assert sentence.startswith(f"Architecture {name!r} does not take images of 112 x 112 with 1 channel(s) (")
    assert sentence.endswith("); change the architecture or the recipe's size.")
    assert "\n" not in sentence


@pytest.mark.parametrize("name", ["test_resnet_x", "", "hf-hub:somebody/model", "../test_resnet", "nn.Module", "[*"])
def test_an_architecture_that_timm_lacks(name):
    with pytest.raises(CheckpointError, match="timm has no architecture"):
        check_architecture(name, SIZE)


def test_checking_changes_no_model_built_later():
    torch.manual_seed(3)
    first = build("test_resnet", SIZE, 4).state_dict()
    check_architecture("test_resnet", SIZE)
    torch.manual_seed(3)
    again = build("test_resnet", SIZE, 4).state_dict()
    assert all(torch.equal(again[name], weights) for name, weights in first.items())


def safetensors(**header):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"\0" * 8


@pytest.mark.parametrize(
    "weights",
    [
        b"",
        b"\x80\x04\x95pickled",
        struct.pack("<Q", 2**62) + b"{}",
        safetensors(w={"dtype": "F8_E8M0", "shape": [8], "data_offsets": [0, 8]}),  # a format that torch may lack
        safetensors(w={"dtype": "F32", "shape": [2**40], "data_offsets": [0, 8]}),
        safetensors(w={"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}),
    ],
)
def test_weights_that_are_none_are_one_sentence(weights):
    with pytest.raises(CheckpointError, match="do not fit test_resnet") as caught:
        restore(card(weights_sha256=hashlib.sha256(weights).hexdigest()), weights)
    assert "\n" not in str(caught.value)


def test_a_card_with_a_size_that_its_architecture_does_not_take_is_one_sentence():
    strange = card(architecture="twins_pcpvt_small", weights_sha256=hashlib.sha256(b"").hexdigest())
    with pytest.raises(CheckpointError, match="'twins_pcpvt_small' does not take images of 32 x 16"):
        restore(strange, b"")
