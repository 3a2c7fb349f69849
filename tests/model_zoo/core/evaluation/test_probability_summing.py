"""Probabilities summed, then argmax, beside the answer mapped: who becomes right, who wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.evaluation import accuracy, evaluate
from model_zoo.core.evaluation.metrics import MappedBy
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.evaluation.probability_summing import SummingEffect, accuracy_change
from model_zoo.core.label_space.taxonomy import OUTSIDE, Taxonomy
from tests.evaluations import FOUR

REST = Taxonomy("rest", {"a": frozenset("a"), "rest": frozenset("bcd")})
TURNED = Taxonomy("turned", {name: frozenset(name) for name in "dbca"})
NO_D = Taxonomy("no d", {"a": frozenset("a"), "bc": frozenset("bc")}, outside=frozenset("d"))


def said(*rows):
    p = np.array(rows, dtype=np.float32).reshape(-1, 4)
    return Predictions(tuple(f"i{k}" for k in range(len(p))), FOUR.names, p)


def both(runs, space, labels):
    named = {f"i{k}": frozenset(leaf) for k, leaf in enumerate(labels)}
    return [evaluate(runs, FOUR, space, named, {}, mapped_by) for mapped_by in MappedBy]


def test_many_small_probabilities_outweigh_the_largest():
    runs = [said([0.4, 0.3, 0.3, 0], [0.4, 0.3, 0.3, 0], [0.9, 0.1, 0, 0])]
    answers, sums = both(runs, REST, "aba")
    assert (answers.predicted.tolist(), sums.predicted.tolist()) == ([[0, 0, 0]], [[1, 1, 0]])
    found = accuracy_change(answers, sums)
    assert found.ids(SummingEffect.RIGHT) == ("i1",)  # b, called a by the answer, the rest by the sum
    assert found.ids(SummingEffect.WRONG) == ("i0",)
    assert found.net.mean == 0


def test_a_series_counts_in_how_many_runs_an_image_changes_and_the_net_may_be_negative():
    unsure, sure = [0.4, 0.3, 0.3, 0], [0.9, 0.1, 0, 0]
    answers, sums = both([said(unsure, sure, unsure), said(unsure, unsure, sure)], REST, "aab")
    found = accuracy_change(answers, sums)
    assert found.n_runs(SummingEffect.WRONG).tolist() == [2, 1, 0]
    assert found.n_runs(SummingEffect.RIGHT).tolist() == [0, 0, 1]
    assert found.ids(SummingEffect.WRONG) == ("i0", "i1")
    assert (found.n_images(SummingEffect.RIGHT).tolist(), found.n_images(SummingEffect.WRONG).tolist()) == (
        [1, 0],
        [1, 2],
    )
    assert found.net.per_run == pytest.approx([(1 - 1) / 3, -2 / 3])
    assert found.net.mean == pytest.approx(accuracy(sums).mean - accuracy(answers).mean)


def test_what_lies_outside_is_a_candidate_of_its_own():
    tie = [0.125, 0.25, 0.1875, 0.4375]
    answers, sums = both([said([0.3, 0.25, 0, 0.45], [0.3, 0.3, 0.3, 0.1], tie)], NO_D, "aab")
    assert answers.predicted.tolist() == [[OUTSIDE, 0, OUTSIDE]]
    assert sums.predicted.tolist() == [[OUTSIDE, 1, OUTSIDE]]  # .30 .25 .45; .30 .60 .10; .125 .4375 .4375
    assert accuracy_change(answers, sums).ids(SummingEffect.WRONG) == ("i1",)


weights = st.lists(st.lists(st.integers(0, 9), min_size=4, max_size=4).filter(sum), min_size=1, max_size=12)


@given(weights, st.sampled_from([FOUR, TURNED]))
def test_summing_changes_nothing_where_no_class_is_merged(rows, space):
    p = np.array(rows, dtype=np.float64)
    runs = [said(*(p / p.sum(axis=1, keepdims=True)))]
    answers, sums = both(runs, space, "abcd"[: len(rows)] + "a" * max(0, len(rows) - 4))
    assert (answers.predicted == sums.predicted).all()
    assert accuracy_change(answers, sums).net.per_run.tolist() == [0]


@given(weights, st.sampled_from([REST, NO_D]))
def test_the_summed_answer_has_the_highest_summed_probability(rows, space):
    p = np.array(rows, dtype=np.float64)
    p /= p.sum(axis=1, keepdims=True)
    answers, sums = both([said(*p)], space, "abc"[: len(rows)] + "a" * max(0, len(rows) - 3))
    groups = [sum(p[:, "abcd".index(leaf)] for leaf in leaves) for leaves in space.classes.values()]
    groups.append(sum((p[:, "abcd".index(leaf)] for leaf in space.outside), np.zeros(len(p))))
    totals = np.stack(groups, axis=1)
    chosen = totals[np.arange(len(p)), sums.predicted[0]]  # OUTSIDE, -1, is the last column
    assert chosen == pytest.approx(totals.max(axis=1), abs=1e-6)
    found = accuracy_change(answers, sums)
    gained = found.n_images(SummingEffect.RIGHT).sum() - found.n_images(SummingEffect.WRONG).sum()
    assert found.net.mean == pytest.approx(gained / len(answers.truth))


def test_only_the_same_runs_images_and_classes_can_be_set_against_each_other():
    answers, _ = both([said([1, 0, 0, 0], [0, 1, 0, 0])], REST, "ab")
    _, fewer = both([said([1, 0, 0, 0])], REST, "a")
    _, others = both([said([1, 0, 0, 0], [0, 1, 0, 0])], FOUR, "ab")
    for other in (fewer, others):
        with pytest.raises(RunError, match="not of the same runs, images and classes"):
            accuracy_change(answers, other)
