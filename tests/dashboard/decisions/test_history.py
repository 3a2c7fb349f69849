"""A history that grows says the same as one that is read whole."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.address.queue import Status
from dashboard.decisions.consensus import answered, flagged, standing_labels
from dashboard.decisions.decision import Answer, DecisionError
from dashboard.decisions.history import History, per_image
from dashboard.decisions.status import n_decided, reviewed_images, with_status
from model_zoo.core.review.consensus_rule import Rule
from tests.dashboard.histories import NOON, decision, undo

IMAGES, PEOPLE = ("i1", "i2", "i3"), ("Ann", "Ben")
PLAIN = [one for one in Answer if one is not Answer.UNDO]


@st.composite
def stories(draw):
    """Up to 30 decisions of two people about three images; an undo takes back any earlier one of its image."""
    told = []
    for decision_id in range(1, draw(st.integers(0, 30)) + 1):
        image_id, reviewer = draw(st.sampled_from(IMAGES)), draw(st.sampled_from(PEOPLE))
        about = {"image_id": image_id, "reviewer": reviewer, "time": NOON + timedelta(minutes=decision_id)}
        earlier = [one.decision_id for one in told if one.image_id == image_id]
        if earlier and draw(st.booleans()):
            told.append(undo(decision_id, draw(st.sampled_from(earlier)), **about))
        else:
            told.append(decision(decision_id, draw(st.sampled_from(PLAIN)), **about))
    return told


def said(decisions):
    """All that pages ask of a history."""
    return (
        dict(answered(decisions)),
        {who: dict(answered(decisions, who)) for who in PEOPLE},
        dict(flagged(decisions)),
        {rule: dict(standing_labels(decisions, rule)) for rule in Rule},
        {status: with_status(decisions, status, "Ann") for status in Status},
        reviewed_images(decisions, "Ann", ""),
        n_decided(decisions, "Ben", NOON + timedelta(minutes=5)),
    )


@given(stories(), st.lists(st.integers(1, 10), max_size=10))
def test_a_history_says_the_same_whether_it_grew_or_was_read_whole(story, steps):
    grown, n = History(), 0
    for step in [*steps, len(story)]:
        grown, n = grown.extended(story[n : n + step]), min(len(story), n + step)
        assert said(grown) == said(story[:n])
    assert grown == tuple(story)


def test_an_earlier_history_keeps_saying_what_it_said():
    before = History([decision(1)])
    assert answered(before) == {"i1": Answer.RELABEL}
    after = before.extended([decision(2, Answer.CANNOT_TELL), decision(3, image_id="i2")])
    assert answered(after) == {"i1": Answer.CANNOT_TELL, "i2": Answer.RELABEL}
    assert answered(before) == {"i1": Answer.RELABEL}


def test_only_images_decided_about_since_are_folded_anew():
    asked = []

    def n_about(about):
        asked.append(about[0].image_id)
        return len(about)

    history = History([decision(1), decision(2, image_id="i2")])
    assert per_image(history, n_about) == {"i1": 1, "i2": 1}
    assert per_image(history.extended([decision(3)]), n_about) == {"i1": 2, "i2": 1}
    assert asked == ["i1", "i2", "i1"]


def test_a_decision_that_is_not_stored_has_no_place_in_a_history():
    with pytest.raises(DecisionError, match="not stored yet"):
        History([decision()])
