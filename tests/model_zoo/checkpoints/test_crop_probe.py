"""Which part of an image a model looks at: what a probe finds is what a person sees in the code."""

import pytest
import torch
from torch.nn import functional as F

from model_zoo.checkpoints.crop_probe import Crop, UnknownCropError, crop_of, probed_crop, uses_pixels_outside


def standardised(pixels):
    return (pixels - pixels.mean((1, 2, 3), keepdim=True)) / pixels.std((1, 2, 3), keepdim=True)


def resized(pixels, *size):
    return F.interpolate(pixels, size=size, mode="bilinear", antialias=True)


def cut_by_content(pixels):
    """The rows in which anything is bright: another part of every image."""
    rows = (pixels[0, 0].amax(dim=1) > 10).nonzero()
    return pixels[:, :, int(rows[0]) : int(rows[-1]) + 1]


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        (lambda p: p / 255, (0, 0, 64, 64)),
        (standardised, (0, 0, 64, 64)),
        (lambda p: resized(p, 224, 224), (0, 0, 64, 64)),
        (lambda p: p[:, :, ::2, ::2], (0, 0, 64, 64)),
        (lambda p: p * (torch.arange(64) < 50), (0, 0, 64, 64)),  # painted black, not cut off
        (lambda p: p[:, :, :32, :32] / 255, (0, 0, 32, 32)),
        (lambda p: resized(p[:, :, 10:40, 20:60], 48, 64), (10, 20, 40, 60)),
        (lambda p: standardised(p)[:, :, 8:40, 16:48], (8, 16, 40, 48)),
        (lambda p: p[:, :, :8, :8], (0, 0, 8, 8)),
        (lambda p: F.pad(p, (8, 8, 4, 4)), (-4, -8, 68, 72)),
    ],
)
def test_a_crop_is_found_whatever_else_is_done(prepare, expected):
    found = probed_crop(prepare, (1, 64, 64))
    assert found is not None
    assert found.is_near(Crop(*expected), (64, 64)), found


def averaged(pixels, side):
    return F.adaptive_avg_pool2d(pixels, side)


def standardised_average(pixels, side):
    return standardised(averaged(pixels, side))


@pytest.mark.parametrize("reduce", [averaged, standardised_average])
@pytest.mark.parametrize(("size", "side"), [((64, 64), 24), ((224, 224), 24)])
def test_the_crop_is_found_where_many_pixels_become_one(size, side, reduce):
    found = probed_crop(lambda p: reduce(p, side), (1, *size))
    assert found is not None
    assert found.is_near(Crop(0, 0, *size), size), found


@pytest.mark.parametrize("side", [7, 4, 1])
def test_of_a_few_pixels_that_are_averages_no_place_is_guessed(side):
    assert probed_crop(lambda p: standardised_average(p, side), (1, 300, 400)) is None


def test_the_real_screens_crop_of_rows_115_to_734_and_columns_81_to_874():
    found = probed_crop(lambda p: resized(p[:, :, 115:734, 81:874], 112, 144), (1, 768, 1024))
    assert (found.top, found.left, found.bottom, found.right) == (115, 81, 734, 874)


@pytest.mark.parametrize(
    "prepare",
    [
        lambda p: p.flip(-1),
        lambda p: p.transpose(-1, -2),
        lambda p: p + torch.rand_like(p),
        lambda p: p.flatten(1),
        lambda p: torch.zeros(1, 1, 8, 8),
        lambda p: p[:, :, torch.randperm(64, generator=torch.Generator().manual_seed(0))],
        cut_by_content,
    ],
)
def test_what_is_no_crop_has_no_place(prepare):
    assert probed_crop(prepare, (1, 64, 64)) is None


def test_a_map_is_drawn_on_its_crop_and_nowhere_else():
    placed = torch.from_numpy(Crop(2, 3, 6, 9).placed(torch.ones(4, 4).numpy(), (10, 12)))
    seen = ~placed.isnan()
    assert int(seen.sum()) == 4 * 6
    assert bool(seen[2:6, 3:9].all())
    ramp = torch.arange(64.0).reshape(8, 8)
    padded = Crop(-2, -2, 6, 6).placed(ramp.numpy(), (4, 4))
    assert padded.tolist() == ramp[2:6, 2:6].tolist()  # 2 pixels of padding fall away


@pytest.mark.parametrize(
    "written", [3, "abcd", (1, 2, 3), (0, 0, 0, 5), (5, 0, 2, 9), (0, 0, float("nan"), 4), (70, 0, 80, 9), None]
)
def test_what_is_no_crop_is_one_sentence(written):
    with pytest.raises(UnknownCropError, match=r"write \(top, left, bottom, right\)"):
        crop_of(written, (64, 64), "mine.py")


def test_an_answer_that_depends_on_another_part_is_found_out():
    image = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    whole = Crop(0, 0, 64, 64)

    def weighted(p):
        return (p * torch.arange(p.shape[-2] * p.shape[-1]).reshape(p.shape[-2:])).sum(dim=(2, 3))

    assert not uses_pixels_outside(weighted, whole, image)
    assert not uses_pixels_outside(lambda p: torch.zeros(1, 2), whole, image)  # says nothing of places
    assert uses_pixels_outside(lambda p: weighted(p[:, :, 8:56, 8:56]), whole, image)
    assert not uses_pixels_outside(lambda p: weighted(p[:, :, 8:56, 8:56]), Crop(8, 8, 56, 56), image)
    assert uses_pixels_outside(weighted, Crop(8, 8, 56, 56), image)
