"""Plotly figures of confusion matrices and their difference; no Streamlit here."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard.ui.plots import Theme, apply_theme, as_text, shorten_name
from dashboard.words import counted, share_text, signed
from model_zoo.core.comparison.difference_matrix import FEW_IMAGES, FEW_PATIENTS, DifferenceMatrix
from model_zoo.core.evaluation.confusion import Confusion, Per
from model_zoo.core.label_space.taxonomy import ELSEWHERE

NUMBERS_UP_TO = 25
"""Above this many lines the cells hold no numbers; hovering shows them."""

NAMES_UP_TO = 60
"""Above this many lines only some are named at the side, and only cells that hold images answer to the mouse."""

INCONCLUSIVE_MARK = "?"
"""Stands behind a difference whose interval holds 0."""

UNITS = {
    Per.COUNT: "images",
    Per.TRUE: "percentage points of the true class",
    Per.PREDICTED: "percentage points of the images predicted so",
}


def confusion_figure(
    confusion: Confusion,
    per: Per,
    theme: Theme,
    *,
    of_runs: int = 1,
    merged: Mapping[str, Sequence[str]] | None = None,
    reviewed: Confusion | None = None,
) -> go.Figure:
    """A clickable confusion matrix; each cell carries ``[true line, predicted line]``.

    ``merged`` maps lines that combine several classes to these classes; ``reviewed`` counts only reviewed images.
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
    depth = np.nan_to_num(np.sqrt(counts / max(1.0, float(counts.max()))) if per is Per.COUNT else shown)
    figure = _heatmap(depth, theme.sequential)

    def written(i: int, j: int) -> dict[str, object]:
        text, colour = _cell_text(shown[i, j], counts[i, j], per, of_runs), _on(depth[i, j], theme.sequential)
        return _text(i, j, as_text(text), colour, len(names), bold=i == j)

    def hover(i: int, j: int) -> str:
        text = f"{number(counts[i, j], of_runs)} of {counted(totals[i], 'image')} ({share_text(of_true[i, j])} of true)"
        if reviewed is not None and counts[i, j]:
            done = reviewed.counts[i, j] if j < len(names) else reviewed.elsewhere[i]
            text += f"<br>reviewed: {number(done, of_runs)} of these {number(counts[i, j], of_runs)}"
        return text + (f"<br>mean of {of_runs} runs" if of_runs > 1 else "")

    return _finish(figure, names, columns, counts > 0, written, hover, merged or {}, theme)


def rater_confusion_figure(pairs: Confusion, theme: Theme) -> go.Figure:
    """Confusion matrix of two annotators, in % of the row; ``pairs`` counts pairs of ratings."""
    shares, totals = pairs.per(Per.TRUE), pairs.counts.sum(axis=1)
    figure = _heatmap(np.nan_to_num(shares), theme.sequential)

    def written(i: int, j: int) -> dict[str, object]:
        text = _cell_text(shares[i, j], pairs.counts[i, j], Per.TRUE, 1)
        return _text(i, j, as_text(text), _on(shares[i, j], theme.sequential), len(totals), bold=i == j)

    def hover(i: int, j: int) -> str:
        return f"{pairs.counts[i, j]:,.1f} of {counted(totals[i], 'rating')} ({share_text(shares[i, j])})"

    names = pairs.taxonomy.names
    return _finish(figure, names, names, pairs.counts > 0, written, hover, {}, theme, ("one person", "another"))


