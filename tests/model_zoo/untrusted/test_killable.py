"""Work in a child ends: at its limit of time, at its limit of memory, or with what its reader says."""

import os

import pytest

from model_zoo.untrusted.killable import TrialError, try_in_child


def test_a_child_that_never_ends_is_stopped_by_the_clock(monkeypatch):
    monkeypatch.setenv("TAXOSCOPE_MAX_TRIAL_SECONDS", "3")
    with pytest.raises(TrialError, match=r"more than 3 seconds to try; TAXOSCOPE_MAX_TRIAL_SECONDS sets") as error:
        try_in_child("wait", b"")
    assert error.value.is_limit


def test_a_child_that_fills_the_memory_dies_alone(monkeypatch):
    monkeypatch.setenv("TAXOSCOPE_MAX_TRIAL_GB", "1")
    with pytest.raises(TrialError, match=r"needs more than 1 GB of memory or crashes") as error:
        try_in_child("fill", b"")
    assert error.value.is_limit


def test_what_a_reader_raises_is_said_and_is_no_limit():
    with pytest.raises(TrialError) as error:
        try_in_child("onnx", b"no graph")
    assert not error.value.is_limit
    assert str(error.value)


def test_nothing_of_the_child_is_left():
    before = set(os.listdir("/tmp"))
    with pytest.raises(TrialError):
        try_in_child("parquet", b"PAR1 no parquet")
    assert {one for one in set(os.listdir("/tmp")) - before if "taxo" in one} == set()
