"""A model whose answers bear the wrong names is found by the names under which most of them would be right."""

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model_zoo.core.evaluation.class_order import other_order


def test_two_names_exchanged():
    #            said: a   b   c
    counts = np.array([[1, 18, 1], [19, 1, 0], [1, 1, 18]])
    found = other_order(counts, ["a", "b", "c"])
    assert found.names == ("b", "a", "c")  # the answer called a is right where it means b
    assert (found.share, found.given) == (55 / 60, 20 / 60)  # 19 + 18 + 18; 1 + 1 + 18
    assert found.is_suspicious


def test_a_weak_model_on_few_images_is_not_suspicious():
    assert not other_order([[2, 3], [3, 2]], ["a", "b"]).is_suspicious
    assert not other_order([[40, 10], [10, 40]], ["a", "b"]).is_suspicious
    assert not other_order(np.zeros((2, 2)), ["a", "b"]).is_suspicious


@given(st.lists(st.integers(0, 30), min_size=16, max_size=16))
def test_no_order_is_better_than_the_one_found(counts):
    table = np.array(counts).reshape(4, 4)
    names = ["a", "b", "c", "d"]
    found = other_order(table, names)
    best = max(sum(table[p[k], k] for k in range(4)) for p in permutations(range(4)))
    hits = sum(table[names.index(name), k] for k, name in enumerate(found.names))
    assert hits == best
    if table.sum():
        assert np.isclose(found.share, best / table.sum())