def difference_figure(
    difference: DifferenceMatrix,
    theme: Theme,
    titles: tuple[str, str],
    *,
    of_runs: tuple[int, int] = (1, 1),
    merged: Mapping[str, Sequence[str]] | None = None,
) -> go.Figure:
    """Second minus first, colored by improvement; each cell carries ``[true line, predicted line]``.

    ``titles`` and ``of_runs`` belong to the first and the second. `INCONCLUSIVE_MARK` follows a number whose interval
    contains 0; cells with fewer than `FEW_IMAGES` images on both sides are gray.
    """
    names = list(difference.taxonomy.names)
    holds = (difference.first > 0) | (difference.second > 0)
    n_columns = len(names) + int(holds[:, -1].any())
    columns = [*names, ELSEWHERE][:n_columns]
    holds, few, settled = (grid[:, :n_columns] for grid in (holds, difference.few, difference.settled))
    values, improvement = difference.values[:, :n_columns], difference.improvement[:, :n_columns]
    unit = 1 if difference.per is Per.COUNT else 100
    read = holds & ~few
    largest = float(np.nanmax(np.abs(improvement), where=read & ~np.isnan(improvement), initial=0)) or 1.0
    figure = go.Figure()
    figure.add_heatmap(
        z=np.where(read, np.nan_to_num(improvement), 0).astype(np.float32),
        zmin=-largest,
        zmax=largest,
        colorscale=_scale(theme.diverging),
        colorbar=_legend(largest, difference.per),
        hoverinfo="skip",
        **_gaps(len(names)),
    )
    if (holds & few).any():
        figure.add_heatmap(
            z=np.where(holds & few, 1.0, np.nan),
            colorscale=[[0, theme.grid], [1, theme.grid]],
            showscale=False,
            hoverinfo="skip",
            **_gaps(len(names)),
        )
    digits = 1 if len(names) <= 16 else 0

    def written(i: int, j: int) -> dict[str, object]:
        doubt = INCONCLUSIVE_MARK if not settled[i, j] and difference.n_differing[i, j] else ""
        text = signed(unit * values[i, j], digits) + doubt
        position = 0.5 + np.nan_to_num(improvement[i, j]) / largest / 2
        colour = theme.muted if few[i, j] else _on(position, theme.diverging)
        return _text(i, j, text, colour, len(names), bold=bool(settled[i, j] and read[i, j]))

    def hover(i: int, j: int) -> str:
        return "<br>".join(_difference_lines(difference, i, j, titles, of_runs))

    return _finish(figure, names, columns, holds, written, hover, merged or {}, theme)


def number(count: float, of_runs: int) -> str:
    """A number of images; a mean over several runs may be fractional."""
    return f"{count:,.0f}" if of_runs == 1 or count == round(count) else f"{count:,.1f}"


def _difference_lines(
    difference: DifferenceMatrix, i: int, j: int, titles: tuple[str, str], of_runs: tuple[int, int]
) -> list[str]:
    per, improvement = difference.per, difference.improvement[i, j]
    unit = 1 if per is Per.COUNT else 100
    verdict = "" if not difference.settled[i, j] else ": better" if improvement > 0 else ": worse"
    lines = [f"<b>{signed(unit * difference.values[i, j])}</b> {UNITS[per]}{verdict}"]
    low, high = (unit * bound[i, j] for bound in (difference.low, difference.high))
    n_patients, n_differing = difference.n_patients[i, j], difference.n_differing[i, j]
    if n_differing == 0:
        lines.append("the same for every patient")
    if n_patients < FEW_PATIENTS:
        lines.append(f"no interval: fewer than {FEW_PATIENTS} patients")
    elif n_differing == 1:
        lines.append("no interval: one patient alone differs")
    else:
        holds = "" if difference.settled[i, j] else ", holds 0"
        lines.append(f"95 % interval, patients only: {signed(low)} to {signed(high)}{holds}")
    lines.append(f"{n_differing:,} of {counted(n_patients, 'patient')} {'differs' if n_differing == 1 else 'differ'}")
    for title, counts, runs in zip(titles, (difference.first, difference.second), of_runs, strict=True):
        mean = f", mean of {runs} runs" if runs > 1 else ""
        lines.append(
            f"{as_text(title)}: {number(counts[i, j], runs)} of {counted(counts[i].sum(), 'image')} of the "
            f"true class{mean}"
        )
    if difference.few[i, j]:
        lines.append(f"fewer than {FEW_IMAGES} images on both sides")
    return lines


