"""Page Data: images and patients by split and group, class balance, leakage, and file checks."""

import streamlit as st

from dashboard.address.data_view import read_data_view
from dashboard.data import cached as data_cached
from dashboard.data import counts_ui, file_checks_ui
from dashboard.evaluation.default_selection import default_counts
from dashboard.evaluation.image_counts import splits_of
from dashboard.runs import overview_ui
from dashboard.server_state import open_workspace
from dashboard.ui import controls, counts_only, plots, state

desk = open_workspace.desk()
dataset, taxonomies = desk.dataset(), desk.workspace.taxonomies()
view, splits = read_data_view(state.query(), default_counts(desk.workspace)), splits_of(dataset)

title, labels = st.columns([6, 2], vertical_alignment="center")
title.title("Data", anchor=False)
if not dataset.images:
    overview_ui.no_image_yet(dataset, desk.workspace.writable)
    st.stop()
with labels.container(horizontal=True, horizontal_alignment="right"):
    controls.switch(view.labels)
counts_ui.totals(dataset, splits)

head, by = st.columns([5, 3], vertical_alignment="bottom")
head.subheader("How many of what", anchor=False)
with by:
    counts_ui.count_by_picker(dataset, taxonomies, view)
counts_ui.group_counts(data_cached.counts(view), splits, view, plots.theme(state.dark()))

st.subheader("Patients in two splits", anchor=False)
counts_ui.patient_leakage(dataset)

head, theme = st.columns([5, 3], vertical_alignment="bottom")
head.subheader("Image files", anchor=False)
if counts_only.no_images_notice(dataset, "there are no files to look into."):
    st.stop()
with theme:
    stamp = file_checks_ui.file_check_button(desk)
looked = data_cached.file_checks(view.labels, stamp)
if opened := file_checks_ui.file_findings(looked, len(dataset.images), view.found, dataset.space):
    st.switch_page("inspect.py", query_params={"image": [opened]})
