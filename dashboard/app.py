"""The frame around the views: page settings, navigation, and the one place that shows errors."""

import streamlit as st

from dashboard import cached, state
from dashboard.parts import counted
from dashboard.parts.history import one_step_back
from dashboard.words import plain
from model_zoo.core.errors import TaxoScopeError
from model_zoo.workspace import PROJECT

HERE = PROJECT / "dashboard"

st.set_page_config(page_title="TaxoScope", page_icon=str(HERE / "icon.png"), layout="wide")
page = st.navigation(
    [
        st.Page(HERE / "views/overview.py", title="Overview", icon=":material/account_tree:", default=True),
        st.Page(HERE / "views/taxonomies.py", title="Taxonomies", url_path="taxonomies", icon=":material/call_merge:"),
        st.Page(HERE / "views/compare.py", title="Compare", url_path="compare", icon=":material/grid_on:"),
        st.Page(HERE / "views/diagnose.py", title="Diagnose", url_path="diagnose", icon=":material/troubleshoot:"),
        st.Page(HERE / "views/images.py", title="Images", url_path="images", icon=":material/photo_library:"),
        st.Page(HERE / "views/data.py", title="Data", url_path="data", icon=":material/dataset:"),
        st.Page(HERE / "views/inspect.py", title="Inspect", url_path="inspect", icon=":material/search:"),
        st.Page(HERE / "views/review.py", title="Review", url_path="review", icon=":material/rate_review:"),
        st.Page(HERE / "views/decisions.py", title="Decisions", url_path="decisions", icon=":material/history:"),
        st.Page(HERE / "views/labels.py", title="Labels", url_path="labels", icon=":material/label:"),
        st.Page(HERE / "views/bring.py", title="Import", url_path="import", icon=":material/download:"),
        st.Page(HERE / "views/run.py", title="Run", url_path="run", visibility="hidden"),
    ],
    position="top",
)
try:
    state.follow()
    cached.reopened()
    state.show_sentence()
    counted.banner(cached.desk().dataset())
    page.run()
except TaxoScopeError as error:
    st.error(plain(str(error)))
    st.page_link("views/overview.py", label="Start from Overview", icon=":material/account_tree:")
one_step_back()