def _finish(
    figure: go.Figure,
    names: Sequence[str],
    columns: Sequence[str],
    holds: NDArray[np.bool_],
    written: Callable[[int, int], dict[str, object]],
    hover: Callable[[int, int], str],
    merged: Mapping[str, Sequence[str]],
    theme: Theme,
    sides: tuple[str, str] = ("true", "predicted"),
) -> go.Figure:
    """Add axes, cell texts, and invisible clickable squares, because a Plotly heatmap emits no click events.

    Every cell has a square; in large matrices only cells with images do (``holds``).
    """
    n = len(names)
    large = n > NAMES_UP_TO
    cells = np.argwhere(holds if large else np.ones_like(holds))
    shown = [_with_size(name, merged) for name in columns]
    squares = {
        "x": cells[:, 1],
        "y": cells[:, 0],
        "mode": "markers",
        "marker": {"symbol": "square", "size": max(6, min(44, 520 // n)), "opacity": 0},
        "selected": {"marker": {"opacity": 0}},
        "unselected": {"marker": {"opacity": 0}},
        "customdata": [[names[i], columns[j]] for i, j in cells],
        "hovertemplate": [
            f"{sides[0]} <b>{as_text(shown[i])}</b>, {sides[1]} <b>{as_text(shown[j])}</b><br>"
            f"{hover(i, j)}<extra></extra>"
            for i, j in cells
        ],
        "showlegend": False,
    }
    if large:
        figure.add_scattergl(**squares)
    else:
        figure.add_scatter(**squares)
    if n <= NUMBERS_UP_TO:  # all at once: adding shapes one by one takes quadratic time
        figure.update_layout(annotations=[written(int(i), int(j)) for i, j in np.argwhere(holds)])
    size = 12 if n <= 20 else 9
    figure.update_xaxes(
        range=[-0.5, len(columns) - 0.5],
        title={"text": sides[1], "standoff": 10},
        tickangle=-40 if n <= 20 else -90,
        **_ticks(shown, size),
    )
    figure.update_yaxes(
        range=[n - 0.5, -0.5], title={"text": sides[0], "standoff": 10}, **_ticks([shown[k] for k in range(n)], size)
    )
    height = 960 if large else int(np.clip(150 + 30 * n, 260, 760))
    reach = max(4, 400 // n) if large else -1  # half a cell, or up to the nearest cell with images
    return apply_theme(figure, theme, height=height, hoverdistance=reach, clickmode="event+select", dragmode=False)


def _heatmap(shares: NDArray[np.float64], colours: Sequence[str]) -> go.Figure:
    """Cells colored by ``shares`` (K, L) in [0, 1]."""
    figure = go.Figure()
    figure.add_heatmap(
        z=shares.astype(np.float32),
        zmin=0,
        zmax=1,
        colorscale=_scale(colours),
        showscale=False,
        hoverinfo="skip",
        **_gaps(len(shares)),
    )
    return figure


def _with_size(name: str, merged: Mapping[str, Sequence[str]]) -> str:
    return f"{name} ({len(merged[name])})" if name in merged else name


def _text(i: int, j: int, text: str, colour: str, n: int, *, bold: bool) -> dict[str, object]:
    size = 12 if n <= 12 else 11 if n <= 16 else 9
    font = {"size": size, "color": colour, "weight": 600 if bold else 400}
    return {"x": j, "y": i, "text": text, "showarrow": False, "font": font}


def _scale(colours: Sequence[str]) -> list[list[object]]:
    return [[k / (len(colours) - 1), colour] for k, colour in enumerate(colours)]


def _gaps(n: int) -> dict[str, int]:
    gap = 0 if n > NAMES_UP_TO else 1
    return {"xgap": gap, "ygap": gap}


def _legend(largest: float, per: Per) -> dict[str, object]:
    """A thin bar above the matrix, from worse to better."""
    end = f"{largest:,.1f} images" if per is Per.COUNT else f"{100 * largest:.1f} points"
    return {
        "orientation": "h",
        "thickness": 8,
        "len": 0.7,
        "x": 0.5,
        "y": 1.0,
        "yanchor": "bottom",
        "ypad": 4,
        "outlinewidth": 0,
        "tickmode": "array",
        "tickvals": [-largest, 0, largest],
        "ticktext": [f"worse by {end}", "0", f"better by {end}"],
        "ticks": "",
    }


def _ticks(names: Sequence[str], size: int) -> dict[str, object]:
    step = -(-len(names) // NAMES_UP_TO)
    return {
        "tickmode": "array",
        "tickvals": list(range(0, len(names), step)),
        "ticktext": [as_text(shorten_name(name)) for name in names[::step]],
        "tickfont": {"size": size},
    }


def _cell_text(shown: float, count: float, per: Per, of_runs: int) -> str:
    if per is Per.COUNT:
        return number(count, of_runs)
    return "<1" if shown < 0.005 else f"{100 * shown:.0f}"


def _on(position: float, colours: Sequence[str]) -> str:
    """Black or white, whichever contrasts more with the color at ``position`` in [0, 1] of a scale."""
    place = min(max(position, 0.0), 1.0) * (len(colours) - 1)
    below, above = colours[int(place)], colours[min(len(colours) - 1, int(place) + 1)]
    mix = [a + (b - a) * (place - int(place)) for a, b in zip(_channels(below), _channels(above), strict=True)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in mix]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#10151C" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#FFFFFF"


def _channels(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
