"""The sections of Compare: which label space, headline figures, classes, matrices."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import charts, state
from dashboard.actions.compare import Comparison, Subject
from dashboard.links import Cell, images_words
from dashboard.words import counted, interval_text, plain, share_text
from model_zoo.core.choices import ClassFigure, Labels, Per, Space
from model_zoo.core.evaluation import Evaluation, accuracy, churn, class_figures, support

Open = Callable[[Cell], None]

_AXIS = {
    ClassFigure.RECALL: "recall: share of the class's images that are found",
    ClassFigure.PRECISION: "precision: share of the images called so that are of the class",
    ClassFigure.F1: "F1 = 2TP / (2TP + FP + FN)",
}


def label_space(judged: Comparison, n_standing: int) -> None:
    """Say in which label space the figures stand, what it drops, and against which labels."""
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
        decisions = counted(n_standing, "decision")
        text += f" As reviewed: {decisions} in this split, **one-sided**: only chosen images were reviewed."
    left_out = [evaluation.n_left_out + evaluation.n_outside for evaluation in judged.evaluations]
    if any(left_out):
        most = f"{min(left_out):,} to {max(left_out):,}" if len(set(left_out)) > 1 else f"{left_out[0]:,}"
        text += f" Images that cannot be placed here and are left out: {most}."
    st.markdown(text)
    if common:
        _what_is_kept(judged)


def headline(judged: Comparison) -> None:
    """Accuracy, spread and churn of each subject."""
    for column, (subject, evaluation) in zip(st.columns(max(2, len(judged.subjects))), _pairs(judged)):
        figure = accuracy(evaluation)
        lines = [
            f"{plain(judged.basis(evaluation))}.",
            f"95 % interval, patients only: {interval_text(figure.share.low, figure.share.high)}",
        ]
        if len(subject.runs) > 1:
            lowest, highest = np.nanmin(figure.per_run), np.nanmax(figure.per_run)
            lines.append(
                f"SD over {len(subject.runs)} seeds {100 * figure.sd:.1f} points "
                f"({100 * lowest:.1f} to {share_text(highest)}); "
                f"two seeds disagree on {share_text(churn(evaluation.predicted))} of images"
            )
        else:
            lines.append("One seed: how much trainings differ is not known.")
        with column.container(border=True, height="stretch"):
            st.metric(f"{plain(subject.title)} · accuracy", share_text(figure.mean), help=_PATIENTS_ONLY)
            st.caption("  \n".join(lines))


def classes(judged: Comparison, figure: ClassFigure, look: charts.Look, open_cell: Open) -> None:
    """A figure of every class; a click opens the images that the mark rests on."""
    together = judged.space is Space.COMMON or not judged.mixes_label_spaces
    groups = [list(_pairs(judged))] if together else [[pair] for pair in _pairs(judged)]
    for column, group in zip(st.columns(min(2, len(groups))) * len(groups), groups):
        ids = [subject.subject_id for subject, _ in group]
        colours = [charts.SUBJECT_COLOURS[judged.subjects.index(subject) % 7] for subject, _ in group]
        with column:
            st.caption(
                f"{plain(judged.basis(group[0][1]))}. Lines: 95 % interval, patients only"
                f"{'; strokes: each seed' if any(len(subject.runs) > 1 for subject, _ in group) else ''}."
                f" {_OPENS[figure]}"
            )
            key = _chart_key(f"classes_{'_'.join(ids)}_{judged.space}_{judged.split}")
            st.plotly_chart(
                charts.class_figure(
                    [class_figures(evaluation, figure) for _, evaluation in group],
                    [subject.title for subject, _ in group],
                    ids,
                    None if together and not judged.same_images else _support_texts(group[0][1]),
                    look,
                    _AXIS[figure],
                    colours,
                ),
                key=key,
                on_select=_clicked(key, _BEHIND[figure], open_cell),
                selection_mode="points",
                theme=None,
                config={"displayModeBar": False, "doubleClick": False},
            )


def matrices(judged: Comparison, per: Per, chosen: Sequence[str], look: charts.Look, open_cell: Open) -> None:
    """Confusion matrices side by side; a click on a cell opens its images.

    A series shows its mean matrix, or that of its run among ``chosen`` (the address's).
    """
    columns = st.columns(min(2, len(judged.subjects))) * len(judged.subjects)
    for column, (subject, evaluation) in zip(columns, _pairs(judged)):
        with column:
            title, which = st.columns([3, 2], vertical_alignment="bottom")
            title.markdown(
                f"**{plain(subject.title)}** · trained on {plain(subject.taxonomy.name)} "
                f"({len(subject.taxonomy.classes)})"
            )
            seed = _which_matrix(which, subject, chosen)
            of_runs = len(subject.runs) if seed is None else 1
            confusion = evaluation.confusion if seed is None else evaluation.confusions[seed]
            st.caption(f"{plain(judged.basis(evaluation))}. {_UNITS[per]}")
            who = subject.subject_id if seed is None else subject.runs[seed].run_id
            key = _chart_key(f"matrix_{subject.subject_id}_{seed}_{per}_{judged.space}_{judged.split}")
            st.plotly_chart(
                charts.confusion_figure(confusion, per, look, of_runs=of_runs),
                key=key,
                on_select=_clicked(key, partial(Cell, who), open_cell),
                selection_mode="points",
                theme=None,
                config={"displayModeBar": False, "doubleClick": False},
            )


_PATIENTS_ONLY = (
    "The interval says how much the figure would move with other patients. How much it moves from training to "
    "training is given apart, as SD over seeds: no interval here covers both."
)
_OPENS = {
    ClassFigure.RECALL: "Click a mark for the class's images.",
    ClassFigure.PRECISION: "Click a mark for the images called so.",
    ClassFigure.F1: "Click a mark for the images of the class or called so.",
}
_BEHIND: Mapping[ClassFigure, Callable[[str, str], Cell]] = {
    ClassFigure.RECALL: lambda who, name: Cell(who, true=name),
    ClassFigure.PRECISION: lambda who, name: Cell(who, predicted=name),
    ClassFigure.F1: lambda who, name: Cell(who, either=name),
}
_UNITS = {
    Per.COUNT: "Cells: images.",
    Per.TRUE: "Cells: % of the true class's images.",
    Per.PREDICTED: "Cells: % of the images predicted so.",
}


def _which_matrix(place: DeltaGenerator, subject: Subject, chosen: Sequence[str]) -> int | None:
    """The position of one run, or ``None`` for the mean of all."""
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
        key=state.shows(key, asked or mean),
        label_visibility="collapsed",
        on_change=lambda: state.write_query(
            {"matrix": others + [one for one in [state.get(key)] if one not in (mean, None)]}
        ),
    )
    return ids.index(asked) if asked else None


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
            f"{subject.taxonomy.name} {len(subject.taxonomy.classes)} → {n_classes}"
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
    return [f"{n:,} images · {p:,} patients" for n, p in zip(images, patients, strict=True)]


def _pairs(judged: Comparison) -> list[tuple[Subject, Evaluation]]:
    return list(zip(judged.subjects, judged.evaluations, strict=True))


def _chart_key(name: str) -> str:
    """A click navigates away; coming back, the chart must not repeat it: its key changes with each click."""
    return f"{name}_{state.get('compare_clicks', 0)}"


def _clicked(key: str, cell: Callable[[str, str], Cell], open_cell: Open) -> Callable[[], None]:
    """A callback for chart ``key``: opens the cell that the two names of the clicked mark make."""

    def clicked() -> None:
        points = state.get(key)["selection"]["points"]
        if points:
            state.bump("compare_clicks")
            open_cell(cell(*points[0]["customdata"]))

    return clicked
