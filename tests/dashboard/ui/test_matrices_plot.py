"""Matrices carry the numbers that they are given, say what they leave open, and the lines behind each cell."""

import numpy as np
import pytest

from dashboard.ui import plots
from dashboard.ui.matrices_plot import NAMES_UP_TO, confusion_figure, difference_figure
from model_zoo.core.comparison.difference_matrix import difference_matrix
from model_zoo.core.evaluation.confusion import Confusion, Per, count
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.label_space.taxonomy import ELSEWHERE, OUTSIDE, Taxonomy

THREE = Taxonomy("three", {name: frozenset({name}) for name in ("a<b>", "b", "c")})


def texts(figure):
    return {(one.y, one.x): one.text for one in figure.layout.annotations}


def squares(figure):
    return next(trace for trace in figure.data if trace.type.startswith("scatter"))


@pytest.mark.parametrize("per", Per)
def test_a_matrix_shows_its_cells_and_what_falls_outside(per):
    truth, predicted = np.array([0, 0, 0, 1, 2, 2]), np.array([0, 1, OUTSIDE, 1, OUTSIDE, 2])
    figure = confusion_figure(count(truth, predicted, THREE), per, plots.LIGHT)
    marks = squares(figure)
    assert [list(one) for one in marks.customdata][3] == ["a<b>", ELSEWHERE]
    shown = texts(figure)
    wanted = {
        Per.COUNT: {(0, 0): "1", (0, 1): "1", (0, 3): "1", (1, 1): "1", (2, 2): "1", (2, 3): "1"},
        Per.TRUE: {(0, 0): "33", (0, 1): "33", (0, 3): "33", (1, 1): "100", (2, 2): "50", (2, 3): "50"},
        Per.PREDICTED: {(0, 0): "100", (0, 1): "50", (0, 3): "50", (1, 1): "50", (2, 2): "100", (2, 3): "50"},
    }[per]
    assert shown == wanted
    assert "<b>a&lt;b&gt;</b>" in marks.hovertemplate[0]


def test_hovering_says_how_many_images_of_a_cell_are_reviewed():
    truth, predicted = np.array([0, 0, 0, 1, 2, 2]), np.array([0, 1, OUTSIDE, 1, OUTSIDE, 2])
    whole, some = count(truth, predicted, THREE), count(truth[[0, 2, 5]], predicted[[0, 2, 5]], THREE)
    marks = squares(confusion_figure(whole, Per.TRUE, plots.LIGHT, reviewed=some))
    said = dict(zip(map(tuple, marks.customdata), marks.hovertemplate, strict=True))
    assert "reviewed: 1 of these 1" in said["a<b>", "a<b>"]
    assert "reviewed: 0 of these 1" in said["a<b>", "b"]
    assert "reviewed: 1 of these 1" in said["a<b>", ELSEWHERE]
    assert "reviewed" not in said["b", "c"]
    assert not any("reviewed" in one for one in squares(confusion_figure(whole, Per.TRUE, plots.LIGHT)).hovertemplate)


def test_without_predictions_outside_there_is_no_such_column():
    truth = np.array([0, 1, 2])
    figure = confusion_figure(count(truth, truth, THREE), Per.COUNT, plots.DARK)
    assert ELSEWHERE not in [one[1] for one in squares(figure).customdata]


def test_a_share_that_rounds_to_nothing_is_not_nothing():
    truth, predicted = np.zeros(400, int), np.array([0] * 399 + [1])
    figure = confusion_figure(count(truth, predicted, THREE), Per.TRUE, plots.LIGHT)
    assert texts(figure)[0, 1] == "&lt;1"


def test_a_line_of_several_classes_says_how_many():
    truth = np.array([0, 1, 2])
    figure = confusion_figure(count(truth, truth, THREE), Per.COUNT, plots.LIGHT, merged={"b": ("x", "y", "z")})
    assert list(figure.layout.yaxis.ticktext) == ["a&lt;b&gt;", "b (3)", "c"]
    assert list(squares(figure).customdata[4]) == ["b", "b"]


