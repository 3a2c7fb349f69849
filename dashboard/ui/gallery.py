"""A gallery of images, each opening on a click; where asked for, they can be chosen together."""

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


def gallery(tiles: Sequence[Tile], *, key: str, chosen: Sequence[str] | None = None) -> str | None:
    """Draw the tiles; returns the id of the image that was just opened, else None.

    With ``chosen`` (what the session remembers, or what is chosen at first) images can be chosen: the session's ``key``
    then holds ``chosen``, ids in the order in which they were chosen, those of tiles that were shown before included,
    and ``reviewer``, the name that was given on Review in this browser.
    """
    choosing = {"choosing": chosen is not None, "chosen": list(chosen or ())}
    result = _component()(
        data={"tiles": [asdict(tile) for tile in tiles], **choosing},
        key=key,
        default={"chosen": list(chosen or ()), "reviewer": ""},
        on_open_change=lambda: None,
        on_chosen_change=lambda: None,
        on_reviewer_change=lambda: None,
    )
    return result.open


@cache
def _component() -> Any:
    here = Path(__file__)
    return st.components.v2.component(
        "taxoscope_gallery",
        html='<div class="gallery-bar"></div><div class="gallery" role="list"></div>',
        css=here.with_suffix(".css").read_text(encoding="utf-8"),
        js=here.with_suffix(".js").read_text(encoding="utf-8"),
    )
