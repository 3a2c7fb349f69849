"""Encodes images for a browser."""

import base64
import io
from typing import Literal

from PIL import Image

Kind = Literal["png", "jpeg", "webp"]
_OPTIONS: dict[str, dict[str, int]] = {"png": {"compress_level": 1}, "jpeg": {"quality": 85}, "webp": {"quality": 90}}


def encode(image: Image.Image, kind: Kind = "png") -> bytes:
    """The bytes of an image file: PNG without loss, JPEG of quality 85 or WebP of quality 90."""
    out = io.BytesIO()
    image.save(out, kind.upper(), **_OPTIONS[kind])
    return out.getvalue()


def data_url(image: Image.Image, kind: Kind = "png") -> str:
    """An image inside a page: ``data:image/png;base64,...``."""
    return f"data:image/{kind};base64,{base64.b64encode(encode(image, kind)).decode()}"