def two_sides():
    """20 patients of the first class: 12 more are found; 20 of the second: one more goes outside, two more to c."""
    truth = np.repeat([0, 1], 20)
    first = np.array([0] * 5 + [1] * 15 + [1] * 20)
    second = np.array([0] * 17 + [1] * 3 + [1] * 17 + [OUTSIDE] + [2] * 2)
    ids = tuple(f"i{k}" for k in range(40))
    return [Evaluation(THREE, ids, np.arange(40), truth, said[None]) for said in (first, second)]


def test_a_difference_is_coloured_by_improvement_and_numbered_by_sign():
    found = difference_matrix(*two_sides(), Per.TRUE)
    figure = difference_figure(found, plots.LIGHT, ("A", "B<i>"))
    assert texts(figure) == {
        (0, 0): "+60.0",
        (0, 1): "−60.0",
        (1, 1): "−15.0?",  # three patients differ: t with 2 degrees of freedom holds 0
        (1, 2): "+10.0?",
        (1, 3): "+5.0?",
    }
    colours, grey = figure.data[:2]
    assert (colours.zmin, colours.zmax) == pytest.approx((-0.6, 0.6))  # symmetric: 0 is the background
    assert colours.colorscale[3] == (0.5, plots.LIGHT.background)
    assert colours.z[0].tolist() == pytest.approx([0.6, 0.6, 0, 0])  # more found and fewer mistaken: both better
    assert colours.z[1].tolist() == pytest.approx([0, -0.15, 0, 0])  # too few images have no colour of their own
    assert np.argwhere(grey.z == 1).tolist() == [[1, 2], [1, 3]]
    assert list(colours.colorbar.ticktext) == ["worse by 60.0 points", "0", "better by 60.0 points"]
    bold = {(one.y, one.x) for one in figure.layout.annotations if one.font.weight == 600}
    assert bold == {(0, 0), (0, 1)}
    marks = squares(figure)
    assert [list(one) for one in marks.customdata][:4] == [["a<b>", name] for name in ("a<b>", "b", "c", ELSEWHERE)]
    assert "<b>+60.0</b> percentage points of the true class: better" in marks.hovertemplate[0]
    assert "B&lt;i&gt;: 17 of 20 images of the true class" in marks.hovertemplate[0]
    assert "12 of 20 patients differ" in marks.hovertemplate[0]
    assert "the same for every patient" in marks.hovertemplate[2]
    assert "no interval: one patient alone differs" in marks.hovertemplate[7]
    assert "fewer than 5 images on both sides" in marks.hovertemplate[6]
    assert "holds 0" in marks.hovertemplate[5]


def test_counts_are_images_in_the_dark_too():
    figure = difference_figure(difference_matrix(*two_sides(), Per.COUNT), plots.DARK, ("A", "B"))
    assert texts(figure)[0, 0] == "+12.0"
    assert list(figure.data[0].colorbar.ticktext) == ["worse by 12.0 images", "0", "better by 12.0 images"]


@pytest.mark.parametrize("n", [3, 25, 40, NAMES_UP_TO])
def test_every_cell_of_a_matrix_answers(n):
    taxonomy = Taxonomy("many", {f"c{k}": frozenset({f"c{k}"}) for k in range(n)})
    figure = confusion_figure(Confusion(taxonomy, np.eye(n), np.zeros(n)), Per.TRUE, plots.LIGHT)
    assert len(squares(figure).x) == n * n
    assert len(figure.layout.annotations) == (n if n <= 25 else 0)


def test_in_a_very_large_matrix_the_cells_that_hold_images_answer():
    n = 292
    taxonomy = Taxonomy("many", {f"c{k}": frozenset({f"c{k}"}) for k in range(n)})
    counts = np.eye(n) + np.eye(n, k=1)
    marks = squares(figure := confusion_figure(Confusion(taxonomy, counts, np.zeros(n)), Per.TRUE, plots.LIGHT))
    assert {tuple(one) for one in marks.customdata} == {(f"c{i}", f"c{j}") for i, j in np.argwhere(counts > 0)}
    assert len(figure.layout.yaxis.ticktext) <= NAMES_UP_TO
