"""Handling of Ctrl-C in long commands: stop only between two steps."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType


@contextmanager
def interrupt_between_steps() -> Iterator[Callable[[], None]]:
    """Yield a function to call after each step, which raises `KeyboardInterrupt` if Ctrl-C was pressed.

    An interrupt inside a step may hit a half-initialized object whose destructor then prints errors (grad-cam's do). A
    second Ctrl-C stops at once. Use it only in the main thread, because other threads cannot set signal handlers.
    """
    asked = Event()

    def hear(number: int, frame: FrameType | None) -> None:
        asked.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def step_done() -> None:
        if asked.is_set():
            raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield step_done
        return
    signal.signal(signal.SIGINT, hear)
    try:
        yield step_done
        step_done()
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
