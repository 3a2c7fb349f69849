"""Echogenicity of the structures, in probe coordinates; sizes follow gestational age."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from model_zoo.phantom.scanner import Geometry, Grid, places, texture

Point = tuple[float, float]


@dataclass(slots=True)
class Scene:
    """What the beam meets: echo amplitude (soft tissue about 0.4, fluid about 0.02, bone above 1) and loss."""

    echo: Grid
    blocking: Grid


@dataclass(frozen=True, slots=True)
class Pose:
    """Centre in cm (x right, y down) and rotation in radians of a structure; ``mirror`` is 1 or -1."""

    x_cm: float
    y_cm: float
    angle: float
    mirror: int


@dataclass(frozen=True, slots=True)
class Shown:
    """Where a structure lies: its outline and the ends of its measurements, in cm; ``size_cm`` is measured."""

    outline: tuple[Point, ...]
    calipers: tuple[Point, ...]
    ellipse: bool
    size_cm: float


@dataclass(slots=True)
class Frame:
    """Local coordinates of a structure on the probe's grid, in cm."""

    geometry: Geometry
    pose: Pose
    rng: np.random.Generator
    u: Grid = field(init=False)
    v: Grid = field(init=False)
    beam_u: Grid = field(init=False)
    beam_v: Grid = field(init=False)

    def __post_init__(self) -> None:
        x, y = places(self.geometry)
        c, s = np.float32(np.cos(self.pose.angle)), np.float32(np.sin(self.pose.angle))
        dx, dy = x - np.float32(self.pose.x_cm), y - np.float32(self.pose.y_cm)
        self.u, self.v = (c * dx + s * dy) * self.pose.mirror, -s * dx + c * dy
        length = np.hypot(x, y + np.float32(self.geometry.radius_cm))
        bx, by = x / length, (y + np.float32(self.geometry.radius_cm)) / length
        self.beam_u, self.beam_v = (c * bx + s * by) * self.pose.mirror, -s * bx + c * by

    def at(self, u: float, v: float) -> Point:
        """A local place in probe coordinates, cm."""
        c, s = np.cos(self.pose.angle), np.sin(self.pose.angle)
        u = u * self.pose.mirror
        return float(self.pose.x_cm + c * u - s * v), float(self.pose.y_cm + s * u + c * v)

    def disc(self, u: float, v: float, a: float, b: float, soft: float = 0.08) -> Grid:
        """1 inside an ellipse (semi-axes in cm), falling to 0 over about ``soft`` cm."""
        q = np.sqrt(((self.u - u) / a) ** 2 + ((self.v - v) / b) ** 2)
        return _step((1 - q) * min(a, b) / soft)

    def ring(self, u: float, v: float, a: float, b: float, thickness: float, specular: float = 0.65) -> Grid:
        """A shell, brighter where it faces the beam and fading where it runs along it."""
        du, dv = (self.u - u) / a, (self.v - v) / b
        q = np.sqrt(du**2 + dv**2) + np.float32(1e-6)
        nu, nv = du / a, dv / b
        facing = np.abs(nu * self.beam_u + nv * self.beam_v) / (np.hypot(nu, nv) + np.float32(1e-6))
        shell = np.exp(-(((q - 1) * min(a, b) / (thickness / 2)) ** 2))
        return (shell * (1 - specular + specular * facing**1.6)).astype(np.float32)

    def rod(self, u0: float, v0: float, u1: float, v1: float, thickness: float, bend: float = 0.0) -> Grid:
        """A stroke between two places, bowed by ``bend`` cm in the middle."""
        du, dv = u1 - u0, v1 - v0
        length = float(np.hypot(du, dv))
        t = ((self.u - u0) * du + (self.v - v0) * dv) / length**2
        bow = bend * 4 * np.clip(t, 0, 1) * (1 - np.clip(t, 0, 1))
        off = ((self.v - v0) * du - (self.u - u0) * dv) / length - bow
        past = np.maximum(np.maximum(-t, t - 1), 0) * length
        return np.exp(-((off**2 + past**2) / (thickness / 2) ** 2)).astype(np.float32)


def weeks_to_cm(weeks: float, table: tuple[Point, ...]) -> float:
    """Linear interpolation in a growth table of (weeks, cm)."""
    return float(np.interp(weeks, [w for w, _ in table], [cm for _, cm in table]))


