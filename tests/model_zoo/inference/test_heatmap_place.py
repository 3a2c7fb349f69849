"""Heatmaps lie where the model looked: on the right token grid, and on the part that its own code passes on."""

import numpy as np
import pytest
import timm
import torch
import torchvision
from PIL import Image
from scipy.ndimage import uniform_filter
from torch import Tensor, nn

from model_zoo.checkpoints.target_layers import as_map, patch_taps, tapped
from model_zoo.checkpoints.trusted_code import TrustedCode
from model_zoo.core.explanation.regions import Box, energy, mask
from model_zoo.images.decoding import Preprocessing, decode
from model_zoo.inference.saliency import UnknownCropError, explain, target_layers
from tests.real_data import real

SQUARE = Box(8, 8, 16, 16)
SEES_BRIGHT = """
import torch
from torch import nn
from torch.nn import functional as F

class Bright(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Conv2d(1, 1, 3, padding=1, bias=False)
        nn.init.constant_(self.features.weight, 1 / 9)
        self.head = nn.Linear(1, 2, bias=False)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[1.0], [-1.0]]))

    def forward(self, x):
        return self.head(self.features(x).mean(dim=(2, 3)))

def build(n_classes, channels):
    return Bright()
"""


def own(text):
    code = TrustedCode("mine.py", (SEES_BRIGHT + text).encode())
    return code.around(code.network(2, 1), (0, 1)).eval()


def scene(height=64, width=64):
    pixels = np.zeros((height, width), dtype=np.uint8)
    pixels[8:16, 8:16] = 255
    return Image.fromarray(pixels)


def share_on_square(model, size=(64, 64), image=None):
    image = image or scene()
    prepared = Preprocessing(1, size, value_range=255.0)
    found = explain(model, torch.from_numpy(prepared.apply(image))[None])
    assert found.heat.shape == size
    placed = prepared.place_back(found.heat, *image.size)
    return energy(placed, mask([SQUARE], image.size)).share, placed


def by_hand(crop):
    """The share on the square of a 3 x 3 mean of the crop, black around it."""
    top, left, bottom, right = crop
    pixels = np.zeros((64, 64))
    pixels[8:16, 8:16] = 1
    cut = np.pad(pixels[top:bottom, left:right], 1)
    sums = sum(np.roll(np.roll(cut, a, 0), b, 1) for a in (-1, 0, 1) for b in (-1, 0, 1))[1:-1, 1:-1]
    return sums[8 - top : 16 - top, 8 - left : 16 - left].sum() / sums.sum()


@pytest.mark.parametrize(
    ("text", "crop"),
    [
        ("def prepare(pixels): return pixels[:, :, :32, :32] / 255\nCROP = (0, 0, 32, 32)", (0, 0, 32, 32)),
        ("def prepare(pixels): return pixels[:, :, 4:36, 2:62] / 255\nCROP = (4, 2, 36, 62)", (4, 2, 36, 62)),
        (
            "def prepare(pixels): return pixels[:, :, 4:, :24]\ndef crop(height, width): return 4, 0, height, 24",
            (4, 0, 64, 24),
        ),
        ("def prepare(pixels): return pixels / 255", (0, 0, 64, 64)),
    ],
)
def test_the_map_of_a_declared_crop_lies_on_what_the_model_saw(text, crop):
    share, placed = share_on_square(own(text))
    assert share == pytest.approx(by_hand(crop), abs=0.01)
    assert share > 0.75
    seen = np.zeros((64, 64), dtype=np.bool_)
    seen[crop[0] : crop[2], crop[1] : crop[3]] = True
    assert np.array_equal(~np.isnan(placed), seen)


def test_a_crop_that_is_enlarged_and_an_image_of_another_size():
    enlarged = "F.interpolate(p[:, :, :32, :48], size=(96, 144), mode='nearest')"
    model = own(f"def prepare(p): return {enlarged}\nCROP = (0, 0, 32, 48)")
    share, _ = share_on_square(model)
    assert share > 0.75
    share, placed = share_on_square(model, image=scene(128, 192))  # stretched to 64 x 64: rows 0..64, columns 0..144
    assert placed.shape == (128, 192)
    assert share > 0.5
    assert np.isnan(placed[66:]).all()
    assert np.isnan(placed[:, 147:]).all()
    assert not np.isnan(placed[:62, :141]).any()


