"""Sections of Compare: class set, overall metrics, and per-class metrics."""

from functools import partial

import numpy as np
import streamlit as st

from dashboard.address.links import Cell, images_words
from dashboard.address.selection import Labels, Space
from dashboard.evaluation.class_selection import plotted_classes
from dashboard.evaluation.comparison import Comparison, Subject
from dashboard.evaluation.label_change_effect import LabelChanges
from dashboard.evaluation.label_change_effect_words import reviewed_part
from dashboard.evaluation.undecided_words import undecided_note
from dashboard.ui import controls, plots
from dashboard.ui.charts import Open, clickable_chart
from dashboard.ui.class_tables import class_table, figure_table
from dashboard.words import counted, interval_text, no_interval, plain, share_text
from model_zoo.core.evaluation.evaluation import Evaluation, accuracy, churn, class_figures, support
from model_zoo.core.evaluation.metrics import ClassFigure

_AXIS = {
    ClassFigure.RECALL: "recall: share of the class's images that are found",
    ClassFigure.PRECISION: "precision: share of the images called so that are of the class",
    ClassFigure.F1: "F1 = 2TP / (2TP + FP + FN)",
}


def label_space(judged: Comparison, reviewing: LabelChanges | None) -> None:
    """State the class set of the metrics, which distinctions it drops, and the labels used."""
    common = judged.mixes_label_spaces and judged.space is Space.COMMON
    text = f"**{plain(judged.basis(judged.evaluations[0]) if judged.same_images else _each_its_own(judged))}.**"
    if common:
        text += " Each model's answer, mapped to the classes that all of them can tell apart."
    elif judged.mixes_label_spaces:
        text = (
            "**Native**: each in the classes it was trained on, so these figures answer different questions. "
            "A coarser task is an easier one; compare on the common ground."
        )
    if judged.labels is Labels.REVIEWED:
        text += f" {plain(reviewed_part(reviewing))}."
    left_out = [evaluation.n_left_out + evaluation.n_outside for evaluation in judged.evaluations]
    if any(left_out):
        most = f"{min(left_out):,} to {max(left_out):,}" if len(set(left_out)) > 1 else f"{left_out[0]:,}"
        text += f" Images that cannot be placed here and are left out: {most}."
    st.markdown(text)
    if common:
        _what_is_kept(judged)


def overall_metrics(judged: Comparison) -> None:
    """Accuracy, spread over seeds, and churn of each subject."""
    for column, (subject, evaluation) in zip(st.columns(max(2, len(judged.subjects))), _pairs(judged)):
        metric = accuracy(evaluation)
        lines = [
            f"{plain(judged.basis(evaluation))}.",
            f"95 % interval, patients only: {interval_text(metric.share.low, metric.share.high)}."
            f"{no_interval(metric.share.n_patients)}",
        ]
        if len(subject.runs) > 1 and not np.isnan(metric.mean):
            lowest, highest = np.nanmin(metric.per_run), np.nanmax(metric.per_run)
            lines.append(
                f"SD over {len(subject.runs)} seeds {100 * metric.sd:.1f} points "
                f"({100 * lowest:.1f} to {share_text(highest)}); "
                f"two seeds disagree on {share_text(churn(evaluation.predicted))} of images"
            )
        else:
            lines.append("One seed: how much trainings differ is not known.")
        lines += [note] if (note := undecided_note(evaluation)) else []
        with column.container(border=True, height="stretch"):
            st.metric(f"{plain(subject.title)} · accuracy", share_text(metric.mean), help=_PATIENTS_ONLY)
            st.caption("  \n".join(lines))


