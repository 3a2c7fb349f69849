"""Compare: per-class figures and confusion matrices of runs and series, side by side."""

import streamlit as st

from dashboard import cached, charts, links, state
from dashboard.actions.opening import opening
from dashboard.parts import comparison, controls
from model_zoo.core.choices import ClassFigure, Per

desk = cached.desk()
known = cached.subjects()
query = state.query()
shown = links.read_shown(query, opening(desk))

title, labels, split, space = st.columns([4, 3.1, 2.2, 3.1], vertical_alignment="center")
title.title("Compare", anchor=False)
controls.subject_picker(known, shown)
if not shown.subjects:
    st.info(
        "Choose at least one run or series above."
        if known
        else "There is no trained run yet. Train some with `taxoscope train --taxonomy NAME --seeds 0-2`."
    )
    st.stop()

judged = cached.comparison(shown)
with labels:
    controls.labels_switch(shown)
with split:
    controls.split_switch(shown)
with space:
    controls.space_switch(shown, judged.mixes_label_spaces)

comparison.label_space(judged, len(desk.standing()))
comparison.headline(judged)

head, which = st.columns([5, 3], vertical_alignment="bottom")
head.subheader("Each class", anchor=False)
with which:
    figure = controls.figure_switch(links.choice(query, "figure", ClassFigure, ClassFigure.RECALL))
look = charts.look(state.dark())
if cell := comparison.classes(judged, figure, look):
    st.switch_page("views/images.py", query_params=links.to_cell(shown, cell))

head, which = st.columns([5, 3], vertical_alignment="bottom")
head.subheader("Confusion", anchor=False)
with which:
    per = controls.per_switch(links.choice(query, "per", Per, Per.TRUE))
if cell := comparison.matrices(judged, per, query.get("matrix", ()), look):
    st.switch_page("views/images.py", query_params=links.to_cell(shown, cell))
