"""Sections of the page Diagnose: one card per cause, all with the same layout and in a fixed order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.address import links
from dashboard.address.links import Cell, Shown
from dashboard.address.selection import Space
from dashboard.diagnose import diagnosis_plot, diagnosis_words
from dashboard.diagnose.diagnosis import Diagnosis, Evidence
from dashboard.ui import plots, state
from dashboard.ui.charts import chart, clickable_chart
from dashboard.ui.gallery import Tile, gallery
from dashboard.words import counted, plain, share_text, signed
from model_zoo.core.diagnosis.diagnosis import Cause
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.workspace.command_line import command

N_PAIRS = 8
"""Most pairs of classes in a table."""
N_TILES = 12
"""Most images shown of those that summing changes."""


@dataclass(frozen=True, slots=True)
class PageContext:
    """What all sections share: selection, chart theme, the callback for clicks, and the folders used in commands."""

    shown: Shown
    theme: plots.Theme
    open_cell: Callable[[Cell], None]
    folders: Sequence[Path]


def coarser_picker(spaces: Mapping[str, Taxonomy], chosen: Taxonomy) -> None:
    """Select the coarser class set; the choice is written to the address."""
    st.selectbox(
        "Seen from the coarser classes of",
        list(spaces),
        key=state.set_widget("diagnose_coarser", chosen.name),
        format_func=lambda name: f"seen from {name} ({len(spaces[name].classes)})",
        label_visibility="collapsed",
        help="Mistakes inside one of these classes and across them are told apart, and what the classes inside share.",
        on_change=lambda: state.write_query({"coarser": [str(state.get("diagnose_coarser"))]}),
    )


def single_subject_shown(shown: Shown, subject_id: str) -> Shown:
    """The selection with only this subject, in its original classes, over the same split and labels."""
    return replace(shown, subjects=(subject_id,), space=Space.NATIVE)


def introduction(diagnoses: Sequence[Diagnosis], shown: Shown) -> None:
    """What the page shows and does not show; for two subjects also the effect of training on other classes."""
    if len(shown.subjects) > len(diagnoses):
        st.info(f"Diagnose shows at most {len(diagnoses)} side by side: the first of the {len(shown.subjects)} chosen.")
    st.markdown(diagnosis_words.INTRODUCTION)
    if together := diagnosis_words.retraining_effect(diagnoses):
        st.markdown(
            f"*{str(Evidence.RETRAINED).capitalize()}*, {together} How sure that is, "
            f"[Compare]({links.page_url('compare', shown.query())}) says."
        )


def cards(diagnoses: Sequence[Diagnosis], page: PageContext) -> str | None:
    """Draw the four cards; returns the id of the image that was just clicked, or None."""
    opened = None
    for number, cause in enumerate(Cause, start=1):
        with st.container(border=True):
            st.subheader(f"{number} · {cause[0].upper()}{cause[1:]}", anchor=False)
            for k, (column, diagnosis) in enumerate(zip(st.columns(len(diagnoses)), diagnoses)):
                with column:
                    opened = _card(cause, diagnosis, plots.SUBJECT_COLOURS[k], page) or opened
    return opened


def _card(cause: Cause, diagnosis: Diagnosis, colour: str, page: PageContext) -> str | None:
    finding = diagnosis_words.cause_finding(cause, diagnosis, page.folders)
    st.markdown(f"**{plain(diagnosis.subject.title)}** · {finding.sentence}")
    st.caption(f"{finding.measure} {plain(diagnosis.basis)}.")
    opened = _FIGURES[cause](diagnosis, colour, page)
    st.markdown("**What removing it would buy**")
    st.markdown("\n".join(f"- *{evidence}*: {text}" for evidence, text in finding.gains))
    return opened


def _imbalance(diagnosis: Diagnosis, colour: str, page: PageContext) -> None:
    st.markdown(diagnosis_words.class_imbalance(diagnosis))
    if not diagnosis.has_training_counts:
        return
    figure = diagnosis_plot.recall_by_size_figure(
        diagnosis.recalls, diagnosis.training, diagnosis.subject.subject_id, page.theme, colour
    )
    _class_chart(figure, f"support_{diagnosis.subject.subject_id}", page)
    st.caption("Lines: 95 % interval, patients only. Click a mark for the class's images.")
    st.markdown(diagnosis_words.LEARNING_CURVE)
    subject_id, curves = diagnosis.subject.subject_id, diagnosis.retrained.curves
    if curves:
        chart(diagnosis_plot.learning_curve_figure(curves, page.theme), f"curve_{subject_id}")
        st.caption(diagnosis_words.CURVE)
    elif diagnosis.has_imported_run:
        st.caption("None: how it was trained is not known here, so it cannot be trained with fewer images.")
    else:
        st.caption(
            "None has been trained. This trains one, for the class found least among those with few images; each "
            "point takes as long as a training:"
        )
        needed = command("learn-curve", subject_id, diagnosis_words.rarest_found_class(diagnosis), folders=page.folders)
        st.code(needed, None, wrap_lines=True)


def _confusion(diagnosis: Diagnosis, colour: str, page: PageContext) -> None:
    people = diagnosis.people
    st.markdown(diagnosis_words.error_split(diagnosis))
    rows = [
        {
            "classes": f"{plain(diagnosis.names[pair.first])} / {plain(diagnosis.names[pair.second])}",
            "first as second": _link(page, diagnosis, pair.first, pair.second, pair.first_as_second),
            "second as first": _link(page, diagnosis, pair.second, pair.first, pair.second_as_first),
            "together": f"{pair.n_images:,.1f}",
            "expected": f"{pair.expected:,.1f}",
        }
        | ({"people": f"{people.disagreements[pair.first, pair.second]:,}"} if people.n_images else {})
        for pair in diagnosis.pairs[:N_PAIRS]
    ]
    if rows:
        st.table(pd.DataFrame(rows).set_index("classes"), border="horizontal")
        st.caption(
            f"The pairs of classes mixed up most often, of {len(diagnosis.pairs):,}: images, mean over runs; a number "
            "opens them. Expected: going by how these classes, and groups of shared meaning, are mixed up otherwise."
            + (" People: how often two people gave these two classes to one image." if people.n_images else "")
        )
    st.markdown(diagnosis_words.rater_confusion(diagnosis))


def _capacity(diagnosis: Diagnosis, colour: str, page: PageContext) -> str | None:
    subject_id = diagnosis.subject.subject_id
    st.markdown(diagnosis_words.underpredicted_class(diagnosis))
    if diagnosis.has_training_counts:
        figure = diagnosis_plot.prediction_bias_figure(
            diagnosis.names, diagnosis.prediction_ratios, diagnosis.training, subject_id, page.theme, colour
        )
        _class_chart(figure, f"pull_{subject_id}", page)
        st.caption("Lines: 95 % interval, patients only. Click a mark for the class's images.")
    if diagnosis.merges:
        figure = diagnosis_plot.probability_mass_figure(diagnosis.names, diagnosis.probability_mass, page.theme)
        chart(figure, f"mass_{subject_id}")
        st.caption(diagnosis_words.sibling_classes(diagnosis))
    st.markdown(diagnosis_words.calibration_sentence(diagnosis))
    chart(diagnosis_plot.reliability_figure(diagnosis.calibration, page.theme, colour), f"reliability_{subject_id}")
    st.caption("Lines: 95 % interval, patients only. On the dotted line confidence is what it says.")
    opened = None
    for what, n_runs in (("right", diagnosis.newly_correct), ("wrong", diagnosis.newly_incorrect)):
        images = diagnosis.images(n_runs)
        if images:
            with st.expander(f"{counted(len(images), 'image')} that summing makes {what} in some run"):
                tiles = [_tile(diagnosis, image_id, n, what, page) for image_id, n in images[:N_TILES]]
                opened = gallery(tiles, key=f"summing_{what}_{subject_id}") or opened
                if len(images) > N_TILES:
                    st.caption(f"The first {N_TILES}, those changed in most runs.")
    return opened


def _scatter(diagnosis: Diagnosis, colour: str, page: PageContext) -> None:
    groups = [one for one in diagnosis.groups if not np.isnan(one.score)] or list(diagnosis.groups)
    if not groups:
        return
    subject_id = diagnosis.subject.subject_id
    figure = diagnosis_plot.groups_figure(groups, diagnosis.recalls, subject_id, page.theme, colour)
    _class_chart(figure, f"groups_{subject_id}", page)
    st.caption(
        "Groups: classes that share a value, or several, of what the workspace says an image can be (how many). "
        "Line: 95 % interval, patients only. Click a stroke for the class's images."
    )
    rows = [
        {
            "group": f"{plain(one.group.name)} ({len(one.group.members)})",
            "as a group": share_text(one.as_group.value),
            "as the right member": share_text(one.exactly.value),
            "wrong answers that stay": share_text(one.stays),
            "expected": share_text(one.expected),
            "SD of random groups": signed(one.score, 1),
        }
        for one in groups
    ]
    with st.expander("These groups as numbers"):
        st.table(pd.DataFrame(rows).set_index("group"), border="horizontal")


_FIGURES: Mapping[Cause, Callable[[Diagnosis, str, PageContext], str | None]] = {
    Cause.IMBALANCE: _imbalance,
    Cause.CONFUSION: _confusion,
    Cause.CAPACITY: _capacity,
    Cause.SCATTER: _scatter,
}


def _link(page: PageContext, diagnosis: Diagnosis, true: int, predicted: int, count: float) -> str:
    if not count:
        return "–"
    cell = Cell(diagnosis.subject.subject_id, (diagnosis.names[true],), (diagnosis.names[predicted],))
    address = links.to_cell(single_subject_shown(page.shown, cell.subject), cell)
    return f"[{count:,.1f}]({links.page_url('images', address)})"


def _tile(diagnosis: Diagnosis, image_id: str, n_runs: int, what: str, page: PageContext) -> Tile:
    shown = single_subject_shown(page.shown, diagnosis.subject.subject_id)
    row = diagnosis.evaluation.image_ids.index(image_id)
    true = diagnosis.names[diagnosis.evaluation.truth[row]]
    times = f"{what} in {n_runs} of {len(diagnosis.subject.runs)}"
    return Tile(image_id, times, true, query=links.to_image(image_id, shown))


def _class_chart(figure: object, name: str, page: PageContext) -> None:
    """A chart whose marks carry ``[subject, class]``; a click opens the images of that class."""
    clickable_chart(figure, name, lambda subject_id, true: Cell(subject_id, (true,)), page.open_cell)
