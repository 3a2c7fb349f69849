"""Which part of its input a model uses: declared by its code, and checked by changing pixels.

Pixels only change places, so that mean, spread and histogram of the image stay as they are: a `prepare` that brings
each image to mean 0 reacts where pixels were moved, and nowhere else.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from model_zoo.checkpoints.target_layers import ExplanationError

Shape = tuple[int, int, int]
"""Channels, height, width."""

_PATCHES = 5
"""Patches a side that are moved; a straight line through them says where the edges lie."""

_COVERED = 4
"""Output pixels a side that a patch becomes at least: of one or two, the centre of a change is guesswork."""

_REACTS = 1e-4
"""Smaller changes, relative to the largest output, are rounding."""


class UnknownCropError(ExplanationError):
    """A heatmap of which nobody knows where on the image it lies."""


@dataclass(frozen=True, slots=True)
class Crop:
    """The edges of what a model looks at, in pixels from the top left corner; beyond the image where it pads."""

    top: float
    left: float
    bottom: float
    right: float

    @property
    def written(self) -> str:
        """As a Python file declares it."""
        return f"({', '.join(f'{edge:.4g}' for edge in (self.top, self.left, self.bottom, self.right))})"

    def is_near(self, other: "Crop", size: tuple[int, int]) -> bool:
        """Whether no edge differs by more than 1.5 pixels and 2 % of ``size`` (height, width)."""
        rows, columns = (max(1.5, 0.02 * side) for side in size)
        return (
            max(abs(self.top - other.top), abs(self.bottom - other.bottom)) <= rows
            and max(abs(self.left - other.left), abs(self.right - other.right)) <= columns
        )

    def placed(self, heat: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
        """A map over this crop, drawn on the whole input of ``size`` (height, width); NaN beside the crop."""
        top, left, bottom, right = (round(edge) for edge in (self.top, self.left, self.bottom, self.right))
        image = Image.fromarray(np.ascontiguousarray(heat, dtype=np.float32))
        inner = np.asarray(image.resize((max(1, right - left), max(1, bottom - top)), Image.Resampling.BILINEAR))
        full = np.full(size, np.nan, dtype=np.float32)
        rows, columns = slice(max(0, top), min(size[0], bottom)), slice(max(0, left), min(size[1], right))
        full[rows, columns] = inner[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        return full


def whole(size: tuple[int, int]) -> Crop:
    """All of an input of ``size`` (height, width)."""
    return Crop(0, 0, *map(float, size))


def crop_of(written: object, size: tuple[int, int], name: str) -> Crop:
    """The crop that a file declares for inputs of ``size``; `UnknownCropError` where it is none."""
    edges = tuple(written) if isinstance(written, tuple | list) else ()
    numbers = [float(one) for one in edges if isinstance(one, int | float) and math.isfinite(one)]
    if len(edges) == len(numbers) == 4:
        crop = Crop(*numbers)
        inside = crop.top < min(crop.bottom, size[0]) and crop.left < min(crop.right, size[1])
        if inside and min(crop.bottom, crop.right) >= 1 and max(map(abs, numbers)) <= 10 * max(size):
            return crop
    raise UnknownCropError(
        f"{name} declares the crop {str(written)[:60]!r}; write (top, left, bottom, right) in pixels of an image of "
        f"{size[0]} x {size[1]} (height x width)."
    )


def probed_crop(prepare: Callable[[Tensor], Tensor], shape: Shape) -> Crop | None:
    """Which part of an image of ``shape`` becomes the whole of ``prepare``'s output; None where that cannot be said.

    The same part of every image, neither turned nor mirrored nor bent: asked with an image full of noise, and with
    one that is black around it, which a cut by content would take for another part. Where several input pixels become
    one, edges may be off by one output pixel; with fewer than 8 output pixels a side nothing can be said.
    """
    noise = torch.randint(0, 256, (1, *shape), generator=torch.Generator().manual_seed(0)).float()
    framed = torch.zeros_like(noise)
    inner = tuple(slice(side // 5, side - side // 5) for side in shape[1:])
    framed[..., inner[0], inner[1]] = noise[..., inner[0], inner[1]]
    found, again = _crop(prepare, noise), _crop(prepare, framed)
    if found is None or (again is not None and not again[0].is_near(found[0], shape[1:])):
        return None
    line, seen = found
    return seen if seen.is_near(line, shape[1:]) else line


def uses_pixels_outside(answer: Callable[[Tensor], Tensor], crop: Crop, image: Tensor) -> bool:
    """Whether ``answer`` to ``image`` (1, C, height, width) reacts outside ``crop``, or not at all near its edges.

    False for an answer that reacts to nothing: it says nothing about places.
    """
    size = (image.shape[2], image.shape[3])
    first = answer(image)
    top, left, bottom, right = (
        min(max(0, round(edge)), side)
        for edge, side in zip((crop.top, crop.left, crop.bottom, crop.right), size * 2, strict=True)
    )
    thick, wide = max(2, (bottom - top) // 16), max(2, (right - left) // 16)

    def reacts(rows: slice, columns: slice, least: float = 0.0) -> bool:
        return _differs(first, answer(_moved(image, rows, columns)), least)

    every, rows, columns = slice(None), slice(top, bottom), slice(left, right)
    if not reacts(every, every):
        return False
    outside = (
        (slice(0, top), every),
        (slice(bottom, None), every),
        (every, slice(0, left)),
        (every, slice(right, None)),
    )
    edges = (
        (slice(top, top + thick), columns),
        (slice(bottom - thick, bottom), columns),
        (rows, slice(left, left + wide)),
        (rows, slice(right - wide, right)),
    )
    return any(reacts(rows, columns, _REACTS) for rows, columns in outside) or not all(
        reacts(rows, columns) for rows, columns in edges
    )


def _crop(prepare: Callable[[Tensor], Tensor], image: Tensor) -> tuple[Crop, Crop] | None:
    """The crop as a line through moved patches has it, and the pixels beside which nothing matters."""
    first = prepare(image)
    same = prepare(image)
    if first.ndim != 4 or first.shape != same.shape or _differs(first, same) or not bool(first.isfinite().all()):
        return None
    seen = _seen_box(prepare, image)
    if seen is None:
        return None
    sides = (seen.bottom - seen.top, seen.right - seen.left)
    least = max(2, round(min(sides) / 10))
    tall, wide = (max(least, math.ceil(_COVERED * side / n)) for side, n in zip(sides, first.shape[2:], strict=True))
    if tall > sides[0] / 2 or wide > sides[1] / 2:
        return None
    at = [
        (
            round(seen.top + (sides[0] - tall) * r / (_PATCHES - 1)),
            round(seen.left + (sides[1] - wide) * c / (_PATCHES - 1)),
        )
        for r in range(_PATCHES)
        for c in range(_PATCHES)
    ]
    places: list[tuple[float, float, float, float]] = []
    for row, column in at:
        out = prepare(_moved(image, slice(row, row + tall), slice(column, column + wide)))
        change = (out - first).abs().sum(dim=(0, 1)).double().numpy()
        change[change < max(0.02 * change.max(), _REACTS * float(first.abs().max()))] = 0
        if change.any():
            rows, columns = (
                np.average(np.arange(n) + 0.5, weights=change.sum(axis=1 - k)) for k, n in enumerate(change.shape)
            )
            places.append((row + tall / 2, float(rows), column + wide / 2, float(columns)))
    lines = [_line([(one[2 * k], one[2 * k + 1]) for one in places], first.shape[2 + k]) for k in range(2)]
    if lines[0] is None or lines[1] is None:
        return None
    return Crop(lines[0][0], lines[1][0], lines[0][1], lines[1][1]), seen


def _line(places: list[tuple[float, float]], side: int) -> tuple[float, float] | None:
    """Where 0 and ``side`` of the output lie in the input, if places there lie on a line; None where they do not."""
    if len({given for given, _ in places}) < 3:
        return None
    given, got = (np.array(one) for one in zip(*places, strict=True))
    slope, start = np.polyfit(given, got, 1)
    bent = np.abs(start + slope * given - got).max() > max(1.0, 0.03 * side)
    return None if bent or slope <= 0 else (float(-start / slope), float((side - start) / slope))


def _seen_box(prepare: Callable[[Tensor], Tensor], image: Tensor) -> Crop | None:
    """The rows and columns beside which nothing matters; None where nothing does."""
    first = prepare(image)
    height, width = image.shape[2:]

    def least(n: int, part: Callable[[int], tuple[slice, slice]]) -> int:
        """The least k of 1..n at which a change of ``part(k)`` is noticed; n + 1 for none."""
        low, high = 1, n + 1
        while low < high:
            middle = (low + high) // 2
            seen = _differs(first, prepare(_moved(image, *part(middle))))
            low, high = (low, middle) if seen else (middle + 1, high)
        return low

    every = slice(None)
    top = least(height, lambda k: (slice(0, k), every)) - 1
    if top == height:
        return None
    bottom = height + 1 - least(height, lambda k: (slice(height - k, height), every))
    left = least(width, lambda k: (every, slice(0, k))) - 1
    right = width + 1 - least(width, lambda k: (every, slice(width - k, width)))
    return Crop(top, left, bottom, right) if bottom > top and right > left else None


def _moved(image: Tensor, rows: slice, columns: slice) -> Tensor:
    """``image`` with the pixels of one part moved about within it."""
    moved = image.clone()
    part = image[..., rows, columns]
    if part.shape[-1] and part.shape[-2]:
        moved[..., rows, columns] = part.roll((part.shape[-2] // 2, part.shape[-1] // 2), dims=(-2, -1))
    return moved


def _differs(one: Tensor, other: Tensor, least: float = _REACTS) -> bool:
    """Whether they differ by more than ``least`` of the largest value."""
    if one.shape != other.shape or not one.numel():
        return one.shape != other.shape
    return bool((one - other).abs().max() > least * float(one.abs().max()))
