"""The reference of what is measured in a browser: an almost empty page with one button whose click changes a text."""

import sys
import time
from pathlib import Path

from playwright.sync_api import Page

from tests.browser.serving import Served, free_port, settle

SCRIPT = """
import streamlit as st
n = st.session_state.setdefault("n", 0)
if st.button("go"):
    st.session_state.n = n = n + 1
st.write(f"clicked {n}")
"""


def empty_page(folder: Path) -> Served:
    """A server of that page, its files in ``folder``, with the settings of the dashboard's own; not yet started."""
    script, port = folder / "empty.py", free_port()
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    command += ["--server.headless", "true", "--browser.gatherUsageStats", "false", "--runner.postScriptGC", "false"]
    return Served(command, {}, folder / "empty.txt", port)


def opened(page: Page, url: str) -> Page:
    """The page at its address, drawn."""
    page.goto(url)
    settle(page)
    return page


def rerun_s(page: Page, turn: int) -> float:
    """Seconds from the click on its button to the changed text; ``turn`` counts clicks from 1."""
    started = time.perf_counter()
    page.get_by_role("button", name="go").click()
    page.get_by_text(f"clicked {turn}", exact=True).wait_for()
    return time.perf_counter() - started
