"""The word *saved*, ahead of the page."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st


def acknowledgement(stored: Mapping[str, int], *, key: str) -> None:
    """Tell the browser what is ``stored``, {client_id: highest seq}, before the rest of the page runs; draws nothing.

    Nothing is to be told while any proposal is refused: only the reviewer itself shows which.
    """
    _component()(data={"stored": dict(stored)}, key=key)


@cache
def _component() -> Any:
    return st.components.v2.component(
        "taxoscope_acknowledgement",
        html="<span></span>",
        js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
    )
