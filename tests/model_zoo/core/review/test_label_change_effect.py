"""What reviewed labels change: small stories counted by hand."""

from dataclasses import replace

import numpy as np
import pytest

from model_zoo.core.errors import RunError
from model_zoo.core.review.label_change_effect import (
    BeforeAfter,
    LabelChangeEffect,
    reviewable_difference,
    reviewable_label_errors,
)
from model_zoo.core.review.review_estimate import estimate
from tests.evaluations import judged

IDS = tuple(f"i{k}" for k in range(5))
ALL = np.ones(5, dtype=bool)


def test_each_relabelled_image_stands_where_its_answers_went():
    said = [[0, 1, 2, 3, 0], [1, 1, 2, 3, 0]]  # two runs; i0: one says a, one b
    before, after = judged([0, 0, 2, 3, 0], said), judged([1, 1, 3, 3, 0], said)
    moved = BeforeAfter(IDS, before, after).moved({"i0", "i1", "i2", "i3"})
    assert moved == {
        LabelChangeEffect.RIGHT: {"i0": 1, "i1": 2},  # a to b: the second run becomes right; both do on i1
        LabelChangeEffect.WRONG: {"i0": 1, "i2": 2},
        LabelChangeEffect.SAME: {"i3": 2},  # another leaf of the same class
        LabelChangeEffect.LEFT_OUT: {},
        LabelChangeEffect.COUNTED: {},
    }


def test_an_image_comes_and_goes_as_its_label_can_be_placed():
    both = judged([0, 1, 2, 3, 0], [[0, 1, 2, 3, 0]])
    before, after = both.only(np.array([0, 1, 2, 3])), both.only(np.array([1, 2, 3, 4]))
    pair = BeforeAfter(IDS, before, after)
    moved = pair.moved(set(IDS))
    assert (moved[LabelChangeEffect.LEFT_OUT], moved[LabelChangeEffect.COUNTED]) == ({"i0": 1}, {"i4": 1})
    part = pair.reviewable(ALL)
    assert part.below.tolist() == [1, 1, 1, 1, 0]
    assert part.reviewed_below.tolist() == [0, 1, 1, 1, 1]
    assert part.before == 1.0


def test_an_images_part_in_accuracy_is_the_share_of_runs_that_are_right():
    said = [[0, 1, 2, 3, 0], [1, 1, 2, 3, 1]]
    part = BeforeAfter(IDS, judged([0, 0, 2, 3, 0], said), judged([1, 1, 3, 3, 2], said)).reviewable(ALL)
    assert part.above.tolist() == [0.5, 0, 1, 1, 0.5]
    assert part.reviewed_above.tolist() == [0.5, 1, 0, 1, 0]
    assert part.highest.tolist() == [0.5, 1, 1, 1, 0.5]  # with the label that most runs say
    assert part.lowest.tolist() == [0] * 5
    assert estimate(part, ALL).value == pytest.approx(2.5 / 5)


def test_in_a_difference_images_answered_alike_can_do_nothing():
    truth, reviewed = [0, 0, 2, 3, 0], [1, 0, 2, 3, 0]
    a, b = [[1, 0, 2, 3, 0]], [[0, 0, 2, 3, 1]]
    first = BeforeAfter(IDS, judged(truth, a), judged(reviewed, a))
    second = BeforeAfter(IDS, judged(truth, b), judged(reviewed, b))
    part = reviewable_difference(first, second, ALL)
    assert part.above.tolist() == [-1, 0, 0, 0, 1]
    assert part.reviewed_above.tolist() == [1, 0, 0, 0, 1]
    assert part.highest.tolist() == [1, 0, 0, 0, 1]
    assert part.lowest.tolist() == [-1, 0, 0, 0, -1]
    assert part.before == pytest.approx(0.0)
    assert estimate(part, ALL).value == pytest.approx(0.4)


def test_other_runs_classes_or_images_are_refused():
    one = judged([0, 1, 2, 3, 0], [[0, 1, 2, 3, 0]])
    with pytest.raises(RunError, match="same runs, images and classes"):
        BeforeAfter(IDS[:4], one, one)
    with pytest.raises(RunError, match="same runs, images and classes"):
        BeforeAfter(IDS, one, replace(one, predicted=one.predicted.repeat(2, axis=0)))
    pair = BeforeAfter(IDS, one, one)
    fewer = BeforeAfter(IDS, one.only(ALL & (np.arange(5) > 0)), one)
    with pytest.raises(RunError, match="common ground"):
        reviewable_difference(pair, fewer, ALL)


def test_label_errors_are_changed_classes_of_the_images_that_the_original_labels_place():
    """Six images: one keeps its class, one changes it, one leaves the class set, one was never in it, two unknown."""
    before = judged([0, 1, 2, 0, 1], [[0] * 5])
    after = replace(judged([0, 3, 0, 1, 2], [[0] * 5]), image_ids=("i0", "i1", "i3", "i4", "i5"))
    both = BeforeAfter(tuple(f"i{k}" for k in range(6)), before, after)
    known = np.array([True, True, True, False, False, True])
    parts = reviewable_label_errors(both, known)
    assert parts.below.tolist() == [1, 1, 1, 1, 1, 0]
    assert parts.reviewed_above[known].tolist() == [0, 1, 1, 0]
    found = estimate(parts, known)
    assert found.n_gaps == 0
    assert 2 / 5 <= found.low <= found.value <= found.high <= 4 / 5  # i3 and i4 may be wrong as well
