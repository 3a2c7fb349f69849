"""Disagreements between people: how many are open, and the way to the queue in which somebody ends them."""

from collections.abc import Mapping, Sequence

import streamlit as st

from dashboard.actions.ordering import Queue
from dashboard.reviews.queue import QueueItem
from dashboard.words import counted, plain
from model_zoo.core.choices import Opinion, Order, Split


def open_conflicts(by_split: Mapping[Split, int]) -> None:
    """How many disagreements are open, with a link to the queue of each split; nothing where there is none."""
    if not by_split:
        return
    n = sum(by_split.values())
    st.markdown(f"People disagree about **{counted(n, 'image')}**, and nobody has adjudicated since:")
    with st.container(horizontal=True):
        for split, of_split in by_split.items():
            st.page_link(
                "views/review.py",
                label=f"Adjudicate {of_split:,} of {_images(split)}",
                icon=":material/gavel:",
                query_params={"order": [str(Order.CONFLICT)], "split": [str(split)]},
            )


def queue_line(
    queue: Queue, waiting: Sequence[QueueItem], opinion: Opinion, n_with_others: int, *, adjudicates: bool
) -> None:
    """What the queue holds, how it came about, and how many of it others have at hand."""
    wanted = "an answer" if opinion is Opinion.FIRST else "your second opinion"
    text = f"{plain(queue.about)}: {len(queue.items):,}; {len(waiting):,} wait for "
    text += "you to adjudicate" if adjudicates else wanted
    if n_with_others:
        text += f", {n_with_others:,} more {'is' if n_with_others == 1 else 'are'} with other reviewers now"
    if adjudicates:
        text += ". Your answer ends the disagreement; where agreement is measured it is no further opinion"
    st.caption(f"{text}.")


def _images(split: Split) -> str:
    return "no split" if split is Split.NONE else f"the {split} split"
