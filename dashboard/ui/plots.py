"""Plotly figures from core values, and chart themes; no Streamlit here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from dashboard.words import counted, interval_text, share_text
from model_zoo.core.evaluation.evaluation import Figure
from model_zoo.workspace.run import Epoch

SUBJECT_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A6A00")
"""Okabe & Ito 2008: distinguishable with every kind of color blindness."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Chart colors of one theme; zero in a matrix has the page's background color.

    ``sequential`` runs from none to all, ``diverging`` from worse to better.
    """

    text: str
    muted: str
    grid: str
    background: str
    sequential: tuple[str, ...]
    diverging: tuple[str, ...]


LIGHT = Theme(
    "#1A2433",
    "#5A6675",
    "#E4E9EF",
    "#FFFFFF",
    ("#FFFFFF", "#D6E6F2", "#9CC5E0", "#5B9DC9", "#2674AC", "#0B4A7A"),
    ("#B35806", "#E08214", "#FDD9A8", "#FFFFFF", "#B9D9EC", "#4393C3", "#1F5F99"),
)
DARK = Theme(
    "#E6EAF0",
    "#9AA7B5",
    "#2A323C",
    "#12161C",
    ("#12161C", "#16344C", "#1C5578", "#2D7FAD", "#62AEDA", "#C9E6F7"),
    ("#F2A65A", "#B86A1E", "#5A3A1A", "#12161C", "#173B55", "#2E7FB0", "#7CC4EE"),
)


def theme(dark: bool) -> Theme:
    """The light or dark chart theme."""
    return DARK if dark else LIGHT


def class_figure(
    rows: Sequence[Sequence[Figure]],
    titles: Sequence[str],
    subject_ids: Sequence[str],
    supports: Sequence[str] | None,
    theme: Theme,
    axis_title: str,
    colours: Sequence[str] = SUBJECT_COLOURS,
) -> go.Figure:
    """One row per class, one mark per subject with its interval, and a dot per run.

    ``rows[s][k]`` is the metric of class k for subject s; each mark carries ``[subject, class]``. ``supports`` holds
    the number of images per class, if it is the same for all subjects.
    """
    n = len(rows[0])
    spread = min(0.5, 0.2 * len(rows))
    figure = go.Figure()
    for s, (figures, title, subject_id) in enumerate(zip(rows, titles, subject_ids, strict=True)):
        offset = 0.0 if len(rows) == 1 else spread * (s / (len(rows) - 1) - 0.5)
        y = np.arange(n) + offset
        means = np.array([one.mean for one in figures])
        colour = colours[s % len(colours)]
        dots = [
            (value, y[k], figures[k].name)
            for k in range(n)
            for value in figures[k].per_run
            if len(figures[k].per_run) > 1
        ]
        if dots:
            figure.add_scatter(
                x=[dot[0] for dot in dots],
                y=[dot[1] for dot in dots],
                mode="markers",
                marker={"symbol": "line-ns", "size": 9, "line": {"width": 1.5, "color": colour}, "opacity": 0.55},
                hoverinfo="skip",
                showlegend=False,
            )
        figure.add_scatter(
            x=means,
            y=y,
            mode="markers",
            name=as_text(title),
            marker={"size": 10, "color": colour, "line": {"width": 1.5, "color": theme.background}},
            error_x=error_bars(
                means, [one.share.low for one in figures], [one.share.high for one in figures], colour, 1.6, 4
            ),
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
            customdata=[[subject_id, one.name] for one in figures],
            hovertemplate=[
                f"<b>{as_text(one.name)}</b> · {as_text(title)}<br>{share_text(one.mean)}"
                + (f" (SD over runs {100 * one.sd:.1f} points)" if len(one.per_run) > 1 else "")
                + f"<br>95 % interval, patients only: {interval_text(one.share.low, one.share.high)}"
                + f"<br>{counted(one.share.n_images, 'image')}, {counted(one.share.n_patients, 'patient')}"
                + "<extra></extra>"
                for one in figures
            ],
        )
    labels = [
        f"{as_text(one.name)}  <span style='color:{theme.muted}'>{support}</span>"
        for one, support in zip(rows[0], supports or [""] * n, strict=True)
    ]
    figure.update_yaxes(
        range=[n - 0.4, -0.6],
        tickmode="array",
        tickvals=list(range(n)),
        ticktext=labels,
        showgrid=True,
        gridcolor=theme.grid,
    )
    figure.update_xaxes(
        range=[-0.02, 1.02], tickformat=".0%", title={"text": axis_title}, showgrid=True, gridcolor=theme.grid
    )
    height = int(110 + n * max(26, 15 * len(rows)))
    return apply_theme(
        figure,
        theme,
        height=height,
        clickmode="event+select",
        dragmode=False,
        hoverdistance=14,
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "xanchor": "left"},
    )


def training_curves_figure(epochs: Sequence[Epoch], curves: Mapping[str, str], title: str, theme: Theme) -> go.Figure:
    """Curves over epochs: name -> field of `Epoch`."""
    figure = go.Figure()
    for (name, field), colour in zip(curves.items(), SUBJECT_COLOURS, strict=False):
        figure.add_scatter(
            x=[epoch.epoch for epoch in epochs],
            y=[getattr(epoch, field) for epoch in epochs],
            mode="lines+markers" if len(epochs) == 1 else "lines",
            name=name,
            line={"color": colour, "width": 2, "dash": "dot" if "train" in field else "solid"},
        )
    figure.update_xaxes(title={"text": "epoch"}, gridcolor=theme.grid, tickformat="d", nticks=min(10, len(epochs) + 1))
    figure.update_yaxes(title={"text": title}, gridcolor=theme.grid, rangemode="tozero")
    if title == "accuracy":
        figure.update_yaxes(range=[0, 1.02], tickformat=".0%")
    return apply_theme(
        figure, theme, height=280, showlegend=True, legend={"orientation": "h", "y": 1.0, "yanchor": "bottom"}
    )


def flow_figure(columns: Sequence[tuple[str, Sequence[str]]], links: NDArray[np.float64], theme: Theme) -> go.Figure:
    """A flow from the finest column of classes to the coarsest.

    ``columns`` holds (title, class names); ``links`` (L, 4): column, class, class in the next
    column, images.
    """
    start = np.cumsum([0] + [len(names) for _, names in columns])
    nodes = [as_text(name) for _, names in columns for name in names]
    sources, targets = (start[(links[:, 0] + k).astype(int)] + links[:, 1 + k].astype(int) for k in (0, 1))
    n_out, n_in = (np.bincount(ends, links[:, 3], len(nodes)) for ends in (sources, targets))
    figure = go.Figure(
        go.Sankey(
            arrangement="snap",
            textfont={"color": theme.text, "shadow": f"0 0 3px {theme.background}"},
            node={
                "label": [as_text(shorten_name(name)) for _, names in columns for name in names],
                "customdata": [
                    f"{name}: {counted(n, 'image')}" for name, n in zip(nodes, np.maximum(n_out, n_in), strict=True)
                ],
                "color": [
                    SUBJECT_COLOURS[c % len(SUBJECT_COLOURS)] for c, (_, names) in enumerate(columns) for _ in names
                ],
                "align": "left",  # keep a class without outgoing flow in its own column
                "pad": 6,
                "thickness": 12,
                "line": {"width": 0},
                "hovertemplate": "%{customdata}<extra></extra>",
            },
            link={
                "source": sources.tolist(),
                "target": targets.tolist(),
                "value": links[:, 3].tolist(),
                "customdata": [
                    f"{nodes[a]} → {nodes[b]}: {counted(n, 'image')}"
                    for a, b, n in zip(sources, targets, links[:, 3], strict=True)
                ],
                "color": "rgba(110,135,160,0.42)",
                "hovertemplate": "%{customdata}<extra></extra>",
            },
        )
    )
    for c, (title, names) in enumerate(columns):
        figure.add_annotation(
            x=c / max(1, len(columns) - 1),
            y=1,
            yanchor="bottom",
            yshift=8,
            xref="paper",
            yref="paper",
            showarrow=False,
            text=f"<b>{as_text(shorten_name(title))}</b><br>{len(names)}",
            font={"size": 12, "color": theme.text},
            xanchor="left" if c == 0 else "right" if c == len(columns) - 1 else "center",
        )
    height = int(np.clip(82 + 23 * max(len(names) for _, names in columns), 300, 1200))
    return apply_theme(figure, theme, height=height, margin={"l": 8, "r": 8, "t": 72, "b": 10})


def apply_theme(figure: go.Figure, theme: Theme, **layout: object) -> go.Figure:
    """Apply the theme's colors and the common margins and axes to ``figure``."""
    margin = {"l": 8, "r": 12, "t": 28, "b": 8}
    figure.update_layout(
        **{
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"color": theme.text, "size": 13, "family": "Source Sans, sans-serif"},
            "margin": margin,
            "hoverlabel": {"bgcolor": theme.background, "font": {"color": theme.text}, "bordercolor": theme.muted},
            "modebar": {"remove": ["zoom", "pan", "select", "lasso2d", "autoscale"]},
        }
        | layout
    )
    figure.update_xaxes(zeroline=False, automargin=True, tickcolor=theme.muted)
    figure.update_yaxes(zeroline=False, automargin=True, tickcolor=theme.muted)
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        axis.showgrid = bool(axis.showgrid)  # Plotly's white default grid looks like an interval in dark mode
    return figure


def error_bars(
    values: ArrayLike, low: ArrayLike, high: ArrayLike, colour: str, thickness: float = 1.3, width: float = 3
) -> dict[str, object]:
    """Error bars from ``low`` to ``high`` around ``values``; of length 0 where undefined."""
    below, above = np.asarray(values) - np.asarray(low), np.asarray(high) - np.asarray(values)
    return {
        "type": "data",
        "symmetric": False,
        "array": list(np.clip(np.nan_to_num(above), 0, None)),
        "arrayminus": list(np.clip(np.nan_to_num(below), 0, None)),
        "color": colour,
        "thickness": thickness,
        "width": width,
    }


def as_text(name: str) -> str:
    """Escape a name, because Plotly interprets some HTML."""
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shorten_name(name: str) -> str:
    """A name truncated to fit an axis or flow."""
    return name if len(name) <= 22 else name[:20] + "…"