BPD = ((11, 1.7), (14, 2.7), (20, 4.7), (30, 7.7), (38, 9.4))
ABDOMEN = ((11, 5.0), (14, 8.0), (20, 15.0), (30, 26.0), (38, 34.0))
FEMUR = ((11, 0.8), (14, 1.5), (20, 3.3), (30, 5.7), (38, 7.3))
CEREBELLUM = ((11, 1.0), (14, 1.4), (20, 2.0), (24, 2.5), (30, 3.7), (38, 5.0))
CROWN_RUMP = ((11, 4.5), (14, 8.4), (38, 8.6))


def reach_cm(structure: str, weeks: float) -> float:
    """About how long a structure is, to choose the depth of the field."""
    if structure in ("bpd", "cereb"):
        return weeks_to_cm(weeks, BPD) / 0.79
    if structure == "ac":
        return weeks_to_cm(weeks, ABDOMEN) / np.pi
    return {"fl": weeks_to_cm(weeks, FEMUR), "crl": weeks_to_cm(weeks, CROWN_RUMP)}.get(structure, 5.5)


def draw(structure: str, scene: Scene, frame: Frame, weeks: float, off_plane: float) -> Shown:
    """Blend a structure into the scene; at ``off_plane`` 1 hardly anything of it is left."""
    own = Scene(scene.echo.copy(), np.zeros_like(scene.blocking))
    shown = _DRAW[structure](own, frame, weeks)
    keep = np.clip(1.15 - off_plane * 1.05, 0.06, 1) + off_plane * 0.55 * texture(frame.rng, (5, 5))
    keep = np.clip(keep, 0, 1).astype(np.float32)
    if off_plane > 0.25:
        own.echo = gaussian_filter(own.echo, (0.6 + 3.2 * (off_plane - 0.25), 0.6 + 2.4 * (off_plane - 0.25)))
    scene.echo = scene.echo * (1 - keep) + own.echo * keep
    scene.blocking = scene.blocking + own.blocking * keep**2
    return shown


def _head(scene: Scene, frame: Frame, weeks: float) -> tuple[float, float]:
    b = weeks_to_cm(weeks, BPD) / 2 * float(frame.rng.uniform(0.93, 1.07))
    a = b / float(frame.rng.uniform(0.74, 0.84))
    inside = frame.disc(0, 0, a, b, 0.1)
    brain = np.float32(0.2) * (1 + 0.5 * texture(frame.rng, (14, 11)))
    scene.echo = scene.echo * (1 - inside) + np.maximum(brain, 0.05) * inside
    skull = frame.ring(0, 0, a, b, 0.15 + 0.03 * b, 0.88) * np.clip(1 + 0.4 * texture(frame.rng, (9, 9)), 0.25, 1.4)
    scene.echo = np.maximum(scene.echo, 3.2 * skull)
    scene.blocking += 0.012 * skull
    # sylvian fissure and a bright choroid: seen in both planes
    side = float(frame.rng.choice((-1, 1)))
    scene.echo = np.maximum(
        scene.echo, 0.75 * frame.rod(-0.1 * a, side * 0.62 * b, 0.3 * a, side * 0.72 * b, 0.12, 0.1)
    )
    return a, b


def _bpd(scene: Scene, frame: Frame, weeks: float) -> Shown:
    a, b = _head(scene, frame, weeks)
    scene.echo = np.maximum(scene.echo, 1.15 * frame.rod(-0.86 * a, 0, 0.16 * a, 0, 0.1))
    scene.echo = np.maximum(scene.echo, 1.1 * frame.rod(0.58 * a, 0, 0.9 * a, 0, 0.1))
    for side in (-1, 1):
        dark = frame.disc(-0.1 * a, side * 0.2 * b, 0.26 * a, 0.17 * b, 0.12)
        scene.echo *= 1 - 0.55 * dark
        scene.echo = np.maximum(scene.echo, 0.9 * frame.rod(0.26 * a, side * 0.09 * b, 0.5 * a, side * 0.09 * b, 0.09))
    scene.echo *= 1 - 0.75 * frame.disc(0.38 * a, 0, 0.11 * a, 0.075 * b, 0.06)
    return Shown(_ellipse(frame, a, b), (frame.at(0, -b), frame.at(0, b)), False, 2 * b)


