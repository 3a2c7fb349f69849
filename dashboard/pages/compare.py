"""Page Compare: results, per-class metrics and confusion matrices of runs and run groups, side by side."""

from functools import partial

import streamlit as st

from dashboard.address import fields, links
from dashboard.compare import cached as compare_cached
from dashboard.compare import metrics_ui, task_difficulty_ui
from dashboard.compare.label_change_effect_ui import label_change_section
from dashboard.compare.many_models import many_models_note
from dashboard.compare.many_models_ui import many_models
from dashboard.compare.matrices_ui import matrices
from dashboard.compare.result_notes import result_notes
from dashboard.compare.smallest_gap import detectable_difference_words
from dashboard.compare.verdict_ui import verdict
from dashboard.diagnose import cached as diagnose_cached
from dashboard.evaluation.comparison import find_subjects, mix_label_spaces, with_subject_ids
from dashboard.evaluation.default_selection import default_selection
from dashboard.report.download_ui import report_button
from dashboard.server_state import open_workspace
from dashboard.ui import cached, controls, plots, state
from dashboard.words import no_run_yet, plain
from model_zoo.core.evaluation.metrics import ClassFigure

desk, known = open_workspace.desk(), cached.subjects()
query = with_subject_ids(desk.series(), state.query())
shown = links.read_shown(query, default_selection(desk))
figure, view = fields.choice(query, "figure", ClassFigure, ClassFigure.RECALL), links.read_matrix_view(query)

title, switches = st.columns([1, 7], vertical_alignment="center")
title.title("Compare", anchor=False)
controls.subject_picker(known, shown)
if not shown.subjects:
    st.info("Choose at least one run or series above." if known else no_run_yet(desk.workspace.folders))
    st.stop()

subjects = find_subjects(desk.series(), shown.subjects)
row = switches.container(horizontal=True, horizontal_alignment="right")
with row:
    controls.switch(shown.labels)
    controls.switch(shown.split, links.JUDGED)
    controls.space_switch(shown, mix_label_spaces(subjects))
    controls.filter_picker(cached.restrictions(shown), shown)
if controls.no_predictions(desk, subjects, shown) or controls.no_images(cached.comparison(shown).evaluations, shown):
    st.stop()
judged, found, reviewing = cached.comparison(shown), cached.verdicts(shown), cached.reviewing(shown)
with row:
    report_button(desk, judged, found, partial(diagnose_cached.diagnoses, shown))
metrics_ui.label_space(judged, reviewing)


def open_cell(cell: links.Cell) -> None:
    """The images behind a mark or a cell, before this page is drawn again."""
    state.go("images.py", links.to_cell(shown, cell, view))


theme = plots.theme(state.dark())
beside = result_notes(desk, judged, found)
verdict(judged, found, desk.workspace.rule, figure, theme, open_cell, beside, reviewing)
for sentence in detectable_difference_words(judged, desk.workspace.rule):
    st.markdown(plain(sentence))
if many := compare_cached.many_models(shown):
    many_models(many, many_models_note(desk, many), shown)
metrics_ui.overall_metrics(judged)
task_difficulty_ui.side_by_side(compare_cached.side_by_side(shown), shown)
task_difficulty_ui.secondary_metrics_table(judged, compare_cached.secondary_metrics(shown))
label_change_section(reviewing, shown)
metrics_ui.per_class_metrics(judged, figure, theme, open_cell)
matrices(judged, view, desk.workspace, partial(compare_cached.matrix_diff, shown), shown, theme, open_cell, reviewing)