CUTS = """
class Cuts(Bright):
    def forward(self, x):
        return super().forward(x[:, :, 8:40, 8:40])
def build(n_classes, channels):
    return Cuts()
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def prepare(pixels): return pixels[:, :, :32, :32] / 255", "declares no crop"),
        ("def prepare(pixels): return pixels[:, :, :32, :32]\nCROP = (0, 0, 32, 40)", "declares the crop"),
        ("def prepare(pixels): return pixels / 255\nCROP = (0, 0, 32, 32)", "declares the crop"),
        ("def prepare(pixels): return pixels.flip(-1)", "does more than crop"),
        ("def prepare(pixels): return pixels\nCROP = 'all'", "declares the crop 'all'"),
        (CUTS, "does not depend on the part"),
    ],
)
def test_a_place_that_nobody_knows_is_said_and_no_map_is_made(text, told):
    model = own(text)
    with pytest.raises(UnknownCropError, match=told):
        share_on_square(model)
    with pytest.raises(UnknownCropError, match=told):
        target_layers(model, (1, 64, 64))
    with torch.no_grad():
        assert model(torch.zeros(1, 1, 64, 64)).shape == (1, 2)  # it still predicts


def test_a_network_that_crops_by_itself_may_declare_it():
    share, placed = share_on_square(own(CUTS + "CROP = (8, 8, 40, 40)"))
    assert share == pytest.approx(by_hand((8, 8, 40, 40)), abs=0.1)
    assert np.isnan(placed[40:]).all()


def bright_token(model, layer, size, at):
    """The cell of the largest activation change when one patch of the input turns bright."""
    plain, spot = torch.zeros(1, 3, *size), torch.zeros(1, 3, *size)
    spot[..., at[0] : at[0] + 16, at[1] : at[1] + 16] = 3
    maps = []
    for image in (plain, spot):
        patches, kept = [], []

        def keep(output, kept=kept):
            kept.append(output)
            return output

        view = tapped(model, {**patch_taps(model, patches), layer: keep})
        with torch.no_grad():
            view(image)
        maps.append(as_map(model, kept[0], size, patches))
    change = (maps[1] - maps[0]).abs().sum(dim=1)[0]
    return divmod(int(change.argmax()), change.shape[1])


class Plain(nn.Module):
    """A small vision transformer of somebody's own: three tokens in front, and no attribute that says so."""

    def __init__(self) -> None:
        super().__init__()
        self.cut = nn.Conv2d(3, 32, 16, 16)
        self.front = nn.Parameter(torch.randn(1, 3, 32))
        self.blocks = nn.Sequential(*(nn.Sequential(nn.LayerNorm(32), nn.Linear(32, 32)) for _ in range(6)))
        self.head = nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        tokens = torch.cat((self.front, self.cut(x).flatten(2).transpose(1, 2)), dim=1)
        return self.head(self.blocks(tokens).mean(dim=1))


def of_any_size(size):
    return timm.create_model("vit_tiny_patch16_224", num_classes=4, dynamic_img_size=True)


@pytest.mark.parametrize(
    ("make", "size", "grid"),
    [
        (of_any_size, (112, 448), (7, 28)),  # 196 tokens, as many as 14 x 14
        (of_any_size, (448, 112), (28, 7)),
        (of_any_size, (64, 144), (4, 9)),  # 36 tokens: 6 x 6 would hold them
        (lambda size: nn.Sequential(of_any_size(size)), (112, 448), (7, 28)),
        (lambda size: timm.create_model("vit_tiny_patch16_224", img_size=size, num_classes=4), (64, 256), (4, 16)),
        (lambda size: Plain(), (64, 144), (4, 9)),
        (lambda size: torchvision.models.VisionTransformer(224, 16, 4, 2, 32, 64, num_classes=4), (224, 224), (14, 14)),
    ],
)
def test_the_token_grid_is_that_of_the_input(make, size, grid):
    torch.manual_seed(0)
    model = make(size).eval()
    layers = target_layers(model, (3, *size))
    assert [layer.grid for layer in layers] == [grid] * 4
    for at in ((0, 0), (16 * (grid[0] - 1), 0), (16, 16 * (grid[1] - 2))):
        assert bright_token(model, layers[-1].name, size, at) == (at[0] // 16, at[1] // 16)


def test_torchvisions_transformer_offers_its_blocks_and_their_maps_are_not_empty():
    torch.manual_seed(0)
    model = torchvision.models.VisionTransformer(224, 16, 12, 2, 32, 64, num_classes=4).eval()
    nn.init.normal_(model.heads.head.weight)  # torchvision begins with zeros
    layers = target_layers(model, (3, 224, 224))
    assert [layer.name for layer in layers] == [f"encoder.layers.encoder_layer_{k}.ln_1" for k in (11, 8, 5, 2)]
    found = explain(model, torch.randn(1, 3, 224, 224))
    assert found.layer == layers[0].name
    assert not all(explain(model, torch.randn(1, 3, 224, 224), class_index=k).empty for k in range(4))


@pytest.mark.parametrize("name", ["hc18_200", "fetal_head_masks57"])
def test_on_a_real_scan_the_map_of_a_cropped_screen_lies_where_the_head_is(name):
    """A model that answers by brightness, of a part of the screen that is squeezed to other proportions."""
    image = decode(sorted((real(name) / "images").iterdir())[3])
    image = image.resize((image.width // 4, image.height // 4))
    width, height = image.size
    top, left, bottom, right = height // 6, width // 9, height * 5 // 6, width * 8 // 9
    model = own(
        f"def prepare(p): return F.interpolate(p[:, :, {top}:{bottom}, {left}:{right}], size=(96, 160)) / 255\n"
        f"CROP = ({top}, {left}, {bottom}, {right})"
    )
    prepared = Preprocessing(1, (height, width), value_range=255.0)
    placed = prepared.place_back(explain(model, torch.from_numpy(prepared.apply(image))[None]).heat, width, height)
    inside = np.zeros((height, width), dtype=np.bool_)
    inside[top:bottom, left:right] = True
    assert np.array_equal(~np.isnan(placed), inside)
    smooth = uniform_filter(np.asarray(image.convert("L"), dtype=np.float64), 3)
    assert np.corrcoef(placed[inside], smooth[inside])[0, 1] > 0.9
    stretched = np.asarray(Image.fromarray(placed[top:bottom, left:right]).resize((width, height)))
    assert np.corrcoef(stretched[inside], smooth[inside])[0, 1] < 0.9  # over the whole screen it lies elsewhere
