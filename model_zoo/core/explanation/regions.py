"""Regions of an image, and the share of a heatmap that lies on them.

A region is a name and its shapes, in pixels of the image: x to the right, y down, (0, 0) the upper left
corner of the upper left pixel. A pixel belongs to a shape when its centre lies inside.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.errors import RegionError

_FARTHEST_PX = 1_000_000


@dataclass(frozen=True, slots=True)
class Box:
    """Left, top, right and bottom edge; a box from 0 to 10 covers the pixels 0 to 9."""

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        _check((self.x0, self.y0), (self.x1, self.y1))
        if not (self.x0 < self.x1 and self.y0 < self.y1):
            raise RegionError(f"Box {_written(self)} is empty; give left, top, right, bottom with left < right.")


@dataclass(frozen=True, slots=True)
class Polygon:
    """Corners (x, y) in order; where the outline crosses itself, the even-odd rule says what is inside."""

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        _check(*self.points)
        if len(self.points) < 3:
            raise RegionError(f"A polygon needs at least 3 corners; got {len(self.points)}.")


Shape = Box | Polygon


@dataclass(frozen=True, slots=True)
class Region:
    """A named region; without shapes it is known not to be in the image."""

    name: str
    shapes: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Energy:
    """How much of a map lies on a region.

    ``share`` of the map's sum, NaN where the map is zero everywhere; ``area``, the region's share of what
    the model saw, which is what a map that knows nothing would give; ``peak``: whether the map's highest
    place lies on the region (the pointing game, Zhang et al. 2018, arXiv 1608.00507).
    """

    share: float
    area: float
    peak: bool

    @property
    def ratio(self) -> float:
        """Energy per area: 1 where the map does not prefer the region; NaN without map or area."""
        return self.share / self.area if self.area > 0 else math.nan


def mask(shapes: Iterable[Shape], size: tuple[int, int], grid: tuple[int, int] | None = None) -> NDArray[np.bool_]:
    """Which cells lie in any of the shapes, (rows, columns).

    ``size`` is (width, height) of the image in pixels; ``grid`` (rows, columns) cells over the whole image, by
    default its pixels.
    """
    width, height = size
    rows, columns = grid or (height, width)
    x, y = (np.arange(columns) + 0.5) * width / columns, (np.arange(rows) + 0.5) * height / rows
    covered = np.zeros((rows, columns), dtype=np.bool_)
    for shape in shapes:
        if isinstance(shape, Box):
            left, right = np.searchsorted(x, (shape.x0, shape.x1))
            top, bottom = np.searchsorted(y, (shape.y0, shape.y1))
            covered[top:bottom, left:right] = True
        else:
            covered |= _inside(shape, x, y)
    return covered


def energy(heat: NDArray[np.float32], region: NDArray[np.bool_]) -> Energy:
    """The energy of a map on a region, both (rows, columns); ``heat`` >= 0, NaN where the model saw nothing.

    After the energy-based pointing game (Wang et al. 2020, arXiv 1910.01279, section 4.2), for any region.
    """
    seen = ~np.isnan(heat)
    total = float(heat[seen].sum(dtype=np.float64))
    area = float((region & seen).sum() / max(1, seen.sum()))
    if not total > 0:
        return Energy(math.nan, area, False)
    share = float(heat[region & seen].sum(dtype=np.float64)) / total
    return Energy(share, area, bool(region.flat[int(np.nanargmax(heat))]))


def read_regions(written: object) -> tuple[Region, ...]:
    """Regions as a file writes them: a mapping of name -> shapes; `RegionError` names what cannot be read.

    A box is ``[left, top, right, bottom]``, a polygon a list of ``[x, y]``; shapes are a list of these, or one
    polygon by itself.
    """
    if not isinstance(written, Mapping):
        raise RegionError(f"Regions are a table of name and shapes; got {_short(written)}.")
    return tuple(Region(str(name), _shapes(shapes, str(name))) for name, shapes in written.items())


def _shapes(written: object, name: str) -> tuple[Shape, ...]:
    if not isinstance(written, Sequence) or isinstance(written, str):
        raise RegionError(f"Region {name[:100]!r} is no list of shapes; got {_short(written)}.")
    if len(written) > 2 and all(_numbers(point, 2) for point in written):
        return (_polygon(written),)
    shapes: list[Shape] = []
    for one in written:
        if _numbers(one, 4):
            shapes.append(Box(*(float(edge) for edge in one)))
        elif isinstance(one, Sequence) and len(one) > 2 and all(_numbers(point, 2) for point in one):
            shapes.append(_polygon(one))
        else:
            raise RegionError(
                f"Region {name[:100]!r} has a shape that is neither a box [left, top, right, bottom] "
                f"nor a polygon [[x, y], ...]: {_short(one)}."
            )
    return tuple(shapes)


def _polygon(points: Sequence[Sequence[float]]) -> Polygon:
    return Polygon(tuple((float(x), float(y)) for x, y in points))


def _numbers(written: object, n: int) -> bool:
    if not isinstance(written, Sequence) or isinstance(written, str) or len(written) != n:
        return False
    return all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in written)


def _check(*points: tuple[float, float]) -> None:
    for x, y in points:
        if not (math.isfinite(x) and math.isfinite(y) and max(abs(x), abs(y)) <= _FARTHEST_PX):
            raise RegionError(f"({x:g}, {y:g}) is no place in an image; coordinates are pixels.")


def _inside(polygon: Polygon, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    odd = np.zeros((len(y), len(x)), dtype=np.bool_)
    corners = polygon.points
    for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True):
        crossed = (y >= min(y0, y1)) & (y < max(y0, y1))
        at = x0 + (y[crossed] - y0) * (x1 - x0) / (y1 - y0) if crossed.any() else np.empty(0)
        odd[crossed] ^= x[None, :] < at[:, None]  # a ray to the right crosses this edge
    return odd


def _written(box: Box) -> str:
    return f"({box.x0:g}, {box.y0:g}, {box.x1:g}, {box.y1:g})"


def _short(written: object) -> str:
    text = repr(written)
    return text if len(text) <= 60 else text[:59] + "…"
