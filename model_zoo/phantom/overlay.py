"""What the machine writes over the picture: bar, scales, calipers, measurement box, body-part text."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from model_zoo.phantom.planning import PlannedImage
from model_zoo.phantom.recipe import Recipe

Box = tuple[int, int, int, int]
Pixel = tuple[float, float]

NAMES = {
    "bpd": ("BPD", "BPD/HC"),
    "cereb": ("CEREB", "TCD"),
    "ac": ("AC", "ABD", "ABDOMEN"),
    "fl": ("FL", "FEMUR"),
    "crl": ("CRL", "EMBRYO"),
    "afi": ("AFI", "DVP"),
}
MEASURED = {"bpd": "BPD", "cereb": "TCD", "ac": "AC", "fl": "FL", "crl": "CRL", "afi": "DVP"}


@dataclass(frozen=True, slots=True)
class Machine:
    """A preset: where things stand on the screen and how they look; lengths in px, grey in 0..255."""

    font: str
    font_px: int
    bar: bool
    scale_left: bool
    cross: str
    cross_px: int
    stroke_px: int
    box_corner: str
    framed: bool
    background: int


PRESETS = {
    "aurora": Machine("DejaVuSansMono.ttf", 9, True, False, "+", 4, 1, "bottom-left", True, 0),
    "boreal": Machine("DejaVuSans.ttf", 10, False, True, "x", 4, 1, "top-right", True, 5),
    "cirrus": Machine("DejaVuSans.ttf", 10, False, False, "+", 3, 1, "bottom-right", False, 0),
}


@dataclass(slots=True)
class Pen:
    """Draws on a grey screen and remembers where markers and text came to lie (boxes x0, y0, x1, y1 in px)."""

    image: Image.Image
    machine: Machine
    markers: list[Box]
    texts: list[Box]

    def text(self, x: float, y: float, words: str, grey: int, *, annotation: bool, size_px: int | None = None) -> None:
        """Write words with their upper left corner at (x, y); an annotation is remembered."""
        draw = ImageDraw.Draw(self.image)
        font = _font(self.machine.font, size_px or self.machine.font_px)
        x0, y0, x1, y1 = draw.textbbox((x, y), words, font=font)
        side = self.image.width
        dx, dy = min(0, side - 2 - x1), min(0, side - 2 - y1)
        draw.text((x + dx, y + dy), words, font=font, fill=grey)
        if annotation:
            self.texts.append(_clip((x0 + dx, y0 + dy, x1 + dx, y1 + dy), side))

    def cross(self, at: Pixel) -> None:
        """One caliper."""
        x, y, r = round(at[0]), round(at[1]), self.machine.cross_px
        draw = ImageDraw.Draw(self.image)
        strokes = ((-r, 0, r, 0), (0, -r, 0, r)) if self.machine.cross == "+" else ((-r, -r, r, r), (-r, r, r, -r))
        for x0, y0, x1, y1 in strokes:
            draw.line((x + x0, y + y0, x + x1, y + y1), fill=245, width=self.machine.stroke_px)
        self.markers.append(_clip((x - r, y - r, x + r + 1, y + r + 1), self.image.width))

    def dots(self, points: list[Pixel]) -> None:
        """A dotted line through points: part of the markers, as much as the crosses at its ends."""
        draw, side = ImageDraw.Draw(self.image), self.image.width
        for x, y in dict.fromkeys((round(x), round(y)) for x, y in points):
            draw.point((x, y), fill=215)
            if 0 <= x < side and 0 <= y < side:
                self.markers.append((x, y, x + 1, y + 1))


def chrome(pen: Pen, planned: PlannedImage, depth_cm: float, rng: np.random.Generator) -> None:
    """What stands on every screen, whatever it shows."""
    side, machine = pen.image.width, pen.machine
    draw = ImageDraw.Draw(pen.image)
    if machine.bar:
        draw.rectangle((0, 0, side, 13), fill=38)
        pen.text(3, 1, f"ID{int(rng.integers(1000, 9999))}  OB", 150, annotation=False, size_px=9)
        day, month, hour, minute = (int(rng.integers(low, high)) for low, high in ((1, 28), (1, 12), (8, 18), (0, 60)))
        pen.text(148, 1, f"{day:02d}.{month:02d} {hour:02d}:{minute:02d}", 150, annotation=False, size_px=9)
    elif machine.scale_left:
        for k, words in enumerate(
            (
                f"{int(rng.integers(20, 60))}Hz",
                f"D{depth_cm:.0f}",
                f"G{int(rng.integers(40, 80))}",
                f"MI{rng.uniform(0.6, 1.2):.1f}",
            )
        ):
            pen.text(2, 62 + 11 * k, words, 130, annotation=False, size_px=9)
    else:
        pen.text(3, 0, f"RAB {rng.uniform(2, 8):.1f}/{int(rng.integers(8, 16))}0mm", 105, annotation=False, size_px=9)
        pen.text(150, 0, f"TIs {rng.uniform(0.1, 0.9):.1f}", 105, annotation=False, size_px=9)
    edge = 3 if machine.scale_left else side - 9
    for row in range(24):
        draw.line((edge, 22 + row, edge + 4, 22 + row), fill=max(10, 250 - 10 * row))
    ticks = side - 4 if not machine.scale_left else 20
    for k in range(int(depth_cm) + 1):
        y = 24 + k * (side - 60) / depth_cm
        draw.line((ticks, y, ticks + (3 if k % 5 == 0 else 1), y), fill=120)


def calipers(pen: Pen, ends: list[Pixel], ellipse: bool) -> None:
    """Markers at the ends of the measurements, a dotted line or ellipse between them."""
    if ellipse:
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = ends
        cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
        t = np.linspace(0, 2 * np.pi, 64, endpoint=False)
        ux, uy, vx, vy = (x1 - x0) / 2, (y1 - y0) / 2, (x3 - x2) / 2, (y3 - y2) / 2
        pen.dots([(cx + ux * c + vx * s, cy + uy * c + vy * s) for c, s in zip(np.cos(t), np.sin(t), strict=True)])
    else:
        (x0, y0), (x1, y1) = ends
        n = max(2, int(np.hypot(x1 - x0, y1 - y0) / 4))
        pen.dots([(x0 + (x1 - x0) * k / n, y0 + (y1 - y0) * k / n) for k in range(1, n)])
    for end in ends:
        pen.cross(end)


def annotate(pen: Pen, planned: PlannedImage, recipe: Recipe, size_cm: float, rng: np.random.Generator) -> None:
    """Measurement box and body-part text: they name the structure, sometimes wrongly or vaguely."""
    named = planned.true_structure
    if rng.random() < recipe.noise.wrong_text:
        others = [one for one in NAMES if one != named]
        named = others[int(rng.integers(len(others)))]
    measured = planned.true_leaf.split(".")[1] == "placed"
    boxed, body = measured or rng.random() < 0.4, rng.random() < 0.55
    if not boxed and not body:
        body = True
    if boxed:
        weeks = planned.gestational_age_weeks + float(rng.normal(0, 0.6))
        lines = [f"{MEASURED[named]} {size_cm * rng.uniform(0.97, 1.03):.2f} cm"]
        if rng.random() < 0.75:
            lines.append(f"GA {int(weeks)}w{int(weeks % 1 * 7)}d")
        if named in ("ac", "fl") and rng.random() < 0.3:
            lines.append(f"EFW {int(rng.integers(180, 3200))}g")
        _box(pen, lines)
    if body:
        vague = named in ("bpd", "cereb") and rng.random() < recipe.noise.vague_text
        words = "HEAD" if vague else NAMES[named][int(rng.integers(len(NAMES[named])))]
        pen.text(int(rng.integers(34, 120)), int(rng.integers(150, 186)), words, 225, annotation=True)


def _box(pen: Pen, lines: list[str]) -> None:
    side, machine = pen.image.width, pen.machine
    draw, font = ImageDraw.Draw(pen.image), _font(machine.font, machine.font_px)
    width = int(max(draw.textlength(line, font=font) for line in lines)) + 7
    height = (machine.font_px + 2) * len(lines) + 6
    x = 2 if machine.box_corner == "bottom-left" else side - width - 3
    y = 12 if machine.box_corner == "top-right" else side - height - 3
    draw.rectangle((x, y, x + width, y + height), fill=16, outline=150 if machine.framed else 16)
    for k, line in enumerate(lines):
        draw.text((x + 4, y + 2 + k * (machine.font_px + 2)), line, font=font, fill=235)
    pen.texts.append(_clip((x, y, x + width + 1, y + height + 1), side))


@cache
def _font(name: str, size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    # the DejaVu fonts that come with matplotlib: the same on every machine
    from matplotlib import get_data_path

    return ImageFont.truetype(f"{get_data_path()}/fonts/ttf/{name}", size_px)


def _clip(box: tuple[float, float, float, float], side: int) -> Box:
    x0, y0, x1, y1 = (int(min(max(round(value), 0), side)) for value in box)
    return x0, y0, x1, y1
