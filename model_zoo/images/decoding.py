"""Image decoding within limits, preprocessing as the card of a run declares, and heatmaps mapped back."""

import io
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from model_zoo.core.errors import ImageError
from model_zoo.images.bit_depth import as_8_bits, has_deep_pixels, is_deep, oriented, prepare_to_load
from model_zoo.images.formats import ENDINGS
from model_zoo.images.grey_scale import GreyScale
from model_zoo.untrusted.decode_limits import check_work
from model_zoo.untrusted.limits import Limits, bytes_of, limits, variable

FORMATS = tuple(ENDINGS)
_PILLOWS_LIMIT = Image.MAX_IMAGE_PIXELS or 0
MAX_SLOW_PIXELS = 4_000_000
"""Of PPM files whose numbers are text, or of another depth than 8 or 16 bits: they are decoded one by one."""

MAX_INPUT_SIDE = 4096
"""Of what a model is given, in pixels before pooling."""
MIN_CROP_SHARE = 0.1
MIN_STD = 1e-6
"""Dividing by less is a slip of the pen, and overflows float32 soon."""


class Fit(StrEnum):
    """How an image of any shape becomes the model's size."""

    STRETCH = "stretch"
    CROP = "crop"  # shorter side to size, then the centre
    PAD = "pad"  # longer side to size, then black borders


