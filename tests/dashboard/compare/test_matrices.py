"""The matrices of a comparison: laid out as the address says, and every cell opens as many images as it counts."""

from dataclasses import replace

import numpy as np
import pytest

from dashboard.address.links import Cell, MatrixView
from dashboard.address.selection import ClassOrder, Labels, Space
from dashboard.compare.matrices import (
    MANY_CLASSES,
    groupings,
    largest_changes,
    matrix_layouts,
    unlisted_changes,
    why_no_difference,
)
from dashboard.evaluation.cell_images import Filters, Judged, list_images, n_runs_in_cell, same_cell_elsewhere
from dashboard.evaluation.comparison import compare, find_subjects
from model_zoo.core.comparison.difference_matrix import difference_matrix
from model_zoo.core.errors import LinkError
from model_zoo.core.evaluation.confusion import Per
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.matrix_layout import OTHER
from model_zoo.core.label_space.labels import LeafSpace, Part
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import ELSEWHERE, Taxonomy


def judged(animals, space, *names):
    series = {one.card.taxonomy.name: one.series_id for one in animals.series()}
    subjects = find_subjects(animals.series(), [series.get(name, name) for name in names])
    dataset = animals.dataset()
    return compare(subjects, space, Split.TEST, Labels.ORIGINAL, dataset.labels, dataset.patients)


def laid_out(animals, comparison, **view):
    return matrix_layouts(comparison, MatrixView(**view), animals.taxonomies().values(), animals.space)


def test_classes_are_grouped_by_a_coarser_taxonomy_or_a_part(animals):
    things = animals.taxonomy("things")
    found = groupings(things, animals.taxonomies().values(), animals.space)
    assert found == {"taxonomy:kinds": {"animal": ("cat", "dog"), "vehicle": ("car", "plane")}}
    leaves = Taxonomy("leaves", {leaf: frozenset({leaf}) for leaf in animals.space.leaves})
    found = groupings(leaves, animals.taxonomies().values(), animals.space)
    assert list(found) == ["taxonomy:things", "part:thing", "taxonomy:kinds", "taxonomy:sizes", "part:size"]
    assert found["part:size"]["small"] == ("cat.small", "dog.small", "car.small")


def test_a_group_is_collapsed_unless_it_is_opened(animals):
    comparison = judged(animals, Space.NATIVE, "things")
    closed = laid_out(animals, comparison, group="taxonomy:kinds")
    assert list(closed.layouts[0].lines) == ["animal", "vehicle", "logo"]
    opened = laid_out(animals, comparison, group="taxonomy:kinds", opened=("vehicle",))
    assert list(opened.layouts[0].lines) == ["animal", "car", "plane", "logo"]
    assert (opened.groups, opened.order) == (("animal", "vehicle"), ClassOrder.TAXONOMY)


def test_native_matrices_of_different_classes_are_laid_out_apart(animals):
    comparison = judged(animals, Space.NATIVE, "things", "kinds")
    both = laid_out(animals, comparison, group="taxonomy:kinds", only=("animal",))
    assert [list(one.lines) for one in both.layouts] == [["animal", OTHER]] * 2
    assert [len(one.space.names) for one in both.layouts] == [5, 3]
    own = laid_out(animals, comparison, only=("cat",))
    assert [list(one.lines) for one in own.layouts] == [["cat", OTHER], [OTHER]]


def test_side_by_side_the_order_by_confusability_is_the_same(animals):
    comparison = judged(animals, Space.NATIVE, "things-s0", "things-s1")
    first, second = laid_out(animals, comparison, order=ClassOrder.CONFUSED).layouts
    assert list(first.lines) == list(second.lines)
    assert sorted(first.lines) == sorted(animals.taxonomy("things").names)


@pytest.mark.parametrize(
    ("view", "sentence"),
    [
        ({"group": "taxonomy:sizes"}, "grouped by 'taxonomy:sizes' here; it can be none, taxonomy:kinds"),
        ({"group": "taxonomy:kinds", "opened": ("cat",)}, "no open group 'cat'; there is animal, vehicle"),
        ({"opened": ("animal",)}, "no open group 'animal'; there is none"),
        ({"only": ("animal",)}, "no class 'animal'; there is cat, dog"),
    ],
)
def test_what_no_matrix_has_is_one_sentence(animals, view, sentence):
    with pytest.raises(LinkError, match=sentence):
        laid_out(animals, judged(animals, Space.NATIVE, "things"), **view)


