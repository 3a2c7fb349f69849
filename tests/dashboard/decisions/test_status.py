"""What was decided about images, by whom, in which queue, at what pace."""

from datetime import timedelta

from dashboard.address.queue import Status
from dashboard.decisions.decision import Answer
from dashboard.decisions.status import n_decided, reviewed_images, reviewers, with_status
from tests.dashboard.histories import NOON, decision, undo

HISTORY = [
    decision(1, Answer.CANNOT_TELL, image_id="i1", chosen_by="q"),
    decision(2, image_id="i2", reviewer="Bob", chosen_by="q"),
    decision(3, Answer.SKIP, image_id="i3"),
    decision(4, Answer.CONFIRM, image_id="i1", reviewer="Bob", chosen_by="p"),
    decision(5, Answer.FLAG, image_id="i3", chosen_by="q"),
    decision(6, Answer.FLAG, image_id="i4", reviewer="Bob"),
    decision(7, Answer.UNFLAG, image_id="i4"),
    decision(8, Answer.CANNOT_TELL, image_id="i5"),
    undo(9, 8, image_id="i5"),
]


def test_the_standing_answer_counts_anybodys_or_one_reviewers():
    assert with_status(HISTORY, Status.CANNOT_TELL) == set()  # Bob has since confirmed i1, and i5 is undone
    assert with_status(HISTORY, Status.CANNOT_TELL, "Ann") == {"i1"}
    assert with_status(HISTORY, Status.ANSWERED) == {"i1", "i2"}  # a skip answers for nobody else
    assert with_status(HISTORY, Status.ANSWERED, "Bob") == {"i1", "i2"}
    assert with_status(HISTORY, Status.ANSWERED, "Ann") == {"i1"}
    assert with_status(HISTORY, Status.WAITING, "Ann") == set()  # she has given no label


def test_a_flag_stands_until_somebody_takes_it_away():
    assert with_status(HISTORY, Status.FLAGGED) == {"i3"}
    assert with_status(HISTORY, Status.FLAGGED, "Bob") == set()


def test_a_queue_is_gone_over_by_answers_given_in_it():
    assert reviewed_images(HISTORY, "Ann", "q") == {"i1"}  # not i3, which she only flagged there
    assert reviewed_images(HISTORY, "Bob", "q") == {"i2"}
    assert reviewed_images(HISTORY, "Bob", "p") == {"i1"}


def test_pace_counts_images_of_one_reviewer_since_a_moment():
    ago = [decision(k, Answer.SKIP, image_id=f"i{k}", time=NOON - timedelta(minutes=20 * k)) for k in range(1, 6)]
    twice = decision(6, Answer.CONFIRM, image_id="i1", time=NOON)
    others = [decision(7, image_id="x", reviewer="Bob", time=NOON), decision(8, Answer.FLAG, image_id="y", time=NOON)]
    # 20, 40 and 60 minutes ago; i1 twice is one image, neither Bob's nor a flag counts
    assert n_decided([*ago, twice, *others], "Ann", NOON - timedelta(hours=1)) == 3
    assert n_decided([*ago, undo(9, 2, image_id="i2", time=NOON)], "Ann", NOON - timedelta(hours=1)) == 2


def test_everybody_who_decided_is_named_once():
    assert reviewers(HISTORY) == ("Ann", "Bob")
