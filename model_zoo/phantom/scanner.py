"""The scanner: speckle, attenuation, shadows, log compression and scan conversion to the sector."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, map_coordinates, zoom

Grid = NDArray[np.float32]

N_DEPTH, N_ANGLE = 216, 168


@dataclass(frozen=True, slots=True)
class Geometry:
    """A convex probe and its sector on the screen; angles in radians, lengths in cm and px."""

    size_px: int
    half_angle: float
    radius_cm: float
    depth_cm: float
    top_px: int
    left_px: int
    width_px: int

    @property
    def px_per_cm(self) -> float:
        """Scale of the sector on the screen."""
        return float(self.width_px / (2 * (self.radius_cm + self.depth_cm) * np.sin(self.half_angle)))

    def to_screen(self, x_cm: float, y_cm: float) -> tuple[float, float]:
        """Screen pixel (x, y) of a place ``x`` cm right of the axis and ``y`` cm below the probe's face."""
        centre = self.left_px + self.width_px / 2
        lowest = self.radius_cm * np.cos(self.half_angle)
        return centre + x_cm * self.px_per_cm, self.top_px + (y_cm + self.radius_cm - lowest) * self.px_per_cm


@cache
def places(geometry: Geometry) -> tuple[Grid, Grid]:
    """x and y in cm of every probe sample, both (N_DEPTH, N_ANGLE); y = 0 at the probe's face."""
    r = np.linspace(0, geometry.depth_cm, N_DEPTH, dtype=np.float32)[:, None] + np.float32(geometry.radius_cm)
    a = np.linspace(-geometry.half_angle, geometry.half_angle, N_ANGLE, dtype=np.float32)[None]
    return r * np.sin(a), r * np.cos(a) - np.float32(geometry.radius_cm)


@cache
def _conversion(geometry: Geometry) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probe sample (depth, angle) of each screen pixel, (2, M), and the sector's mask (size, size)."""
    rows, columns = np.mgrid[: geometry.size_px, : geometry.size_px]
    centre = geometry.left_px + geometry.width_px / 2
    lowest = geometry.radius_cm * np.cos(geometry.half_angle)
    x = (columns - centre) / geometry.px_per_cm
    y = (rows - geometry.top_px) / geometry.px_per_cm + lowest
    r, a = np.hypot(x, y) - geometry.radius_cm, np.arctan2(x, y)
    inside = (r >= 0) & (r <= geometry.depth_cm) & (np.abs(a) <= geometry.half_angle)
    depth = r[inside] / geometry.depth_cm * (N_DEPTH - 1)
    angle = (a[inside] / geometry.half_angle + 1) / 2 * (N_ANGLE - 1)
    at: NDArray[np.float64] = np.stack([depth, angle])
    return at, inside


def speckle(rng: np.random.Generator) -> Grid:
    """Rayleigh speckle of mean about 1, (N_DEPTH, N_ANGLE): filtered complex noise, finer along depth."""
    noise = rng.standard_normal((2, N_DEPTH, N_ANGLE), dtype=np.float32)
    noise = gaussian_filter1d(noise, 0.95, axis=1, mode="wrap", truncate=3)
    near = gaussian_filter1d(noise, 2.4, axis=2, mode="wrap", truncate=3)
    far = gaussian_filter1d(noise, 1.7, axis=2, mode="wrap", truncate=3)
    blend = np.linspace(1, 0, N_DEPTH, dtype=np.float32)[:, None]
    mixed = near / near.std() * blend + far / far.std() * (1 - blend)
    return np.hypot(mixed[0], mixed[1]) / np.float32(1.25)


def texture(rng: np.random.Generator, cells: tuple[int, int] = (9, 7)) -> Grid:
    """Smooth texture in about -1..1, (N_DEPTH, N_ANGLE)."""
    coarse = rng.standard_normal(cells, dtype=np.float32)
    smooth: Grid = (_cubic(cells[0], N_DEPTH) @ coarse @ _cubic(cells[1], N_ANGLE).T).astype(np.float32)
    return smooth * np.float32(0.6)


@cache
def _cubic(n_cells: int, n_samples: int) -> Grid:
    """Cubic interpolation from ``n_cells`` values to ``n_samples``, as a matrix."""
    return zoom(np.eye(n_cells, dtype=np.float32), (n_samples / n_cells, 1), order=3, mode="nearest", grid_mode=True)


def compress(echo: Grid, shadow: Grid, gain_db: float, range_db: float, slope_db: float) -> Grid:
    """Grey in 0..1 from echo amplitude: attenuation left over by the gain curve, then log compression."""
    leftover = np.linspace(0.0, slope_db, N_DEPTH, dtype=np.float32)[:, None]
    decibel = 20 * np.log10(np.maximum(echo * shadow, 1e-5)) + gain_db - leftover
    return np.clip((decibel + range_db) / range_db, 0, 1).astype(np.float32)


def shadows(blocking: Grid) -> Grid:
    """What is left of the beam below each sample, in (0, 1]; ``blocking`` is the loss per sample."""
    before = np.cumsum(blocking, axis=0) - blocking
    return np.exp(-gaussian_filter1d(before, 1.2, axis=1)).astype(np.float32)


def to_screen(grey: Grid, geometry: Geometry) -> NDArray[np.float32]:
    """Scan conversion, (size_px, size_px) in 0..1; 0 outside the sector."""
    coordinates, inside = _conversion(geometry)
    screen = np.zeros((geometry.size_px, geometry.size_px), dtype=np.float32)
    screen[inside] = map_coordinates(grey, coordinates, order=1, mode="nearest", prefilter=False)
    return screen
