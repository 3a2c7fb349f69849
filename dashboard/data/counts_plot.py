"""Plotly bar chart of image counts by group and split; no Streamlit here."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from dashboard.evaluation.image_counts import CountGroup
from dashboard.evaluation.image_counts_words import SPLIT_NAMES
from dashboard.ui.plots import SUBJECT_COLOURS, Theme, apply_theme, as_text, shorten_name
from dashboard.words import counted
from model_zoo.core.label_space.splits import Split

ROWS = 30
"""More groups than these are left to the table."""

_COLOURS: Mapping[Split, str] = {
    Split.TRAIN: SUBJECT_COLOURS[5],
    Split.VALIDATION: SUBJECT_COLOURS[4],
    Split.TEST: SUBJECT_COLOURS[0],
    Split.NONE: "#8A95A3",
}


def counts_figure(groups: Sequence[CountGroup], splits: Sequence[Split], theme: Theme) -> go.Figure:
    """One row per group, one segment per split; each carries ``[filter, split]``, the first '' if impossible."""
    figure = go.Figure()
    for split in splits:
        figure.add_bar(
            y=list(range(len(groups))),
            x=[one.images.get(split, 0) for one in groups],
            name=SPLIT_NAMES[split],
            orientation="h",
            marker={"color": _COLOURS[split], "line": {"width": 1, "color": theme.background}},
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
            customdata=[[one.where.written if one.where else "", str(split)] for one in groups],
            hovertemplate=[
                f"<b>{as_text(shorten_name(one.name))}</b> · {SPLIT_NAMES[split]}<br>"
                f"{counted(one.images.get(split, 0), 'image')} of {counted(one.patients.get(split, 0), 'patient')}"
                "<extra></extra>"
                for one in groups
            ],
        )
    figure.update_yaxes(
        range=[len(groups) - 0.4, -0.6],
        tickmode="array",
        tickvals=list(range(len(groups))),
        ticktext=[as_text(shorten_name(one.name)) for one in groups],
        type="linear",
    )
    figure.update_xaxes(title={"text": "images"}, showgrid=True, gridcolor=theme.grid, rangemode="tozero")
    return apply_theme(
        figure,
        theme,
        height=110 + 24 * len(groups),
        barmode="stack",
        bargap=0.3,
        clickmode="event+select",
        dragmode=False,
        showlegend=True,
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "xanchor": "left", "traceorder": "normal"},
    )
