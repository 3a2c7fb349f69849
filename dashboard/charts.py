"""Core values to plotly figures; no Streamlit here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from dashboard.words import interval_text, share_text
from model_zoo.core.choices import Per
from model_zoo.core.confusion import Confusion
from model_zoo.core.evaluation import Figure
from model_zoo.core.taxonomy import ELSEWHERE
from model_zoo.run import Epoch

SUBJECT_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A6A00")
"""Okabe & Ito 2008: told apart with every kind of colour blindness."""

NUMBERS_UP_TO = 25
"""Above this many classes the cells hold no numbers; hovering shows them."""


@dataclass(frozen=True, slots=True)
class Look:
    """Colours of one theme; zero in a matrix is the page's own background."""

    text: str
    muted: str
    grid: str
    background: str
    sequential: tuple[str, ...]


LIGHT = Look(
    "#1A2433", "#5A6675", "#E4E9EF", "#FFFFFF", ("#FFFFFF", "#D6E6F2", "#9CC5E0", "#5B9DC9", "#2674AC", "#0B4A7A")
)
DARK = Look(
    "#E6EAF0", "#9AA7B5", "#2A323C", "#12161C", ("#12161C", "#16344C", "#1C5578", "#2D7FAD", "#62AEDA", "#C9E6F7")
)


def look(dark: bool) -> Look:
    """The colours of the theme."""
    return DARK if dark else LIGHT


