"""Tells waiting browsers when their decisions are stored."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from dashboard.decisions.decision import SEQ_MAX
from dashboard.decisions.store import DecisionStore
from model_zoo.core.errors import TaxoScopeError

POLL_S = 0.5
"""How long until what another process has stored is noticed, in seconds; what this one stores is at once."""

Numbers = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    since: int
    loop: asyncio.AbstractEventLoop
    answer: "asyncio.Future[Numbers]"

    def tell(self, numbers: Numbers | TaxoScopeError) -> None:
        """Answer from any thread; whoever has gone meanwhile hears nothing."""
        with contextlib.suppress(RuntimeError):  # its loop is closed
            self.loop.call_soon_threadsafe(self._tell, numbers)

    def _tell(self, numbers: Numbers | TaxoScopeError) -> None:
        if self.answer.done():
            return
        if isinstance(numbers, TaxoScopeError):
            self.answer.set_exception(numbers)
        else:
            self.answer.set_result(numbers)


class StoredDecisions:
    """Tells waiting browsers which of their decisions are stored.

    A single thread looks, only while somebody waits: for those who have just come, for everybody after each append
    of this process, and every `POLL_S` for everybody if another process has stored something.
    """

    def __init__(self, store: Callable[[], DecisionStore]) -> None:
        """``store`` gives the store that is open now."""
        self._store = store
        self._changed = threading.Condition()
        self._waiting: dict[str, _Waiter] = {}
        self._fresh: set[str] = set()
        self._appended = False
        self._thread: threading.Thread | None = None

    async def of(self, client_id: str, since: int, wait_s: float) -> Numbers:
        """The stored numbers of one client from ``since`` on; waits for the first, and is empty after ``wait_s``.

        A second call for the same client ends the first one's wait, with nothing. `WorkspaceError` where the store
        cannot be read.
        """
        if since > SEQ_MAX or not client_id.isprintable():
            return ()  # no browser of ours
        loop = asyncio.get_running_loop()
        waiter = _Waiter(since, loop, loop.create_future())
        with self._changed:
            before = self._waiting.get(client_id)
            self._waiting[client_id] = waiter
            self._fresh.add(client_id)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="stored decisions", daemon=True)
                self._thread.start()
            self._changed.notify()
        if before is not None:
            before.tell(())
        try:
            return await asyncio.wait_for(waiter.answer, wait_s)
        except TimeoutError:
            return ()
        finally:
            with self._changed:
                if self._waiting.get(client_id) is waiter:
                    del self._waiting[client_id]

    def appended(self) -> None:
        """This process has stored something: look for everybody."""
        with self._changed:
            self._appended = True
            self._changed.notify()

    def _look(self) -> None:
        try:
            revision, poll_at = -1, 0.0
            while (asked := self._next(poll_at)) is not None:
                waiting, fresh, everybody = asked
                try:
                    store = self._store()
                    store.on_commit(self.appended)
                    if time.monotonic() >= poll_at:
                        poll_at = time.monotonic() + POLL_S
                        revision, before = store.revision(), revision
                        everybody |= revision != before
                    named = waiting if everybody else {one: waiting[one] for one in fresh if one in waiting}
                    found = store.stored_of_each({client_id: one.since for client_id, one in named.items()})
                    for client_id, numbers in found.items():
                        named[client_id].tell(numbers)
                except TaxoScopeError as error:
                    for one in waiting.values():
                        one.tell(error)
        except BaseException:
            with self._changed:
                self._thread = None  # whoever comes next starts another
            raise

    def _next(self, poll_at: float) -> tuple[dict[str, _Waiter], set[str], bool] | None:
        """Who waits, who of them has just come, and whether to look for all; None once nobody waits."""
        with self._changed:
            if not (self._fresh or self._appended):
                self._changed.wait(max(0.0, poll_at - time.monotonic()))
            if not self._waiting:
                self._fresh.clear()
                self._thread = None  # while the lock is held: whoever comes next starts another
                return None
            everybody, self._appended = self._appended, False
            fresh, self._fresh = self._fresh, set()
            return dict(self._waiting), fresh, everybody
