"""Plotly figures for the four causes of Diagnose; no Streamlit here.

Each mark carries ``[subject, class]``, so that a click opens its images.
"""

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard.diagnose.retraining import LearningCurve
from dashboard.ui.plots import SUBJECT_COLOURS, Theme, apply_theme, as_text, error_bars, shorten_name
from dashboard.words import counted, interval_text, share_text
from model_zoo.core.diagnosis.symptoms import GroupRecall, ImbalanceRatio
from model_zoo.core.evaluation.calibration import Calibration
from model_zoo.core.evaluation.evaluation import Figure

NAMES_UP_TO = 25
"""Above this many classes the marks have no names; hovering shows them."""


def recall_by_size_figure(
    recalls: Sequence[Figure], training: NDArray[np.int64], subject_id: str, theme: Theme, colour: str
) -> go.Figure:
    """Recall of each class against its number of training images, with intervals."""
    figure = _marks(
        [one.name for one in recalls],
        training,
        [one.mean for one in recalls],
        [one.share.low for one in recalls],
        [one.share.high for one in recalls],
        [f"{counted(n, 'training image')}<br>{_judged(one)}" for one, n in zip(recalls, training, strict=True)],
        subject_id,
        theme,
        colour,
    )
    figure.update_yaxes(title={"text": "recall"}, range=[-0.03, 1.06], tickformat=".0%")
    return figure


def learning_curve_figure(curves: Sequence[LearningCurve], theme: Theme) -> go.Figure:
    """Recall of a class against the number of its images in training: one line per class, one stroke per seed."""
    figure = go.Figure()
    for k, curve in enumerate(curves):
        colour = SUBJECT_COLOURS[k % len(SUBJECT_COLOURS)]
        recalls = [point.recall for point in curve.points]
        values, n_train = [one.mean for one in recalls], [point.n_train for point in curve.points]
        strokes = [(n, value) for n, one in zip(n_train, recalls, strict=True) for value in one.per_run]
        figure.add_scatter(
            x=[n for n, _ in strokes],
            y=[value for _, value in strokes],
            mode="markers",
            marker={"symbol": "line-ew", "size": 9, "line": {"width": 1.5, "color": colour}, "opacity": 0.55},
            hoverinfo="skip",
            showlegend=False,
        )
        figure.add_scatter(
            x=n_train,
            y=values,
            name=as_text(shorten_name(curve.name)),
            mode="lines+markers",
            line={"color": colour, "width": 1.5},
            marker={"size": 9, "color": colour, "line": {"width": 1.5, "color": theme.background}},
            error_y=error_bars(values, [one.share.low for one in recalls], [one.share.high for one in recalls], colour),
            hovertemplate=[
                f"<b>{as_text(curve.name)}</b><br>{counted(n, 'training image')}, {counted(len(one.per_run), 'seed')}"
                f"<br>{_judged(one)}<extra></extra>"
                for n, one in zip(n_train, recalls, strict=True)
            ],
        )
    figure.update_xaxes(rangemode="tozero", title={"text": "training images of the class"}, gridcolor=theme.grid)
    figure.update_yaxes(title={"text": "recall"}, range=[-0.03, 1.06], tickformat=".0%", gridcolor=theme.grid)
    return apply_theme(figure, theme, height=300, legend=_LEGEND, showlegend=True, dragmode=False)


def prediction_bias_figure(
    names: Sequence[str],
    pulls: Sequence[ImbalanceRatio],
    training: NDArray[np.int64],
    subject_id: str,
    theme: Theme,
    colour: str,
) -> go.Figure:
    """Ratio of predicted to true counts of each class, against its number of training images."""
    figure = _marks(
        names,
        training,
        [one.value for one in pulls],
        [one.low for one in pulls],
        [one.high for one in pulls],
        [
            f"{counted(n, 'training image')}<br>called {one.n_predicted:,.1f} times, true {counted(one.n_true, 'time')}"
            f"<br>ratio {one.value:.2f}, 95 % {one.low:.2f}–{one.high:.2f}"
            for one, n in zip(pulls, training, strict=True)
        ],
        subject_id,
        theme,
        colour,
    )
    figure.add_hline(y=1, line={"color": theme.muted, "dash": "dot", "width": 1})
    top = max([1.0, *(high for one in pulls if not np.isnan(high := max(one.value, np.nan_to_num(one.high))))])
    figure.update_yaxes(title={"text": "called / true"}, range=[-0.05 * top, 1.08 * top])
    return figure


