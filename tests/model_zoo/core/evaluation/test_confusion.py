"""Confusion matrices: renaming, projecting and averaging lose no image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_zoo.core.evaluation.confusion import Confusion, Per, count, mean
from model_zoo.core.label_space.taxonomy import OUTSIDE, Taxonomy, project

FOUR = Taxonomy("four", {name: frozenset(name) for name in "abcd"})
WITHOUT_D = Taxonomy("without d", {"ab": frozenset("ab"), "c": frozenset("c")}, outside=frozenset("d"))

answers = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=60).map(
    lambda rows: np.array(rows, dtype=np.int64).reshape(-1, 2).T
)


def matrix(rows, taxonomy=FOUR, elsewhere=None):
    counts = np.array(rows, dtype=float)
    return Confusion(taxonomy, counts, np.zeros(len(counts)) if elsewhere is None else np.array(elsewhere, float))


def test_shares_by_hand():
    two = Taxonomy("two", {"a": frozenset("a"), "b": frozenset("b")})
    one = matrix([[6, 2], [0, 0]], two, elsewhere=[2, 0])
    assert one.per(Per.TRUE)[0].tolist() == [0.6, 0.2]  # 2 of 10 went elsewhere: the row does not pretend to sum to 1
    assert np.isnan(one.per(Per.TRUE)[1]).all()
    assert one.per(Per.PREDICTED).tolist() == [[1, 1], [0, 0]]
    assert one.per(Per.COUNT) is one.counts


@given(answers, st.permutations(range(4)))
def test_permuting_the_classes_permutes_the_matrix(case, order):
    truth, predicted = case
    order = np.array(order)
    permuted = Taxonomy("permuted", {FOUR.names[k]: FOUR.classes[FOUR.names[k]] for k in order})
    new_index = np.argsort(order)
    first = count(truth, predicted, FOUR)
    second = count(new_index[truth], new_index[predicted], permuted)
    for per in Per:
        assert np.array_equal(second.per(per), first.per(per)[np.ix_(order, order)], equal_nan=True)
    assert np.array_equal(first.project(project(FOUR, permuted)).counts, second.counts)


@given(answers)
def test_with_classes_outside_projecting_then_counting_is_counting_then_projecting(case):
    truth, predicted = case
    projection = project(FOUR, WITHOUT_D)
    later = count(truth, predicted, FOUR).project(projection)
    new_truth, new_predicted = projection.apply(truth), projection.apply(predicted)
    judged = new_truth != OUTSIDE
    first = count(new_truth[judged], new_predicted[judged], WITHOUT_D)
    assert np.array_equal(first.counts, later.counts)
    assert np.array_equal(first.elsewhere, later.elsewhere)
    assert first.counts.sum() + first.elsewhere.sum() == judged.sum()  # nothing is lost but what is outside


@given(st.lists(answers, min_size=1, max_size=4))
def test_the_mean_matrix_is_the_mean_of_the_matrices(cases):
    matrices = [count(*case, FOUR) for case in cases]
    assert mean(matrices).counts * len(cases) == pytest.approx(sum(one.counts for one in matrices))


@given(answers)
def test_every_row_of_shares_sums_to_one_or_is_undefined(case):
    one = count(*case, FOUR)
    for per, axis in ((Per.TRUE, 1), (Per.PREDICTED, 0)):
        shares = one.per(per)
        empty = one.counts.sum(axis=axis) == 0
        assert np.isnan(shares.sum(axis=axis)[empty]).all()
        assert shares.sum(axis=axis)[~empty] == pytest.approx(1)


def test_no_image_at_all_is_an_empty_matrix():
    nothing = np.empty(0, dtype=np.int64)
    assert count(nothing, nothing, FOUR).counts.tolist() == np.zeros((4, 4)).tolist()
