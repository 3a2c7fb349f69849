"""Images of more than 8 bits: their declared and used bit depth, and their conversion to 8 bits.

Of colours of 16 bits Pillow keeps the upper byte alone; the lower one is read by a second pass with the bytes swapped.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model_zoo.images.formats import png_chunks
from model_zoo.images.grey_scale import FULL, Depth, GreyScale, scale_of_bits

_DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
_DECLARED, _INVERTED, _LOWER = "taxoscope_declared", "taxoscope_white_is_zero", "taxoscope_lower_bytes"
_ORIENTATION = 0x0112
_SWAPPED = {
    "RGB;16B": "RGB;16L", "RGB;16L": "RGB;16B", "RGB;16N": "RGB;16B",
    "RGBA;16B": "RGBA;16L", "RGBA;16L": "RGBA;16B", "RGBA;16N": "RGBA;16B",
}  # fmt: skip
"""How Pillow reads colours of 16 bits -> how it reads their other byte (the machine's own order is little-endian)."""


def has_deep_pixels(image: Image.Image) -> bool:
    """Whether an opened image has more than 8 bits, by its header."""
    return image.mode in _DEEP or _rawmode(image) in _SWAPPED


def prepare_to_load(image: Image.Image, raw: bytes, again: Callable[[], Image.Image]) -> None:
    """Keeps beside an image, before it is loaded, all that Pillow would forget; ``again`` opens it anew.

    The scale that the file declares, and whether 0 is white. Of TIFF's largest sample only a power of two, less 1, is
    a depth: any other is that of this one image.
    """
    if not has_deep_pixels(image):
        return
    if swapped := _SWAPPED.get(_rawmode(image)):
        other = again()
        setattr(other, "tile", [one._replace(args=_with_rawmode(one.args, swapped)) for one in _tiles(other)])  # noqa: B010
        other.load()
        image.info[_LOWER] = np.asarray(other)
    if image.format == "PNG":
        n = max(next((held[:3] for name, held in png_chunks(raw) if name == b"sBIT" and held), b"\x10"))
        image.info |= {_DECLARED: scale_of_bits(n)} if 8 <= n < 16 else {}
    elif image.format == "PPM":  # scaled by what it declares as it is decoded
        image.info |= {_DECLARED: FULL} if _tiles(image) and _tiles(image)[0].codec_name.startswith("ppm") else {}
    else:
        tags = getattr(image, "tag_v2", {})
        n, top = int(tags.get(258, (16,))[0]), tags.get(281, tags.get(341, (0,)))
        top = int(top[0] if isinstance(top, tuple) else top) + 1
        n = top.bit_length() - 1 if 256 <= top < 2**16 and top & (top - 1) == 0 else n
        image.info |= {_DECLARED: scale_of_bits(n)} if 8 <= n < 16 and image.mode != "F" else {}
        image.info |= {_INVERTED: True} if tags.get(262) == 0 else {}


def is_deep(image: Image.Image) -> bool:
    """Whether a loaded image still has more than 8 bits."""
    return image.mode in _DEEP or _LOWER in image.info


def oriented(image: Image.Image, turn: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """``image`` turned by ``turn``, and what is kept beside it too."""
    upright = turn(image)
    lower = image.info.get(_LOWER)
    if lower is not None:
        beside = Image.fromarray(lower)
        beside.getexif()[_ORIENTATION] = image.getexif().get(_ORIENTATION, 1)
        upright.info[_LOWER] = np.asarray(turn(beside))
    return upright


def depth_of(image: Image.Image) -> Depth | None:
    """How many grey values an image of `open_image` uses, and says that it uses; None for one of 8 bits."""
    if not is_deep(image):
        return None
    values = _values(image)
    finite = values[np.isfinite(values)] if image.mode == "F" else values
    observed = GreyScale(float(finite.min(initial=0)), float(finite.max(initial=0)))
    return Depth(observed, image.info.get(_DECLARED), image.mode == "F")


def rescaled_to_8_bits(image: Image.Image) -> Image.Image:
    """An image of `open_image` in mode L or RGB, its own grey values spread over 0..255: to compare shapes alone."""
    depth = depth_of(image)
    return as_8_bits(image, depth.observed if depth else None)


def as_8_bits(image: Image.Image, grey: GreyScale | None = None) -> Image.Image:
    """An image of `open_image` in mode L or RGB; see `decode`."""
    if not is_deep(image):
        return image
    if grey is None and _LOWER in image.info:
        return _upper(image)
    values = _values(image).astype(np.float32)
    if grey is not None:
        scaled = grey.eight_bit(values)
        return Image.fromarray(255 - scaled if image.info.get(_INVERTED) else scaled)
    values = np.nan_to_num(values, copy=False, nan=0, posinf=0, neginf=0)
    top = 65535.0 if image.mode != "F" else max(1.0, float(values.max(initial=0)))
    values *= 255 / top
    return Image.fromarray(np.clip(values, 0, 255, out=values).round(out=values).astype(np.uint8))


def _values(image: Image.Image) -> NDArray[np.generic]:
    """All bits of an image, (height, width) of grey or (height, width, 3) of colours, transparency on black."""
    values = np.asarray(image)
    lower = image.info.get(_LOWER)
    if lower is None:
        return values
    full: NDArray[np.float32] = values.astype(np.float32) * 256 + lower
    return full[..., :3] * (full[..., 3:] / 65535) if full.shape[2] == 4 else full


def _upper(image: Image.Image) -> Image.Image:
    """The upper bytes of colours of 16 bits, in mode RGB, transparency on black."""
    if image.mode == "RGB":
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image.convert("RGBA")).convert("RGB")


def _tiles(image: Image.Image) -> list[Any]:
    """How a file that is not loaded yet is to be decoded, part by part; empty for an image that is."""
    return list(getattr(image, "tile", []))


def _rawmode(image: Image.Image) -> str:
    tiles = _tiles(image)
    args = tiles[0].args if tiles else ""
    return str(args[0] if isinstance(args, tuple) and args else args)


def _with_rawmode(args: object, rawmode: str) -> object:
    return (rawmode, *args[1:]) if isinstance(args, tuple) else rawmode
