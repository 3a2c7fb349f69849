"""A gallery of images, each opening on a click."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st


@dataclass(frozen=True, slots=True)
class Tile:
    """One image: where it is, what stands below it (``left`` and ``right``), and a badge or ''."""

    image_id: str
    src: str
    href: str
    left: str
    right: str
    below: str = ""
    badge: str = ""


def gallery(tiles: Sequence[Tile], *, key: str) -> str | None:
    """Draw the tiles; returns the id of the image that was just opened, else None."""
    result = _component()(data={"tiles": [asdict(tile) for tile in tiles]}, key=key, on_open_change=lambda: None)
    return result.open


@cache
def _component() -> Any:
    here = Path(__file__)
    return st.components.v2.component(
        "taxoscope_gallery",
        html='<div class="gallery" role="list"></div>',
        css=here.with_suffix(".css").read_text(encoding="utf-8"),
        js=here.with_suffix(".js").read_text(encoding="utf-8"),
    )
