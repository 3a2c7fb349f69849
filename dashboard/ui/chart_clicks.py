"""A click on a mark of a chart opens what is behind it."""

from collections.abc import Callable
from typing import TypeVar

from dashboard.address.links import Cell
from dashboard.ui import state

Open = Callable[[Cell], None]
T = TypeVar("T")


def chart_key(name: str) -> str:
    """A click navigates away; coming back, the chart must not repeat it: its key changes with each click."""
    return f"{name}_{state.get('chart_clicks', 0)}"


def on_click(key: str, cell: Callable[[str, str], T], open_cell: Callable[[T], None]) -> Callable[[], None]:
    """A callback for chart ``key``: opens the cell, or whatever the two names of the clicked mark make.

    The second click of a double click takes the mark's selection back. It reaches the server as a request for
    the page that the first click left, so it opens the same cell again: the first click wins.
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
