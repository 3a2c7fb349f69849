"""`streamlit run` this: the viewer with a map, a slow one, an empty one and a run without maps."""

from pathlib import Path

import streamlit as st

from tests.browser.harness.pictures import routes

app = st.App(Path(__file__).with_name("viewing_page.py"), routes=routes())
