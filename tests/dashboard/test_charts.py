"""Charts carry the numbers that they are given, and the address behind each mark."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dashboard import charts
from model_zoo.core.choices import ClassFigure, Per
from model_zoo.core.confusion import count
from model_zoo.core.evaluation import Evaluation, accuracy, class_figures
from model_zoo.core.taxonomy import ELSEWHERE, OUTSIDE, Taxonomy

THREE = Taxonomy("three", {name: frozenset({name}) for name in ("a<b>", "b", "c")})
answers = st.integers(1, 4).flatmap(
    lambda runs: st.tuples(
        arrays(np.int64, 12, elements=st.integers(0, 2)), arrays(np.int64, (runs, 12), elements=st.integers(0, 2))
    )
)


def evaluation(truth, predicted):
    return Evaluation(THREE, tuple(f"i{k}" for k in range(len(truth))), np.arange(len(truth)) // 2, truth, predicted)


@given(answers, st.sampled_from(ClassFigure))
def test_an_interval_holds_its_mark(drawn, figure):
    judged = evaluation(*drawn)
    for one in [*class_figures(judged, figure), accuracy(judged)]:
        if not np.isnan(one.mean):
            assert one.share.low <= one.mean <= one.share.high
            assert one.mean == pytest.approx(np.nanmean(one.per_run))
    figures = class_figures(judged, figure)
    drawn_chart = charts.class_figure([figures], ["s"], ["s"], None, charts.LIGHT, "share", ["#000"])
    (marks,) = [trace for trace in drawn_chart.data if trace.error_x.array is not None]
    for k, one in enumerate(figures):
        if not np.isnan(one.mean):
            assert marks.x[k] + marks.error_x.array[k] == pytest.approx(one.share.high)
            assert marks.x[k] - marks.error_x.arrayminus[k] == pytest.approx(one.share.low)


@pytest.mark.parametrize("per", Per)
def test_a_matrix_shows_its_cells_and_what_falls_outside(per):
    truth, predicted = np.array([0, 0, 0, 1, 2, 2]), np.array([0, 1, OUTSIDE, 1, OUTSIDE, 2])
    figure = charts.confusion_figure(count(truth, predicted, THREE), per, charts.LIGHT)
    squares = figure.data[1]
    assert [list(one) for one in squares.customdata][3] == ["a<b>", ELSEWHERE]
    texts = {(one.y, one.x): one.text for one in figure.layout.annotations}
    wanted = {
        Per.COUNT: {(0, 0): "1", (0, 1): "1", (0, 3): "1", (1, 1): "1", (2, 2): "1", (2, 3): "1"},
        Per.TRUE: {(0, 0): "33", (0, 1): "33", (0, 3): "33", (1, 1): "100", (2, 2): "50", (2, 3): "50"},
        Per.PREDICTED: {(0, 0): "100", (0, 1): "50", (0, 3): "50", (1, 1): "50", (2, 2): "100", (2, 3): "50"},
    }[per]
    assert texts == wanted
    assert "<b>a&lt;b&gt;</b>" in squares.hovertemplate[0]


def test_without_predictions_outside_there_is_no_such_column():
    truth = np.array([0, 1, 2])
    figure = charts.confusion_figure(count(truth, truth, THREE), Per.COUNT, charts.DARK)
    assert ELSEWHERE not in [one[1] for one in figure.data[1].customdata]


def test_a_share_that_rounds_to_nothing_is_not_nothing():
    truth, predicted = np.zeros(400, int), np.array([0] * 399 + [1])
    figure = charts.confusion_figure(count(truth, predicted, THREE), Per.TRUE, charts.LIGHT)
    assert {(one.y, one.x): one.text for one in figure.layout.annotations}[0, 1] == "&lt;1"
