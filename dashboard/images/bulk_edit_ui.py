"""Bulk edit of selected images: choose a label, preview the changes, decide, undo."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import streamlit as st

from dashboard.address.selection import Labels
from dashboard.decisions.decision import DecisionError
from dashboard.images.bulk_edit import LabelChanges, LabelChoice, label_changes, label_choices
from dashboard.server_state.batch_decisions import GivenLabel, decide_many, new_batch, undo_many
from dashboard.server_state.open_workspace import Desk
from dashboard.ui import state
from dashboard.ui.controls import ListLayout
from dashboard.words import counted, one_of, plain
from model_zoo.core.label_space.labels import Label

SHOWN_LABELS = 4

SELECTION_SOURCE = {
    ListLayout.GALLERY: "chosen together in Images",
    ListLayout.MAP: "a loop drawn in the map of Images",
}


def gallery_key(name: str, image_ids: Sequence[str] = ()) -> str:
    """Gallery key that changes after a bulk edit and with ``image_ids``, which resets the selection."""
    of = hashlib.sha256(repr(tuple(image_ids)).encode()).hexdigest()[:8]
    return f"gallery_{name}_{of}_{state.get('bulk_round', 0)}"


def selected_images(key: str, at_first: Sequence[str] = ()) -> tuple[tuple[str, ...], str]:
    """Ids selected in a gallery (``at_first`` before it was drawn), and the reviewer's name."""
    selection = state.get(key)
    if selection is None:
        return tuple(at_first), ""
    return tuple(selection["chosen"] or ()), str(selection["reviewer"] or "")


def label_selected(desk: Desk, image_ids: Sequence[str], reviewer: str, chosen_by: str) -> None:
    """Below a gallery: choose a label for ``image_ids``, preview and apply it, and undo."""
    labels = desk.labels(Labels.REVIEWED)
    known = {image_id: labels[image_id] for image_id in image_ids if image_id in labels}
    if done := state.get("bulk_done"):
        with st.bottom.container():
            _done(desk, *done)
    if not known:
        return
    space = desk.workspace.space
    choices = label_choices(space, desk.workspace.taxonomies().values())
    with st.bottom.container():
        by, becomes, who, give = st.columns([1.6, 2.4, 1.6, 1.6], vertical_alignment="bottom")
        group = by.selectbox("Label them by", list(choices), key="bulk_by")
        among = {one.words: one for one in choices[group]}
        words = becomes.selectbox("What they are", list(among), index=None, key=f"bulk_{group}", placeholder="Choose")
        name = who.text_input("Your name", value=reviewer, key="bulk_name", max_chars=100)
        choice = among[words] if words else None
        made = label_changes(choice, known, space) if choice else None

        def label() -> None:
            if choice and made:
                _give(desk, made, choice, name.strip(), chosen_by)

        give.button(
            f"Label {counted(len(made.labels) if made else len(known), 'image')}",
            type="primary",
            disabled=made is None or not made.labels,
            width="stretch",
            key="bulk_give",
            on_click=state.guarded(label),
        )
        st.caption(_preview(made, space.format) if made else f"**{counted(len(known), 'image')}** chosen.")


def _preview(made: LabelChanges, text: Callable[[Label], str]) -> str:
    new = Counter(text(label) for image_id, label in made.labels.items() if image_id not in made.same).most_common()
    parts = [f"{n:,} become {plain(label)}" for label, n in new[:SHOWN_LABELS]]
    if rest := new[SHOWN_LABELS:]:
        parts.append(f"{sum(n for _, n in rest):,} become {counted(len(rest), 'other label')}")
    if made.same:
        parts.append(f"{len(made.same):,} say that already and are confirmed")
    if made.impossible:
        named = plain(one_of(made.impossible, "and", 3))
        parts.append(f"{counted(len(made.impossible), 'image')} cannot be that and stay as they are ({named})")
    return "; ".join(parts) + ". One action: it can be undone as a whole."


def _give(desk: Desk, made: LabelChanges, choice: LabelChoice, reviewer: str, chosen_by: str) -> None:
    if not reviewer:
        raise DecisionError("Say who you are first: decisions carry your name.")
    space = desk.workspace.space
    given = [GivenLabel(image_id, space.format(label), reviewer) for image_id, label in made.labels.items()]
    batch = new_batch()
    decide_many(desk, given, batch, datetime.now(UTC), chosen_by=chosen_by, taxonomy=choice.taxonomy)
    state.put("bulk_done", (batch, reviewer, len(given), choice.words))
    state.increment_counter("bulk_round")


def _done(desk: Desk, batch: str, reviewer: str, n_images: int, words: str) -> None:
    said, undo = st.columns([6, 1], vertical_alignment="center")
    said.success(f"{counted(n_images, 'image')} labelled as {plain(words)}: saved, as one action.")
    undo.button("Undo", key="bulk_undo", width="stretch", on_click=state.guarded(lambda: _undo(desk, batch, reviewer)))


def _undo(desk: Desk, batch: str, reviewer: str) -> None:
    state.put("bulk_done", None)
    undo_many(desk, batch, reviewer, datetime.now(UTC))
