"""The figures of Diagnose carry the numbers that they are given, and the class behind each mark."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.diagnose import diagnosis_plot
from dashboard.diagnose.retraining import LearningCurve, LearningCurvePoint
from dashboard.ui import plots
from model_zoo.core.comparison.comparison import pair, verdict
from model_zoo.core.comparison.outcomes import Question
from model_zoo.core.diagnosis.symptoms import class_pull, group_recalls, probability_mass
from model_zoo.core.evaluation.calibration import calibration
from model_zoo.core.evaluation.evaluation import Evaluation, class_figures
from model_zoo.core.evaluation.metrics import ClassFigure, Headline
from model_zoo.core.label_space.class_groups import ClassGroup
from model_zoo.core.label_space.taxonomy import Taxonomy

NAMES = ("a<b>", "b", "c", "d")
TAXONOMY = Taxonomy("four", {name: frozenset({name}) for name in NAMES})
TRAINING = np.array([0, 5, 50, 500])
GROUPS = [ClassGroup({"part": "<i>x"}, (0, 1))]


def drawn(seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, 30)  # nothing is of class d
    predicted = np.where(rng.random((2, 30)) < 0.5, truth, rng.integers(0, 4, (2, 30)))
    return Evaluation(TAXONOMY, tuple(map(str, range(30))), np.arange(30), truth, predicted)


def drawn_ends(figure):
    """The interval as it is drawn: of few patients the mark alone."""
    return [figure.mean if np.isnan(end) else end for end in (figure.share.low, figure.share.high)]


def ends(values, bars):
    return np.array(values) - np.array(bars.arrayminus), np.array(values) + np.array(bars.array)


@given(st.integers(0, 500))
def test_each_mark_stands_at_its_class_with_its_interval(seed):
    evaluation = drawn(seed)
    recalls, pulls = class_figures(evaluation, ClassFigure.RECALL), class_pull(evaluation)
    recall = diagnosis_plot.recall_by_size_figure(recalls, TRAINING, "s", plots.LIGHT, "#000").data[0]
    ratio = diagnosis_plot.prediction_bias_figure(NAMES, pulls, TRAINING, "s", plots.DARK, "#000").data[0]
    for trace in (recall, ratio):
        assert [list(one) for one in trace.customdata] == [["s", name] for name in NAMES]
        assert list(trace.x) == [0.5, 5, 50, 500]  # a logarithmic axis has no 0
        assert "a&lt;b&gt;" in trace.hovertemplate[0]
    for k in range(3):
        assert (recall.y[k], ratio.y[k]) == (recalls[k].mean, pulls[k].value)
        assert [end[k] for end in ends(recall.y, recall.error_y)] == pytest.approx(drawn_ends(recalls[k]))
    assert np.isnan([recall.y[3], ratio.y[3]]).all()
    assert "–" in recall.hovertemplate[3]


def test_the_axis_has_two_numbers_however_alike_the_classes_are():
    recalls = class_figures(drawn(0), ClassFigure.RECALL)
    for counts, wanted in (([46, 47, 48, 48], (46, 48)), ([7, 7, 7, 7], (7,))):
        axis = diagnosis_plot.recall_by_size_figure(recalls, np.array(counts), "s", plots.LIGHT, "#000").layout.xaxis
        assert axis.tickvals == wanted
        assert 10 ** axis.range[0] < min(counts) <= max(counts) < 10 ** axis.range[1]
    assert {5, 50, 500} <= set(
        diagnosis_plot.recall_by_size_figure(recalls, TRAINING, "s", plots.LIGHT, "#000").layout.xaxis.tickvals
    )


def test_a_learning_curve_carries_its_points_their_intervals_and_its_seeds():
    recalls = [class_figures(drawn(seed), ClassFigure.RECALL)[0] for seed in (1, 2)]
    nothing = verdict(pair(drawn(1), drawn(2)), Headline.ACCURACY, Question.CHECKPOINT, 0.01)
    curve = LearningCurve("a<b>", tuple(map(LearningCurvePoint, (4, 9), recalls)), nothing, nothing)
    strokes, line = diagnosis_plot.learning_curve_figure([curve], plots.LIGHT).data
    assert (list(line.x), list(line.y)) == ([4, 9], [one.mean for one in recalls])
    assert np.array(ends(line.y, line.error_y)) == pytest.approx(np.array([drawn_ends(one) for one in recalls]).T)
    assert (list(strokes.x), list(strokes.y)) == ([4, 4, 9, 9], [v for one in recalls for v in one.per_run])
    assert line.name == "a&lt;b&gt;"
    assert line.hovertemplate[0].startswith("<b>a&lt;b&gt;</b><br>4 training images, 2 seeds")


def test_a_class_that_is_never_called_is_in_the_picture():
    evaluation = Evaluation(TAXONOMY, ("i", "j"), np.array([0, 1]), np.array([0, 1]), np.array([[1, 1]]))
    figure = diagnosis_plot.prediction_bias_figure(NAMES, class_pull(evaluation), TRAINING, "s", plots.LIGHT, "#000")
    low, high = figure.layout.yaxis.range
    assert figure.data[0].y[0] == 0
    assert low < 0 < 2 < high


def test_probability_bars_sum_to_one():
    evaluation = drawn(1)
    p = np.random.default_rng(1).dirichlet(np.ones(4), (2, 30))
    shares = probability_mass(evaluation, p, np.array([0, 0, 1, 1]))
    figure = diagnosis_plot.probability_mass_figure(NAMES, shares, plots.LIGHT)
    assert sum(np.array(bar.x)[:3] for bar in figure.data) == pytest.approx(np.ones(3))
    assert figure.data[0].y[0] == "a&lt;b&gt;"


def test_the_reliability_diagram_has_a_mark_per_bin():
    rng = np.random.default_rng(0)
    confidences = rng.random((1, 50))
    found = calibration(rng.random((1, 50)) < confidences, confidences, np.arange(50))
    marks = diagnosis_plot.reliability_figure(found, plots.LIGHT, "#000").data[1]
    assert list(marks.x) == [one.confidence for one in found.bins]
    assert list(marks.y) == [one.right.value for one in found.bins]


def test_a_group_stands_beside_its_members():
    evaluation = drawn(2)
    recalls = class_figures(evaluation, ClassFigure.RECALL)
    figure = diagnosis_plot.groups_figure(group_recalls(evaluation, GROUPS), recalls, "s", plots.LIGHT, "#000")
    members, groups = figure.data
    assert list(members.x) == [recalls[0].mean, recalls[1].mean]
    assert [list(one) for one in members.customdata] == [["s", "a<b>"], ["s", "b"]]
    right = np.isin(evaluation.predicted, (0, 1))[:, np.isin(evaluation.truth, (0, 1))]
    assert groups.x[0] == pytest.approx(right.mean())
    assert "part = &lt;i&gt;x" in figure.layout.yaxis.ticktext[0]
