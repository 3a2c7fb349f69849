"""The sections of Compare: which label space, headline figures, classes, matrices."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import charts, state
from dashboard.actions.compare import Comparison, Subject
from dashboard.links import Cell, Shown
from model_zoo.core.choices import ClassFigure, Labels, Per, Space
from model_zoo.core.evaluation import Evaluation, accuracy, churn, class_figures, support

_AXIS = {
    ClassFigure.RECALL: "recall: share of the class's images that are found",
    ClassFigure.PRECISION: "precision: share of the images called so that are of the class",
    ClassFigure.F1: "F1 = 2TP / (2TP + FP + FN)",
}


def label_space(judged: Comparison, shown: Shown, n_decisions: int) -> None:
    """Say in which label space the figures stand, what it drops, and against which labels."""
    evaluation = judged.evaluations[0]
    n_classes = len(judged.ground.classes)
    if not judged.mixes_label_spaces:
        text = f"All in the classes of **{judged.ground.name}** ({n_classes})."
    elif judged.space is Space.NATIVE:
        text = (
            "**Native**: each in the classes it was trained on, so these figures answer different questions. "
            "A coarser task is an easier one; compare on the common ground."
        )
    else:
        text = f"**Common ground: {n_classes} class{'es' if n_classes != 1 else ''}** ({judged.ground.name})."
        text += " Each model's answer, mapped to the classes that all of them can tell apart."
    if shown.labels is Labels.REVIEWED:
        text += (
            f" Labels **as reviewed** ({n_decisions} decision{'s' if n_decisions != 1 else ''}), "
            "**one-sided**: only chosen images were reviewed."
        )
    left_out = evaluation.n_left_out + evaluation.n_outside
    text += (
        f" {str(judged.split).capitalize()} split: {len(evaluation.truth):,} images, {evaluation.n_patients} patients"
    )
    text += f"; {left_out} images cannot be placed here and are left out." if left_out else "."
    st.markdown(text)
    if judged.mixes_label_spaces and judged.space is Space.COMMON:
        _what_is_kept(judged)


def headline(judged: Comparison) -> None:
    """Accuracy, spread and churn of each subject."""
    for column, (subject, evaluation) in zip(st.columns(max(2, len(judged.subjects))), _pairs(judged)):
        figure = accuracy(evaluation)
        n_classes = len(evaluation.taxonomy.classes)
        lines = [f"95 % interval, patients only: {charts.interval_text(figure.share.low, figure.share.high)}"]
        if len(subject.runs) > 1:
            lowest, highest = np.nanmin(figure.per_run), np.nanmax(figure.per_run)
            lines.append(
                f"SD over {len(subject.runs)} seeds {100 * figure.sd:.1f} points "
                f"({100 * lowest:.1f} to {charts.share_text(highest)}); "
                f"two seeds disagree on {charts.share_text(churn(evaluation.predicted))} of images"
            )
        where = "common ground" if judged.space is Space.COMMON and judged.mixes_label_spaces else "own classes"
        with column.container(border=True, height="stretch"):
            st.metric(
                f"{subject.title} · accuracy, {where} ({n_classes})",
                charts.share_text(figure.mean),
                help=f"Mean over {len(subject.runs)} run(s) of the share of {len(evaluation.truth):,} images "
                f"of {evaluation.n_patients} patients that are right.",
            )
            st.caption("  \n".join(lines))


def classes(judged: Comparison, figure: ClassFigure, look: charts.Look) -> Cell | None:
    """A figure of every class; returns the class that was clicked, as a cell."""
    together = judged.space is Space.COMMON or not judged.mixes_label_spaces
    groups = [list(_pairs(judged))] if together else [[pair] for pair in _pairs(judged)]
    clicked = None
    for column, group in zip(st.columns(min(2, len(groups))) * len(groups), groups):
        ids = [subject.subject_id for subject, _ in group]
        colours = [charts.SUBJECT_COLOURS[judged.subjects.index(subject) % 7] for subject, _ in group]
        with column:
            st.caption(
                _space_line(judged, group) + " Lines: 95 % interval, patients only; strokes: each seed. Click a mark."
            )
            event = st.plotly_chart(
                charts.class_figure(
                    [class_figures(evaluation, figure) for _, evaluation in group],
                    [subject.title for subject, _ in group],
                    ids,
                    _support_texts(group[0][1]),
                    look,
                    _AXIS[figure],
                    colours,
                ),
                key=_chart_key(f"classes_{'_'.join(ids)}_{judged.space}_{judged.split}"),
                on_select="rerun",
                selection_mode="points",
                theme=None,
                config={"displayModeBar": False},
            )
        if picked := _picked(event):
            side = {"true": picked[1], "predicted": None}
            if figure is ClassFigure.PRECISION:
                side = {"true": None, "predicted": picked[1]}
            clicked = Cell(picked[0], **side)
    return _once(clicked)


def matrices(judged: Comparison, per: Per, look: charts.Look) -> Cell | None:
    """Confusion matrices side by side; returns the cell that was clicked."""
    clicked = None
    columns = st.columns(min(2, len(judged.subjects))) * len(judged.subjects)
    for column, (subject, evaluation) in zip(columns, _pairs(judged)):
        with column:
            title, which = st.columns([3, 2], vertical_alignment="bottom")
            title.markdown(
                f"**{subject.title}** · trained on {subject.taxonomy.name} ({len(subject.taxonomy.classes)})"
            )
            seed = _which_matrix(which, subject)
            of_runs = len(subject.runs) if seed is None else 1
            confusion = evaluation.confusion if seed is None else evaluation.confusions[seed]
            st.caption(_space_line(judged, [(subject, evaluation)]) + f" {_UNITS[per]}")
            event = st.plotly_chart(
                charts.confusion_figure(confusion, per, look, of_runs=of_runs),
                key=_chart_key(f"matrix_{subject.subject_id}_{seed}_{per}_{judged.space}_{judged.split}"),
                on_select="rerun",
                selection_mode="points",
                theme=None,
                config={"displayModeBar": False},
            )
        if picked := _picked(event):
            subject_id = subject.subject_id if seed is None else subject.runs[seed].run_id
            clicked = Cell(subject_id, picked[0], picked[1])
    return _once(clicked)


_UNITS = {
    Per.COUNT: "Cells: images.",
    Per.TRUE: "Cells: % of the true class's images.",
    Per.PREDICTED: "Cells: % of the images predicted so.",
}


def _which_matrix(place: DeltaGenerator, subject: Subject) -> int | None:
    """The position of one run, or ``None`` for the mean of all."""
    mean = f"mean of {len(subject.runs)} runs"
    names = [mean, *(run.run_id for run in subject.runs)] if len(subject.runs) > 1 else [subject.runs[0].run_id]
    chosen = place.selectbox(
        "Matrix of",
        names,
        key=f"matrix_of_{subject.subject_id}",
        label_visibility="collapsed",
        disabled=len(names) == 1,
    )
    return None if chosen in (mean, None) else names.index(chosen) - 1 if len(names) > 1 else 0


def _what_is_kept(judged: Comparison) -> None:
    n_classes = len(judged.ground.classes)
    if n_classes == 1:
        st.error("Nothing can be compared: these taxonomies share no distinction at all. Choose others, or go native.")
    elif n_classes == 2:
        st.warning(
            f"Almost nothing can be compared: the only distinction these taxonomies share is "
            f"**{' | '.join(judged.ground.names)}**. High figures here say nothing about the rest."
        )
    dropped = judged.dropped()
    if dropped:
        with st.expander("What the common ground no longer tells apart", expanded=n_classes <= 2):
            for title, merged in dropped.items():
                st.markdown(
                    "\n".join([f"**{title}**", *(f"- {', '.join(m)} → **{name}**" for name, m in merged.items())])
                )


def _space_line(judged: Comparison, group: Sequence[tuple[Subject, Evaluation]]) -> str:
    evaluation = group[0][1]
    common = judged.space is Space.COMMON and judged.mixes_label_spaces
    where = (
        f"Common ground, {len(evaluation.taxonomy.classes)} classes"
        if common
        else f"Classes of {evaluation.taxonomy.name}"
    )
    return f"{where}; {judged.split} split, {len(evaluation.truth):,} images, {evaluation.n_patients} patients."


def _support_texts(evaluation: Evaluation) -> list[str]:
    images, patients = support(evaluation)
    return [f"{n} images · {p} patients" for n, p in zip(images, patients, strict=True)]


def _pairs(judged: Comparison) -> list[tuple[Subject, Evaluation]]:
    return list(zip(judged.subjects, judged.evaluations, strict=True))


def _chart_key(name: str) -> str:
    """A click navigates away; coming back, the chart must not repeat it: its key changes with each click."""
    return f"{name}_{state.get('compare_clicks', 0)}"


def _picked(event: object) -> list[str] | None:
    points = event["selection"]["points"] if event else []  # type: ignore[index]
    return list(points[0]["customdata"]) if points else None


def _once(cell: Cell | None) -> Cell | None:
    if cell:
        state.bump("compare_clicks")
    return cell
