"""Who is shown what of a queue: first and second opinions, what one has not seen, what was decided already."""

from datetime import UTC, datetime

import pytest

from dashboard.address.queue import Opinion, Order, QueueView, Status
from dashboard.evaluation.queue_order import listed
from dashboard.review.queue_status import n_asked, named, wanted_images
from dashboard.review.record_decision import decide
from dashboard.server_state.open_workspace import Desk

IMAGES = ["i0000", "i0001", "i0002", "i0003", "i0004"]
UNSEEN, SECOND = QueueView(Order.UNSEEN), QueueView(opinion=Opinion.SECOND)


@pytest.fixture
def desk(fresh_animals):
    """Ann has answered three images and flagged one, Bob has confirmed one of Ann's."""
    desk = Desk(fresh_animals)
    for who, answer, image_id in (
        ("Ann", "confirm", "i0000"),
        ("Ann", "cannot_tell", "i0001"),
        ("Ann", "skip", "i0002"),
        ("Ann", "flag", "i0003"),
        ("Bob", "confirm", "i0000"),
    ):
        say(desk, who, answer, image_id)
    return desk


def say(desk, who, answer, image_id, chosen_by=""):
    proposal = {"client_id": who, "seq": len(desk.store.all()), "reviewer": who, "image_id": image_id}
    more = {"answer": answer, "chosen_by": chosen_by}
    done = decide(desk.store, desk.workspace.space, desk.dataset().labels, [proposal | more], lambda: datetime.now(UTC))
    assert not done.refused


def shown(desk, view, reviewer):
    queue = named(listed(IMAGES), view)
    return [int(one.image_id[-1]) for one in wanted_images(desk, queue, view, reviewer)], n_asked(desk, queue, view)


def test_a_first_opinion_waits_for_everybody_and_a_flag_does_not_count(desk):
    assert shown(desk, QueueView(), "Cem") == ([2, 3, 4], 5)
    assert shown(desk, QueueView(), "Ann") == ([3, 4], 5)  # she has skipped i0002


def test_a_second_opinion_is_about_what_others_have_labelled(desk):
    assert shown(desk, SECOND, "Cem") == ([0], 1)
    assert shown(desk, SECOND, "Bob") == ([], 1)
    assert named(listed(IMAGES), SECOND).chosen_by == "a list from Images; second opinion"


def test_what_one_has_not_seen_does_not_ask_what_others_said(desk):
    assert shown(desk, UNSEEN, "Cem") == ([0, 1, 2, 3, 4], 5)
    assert shown(desk, UNSEEN, "Bob") == ([1, 2, 3, 4], 5)
    assert shown(desk, UNSEEN, "") == ([0, 1, 2, 3, 4], 5)
    assert shown(desk, QueueView(Order.UNSEEN, opinion=Opinion.SECOND), "Bob") == ([1, 2, 3, 4], 5)


def test_a_status_shows_what_was_decided_until_it_is_gone_over_there(desk):
    view = QueueView(status=Status.CANNOT_TELL, by="Ann")
    queue = named(listed(IMAGES), view)
    assert queue.chosen_by == "a list from Images; cannot tell, by Ann"
    assert shown(desk, view, "Bob") == ([1], 1)
    say(desk, "Bob", "confirm", "i0001")  # elsewhere
    assert shown(desk, view, "Bob") == ([1], 1)
    say(desk, "Bob", "confirm", "i0001", queue.chosen_by)
    assert shown(desk, view, "Bob") == ([], 1)
    assert shown(desk, view, "Ann") == ([1], 1)
    assert shown(desk, QueueView(status=Status.ANSWERED), "Bob") == ([0, 1], 2)
    assert shown(desk, QueueView(status=Status.FLAGGED), "Bob") == ([3], 1)
    say(desk, "Bob", "unflag", "i0003")
    assert shown(desk, QueueView(status=Status.FLAGGED), "Bob") == ([], 0)
