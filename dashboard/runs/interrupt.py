"""Ctrl-C in a long command: heard at once, obeyed where nothing is half done."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType


@contextmanager
def interrupt_between_steps() -> Iterator[Callable[[], None]]:
    """Gives what is to be called after each step: there a Ctrl-C raises `KeyboardInterrupt`, and nowhere else.

    An interrupt in the midst of a step may hit an object half made, whose end then prints pages about itself
    (grad-cam's do). A second Ctrl-C does not wait. Only the main thread may ask, which alone hears signals; where
    Ctrl-C is ignored, or heard by somebody else, that stays so.
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