def _cereb(scene: Scene, frame: Frame, weeks: float) -> Shown:
    a, b = _head(scene, frame, weeks)
    half = min(weeks_to_cm(weeks, CEREBELLUM) / 2 * float(frame.rng.uniform(0.93, 1.07)), 0.62 * b)
    at = -0.52 * a
    scene.echo = np.maximum(scene.echo, 1.05 * frame.rod(-0.2 * a, 0, 0.2 * a, 0, 0.1))
    scene.echo = np.maximum(scene.echo, 1.1 * frame.rod(0.56 * a, 0, 0.9 * a, 0, 0.1))
    scene.echo *= 1 - 0.7 * frame.disc(0.36 * a, 0, 0.1 * a, 0.07 * b, 0.06)
    scene.echo *= 1 - 0.8 * frame.disc(at - 0.26 * a, 0, 0.1 * a, 0.75 * half, 0.12)  # cisterna magna
    for side in (-1, 1):
        lobe = frame.disc(at, side * 0.55 * half, 0.34 * half + 0.09 * a, 0.48 * half, 0.1)
        scene.echo = scene.echo * (1 - 0.7 * lobe) + 0.13 * lobe
        rim = frame.ring(at, side * 0.55 * half, 0.34 * half + 0.09 * a, 0.48 * half, 0.1, 0.5)
        scene.echo = np.maximum(scene.echo, 0.85 * rim)
    scene.echo = np.maximum(scene.echo, 0.5 * frame.disc(at, 0, 0.15 * half + 0.05 * a, 0.14 * half, 0.1))  # vermis
    return Shown(_ellipse(frame, a, b), (frame.at(at, -1.02 * half), frame.at(at, 1.02 * half)), False, 2 * half)


def _ac(scene: Scene, frame: Frame, weeks: float) -> Shown:
    r = weeks_to_cm(weeks, ABDOMEN) / (2 * np.pi) * float(frame.rng.uniform(0.94, 1.06))
    a, b = r * float(frame.rng.uniform(1.0, 1.1)), r * float(frame.rng.uniform(0.9, 1.0))
    inside = frame.disc(0, 0, a, b, 0.25)
    liver = np.float32(0.4) * (1 + 0.35 * texture(frame.rng, (12, 10)))
    scene.echo = scene.echo * (1 - inside) + np.maximum(liver, 0.08) * inside
    scene.echo = np.maximum(scene.echo, 1.15 * frame.ring(0, 0, a, b, 0.3, 0.75))
    scene.echo *= 1 - 0.93 * frame.disc(-0.42 * a, -0.1 * b, 0.2 * a, 0.15 * b, 0.1)  # stomach
    vein = np.maximum(
        frame.rod(0.75 * a, 0.05 * b, 0.2 * a, 0.02 * b, 0.2 + 0.04 * r),
        frame.rod(0.2 * a, 0.02 * b, 0.02 * a, -0.3 * b, 0.2 + 0.04 * r, 0.06),
    )
    scene.echo *= 1 - 0.85 * np.minimum(1, 1.4 * vein)
    bones = np.zeros_like(scene.echo)
    for du, dv in ((0, 0), (0.13, 0.09), (0.13, -0.09)):
        bones = np.maximum(
            bones, frame.disc(-0.02 * a + dv * a, 0.78 * b - du * b, 0.05 * a + 0.05, 0.05 * b + 0.05, 0.08)
        )
    scene.echo = np.maximum(scene.echo, 2.6 * bones)
    scene.blocking += 0.07 * bones
    ends = tuple(frame.at(*end) for end in ((-a, 0), (a, 0), (0, -b), (0, b)))
    circumference = np.pi * (3 * (a + b) - np.sqrt((3 * a + b) * (a + 3 * b)))
    return Shown(_ellipse(frame, a, b), ends, True, float(circumference))


def _fl(scene: Scene, frame: Frame, weeks: float) -> Shown:
    half = weeks_to_cm(weeks, FEMUR) / 2 * float(frame.rng.uniform(0.94, 1.06))
    thigh = frame.disc(0, 0.1, half * 1.35 + 0.6, 0.55 * half + 0.7, 0.4)
    scene.echo = scene.echo * (1 - thigh) + (0.3 * (1 + 0.3 * texture(frame.rng, (12, 10)))) * thigh
    bend = float(frame.rng.uniform(0.05, 0.14)) * half
    bone = frame.rod(-half, 0, half, 0, 0.24 + 0.02 * half, -bend)
    ends = np.maximum(frame.disc(-half, 0, 0.2, 0.17, 0.1), frame.disc(half, 0, 0.22, 0.19, 0.1))
    scene.echo = np.maximum(scene.echo, 3.3 * np.maximum(bone, 0.8 * ends))
    scene.blocking += 0.2 * bone
    outline = tuple(
        frame.at(u, v) for u, v in ((-half - 0.2, -0.35), (half + 0.2, -0.35), (half + 0.2, 0.35), (-half - 0.2, 0.35))
    )
    return Shown(outline, (frame.at(-half, 0), frame.at(half, 0)), False, 2 * half)


