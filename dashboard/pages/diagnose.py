"""Page Diagnose: four possible causes of incorrect predictions, for one or two runs or run groups."""

from dataclasses import replace

import streamlit as st

from dashboard.address import fields, links
from dashboard.diagnose import cached as diagnose_cached
from dashboard.diagnose import diagnosis_ui
from dashboard.diagnose.diagnosis import coarser_spaces, find_coarser
from dashboard.diagnose.label_change_effect_ui import changed_causes
from dashboard.evaluation.comparison import find_subjects, with_subject_ids
from dashboard.evaluation.default_selection import default_selection
from dashboard.server_state import open_workspace
from dashboard.ui import cached, controls, plots, state
from dashboard.words import no_run_yet

AT_MOST = 2

desk, known = open_workspace.desk(), cached.subjects()
query = with_subject_ids(desk.series(), state.query())
shown = links.read_shown(query, default_selection(desk))

title, switches = st.columns([1, 4], vertical_alignment="center")
title.title("Diagnose", anchor=False)
controls.subject_picker(known, shown)
if not shown.subjects:
    choose = "Choose a run or series above, or two to see them side by side."
    st.info(choose if known else no_run_yet(desk.workspace.folders))
    st.stop()

subjects = find_subjects(desk.series(), shown.subjects)[:AT_MOST]
spaces = coarser_spaces(subjects, desk.workspace.taxonomies(), desk.workspace.opening)
coarser = find_coarser(spaces, fields.text(query, "coarser"))
with switches.container(horizontal=True, horizontal_alignment="right"):
    controls.switch(shown.labels)
    controls.switch(shown.split, links.JUDGED)
    controls.filter_picker(cached.restrictions(shown), shown)
    diagnosis_ui.coarser_picker(spaces, coarser)

if controls.no_predictions(desk, subjects, shown):
    st.stop()
found = [diagnose_cached.diagnosis(subject.subject_id, coarser, shown) for subject in subjects]
if controls.no_images([one.evaluation for one in found], shown):
    st.stop()
diagnosis_ui.introduction(found, shown)
changed_causes(
    found,
    [cached.reviewing(diagnosis_ui.single_subject_shown(shown, one.subject.subject_id)) for one in found],
    lambda subject_id, labels: diagnose_cached.diagnosis(subject_id, coarser, replace(shown, labels=labels)),
)


def open_cell(cell: links.Cell) -> None:
    """The images behind a mark, before this page is drawn again."""
    state.go("images.py", links.to_cell(diagnosis_ui.single_subject_shown(shown, cell.subject), cell))


page = diagnosis_ui.PageContext(shown, plots.theme(state.dark()), open_cell, desk.workspace.folders)
opened = diagnosis_ui.cards(found, page)
if opened:
    st.switch_page("inspect.py", query_params=links.to_image(opened, shown))
