"""Charts on pages, and clicks on their marks, which open the images of a mark."""

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from dashboard.address.links import Cell
from dashboard.ui import state

Open = Callable[[Cell], None]
T = TypeVar("T")


def chart(figure: object, key: str) -> None:
    """Draw a chart without controls or clicks."""
    st.plotly_chart(figure, key=key, theme=None, config={"displayModeBar": False})


def clickable_chart(figure: object, name: str, cell: Callable[[str, str], T], open_cell: Callable[[T], None]) -> None:
    """Draw a chart whose marks carry two names; a click opens ``cell`` of them."""
    key = chart_key(name)
    st.plotly_chart(
        figure,
        key=key,
        on_select=_on_click(key, cell, open_cell),
        selection_mode="points",
        theme=None,
        config={"displayModeBar": False, "doubleClick": False},
    )


def chart_key(name: str) -> str:
    """Chart key that changes with each click, so that a chart does not repeat the click when the user returns."""
    return f"{name}_{state.get('chart_clicks', 0)}"


def _on_click(key: str, cell: Callable[[str, str], T], open_cell: Callable[[T], None]) -> Callable[[], None]:
    """Callback for chart ``key``.

    The second click of a double click deselects the mark. It arrives as a request for the page that the first click
    left, so it opens the same cell again.
    """

    def call() -> None:
        points = state.get(key, {}).get("selection", {}).get("points", [])
        if points:
            state.increment_counter("chart_clicks")
            state.put(_OPENED, [key, *points[0]["customdata"]])
        chart, *names = state.get(_OPENED, [""])
        if chart == key:
            open_cell(cell(*names))

    return call


_OPENED = "chart_opened"