def probability_mass_figure(names: Sequence[str], mass: NDArray[np.float64], theme: Theme) -> go.Figure:
    """Mean probability that each class's images give to the class, its siblings and all others; ``mass`` (K, 3)."""
    figure = go.Figure()
    for k, (part, colour) in enumerate(zip(("own class", "siblings", "elsewhere"), _PARTS, strict=True)):
        figure.add_bar(
            y=[as_text(shorten_name(name)) for name in names],
            x=mass[:, k],
            name=part,
            orientation="h",
            marker={"color": colour},
            customdata=[[as_text(name)] for name in names],
            hovertemplate=f"%{{customdata[0]}}: %{{x:.1%}} of the probability on {part}<extra></extra>",
        )
    figure.update_xaxes(range=[0, 1.02], tickformat=".0%", title={"text": "mean probability, images of the class"})
    figure.update_yaxes(autorange="reversed", tickmode="linear")
    return apply_theme(figure, theme, height=110 + 20 * len(names), barmode="stack", bargap=0.25, legend=_LEGEND)


def reliability_figure(calibration: Calibration, theme: Theme, colour: str) -> go.Figure:
    """Reliability diagram: share correct against confidence, one mark per bin."""
    bins = calibration.bins
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": theme.muted, "dash": "dot", "width": 1}, hoverinfo="skip"
    )
    values = [one.right.value for one in bins]
    figure.add_scatter(
        x=[one.confidence for one in bins],
        y=values,
        mode="markers",
        marker={"size": 9, "color": colour, "line": {"width": 1.5, "color": theme.background}},
        error_y=error_bars(values, [one.right.low for one in bins], [one.right.high for one in bins], colour),
        hovertemplate=[
            f"confidence {share_text(one.confidence)}, right {share_text(one.right.value)}"
            f"<br>95 % {interval_text(one.right.low, one.right.high)}"
            f"<br>{one.right.n_images:,.1f} images, {counted(one.right.n_patients, 'patient')}<extra></extra>"
            for one in bins
        ],
    )
    figure.update_xaxes(range=[-0.02, 1.03], tickformat=".0%", title={"text": "confidence"}, gridcolor=theme.grid)
    figure.update_yaxes(range=[-0.02, 1.03], tickformat=".0%", title={"text": "share right"}, gridcolor=theme.grid)
    return apply_theme(figure, theme, height=300, showlegend=False, dragmode=False)


def groups_figure(
    groups: Sequence[GroupRecall], recalls: Sequence[Figure], subject_id: str, theme: Theme, colour: str
) -> go.Figure:
    """One row per group of classes: recall of the group, and recall of each of its members."""
    rows = np.arange(len(groups))
    members = [(row, recalls[k]) for row, one in enumerate(groups) for k in one.group.members]
    figure = go.Figure()
    figure.add_scatter(
        x=[one.mean for _, one in members],
        y=[row for row, _ in members],
        mode="markers",
        name="each member as itself",
        marker={"symbol": "line-ns", "size": 14, "line": {"width": 2, "color": colour}, "opacity": 0.7},
        selected={"marker": {"opacity": 0.7}},
        unselected={"marker": {"opacity": 0.7}},
        customdata=[[subject_id, one.name] for _, one in members],
        hovertemplate=[
            f"<b>{as_text(one.name)}</b>: recall {share_text(one.mean)}, "
            f"95 % {interval_text(one.share.low, one.share.high)}<br>{counted(one.share.n_images, 'image')}"
            "<extra></extra>"
            for _, one in members
        ],
    )
    values = [one.as_group.value for one in groups]
    figure.add_scatter(
        x=values,
        y=rows,
        mode="markers",
        name="any member as some member",
        marker={"symbol": "diamond", "size": 11, "color": colour, "line": {"width": 1.5, "color": theme.background}},
        error_x=error_bars(values, [one.as_group.low for one in groups], [one.as_group.high for one in groups], colour),
        hovertemplate=[
            f"<b>{as_text(one.group.name)}</b> as a group: {share_text(one.as_group.value)}, "
            f"95 % {interval_text(one.as_group.low, one.as_group.high)}<br>"
            f"right member: {share_text(one.exactly.value)}; {counted(one.as_group.n_images, 'image')}, "
            f"{counted(one.as_group.n_patients, 'patient')}<extra></extra>"
            for one in groups
        ],
    )
    labels = [
        f"{as_text(one.group.name)} <span style='color:{theme.muted}'>({len(one.group.members)})</span>"
        for one in groups
    ]
    figure.update_yaxes(
        range=[len(groups) - 0.4, -0.6], tickmode="array", tickvals=list(rows), ticktext=labels, gridcolor=theme.grid
    )
    figure.update_xaxes(range=[-0.02, 1.03], tickformat=".0%", title={"text": "share found"}, gridcolor=theme.grid)
    return apply_theme(figure, theme, height=150 + 30 * len(groups), legend=_LEGEND, **_CLICKS)


