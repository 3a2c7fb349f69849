"""Image leases, in memory; lost on restart."""

import time
from collections.abc import Callable, Mapping, Sequence
from threading import Lock

from dashboard.decisions.leases import HandedOut, Lease, hand_out


class Leases:
    """`assignment.hand_out`, remembered; may be called from any thread."""

    def __init__(self) -> None:
        self.clock: Callable[[], float] = time.monotonic
        self._lock = Lock()
        self._held: Mapping[str, Lease] = {}

    def hand_out(self, unanswered: Sequence[str], waiting: Sequence[str], reviewer: str) -> HandedOut:
        """Which images ``reviewer`` is handed now."""
        with self._lock:
            found = hand_out(unanswered, waiting, self._held, reviewer, self.clock())
            self._held = found.leases
        return found

    def n_with_others(self, unanswered: Sequence[str], reviewer: str) -> int:
        """How many of the images are in other reviewers' hands now."""
        held, now_s = self._held, self.clock()
        found = [lease for one in unanswered if (lease := held.get(one))]
        return sum(lease.reviewer != reviewer and lease.until_s > now_s for lease in found)
