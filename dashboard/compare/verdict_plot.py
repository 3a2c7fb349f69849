"""Forest plot of the difference of two subjects: the deciding metric, secondary metrics, and every class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from dashboard.evaluation.verdict import Judgement
from dashboard.ui.plots import SUBJECT_COLOURS, Theme, apply_theme, as_text, error_bars
from dashboard.words import counted, points_interval, points_text, rounding, share_text
from model_zoo.core.comparison.comparison import Difference, Rule
from model_zoo.core.comparison.outcomes import Question
from model_zoo.core.evaluation.metrics import ClassFigure, Headline


@dataclass(frozen=True, slots=True)
class ForestLine:
    """One row of the plot; ``class_name`` is empty for a metric over all classes."""

    title: str
    class_name: str
    a: float
    b: float
    difference: Difference
    n_images: int
    n_patients: int
    deciding: bool = False


def forest_lines(
    judgement: Judgement, question: Question, rule: Rule, figure: ClassFigure, classes: Sequence[int]
) -> list[ForestLine]:
    """The deciding metric, the secondary ones, and ``figure`` of the ``classes`` at these positions."""
    lines = []
    for headline in sorted(Headline, key=lambda one: one is not rule.figure):
        result = judgement.verdicts[question, headline]
        deciding = headline is rule.figure
        title = str(headline) if deciding else f"{headline} (secondary)"
        lines.append(
            ForestLine(title, "", result.a, result.b, result.difference, result.n_images, result.n_patients, deciding)
        )
    lines += [
        ForestLine(row.name, row.name, row.a, row.b, row.difference, row.n_images, row.n_patients)
        for row in (judgement.rows(question, figure)[k] for k in classes)
    ]
    return lines


def forest_figure(
    lines: Sequence[ForestLine], subject_id: str, names: tuple[str, str], margin: float, theme: Theme
) -> go.Figure:
    """A - B in pp with intervals; the band is the margin, and the deciding metric is emphasized.

    Each mark carries ``[subject_id, class name]``; ``names`` are A's and B's.
    """
    y = np.arange(len(lines), dtype=np.float64)
    y[[k for k, line in enumerate(lines) if line.class_name]] += 0.6  # space between metrics and classes
    figure = go.Figure()
    figure.add_vrect(-100 * margin, 100 * margin, fillcolor=theme.muted, opacity=0.13, line_width=0, layer="below")
    figure.add_vline(0, line={"color": theme.muted, "width": 1})
    values = 100 * np.array([line.difference.value for line in lines])
    high = 100 * np.array([line.difference.high for line in lines])
    low = 100 * np.array([line.difference.low for line in lines])
    for deciding in (False, True):
        chosen = [k for k, line in enumerate(lines) if line.deciding is deciding]
        if not chosen:
            continue
        colour = SUBJECT_COLOURS[1] if deciding else theme.text
        figure.add_scatter(
            x=values[chosen],
            y=y[chosen],
            mode="markers",
            showlegend=False,
            marker={
                "size": 10 if deciding else 8,
                "symbol": "diamond" if deciding else "circle",
                "color": colour,
                "line": {"width": 1.5, "color": theme.background},
            },
            error_x=error_bars(
                values[chosen], low[chosen], high[chosen], colour, thickness=2.4 if deciding else 1.4, width=4
            ),
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
            customdata=[[subject_id, lines[k].class_name] for k in chosen],
            hovertemplate=[_hover(lines[k], names) + "<extra></extra>" for k in chosen],
        )
    figure.update_yaxes(
        range=[y[-1] + 0.7, -0.7],
        tickmode="array",
        tickvals=list(y),
        ticktext=[f"<b>{as_text(line.title)}</b>" if line.deciding else _class_tick(line, theme) for line in lines],
    )
    reach = 1.08 * np.nanmax(np.abs(np.concatenate([values, low, high, [130 * margin]])))
    figure.update_xaxes(
        range=[-reach, reach],
        title={"text": f"pp; right of 0: {as_text(names[0])} is higher", "standoff": 8},
        showgrid=True,
        gridcolor=theme.grid,
        ticksuffix="",
    )
    height = int(96 + 24 * (y[-1] + 1.4))
    return apply_theme(figure, theme, height=height, hoverdistance=14, clickmode="event+select", dragmode=False)


def _class_tick(line: ForestLine, theme: Theme) -> str:
    support = f"  <span style='color:{theme.muted}'>{line.n_images:,}</span>" if line.class_name else ""
    return f"{as_text(line.title)}{support}"


def _hover(line: ForestLine, names: tuple[str, str]) -> str:
    interval = (
        f"95 % CI {points_interval(line.difference.low, line.difference.high)}"
        if not np.isnan(line.difference.low)
        else "no CI: too few patients, or undefined"
    )
    gap = line.difference.value
    return (
        f"<b>{as_text(line.title)}</b><br>{as_text(names[0])} {share_text(line.a)}, {as_text(names[1])} "
        f"{share_text(line.b)}<br>difference {points_text(gap)}{rounding(line.a, line.b, gap)}<br>{interval}<br>"
        f"{counted(line.n_images, 'image')} of {counted(line.n_patients, 'patient')}"
    )
