"""Frame of all pages: settings, navigation, and the one place that shows errors."""

from pathlib import Path

import streamlit as st

from dashboard.server_state import open_workspace
from dashboard.ui import counts_only, state
from dashboard.ui.history import one_step_back
from dashboard.words import plain
from model_zoo.core.errors import TaxoScopeError

HERE = Path(__file__).resolve().parent

st.set_page_config(page_title="TaxoScope", page_icon=str(HERE.parent / "icon.png"), layout="wide")
page = st.navigation(
    [
        st.Page(HERE / "overview.py", title="Overview", icon=":material/account_tree:", default=True),
        st.Page(HERE / "taxonomies.py", title="Taxonomies", url_path="taxonomies", icon=":material/call_merge:"),
        st.Page(HERE / "compare.py", title="Compare", url_path="compare", icon=":material/grid_on:"),
        st.Page(HERE / "diagnose.py", title="Diagnose", url_path="diagnose", icon=":material/troubleshoot:"),
        st.Page(HERE / "images.py", title="Images", url_path="images", icon=":material/photo_library:"),
        st.Page(HERE / "data.py", title="Data", url_path="data", icon=":material/dataset:"),
        st.Page(HERE / "inspect.py", title="Inspect", url_path="inspect", icon=":material/search:"),
        st.Page(HERE / "review.py", title="Review", url_path="review", icon=":material/rate_review:"),
        st.Page(HERE / "decisions.py", title="Decisions", url_path="decisions", icon=":material/history:"),
        st.Page(HERE / "labels.py", title="Labels", url_path="labels", icon=":material/label:"),
        st.Page(HERE / "import_page.py", title="Import", url_path="import", icon=":material/download:"),
        st.Page(HERE / "run.py", title="Run", url_path="run", visibility="hidden"),
    ],
    position="top",
)
try:
    state.follow_request()
    open_workspace.reopened()
    state.show_sentence()
    counts_only.counts_only_notice(open_workspace.desk().dataset())
    page.run()
except TaxoScopeError as error:
    if open_workspace.outdated():  # an import declared the workspace anew while this page was drawn
        st.rerun()
    st.error(plain(str(error)))
    st.page_link("overview.py", label="Start from Overview", icon=":material/account_tree:")
one_step_back()
