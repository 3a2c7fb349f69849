"""Predictions at any depth: counted as the class that they fit in, undecided where they span several."""

import numpy as np
import pytest
from hiclass import metrics as hiclass_metrics
from hypothesis import given
from hypothesis import strategies as st

from model_zoo.core.comparison.missing_predictions import evaluate_with_missing
from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.evaluation import accuracy, evaluate
from model_zoo.core.evaluation.hierarchy import Hierarchy, hierarchical, mistake_severity
from model_zoo.core.evaluation.metrics import ClassFigure, MappedBy
from model_zoo.core.evaluation.predictions import Predictions, rows_of_labels
from model_zoo.core.evaluation.undecided import accuracy_decided, has_undecided, share_undecided
from model_zoo.core.label_space.taxonomy import OUTSIDE, Taxonomy, project
from tests.evaluations import FOUR

PAIR = Taxonomy("pair", {"ab": frozenset("ab"), "c": frozenset("c"), "d": frozenset("d")})
ODD = Taxonomy("odd", {"abc": frozenset("abc"), "d": frozenset("d")})
NO_D = Taxonomy("no d", {"ab": frozenset("ab"), "c": frozenset("c")}, outside=frozenset("d"))
CHAIN = (FOUR, PAIR, ODD)  # ((a b) c) d
NODES = ("a", "b", "c", "d", "ab", "abc", "abcd")


def predicted(*labels):
    ids = tuple(f"i{k}" for k in range(len(labels)))
    return Predictions(ids, FOUR.names, rows_of_labels([frozenset(one) for one in labels], FOUR), labels_only=True)


def evaluated(truth, labels, space=FOUR, **more):
    one = predicted(*labels)
    return evaluate([one], FOUR, space, dict(zip(one.image_ids, map(frozenset, truth))), {}, **more)


def test_a_label_that_spans_several_classes_is_incorrect_and_stays_an_image():
    one = evaluated("aaab", ["a", "ab", "b", "ab"])
    assert one.predicted.tolist() == [[0, OUTSIDE, 1, OUTSIDE]]
    assert one.is_undecided.tolist() == [[False, True, False, True]]
    assert accuracy(one).mean == 1 / 4
    assert share_undecided(one).mean == 2 / 4
    assert accuracy_decided(one).mean == 1 / 2
    assert one.confusion.elsewhere.tolist() == [1, 1, 0, 0]


def test_in_coarser_classes_it_counts_as_the_class_that_it_fits_in():
    one = evaluated("aaab", ["a", "ab", "b", "abc"], PAIR)
    assert one.predicted.tolist() == [[0, 0, 0, OUTSIDE]]
    assert accuracy(one).mean == 3 / 4
    assert accuracy(evaluated("aaab", ["a", "ab", "b", "abc"], ODD)).mean == 1


def test_what_is_partly_outside_spans_and_what_is_wholly_outside_does_not():
    one = evaluated("abc", ["abcd", "cd", "d"], NO_D)
    assert one.is_undecided.tolist() == [[True, True, False]]
    assert accuracy(one).mean == 0
    assert accuracy_decided(one).mean == 0


def test_summing_probabilities_decides_nothing_that_a_label_leaves_open():
    labels = ["abc", "ab"]
    sums, answers = (evaluated("aa", labels, PAIR, mapped_by=way) for way in (MappedBy.SUM, MappedBy.ANSWER))
    assert sums.predicted.tolist() == answers.predicted.tolist() == [[OUTSIDE, 0]]


def test_a_missing_prediction_is_not_undecided():
    whole, part = predicted("ab", "a", "b"), predicted("a", "ab")
    labels = {image_id: frozenset("a") for image_id in whole.image_ids}
    both, partly = evaluate_with_missing([whole, part], FOUR, FOUR, labels, {})
    assert both.is_undecided.tolist() == [[True, False], [False, True]]
    assert not partly.is_undecided.any()
    assert not has_undecided(partly)


def test_a_finer_label_is_its_class_and_a_foreign_one_is_refused():
    assert rows_of_labels([frozenset("a"), frozenset("bc")], PAIR).tolist() == [[1, 0, 0], [0.5, 0.5, 0]]
    with pytest.raises(RunError, match="prediction x is in no class of 'pair'; it has ab, c, d"):
        rows_of_labels([frozenset("x")], PAIR)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(NODES)), min_size=1, max_size=30))
def test_projecting_an_evaluation_is_evaluating_in_the_coarser_classes(images):
    truth, labels = zip(*images)
    for space in (PAIR, ODD, NO_D):
        projected = evaluated(truth, labels).project(project(FOUR, space))
        direct = evaluated(truth, labels, space)
        assert projected.predicted.tolist() == direct.predicted.tolist()
        assert projected.is_undecided.tolist() == direct.is_undecided.tolist()


@pytest.mark.filterwarnings("ignore:F-score is ill-defined")
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(NODES[:-1])), min_size=1, max_size=30))
def test_hierarchical_metrics_at_any_depth_are_those_of_hiclass(images):
    truth, labels = zip(*images)
    one = evaluated(truth, labels)
    full = {"a": ["abc", "ab", "a"], "b": ["abc", "ab", "b"], "c": ["abc", "c", ""], "d": ["d", "", ""]}
    paths = {**full, "ab": ["abc", "ab", ""], "abc": ["abc", "", ""]}
    y_true, y_pred = np.array([full[name] for name in truth]), np.array([paths[name] for name in labels])
    for figure, theirs in [
        (ClassFigure.PRECISION, hiclass_metrics.precision),
        (ClassFigure.RECALL, hiclass_metrics.recall),
        (ClassFigure.F1, hiclass_metrics.f1),
    ]:
        assert hierarchical(one, Hierarchy(CHAIN), figure).mean == pytest.approx(theirs(y_true, y_pred), abs=1e-9)


def test_a_label_above_the_true_class_costs_recall_and_no_precision():
    one = evaluated("ab" * 10, ["ab"] * 20)
    assert hierarchical(one, Hierarchy(CHAIN), ClassFigure.RECALL).mean == pytest.approx(2 / 3)
    precision = hierarchical(one, Hierarchy(CHAIN), ClassFigure.PRECISION)
    assert (precision.mean, precision.share.high) == (1, 1)
    assert 0.7 < precision.share.low < 1


def test_the_severity_of_a_label_that_spans_is_the_height_of_its_node():
    assert mistake_severity(evaluated("aad", ["ab", "abc", "abc"]), Hierarchy(CHAIN)).mean == pytest.approx(
        (1 + 2 + 3) / 3
    )
