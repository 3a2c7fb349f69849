"""Who is handed which image, and who adjudicates: over a desk with a clock of the test's own."""

import threading
from datetime import UTC, datetime

import pytest

from dashboard.address.selection import Labels
from dashboard.decisions.leases import LEASE_S, MOST_LEASED
from dashboard.decisions.queue import listed_queue
from dashboard.review.adjudication_queue import YOURS, open_by_split, to_adjudicate, with_other_adjudicators
from dashboard.review.queue_items import n_with_others, shown_items, waiting
from dashboard.review.record_decision import decide
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.label_space.splits import Split


@pytest.fixture
def desk(fresh_animals):
    opened = Desk(fresh_animals)
    opened.now_s = 0.0
    opened.leases.clock = opened.adjudication_leases.clock = lambda: opened.now_s
    return opened


def queue(desk, n=60):
    return listed_queue([image.image_id for image in desk.dataset().images[:n]])


def ids(items, at_hand=True):
    return [item.image_id for item in items if item.at_hand or not at_hand]


def answer(desk, reviewer, image_id, kind="relabel", **more):
    seq = len(desk.store.all())
    proposal = {"client_id": reviewer, "seq": seq, "reviewer": reviewer, "image_id": image_id, "answer": kind, **more}
    space, labels = desk.workspace.space, desk.dataset().labels
    (stored,) = decide(desk.store, space, labels, [proposal], lambda: datetime.now(UTC), desk.review_rule).stored
    return stored


def disagree(desk, image_id="i0000"):
    answer(desk, "anna", image_id, after="dog.large")
    return answer(desk, "ben", image_id, after="cat.large")


def test_two_reviewers_in_one_queue_are_handed_different_images(desk):
    anna, ben = waiting(desk, queue(desk), "anna"), waiting(desk, queue(desk), "ben")
    assert ids(ben) == ids(queue(desk))[10:20]
    assert not set(ids(waiting(desk, queue(desk), "anna"))) & set(ids(ben))
    assert len(ids(ben, at_hand=False)) == 50  # 60 - 10: what waits for Ben is counted, not hidden
    assert len(anna) == 60  # Anna was alone when she asked
    assert n_with_others(desk, queue(desk), "anna") == n_with_others(desk, queue(desk), "ben") == 10


def test_an_answer_of_one_brings_them_the_next_free_image(desk):
    first = queue(desk)[0].image_id
    waiting(desk, queue(desk), "anna"), waiting(desk, queue(desk), "ben")
    answer(desk, "anna", first, "confirm")
    assert ids(waiting(desk, queue(desk), "anna")) == ids(queue(desk))[1:10] + ids(queue(desk))[20:21]
    answer(desk, "anna", first, "undo", undoes=1)
    assert ids(waiting(desk, queue(desk), "ben"))[0] == ids(queue(desk))[10]
    assert ids(waiting(desk, queue(desk), "anna"))[0] == first


def test_a_flag_ends_no_lease_and_takes_no_image_out(desk):
    waiting(desk, queue(desk), "anna")
    answer(desk, "anna", "i0000", "flag")
    assert ids(waiting(desk, queue(desk), "anna"))[0] == "i0000"
    assert "i0000" not in ids(waiting(desk, queue(desk), "ben"), at_hand=False)


def test_images_of_somebody_who_has_gone_come_back_after_ten_minutes(desk):
    waiting(desk, queue(desk), "anna")
    desk.now_s = LEASE_S + 1
    assert ids(waiting(desk, queue(desk), "ben"))[0] == "i0000"


def test_an_image_is_kept_across_queues(desk):
    """Anna works on a list, Ben on the same images in another order."""
    waiting(desk, queue(desk), "anna")
    backwards = tuple(reversed(queue(desk, 12)))
    assert ids(waiting(desk, backwards, "ben"), at_hand=False) == ["i0011", "i0010"]


def test_second_opinions_are_kept_from_nobody(desk):
    for image_id in ("i0000", "i0001"):
        answer(desk, "anna", image_id, after="dog.large")
    for reviewer in ("ben", "cem"):
        assert ids(waiting(desk, queue(desk), reviewer, second_opinion=True)) == ["i0000", "i0001"]
    assert waiting(desk, queue(desk), "anna", second_opinion=True) == ()


def test_twenty_reviewers_asking_at_once_are_handed_different_images(desk):
    items, handed = queue(desk, 120), {}
    ready = threading.Barrier(20)

    def ask(reviewer):
        ready.wait()
        for _ in range(5):
            handed[reviewer] = ids(waiting(desk, items, reviewer))

    threads = [threading.Thread(target=ask, args=(f"reviewer {k}",)) for k in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _ in range(2):  # as their screens stand once all have asked, and gave back what was beyond their share
        for reviewer in handed:
            handed[reviewer] = ids(waiting(desk, items, reviewer))
    every = [image_id for images in handed.values() for image_id in images]
    assert len(every) == len(set(every))
    assert all(1 <= len(images) <= MOST_LEASED for images in handed.values())


def adjudicating(desk, reviewer, split=Split.TEST):
    return to_adjudicate(desk, in_split(desk, split), reviewer)


def in_split(desk, split=Split.TEST):
    return listed_queue([image.image_id for image in desk.dataset().split(split)])


def test_people_who_disagree_make_an_image_that_waits_for_adjudication_and_says_who_said_what(desk):
    disagree(desk)
    (item,) = adjudicating(desk, "cem")
    assert (item.image_id, item.why, item.notice) == ("i0000", "anna: dog.large; ben: cat.large", "")
    assert adjudicating(desk, "cem", Split.TRAIN) == ()
    assert open_by_split(desk) == {Split.TEST: 1}
    answer(desk, "cem", "i0000", after="cat.large", adjudicates=True)
    assert (adjudicating(desk, "cem"), open_by_split(desk)) == ((), {})


def test_who_is_one_of_the_two_may_adjudicate_and_is_told_so_even_blind(desk):
    disagree(desk)
    (item,) = adjudicating(desk, "ben")
    assert item.notice == YOURS
    (shown,) = shown_items(desk, [item], [], Split.TEST, desk.labels(Labels.REVIEWED))
    assert shown["caption"].endswith(f" · {YOURS}")
    assert shown["why"] == "anna: dog.large; ben: cat.large"


def test_one_disagreement_is_handed_to_one_adjudicator_whoever_labelled_it(desk):
    waiting(desk, queue(desk), "anna")  # has had it as a first opinion: no reason to keep it from Cem
    disagree(desk)
    assert ids(adjudicating(desk, "cem")) == ["i0000"]
    assert adjudicating(desk, "dora") == ()
    assert with_other_adjudicators(desk, in_split(desk), "dora") == 1
    answer(desk, "cem", "i0000", "skip", adjudicates=True)
    assert adjudicating(desk, "cem") == ()
    assert ids(adjudicating(desk, "dora")) == ["i0000"]


def test_the_longest_discussed_comes_first_each_in_its_split(desk):
    for image_id in ("i0004", "i0000", "i0002"):
        disagree(desk, image_id)
    assert ids(adjudicating(desk, "cem")) == ["i0004", "i0000"]
    assert open_by_split(desk) == {Split.TEST: 2, Split.VALIDATION: 1}
