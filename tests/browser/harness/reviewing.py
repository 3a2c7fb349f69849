"""`streamlit run` this: the review panel over the workspace in ``TAXOSCOPE_WORKSPACE``, many times over."""

from pathlib import Path

import streamlit as st

from dashboard.routes import routes

app = st.App(Path(__file__).with_name("reviewing_page.py"), routes=routes())
