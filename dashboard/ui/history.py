"""Browser history: makes a click that opens another page one step back."""

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st


def one_step_back() -> None:
    """Install `history.js` in this browser tab; draws nothing."""
    _component()(key="one_step_back")


@cache
def _component() -> Any:
    return st.components.v2.component(
        "taxoscope_history", html="<span></span>", js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
    )