def _crl(scene: Scene, frame: Frame, weeks: float) -> Shown:
    length = weeks_to_cm(weeks, CROWN_RUMP) * float(frame.rng.uniform(0.94, 1.06))
    sac = frame.disc(0.02 * length, -0.08 * length, 0.78 * length, 0.47 * length, 0.3)
    scene.echo *= 1 - 0.95 * sac
    body = np.maximum(
        frame.disc(-0.2 * length, 0.06 * length, 0.31 * length, 0.15 * length, 0.15),
        frame.disc(0.27 * length, -0.02 * length, 0.23 * length, 0.19 * length, 0.12),
    )
    flesh = 0.5 * (1 + 0.35 * texture(frame.rng, (14, 12)))
    scene.echo = scene.echo * (1 - body) + np.maximum(flesh, 0.1) * body
    scene.echo = np.maximum(
        scene.echo, 1.6 * frame.ring(0.27 * length, -0.02 * length, 0.22 * length, 0.18 * length, 0.16, 0.7)
    )
    scene.echo *= 1 - 0.5 * frame.disc(0.27 * length, -0.03 * length, 0.13 * length, 0.1 * length, 0.15)
    scene.echo = np.maximum(
        scene.echo, 1.3 * frame.rod(-0.48 * length, 0.14 * length, 0.12 * length, 0.1 * length, 0.12, 0.12)
    )
    for u, reach in ((-0.32, 0.16), (-0.02, 0.14)):
        limb = frame.rod(u * length, -0.05 * length, (u + 0.09) * length, -(0.05 + reach) * length, 0.2)
        scene.echo = np.maximum(scene.echo, 0.8 * limb)
    outline = tuple(
        frame.at(0.5 * length * np.cos(t), 0.03 * length + 0.22 * length * np.sin(t))
        for t in np.linspace(0, 2 * np.pi, 20, endpoint=False)
    )
    return Shown(
        outline, (frame.at(-0.51 * length, 0.07 * length), frame.at(0.5 * length, -0.02 * length)), False, length
    )


def _afi(scene: Scene, frame: Frame, weeks: float) -> Shown:
    rng = frame.rng
    b, a = float(rng.uniform(1.2, 2.9)), float(rng.uniform(1.2, 2.4))
    lobes = [(0.0, 0.0, a, b), (float(rng.uniform(-0.7, 0.7)) * a, float(rng.uniform(-0.4, 0.5)) * b, a * 0.8, b * 0.6)]
    pocket = np.max([frame.disc(*lobe, 0.18) for lobe in lobes], axis=0)
    scene.echo *= 1 - 0.96 * pocket
    scene.echo = np.maximum(scene.echo, 0.9 * frame.ring(0, 0, a * 1.03, b * 1.03, 0.18, 0.9) * (1 - pocket))
    if rng.random() < 0.5:  # a loop of cord or a limb reaches in
        scene.echo = np.maximum(scene.echo, 0.7 * frame.rod(-1.3 * a, 0.5 * b, -0.55 * a, 0.1 * b, 0.35, 0.15))
    return Shown(_ellipse(frame, a, b), (frame.at(0, -b), frame.at(0, b)), False, 2 * b)


_DRAW: dict[str, Callable[[Scene, Frame, float], Shown]] = {
    "bpd": _bpd,
    "cereb": _cereb,
    "ac": _ac,
    "fl": _fl,
    "crl": _crl,
    "afi": _afi,
}


def _ellipse(frame: Frame, a: float, b: float) -> tuple[Point, ...]:
    return tuple(frame.at(a * np.cos(t), b * np.sin(t)) for t in np.linspace(0, 2 * np.pi, 28, endpoint=False))


def _step(x: NDArray[np.floating[Any]]) -> Grid:
    return np.clip(0.5 + 0.5 * x, 0, 1).astype(np.float32)
