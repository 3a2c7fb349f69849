"""Page Overview: contents of the workspace, taxonomies, run groups, and next steps."""

import streamlit as st

from dashboard.address import links
from dashboard.runs import overview_ui
from dashboard.server_state import open_workspace
from dashboard.ui import cached, plots, state
from dashboard.words import no_run_yet, plain

desk = open_workspace.desk()
dataset, series = desk.dataset(), desk.series()

st.title(plain(desk.workspace.name), anchor=False)
st.markdown(plain(desk.workspace.description))
overview_ui.no_image_yet(dataset, desk.workspace.writable)
overview_ui.next_steps(series, dataset)
overview_ui.counts(dataset, series, len(desk.standing()))

st.subheader("From leaves to classes", anchor=False)
overview_ui.taxonomy_flow(desk.workspace.taxonomies(), dataset, plots.theme(state.dark()))

st.subheader("Trained series", anchor=False)
st.caption(
    "A series is one way of training, tried with several seeds. Each accuracy stands in its own label space "
    "(test split, original labels): a coarser task is easier, so these are not ranked. Compare them on common ground."
)
if series:
    overview_ui.series_table(series, lambda one: cached.comparison(links.Shown((one,))))
else:
    st.info(no_run_yet(desk.workspace.folders))
for sentence in desk.unreadable_runs():
    st.warning(plain(sentence))
st.caption(f"What you decide, keep and train is written to `{desk.workspace.writable}`.")
