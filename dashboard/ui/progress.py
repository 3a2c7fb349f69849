"""Progress of a background job, with a cancel button."""

from typing import Any

import streamlit as st

from dashboard.server_state.jobs import Job
from dashboard.words import plain

EVERY_S = 1.5


def watch_job(job: Job[Any], doing: str, unit: str, key: str) -> None:
    """Show a running job, refreshed every `EVERY_S` seconds; reruns the page once it has ended.

    ``doing`` and ``unit`` describe the work if the job does not.
    """

    @st.fragment(run_every=EVERY_S)
    def shown() -> None:
        if not job.running:
            st.rerun()
        row = st.columns([3, 1.2], vertical_alignment="center")
        far = f"{job.done:,} of {job.of:,}"
        text = f"{plain(job.doing)}: {far}" if job.doing else f"{plain(doing)}: {far} {unit}"
        text = text if job.of else f"{plain(doing)} …"
        row[0].progress(job.share, "Cancelling …" if job.cancelling else text)
        row[1].button("Cancel", key=key, icon=":material/close:", disabled=job.cancelling, on_click=job.cancel)

    shown()
