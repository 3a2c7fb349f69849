"""The reviewer: a queue of images, each answered by keyboard or mouse."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

_SCRIPTS = ("labels.js", "outbox.js", "dom.js", "reviewer_flow.js", "reviewer.js")


def reviewer(data: Mapping[str, Any], *, key: str, on_log: Callable[[], None]) -> Any:
    """Draw the queue; ``on_log`` is called when decisions arrive, as ``st.session_state[key].log``.

    ``data`` is described in `CONTRIBUTING.md`, "The reviewer's data". The log holds every proposal
    that the browser does not yet know to be stored, oldest first; the same ones come again until
    ``data["acked"]`` or ``data["rejected"]`` names them.
    """
    return _component()(data={**data, "key": key}, key=key, default={"log": []}, on_log_change=on_log)


@cache
def _component() -> Any:
    here = Path(__file__).parent
    return st.components.v2.component(
        "taxoscope_reviewer",
        html='<div class="reviewer"></div>',
        css="\n".join((here / name).read_text(encoding="utf-8") for name in ("frame.css", "reviewer.css")),
        js="\n".join((here / name).read_text(encoding="utf-8") for name in _SCRIPTS),
    )
