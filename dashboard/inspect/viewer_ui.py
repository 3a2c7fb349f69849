"""Viewer component: images side by side, each with a heatmap overlay."""

from collections.abc import Mapping, Sequence
from typing import Any

from dashboard.ui.component import component

HEIGHT_PX = 420
MAP_STRENGTH = 0.45


def viewer(panels: Sequence[Mapping[str, Any]]) -> None:
    """Draw the panels; their heatmaps appear once the server has computed them.

    A panel has ``title``, ``caption``, ``image`` (a URL), ``map`` (URL of a transparent overlay of the image's shape,
    or None), ``state`` (a sentence shown instead of the overlay, or None) and optionally ``top``: classes as ``{"name",
    "p", "is_label"}``. If ``map`` returns an error, its text is shown.
    """
    draw = component(
        "viewer",
        '<div class="viewer"></div>',
        ("ui/frame.css", "inspect/viewer.css"),
        ("ui/dom.js", "inspect/viewer.js"),
    )
    data = {"panels": [dict(panel) for panel in panels], "height_px": HEIGHT_PX, "strength": MAP_STRENGTH}
    draw(data=data, key="inspect_viewer")
