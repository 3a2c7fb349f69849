"""Decisions as a table."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.reviews.decisions import Answer, Decision
from dashboard.reviews.standing import in_force, standing_labels
from dashboard.words import counted
from model_zoo.core.choices import Rule


def summary(decisions: Sequence[Decision], rule: Rule) -> None:
    """Counts in one line, and what several answers about one image come to."""
    answers = [decision for decision in decisions if decision.answer is not Answer.UNDO]
    standing = sum(decision.answer is not Answer.UNDO for decision in in_force(decisions))
    people = len({decision.reviewer for decision in decisions})
    st.markdown(
        f"**{counted(len(answers), 'decision')}** by {counted(people, 'person', 'people')}, "
        f"{len(answers) - standing:,} of them undone; "
        f"images with a standing label: {len(standing_labels(decisions, rule)):,}."
    )
    st.caption(f"{rule.words} (`[review] rule` in workspace.toml: {rule})")


def table(decisions: Sequence[Decision], *, key: str) -> str | None:
    """Newest first; returns the image of the row that was clicked."""
    kept = {decision.decision_id for decision in in_force(decisions)}
    newest = sorted(decisions, key=lambda decision: -(decision.decision_id or 0))
    rows = [
        {
            "when (UTC)": f"{decision.time:%Y-%m-%d %H:%M:%S}",
            "who": decision.reviewer,
            "image": decision.image_id,
            "answer": decision.answer.words + ("" if decision.decision_id in kept else " (undone)"),
            "from": decision.before,
            "to": decision.after,
            "note": decision.note,
            "chosen by": decision.chosen_by,
        }
        for decision in newest
    ]
    event = st.dataframe(
        pd.DataFrame(rows), hide_index=True, key=key, on_select="rerun", selection_mode="single-row", lazy=False
    )
    picked = event["selection"]["rows"]
    return newest[picked[0]].image_id if picked else None
