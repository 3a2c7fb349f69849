"""The review panel of Review and Inspect, with its data and stored decisions."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from dashboard.address.selection import Labels
from dashboard.decisions.consensus import flagged
from dashboard.decisions.decision import Reason
from dashboard.decisions.queue import QueueItem
from dashboard.decisions.status import n_decided
from dashboard.evaluation.comparison import Subject
from dashboard.evaluation.nearest_images import reference
from dashboard.review.model_disagreement import model_disagreement
from dashboard.review.panel.component_ui import reviewer
from dashboard.review.queue_items import WINDOW, shown_items
from dashboard.review.record_decision import decide
from dashboard.server_state.open_workspace import Desk
from dashboard.ui import state
from dashboard.ui.state import reviewer_name
from model_zoo.core.label_space.splits import Split

HOUR = timedelta(hours=1)


def review_panel(
    desk: Desk,
    waiting: Sequence[QueueItem],
    n_total: int,
    subjects: Sequence[Subject],
    split: Split,
    chosen_by: str,
    *,
    key: str,
    queue: str = "",
    about: str = "",
    position: str | None = None,
    empty: str = "Open an image from Images or Compare.",
    compact: bool = False,
    second: bool = False,
    adjudicates: bool = False,
    shrinks: bool = False,
) -> None:
    """Draw the panel over the images that wait; each answer is stored before it is shown as saved.

    With ``adjudicates`` each answer is recorded as one that ends a disagreement. A queue of one image stays on it,
    unless it ``shrinks``: then it is what is left of a longer one. ``about`` says how the queue came about; it is
    hidden with all else that tells what runs said.
    """
    space = desk.workspace.space
    at_hand = [one for one in waiting if one.at_hand]
    outcome = _outcome(key)
    data = {
        "acked": outcome["acked"],
        "rejected": outcome["rejected"],
        "space": {
            "parts": [{"name": part.name, "values": list(part.values)} for part in space.parts],
            "lone": [leaf for leaf in space.leaves if not space.values_of[leaf]],
            "leaves": {leaf: list(values) for leaf, values in space.values_of.items()},
        },
        "taxonomies": [
            {"name": one.name, "classes": {name: sorted(leaves) for name, leaves in one.classes.items()}}
            for one in desk.workspace.taxonomies().values()
        ],
        "items": _items(desk, at_hand[:WINDOW], subjects, split),
        "position": position,
        "n_left": len(waiting),
        "n_total": n_total,
        "single": n_total == 1 and not shrinks,
        "strength": 0.45,
        "queue": queue,
        "about": about,
        "chosen_by": chosen_by,
        "empty": empty,
        "compact": compact,
        "second": second,
        "adjudicates": adjudicates,
        "reviewer": reviewer_name(key),
        "reasons": [str(reason) for reason in Reason],
        "pace": n_decided(desk.store.all(), reviewer_name(key), datetime.now(UTC) - HOUR),
        "nearest": asdict(reference(desk, subjects, split)),
    }
    reviewer(data, key=key, on_log=state.guarded(lambda: _store(desk, key)))


def _items(desk: Desk, items: Sequence[QueueItem], subjects: Sequence[Subject], split: Split) -> list[dict[str, Any]]:
    """The images of the window, with who disagrees about each and who flagged it."""
    disagree = model_disagreement(desk, subjects, split, [item.image_id for item in items])
    flags = flagged(desk.store.all())
    return [
        one
        | {
            "disagree": disagree.get(one["id"], ""),
            "flagged": flags[one["id"]].reviewer if one["id"] in flags else "",
        }
        for one in shown_items(desk, items, subjects, split, desk.labels(Labels.REVIEWED))
    ]


def _store(desk: Desk, key: str) -> None:
    value = state.get(key)
    log: list[Any] = list((value or {}).get("log") or [])
    labels, space = desk.dataset().labels, desk.workspace.space
    outcome = decide(desk.store, space, labels, log, lambda: datetime.now(UTC), desk.review_rule)
    acked = {d.client_id: desk.store.acknowledged(d.client_id) for d in outcome.stored}
    state.put(
        f"{key}_outcome",
        {
            "acked": _outcome(key)["acked"] | acked,
            "rejected": [
                {"client_id": one.client_id, "seq": one.seq, "sentence": str(one.error)} for one in outcome.refused
            ],
        },
    )


def _outcome(key: str) -> dict[str, Any]:
    found: dict[str, Any] = state.get(f"{key}_outcome", {"acked": {}, "rejected": []})
    return found
