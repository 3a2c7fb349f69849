"""Section "confusion matrix" of Compare: one matrix per subject, or the difference of two."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import cycle

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.address.links import Cell, MatrixView, Shown, images_url
from dashboard.address.queue import to_review
from dashboard.address.selection import Matrices, Opens, Space
from dashboard.compare.matrices import (
    UNGROUPED,
    MatrixLayouts,
    largest_changes,
    matrix_layouts,
    unlisted_changes,
    why_no_difference,
)
from dashboard.evaluation.comparison import Comparison, Subject
from dashboard.evaluation.label_change_effect import LabelChanges
from dashboard.ui import controls, state
from dashboard.ui.charts import Open, clickable_chart
from dashboard.ui.matrices_plot import (
    INCONCLUSIVE_MARK,
    NUMBERS_UP_TO,
    UNITS,
    confusion_figure,
    difference_figure,
    number,
)
from dashboard.ui.plots import Theme
from dashboard.words import counted, one_of, plain, signed
from model_zoo.core.comparison.difference_matrix import FEW_IMAGES, DifferenceMatrix
from model_zoo.core.evaluation.confusion import Per
from model_zoo.core.evaluation.matrix_layout import MatrixLayout
from model_zoo.core.label_space.taxonomy import ELSEWHERE
from model_zoo.workspace.workspace import Workspace

_CELLS = {
    Per.COUNT: "Cells: images.",
    Per.TRUE: "Cells: % of the true class's images.",
    Per.PREDICTED: "Cells: % of the images predicted so.",
}


def matrices(
    judged: Comparison,
    view: MatrixView,
    workspace: Workspace,
    difference: Callable[[MatrixLayout, Per], DifferenceMatrix],
    shown: Shown,
    theme: Theme,
    open_cell: Open,
    reviewing: LabelChanges | None = None,
) -> None:
    """Draw the switches and matrices; a click on a cell opens its images, or starts a review.

    The hover text of a cell includes its number of reviewed images.
    """
    if view.opens is Opens.REVIEW:
        open_cell = partial(_review, shown)
    head, switches = st.columns([1, 4], vertical_alignment="bottom")
    head.subheader("Confusion", anchor=False)
    laid_out = matrix_layouts(judged, view, workspace.taxonomies().values(), workspace.space)
    with switches.container(horizontal=True, horizontal_alignment="right"):
        for value in (view.matrices, view.per, laid_out.order, view.opens):
            controls.switch(value)
    _class_choices(laid_out, view)
    if view.matrices is Matrices.EACH:
        _each(judged, view, laid_out, theme, open_cell, reviewing.reviewed if reviewing else frozenset())
    elif why := why_no_difference(judged):
        st.info(why)
        if judged.mixes_label_spaces and len(judged.subjects) == 2:
            st.button(
                "Show the common ground",
                key="matrices_common",
                on_click=lambda: state.write_query({"space": [str(Space.COMMON)], **controls.ANY_CLASSES}),
            )
    else:
        _difference(judged, difference(laid_out.layouts[0], view.per), view, laid_out, shown, theme, open_cell)


def _review(shown: Shown, cell: Cell) -> None:
    """Open the images of a cell as a review queue; for use in a callback."""
    state.go("review.py", to_review(shown, cell))


def _class_choices(laid_out: MatrixLayouts, view: MatrixView) -> None:
    """Select which classes are expanded or shown; each choice is written to the address."""
    group, opened, only = st.columns([1.2, 2, 2])
    options = [UNGROUPED, *laid_out.groupings]
    with group:
        st.selectbox(
            "Collapse classes by",
            options,
            key=state.set_widget("matrix_group", laid_out.group),
            format_func=_grouping_name,
            disabled=len(options) == 1,
            help="A group of classes becomes one line: images confused inside it then count as right. Groups are "
            "the classes of a coarser taxonomy of this workspace, or a part of the labels.",
            on_change=lambda: state.write_query({**controls.ANY_CLASSES, "group": [state.get("matrix_group")]}),
        )
    with opened:
        st.multiselect(
            "Groups shown open",
            list(laid_out.groups),
            key=state.set_widget("matrix_open", list(view.opened)),
            placeholder="All are collapsed" if laid_out.groups else "No groups",
            disabled=not laid_out.groups,
            on_change=lambda: state.write_query({"open": state.get("matrix_open"), "only": []}),
        )
    with only:
        st.multiselect(
            "Only these classes",
            list(laid_out.lines),
            key=state.set_widget("matrix_only", list(view.only)),
            placeholder="All classes",
            help="All others are kept together as one row and one column, so that no error leaves the matrix.",
            on_change=lambda: state.write_query({"only": state.get("matrix_only")}),
        )


def _each(
    judged: Comparison,
    view: MatrixView,
    laid_out: MatrixLayouts,
    theme: Theme,
    open_cell: Open,
    reviewed: frozenset[str],
) -> None:
    """Every subject's matrix; a run group shows its mean, or the run selected in ``view.runs``."""
    columns = st.columns(min(2, len(judged.subjects)))
    shown_so = f"{view.per}_{laid_out.order}_{laid_out.group}_{view.opened}_{view.only}_{judged.space}_{judged.split}"
    rows = zip(cycle(columns), judged.subjects, judged.evaluations, laid_out.layouts)
    for column, subject, evaluation, layout in rows:
        with column:
            title, which = st.columns([3, 2], vertical_alignment="bottom")
            title.markdown(
                f"**{plain(subject.title)}** · trained on {plain(subject.taxonomy.reference)} "
                f"({len(subject.taxonomy.classes)})"
            )
            seed = _which_matrix(which, subject, view.runs)
            of_runs = len(subject.runs) if seed is None else 1
            confusion = evaluation.confusion if seed is None else evaluation.confusions[seed]
            done = evaluation.only(np.isin(evaluation.image_ids, list(reviewed))) if reviewed else None
            some = None if done is None else done.confusion if seed is None else done.confusions[seed]
            hover = " Hover for how many of a cell's images are reviewed." if reviewed else ""
            st.caption(f"{plain(judged.basis(evaluation))}. {_CELLS[view.per]}{_lines_text(layout)}{hover}")
            who = subject.subject_id if seed is None else subject.runs[seed].run_id
            clickable_chart(
                confusion_figure(
                    confusion.project(layout.projection),
                    view.per,
                    theme,
                    of_runs=of_runs,
                    merged=layout.merged,
                    reviewed=some.project(layout.projection) if some else None,
                ),
                f"matrix_{subject.subject_id}_{seed}_{shown_so}",
                _cell_of(layout, who),
                open_cell,
            )


