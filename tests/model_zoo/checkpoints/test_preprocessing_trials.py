"""The same images prepared otherwise: what people mix up is tried, a wrong scale is seen, a right one is left alone."""

import numpy as np
import pytest
from PIL import Image

from model_zoo.checkpoints.preprocessing_trials import (
    AS_GIVEN,
    far_better,
    other_preprocessing,
    sampled_images,
    try_preprocessing,
)
from model_zoo.core.errors import ImageError
from model_zoo.images.decoding import Fit, Preprocessing

RIGHT = Preprocessing(3, (8, 8), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def colours(n=120):
    """Images mostly of one colour, and which: red, green or blue; dark ones and bright ones."""
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=n)
    images = []
    for k in truth:
        pixels = np.full((10, 12, 3), 40, dtype=np.uint8)
        pixels[..., k] = rng.integers(120, 200)
        images.append(Image.fromarray(pixels))
    return images, truth


def reads_colours(pixels, prepared):
    """A model that was trained with `RIGHT`: it knows red, green and blue by what it gets, and is lost elsewhere."""
    inputs = prepared.normalise(pixels)
    means = inputs.mean(axis=(2, 3))
    lost = np.abs(means).max(axis=1) > 3
    said = np.exp(means - means.max(axis=1, keepdims=True))
    said[lost] = [1, 0, 0]
    return said / said.sum(axis=1, keepdims=True)


def test_each_thing_is_varied_once_and_none_twice():
    found = other_preprocessing(RIGHT)
    assert next(iter(found)) == AS_GIVEN
    assert len(set(found.values())) == len(found)
    assert {"0..255, mean 0, std 1", "BGR", "crop", "pad", "crop to the inner 87.5 %", "nearest"} <= found.keys()
    assert "0..1, ImageNet's mean and std" not in found  # as given
    assert "stretch" not in found
    grey = other_preprocessing(Preprocessing(1, (8, 8)))
    assert "BGR" not in grey
    assert all(one.channels == 1 for one in grey.values())
    assert not any("mean" in name for name in other_preprocessing(RIGHT, values=False))


@pytest.mark.parametrize(
    ("wrong", "mended"),
    [
        (Preprocessing(3, (8, 8), value_range=255.0, mean=RIGHT.mean, std=RIGHT.std), "0..1, ImageNet's mean and std"),
        (Preprocessing(3, (8, 8), mean=RIGHT.mean, std=RIGHT.std, bgr=True), "RGB"),
    ],
)
def test_what_was_mixed_up_is_named(wrong, mended):
    images, truth = colours()
    tried = try_preprocessing(other_preprocessing(wrong), images, truth, reads_colours)
    assert tried[0].name == AS_GIVEN
    assert tried[0].share < 0.6
    assert far_better(tried).share == 1
    assert {one.name: one.share for one in tried}[mended] == 1
    assert all(one.low <= one.share <= one.high and one.n_images == 120 for one in tried)


def test_what_is_right_is_left_alone():
    images, truth = colours()
    assert far_better(try_preprocessing(other_preprocessing(RIGHT), images, truth, reads_colours)) is None


def test_images_are_drawn_alike_each_time():
    assert sampled_images(5).tolist() == [0, 1, 2, 3, 4]
    assert len(set(sampled_images(10_000).tolist())) == 200
    assert np.array_equal(sampled_images(10_000), sampled_images(10_000))


def test_blue_first_and_each_image_by_itself_are_what_numpy_says():
    rng = np.random.default_rng(1)
    image = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    raw = np.asarray(image).astype(np.float32).transpose(2, 0, 1)
    blue_first = Preprocessing(3, (8, 8), mean=(0.1, 0.2, 0.3), std=(1, 2, 4), bgr=True).apply(image)
    for k, (mean, std) in enumerate(((0.1, 1), (0.2, 2), (0.3, 4))):
        assert np.allclose(blue_first[k], (raw[2 - k] / 255 - mean) / std, atol=1e-6)
    alone = Preprocessing(3, (8, 8), mean=(0,) * 3, std=(1,) * 3, per_image=True).apply(image)
    assert np.allclose(alone, (raw - raw.mean()) / raw.std(), atol=1e-5)
    after = Preprocessing(3, (8, 8), mean=(0.5,) * 3, std=(0.25,) * 3, per_image=True).apply(image)
    assert np.allclose(after, ((raw - raw.mean()) / raw.std() - 0.5) / 0.25, atol=1e-4)


def test_the_inner_part_of_a_crop_is_what_resizing_larger_and_cutting_gives_and_maps_go_back_there():
    side = 64
    ramp = np.tile(np.arange(side, dtype=np.uint8)[:, None] * 3, (1, side))
    inner = Preprocessing(1, (56, 56), fit=Fit.CROP, crop_share=0.875)
    seen = inner.pixels(Image.fromarray(ramp))[0]
    assert np.array_equal(seen, ramp[4:60, 4:60])  # 64 x 0.875 = 56, from the middle
    placed = inner.place_back(np.ones((56, 56), dtype=np.float32), side, side)
    assert np.isnan(placed[:4]).all()
    assert (placed[4:60, 4:60] == 1).all()


def test_cards_say_seldom_choices_only_where_they_were_made():
    assert RIGHT.to_json().keys() & {"bgr", "crop_share", "per_image"} == set()
    for one in other_preprocessing(RIGHT).values():
        assert Preprocessing.from_json(one.to_json()) == one
    with pytest.raises(ImageError, match="Only three channels have blue first"):
        Preprocessing(1, (8, 8), bgr=True)
    with pytest.raises(ImageError, match=r"A crop keeps 0\.1 to 1"):
        Preprocessing(1, (8, 8), crop_share=0.5)
