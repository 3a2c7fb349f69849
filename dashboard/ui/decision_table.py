"""Table of review decisions."""

from collections import Counter
from collections.abc import Iterable, Sequence

import pandas as pd
import streamlit as st

from dashboard.decisions.consensus import in_force, standing_labels
from dashboard.decisions.decision import Answer, Decision
from dashboard.ui import state
from dashboard.words import counted
from model_zoo.core.review.consensus_rule import Rule


def decisions_summary(decisions: Sequence[Decision], rule: Rule) -> None:
    """Counts in one line, and the rule that combines several decisions about one image."""
    answers = [decision for decision in decisions if decision.answer is not Answer.UNDO]
    standing = sum(decision.answer is not Answer.UNDO for decision in in_force(decisions))
    people = len({decision.reviewer for decision in decisions})
    st.markdown(
        f"**{counted(len(answers), 'decision')}** by {counted(people, 'person', 'people')}, "
        f"{len(answers) - standing:,} of them undone; "
        f"images with a standing label: {len(standing_labels(decisions, rule)):,}."
    )
    st.caption(f"{rule.words} (`[review] rule` in workspace.toml: {rule})")


def filter_decisions(decisions: Sequence[Decision], reviewer: str | None, image_id: str | None) -> tuple[Decision, ...]:
    """Filter by reviewer, image, or both; the choice is written to the address."""
    left, right, _ = st.columns([1, 1, 2])
    with left:
        _filter("reviewer", "Reviewer", "Everybody", [one.reviewer for one in decisions], reviewer)
    with right:
        _filter("image", "Image", "All images", [one.image_id for one in decisions], image_id)
    found = tuple(one for one in decisions if reviewer in (None, one.reviewer) and image_id in (None, one.image_id))
    if len(found) < len(decisions):
        st.caption(f"{len(found):,} of {counted(len(decisions), 'decision')}")
    return found


def table(decisions: Sequence[Decision], history: Sequence[Decision], *, key: str) -> str | None:
    """Table of ``decisions``, newest first; returns the image of the row that was clicked.

    ``history`` holds all decisions, so that undone ones are recognized.
    """
    newest = sorted(decisions, key=lambda decision: -(decision.decision_id or 0))
    event = st.dataframe(
        pd.DataFrame(rows(newest, history)),
        hide_index=True,
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        lazy=False,
    )
    picked = event["selection"]["rows"]
    return newest[picked[0]].image_id if picked else None


def rows(decisions: Iterable[Decision], history: Iterable[Decision]) -> list[dict[str, str]]:
    """Table rows of ``decisions``, which are part of the whole ``history``."""
    everything = tuple(history)
    kept = {decision.decision_id for decision in in_force(everything)}
    n_of_batch = Counter(decision.batch for decision in everything)
    return [
        {
            "when (UTC)": f"{one.time:%Y-%m-%d %H:%M:%S}",
            "who": one.reviewer,
            "image": one.image_id,
            "answer": _answer(one, undone=one.decision_id not in kept),
            "from": one.before,
            "to": one.after,
            "reason": one.reason,
            "note": one.note,
            "chosen by": one.chosen_by,
            "action": f"{n_of_batch[one.batch]:,} at once" if one.batch else "",
        }
        for one in decisions
    ]


def _answer(one: Decision, *, undone: bool) -> str:
    marks = {"adjudicating": one.adjudicates, "blind": one.blind, "undone": undone}
    more = ", ".join(word for word, holds in marks.items() if holds)
    return f"{one.answer.words} ({more})" if more else one.answer.words


def _filter(parameter: str, label: str, everything: str, values: Iterable[str], chosen: str | None) -> None:
    key = f"decisions_{parameter}"
    options = sorted({*values, *([chosen] if chosen else [])})
    st.selectbox(
        label,
        ["", *options],
        key=state.set_widget(key, chosen or ""),
        format_func=lambda value: value or everything,
        on_change=lambda: state.write_query({parameter: [str(state.get(key))] if state.get(key) else []}),
    )
