"""Data: how many images of how many patients there are, of what, how evenly, and what is wrong with their files."""

import streamlit as st

from dashboard import cached, charts, state
from dashboard.actions.data_counts import splits_of
from dashboard.actions.opening import opening_counts
from dashboard.data_view import read_data_view
from dashboard.parts import controls, counted, data_counts, data_files, overview
from model_zoo.core.choices import Labels

desk = cached.desk()
dataset, taxonomies = desk.dataset(), desk.workspace.taxonomies()
view, splits = read_data_view(state.query(), opening_counts(desk.workspace)), splits_of(dataset)

title, labels = st.columns([6, 2], vertical_alignment="center")
title.title("Data", anchor=False)
if not dataset.images:
    overview.no_image_yet(dataset, desk.workspace.writable)
    st.stop()
with labels.container(horizontal=True, horizontal_alignment="right"):
    controls.switch("labels", "Labels", list(Labels), view.labels)
data_counts.totals(dataset, splits)

head, by = st.columns([5, 3], vertical_alignment="bottom")
head.subheader("How many of what", anchor=False)
with by:
    data_counts.by_picker(dataset, taxonomies, view)
data_counts.counted_by(cached.counts(view), splits, view, charts.look(state.dark()))

st.subheader("Patients in two splits", anchor=False)
data_counts.in_two_splits(dataset)

head, look = st.columns([5, 3], vertical_alignment="bottom")
head.subheader("Image files", anchor=False)
if counted.nothing_to_see(dataset, "there are no files to look into."):
    st.stop()
with look:
    stamp = data_files.looking(desk)
looked = cached.looked(view.labels, stamp)
if opened := data_files.findings(looked, len(dataset.images), view.found, dataset.space):
    st.switch_page("views/inspect.py", query_params={"image": [opened]})
