"""Clicks on chart marks, which open the images of a mark."""

from collections.abc import Callable
from typing import TypeVar

from dashboard.address.links import Cell
from dashboard.ui import state

Open = Callable[[Cell], None]
T = TypeVar("T")


def chart_key(name: str) -> str:
    """Chart key that changes with each click, so that a chart does not repeat the click when the user returns."""
    return f"{name}_{state.get('chart_clicks', 0)}"


def on_click(key: str, cell: Callable[[str, str], T], open_cell: Callable[[T], None]) -> Callable[[], None]:
    """Callback for chart ``key``: opens ``cell`` of the two names on the clicked mark.

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
