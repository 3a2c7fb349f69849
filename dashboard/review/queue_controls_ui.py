"""The controls of a review queue; the address holds their values."""

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from dashboard.address.links import Cell, Filter, Shown, images_words
from dashboard.address.queue import Order, QueueView, Status, filters_text
from dashboard.decisions.queue import QueueItem
from dashboard.evaluation.comparison import Subject
from dashboard.evaluation.confusion_cells import cell_words
from dashboard.evaluation.filters import LABEL, PATIENT
from dashboard.evaluation.queue_order import Queue
from dashboard.ui import controls, state
from dashboard.words import counted, one_of, plain
from model_zoo.core.label_space.splits import Split

_ORDERS = {
    Order.WRONG: "Wrong in most runs",
    Order.LABEL_ERROR: "Likely label error",
    Order.MARGIN: "Low margin",
    Order.LOSS: "High loss",
    Order.DISAGREE: "Chosen runs disagree",
    Order.CONFLICT: "People disagree",
    Order.CELL: "One confusion cell",
    Order.CLASS: "One class",
    Order.UNSEEN: "Not yet seen by me",
    Order.RANDOM: "Random",
}

_STATUSES = {
    Status.WAITING: "waiting for an answer",
    Status.ANSWERED: "answered",
    Status.FLAGGED: "flagged for a talk",
    Status.CANNOT_TELL: "cannot tell",
}

_ANYBODY = "anybody"


def order_picker(order: Order) -> None:
    """Which images wait for a reviewer, and which of them first."""
    st.selectbox(
        "Order of the queue",
        list(Order),
        key=state.set_widget("review_order", order),
        format_func=_ORDERS.__getitem__,
        on_change=lambda: state.write_query({"order": [str(state.get("review_order"))], **controls.ANY_SIDES}),
        label_visibility="collapsed",
        width=185,
    )


def cell_picker(cells: Mapping[Cell, int], subjects: Sequence[Subject], cell: Cell | None, order: Order) -> Cell | None:
    """Whose cell or class the queue is of, and which; the address may name one that is not offered.

    Returns it; that with most images until one is chosen.
    """
    if not order.uses_cell:
        return None
    titles = {one.subject_id: one.title for one in subjects}
    subject_id = cell.subject if cell else next(iter(titles), "")
    if len(titles) > 1:
        st.selectbox(
            "Whose classes",
            list(titles),
            key=state.set_widget("review_of", subject_id),
            format_func=titles.__getitem__,
            on_change=lambda: state.write_query({**controls.ANY_CELL, "cell": [state.get("review_of")]}),
            label_visibility="collapsed",
            width=160,
        )
    offered = dict(cells)
    chosen = cell if cell and cell.named else max(offered, key=offered.__getitem__, default=None)
    if chosen is None:
        return cell
    offered.setdefault(chosen, 0)
    options = list(offered)
    words = [f"{cell_words(one)} ({n:,})" if n else cell_words(one) for one, n in offered.items()]
    key = state.set_widget("review_cell", options.index(chosen))
    st.selectbox(
        "One confusion cell" if order is Order.CELL else "One class",
        range(len(options)),
        key=key,
        format_func=words.__getitem__,
        on_change=lambda: state.write_query({**controls.ANY_CELL, **options[state.get(key)].query()}),
        label_visibility="collapsed",
        width=215,
    )
    return chosen


def opinion_switch(view: QueueView) -> None:
    """Images without an answer, or those that somebody else has labelled."""
    controls.switch(
        view.opinion, disabled=view.status is not Status.WAITING or view.order in (Order.UNSEEN, Order.CONFLICT)
    )