class Interpolation(StrEnum):
    """How pixels are resampled."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    LANCZOS = "lanczos"


_RESAMPLING = {
    Interpolation.NEAREST: Image.Resampling.NEAREST,
    Interpolation.BILINEAR: Image.Resampling.BILINEAR,
    Interpolation.BICUBIC: Image.Resampling.BICUBIC,
    Interpolation.LANCZOS: Image.Resampling.LANCZOS,
}


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """From a decoded image to a model's input; part of a run's card, never guessed.

    The image is converted to ``channels`` (1 grey, 3 RGB), fitted to ``size`` (height, width),
    max-pooled by ``pool`` (bilinear shrinking would wipe out one-pixel calipers), scaled to
    0..``value_range`` and normalised by ``mean`` and ``std`` per channel. Of a crop only the inner
    ``crop_share`` of the shorter side is kept. With ``bgr`` the model, and ``mean`` and ``std``, have
    blue first. With ``per_image`` each image is brought to mean 0 and standard deviation 1 instead of
    that range, and ``mean`` and ``std`` are applied to the result.
    """

    channels: int
    size: tuple[int, int]
    fit: Fit = Fit.STRETCH
    interpolation: Interpolation = Interpolation.BILINEAR
    pool: int = 1
    value_range: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    crop_share: float = 1.0
    bgr: bool = False
    per_image: bool = False

    def __post_init__(self) -> None:
        if self.channels not in (1, 3) or len(self.mean) != self.channels or len(self.std) != self.channels:
            raise ImageError(f"Preprocessing needs 1 or 3 channels and a mean and std for each; got {self}.")
        if max(self.size) > MAX_INPUT_SIDE:
            raise ImageError(f"Size {self.size} is over {MAX_INPUT_SIDE} a side, the most that is given.")
        if min(self.size) < 1 or self.pool < 1 or any(side % self.pool for side in self.size):
            raise ImageError(f"Size {self.size} must be positive and divisible by pool {self.pool}.")
        if not all(std >= MIN_STD for std in self.std):
            raise ImageError(f"Standard deviations must be positive, {MIN_STD:g} at least; got {self.std}.")
        if not MIN_CROP_SHARE <= self.crop_share <= 1 or (self.crop_share < 1 and self.fit is not Fit.CROP):
            raise ImageError(f"A crop keeps 0.1 to 1 of the shorter side, and nothing else is one; got {self}.")
        if self.bgr and self.channels != 3:
            raise ImageError("Only three channels have blue first; leave that out, or declare 3 channels.")

    @property
    def input_size(self) -> tuple[int, int, int]:
        """Shape (channels, height, width) of what the model sees."""
        return self.channels, self.size[0] // self.pool, self.size[1] // self.pool

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """The fitted and pooled pixels, (channels, height, width) in 0..255, not yet normalised."""
        image = image.convert("L" if self.channels == 1 else "RGB")
        height, width = self.size
        method = _RESAMPLING[self.interpolation]
        if self.fit is Fit.STRETCH and image.size != (width, height):
            image = image.resize((width, height), method)
        elif self.fit is Fit.CROP:
            image = ImageOps.fit(image, (width, height), method, bleed=(1 - self.crop_share) / 2)
        elif self.fit is Fit.PAD:
            left, top, inner_width, inner_height = self._inside(*image.size)
            padded = Image.new(image.mode, (width, height))
            padded.paste(image.resize((inner_width, inner_height), method), (left, top))
            image = padded
        pixels = np.asarray(image, dtype=np.uint8).reshape(height, width, self.channels).transpose(2, 0, 1)
        blocks = pixels.reshape(self.channels, height // self.pool, self.pool, width // self.pool, self.pool)
        return blocks.max(axis=(2, 4))

    def normalise(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Pixels (..., channels, height, width) in 0..255 as the model's input, same shape."""
        if self.bgr:
            pixels = pixels[..., ::-1, :, :]
        if self.per_image:
            raw = pixels.astype(np.float32)
            spread = raw.std(axis=(-3, -2, -1), keepdims=True)
            scaled = (raw - raw.mean(axis=(-3, -2, -1), keepdims=True)) / np.maximum(spread, 1)
        else:
            scaled = pixels.astype(np.float32) * np.float32(self.value_range / 255)
        mean = np.array(self.mean, dtype=np.float32)[:, None, None]
        std = np.array(self.std, dtype=np.float32)[:, None, None]
        return (scaled - mean) / std

    def apply(self, image: Image.Image) -> NDArray[np.float32]:
        """The model's input for one image, (channels, height, width)."""
        return self.normalise(self.pixels(image))

    def place_back(self, heat: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
        """A map in input coordinates drawn where the model looked: (height, width) of the image.

        Crop, padding and resize are undone; what the model did not see is NaN, also where ``heat`` is.
        """
        fitted_height, fitted_width = self.size
        full = _resize(heat, fitted_width, fitted_height)
        if self.fit is Fit.STRETCH:
            return _resize(full, width, height)
        if self.fit is Fit.PAD:
            left, top, inner_width, inner_height = self._inside(width, height)
            return _resize(full[top : top + inner_height, left : left + inner_width], width, height)
        scale = min(width / fitted_width, height / fitted_height) * self.crop_share
        seen_width, seen_height = max(1, round(fitted_width * scale)), max(1, round(fitted_height * scale))
        left, top = (width - seen_width) // 2, (height - seen_height) // 2
        placed = np.full((height, width), np.nan, dtype=np.float32)
        placed[top : top + seen_height, left : left + seen_width] = _resize(full, seen_width, seen_height)
        return placed

    def _inside(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Where padding puts an image: left, top, width, height; never thinner than a pixel."""
        fitted_height, fitted_width = self.size
        scale = min(fitted_width / width, fitted_height / height)
        inner_width, inner_height = max(1, round(width * scale)), max(1, round(height * scale))
        return (fitted_width - inner_width) // 2, (fitted_height - inner_height) // 2, inner_width, inner_height

    def to_json(self) -> dict[str, Any]:
        """Plain values for a card; what is seldom asked for stands there only where it is."""
        seldom = {"crop_share": 1.0, "bgr": False, "per_image": False}
        return {name: value for name, value in asdict(self).items() if name not in seldom or value != seldom[name]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Preprocessing":
        """The preprocessing that a card or recipe declares; `ImageError` names what is wrong."""
        try:
            return cls(
                channels=int(values["channels"]),
                size=(int(values["size"][0]), int(values["size"][1])),
                fit=Fit(values["fit"]),
                interpolation=Interpolation(values["interpolation"]),
                pool=int(values["pool"]),
                value_range=float(values["value_range"]),
                mean=tuple(float(x) for x in values["mean"]),
                std=tuple(float(x) for x in values["std"]),
                crop_share=float(values.get("crop_share", 1.0)),
                bgr=bool(values.get("bgr", False)),
                per_image=bool(values.get("per_image", False)),
            )
        except (KeyError, ValueError, TypeError, IndexError, OverflowError, AttributeError) as error:
            raise ImageError(
                f"The preprocessing is not readable ({error!r}); it needs every field of the card."
            ) from error


def decode(source: Path | bytes, name: str = "", grey: GreyScale | None = None) -> Image.Image:
    """A decoded image in mode L or RGB, upright; `ImageError` in one sentence if it cannot be trusted.

    Grey values of more than 8 bits are read by the scale ``grey``; without one, all of 16 bits become 0..255, and
    numbers with decimals are divided by the largest of them if that is above 1.
    """
    return as_8_bits(open_image(source, name), grey)


def open_image(source: Path | bytes, name: str = "") -> Image.Image:
    """An image decoded in all its bits, upright; `ImageError` in one sentence if it cannot be trusted.

    Sizes, and the work that decoding asks for, are checked before a pixel is decoded: a bomb costs its header only.
    """
    name, at_most = name or (source.name if isinstance(source, Path) else "the upload"), limits()
    raw = _read(source, name, at_most.image_mb)
    n_pixels = at_most.image_megapixels * 1_000_000
    Image.MAX_IMAGE_PIXELS = max(_PILLOWS_LIMIT, n_pixels)
    check_work(raw, name, n_pixels)
    try:
        image = Image.open(io.BytesIO(raw), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{name} is not an image of a kind known here ({_kinds()}); save it as PNG or JPEG."
        ) from error
    except Image.DecompressionBombError as error:
        told = re.search(r"\((\d+) pixels", str(error))
        count = f"{int(told[1]) / 1e6:,.0f} million" if told else "too many"
        raise ImageError(f"{name} unpacks to {count} pixels; {_told(at_most)}") from error
    except Exception as error:  # Pillow's parsers raise anything on hostile bytes
        raise ImageError(f"{name} cannot be read as an image ({type(error).__name__}); save it again.") from error
    width, height = image.size
    if width * height > n_pixels or max(width, height) > at_most.image_side:
        raise ImageError(f"{name} has {width:,} x {height:,} pixels; {_told(at_most)}")
    if image.tile and image.tile[0].codec_name.startswith("ppm") and width * height > MAX_SLOW_PIXELS:
        raise ImageError(f"{name} is a PPM file of a kind that is slow to decode, and too large; save it as PNG.")
    try:
        prepare_to_load(image, raw, lambda: Image.open(io.BytesIO(raw), formats=FORMATS))
        image.load()
        upright = oriented(image, ImageOps.exif_transpose)
        return upright if is_deep(upright) else _shallow(upright)
    except Exception as error:  # Pillow's decoders raise anything on hostile bytes
        raise ImageError(f"{name} is damaged or cut off and cannot be decoded; export it again.") from error


def file_is_deep(source: Path | bytes) -> bool:
    """Whether the header of a file says that its values have more than 8 bits; False where it is no image."""
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS) as image:
            return has_deep_pixels(image)
    except Exception:  # Pillow's parsers raise anything on hostile bytes
        return False


def _read(source: Path | bytes, name: str, at_most_mb: int) -> bytes:
    try:
        size = len(source) if isinstance(source, bytes) else bytes_of(source)
        if size > at_most_mb * 2**20:
            raise ImageError(
                f"{name} has {size / 2**20:,.0f} MB; at most {at_most_mb:,} MB are read ({variable('image_mb')})."
            )
        raw = source if isinstance(source, bytes) else source.read_bytes()
    except OSError as error:
        raise ImageError(f"Image file {source!s} cannot be read ({error.strerror}); put it back.") from error
    if not raw:
        raise ImageError(f"{name} is empty; export it again.")
    return raw


def _shallow(image: Image.Image) -> Image.Image:
    """An image of 8 bits in mode L or RGB."""
    if image.mode in ("L", "RGB"):
        return image
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        ground = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
        return Image.alpha_composite(ground, rgba).convert("RGB")
    return image.convert("L" if image.mode == "1" else "RGB")


def _resize(heat: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """``heat`` at another size; what is NaN stays so and takes nothing from what is beside it."""
    known = np.isfinite(heat)
    if not known.all():
        weight = _resize(known.astype(np.float32), width, height)
        values = _resize(np.where(known, heat, 0).astype(np.float32), width, height)
        return np.where(weight > 0.5, values / np.maximum(weight, 0.5), np.nan).astype(np.float32)
    image = Image.fromarray(np.ascontiguousarray(heat, dtype=np.float32))
    resized = image.resize((max(1, width), max(1, height)), Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.float32)


def _kinds() -> str:
    return ", ".join(FORMATS)


def _told(at_most: Limits) -> str:
    return (
        f"at most {at_most.image_megapixels:,} million pixels and {at_most.image_side:,} a side are decoded. Make it "
        f"smaller first, or set {variable('image_megapixels')} and {variable('image_side')}."
    )
