"""Image leases: which reviewer gets which images, so that no two review the same one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEASE_S = 600.0
"""How long an image stays with a reviewer who no longer asks for it, in seconds."""
MOST_LEASED = 10
"""Most images of one queue that are leased to one reviewer: more than a burst of answers on its way to the server."""


@dataclass(frozen=True, slots=True)
class Lease:
    """An image is ``reviewer``'s until a moment of the clock that `hand_out` was given, in seconds."""

    reviewer: str
    until_s: float


@dataclass(frozen=True, slots=True)
class HandedOut:
    """The images leased to one reviewer, in order, and the free ones, which other reviewers may lease first.

    ``n_with_others`` more are leased to others; ``leases`` are those from now on.
    """

    at_hand: tuple[str, ...]
    free: tuple[str, ...]
    n_with_others: int
    leases: Mapping[str, Lease]


def hand_out(
    unanswered: Sequence[str],
    waiting: Sequence[str],
    leases: Mapping[str, Lease],
    reviewer: str,
    now_s: float,
) -> HandedOut:
    """Which images ``reviewer`` is handed, which are left, and the leases afterwards.

    ``unanswered`` are the images of a queue without an answer, ``waiting`` those of them that the
    reviewer has not skipped, both in the queue's order. First come the images that are the reviewer's
    already, then free ones, so that they have `MOST_LEASED`, or their fair share of what is left with room
    for one more person; what they have beyond that becomes free. While others are at work in this queue
    nothing is at hand that is not leased; a reviewer by themselves has all that is free. A lease ends after
    `LEASE_S` without its reviewer asking for the image, or when they skip it; one on an answered image
    holds, so that they have it back when they undo. A nameless reviewer ('') is shown what is free and
    leases nothing.
    """
    skipped = frozenset(unanswered) - frozenset(waiting)
    live = {
        image_id: lease
        for image_id, lease in leases.items()
        if lease.until_s > now_s and not (lease.reviewer == reviewer and image_id in skipped)
    }
    others = [lease.reviewer for one in unanswered if (lease := live.get(one)) and lease.reviewer != reviewer]
    held = [one for one in waiting if one in live and live[one].reviewer == reviewer]
    free = [one for one in waiting if one not in live]
    if not reviewer:
        return HandedOut(tuple(free), (), len(others), live)
    n_people = len(frozenset(others)) + 1
    share = max(1, min(MOST_LEASED, len(unanswered) // (n_people + 1)))
    in_order = [*held, *free]
    leased, rest = in_order[:share], in_order[share:]
    for image_id in held[share:]:
        del live[image_id]
    live |= {image_id: Lease(reviewer, now_s + LEASE_S) for image_id in leased}
    if others:
        return HandedOut(tuple(leased), tuple(rest), len(others), live)
    return HandedOut(tuple(in_order), (), 0, live)
