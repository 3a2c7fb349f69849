"""Components of our own in a page: markup with styles and a script."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

_DASHBOARD = Path(__file__).parents[1]


@cache
def component(name: str, html: str, css: Sequence[str] = (), js: Sequence[str] = ()) -> Any:
    """The component ``name``; its styles and scripts are files of the dashboard, joined in their order."""
    styles, script = ("\n".join((_DASHBOARD / one).read_text(encoding="utf-8") for one in files) for files in (css, js))
    return st.components.v2.component(f"taxoscope_{name}", html=html, css=styles or None, js=script)
