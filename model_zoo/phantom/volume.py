"""The 3D render: a lit, sepia surface of a face or hand, without a sector."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

Surface = NDArray[np.float32]


def draw_volume(size_px: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A render, (size_px, size_px, 3)."""
    side = np.linspace(-1, 1, size_px, dtype=np.float32)
    x, y = np.meshgrid(side, side)
    angle, scale = rng.uniform(-0.5, 0.5), rng.uniform(0.85, 1.15)
    c, s = np.cos(angle) / scale, np.sin(angle) / scale
    dx, dy = x - rng.uniform(-0.12, 0.12), y - rng.uniform(-0.1, 0.12)
    u, v = (c * dx + s * dy) * rng.choice((-1, 1)), -s * dx + c * dy
    height = _face(u, v, rng) if rng.random() < 0.75 else _hand(u, v, rng)
    rough = gaussian_filter(rng.standard_normal((size_px, size_px)).astype(np.float32), 2.2)
    folds = gaussian_filter(rng.standard_normal((size_px, size_px)).astype(np.float32), 9)
    wall = 0.16 * np.clip(np.abs(x * np.cos(1.1) + y * np.sin(1.1) + rng.uniform(-0.2, 0.2)) * 1.2 - 0.55, 0, 1)
    height = np.maximum(height, wall) + 0.05 * rough + 0.35 * folds * (height > 0.02)
    height = gaussian_filter(height, 1.1)
    gy, gx = np.gradient(height, 2 / size_px)
    normal = np.stack([-gx, -gy, np.ones_like(gx) * 0.9])
    normal /= np.linalg.norm(normal, axis=0)
    lamp = np.array([rng.uniform(-0.7, 0.7), -0.65, 0.75])
    lit = np.clip((normal * (lamp / np.linalg.norm(lamp))[:, None, None]).sum(axis=0), 0, 1)
    shine = lit**14 * 0.35
    depth = np.clip(height / (height.max() + 1e-6), 0, 1)
    light = (0.12 + 0.88 * lit) * (0.25 + 0.75 * depth**0.6) + shine
    light *= 1 - np.clip((np.maximum(np.abs(x), np.abs(y)) - 0.72) / 0.2, 0, 1)
    light = np.clip(light * rng.uniform(0.85, 1.1) + 0.02 * rng.standard_normal(light.shape), 0, 1)
    sepia = np.stack([light**0.75, light**1.0 * 0.78, light**1.35 * 0.52], axis=-1)
    image = Image.fromarray((np.clip(sepia, 0, 1) * 255).astype(np.uint8))
    _box_edges(image, rng)
    return np.asarray(image)


def _bump(u: Surface, v: Surface, cu: float, cv: float, a: float, b: float, h: float) -> Surface:
    q = ((u - cu) / a) ** 2 + ((v - cv) / b) ** 2
    return (h * np.sqrt(np.clip(1 - q, 0, None))).astype(np.float32)


def _join(*bumps: Surface) -> Surface:
    """Smooth union: the log-sum-exp of the heights."""
    k = np.float32(22)
    return (np.log(np.sum([np.exp(k * bump) for bump in bumps], axis=0)) / k - np.log(len(bumps)) / k).astype(
        np.float32
    )


def _face(u: Surface, v: Surface, rng: np.random.Generator) -> Surface:
    head = _bump(u, v, 0, -0.08, 0.56, 0.68, 0.52)
    parts = [
        head,
        _bump(u, v, 0, -0.36, 0.42, 0.3, 0.6),
        _bump(u, v, 0, 0.06, 0.085, 0.2, 0.72),
        _bump(u, v, 0, 0.13, 0.13, 0.08, 0.7),
        _bump(u, v, -0.27, 0.14, 0.22, 0.2, 0.58),
        _bump(u, v, 0.27, 0.14, 0.22, 0.2, 0.58),
        _bump(u, v, 0, 0.29, 0.17, 0.04, 0.64),
        _bump(u, v, 0, 0.365, 0.14, 0.04, 0.63),
        _bump(u, v, 0, 0.5, 0.15, 0.1, 0.58),
    ]
    height = _join(*parts)
    for side in (-0.19, 0.19):
        height -= _bump(u, v, side, -0.05, 0.12, 0.07, 0.13)
        height += _bump(u, v, side, -0.04, 0.085, 0.035, 0.07)
    if rng.random() < 0.5:
        side = float(rng.choice((-1, 1)))
        height = np.maximum(height, _hand(2.0 * (u - side * 0.46), 2.0 * (v - 0.3), rng) * 1.05)
    return height


def _hand(u: Surface, v: Surface, rng: np.random.Generator) -> Surface:
    height = _join(_bump(u, v, 0, 0.25, 0.36, 0.42, 0.45), _bump(u, v, 0, 0.75, 0.26, 0.5, 0.38))
    for k, reach in enumerate((0.62, 0.76, 0.8, 0.7)):
        root, tip = -0.26 + 0.17 * k, -0.34 + 0.23 * k + float(rng.uniform(-0.03, 0.03))
        for t in np.linspace(0, 1, 7):
            height = np.maximum(
                height, _bump(u, v, root + (tip - root) * t, 0.05 - reach * t, 0.095, 0.13, 0.36 - 0.06 * t)
            )
    for t in np.linspace(0, 1, 5):
        height = np.maximum(height, _bump(u, v, 0.3 + 0.28 * t, 0.25 - 0.3 * t, 0.11, 0.13, 0.36))
    return height


def _box_edges(image: Image.Image, rng: np.random.Generator) -> None:
    draw, side = ImageDraw.Draw(image), image.width
    near, far = 14 + int(rng.integers(8)), 30 + int(rng.integers(14))
    frame = [(near, near), (side - near, near), (side - near, side - near), (near, side - near)]
    back = [(far, far), (side - far, far), (side - far, side - far), (far, side - far)]
    for box, colour in ((back, (48, 40, 30)), (frame, (96, 82, 60))):
        for one, other in zip(box, box[1:] + box[:1], strict=True):
            draw.line((*one, *other), fill=colour)
    for one, other in zip(frame, back, strict=True):
        draw.line((*one, *other), fill=(64, 54, 40))
