"""A decision is checked where it is born."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from dashboard.decisions.decision import Answer, DecisionError
from tests.dashboard.histories import NOON, decision


def test_a_decision_that_was_sent_again_repeats_itself_whatever_the_server_added() -> None:
    sent = decision(1, Answer.CANNOT_TELL)
    assert decision(None, Answer.CANNOT_TELL, seq=1, time=NOON + timedelta(hours=1)).repeats(sent)
    assert decision(None, Answer.CANNOT_TELL, seq=1, before="c", after="c").repeats(sent)
    assert not decision(None, Answer.CANNOT_TELL, seq=1, note="blurred").repeats(sent)
    assert not decision(None, Answer.SKIP, seq=1).repeats(sent)
    assert not decision(None, Answer.CANNOT_TELL, seq=1, adjudicates=True).repeats(sent)
    assert not decision(None, Answer.CANNOT_TELL, seq=1, reason="bad image").repeats(sent)


def test_a_relabelling_repeats_only_with_the_same_new_label() -> None:
    assert not decision(1, after="c").repeats(decision(1, after="b"))


def test_two_people_may_give_the_label_that_stands_by_now() -> None:
    assert decision(before="b", after="b").after == "b"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"reviewer": ""}, "needs the reviewer's name"),
        ({"reviewer": "A" * 101}, "has 101 characters; shorten it to 100"),
        ({"reviewer": "Ann\nBob"}, "one line"),
        ({"image_id": " "}, "needs the image"),
        ({"note": "n" * 2_001}, "note has 2,001 characters; shorten it to 2,000"),
        ({"note": "\x00"}, "cannot be stored"),
        ({"note": "\ud800"}, "cannot be stored"),
        ({"time": datetime(2026, 1, 1)}, "aware and in UTC"),
        ({"time": datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1)))}, "aware and in UTC"),
        ({"seq": "1"}, "whole number"),
        ({"seq": True}, "whole number"),
        ({"seq": -1}, "from 0"),
        ({"answer": "relabel"}, "No answer"),
        ({"answer": Answer.UNDO}, "names the decision that it undoes"),
        ({"undoes": 1}, "names the decision that it undoes"),
        ({"answer": Answer.UNDO, "undoes": 7, "decision_id": 7}, "came later"),
        ({"answer": Answer.SKIP, "after": "b"}, "leaves the label 'a'"),
        ({"answer": Answer.FLAG, "after": "b"}, "'flagged for a talk' leaves the label 'a'"),
        ({"reason": "because"}, "No reason 'because'; it can be the label is simply wrong; "),
        ({"batch": "two\nlines"}, "batch must be one line"),
        ({"after": ""}, "label after"),
        ({"runs": ("fine-s0", "")}, "needs the run"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DecisionError, match=sentence):
        decision(**changes)


def test_a_note_may_be_as_long_as_the_limit_and_have_lines() -> None:
    note = "line\n" * 400
    assert decision(note=note).note == note  # 5 x 400 = 2,000