def per_class_metrics(judged: Comparison, figure: ClassFigure, theme: plots.Theme, open_cell: Open) -> None:
    """A metric of every class; a click opens the images that it is based on."""
    head, which = st.columns([5, 3], vertical_alignment="bottom")
    head.subheader("Each class", anchor=False)
    with which.container(horizontal=True, horizontal_alignment="right"):
        controls.switch(figure)
    together = judged.one_space
    groups = [list(_pairs(judged))] if together else [[pair] for pair in _pairs(judged)]
    for column, group in zip(st.columns(min(2, len(groups))) * len(groups), groups):
        ids = [subject.subject_id for subject, _ in group]
        colours = [plots.SUBJECT_COLOURS[judged.subjects.index(subject) % 7] for subject, _ in group]
        rows = [class_figures(evaluation, figure) for _, evaluation in group]
        few = plotted_classes(rows)
        supports = None if together and not judged.same_images else _support_texts(group[0][1])
        with column:
            st.caption(
                f"{plain(judged.basis(group[0][1]))}. Lines: 95 % interval, patients only"
                f"{'; strokes: each seed' if any(len(subject.runs) > 1 for subject, _ in group) else ''}."
                f"{no_interval(min(one.share.n_patients for figures in rows for one in figures))}"
                f" {_OPENS[figure]}{f' {few.sentence} All of them are in the table below.' if few.sentence else ''}"
            )
            clickable_chart(
                plots.class_figure(
                    [[figures[k] for k in few.positions] for figures in rows],
                    [subject.title for subject, _ in group],
                    ids,
                    supports and [supports[k] for k in few.positions],
                    theme,
                    _AXIS[figure],
                    colours,
                ),
                f"classes_{'_'.join(ids)}_{judged.space}_{judged.split}",
                partial(_behind, figure),
                open_cell,
            )
            if few.sentence:
                with st.expander(f"All {len(rows[0]):,} classes as numbers"):
                    class_table(figure_table(rows, [subject.title for subject, _ in group]), f"figures_{'_'.join(ids)}")


_PATIENTS_ONLY = (
    "The interval says how much the figure would move with other patients. How much it moves from training to "
    "training is given apart, as SD over seeds: no interval here covers both."
)
_OPENS = {
    ClassFigure.RECALL: "Click a mark for the class's images.",
    ClassFigure.PRECISION: "Click a mark for the images called so.",
    ClassFigure.F1: "Click a mark for the images of the class or called so.",
}


def _behind(figure: ClassFigure, subject_id: str, name: str) -> Cell:
    """The images that a class's metric is based on."""
    return {
        ClassFigure.RECALL: Cell(subject_id, true=(name,)),
        ClassFigure.PRECISION: Cell(subject_id, predicted=(name,)),
        ClassFigure.F1: Cell(subject_id, either=name),
    }[figure]


def _what_is_kept(judged: Comparison) -> None:
    n_classes = len(judged.ground.classes)
    if n_classes == 1:
        st.error("Nothing can be compared: these taxonomies share no distinction at all. Choose others, or go native.")
    elif n_classes == 2:
        st.warning(
            f"Almost nothing can be compared: the only distinction these taxonomies share is "
            f"**{plain(' | '.join(judged.ground.names))}**. High figures here say nothing about the rest."
        )
    dropped = judged.dropped()
    if dropped:
        sizes = ", ".join(
            f"{subject.taxonomy.reference} {len(subject.taxonomy.classes)} → {n_classes}"
            for subject in judged.subjects
            if subject.title in dropped
        )
        with st.expander(f"What the common ground no longer tells apart: {plain(sizes)}", expanded=n_classes <= 2):
            for title, merged in dropped.items():
                lines = [f"- {plain(', '.join(m))} → **{plain(name)}**" for name, m in merged.items()]
                st.markdown("\n".join([f"**{plain(title)}**", *lines]))


def _each_its_own(judged: Comparison) -> str:
    images = images_words(judged.split, judged.where)
    return f"{images[0].upper()}{images[1:]}; the subjects are judged over different images, each chart says which"


def _support_texts(evaluation: Evaluation) -> list[str]:
    images, patients = support(evaluation)
    return [f"{counted(n, 'image')} · {counted(p, 'patient')}" for n, p in zip(images, patients, strict=True)]


def _pairs(judged: Comparison) -> list[tuple[Subject, Evaluation]]:
    return list(zip(judged.subjects, judged.evaluations, strict=True))
