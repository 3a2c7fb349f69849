"""Ctrl-C waits for the end of a step, a second one does not, and afterwards it does what it always did."""

import signal
from contextlib import contextmanager

import pytest

from dashboard.runs.interrupt import interrupt_between_steps


@contextmanager
def heard_by(handler):
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def steps(n, interrupted_in):
    """Steps of two halves each; Ctrl-C comes between the halves of those in ``interrupted_in``."""
    done = []
    try:
        with interrupt_between_steps() as step_done:
            for k in range(n):
                done.append(f"{k} begun")
                for _ in range(interrupted_in.count(k)):
                    signal.raise_signal(signal.SIGINT)
                done.append(f"{k} done")
                step_done()
    except KeyboardInterrupt:
        done.append("stopped")
    return done


def test_a_step_is_never_cut_in_two():
    assert steps(3, [1]) == ["0 begun", "0 done", "1 begun", "1 done", "stopped"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_who_presses_twice_does_not_wait():
    assert steps(3, [1, 1]) == ["0 begun", "0 done", "1 begun", "stopped"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_after_the_last_step_is_not_lost():
    with pytest.raises(KeyboardInterrupt), interrupt_between_steps():
        signal.raise_signal(signal.SIGINT)


def test_an_error_is_not_hidden_and_the_handler_is_put_back():
    with pytest.raises(ValueError, match="broken"), interrupt_between_steps():
        raise ValueError("broken")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_where_ctrl_c_is_ignored_it_stays_ignored():
    with heard_by(signal.SIG_IGN), interrupt_between_steps() as step_done:
        signal.raise_signal(signal.SIGINT)
        step_done()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
