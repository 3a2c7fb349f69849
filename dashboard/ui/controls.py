"""Controls that select what is shown; their values are kept in the address."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

import streamlit as st

from dashboard.address.links import Filter, Shown
from dashboard.address.queue import Opinion
from dashboard.address.selection import ClassOrder, Labels, LabelWork, Matrices, Opens, Space
from dashboard.evaluation.comparison import Subject
from dashboard.evaluation.missing_predictions import runs_without_predictions
from dashboard.server_state.open_workspace import Desk
from dashboard.ui import state
from dashboard.words import plain
from model_zoo.core.evaluation.confusion import Per
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.metrics import ClassFigure
from model_zoo.core.label_space.splits import Split


class ListLayout(StrEnum):
    """Layout of an image list: a gallery, or an embedding plot."""

    GALLERY = "gallery"
    MAP = "map"


_NAMES: Mapping[StrEnum, str] = {
    Space.NATIVE: "Native",
    Space.COMMON: "Common ground",
    Labels.ORIGINAL: "Original labels",
    Labels.REVIEWED: "As reviewed",
    Matrices.EACH: "Each",
    Matrices.DIFFERENCE: "Difference",
    ClassOrder.TAXONOMY: "As in the taxonomy",
    ClassOrder.CONFUSED: "Confused together",
    ListLayout.GALLERY: "Gallery",
    ListLayout.MAP: "Map",
    Opens.IMAGES: "Opens images",
    Opens.REVIEW: "Opens a review",
    Opinion.FIRST: "First opinion",
    Opinion.SECOND: "Second opinion",
    LabelWork.SETS: "Label sets",
    LabelWork.EXPORT: "Export",
    LabelWork.IMPORT: "Import",
    Split.TEST: "Test",
    Split.VALIDATION: "Validation",
    Split.TRAIN: "Training",
    Split.NONE: "No split",
}

_SWITCHES: Mapping[type[StrEnum], tuple[str, str, str | None]] = {
    Space: (
        "space",
        "Label space",
        "Native: each in the classes it was trained on. Common ground: all in the finest classes they share; "
        "the model's answer is mapped, not asked again.",
    ),
    Split: ("split", "Split", None),
    Labels: ("labels", "Labels", None),
    ClassFigure: (
        "figure",
        "Figure",
        "Recall: of the images of a class, the share found. Precision: of the images called so, the share "
        "that are. A class can rise in one by falling in the other; F1 weighs both.",
    ),
    Matrices: (
        "matrices",
        "Matrices",
        "Each subject's own matrix, or what the second has more or less than the first, cell by cell.",
    ),
    Per: ("per", "Share of", "Cells as images, as a share of the true class, or of the predicted class."),
    ClassOrder: (
        "order",
        "Order of the classes",
        "As in the taxonomy, or so that classes which are confused with each other stand together: average-linkage "
        "clustering of the shares confused, with optimal leaf order. Matrices side by side in the same classes "
        "have the same order.",
    ),
    Opens: (
        "opens",
        "A click on a cell",
        "A click on a cell opens its images as a list, or as a queue on Review.",
    ),
    ListLayout: (
        "as",
        "Arranged",
        "Gallery: one after the other. Map: as points, near those that look alike to a run; draw a loop around some "
        "to label them together.",
    ),
    Opinion: (
        "opinion",
        "Opinion",
        "First: images that nobody has answered. Second: images that others have labelled and you have not; what "
        "they said is hidden, so that your answer does not lean on it.",
    ),
    LabelWork: ("work", "What to do", None),
}
"""Enumeration -> its parameter in the address, its label, and its help."""

ANY_CLASSES: Mapping[str, list[str]] = {"group": [], "open": [], "only": []}
"""Forgets which classes the matrices show: with other classes those choices mean nothing."""

ANY_SIDES: Mapping[str, list[str]] = {"true": [], "predicted": [], "either": [], "summing": []}
"""Forgets which cell a queue is of, though not whose: in other classes its names mean nothing."""

ANY_CELL: Mapping[str, list[str]] = {"cell": [], **ANY_SIDES}
"""Forgets which cell a queue is of, and whose."""


def subject_picker(known: Mapping[str, Subject], shown: Shown) -> None:
    """Select runs and run groups; the choice is written to the address."""
    st.multiselect(
        "Runs and series to compare",
        list(known),
        key=state.set_widget("shown_subjects", [one for one in shown.subjects if one in known]),
        format_func=lambda subject_id: known[subject_id].title,
        on_change=lambda: state.write_query(
            {
                "of": state.get("shown_subjects") or [""],
                "space": [],
                "matrix": [],
                "coarser": [],
                **ANY_CLASSES,
                **ANY_CELL,
            }
        ),
        placeholder="Choose runs or series",
        label_visibility="collapsed",
    )


def space_switch(shown: Shown, mixed: bool) -> None:
    """Select original or shared classes; disabled if all subjects have the same classes."""
    switch(shown.space, disabled=not mixed, forget={**ANY_CLASSES, **ANY_SIDES})


def filter_picker(offered: Mapping[Filter, str], shown: Shown, what: str = "Everything on this page is") -> None:
    """Filter images by a column value, a range of numbers or a true class; everything is computed again."""
    chosen = shown.where
    names = {"": "All images"} | {where.written: name for where, name in offered.items()}
    value = chosen.written if chosen else ""
    if chosen:
        names.setdefault(value, chosen.words)
    st.selectbox(
        "Images",
        list(names),
        key=state.set_widget("shown_where", value),
        format_func=names.__getitem__,
        label_visibility="collapsed",
        width=230,
        help=f"{what} computed again over some of the images only.",
        on_change=lambda: state.write_query({"where": [state.get("shown_where")] if state.get("shown_where") else []}),
    )


def no_predictions(desk: Desk, subjects: Sequence[Subject], shown: Shown) -> bool:
    """Whether a subject has no predictions of the split; if so, shows which one and the command to use."""
    if sentence := runs_without_predictions(desk, subjects, shown.split):
        st.info(sentence)
    return bool(sentence)


def no_images(evaluations: Sequence[Evaluation], shown: Shown) -> bool:
    """Whether no image is left to evaluate; if so, shows what to do."""
    if any(len(one.truth) for one in evaluations):
        return False
    images = f"No image of the {plain(shown.images)} can be judged here."
    if shown.where is None:
        st.info(f"{images} Choose another split.")
    else:
        st.info(f"{images} Take the restriction away, or choose another split.")
        st.button("Show all images", key="shown_all", on_click=lambda: state.write_query({"where": []}))
    return True


def switch(
    value: StrEnum,
    options: Sequence[StrEnum] = (),
    *,
    disabled: bool = False,
    forget: Mapping[str, list[str]] = MappingProxyType({}),
) -> None:
    """Select another value of an enumeration, or of ``options``; parameters in ``forget`` are removed.

    The choice is written to the address.
    """
    parameter, label, help = _SWITCHES[type(value)]
    key = f"shown_{parameter}"
    st.segmented_control(
        label,
        options or list(type(value)),
        key=state.set_widget(key, value),
        format_func=lambda option: _NAMES.get(option, str(option)),
        required=True,
        disabled=disabled,
        help=help,
        label_visibility="collapsed",
        on_change=lambda: state.write_query({parameter: [str(state.get(key))], **forget}),
    )
