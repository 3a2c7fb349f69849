"""`streamlit run` this: the reviewer over generated pictures, storing into ``HARNESS_FOLDER``."""

from pathlib import Path

import streamlit as st

from tests.browser.harness.pictures import routes

app = st.App(Path(__file__).with_name("reviewing_page.py"), routes=routes())