def filters(
    view: QueueView,
    shown: Shown,
    subjects: Sequence[Subject],
    offered: Mapping[Filter, str],
    patients: Mapping[Filter, str],
    people: Sequence[str],
) -> None:
    """The split and every further filter, behind one button that says which are set."""
    with st.popover(_filters_words(view, shown), icon=":material/filter_list:"):
        controls.switch(shown.split, view.splits)
        controls.space_switch(shown, len({one.taxonomy.hash for one in subjects}) > 1)
        columns: dict[str, dict[Filter, str]] = {LABEL: {}}
        for where, name in offered.items():
            columns.setdefault(where.column, {})[where] = name.removeprefix("true class ")
        columns[PATIENT] = dict(patients)
        for where in view.where:
            columns.setdefault(where.column, {}).setdefault(where, where.words)
        for column, names in columns.items():
            if names:
                _column_picker(column, names, view)
        left, right = st.columns(2)
        with left:
            st.selectbox(
                "Status",
                list(Status),
                key=state.set_widget("review_status", view.status),
                format_func=_STATUSES.__getitem__,
                disabled=view.adjudicates,
                on_change=lambda: state.write_query({"status": _unless("review_status", Status.WAITING)}),
            )
        with right:
            st.selectbox(
                "By",
                list(dict.fromkeys([_ANYBODY, *people, *([view.by] if view.by else [])])),
                key=state.set_widget("review_by", view.by or _ANYBODY),
                disabled=view.status is Status.WAITING,
                on_change=lambda: state.write_query({"by": _unless("review_by", _ANYBODY)}),
            )
        if view.where or view.status is not Status.WAITING:
            st.button(
                "Show all images",
                key="review_all",
                on_click=partial(state.write_query, {"where": [], "status": [], "by": []}),
            )


def queue_words(
    queue: Queue, wanted: Sequence[QueueItem], n_asked: int, view: QueueView, shown: Shown, n_with_others: int
) -> str:
    """What the queue holds, how it came about, how much is with others; nothing that would tell a second reviewer."""
    if view.adjudicates:
        text = f"{queue.about}: {n_asked:,}; {len(wanted):,} wait for you to adjudicate. Your answer ends the "
        text += "disagreement; where agreement is measured, it is no further opinion."
    elif view.status is not Status.WAITING:
        text = f"{queue.about}; {view.status_words}: {n_asked:,}; {len(wanted):,} you have not gone over here."
    elif view.order is Order.UNSEEN:
        text = f"{queue.about}: {n_asked:,}; {len(wanted):,} wait for you."
    elif view.second:
        images = images_words(shown.split, None) + (f" where {filters_text(view.where)}" if view.where else "")
        text = f"Images of the {images} that others have labelled and you have not: "
        text += f"{len(wanted):,} wait for your second opinion."
    else:
        text = f"{queue.about}: {n_asked:,}; {len(wanted):,} wait for an answer."
    if n_with_others:
        text += f" {n_with_others:,} more {'is' if n_with_others == 1 else 'are'} with other reviewers now."
    return text


def _column_picker(column: str, names: Mapping[Filter, str], view: QueueView) -> None:
    options = {where.written: name for where, name in names.items()}
    others = [where.written for where in view.where if where.column != column]
    key = state.set_widget(f"review_where_{column}", [one.written for one in view.where if one.column == column])
    label = {LABEL: "True class", PATIENT: "Patient"}.get(column, column.replace("_", " "))
    st.multiselect(
        plain(label),
        list(options),
        key=key,
        format_func=options.__getitem__,
        placeholder="all",
        on_change=lambda: state.write_query({"where": [*others, *state.get(key)]}),
    )


def _filters_words(view: QueueView, shown: Shown) -> str:
    """What is set, short enough for a button."""
    set_here = [filters_text([one]) for one in view.where] + ([view.status_words] if view.status_words else [])
    words = "No split" if shown.split is Split.NONE else f"{str(shown.split).capitalize()} split"
    if not set_here:
        return words
    text = f"{words}, {one_of(set_here, 'and', 3)}"
    fits = len(text) <= 44 and not view.order.uses_cell
    return plain(text if fits else f"{words}, {counted(len(set_here), 'filter')}")


def _unless(key: str, value: str) -> list[str]:
    return [] if state.get(key) == value else [str(state.get(key))]
