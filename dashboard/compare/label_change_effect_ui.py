"""Section "effect of review": each subject with original and corrected labels, and the random-sample estimate."""

from functools import partial

import pandas as pd
import streamlit as st

from dashboard.address.links import Cell, Shown, page_url
from dashboard.address.queue import Order
from dashboard.address.selection import Labels
from dashboard.evaluation import label_change_effect_words as words
from dashboard.evaluation.label_change_effect import ChangedSubject, LabelChanges
from dashboard.words import plain
from model_zoo.core.review.label_change_effect import LabelChangeEffect


def label_change_section(found: LabelChanges | None, shown: Shown) -> None:
    """A row per subject, the direction of the bias, and the random-sample estimate; draws nothing without reviews."""
    if found is None:
        return
    st.subheader("What reviewing changed", anchor=False)
    st.caption(f"{plain(words.coverage(found))}. {words.HOW_TO_READ}; numbers open the images.")
    rows = [words.row(found, one, partial(_link, one, shown)) for one in found.subjects]
    st.table(pd.DataFrame(rows).set_index("subject"), border="horizontal")
    st.markdown("\n".join(f"- {line}" if found.chosen else line for line in words.leans(found)))
    for line in words.rankings(found):
        st.markdown(line)
    if found.drawn:
        st.caption(plain(words.sample(found)))
    if not found.complete:
        _sample_more(found, shown)


def _link(changed: ChangedSubject, shown: Shown, moved: LabelChangeEffect, n_images: int) -> str:
    if not n_images:
        return "0"
    labels = Labels.REVIEWED if moved is LabelChangeEffect.COUNTED else Labels.ORIGINAL
    query = shown.query() | {"labels": [str(labels)]} | Cell(changed.subject.subject_id, moved=moved).query()
    return f"[{n_images:,}]({page_url('images', query)})"


def _sample_more(found: LabelChanges, shown: Shown) -> None:
    if not found.drawn:
        st.caption(words.WHAT_FOR)
    seed = {"seed": [str(found.seed)]} if found.seed else {}
    st.page_link(
        "review.py",
        label="Go on in random order" if found.drawn else "Review in random order",
        icon=":material/shuffle:",
        query_params=shown.query() | {"labels": [str(Labels.ORIGINAL)], "order": [str(Order.RANDOM)]} | seed,
    )