_PARTS = (SUBJECT_COLOURS[0], SUBJECT_COLOURS[4], "#8A94A0")
_LEGEND = {"orientation": "h", "traceorder": "normal", "y": 1.0, "yanchor": "bottom", "x": 0, "xanchor": "left"}
_CLICKS = {"clickmode": "event+select", "dragmode": False, "hoverdistance": 14}


def _marks(
    names: Sequence[str],
    training: NDArray[np.int64],
    values: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    hover: Sequence[str],
    subject_id: str,
    theme: Theme,
    colour: str,
) -> go.Figure:
    """One mark per class with its interval, over training images on a logarithmic axis (zero is plotted at 0.5)."""
    named = len(names) <= NAMES_UP_TO
    figure = go.Figure()
    figure.add_scatter(
        x=np.maximum(training, 0.5),
        y=values,
        mode="markers+text" if named else "markers",
        text=[as_text(shorten_name(name)) for name in names] if named else None,
        textposition=_beside(training),
        textfont={"size": 10, "color": theme.muted},
        cliponaxis=False,
        marker={"size": 9, "color": colour, "line": {"width": 1.5, "color": theme.background}},
        error_y=error_bars(values, low, high, colour),
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
        customdata=[[subject_id, name] for name in names],
        hovertemplate=[f"<b>{as_text(n)}</b><br>{text}<extra></extra>" for n, text in zip(names, hover, strict=True)],
        showlegend=False,
    )
    figure.update_xaxes(
        type="log",
        tickformat=",d",
        title={"text": "training images of the class"},
        gridcolor=theme.grid,
        **_ticks(training),
    )
    figure.update_yaxes(gridcolor=theme.grid)
    return apply_theme(figure, theme, height=340, **_CLICKS)


def _judged(recall: Figure) -> str:
    share = recall.share
    return (
        f"recall {share_text(recall.mean)}, 95 % {interval_text(share.low, share.high)}"
        f"<br>{counted(share.n_images, 'image')}, {counted(share.n_patients, 'patient')} judged"
    )


def _ticks(training: NDArray[np.int64]) -> dict[str, object]:
    """Axis ticks 1, 2, 5, 10, ...; the smallest and largest class if fewer than two ticks lie between them."""
    low, high = max(0.5, float(training.min())), max(0.5, float(training.max()))
    ticks = [m * 10**e for e in range(9) for m in (1, 2, 5)]
    if sum(low <= tick <= high for tick in ticks) > 1:
        return {"tickvals": ticks}
    return {"tickvals": sorted({low, high}), "range": [math.log10(low) - 0.05, math.log10(high) + 0.05]}


def _beside(training: NDArray[np.int64]) -> list[str]:
    """Text position of each mark's name, which alternates so that neighboring names rarely overlap."""
    rank = np.argsort(np.argsort(training, kind="stable"), kind="stable")
    return [("top right", "bottom right", "top left", "bottom left")[k % 4] for k in rank]
