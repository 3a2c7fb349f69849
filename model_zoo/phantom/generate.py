"""The public door: plan a data set, draw a screen, write images, manifest and truth."""

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model_zoo.phantom import anatomy, overlay, scanner
from model_zoo.phantom.overlay import PRESETS, Box, Pen
from model_zoo.phantom.planning import PlannedImage, plan, rng_of
from model_zoo.phantom.recipe import Recipe
from model_zoo.phantom.volume import draw_volume

__all__ = ["PlannedImage", "Recipe", "Screen", "encode", "plan", "render", "write_dataset"]

HEADER = ("image_id", "path", "split", "patient_id", "label", "machine", "gestational_age_weeks")


@dataclass(frozen=True, slots=True)
class Screen:
    """A drawn screen: pixels (size, size) grey or (size, size, 3), and where what lies, in px.

    ``structure`` is a polygon; ``markers`` (crosses and the dots between them) and ``texts`` are boxes
    (x0, y0, x1, y1).
    """

    pixels: NDArray[np.uint8]
    structure: tuple[tuple[int, int], ...]
    markers: tuple[Box, ...]
    texts: tuple[Box, ...]


def render(planned: PlannedImage, recipe: Recipe) -> Screen:
    """Draw one screen; depends on the recipe's seed and the image's id alone."""
    rng = rng_of(recipe, "pixels", planned.image_id)
    machine = PRESETS[planned.machine]
    if planned.true_structure == "volume":
        return _render_volume(planned, recipe, rng)
    geometry, pose = _view(planned, recipe, rng)
    scene = _tissue(geometry, planned, rng)
    frame = anatomy.Frame(geometry, pose, rng)
    shown = anatomy.draw(planned.true_structure, scene, frame, planned.gestational_age_weeks, planned.off_plane)
    grey = _scan(scene, planned, rng)
    screen = scanner.to_screen(grey, geometry)
    ground = machine.background + (255 - machine.background) * screen
    image = Image.fromarray(np.clip(ground, 0, 255).round().astype(np.uint8))
    pen = Pen(image, machine, [], [])
    overlay.chrome(pen, planned, geometry.depth_cm, rng)
    _, markers, annotation = planned.true_leaf.split(".")
    if annotation == "present":
        overlay.annotate(pen, planned, recipe, shown.size_cm, rng)
    if markers == "placed":
        jitter = rng.normal(0, 1.0, (len(shown.calipers), 2))
        ends = [geometry.to_screen(*end) for end in shown.calipers]
        ends = [
            (min(max(x + dx, 8), 216), min(max(y + dy, 8), 216)) for (x, y), (dx, dy) in zip(ends, jitter, strict=True)
        ]
        overlay.calipers(pen, ends, shown.ellipse)
    outline = [geometry.to_screen(*point) for point in shown.outline]
    side = recipe.size_px - 1
    polygon = tuple((int(min(max(x, 0), side)), int(min(max(y, 0), side))) for x, y in outline)
    return Screen(np.asarray(image), polygon, tuple(pen.markers), tuple(pen.texts))


def encode(pixels: NDArray[np.uint8], recipe: Recipe) -> bytes:
    """JPEG bytes; the one encoder of all splits."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=recipe.jpeg_quality, optimize=True)
    return out.getvalue()


def write_dataset(
    recipe: Recipe,
    folder: Path,
    splits: Sequence[str],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write the images of ``splits`` that are not there yet, and manifest and truth of all splits.

    The truth holds regions for the images of ``splits`` only.
    """
    planned = plan(recipe)
    wanted = [image for image in planned if image.split in splits]
    regions = {}
    for done, image in enumerate(wanted, start=1):
        screen = render(image, recipe)
        regions[image.image_id] = {"structure": screen.structure, "markers": screen.markers, "texts": screen.texts}
        path = folder / image.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write_whole(path, encode(screen.pixels, recipe))
        progress(done, len(wanted))
    _write_whole(folder / "manifest.csv", manifest(planned).encode())
    lines = (
        json.dumps(
            {
                "image_id": i.image_id,
                "true_leaf": i.true_leaf,
                "off_plane": i.off_plane,
                "regions": regions.get(i.image_id),
            },
            separators=(",", ":"),
        )
        for i in planned
    )
    _write_whole(folder / "truth.jsonl", ("\n".join(lines) + "\n").encode())


