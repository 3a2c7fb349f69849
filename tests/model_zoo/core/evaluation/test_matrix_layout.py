"""Layouts of a matrix: no order, group or subset loses or hides an image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_zoo.core.errors import TaxonomyError
from model_zoo.core.evaluation.confusion import Confusion, count
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.matrix_layout import (
    OTHER,
    MatrixLayout,
    confusability_order,
    groups_by_part,
    groups_by_taxonomy,
)
from model_zoo.core.label_space.labels import LeafSpace, Part
from model_zoo.core.label_space.taxonomy import OUTSIDE, Taxonomy

SIX = Taxonomy("six", {name: frozenset(name) for name in "abcdef"}, outside=frozenset("z"))
answers = st.lists(st.tuples(st.integers(0, 5), st.integers(OUTSIDE, 5)), max_size=60).map(
    lambda rows: np.array(rows, dtype=np.int64).reshape(-1, 2).T
)
layouts = st.builds(
    lambda groups, opened, order, kept: (
        MatrixLayout.of(SIX).collapsed({"x": groups[:3], "y": groups[3:5]}, opened),
        order,
        kept,
    ),
    st.permutations("abcdef"),
    st.sampled_from([(), ("x",), ("x", "y")]),
    st.randoms(use_true_random=False),
    st.integers(1, 6),
).map(lambda made: _shuffled(*made))


def _shuffled(layout, random, kept):
    order = list(range(len(layout.lines)))
    random.shuffle(order)
    ordered = layout.ordered(order)
    return ordered.only(list(ordered.lines)[:kept])


def test_three_classes_of_a_group_become_one_line_where_the_first_stood():
    layout = MatrixLayout.of(SIX).collapsed({"bde": ("b", "d", "e")})
    assert dict(layout.lines) == {"a": ("a",), "bde": ("b", "d", "e"), "c": ("c",), "f": ("f",)}
    opened = MatrixLayout.of(SIX).collapsed({"bde": ("b", "d", "e")}, opened=["bde"])
    assert list(opened.lines) == ["a", "b", "d", "e", "c", "f"]  # side by side
    counts = np.arange(36.0).reshape(6, 6)
    projected = Confusion(SIX, counts, np.zeros(6)).project(layout.projection)
    # rows b, d, e hold 6..11, 18..23 and 24..29: 7+9+10 + 19+21+22 + 25+27+28 = 168
    assert projected.counts[1, 1] == 168
    assert list(projected.taxonomy.names) == list(layout.lines)


def test_a_subset_keeps_all_else_in_one_line():
    layout = MatrixLayout.of(SIX).only(["d", "b"])
    assert dict(layout.lines) == {"b": ("b",), "d": ("d",), OTHER: ("a", "c", "e", "f")}
    truth, predicted = np.array([1, 1, 3, 0, 5]), np.array([1, 0, OUTSIDE, 3, 4])
    projected = count(truth, predicted, SIX).project(layout.projection)
    assert projected.counts.tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 1]]
    assert projected.elsewhere.tolist() == [0, 1, 0]  # outside stays outside, it is not one of the others


def test_all_classes_chosen_leaves_nothing_over():
    assert list(MatrixLayout.of(SIX).only("abcdef").lines) == list("abcdef")


def test_a_stranger_is_one_sentence():
    with pytest.raises(TaxonomyError, match="no class 'g'; it has a, b"):
        MatrixLayout.of(SIX).only(["g"])
    with pytest.raises(TaxonomyError, match="each class of 'six' once: look at 'f'"):
        MatrixLayout(SIX, {"all": tuple("abcde")})


@pytest.mark.parametrize("name", ["a", OTHER])
def test_a_group_or_class_may_have_any_name(name):
    taxonomy = Taxonomy("odd", {one: frozenset({one}) for one in ("a", "b", OTHER)})
    assert len(MatrixLayout.of(taxonomy).collapsed({name: ("b", OTHER)}).lines) == 2
    assert len(MatrixLayout.of(taxonomy).only([OTHER]).lines) == 2


@given(answers, layouts)
def test_a_layout_keeps_every_image_and_every_row(case, layout):
    truth, predicted = case
    whole = count(truth, predicted, SIX)
    shown = whole.project(layout.projection)
    assert shown.counts.sum() + shown.elsewhere.sum() == len(truth)
    for k, names in enumerate(layout.lines.values()):
        rows = [SIX.class_index(name) for name in names]
        assert shown.counts[k].sum() + shown.elsewhere[k] == whole.counts[rows].sum() + whole.elsewhere[rows].sum()
        assert shown.counts[:, k].sum() == whole.counts[:, rows].sum()


@given(answers, layouts)
def test_answers_projected_are_counted_like_the_matrix_projected(case, layout):
    truth, predicted = case
    ids = tuple(f"i{k}" for k in range(len(truth)))
    judged = Evaluation(SIX, ids, np.arange(len(truth)), truth, predicted[None])
    projected = judged.project(layout.projection)
    assert (projected.confusion.counts == judged.confusion.project(layout.projection).counts).all()
    assert (projected.confusion.elsewhere == judged.confusion.project(layout.projection).elsewhere).all()
    for i, true in enumerate(layout.lines.values()):
        for j, said in enumerate(layout.lines.values()):
            inside = judged.n_runs_in_cell([SIX.class_index(n) for n in true], [SIX.class_index(n) for n in said])
            assert inside.sum() == projected.confusion.counts[i, j]
        outside = judged.n_runs_in_cell([SIX.class_index(n) for n in true], OUTSIDE)
        assert outside.sum() == projected.confusion.elsewhere[i]


@given(st.permutations(range(6)))
def test_classes_confused_with_each_other_stand_together(order):
    """Three pairs are planted, whatever the order of the taxonomy."""
    planted = np.eye(6) * 10
    for a, b in ((0, 3), (1, 5), (2, 4)):
        planted[a, b] = planted[b, a] = 6
    planted[3, 1] = 2  # and the first pair leans on the second
    order = np.array(order)
    shuffled = Confusion(SIX, planted[np.ix_(order, order)], np.zeros(6))
    found = order[confusability_order([shuffled])]
    place = {int(k): position for position, k in enumerate(found)}
    assert all(abs(place[a] - place[b]) == 1 for a, b in ((0, 3), (1, 5), (2, 4), (3, 1)))


@given(answers)
def test_the_order_is_a_permutation_that_reads_in_the_direction_of_the_taxonomy(case):
    order = confusability_order([count(*case, SIX)])
    assert sorted(order) == list(range(6))
    assert order[0] < order[-1]


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_classes_stand_as_they_are(n):
    small = Taxonomy("small", {name: frozenset(name) for name in "ab"[:n]})
    assert confusability_order([Confusion(small, np.ones((n, n)), np.zeros(n))]).tolist() == list(range(n))


def test_groups_come_from_a_coarser_taxonomy_or_a_part():
    space = LeafSpace((Part("thing", ("cat", "dog")), Part("size", ("small", "large"))), lone=("logo",))
    fine = Taxonomy("fine", {leaf: frozenset({leaf}) for leaf in space.leaves})
    things = Taxonomy("things", {"cat": space.parse("cat.*"), "dog": space.parse("dog.*")}, outside=frozenset({"logo"}))
    by_thing = {"cat": ("cat.small", "cat.large"), "dog": ("dog.small", "dog.large")}
    assert groups_by_taxonomy(fine, things) == by_thing == groups_by_part(fine, space, "thing")
    assert groups_by_part(things, space, "size") == {}
    assert list(MatrixLayout.of(fine).collapsed(by_thing).lines) == [
        "cat",
        "dog",
        "logo",
    ]  # outside there is not lost here
