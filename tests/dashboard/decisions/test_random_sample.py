"""The random order as a sample: its name, which images it has drawn, and that they are drawn fairly."""

from dataclasses import replace
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.decisions.decision import Answer
from dashboard.decisions.queue import QueueItem, random_queue
from dashboard.decisions.random_sample import RandomOrder, random_sample, read_random_order
from model_zoo.core.label_space.splits import Split
from tests.dashboard.histories import decision, undo

IDS = [f"i{k}" for k in range(8)]
DRAW = RandomOrder(1, Split.TEST)
BY = DRAW.chosen_by(8)
ORDER = [item.image_id for item in random_queue(IDS, 1)]


def standing(decisions):
    return {one.image_id for one in decisions if one.answer.gives_label}


def ids_of(decisions, ids=IDS, split=Split.TEST, where=""):
    found = random_sample(decisions, ids, standing(decisions), split, where)
    return found and list(found.image_ids)


def story(*told):
    """Decisions about images in turn: an image id, or (image id, changes)."""
    told = [(one, {}) if isinstance(one, str) else one for one in told]
    return [decision(k, image_id=one, **{"chosen_by": BY} | changes) for k, (one, changes) in enumerate(told, 1)]


draw_words = st.builds(
    RandomOrder,
    st.integers(1, 10**9),
    st.sampled_from(Split),
    st.text(st.characters(categories=["L", "N", "P", "S"], include_characters=" "), max_size=20).map(str.strip),
)


@given(draw_words, st.integers(0, 100_000))
def test_what_a_decision_says_is_read_back(draw, n_images):
    assert read_random_order(draw.chosen_by(n_images)) == draw
    assert decision(1, chosen_by=draw.chosen_by(n_images))  # it can be stored


@pytest.mark.parametrize("other", ["", "high loss (own classes, test)", "a list from Images", f"{BY}, again", f" {BY}"])
def test_other_ways_are_no_draw(other):
    assert read_random_order(other) is None


def test_records_of_old_are_read():
    assert read_random_order("random order, seed 7, of 60 images (test)") == RandomOrder(7, Split.TEST)
    assert read_random_order("random order, seed 1, of 1 image (train, camera = B, and C)") == RandomOrder(
        1, Split.TRAIN, "camera = B, and C"
    )


def test_the_sample_goes_up_to_the_last_image_shown():
    assert ids_of(story(*ORDER[:3])) == ORDER[:3]
    assert ids_of(story(ORDER[2], ORDER[0])) == ORDER[:3]  # the second is a gap: drawn, and unknown
    assert ids_of([]) is None
    skipped = story(ORDER[0], (ORDER[1], {"answer": Answer.SKIP}))
    assert ids_of(skipped) == ORDER[:2]
    assert ids_of([*skipped, undo(3, 2, image_id=ORDER[1])]) == ORDER[:2]


def test_other_queues_neither_lengthen_nor_break_it():
    other = {"chosen_by": "high loss (own classes, test)"}
    assert ids_of(story((ORDER[0], other), (ORDER[1], other))) is None
    told = story((ORDER[1], other), (ORDER[7], other), ORDER[0], ORDER[2], ORDER[3])
    assert ids_of(told) == ORDER[:3]  # one was passed over, so the last image of the walk does not count
    second_opinion = story((ORDER[5], other), (ORDER[5], {"reviewer": "Ben"}))
    assert ids_of(second_opinion) is None  # it had an answer: this was no walk through the order


def test_a_draw_serves_all_images_that_stand_in_it():
    told = story(*ORDER[:4])
    some = [one for one in IDS if one in ORDER[1::2]]
    assert ids_of(told, some, where="camera = B") == [ORDER[1], ORDER[3]]
    narrow = [replace(one, chosen_by=RandomOrder(1, Split.TEST, "camera = B").chosen_by(4)) for one in told]
    assert ids_of(narrow, some, where="camera = B") == [ORDER[1], ORDER[3]]
    assert ids_of(narrow) is None
    assert ids_of(narrow, where="camera = C") is None
    assert ids_of(told, split=Split.VALIDATION) is None


def test_of_several_draws_the_longest_counts():
    two = [item.image_id for item in random_queue(IDS, 2)]
    told = story(*ORDER[:2], *[(one, {"chosen_by": RandomOrder(2, Split.TEST).chosen_by(8)}) for one in two[:5]])
    kept = [one for one in two[:5] if one not in ORDER[:2]]
    found = random_sample(told, IDS, standing(told), Split.TEST)
    assert found.draw.seed == 2
    assert set(kept[:-1]) <= set(found.image_ids)


@pytest.mark.parametrize("elsewhere", [{"i0"}, {"i0", "i1"}, {"i0", "i3"}])
@pytest.mark.parametrize("answers", [2, 3])
def test_over_all_orders_the_sample_is_fair_though_others_reviewed_some(monkeypatch, elsewhere, answers):
    """Six images, some reviewed by others before; the mean of any value over the sample is right on average."""
    ids, value = IDS[:6], {f"i{k}": Fraction(k * k) for k in range(6)}
    total, n = Fraction(0), 0
    for order in permutations(ids):
        monkeypatch.setattr(
            f"{random_sample.__module__}.random_queue", lambda _, __, order=order: tuple(map(QueueItem, order))
        )
        waiting = [one for one in order if one not in elsewhere][:answers]
        told = story(*[(one, {"chosen_by": "a list from Images"}) for one in sorted(elsewhere)], *waiting)
        sample = ids_of(told, ids)
        if sample:
            total, n = total + sum(value[one] for one in sample) / len(sample), n + 1
    assert n == 720
    assert total / n == sum(value.values()) / 6
