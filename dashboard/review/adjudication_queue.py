"""The adjudication queue: images about which people disagree."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dashboard.decisions.conflicts import Conflict, conflicts, open_for
from dashboard.decisions.queue import QueueItem
from dashboard.review.queue_items import handed_out
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.label_space.splits import Split

YOURS = "you are one of those who disagree"


def disputed(desk: Desk, items: Sequence[QueueItem]) -> tuple[QueueItem, ...]:
    """The items about which people disagree, the longest discussed first, each saying who said what."""
    item_of = {item.image_id: item for item in items}
    found = [one for one in conflicts(desk.store.all()).values() if one.image_id in item_of]
    return tuple(replace(item_of[one.image_id], why=voices_text(one)) for one in found)


def to_adjudicate(desk: Desk, items: Sequence[QueueItem], reviewer: str) -> tuple[QueueItem, ...]:
    """Those of the `disputed` items that wait for ``reviewer``, who is told where they take part themselves.

    Those that they have skipped, or could not tell while adjudicating, are left out, and so are those that another
    adjudicator has at hand: a second answer to the same question would be a new disagreement.
    """
    waits = open_for(desk.store.all(), reviewer)
    own = [image_id for image_id, one in waits.items() if reviewer in one.people]
    unsettled = [replace(one, notice=YOURS) if one.image_id in own else one for one in disputed(desk, items)]
    mine = [item for item in unsettled if item.image_id in waits]
    return handed_out(desk.adjudication_leases, unsettled, mine, reviewer)


def with_other_adjudicators(desk: Desk, items: Sequence[QueueItem], reviewer: str) -> int:
    """How many of the `disputed` items are leased to other adjudicators."""
    return desk.adjudication_leases.n_with_others([one.image_id for one in disputed(desk, items)], reviewer)


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
