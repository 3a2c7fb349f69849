"""The number of open disagreements, and the link to their queue."""

from collections.abc import Mapping

import streamlit as st

from dashboard.address.queue import Order
from dashboard.words import counted
from model_zoo.core.label_space.splits import Split


def open_conflicts(by_split: Mapping[Split, int]) -> None:
    """How many disagreements are open, with a link to the queue of each split; nothing where there is none."""
    if not by_split:
        return
    n = sum(by_split.values())
    st.markdown(f"People disagree about **{counted(n, 'image')}**, and nobody has adjudicated since:")
    with st.container(horizontal=True):
        for split, of_split in by_split.items():
            st.page_link(
                "review.py",
                label=f"Adjudicate {of_split:,} of {_images(split)}",
                icon=":material/gavel:",
                query_params={"order": [str(Order.CONFLICT)], "split": [str(split)]},
            )


def _images(split: Split) -> str:
    return "no split" if split is Split.NONE else f"the {split} split"
