"""Preprocessing trials: accuracy under other scales, channel orders and normalisations."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model_zoo.core.evaluation.metrics import wilson
from model_zoo.images.decoding import Fit, Interpolation, Preprocessing

MAX_TRIAL_IMAGES = 200
AS_GIVEN = "as given"
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of ImageNet's training images in 0..1, as torchvision and timm have them."""

Ask = Callable[[NDArray[np.uint8], Preprocessing], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Trial:
    """The ``share`` of ``n_images`` answers that is right under one preparation, its Wilson interval over images."""

    name: str
    preprocessing: Preprocessing
    share: float
    low: float
    high: float
    n_images: int


def other_preprocessing(given: Preprocessing, values: bool = True) -> Mapping[str, Preprocessing]:
    """What people mix up, one thing at a time, by name; `AS_GIVEN` first, none twice.

    Without ``values`` only shapes and colours are varied: the model's own code scales pixels.
    """
    n = given.channels
    plain, half = ((0.0,) * n, (1.0,) * n), ((0.5,) * n, (0.5,) * n)
    imagenet = IMAGENET if n == 3 else ((0.449,), (0.226,))
    scaled = {
        "0..1, mean 0, std 1": (1.0, *plain),
        "0..255, mean 0, std 1": (255.0, *plain),
        "0..1, ImageNet's mean and std": (1.0, *imagenet),
        "0..1, mean 0.5, std 0.5": (1.0, *half),
        "0..255, mean and std as given": (255.0, given.mean, given.std),
        "0..1, mean and std as given": (1.0, given.mean, given.std),
    }
    made = {AS_GIVEN: given}
    if values:
        for name, (top, mean, std) in scaled.items():
            made[name] = replace(given, value_range=top, mean=mean, std=std, per_image=False)
        made["each image to mean 0, std 1"] = replace(given, mean=plain[0], std=plain[1], per_image=True)
    if n == 3:
        made["RGB" if given.bgr else "BGR"] = replace(given, bgr=not given.bgr)
    made |= {str(fit): replace(given, fit=fit, crop_share=1.0) for fit in Fit}
    made["crop to the inner 87.5 %"] = replace(given, fit=Fit.CROP, crop_share=0.875)
    made |= {str(one): replace(given, interpolation=one) for one in Interpolation}
    found: dict[str, Preprocessing] = {}
    for name, one in made.items():
        if one not in found.values():
            found[name] = one
    return found


def try_preprocessing(
    wanted: Mapping[str, Preprocessing],
    images: Iterable[Image.Image],
    truth: NDArray[np.int64],
    ask: Ask,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Trial, ...]:
    """The share of right answers under each preparation, in the order of ``wanted``.

    ``truth`` (N,) is the class of each image; ``ask`` gives probabilities (N, K) for fitted pixels. ``progress`` is
    told how many preparations of how many were tried.
    """
    shapes = list(dict.fromkeys(map(_shape, wanted.values())))
    fitted: dict[Preprocessing, list[NDArray[np.uint8]]] = {shape: [] for shape in shapes}
    for image in images:
        for shape in shapes:
            fitted[shape].append(shape.pixels(image))
    pixels = {shape: np.stack(rows) for shape, rows in fitted.items()}
    tried = []
    for done, (name, one) in enumerate(wanted.items(), start=1):
        right = ask(pixels[_shape(one)], one).argmax(axis=1) == truth
        share = float(right.mean())
        tried.append(Trial(name, one, share, *wilson(share, len(truth)), len(truth)))
        progress(done, len(wanted))
    return tuple(tried)


def far_better(tried: Sequence[Trial]) -> Trial | None:
    """The preparation that scores best, if far better than the first, the given one: by a tenth, beyond both intervals.

    The best of many is too good by chance; images are counted as if each were of another patient. It is a hint alone.
    """
    given, best = tried[0], max(tried, key=lambda one: one.share)
    return best if best.share - given.share > 0.1 and best.low > given.high else None


def sampled_images(n_images: int, most: int = MAX_TRIAL_IMAGES) -> NDArray[np.int64]:
    """Which of ``n_images`` to try: at most ``most``, by chance but each time the same, ascending."""
    return np.sort(np.random.default_rng(0).permutation(n_images)[:most])


def _shape(one: Preprocessing) -> Preprocessing:
    """``one`` without what happens after fitting."""
    n = one.channels
    return replace(one, value_range=1.0, mean=(0.0,) * n, std=(1.0,) * n, bgr=False, per_image=False)
