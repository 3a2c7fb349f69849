"""Compare: per-class figures and confusion matrices of runs and series, side by side."""

import streamlit as st

from dashboard import cached, charts, links, state
from dashboard.actions.opening import opening
from dashboard.parts import comparison, controls
from model_zoo.core.choices import ClassFigure, Per

desk = cached.desk()
known = cached.subjects()
shown = links.read_shown(state.query(), opening(desk))

title, labels, split, space = st.columns([4, 3.1, 2.2, 3.1], vertical_alignment="center")
title.title("Compare", anchor=False)
controls.subject_picker(known, shown)
if not shown.subjects:
    st.info("Choose at least one run or series above. Train one with `taxoscope train --taxonomy NAME`.")
    st.stop()

judged = cached.comparison(shown)
with labels:
    controls.labels_switch(shown)
with split:
    controls.split_switch(shown)
with space:
    controls.space_switch(shown, judged.mixes_label_spaces)

comparison.label_space(judged, shown, desk.n_decisions())
comparison.headline(judged)

head, which = st.columns([5, 3], vertical_alignment="bottom")
head.subheader("Each class", anchor=False)
with which:
    figure = st.segmented_control(
        "Figure",
        list(ClassFigure),
        default=ClassFigure.RECALL,
        required=True,
        key="compare_figure",
        bind="query-params",
        label_visibility="collapsed",
        help="Recall: of the images of a class, the share found. Precision: of the images called so, the share "
        "that are. A class can rise in one by falling in the other; F1 weighs both.",
    )
look = charts.look(state.dark())
if cell := comparison.classes(judged, ClassFigure(figure), look):
    st.switch_page("views/images.py", query_params=links.to_cell(shown, cell))

head, which = st.columns([5, 3], vertical_alignment="bottom")
head.subheader("Confusion", anchor=False)
with which:
    per = st.segmented_control(
        "Share of",
        list(Per),
        default=Per.TRUE,
        required=True,
        key="compare_per",
        bind="query-params",
        label_visibility="collapsed",
        help="Cells as images, as a share of the true class, or of the predicted class.",
    )
if cell := comparison.matrices(judged, Per(per), look):
    st.switch_page("views/images.py", query_params=links.to_cell(shown, cell))