def many(n):
    """A comparison of nothing but its label space of ``n`` classes in two halves."""
    space = LeafSpace((Part("half", ("l", "r")), Part("k", tuple(str(k) for k in range(n // 2)))))
    fine = Taxonomy("fine", {leaf: frozenset({leaf}) for leaf in space.leaves})
    return space, fine


def test_large_label_spaces_open_collapsed_or_ordered(animals):
    comparison = judged(animals, Space.NATIVE, "things")
    evaluation = comparison.evaluations[0]
    for n, group, order in ((MANY_CLASSES, "none", "taxonomy"), (292, "part:half", "taxonomy")):
        space, fine = many(n)
        truth = np.arange(60) % n
        large = replace(
            comparison, evaluations=(replace(evaluation, taxonomy=fine, truth=truth, predicted=truth[None]),)
        )
        found = matrix_layouts(large, MatrixView(), (), space)
        assert (found.group, found.order) == (group, order)
    assert matrix_layouts(large, MatrixView(group="none"), (), space).order is ClassOrder.CONFUSED


@pytest.mark.parametrize("names", [("things",), ("things-s1",)])
def test_a_cell_of_any_layout_is_as_many_images_as_it_counts(animals, names):
    comparison, dataset = judged(animals, Space.NATIVE, *names), animals.dataset()
    subject, evaluation = comparison.of(comparison.subjects[0].subject_id)
    given = Judged(subject, evaluation, tuple(run.predictions(Split.TEST) for run in subject.runs))
    for view in ({"group": "taxonomy:kinds"}, {"only": ("dog", "car")}, {"group": "taxonomy:kinds", "only": ("logo",)}):
        layout = laid_out(animals, comparison, **view).layouts[0]
        counts = evaluation.confusion.project(layout.projection).counts
        for i, true in enumerate(layout.lines.values()):
            for j, predicted in enumerate(layout.lines.values()):
                cell = Cell(subject.subject_id, true, predicted)
                listed = list_images(dataset, dataset.labels, Split.TEST, Filters(), given, cell)
                assert sum(one.n_in_cell for one in listed) == pytest.approx(len(subject.runs) * counts[i, j])
                if len(subject.runs) == 1:
                    assert len(listed) == counts[i, j]


def test_a_cell_of_the_difference_opens_the_images_of_both(animals):
    comparison = judged(animals, Space.COMMON, "things-s0", "kinds-s0")
    layout = laid_out(animals, comparison, only=("animal",)).layouts[0]
    found = difference_matrix(*(one.project(layout.projection) for one in comparison.evaluations), Per.COUNT)
    first, second = comparison.subjects
    for i, true in enumerate(layout.lines.values()):
        for j, predicted in enumerate((*layout.lines.values(), (ELSEWHERE,))):
            cell = Cell(first.subject_id, true, predicted)
            here = n_runs_in_cell(comparison.evaluations[0], cell).sum()
            ((other, there),) = same_cell_elsewhere(comparison, cell)
            assert other is second
            assert (here, there, there - here) == (found.first[i, j], found.second[i, j], found.values[i, j])


def test_there_is_a_difference_of_two_in_the_same_classes_only(animals):
    assert why_no_difference(judged(animals, Space.COMMON, "things", "kinds")) == ""
    assert why_no_difference(judged(animals, Space.NATIVE, "things-s0", "things-s1")) == ""
    assert "common ground" in why_no_difference(judged(animals, Space.NATIVE, "things", "kinds"))
    assert "exactly two" in why_no_difference(judged(animals, Space.COMMON, "things"))
    apart = judged(animals, Space.NATIVE, "things-s0", "kinds-s0")
    assert same_cell_elsewhere(apart, Cell("things-s0", ("cat",))) == []


def test_the_largest_changes_are_settled_and_in_order():
    """Of 40 patients with a, 12 more are found, 8 of them were called b and 4 c; of 40 with b, 10 are lost to c."""
    three = Taxonomy("three", {name: frozenset(name) for name in "abc"})
    truth, ids = np.repeat([0, 1], 40), tuple(f"i{k}" for k in range(80))
    first = np.array([0] * 20 + [1] * 8 + [2] * 12 + [1] * 40)
    second = np.array([0] * 28 + [0] * 4 + [2] * 8 + [1] * 30 + [2] * 10)
    sides = [Evaluation(three, ids, np.arange(80), truth, said[None]) for said in (first, second)]
    # a -> c moves by 4 patients only: its interval holds 0
    assert largest_changes(difference_matrix(*sides, Per.TRUE)) == [(0, 0), (1, 1), (1, 2), (0, 1)]
    assert largest_changes(difference_matrix(*sides, Per.TRUE), at_most=1) == [(0, 0)]
    assert unlisted_changes(difference_matrix(*sides, Per.TRUE)) == ""
    assert unlisted_changes(difference_matrix(*sides, Per.TRUE), at_most=1) == "3 smaller changes not listed."


def test_a_settled_cell_of_few_images_is_said_to_be_left_out():
    """Of 400 images with a, none was called c; now 36 are, each by one of 8 runs: 4.5 a run, from 36 patients."""
    three = Taxonomy("three", {name: frozenset(name) for name in "abc"})
    truth, ids = np.zeros(400, dtype=np.int64), tuple(f"i{k}" for k in range(400))
    before, now = np.zeros((8, 400), dtype=np.int64), np.zeros((8, 400), dtype=np.int64)
    now[np.arange(36) % 8, np.arange(36)] = 2
    found = difference_matrix(
        *(Evaluation(three, ids, np.arange(400), truth, said) for said in (before, now)), Per.COUNT
    )
    assert largest_changes(found) == [(0, 0)]
    assert unlisted_changes(found) == "1 further cell left out: fewer than 5 images on both sides, grey in the matrix."
