"""Page of one run: model card, region attention and training curves."""

import streamlit as st

from dashboard.address import fields
from dashboard.runs import run_ui
from dashboard.runs.region_attention_ui import region_attention_section
from dashboard.server_state import open_workspace
from dashboard.ui import plots, state
from dashboard.words import no_run_yet, plain
from model_zoo.core.errors import LinkError

desk = open_workspace.desk()
runs = desk.runs()
asked = fields.text(state.query(), "run")
if asked is not None and asked not in runs:
    raise LinkError(f"There is no run {asked[:100]!r} in this workspace; choose one from Overview.")
if not runs:
    st.title("Run", anchor=False)
    st.info(no_run_yet(desk.workspace.folders))
    st.stop()
name = st.selectbox(
    "Run",
    list(runs),
    key=state.set_widget("run_name", asked or next(iter(runs))),
    on_change=lambda: state.write_query({"run": [state.get("run_name")], "region": []}),
)
run = runs[name]
st.title(plain(run.run_id), anchor=False)
run_ui.card(run.card)
st.subheader("Training", anchor=False)
run_ui.curves(run, open_workspace.desk().dataset(), plots.theme(state.dark()))
st.subheader("What does it look at?", anchor=False)
if opened := region_attention_section(open_workspace.desk(), run, state.query(), plots.theme(state.dark())):
    st.switch_page("inspect.py", query_params=opened)
