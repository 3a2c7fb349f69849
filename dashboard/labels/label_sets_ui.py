"""The sections of Labels on snapshots: save, list, restore, undo."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import pandas as pd
import streamlit as st

from dashboard.address.links import LabelsView
from dashboard.address.selection import Labels
from dashboard.decisions.decision import REVIEWER_MAX
from dashboard.labels.comparison_ui import flow_rows
from dashboard.labels.import_history import LabelBatch
from dashboard.labels.label_sets import labels_words, make_label_set, restore, to_restore
from dashboard.server_state.batch_decisions import new_batch, undo_many
from dashboard.server_state.open_workspace import Desk, LabelSets
from dashboard.ui import state
from dashboard.ui.state import reviewer_name
from dashboard.words import counted, plain
from model_zoo.core.errors import WorkspaceError
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.core.review.label_changes import label_changes, label_flows, named_by
from model_zoo.workspace.label_sets import MAX_NAME, MAX_NOTE, STANDING, LabelSet

_DONE = "labels_done"
MAX_BATCHES = 5


def your_name() -> str:
    """In whose name sets are made and labels stored; the reviewer's where Review knows it."""
    name = st.text_input(
        "Your name",
        key=state.init_widget("labels_who", reviewer_name("review_panel")),
        max_chars=REVIEWER_MAX,
        placeholder="Your name",
        label_visibility="collapsed",
        persist_state="session",
    )
    return str(name or "").strip()


def problems(sets: LabelSets) -> None:
    """What was done last, and a sentence for each file that cannot be used."""
    if done := state.pop(_DONE):
        st.success(plain(done))
    for sentence in sets.damaged:
        st.warning(plain(sentence))


def introduction(desk: Desk) -> None:
    """What stands now."""
    labels, original = desk.labels(Labels.REVIEWED), desk.dataset().labels
    n_changed = len(label_changes(original, labels).changed)
    st.markdown(
        f"**{counted(len(labels), 'image')}** have a label; people gave one to {len(desk.standing()):,} of them, and "
        f"**{n_changed:,}** stand otherwise than in the original. {plain(desk.review_rule.words)}"
    )


def making(desk: Desk, sets: LabelSets, reviewer: str) -> None:
    """Keep all labels as they stand now under a name."""
    with st.expander(
        "Keep the labels of today as a label set", icon=":material/bookmark_add:", expanded=not sets.usable
    ):
        st.caption(
            "A label set keeps the label of every image as it stands now, under a name. It never changes: compare with "
            "it later, train on it, or go back to it."
        )
        name, note = st.columns([1, 2])
        name.text_input("Name of the set", key="labels_set_name", max_chars=MAX_NAME, placeholder="after first review")
        note.text_input("Note (if you like)", key="labels_set_note", max_chars=MAX_NOTE)

        def make() -> None:
            if not reviewer:
                raise WorkspaceError("A label set says who made it; write your name at the top of the page.")
            made = make_label_set(
                desk, state.get("labels_set_name"), reviewer, datetime.now(UTC), state.get("labels_set_note")
            )
            state.put("labels_set_name", "")
            state.put("labels_set_note", "")
            state.put(_DONE, f"Label set {made.name!r} keeps {counted(len(made.labels), 'label')} of today.")

        st.button("Keep the labels of today", key="labels_make", type="primary", on_click=state.guarded(make))


def table(desk: Desk, sets: LabelSets) -> None:
    """Every set, newest first."""
    if not sets.usable:
        st.info("There is no label set yet. Give today's labels a name above, and they are kept for good.")
        return
    original, now = desk.dataset().labels, desk.labels(Labels.REVIEWED)
    rows = []
    for one in reversed(list(sets.usable.values())):
        labels = desk.label_set(one.name)
        rows.append(
            {
                "label set": one.name,
                "made (UTC)": f"{one.made:%Y-%m-%d %H:%M}",
                "by": one.made_by,
                "images": len(one.labels),
                "not as original": len(label_changes(original, labels).changed),
                "changed since": len(label_changes(labels, now).changed),
                "rule": one.rule,
                "note": one.note,
                "sha256": one.sha256[:12],
            }
        )
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="labels_sets", lazy=False)


def restoring(desk: Desk, sets: LabelSets, view: LabelsView, reviewer: str, taxonomy: Taxonomy | None) -> None:
    """Go back to a set: what would change, and the one action that does it."""
    if not sets.usable:
        return
    with st.expander("Go back to a label set", icon=":material/settings_backup_restore:"):
        asked = [one for one in (view.before, view.after) if one in sets.usable]
        names = list(sets.usable)[::-1]
        key = state.init_widget("labels_restore", [*asked, *names][0], known=names)
        chosen = sets.usable[str(st.selectbox("Label set to go back to", names, key=key, width=320))]
        now, wanted = desk.labels(Labels.REVIEWED), to_restore(desk, chosen)
        if not wanted:
            st.caption(f"Nothing to do: the {labels_words(STANDING)} are those of {plain(chosen.name)}.")
            return
        found = label_flows(now, wanted, named_by(taxonomy) if taxonomy else desk.workspace.space.format)
        st.markdown(f"**{counted(len(wanted), 'label')}** of {counted(len(now), 'image')} would change:")
        st.dataframe(pd.DataFrame(flow_rows(found)), hide_index=True, key="labels_restore_flows", lazy=False)
        st.button(
            f"Make the labels equal to {plain(chosen.name)}",
            key="labels_restore_do",
            type="primary",
            on_click=state.guarded(partial(_restore, desk, chosen, reviewer)),
        )
        st.caption("Nothing is overwritten: it adds decisions in your name, and one undo takes all of them back.")


def batches(desk: Desk, done: Sequence[LabelBatch], reviewer: str) -> None:
    """The last imports and restores, each taken back, or brought back, by one click."""
    if not done:
        return
    st.subheader("Imported and gone back to", anchor=False)
    for one in done[:MAX_BATCHES]:
        text, button = st.columns([5, 1], vertical_alignment="center")
        undone = "" if one.is_in_force else " :gray-badge[taken back]"
        text.markdown(f"{one.time:%Y-%m-%d %H:%M} UTC: {plain(one.words)}, {counted(one.n_decisions, 'label')}{undone}")
        button.button(
            "Undo" if one.is_in_force else "Redo",
            key=f"labels_turn_{one.batch}",
            icon=":material/undo:" if one.is_in_force else ":material/redo:",
            on_click=state.guarded(partial(_turn, desk, one, reviewer)),
        )


def _restore(desk: Desk, label_set: LabelSet, reviewer: str) -> None:
    if not reviewer:
        raise WorkspaceError("Going back is stored in somebody's name; write yours at the top of the page.")
    stored = restore(desk, label_set, reviewer, new_batch(), datetime.now(UTC))
    state.put(_DONE, f"The labels are those of {label_set.name!r} again: {counted(len(stored), 'label')} changed.")


def _turn(desk: Desk, batch: LabelBatch, reviewer: str) -> None:
    if not reviewer:
        raise WorkspaceError("An undo is stored in somebody's name; write yours at the top of the page.")
    undone = undo_many(desk, batch.turn, reviewer, datetime.now(UTC))
    verb = "Taken back" if batch.is_in_force else "Brought back"
    state.put(_DONE, f"{verb}: {batch.words}, {counted(len(undone), 'label')}.")
