"""The controls that say what is shown; the address holds their values."""

from collections.abc import Mapping, Sequence

import streamlit as st

from dashboard import state
from dashboard.actions.compare import Subject
from dashboard.links import Shown
from dashboard.reviews.queue import QueueItem
from model_zoo.core.choices import ClassFigure, Labels, Per, Space, Split

_NAMES = {
    Space.NATIVE: "Native",
    Space.COMMON: "Common ground",
    Labels.ORIGINAL: "Original labels",
    Labels.REVIEWED: "As reviewed",
    Split.TEST: "Test",
    Split.VALIDATION: "Validation",
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
    st.segmented_control(
        "Label space",
        list(Space),
        key=state.shows("shown_space", shown.space),
        format_func=_NAMES.__getitem__,
        required=True,
        disabled=not mixed,
        help="Native: each in the classes it was trained on. Common ground: all in the finest classes they share; "
        "the model's answer is mapped, not asked again.",
        label_visibility="collapsed",
        on_change=lambda: state.write_query({"space": [str(state.get("shown_space"))]}),
    )


def split_switch(shown: Shown) -> None:
    """Test or validation."""
    st.segmented_control(
        "Split",
        [Split.TEST, Split.VALIDATION],
        key=state.shows("shown_split", shown.split),
        format_func=_NAMES.__getitem__,
        required=True,
        label_visibility="collapsed",
        on_change=lambda: state.write_query({"split": [str(state.get("shown_split"))]}),
    )


def labels_switch(shown: Shown) -> None:
    """Original labels or as reviewed: one switch that recomputes everything."""
    st.segmented_control(
        "Labels",
        list(Labels),
        key=state.shows("shown_labels", shown.labels),
        format_func=_NAMES.__getitem__,
        required=True,
        label_visibility="collapsed",
        on_change=lambda: state.write_query({"labels": [str(state.get("shown_labels"))]}),
    )


def figure_switch(figure: ClassFigure) -> ClassFigure:
    """Recall, precision or F1 of each class."""
    st.segmented_control(
        "Figure",
        list(ClassFigure),
        key=state.shows("compare_figure", figure),
        required=True,
        label_visibility="collapsed",
        help="Recall: of the images of a class, the share found. Precision: of the images called so, the share "
        "that are. A class can rise in one by falling in the other; F1 weighs both.",
        on_change=lambda: state.write_query({"figure": [str(state.get("compare_figure"))]}),
    )
    return figure


def per_switch(per: Per) -> Per:
    """What the cells of a matrix are shares of."""
    st.segmented_control(
        "Share of",
        list(Per),
        key=state.shows("compare_per", per),
        required=True,
        label_visibility="collapsed",
        help="Cells as images, as a share of the true class, or of the predicted class.",
        on_change=lambda: state.write_query({"per": [str(state.get("compare_per"))]}),
    )
    return per


def queue_line(listed: bool, items: Sequence[QueueItem], waiting: Sequence[QueueItem], shown: Shown) -> None:
    """What the queue holds and how it came about."""
    what = (
        "The images listed in Images"
        if listed
        else "Images that some chosen run gets wrong, most runs first "
        f"({_NAMES[shown.space].lower()}, {shown.split} split)"
    )
    st.caption(f"{what}: {len(items):,}; {len(waiting):,} wait for an answer.")
