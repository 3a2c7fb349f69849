"""Controls that select what is shown; their values are kept in the address."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

import streamlit as st

from dashboard.address.links import JUDGED, Filter, Shown
from dashboard.address.queue import Opinion
from dashboard.address.selection import ClassOrder, Labels, Matrices, Opens, Space
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
    Split.TEST: "Test",
    Split.VALIDATION: "Validation",
    Split.TRAIN: "Training",
    Split.NONE: "No split",
}

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


def opens_switch(opens: Opens) -> None:
    """Select what a click on a matrix cell opens."""
    switch(
        "opens",
        "A click on a cell",
        list(Opens),
        opens,
        "A click on a cell opens its images as a list, or as a queue on Review.",
    )


def space_switch(shown: Shown, mixed: bool) -> None:
    """Select original or shared classes; disabled if all subjects have the same classes."""
    switch(
        "space",
        "Label space",
        list(Space),
        shown.space,
        "Native: each in the classes it was trained on. Common ground: all in the finest classes they share; "
        "the model's answer is mapped, not asked again.",
        disabled=not mixed,
        forget={**ANY_CLASSES, **ANY_SIDES},
    )


def split_switch(shown: Shown, splits: Sequence[Split] = JUDGED) -> None:
    """Select test, validation or any other split of the page."""
    switch("split", "Split", splits, shown.split)


def labels_switch(shown: Shown) -> None:
    """Select original or corrected labels; everything is computed again."""
    switch("labels", "Labels", list(Labels), shown.labels)


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


def figure_switch(figure: ClassFigure) -> None:
    """Select recall, precision or F1."""
    switch(
        "figure",
        "Figure",
        list(ClassFigure),
        figure,
        "Recall: of the images of a class, the share found. Precision: of the images called so, the share "
        "that are. A class can rise in one by falling in the other; F1 weighs both.",
    )


def per_switch(per: Per) -> None:
    """Select the unit of matrix cells: counts, or shares of true or predicted."""
    switch(
        "per", "Share of", list(Per), per, "Cells as images, as a share of the true class, or of the predicted class."
    )


def matrices_switch(matrices: Matrices) -> None:
    """Select one matrix per subject, or the difference of two."""
    switch(
        "matrices",
        "Matrices",
        list(Matrices),
        matrices,
        "Each subject's own matrix, or what the second has more or less than the first, cell by cell.",
    )


def order_switch(order: ClassOrder) -> None:
    """Select the order of classes."""
    switch(
        "order",
        "Order of the classes",
        list(ClassOrder),
        order,
        "As in the taxonomy, or so that classes which are confused with each other stand together: average-linkage "
        "clustering of the shares confused, with optimal leaf order. Matrices side by side in the same classes "
        "have the same order.",
    )


def layout_switch(arranged: ListLayout) -> None:
    """Select gallery or embedding plot."""
    switch(
        "as",
        "Arranged",
        list(ListLayout),
        arranged,
        "Gallery: one after the other. Map: as points, near those that look alike to a run; draw a loop around some "
        "to label them together.",
    )


def switch(
    parameter: str,
    label: str,
    options: Sequence[StrEnum],
    value: StrEnum,
    help: str | None = None,
    *,
    disabled: bool = False,
    forget: Mapping[str, list[str]] = MappingProxyType({}),
) -> None:
    """Select one of a few values; the choice is written to ``parameter``, and parameters in ``forget`` are removed."""
    key = f"shown_{parameter}"
    st.segmented_control(
        label,
        options,
        key=state.set_widget(key, value),
        format_func=lambda option: _NAMES.get(option, str(option)),
        required=True,
        disabled=disabled,
        help=help,
        label_visibility="collapsed",
        on_change=lambda: state.write_query({parameter: [str(state.get(key))], **forget}),
    )
