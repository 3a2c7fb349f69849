"""The controls that say what is shown; the address holds their values."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import streamlit as st

from dashboard import state
from dashboard.actions.compare import Subject
from dashboard.actions.ordering import Queue
from dashboard.links import JUDGED, Shown
from dashboard.reviews.queue import QueueItem
from dashboard.words import plain
from model_zoo.core.choices import ClassFigure, Labels, Order, Per, Space, Split

_NAMES: Mapping[StrEnum, str] = {
    Space.NATIVE: "Native",
    Space.COMMON: "Common ground",
    Labels.ORIGINAL: "Original labels",
    Labels.REVIEWED: "As reviewed",
    Split.TEST: "Test",
    Split.VALIDATION: "Validation",
    Split.TRAIN: "Training",
    Order.WRONG: "Wrong in most runs",
    Order.LABEL_ERROR: "Likely label error",
    Order.MARGIN: "Low margin",
    Order.LOSS: "High loss",
    Order.DISAGREE: "Chosen runs disagree",
    Order.RANDOM: "Random",
}


def subject_picker(known: Mapping[str, Subject], shown: Shown) -> None:
    """Choose runs and series; the choice goes to the address."""
    st.multiselect(
        "Runs and series to compare",
        list(known),
        key=state.shows("shown_subjects", [one for one in shown.subjects if one in known]),
        format_func=lambda subject_id: known[subject_id].title,
        on_change=lambda: state.write_query({"of": state.get("shown_subjects") or [""], "space": [], "matrix": []}),
        placeholder="Choose runs or series",
        label_visibility="collapsed",
    )


def space_switch(shown: Shown, mixed: bool) -> None:
    """Native or common ground; fixed where all subjects have the same classes."""
    _switch(
        "space",
        "Label space",
        list(Space),
        shown.space,
        "Native: each in the classes it was trained on. Common ground: all in the finest classes they share; "
        "the model's answer is mapped, not asked again.",
        disabled=not mixed,
    )


def split_switch(shown: Shown, splits: Sequence[Split] = JUDGED) -> None:
    """Test, validation or whatever else the page can show."""
    _switch("split", "Split", splits, shown.split)


def labels_switch(shown: Shown) -> None:
    """Original labels or as reviewed: one switch that recomputes everything."""
    _switch("labels", "Labels", list(Labels), shown.labels)


def figure_switch(figure: ClassFigure) -> None:
    """Recall, precision or F1 of each class."""
    _switch(
        "figure",
        "Figure",
        list(ClassFigure),
        figure,
        "Recall: of the images of a class, the share found. Precision: of the images called so, the share "
        "that are. A class can rise in one by falling in the other; F1 weighs both.",
    )


def per_switch(per: Per) -> None:
    """What the cells of a matrix are shares of."""
    _switch(
        "per", "Share of", list(Per), per, "Cells as images, as a share of the true class, or of the predicted class."
    )


def order_picker(order: Order) -> None:
    """Which images wait for a reviewer, and which of them first."""
    st.selectbox(
        "Order of the queue",
        list(Order),
        key=state.shows("review_order", order),
        format_func=lambda option: _NAMES[option],
        on_change=lambda: state.write_query({"order": [str(state.get("review_order"))]}),
        label_visibility="collapsed",
        width=240,
    )


def queue_line(queue: Queue, waiting: Sequence[QueueItem]) -> None:
    """What the queue holds and how it came about."""
    st.caption(f"{plain(queue.about)}: {len(queue.items):,}; {len(waiting):,} wait for an answer.")


def _switch(
    parameter: str,
    label: str,
    options: Sequence[StrEnum],
    value: StrEnum,
    help: str | None = None,
    *,
    disabled: bool = False,
) -> None:
    """One value among few; a change goes to ``parameter`` of the address."""
    key = f"shown_{parameter}"
    st.segmented_control(
        label,
        options,
        key=state.shows(key, value),
        format_func=lambda option: _NAMES.get(option, str(option)),
        required=True,
        disabled=disabled,
        help=help,
        label_visibility="collapsed",
        on_change=lambda: state.write_query({parameter: [str(state.get(key))]}),
    )
