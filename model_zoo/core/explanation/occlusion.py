"""Occlusion: a region of an image filled from around it, and a control region of the same shape."""

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.errors import RegionError

MAX_OCCLUDED_PIXELS = 8_000_000
"""Pixels of the box around the occluded region: about 6 s and 0.8 GB in colour."""

_SWEEPS = 8
"""Rounds of averaging at each size; more changed no answer (`benchmarks/painting.py`)."""

_SHIFTS = 48


def occlude(pixels: NDArray[np.uint8], region: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """``pixels`` (height, width) or (height, width, channels) with the region filled from around it.

    What borders on the region diffuses into it, from coarse to fine (pull-push, Gortler et al. 1996, with a few
    rounds of Laplace smoothing at each size); all else keeps its value. An image that is all region becomes black.
    `RegionError` if the region reaches over more than `MAX_OCCLUDED_PIXELS`.
    """
    if not region.any():
        return pixels
    y, x = np.nonzero(region)
    rows, columns = _reach(y), _reach(x)
    if (reach := (rows.stop - rows.start) * (columns.stop - columns.start)) > MAX_OCCLUDED_PIXELS:
        raise RegionError(
            f"The region reaches over {reach / 1e6:.0f} million pixels; at most "
            f"{MAX_OCCLUDED_PIXELS // 1_000_000} million can be painted out. Make the image smaller first."
        )
    part, hole = pixels[rows, columns].astype(np.float32), region[rows, columns]
    filled = _filled(part.reshape(*hole.shape, -1), ~hole).reshape(part.shape)
    painted = pixels.copy()
    painted[rows, columns] = filled.round().clip(0, 255).astype(np.uint8)
    return painted


def control_region(
    region: NDArray[np.bool_], known: NDArray[np.integer], rng: np.random.Generator
) -> NDArray[np.bool_] | None:
    """The region moved to where as little as possible is known to lie: the control of a counterfactual.

    ``known`` (height, width) counts the regions at each pixel. Of 48 places drawn at random, wholly inside the
    image and clear of the region itself, the one over the least of ``known`` is taken; ``None`` if there is none.
    """
    y, x = np.nonzero(region)
    if not len(y):
        return None
    height, width = region.shape
    best, least = None, np.inf
    for _ in range(_SHIFTS):
        dy = int(rng.integers(-y.min(), height - y.max()))
        dx = int(rng.integers(-x.min(), width - x.max()))
        if region[y + dy, x + dx].any():
            continue
        if (met := int(known[y + dy, x + dx].sum())) < least:
            best, least = (dy, dx), met
    if best is None:
        return None
    moved = np.zeros_like(region)
    moved[y + best[0], x + best[1]] = True
    return moved


def _reach(places: NDArray[np.int64]) -> slice:
    """From a pixel before the first of the rows or columns to one behind the last."""
    return slice(max(0, int(places.min()) - 1), int(places.max()) + 2)


def _filled(values: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """``values`` (H, W, C) where ``known`` (H, W), else what diffuses in from there."""
    if known.all():
        return values
    if not known.any():
        return np.zeros_like(values)
    height, width = known.shape
    pad = ((0, height % 2), (0, width % 2))
    blocks = np.pad(known, pad).reshape((height + 1) // 2, 2, (width + 1) // 2, 2)
    n_known = blocks.sum(axis=(1, 3))
    sums = np.pad(np.where(known[..., None], values, 0), (*pad, (0, 0)))
    sums = sums.reshape(*blocks.shape, -1).sum(axis=(1, 3))
    halved = _filled((sums / np.maximum(n_known, 1)[..., None]).astype(np.float32), n_known > 0)
    guess = halved.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    filled: NDArray[np.float32] = np.where(known[..., None], values, guess)
    for _ in range(_SWEEPS):
        wide = np.pad(filled, ((1, 1), (1, 1), (0, 0)), mode="edge")
        around = (wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]) / 4
        filled = np.where(known[..., None], values, around)
    return filled
