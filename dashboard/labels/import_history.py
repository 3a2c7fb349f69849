"""Imports and restores of labels, each undone and redone as one."""

from dataclasses import dataclass
from datetime import datetime

from dashboard.decisions.consensus import in_force
from dashboard.decisions.decision import Answer, Decision
from dashboard.labels.label_import import IMPORTED
from dashboard.labels.label_sets import RESTORED
from dashboard.server_state.open_workspace import Desk


@dataclass(frozen=True, slots=True)
class LabelBatch:
    """One import or restore. ``turn`` is the batch to hand to `undo_many`: its own while in force, else its undos'."""

    batch: str
    words: str
    time: datetime
    n_decisions: int
    is_in_force: bool
    turn: str


def label_batches(desk: Desk) -> tuple[LabelBatch, ...]:
    """All imports and restores, newest first."""
    history = desk.store.all()
    still = {one.decision_id for one in in_force(history)}
    undone_by = {one.undoes: one for one in history if one.answer is Answer.UNDO and one.decision_id in still}
    members: dict[str, list[int]] = {}
    first: dict[str, Decision] = {}
    for one in history:
        if one.batch and one.decision_id and one.chosen_by.startswith((IMPORTED, RESTORED)):
            first.setdefault(one.batch, one)
            members.setdefault(one.batch, []).append(one.decision_id)
    found = []
    for batch, ids in reversed(members.items()):
        kept = any(one in still for one in ids)
        undos = [undone_by[one].batch for one in ids if one in undone_by]
        turn = batch if kept or not undos else undos[0]
        found.append(LabelBatch(batch, first[batch].chosen_by, first[batch].time, len(ids), kept, turn))
    return tuple(found)
