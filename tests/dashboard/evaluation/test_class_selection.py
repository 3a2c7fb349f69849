"""A chart of hundreds of classes draws those that say something, and says how many it leaves out."""

import numpy as np

from dashboard.evaluation.class_selection import MOST_CLASSES, plotted_classes, plotted_differences
from dashboard.ui.class_tables import difference_table, figure_table
from model_zoo.core.comparison.class_rows import Row
from model_zoo.core.comparison.comparison import Difference
from model_zoo.core.evaluation.evaluation import Figure
from model_zoo.core.evaluation.metrics import share


def figure(name, hits, images):
    found = share(np.repeat([1.0, 0.0], [hits, images - hits]), np.ones(images))
    return Figure(name, found, np.array([found.value]))


def side(recalls):
    return [figure(f"c{k}", hits, images) for k, (hits, images) in enumerate(recalls)]


def test_as_many_classes_as_there_is_room_for_are_all_drawn_and_nothing_is_said():
    some = plotted_classes([side([(3, 4)] * MOST_CLASSES)] * 2)
    assert (some.positions, some.sentence) == (tuple(range(MOST_CLASSES)), "")


def test_what_differs_clearly_is_drawn_before_what_differs_by_three_images():
    first = [(80, 100)] * 100
    second = list(first)
    for k in range(60):  # 2 of 3 against none: a gap of 67 points that says little
        first[k], second[k] = (2, 3), (0, 3)
    second[77] = (40, 100)  # 40 points over 100 images
    said = plotted_classes([side(first), side(second)])
    assert len(said.positions) == MOST_CLASSES
    assert 77 in said.positions
    assert list(said.positions) == sorted(said.positions)
    assert "40 of 100 classes" in said.sentence


def test_of_one_subject_the_surely_low_classes_are_drawn_and_an_undefined_one_is_not():
    recalls = [(90, 100)] * 60 + [(10, 100), (0, 1), (0, 0)]
    said = plotted_classes([side(recalls)])
    assert 60 in said.positions  # at most 17 %
    assert 61 not in said.positions  # one patient: no interval says that it is low
    assert 62 not in said.positions


def test_differences_with_an_interval_come_before_those_without():
    nothing = float("nan")
    rows = [Row(f"c{k}", 0.9, 0.1, Difference(0.8, nothing, nothing), 4, 2) for k in range(50)]
    rows += [Row(f"d{k}", 0.5, 0.5, Difference(0.01, -0.1, 0.12), 90, 30) for k in range(MOST_CLASSES)]
    said = plotted_differences(rows)
    assert said.positions == tuple(range(50, 50 + MOST_CLASSES))
    assert "40 of 90 classes" in said.sentence


def test_the_tables_hold_every_class():
    rows = [side([(k % 5, 5) for k in range(90)])] * 2
    table = figure_table(rows, ["one", "two"])
    assert table["class"].tolist() == [f"c{k}" for k in range(90)]
    assert table["two, %"][1] == 20
    assert table["one, images"][1] == 5
    differences = difference_table([Row("a", 0.9, 0.8, Difference(0.1, 0.05, 0.15), 90, 30)], ("one", "two"))
    assert differences["difference, points"].tolist() == [10.0]
