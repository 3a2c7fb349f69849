"""Plotly figure of an embedding plot; no Streamlit here."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard.ui.plots import SUBJECT_COLOURS, Theme, apply_theme, as_text, shorten_name

SYMBOLS = ("circle", "square", "triangle-up")
OTHERS = "all others"


def embedding_figure(
    image_ids: Sequence[str], places: NDArray[np.float64], groups: Sequence[str], texts: Sequence[str], theme: Theme
) -> go.Figure:
    """N images at ``places`` (N, 2), with a color and symbol for each value of ``groups`` (N,), largest first.

    Values beyond the available colors and symbols are combined as `OTHERS`. Each mark carries its image's id and shows
    ``texts`` (N,) on hover.
    """
    figure = go.Figure()
    counts = Counter(groups).most_common()
    styles = [(symbol, colour) for symbol in SYMBOLS for colour in SUBJECT_COLOURS]
    own = [name for name, _ in counts[: len(styles)]]
    kinds = [group if group in own else OTHERS for group in groups]
    for k, name in enumerate([*own, OTHERS]):
        rows = [row for row, kind in enumerate(kinds) if kind == name]
        if not rows:
            continue
        symbol, colour = styles[k] if k < len(styles) else ("x", theme.muted)
        figure.add_scatter(
            x=places[rows, 0],
            y=places[rows, 1],
            mode="markers",
            name=f"{as_text(shorten_name(name))} ({len(rows):,})",
            marker={"size": 7, "symbol": symbol, "color": colour, "line": {"width": 0.5, "color": theme.background}},
            customdata=[image_ids[row] for row in rows],
            hovertemplate=[f"<b>{as_text(image_ids[row])}</b><br>{as_text(texts[row])}<extra></extra>" for row in rows],
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 0.25}},
        )
    hidden = {"showticklabels": False, "ticks": "", "showgrid": False, "showline": False}
    figure.update_xaxes(**hidden)
    figure.update_yaxes(**hidden)
    return apply_theme(
        figure,
        theme,
        height=460,
        dragmode="lasso",
        showlegend=True,
        legend={"itemsizing": "constant", "font": {"size": 12}},
        modebar={"remove": ["autoscale"]},
        newselection={"line": {"color": theme.text, "width": 2}},
    )
