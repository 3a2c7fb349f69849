"""Viewer component: images side by side, each with a heatmap overlay."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st


def viewer(panels: Sequence[Mapping[str, Any]], *, key: str, height_px: int = 420, strength: float = 0.45) -> None:
    """Draw the panels; their heatmaps appear once the server has computed them.

    A panel has ``title``, ``caption``, ``image`` (a URL), ``map`` (URL of a transparent overlay of the image's shape,
    or None), ``state`` (a sentence shown instead of the overlay, or None) and optionally ``top``: classes as ``{"name",
    "p", "is_label"}``. If ``map`` returns an error, its text is shown.
    """
    _component()(
        data={"panels": [dict(panel) for panel in panels], "height_px": height_px, "strength": strength}, key=key
    )


@cache
def _component() -> Any:
    here = Path(__file__).parent
    return st.components.v2.component(
        "taxoscope_viewer",
        html='<div class="viewer"></div>',
        css="\n".join((here / name).read_text(encoding="utf-8") for name in ("../ui/frame.css", "viewer.css")),
        js="\n".join((here / name).read_text(encoding="utf-8") for name in ("../ui/dom.js", "viewer.js")),
    )
