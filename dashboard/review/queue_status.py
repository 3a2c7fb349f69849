"""Which images of a queue are shown: waiting, or with a status."""

from dataclasses import replace

from dashboard.address.queue import Order, QueueView, Status
from dashboard.decisions.consensus import answered
from dashboard.decisions.decision import TEXT_MAX
from dashboard.decisions.queue import QueueItem
from dashboard.decisions.status import reviewed_images, with_status
from dashboard.evaluation.queue_order import Queue
from dashboard.review.adjudication_queue import disputed, to_adjudicate, with_other_adjudicators
from dashboard.review.queue_items import n_with_others, waiting
from dashboard.server_state.open_workspace import Desk

_NOBODY_ELSE = (
    "Others have labelled no image of this queue that you have not. Choose another order, or give first opinions."
)


def named(queue: Queue, view: QueueView) -> Queue:
    """The queue with all that ``view`` asks for in its ``chosen_by``, which every decision keeps."""
    more = [view.status_words] if view.status_words else []
    if view.second:
        queue, more = replace(queue, empty=_NOBODY_ELSE), ["second opinion"]
    return replace(queue, chosen_by="; ".join([queue.chosen_by, *more])[:TEXT_MAX])


def wanted_images(desk: Desk, queue: Queue, view: QueueView, reviewer: str) -> tuple[QueueItem, ...]:
    """The items still to be shown to ``reviewer`` ('' before they have said who they are), in the queue's order.

    With a status: those that have it, until the reviewer has gone over them in this very queue.
    """
    if view.adjudicates:
        return to_adjudicate(desk, queue.items, reviewer)
    if view.status is not Status.WAITING:
        decisions = desk.store.all()
        asked, done = (
            with_status(decisions, view.status, view.by),
            reviewed_images(decisions, reviewer, queue.chosen_by),
        )
        return tuple(item for item in queue.items if item.image_id in asked and item.image_id not in done)
    if view.order is Order.UNSEEN:
        mine = answered(desk.store.all(), reviewer) if reviewer else {}
        return tuple(item for item in queue.items if item.image_id not in mine)
    return waiting(desk, queue.items, reviewer, second_opinion=view.second)


def n_leased_to_others(desk: Desk, queue: Queue, view: QueueView, reviewer: str) -> int:
    """How many more images of the queue wait, and are leased to other reviewers."""
    if view.adjudicates:
        return with_other_adjudicators(desk, queue.items, reviewer)
    kept = view.status is Status.WAITING and view.order is not Order.UNSEEN and not view.second
    return n_with_others(desk, queue.items, reviewer) if kept else 0


def n_asked(desk: Desk, queue: Queue, view: QueueView) -> int:
    """How many images the queue holds in all, done ones included."""
    if view.adjudicates:
        return len(disputed(desk, queue.items))
    if view.status is Status.WAITING and not view.second:
        return len(queue.items)
    asked = with_status(desk.store.all(), view.status, view.by)
    return sum(item.image_id in asked for item in queue.items)
