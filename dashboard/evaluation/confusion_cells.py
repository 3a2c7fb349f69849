"""Cells of a confusion matrix as review queues."""

from collections.abc import Mapping

import numpy as np

from dashboard.address.links import Cell
from dashboard.evaluation.cell_images import n_runs_in_cell
from dashboard.words import one_of
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.label_space.taxonomy import ELSEWHERE


def wrong_cells(evaluation: Evaluation, subject_id: str) -> Mapping[Cell, int]:
    """Every cell beside the diagonal that some run fills -> the images that fall in it in some run; most first."""
    names = (*evaluation.taxonomy.names, ELSEWHERE)
    found = {}
    for true, predicted in np.argwhere(evaluation.confusion.counts > 0).tolist():
        if true != predicted:
            cell = Cell(subject_id, (names[true],), (names[predicted],))
            found[cell] = int((n_runs_in_cell(evaluation, cell) > 0).sum())
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def class_cells(evaluation: Evaluation, subject_id: str) -> Mapping[Cell, int]:
    """Every class with the number of its images, in the order of the taxonomy."""
    sizes = np.bincount(evaluation.truth, minlength=len(evaluation.taxonomy.names))
    return {Cell(subject_id, (name,)): int(n) for name, n in zip(evaluation.taxonomy.names, sizes, strict=True)}


def largest_wrong_cell(evaluation: Evaluation, subject_id: str) -> Cell:
    """The cell beside the diagonal with most images; without any, all of a class's images called so."""
    wrong = wrong_cells(evaluation, subject_id)
    return next(iter(wrong), Cell(subject_id, *((evaluation.taxonomy.names[0],),) * 2))


def largest_class(evaluation: Evaluation, subject_id: str) -> Cell:
    """The class with most images."""
    sizes = class_cells(evaluation, subject_id)
    return max(sizes, key=sizes.__getitem__)


def cell_words(cell: Cell) -> str:
    """The cell as the pages write it: "cat called dog"."""
    if cell.either is not None:
        return f"{cell.either}, or called so"
    if not cell.predicted:
        return one_of(cell.true) if cell.true else "all classes"
    return f"{one_of(cell.true) if cell.true else 'any class'} called {one_of(cell.predicted)}"
