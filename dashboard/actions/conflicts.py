"""The images about which people disagree, as a queue of which each answer ends one disagreement."""

from collections.abc import Mapping
from dataclasses import replace

from dashboard.actions.desk import Desk
from dashboard.actions.ordering import Queue
from dashboard.actions.queueing import handed_out
from dashboard.reviews.conflicts import Conflict, conflicts, open_for
from dashboard.reviews.queue import QueueItem
from dashboard.words import counted
from model_zoo.core.choices import Split

YOURS = "you are one of those who disagree"


def conflict_queue(desk: Desk, split: Split) -> Queue:
    """All images of one split about which people disagree, the longest discussed first, each saying who said what."""
    images = desk.dataset().by_id
    found = [one for one in conflicts(desk.store.all()).values() if one.image_id in images]
    here = [one for one in found if images[one.image_id].split is split]
    where = "in no split" if split is Split.NONE else f"of the {split} split"
    elsewhere = len(found) - len(here)
    more = f", but about {counted(elsewhere, 'other')}: choose another split." if elsewhere else "."
    return Queue(
        tuple(QueueItem(one.image_id, voices_text(one)) for one in here),
        f"Images {where} about which people disagree",
        f"people disagree ({split})",
        f"People disagree about no image {where}{more}",
    )


def to_adjudicate(desk: Desk, queue: Queue, reviewer: str) -> tuple[QueueItem, ...]:
    """The images of a `conflict_queue` that wait for ``reviewer``, who is told where they take part themselves.

    Those that they have skipped, or could not tell while adjudicating, are left out, and so are those that another
    adjudicator has at hand: a second answer to the same question would be a new disagreement.
    """
    waits = open_for(desk.store.all(), reviewer)
    own = [image_id for image_id, one in waits.items() if reviewer in one.people]
    items = [replace(item, notice=YOURS) if item.image_id in own else item for item in queue.items]
    mine = [item for item in items if item.image_id in waits]
    return handed_out(desk.adjudication_leases, items, mine, reviewer)


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
