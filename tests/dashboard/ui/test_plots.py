"""Charts carry the numbers that they are given, and the address behind each mark."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dashboard.ui import plots
from model_zoo.core.evaluation.evaluation import Evaluation, accuracy, class_figures
from model_zoo.core.evaluation.metrics import ClassFigure
from model_zoo.core.label_space.taxonomy import Taxonomy

THREE = Taxonomy("three", {name: frozenset({name}) for name in ("a<b>", "b", "c")})
answers = st.integers(1, 4).flatmap(
    lambda runs: st.tuples(
        arrays(np.int64, 12, elements=st.integers(0, 2)), arrays(np.int64, (runs, 12), elements=st.integers(0, 2))
    )
)


def evaluation(truth, predicted):
    return Evaluation(THREE, tuple(f"i{k}" for k in range(len(truth))), np.arange(len(truth)), truth, predicted)


@given(answers, st.sampled_from(ClassFigure))
def test_an_interval_holds_its_mark(drawn, figure):
    judged = evaluation(*drawn)
    for one in [*class_figures(judged, figure), accuracy(judged)]:
        if not np.isnan(one.share.low):
            assert one.share.low <= one.mean <= one.share.high
        if not np.isnan(one.mean):
            assert one.mean == pytest.approx(np.nanmean(one.per_run))
    figures = class_figures(judged, figure)
    drawn_chart = plots.class_figure([figures], ["s"], ["s"], None, plots.LIGHT, "share", ["#000"])
    (marks,) = [trace for trace in drawn_chart.data if trace.error_x.array is not None]
    for k, one in enumerate(figures):
        if not np.isnan(one.mean):
            low, high = (one.mean if np.isnan(end) else end for end in (one.share.low, one.share.high))
            assert marks.x[k] + marks.error_x.array[k] == pytest.approx(high)  # few patients: the mark alone
            assert marks.x[k] - marks.error_x.arrayminus[k] == pytest.approx(low)
