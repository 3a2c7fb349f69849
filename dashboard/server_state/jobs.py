"""Jobs: long work on a thread of its own, with progress and cancel."""

from collections.abc import Callable
from functools import cache
from threading import Event, Lock, Thread
from typing import Any, Generic, Protocol, TypeVar

from model_zoo.core.errors import TaxoScopeError

T = TypeVar("T")


class ProgressCallback(Protocol):
    """Reports how many of how many are done, and of what; raises `JobCancelledError` once the job is cancelled."""

    def __call__(self, done: int, of: int, doing: str = "", /) -> None: ...


_UNFORESEEN = "This ended unexpectedly, and the server's log says where; try again."


class JobCancelledError(TaxoScopeError):
    """Somebody cancelled."""


class Job(Generic[T]):
    """Work that has started: how far it is and, once it is not ``running``, what came of it.

    ``doing`` is what ``done`` and ``of`` count the steps of, '' where the work has one kind only.
    ``result`` is there if it succeeded, ``error`` is a sentence if it failed; cancelled, it has neither.
    """

    def __init__(self, work: Callable[[ProgressCallback], T]) -> None:
        self.done, self.of, self.doing = 0, 0, ""
        self.result: T | None = None
        self.error = _UNFORESEEN
        self._cancel = Event()
        self._thread = Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._thread.is_alive()

    @property
    def share(self) -> float:
        """How much is done, 0 to 1; 0 while nobody knows of how much."""
        return min(1.0, self.done / self.of) if self.of else 0.0

    @property
    def cancelling(self) -> bool:
        """Whether somebody cancelled; it ends after the step that it is at."""
        return self._cancel.is_set()

    def cancel(self) -> None:
        """Stop at the next step."""
        self._cancel.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait until it has ended, ``timeout_s`` at most; whether it has."""
        self._thread.join(timeout_s)
        return not self.running

    def _tell(self, done: int, of: int, doing: str = "", /) -> None:
        self.done, self.of, self.doing = done, of, doing
        if self._cancel.is_set():
            raise JobCancelledError("Cancelled.")

    def _run(self, work: Callable[[ProgressCallback], T]) -> None:
        try:
            self.result = work(self._tell)
            self.error = ""
        except JobCancelledError:
            self.error = ""
        except TaxoScopeError as error:
            self.error = str(error)


class Jobs:
    """Work that is there once for all sessions, by name."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._by_name: dict[str, Job[Any]] = {}

    def get(self, name: str) -> Job[Any] | None:
        """The job of that name that runs or has ended, if any was started."""
        return self._by_name.get(name)

    def start(self, name: str, work: Callable[[ProgressCallback], Any]) -> Job[Any]:
        """Start it, unless one of that name runs: then that one."""
        with self._lock:
            job = self._by_name.get(name)
            if job is None or not job.running:
                job = self._by_name[name] = Job(work)
            return job


@cache
def jobs() -> Jobs:
    """The jobs of this process."""
    return Jobs()