def confusion_figure(confusion: Confusion, per: Per, look: Look, *, of_runs: int = 1) -> go.Figure:
    """A clickable confusion matrix; each cell carries ``[true class, predicted class]``.

    A heat map sends no clicks, so invisible squares lie over its cells.
    """
    names = list(confusion.taxonomy.names)
    counts, shown, of_true = (confusion.per(one) for one in (Per.COUNT, per, Per.TRUE))
    totals = counts.sum(axis=1) + confusion.elsewhere
    columns = list(names)
    if confusion.elsewhere.any():
        columns.append(ELSEWHERE)
        outside = confusion.elsewhere[:, None]
        counts = np.hstack([counts, outside])
        of_true = np.hstack([of_true, outside / np.maximum(totals, 1)[:, None]])
        shown = {
            Per.COUNT: counts,
            Per.TRUE: of_true,
            Per.PREDICTED: np.hstack([shown, outside / confusion.elsewhere.sum()]),
        }[per]
    n, n_columns = counts.shape
    colour = counts / max(1.0, float(counts.max())) if per is Per.COUNT else shown
    texts = [[_cell_text(shown[i, j], counts[i, j], per, of_runs) for j in range(n_columns)] for i in range(n)]
    figure = go.Figure()
    figure.add_heatmap(
        z=np.nan_to_num(np.sqrt(colour) if per is Per.COUNT else colour),
        zmin=0,
        zmax=1,
        colorscale=[[k / 5, colour] for k, colour in enumerate(look.sequential)],
        showscale=False,
        xgap=1,
        ygap=1,
        hoverinfo="skip",
    )
    true, predicted = np.indices(counts.shape).reshape(2, -1)
    figure.add_scatter(
        x=predicted,
        y=true,
        mode="markers",
        marker={"symbol": "square", "size": max(6, min(44, 520 // n)), "opacity": 0},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        customdata=[[names[i], columns[j]] for i, j in zip(true, predicted, strict=True)],
        hovertemplate=[
            f"true <b>{_plain(names[i])}</b>, predicted <b>{_plain(columns[j])}</b><br>"
            f"{_number(counts[i, j], of_runs)} of {totals[i]:,.0f} images ({share_text(of_true[i, j])} of true)"
            + (f"<br>mean of {of_runs} runs" if of_runs > 1 else "")
            + "<extra></extra>"
            for i, j in zip(true, predicted, strict=True)
        ],
        showlegend=False,
    )
    if n <= NUMBERS_UP_TO:
        size = 12 if n <= 12 else 11 if n <= 16 else 9
        for i in range(n):
            for j in range(n_columns):
                if texts[i][j]:
                    depth = float(np.sqrt(colour[i, j]) if per is Per.COUNT else np.nan_to_num(colour[i, j]))
                    figure.add_annotation(
                        x=j,
                        y=i,
                        text=_plain(texts[i][j]),
                        showarrow=False,
                        font={"size": size, "color": _on(depth, look), "weight": 600 if i == j else 400},
                    )
    size = 12 if n <= 20 else 9
    figure.update_xaxes(
        range=[-0.5, n_columns - 0.5],
        title={"text": "predicted", "standoff": 10},
        tickangle=-40 if n <= 20 else -90,
        **_ticks(columns, size),
    )
    figure.update_yaxes(range=[n - 0.5, -0.5], title={"text": "true", "standoff": 10}, **_ticks(names, size))
    height = int(np.clip(150 + 30 * n, 260, 760))
    return _dress(figure, look, height=height, hoverdistance=-1, clickmode="event+select", dragmode=False)


def class_figure(
    rows: Sequence[Sequence[Figure]],
    titles: Sequence[str],
    subject_ids: Sequence[str],
    supports: Sequence[str] | None,
    look: Look,
    axis_title: str,
    colours: Sequence[str] = SUBJECT_COLOURS,
) -> go.Figure:
    """One row per class, one mark per subject with its interval, and a dot per run.

    ``rows[s][k]`` is the figure of class k for subject s; each mark carries ``[subject, class]``.
    ``supports`` says how many images each class has, where that is the same for all subjects.
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
            name=_plain(title),
            marker={"size": 10, "color": colour, "line": {"width": 1.5, "color": look.background}},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": _gap([one.share.high for one in figures], means),
                "arrayminus": _gap(means, [one.share.low for one in figures]),
                "color": colour,
                "thickness": 1.6,
                "width": 4,
            },
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
            customdata=[[subject_id, one.name] for one in figures],
            hovertemplate=[
                f"<b>{_plain(one.name)}</b> · {_plain(title)}<br>{share_text(one.mean)}"
                + (f" (SD over runs {100 * one.sd:.1f} points)" if len(one.per_run) > 1 else "")
                + f"<br>95 % interval, patients only: {interval_text(one.share.low, one.share.high)}"
                + f"<br>{one.share.n_images:,.0f} images, {one.share.n_patients} patients<extra></extra>"
                for one in figures
            ],
        )
    labels = [
        f"{_plain(one.name)}  <span style='color:{look.muted}'>{support}</span>"
        for one, support in zip(rows[0], supports or [""] * n, strict=True)
    ]
    figure.update_yaxes(
        range=[n - 0.4, -0.6],
        tickmode="array",
        tickvals=list(range(n)),
        ticktext=labels,
        showgrid=True,
        gridcolor=look.grid,
    )
    figure.update_xaxes(
        range=[-0.02, 1.02], tickformat=".0%", title={"text": axis_title}, showgrid=True, gridcolor=look.grid
    )
    height = int(110 + n * max(26, 15 * len(rows)))
    return _dress(
        figure,
        look,
        height=height,
        clickmode="event+select",
        dragmode=False,
        hoverdistance=14,
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "xanchor": "left"},
    )


def history_figure(epochs: Sequence[Epoch], curves: Mapping[str, str], title: str, look: Look) -> go.Figure:
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
    figure.update_xaxes(title={"text": "epoch"}, gridcolor=look.grid, tickformat="d", nticks=min(10, len(epochs) + 1))
    figure.update_yaxes(title={"text": title}, gridcolor=look.grid, rangemode="tozero")
    if title == "accuracy":
        figure.update_yaxes(range=[0, 1.02], tickformat=".0%")
    return _dress(figure, look, height=280, showlegend=True, legend={"orientation": "h", "y": 1.0, "yanchor": "bottom"})


def flow_figure(columns: Sequence[tuple[str, Sequence[str]]], links: NDArray[np.float64], look: Look) -> go.Figure:
    """A flow from the finest column of classes to the coarsest.

    ``columns`` holds (title, class names); ``links`` (L, 4): column, class, class in the next
    column, images.
    """
    start = np.cumsum([0] + [len(names) for _, names in columns])
    figure = go.Figure(
        go.Sankey(
            arrangement="snap",
            textfont={"color": look.text, "shadow": f"0 0 3px {look.background}"},
            node={
                "label": [_plain(_short(name)) for _, names in columns for name in names],
                "customdata": [_plain(name) for _, names in columns for name in names],
                "color": [
                    SUBJECT_COLOURS[c % len(SUBJECT_COLOURS)] for c, (_, names) in enumerate(columns) for _ in names
                ],
                "align": "left",  # a class that leads nowhere stays in its own column
                "pad": 6,
                "thickness": 12,
                "line": {"width": 0},
                "hovertemplate": "%{customdata}: %{value:,.0f} images<extra></extra>",
            },
            link={
                "source": [int(start[int(c)] + a) for c, a, _, _ in links],
                "target": [int(start[int(c) + 1] + b) for c, _, b, _ in links],
                "value": [float(value) for *_, value in links],
                "color": "rgba(110,135,160,0.42)",
                "hovertemplate": "%{source.customdata} → %{target.customdata}: %{value:,.0f} images<extra></extra>",
            },
        )
    )
    for c, (title, names) in enumerate(columns):
        figure.add_annotation(
            x=c / max(1, len(columns) - 1),
            y=1.1,
            xref="paper",
            yref="paper",
            showarrow=False,
            text=f"<b>{_plain(_short(title))}</b><br>{len(names)}",
            font={"size": 12, "color": look.text},
            xanchor="left" if c == 0 else "right" if c == len(columns) - 1 else "center",
        )
    height = int(np.clip(82 + 23 * max(len(names) for _, names in columns), 300, 1200))
    return _dress(figure, look, height=height, margin={"l": 8, "r": 8, "t": 72, "b": 10})


def _dress(figure: go.Figure, look: Look, **layout: object) -> go.Figure:
    margin = {"l": 8, "r": 12, "t": 28, "b": 8}
    figure.update_layout(
        **{
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"color": look.text, "size": 13, "family": "Source Sans, sans-serif"},
            "margin": margin,
            "hoverlabel": {"bgcolor": look.background, "font": {"color": look.text}, "bordercolor": look.muted},
            "modebar": {"remove": ["zoom", "pan", "select", "lasso2d", "autoscale"]},
        }
        | layout
    )
    figure.update_xaxes(zeroline=False, automargin=True, tickcolor=look.muted)
    figure.update_yaxes(zeroline=False, automargin=True, tickcolor=look.muted)
    if figure.layout.xaxis.showgrid is None:
        figure.update_xaxes(showgrid=False)
        figure.update_yaxes(showgrid=False)
    return figure


def _ticks(names: Sequence[str], size: int) -> dict[str, object]:
    return {
        "tickmode": "array",
        "tickvals": list(range(len(names))),
        "ticktext": [_plain(_short(name)) for name in names],
        "tickfont": {"size": size},
    }


def _cell_text(shown: float, count: float, per: Per, of_runs: int) -> str:
    if not count > 0:
        return ""
    if per is Per.COUNT:
        return _number(count, of_runs)
    return "<1" if shown < 0.005 else f"{100 * shown:.0f}"


def _number(count: float, of_runs: int) -> str:
    return f"{count:,.0f}" if of_runs == 1 or count == round(count) else f"{count:,.1f}"


def _gap(upper: ArrayLike, lower: ArrayLike) -> list[float]:
    gap = np.asarray(upper) - np.asarray(lower)
    return list(np.clip(np.nan_to_num(gap), 0, None))


def _on(depth: float, look: Look) -> str:
    """Black or white, whichever reads better on the colour at ``depth`` in [0, 1]."""
    position = min(max(depth, 0.0), 1.0) * 5
    below, above = look.sequential[int(position)], look.sequential[min(5, int(position) + 1)]
    mix = [a + (b - a) * (position - int(position)) for a, b in zip(_channels(below), _channels(above), strict=True)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in mix]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#10151C" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#FFFFFF"


def _channels(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))


def _short(name: str) -> str:
    return name if len(name) <= 22 else name[:20] + "…"


def _plain(name: str) -> str:
    """A name as text: plotly reads a small HTML."""
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