def manifest(planned: Iterable[PlannedImage]) -> str:
    """The manifest of planned images as CSV text."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows([getattr(image, name) for name in HEADER] for image in planned)
    return out.getvalue()


def _view(planned: PlannedImage, recipe: Recipe, rng: np.random.Generator) -> tuple[scanner.Geometry, anatomy.Pose]:
    machine = PRESETS[planned.machine]
    reach = anatomy.reach_cm(planned.true_structure, planned.gestational_age_weeks)
    depth = float(np.clip(round((reach * rng.uniform(1.25, 1.75) + rng.uniform(2.0, 4.5)) * 2) / 2, 7.0, 17.0))
    half_angle = (0.60, 0.56, 0.64)[list(PRESETS).index(planned.machine)]
    left = 26 if machine.scale_left else 6
    geometry = scanner.Geometry(
        recipe.size_px, half_angle, 0.2 * depth + 0.8, depth, 17, left, recipe.size_px - left - 12
    )
    x = float(rng.normal(0, 0.07)) * depth
    y = float(np.clip(rng.normal(0.53, 0.05), 0.42, 0.62)) * depth
    tilt = {"fl": 0.22, "crl": 0.22, "afi": 0.07}.get(planned.true_structure, 0.45)
    angle = float(rng.normal(0, tilt))
    return geometry, anatomy.Pose(x, y, angle, int(rng.choice((-1, 1))))


def _tissue(geometry: scanner.Geometry, planned: PlannedImage, rng: np.random.Generator) -> anatomy.Scene:
    """Maternal layers, uterine wall, placenta, some fluid and a few distractors."""
    x, y = scanner.places(geometry)
    depth = geometry.depth_cm
    echo = np.float32(0.36) * (1 + 0.42 * scanner.texture(rng, (11, 9)) + 0.2 * scanner.texture(rng, (26, 20)))
    layer = 0.0
    for _ in range(int(rng.integers(2, 5))):
        layer += float(rng.uniform(0.03, 0.085)) * depth * (0.7 + 0.6 * planned.habitus)
        wave = y - layer - 0.15 * np.sin(x / depth * rng.uniform(2, 6) + rng.uniform(0, 6))
        echo = echo + np.float32(rng.uniform(0.25, 0.9)) * np.exp(-((wave / rng.uniform(0.06, 0.16)) ** 2))
    fluid = np.clip(scanner.texture(rng, (6, 5)) * 1.6 + rng.uniform(-0.9, 0.35), 0, 1) * np.clip(
        (y - layer) / 0.8, 0, 1
    )
    echo = np.maximum(echo * (1 - 0.9 * fluid), 0.012)
    scene = anatomy.Scene(echo.astype(np.float32), np.zeros_like(echo, dtype=np.float32))
    for _ in range(int(rng.integers(0, 4))):
        at = anatomy.Pose(
            float(rng.uniform(-0.4, 0.4)) * depth,
            float(rng.uniform(0.3, 0.95)) * depth,
            float(rng.uniform(-1.5, 1.5)),
            1,
        )
        frame = anatomy.Frame(geometry, at, rng)
        kind, size = rng.random(), float(rng.uniform(0.25, 0.9))
        if kind < 0.4:
            bone = frame.rod(-size, 0, size, 0, 0.16)
            scene.echo = np.maximum(scene.echo, np.float32(rng.uniform(0.8, 2.4)) * bone)
            scene.blocking += 0.03 * bone
        elif kind < 0.7:
            scene.echo = scene.echo * (1 - np.float32(0.9) * frame.disc(0, 0, size, 0.6 * size, 0.15))
        else:
            speck = frame.rod(-0.12, 0, 0.12, 0, 0.1)
            scene.echo = np.maximum(scene.echo, np.float32(2.0) * speck)
    return scene


def _scan(scene: anatomy.Scene, planned: PlannedImage, rng: np.random.Generator) -> scanner.Grid:
    shadow = scanner.shadows(scene.blocking)
    if rng.random() < 0.35:  # bad contact or a rib: a dark stripe through all depths
        at, width = rng.uniform(0.02, 0.98) * scanner.N_ANGLE, rng.uniform(5, 20)
        stripe = np.exp(-(((np.arange(scanner.N_ANGLE) - at) / width) ** 2)) * rng.uniform(0.5, 0.95)
        shadow = shadow * (1 - stripe.astype(np.float32))[None]
    hard = planned.habitus
    noise = np.abs(rng.standard_normal(scene.echo.shape).astype(np.float32)) * np.float32(0.004 + 0.02 * hard)
    echo = scene.echo * scanner.speckle(rng) + noise
    return scanner.compress(
        echo,
        shadow,
        gain_db=float(rng.normal(-9.0 - 3 * hard, 2.0)),
        range_db=float(rng.uniform(40, 50)),
        slope_db=float(rng.uniform(0, 6) + 5 * hard),
    )


def _render_volume(planned: PlannedImage, recipe: Recipe, rng: np.random.Generator) -> Screen:
    pixels = draw_volume(recipe.size_px, rng)
    image = Image.fromarray(pixels)
    pen = Pen(Image.new("L", image.size), PRESETS[planned.machine], [], [])
    if pen.machine.bar:
        pen.text(3, 1, f"ID{int(rng.integers(1000, 9999))}  3D", 140, annotation=False, size_px=9)
    else:
        pen.text(3, 1, f"3D  Th{int(rng.integers(20, 60))}  Qual high", 110, annotation=False, size_px=9)
    text = np.asarray(pen.image)[..., None]
    edge = recipe.size_px // 6
    corners = (
        (edge, edge),
        (recipe.size_px - edge, edge),
        (recipe.size_px - edge, recipe.size_px - edge),
        (edge, recipe.size_px - edge),
    )
    return Screen(np.maximum(pixels, text), corners, (), ())


def _write_whole(path: Path, raw: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(raw)
    partial.replace(path)
