"""Browser history: makes a click that opens another page one step back."""

from dashboard.ui.component import component


def one_step_back() -> None:
    """Install `history.js` in this browser tab; draws nothing."""
    component("history", "<span></span>", js=("ui/history.js",))(key="one_step_back")
