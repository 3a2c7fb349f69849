"""Which images of the data set stand behind a number, a filter or a link."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from dashboard.actions.compare import Subject
from dashboard.links import Cell
from model_zoo.core.choices import Split
from model_zoo.core.evaluation import Evaluation
from model_zoo.core.labels import Label
from model_zoo.datasets import DataSet, ImageRecord


class Sort(StrEnum):
    """Orders of a list of images."""

    MANIFEST = "as listed"
    WRONG = "most runs wrong"
    UNSURE = "least confident"
    SURE = "most confident"


class Right(StrEnum):
    """Filter by whether the chosen run is right; a series is wrong where any seed is."""

    ANY = "any"
    RIGHT = "right"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Filters:
    """What to keep; empty means everything. ``columns`` maps a manifest column to the wanted value."""

    label: Label | None = None
    right: Right = Right.ANY
    patient: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    sort: Sort = Sort.MANIFEST


@dataclass(frozen=True, slots=True)
class Listed:
    """One image of a list, with what the chosen run or series says of it.

    ``n_in_cell`` of ``n_runs`` runs put it in the asked cell; ``said`` is the class that most of
    them predict, ``confidence`` the mean over runs of their highest probability (their own
    classes). Without a run, or where it was not asked, ``n_runs`` is 0.
    """

    image: ImageRecord
    n_in_cell: int = 0
    n_wrong: int = 0
    n_runs: int = 0
    said: str = ""
    confidence: float = float("nan")


def browse(
    dataset: DataSet,
    labels: Mapping[str, Label],
    split: Split | None,
    filters: Filters,
    judged: tuple[Subject, Evaluation, Split] | None = None,
    cell: Cell | None = None,
) -> tuple[Listed, ...]:
    """The images that pass, sorted. A cell keeps those that fall in it in at least one run.

    ``judged`` is a subject, its evaluation and the split it was judged over.
    """
    images = dataset.images if split is None else dataset.split(split)
    asked = _asked(judged, cell) if judged else {}
    needs_run = (
        cell is not None and (cell.true is not None or cell.predicted is not None)
    ) or filters.right != Right.ANY
    listed = []
    for image in images:
        one = asked.get(image.image_id)
        if needs_run and (one is None or one[0] == 0 or not _passes(filters.right, one[1])):
            continue
        if filters.label is not None and not labels[image.image_id] <= filters.label:
            continue
        if filters.patient and image.patient_id != filters.patient:
            continue
        if any(image.columns.get(name, "") != value for name, value in filters.columns.items()):
            continue
        listed.append(Listed(image, *one) if one else Listed(image))
    return tuple(_sorted(listed, filters.sort))


def n_patients(listed: Sequence[Listed]) -> int:
    """Different patients among the images; an image without patient counts as its own."""
    return len({one.image.patient_id or one.image.image_id for one in listed})


def _asked(
    judged: tuple[Subject, Evaluation, Split], cell: Cell | None
) -> Mapping[str, tuple[int, int, int, str, float]]:
    subject, evaluation, split = judged
    taxonomy = evaluation.taxonomy
    true = taxonomy.class_index(cell.true) if cell and cell.true is not None else None
    predicted = taxonomy.class_index(cell.predicted) if cell and cell.predicted is not None else None
    n_in = evaluation.n_runs_in_cell(true, predicted)
    n_wrong = (~evaluation.right).sum(axis=0)
    stored = [run.predictions(split) for run in subject.runs]
    rows = [stored[0].row_of[image_id] for image_id in evaluation.image_ids]
    confidence = np.mean([one.probabilities.max(axis=1) for one in stored], axis=0)[rows]
    names = (*taxonomy.names, "(outside)")
    said = [names[Counter(column.tolist()).most_common(1)[0][0]] for column in evaluation.predicted.T]
    n_runs = len(subject.runs)
    return {
        image_id: (int(n_in[k]), int(n_wrong[k]), n_runs, said[k], float(confidence[k]))
        for k, image_id in enumerate(evaluation.image_ids)
    }


def _passes(right: Right, n_wrong: int) -> bool:
    return right is Right.ANY or (n_wrong > 0) == (right is Right.WRONG)


def _sorted(listed: list[Listed], sort: Sort) -> list[Listed]:
    if sort is Sort.WRONG:
        return sorted(listed, key=lambda one: -one.n_wrong)
    if sort in (Sort.UNSURE, Sort.SURE):
        sign = 1 if sort is Sort.UNSURE else -1
        return sorted(listed, key=lambda one: (np.isnan(one.confidence), sign * one.confidence))
    return listed
