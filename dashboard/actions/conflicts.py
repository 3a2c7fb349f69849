"""The images about which people disagree, as a queue of which each answer ends one disagreement."""

from collections.abc import Iterable, Mapping

from dashboard.actions.desk import Desk
from dashboard.actions.queueing import handed_out
from dashboard.reviews.conflicts import Conflict, conflicts, open_for
from dashboard.reviews.queue import QueueItem
from model_zoo.core.choices import Split

YOURS = "you are one of those who disagree"


def to_adjudicate(desk: Desk, image_ids: Iterable[str], reviewer: str) -> tuple[QueueItem, ...]:
    """The images of ``image_ids`` about which people disagree, the longest discussed first, each saying who said what.

    Those that ``reviewer`` has skipped, or could not tell while adjudicating, are left out, and so are those that
    another adjudicator has at hand: a second answer to the same question would be a new disagreement.
    """
    history, among = desk.store.all(), frozenset(image_ids)
    found = conflicts(history)
    waits = open_for(history, reviewer) if reviewer else found
    unanswered = [_item(one, reviewer) for one in found.values() if one.image_id in among]
    mine = [item for item in unanswered if item.image_id in waits]
    return handed_out(desk.adjudication_leases, unanswered, mine, reviewer)


def open_by_split(desk: Desk) -> Mapping[Split, int]:
    """How many disagreements wait for somebody to adjudicate, by the split of their images; no split with none."""
    found = conflicts(desk.store.all())
    splits = [image.split for image in desk.dataset().images if image.image_id in found]
    return {split: splits.count(split) for split in Split if split in splits}


def voices_text(conflict: Conflict) -> str:
    """``anna: cat; ben: dog``: who gave which label."""
    return "; ".join(
        f"{one.reviewer}{' (adjudicating)' if one.adjudicated else ''}: {one.label}" for one in conflict.voices
    )


def _item(conflict: Conflict, reviewer: str) -> QueueItem:
    notice = YOURS if reviewer in conflict.people else ""
    return QueueItem(conflict.image_id, voices_text(conflict), notice)
