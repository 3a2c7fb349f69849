"""The controls that say what is shown; the address holds their values."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import streamlit as st

from dashboard import state
from dashboard.actions.compare import Subject
from dashboard.links import Shown, Where
from dashboard.reviews.queue import QueueItem
from dashboard.words import plain
from model_zoo.core.choices import ClassFigure, Labels, Per, Space, Split

_NAMES: Mapping[StrEnum, str] = {
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
    _switch(
        "space",
        "Label space",
        list(Space),
        shown.space,
        "Native: each in the classes it was trained on. Common ground: all in the finest classes they share; "
        "the model's answer is mapped, not asked again.",
        disabled=not mixed,
    )


def split_switch(shown: Shown) -> None:
    """Test or validation."""
    _switch("split", "Split", [Split.TEST, Split.VALIDATION], shown.split)


def labels_switch(shown: Shown) -> None:
    """Original labels or as reviewed: one switch that recomputes everything."""
    _switch("labels", "Labels", list(Labels), shown.labels)


def where_picker(offered: Mapping[Where, str], shown: Shown) -> None:
    """All images, or some: a value of a column, a range of numbers, a true class; everything is computed again."""
    chosen = shown.where
    names = {"": "All images"} | {where.written: name for where, name in offered.items()}
    value = chosen.written if chosen else ""
    if chosen:
        names.setdefault(value, chosen.words)
    st.selectbox(
        "Images",
        list(names),
        key=state.shows("shown_where", value),
        format_func=names.__getitem__,
        label_visibility="collapsed",
        width=230,
        help="Everything on this page is computed again over some of the images only.",
        on_change=lambda: state.write_query({"where": [state.get("shown_where")] if state.get("shown_where") else []}),
    )


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


def queue_line(listed: bool, items: Sequence[QueueItem], waiting: Sequence[QueueItem], shown: Shown) -> None:
    """What the queue holds and how it came about."""
    what = (
        "The images listed in Images"
        if listed
        else "Images that some chosen run gets wrong, most runs first "
        f"({_NAMES[shown.space].lower()}, {plain(shown.images)})"
    )
    st.caption(f"{what}: {len(items):,}; {len(waiting):,} wait for an answer.")


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
