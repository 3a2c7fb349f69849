"""Queues: places, reasons, chance, and what is left of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.decisions.decision import Answer
from dashboard.decisions.queue import (
    QueueItem,
    disagreement,
    listed_queue,
    lowest,
    random_queue,
    ranked_queue,
    remaining,
    votes,
)
from model_zoo.core.evaluation.evaluation import churn


def ids(items):
    return [item.image_id for item in items]


def test_the_lowest_place_comes_first_and_equal_ones_keep_the_order_of_the_list():
    ranked = {"z": (0.5, "half"), "a": (0.5, "half too"), "m": (0.1, "low")}
    assert ranked_queue(ranked) == (QueueItem("m", "low"), QueueItem("z", "half"), QueueItem("a", "half too"))
    assert ranked_queue({}) == ()


def test_of_several_rankings_an_image_takes_its_lowest_place_and_that_ones_reason():
    first, second = {"a": (0.4, "first"), "b": (0.2, "first")}, {"a": (0.3, "second"), "c": (0.9, "second")}
    assert lowest([first, second]) == {"a": (0.3, "second"), "b": (0.2, "first"), "c": (0.9, "second")}


def test_any_list_opens_as_a_queue_each_image_once():
    assert listed_queue(["b", "a", "b"]) == (QueueItem("b"), QueueItem("a"))


def test_what_is_answered_leaves_the_queue():
    assert ids(remaining(listed_queue(["i4", "i1", "i2"]), {"i1": Answer.SKIP})) == ["i4", "i2"]  # 3 - 1 = 2 left


def test_what_runs_say_in_a_phrase():
    assert votes(["cat", "dog", "cat"]) == "cat in 2 of 3 runs, dog in 1"


def test_chance_is_drawn_by_the_seed_alone():
    names = [f"i{k}" for k in range(50)]
    first = ids(random_queue(names, 1))
    assert sorted(first) == sorted(names)
    assert first == ids(random_queue(names[::-1], 1)) != ids(random_queue(names, 2))
    assert [one for one in ids(random_queue([*names, "new"], 1)) if one != "new"] == first


def test_chance_prefers_no_place_in_the_list():
    """The mean place of each of 20 images over 400 seeds is 9.5, with a standard error of 5.8 / 20 = 0.29."""
    names = [f"i{k}" for k in range(20)]
    places = np.zeros(20)
    for seed in range(400):
        places += [ids(random_queue(names, seed)).index(name) for name in names]
    assert np.abs(places / 400 - 9.5).max() < 4 * 0.29


def test_pairs_that_disagree():
    # three runs: all agree; one differs: 2 of 3 pairs; all differ: 3 of 3
    assert disagreement(np.array([[0, 0, 0], [0, 0, 1], [0, 1, 2]])).tolist() == pytest.approx([0, 2 / 3, 1])
    assert disagreement(np.array([[0, 1]])).tolist() == [0, 0]


@given(st.integers(2, 5), st.integers(1, 20), st.integers(0, 999))
def test_their_mean_over_images_is_the_churn(n_runs, n_images, seed):
    predicted = np.random.default_rng(seed).integers(-1, 3, (n_runs, n_images))
    assert disagreement(predicted).mean() == pytest.approx(churn(predicted))