def _difference(
    judged: Comparison,
    difference: DifferenceMatrix,
    view: MatrixView,
    laid_out: MatrixLayouts,
    shown: Shown,
    theme: Theme,
    open_cell: Open,
) -> None:
    """The difference matrix, second minus first, beside its largest changes in words."""
    first, second = judged.subjects
    layout = laid_out.layouts[0]
    matrix, changes = st.columns([3, 2], gap="medium")
    of_means = " (mean matrices of the runs)" if any(len(one.runs) > 1 for one in judged.subjects) else ""
    with matrix:
        st.markdown(f"**{plain(second.title)} − {plain(first.title)}**")
        st.caption(
            f"{plain(judged.basis(judged.evaluations[0]))}. Cells: **{UNITS[view.per]}**, "
            f"{plain(second.title)} minus {plain(first.title)}{of_means}. Blue: better (more on the "
            f"diagonal, less beside it); orange: worse. **{INCONCLUSIVE_MARK}** behind a number: its 95 % interval "
            f"(patients only, not seeds) holds 0. Grey: fewer than {FEW_IMAGES} images on both sides."
            f"{_lines_text(layout)}"
        )
        figure = difference_figure(
            difference,
            theme,
            (first.title, second.title),
            of_runs=(len(first.runs), len(second.runs)),
            merged=layout.merged,
        )

        def either_side(true: str, predicted: str) -> Cell:
            row, column = difference.taxonomy.class_index(true), _column(difference, predicted)
            who = first if difference.first[row, column] > 0 else second
            return _cell_of(layout, who.subject_id)(true, predicted)

        name = f"difference_{first.subject_id}_{second.subject_id}_{view.query()}_{judged.space}_{judged.split}"
        clickable_chart(figure, name, either_side, open_cell)
    with changes:
        _largest(judged, difference, layout, view, shown)


