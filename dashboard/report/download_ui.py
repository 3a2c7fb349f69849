"""The button that downloads a report."""

from collections.abc import Callable, Sequence

import streamlit as st

from dashboard.diagnose.diagnosis import Diagnosis
from dashboard.evaluation.comparison import Comparison
from dashboard.evaluation.verdict import Judgement
from dashboard.report.report import build_report
from dashboard.server_state.open_workspace import Desk


def report_button(
    desk: Desk,
    compared: Comparison,
    judgements: Sequence[Judgement],
    diagnoses: Callable[[], Sequence[Diagnosis]],
) -> None:
    """Download the comparison as one HTML page; ``diagnoses`` is called only on a click."""
    st.download_button(
        "Report",
        lambda: build_report(desk, compared, judgements, diagnoses()).html,
        "comparison.html",
        "text/html",
        icon=":material/download:",
        help="One self-contained page: result, matrices, causes, what the runs look at, example images, hashes.",
    )
