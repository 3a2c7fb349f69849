"""Grey scales: from more than 8 bits to 0..255, one scale for all files of an import."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLUMN = "grey_scale"
"""The column of a manifest that keeps the scale by which an image is read, as `GreyScale.text`."""

_TOO_DARK = 4
"""A scale of earlier images serves new ones unless it is more than this many times as wide as theirs."""


@dataclass(frozen=True, slots=True)
class GreyScale:
    """The values that become 0 and 255; what lies between them is spread evenly, what lies beyond is cut off."""

    low: float
    high: float

    @property
    def text(self) -> str:
        """As `parse_scale` reads it."""
        return f"{self.low:.9g} to {self.high:.9g}"

    def holds(self, other: "GreyScale") -> bool:
        """Whether nothing of ``other`` is cut off."""
        return self.low <= other.low and other.high <= self.high

    def eight_bit(self, values: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
        """``values`` of any shape as 0..255, half up; what is no number is 0."""
        width = max(self.high - self.low, 1e-30)
        scaled = (np.nan_to_num(values, nan=self.low, posinf=self.low, neginf=self.low) - self.low) * (255 / width)
        eight: NDArray[np.uint8] = np.clip(np.floor(scaled + 0.5), 0, 255).astype(np.uint8)
        return eight


FULL = GreyScale(0, 65535)
"""All of 16 bits: how images of a workspace that keeps no scale are read."""


@dataclass(frozen=True, slots=True)
class Depth:
    """What one file of more than 8 bits holds: its least and largest value, and the scale that it declares, if any."""

    observed: GreyScale
    declared: GreyScale | None
    is_float: bool


def parse_scale(text: str) -> GreyScale | None:
    """A scale as a manifest keeps it; None where there is none or it cannot be read."""
    low, between, high = text.partition(" to ")
    try:
        scale = GreyScale(float(low), float(high)) if between else None
    except ValueError:
        return None
    return scale if scale and math.isfinite(scale.high - scale.low) and scale.low < scale.high else None


def scale_of_bits(n: int) -> GreyScale:
    """All values of ``n`` bits."""
    return GreyScale(0, 2**n - 1)


def scales_of_import(depths: Sequence[Depth | None], known: Sequence[GreyScale] = ()) -> list[GreyScale | None]:
    """The scale for each file of an import; None where 8 bits need none.

    Files that declare the same scale get it; if any of them goes beyond, they fill the container instead (PNG's sBIT
    counts significant bits from the top), and all of them get all of it. All others share one scale, which holds
    every value of theirs: the next power of two for whole numbers, and one for numbers with decimals. If a scale
    ``known`` from earlier images serves, it is taken.
    """
    shared: dict[tuple[GreyScale | None, bool], list[GreyScale]] = {}
    for one in depths:
        if one is not None:
            shared.setdefault((one.declared, one.is_float), []).append(one.observed)
    found: dict[tuple[GreyScale | None, bool], GreyScale] = {}
    for (declared, is_float), observed in shared.items():
        seen = GreyScale(min(one.low for one in observed), max(one.high for one in observed))
        if declared is not None:
            found[declared, is_float] = declared if is_float or declared.holds(seen) else FULL
            continue
        own = _of_decimals(seen) if is_float else _of_whole_numbers(seen)
        earlier = [one for one in known if one.holds(seen) and one.high - one.low < _TOO_DARK * (own.high - own.low)]
        found[declared, is_float] = min(earlier, key=lambda one: one.high - one.low, default=own)
    return [None if one is None else found[one.declared, one.is_float] for one in depths]


def scale_of_one(depth: Depth | None, usual: GreyScale | None) -> GreyScale | None:
    """The scale of a file that comes by itself: what it declares, else the ``usual`` one of the images it joins."""
    return usual if depth and depth.declared is None else scales_of_import([depth])[0]


def _of_whole_numbers(seen: GreyScale) -> GreyScale:
    high = 2 ** max(8, math.ceil(math.log2(max(seen.high, 0) + 1))) - 1
    low = -(2 ** math.ceil(math.log2(-seen.low))) if seen.low < 0 else 0
    return GreyScale(low, high)


def _of_decimals(seen: GreyScale) -> GreyScale:
    if seen.low >= 0 and seen.high <= 255:
        return GreyScale(0, 1) if seen.high <= 1 else GreyScale(0, 255)
    return GreyScale(min(0.0, seen.low), max(seen.high, seen.low + 1))
