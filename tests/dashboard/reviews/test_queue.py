"""The queue of images that chosen runs get wrong."""

import numpy as np
import pytest

from dashboard.reviews.decisions import Answer
from dashboard.reviews.queue import QueueItem, listed_queue, remaining, wrong_queue

IDS = ["i0", "i1", "i2", "i3", "i4"]
TRUTH = np.array([0, 1, 2, -1, 1])
PREDICTED = np.array(
    [
        [0, 0, 2, 0, 0],  # wrong: i1, i4
        [0, 1, 2, 1, 2],  # wrong: i4
        [0, 0, -1, 2, 0],  # wrong: i1, i2 (outside), i4
    ]
)


def test_most_runs_wrong_comes_first_and_what_has_no_class_here_never() -> None:
    assert wrong_queue(IDS, TRUTH, PREDICTED) == (
        QueueItem("i4", 3, 3),
        QueueItem("i1", 2, 3),
        QueueItem("i2", 1, 3),
    )


def test_equally_wrong_images_keep_the_order_of_the_list() -> None:
    queue = wrong_queue(["z", "a", "m"], np.array([0, 0, 0]), np.array([[1, 1, 1]]))
    assert [item.image_id for item in queue] == ["z", "a", "m"]


def test_nothing_wrong_or_no_images_is_an_empty_queue() -> None:
    assert wrong_queue(["i0"], np.array([2]), np.array([[2]])) == ()
    assert wrong_queue([], np.zeros(0, np.int64), np.zeros((3, 0), np.int64)) == ()
    assert wrong_queue(["i0"], np.array([2]), np.zeros((0, 1), np.int64)) == ()


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"5 images need truth \(5,\)"):
        wrong_queue(IDS, TRUTH[:4], PREDICTED)


def test_what_is_answered_leaves_the_queue() -> None:
    left = remaining(wrong_queue(IDS, TRUTH, PREDICTED), {"i1": Answer.SKIP})
    assert [item.image_id for item in left] == ["i4", "i2"]  # 3 - 1 = 2 left


def test_any_list_opens_as_a_queue_each_image_once() -> None:
    assert listed_queue(["b", "a", "b"]) == (QueueItem("b", 0, 0), QueueItem("a", 0, 0))