def _largest(
    judged: Comparison, difference: DifferenceMatrix, layout: MatrixLayout, view: MatrixView, shown: Shown
) -> None:
    st.markdown("**Largest changes**")
    cells, unlisted = largest_changes(difference), unlisted_changes(difference)
    if not cells:
        what = f"of {FEW_IMAGES} images or more " if unlisted else ""
        st.caption(f"No cell {what}changes by more than the choice of patients leaves open. {unlisted}")
        return
    st.caption(f"Cells whose 95 % interval excludes 0, in {UNITS[view.per]}; the numbers of images open them.")
    names, unit = [*difference.taxonomy.names, ELSEWHERE], 1 if view.per is Per.COUNT else 100
    rows = []
    for i, j in cells:
        way = "better" if difference.improvement[i, j] > 0 else "worse"
        row = {
            "true": plain(names[i]),
            "predicted": plain(names[j]),
            "change": f"{signed(unit * difference.values[i, j])} {way}",
            "95 %, patients only": f"{signed(unit * difference.low[i, j])} to {signed(unit * difference.high[i, j])}",
        }
        for subject, counts in zip(judged.subjects, (difference.first, difference.second), strict=True):
            cell = _cell_of(layout, subject.subject_id)(names[i], names[j])
            row[plain(subject.title)] = f"[{number(counts[i, j], len(subject.runs))}]({images_url(shown, cell, view)})"
        rows.append(row)
    st.table(pd.DataFrame(rows).set_index("true"), border="horizontal")
    if unlisted:
        st.caption(unlisted)


def _column(difference: DifferenceMatrix, name: str) -> int:
    return len(difference.taxonomy.names) if name == ELSEWHERE else difference.taxonomy.class_index(name)


def _cell_of(layout: MatrixLayout, subject_id: str) -> Callable[[str, str], Cell]:
    """Function from (true, predicted) positions in the matrix to the cell with all classes of the two."""
    lines: Mapping[str, tuple[str, ...]] = {ELSEWHERE: (ELSEWHERE,), **layout.lines}
    return lambda true, predicted: Cell(subject_id, lines[true], lines[predicted])


def _lines_text(layout: MatrixLayout) -> str:
    """Which classes a row or column combines."""
    n_lines, text = len(layout.lines), ""
    if layout.merged:
        names = [f"{name} ({len(names)})" for name, names in layout.merged.items()]
        text = (
            f" **{len(layout.space.names):,} classes in {counted(n_lines, 'line')}**, several in "
            f"{plain(one_of(names, 'and'))}: images confused inside such a line stand on the diagonal."
        )
    if n_lines > NUMBERS_UP_TO:
        text += f" {n_lines} lines: numbers appear when hovering."
    return text


def _grouping_name(group: str) -> str:
    kind, _, name = group.partition(":")
    return {"taxonomy": f"taxonomy {name}", "part": f"part {name}"}.get(kind, "nothing")


def _which_matrix(place: DeltaGenerator, subject: Subject, chosen: Sequence[str]) -> int | None:
    """Position of one run, or ``None`` for the mean of all."""
    ids = [run.run_id for run in subject.runs]
    mean = f"mean of {len(ids)} runs"
    key = f"matrix_of_{subject.subject_id}"
    if len(ids) == 1:
        place.selectbox("Matrix of", ids, key=key, label_visibility="collapsed", disabled=True)
        return 0
    asked = next((run_id for run_id in chosen if run_id in ids), None)
    others = [run_id for run_id in chosen if run_id not in ids]
    place.selectbox(
        "Matrix of",
        [mean, *ids],
        key=state.set_widget(key, asked or mean),
        label_visibility="collapsed",
        on_change=lambda: state.write_query(
            {"matrix": others + [one for one in [state.get(key)] if one not in (mean, None)]}
        ),
    )
    return ids.index(asked) if asked else None
