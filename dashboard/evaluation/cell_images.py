"""The images behind a number, a filter or a link."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from dashboard.address.links import Cell, Filter
from dashboard.evaluation.comparison import Comparison, Subject
from dashboard.evaluation.filters import images_matching
from model_zoo.core.evaluation.evaluation import Evaluation, probabilities_in
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.evaluation.probability_summing import accuracy_change
from model_zoo.core.label_space.labels import Label
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import ELSEWHERE, OUTSIDE, Taxonomy
from model_zoo.workspace.manifest import DataSet, ImageRecord


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


class Sure(StrEnum):
    """Filter by the confidence of the answer shown."""

    ANY = "any"
    BELOW_50 = "below 50 %"
    FROM_50 = "50 to 80 %"
    FROM_80 = "80 to 95 %"
    FROM_95 = "95 % and above"

    def holds(self, confidence: float) -> bool:
        """Whether a confidence in [0, 1] lies in this band; NaN lies in none but `ANY`."""
        low, high = _BANDS[self]
        return self is Sure.ANY or low <= confidence < high


_BANDS = {
    Sure.ANY: (0.0, 1.1),
    Sure.BELOW_50: (0.0, 0.5),
    Sure.FROM_50: (0.5, 0.8),
    Sure.FROM_80: (0.8, 0.95),
    Sure.FROM_95: (0.95, 1.1),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A subject, judged in one label space, with the stored predictions of its runs.

    ``basis`` says in words what was judged: label space, split, labels, images and patients. ``sums`` judges the
    same by probabilities summed; only a cell that asks what becomes of images by summing needs it. ``moved`` (image id
    -> in how many runs) are the images that reviewing moved so, where a cell asks for them.
    """

    subject: Subject
    evaluation: Evaluation
    predictions: tuple[Predictions, ...]
    basis: str = ""
    sums: Evaluation | None = None
    moved: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Filters:
    """What to keep; empty means everything. ``columns`` maps a manifest column to the wanted value."""

    label: Label | None = None
    right: Right = Right.ANY
    sure: Sure = Sure.ANY
    patient: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    where: Filter | None = None
    sort: Sort = Sort.MANIFEST

    @property
    def keep_everything(self) -> bool:
        """Whether nothing is filtered out of what was judged: ``where`` restricts that too."""
        return replace(self, sort=Sort.MANIFEST, where=None) == Filters()


@dataclass(frozen=True, slots=True)
class ListedImage:
    """One image of a list, with what the chosen run or series says of it.

    ``n_in_cell`` of ``n_runs`` runs put it in the asked cell; ``said`` is the class that most of
    them predict in the label space shown, ``confidence`` the probability of that class (own classes
    that fall into it summed), mean over the runs that predict it; NaN for a prediction outside.
    Without a run, or where it was not asked, ``n_runs`` is 0.
    """

    image: ImageRecord
    n_in_cell: int = 0
    n_wrong: int = 0
    n_runs: int = 0
    said: str = ""
    confidence: float = float("nan")


_Said = tuple[int, int, int, str, float]  # in the cell, wrong, runs, class said, its probability


def list_images(
    dataset: DataSet,
    labels: Mapping[str, Label],
    split: Split | None,
    filters: Filters,
    judged: Judged | None = None,
    cell: Cell | None = None,
) -> tuple[ListedImage, ...]:
    """The images that pass, sorted. A cell keeps those that fall in it in at least one run, most runs first."""
    images = dataset.images if split is None else dataset.split(split)
    if filters.where is not None:
        inside = images_matching(filters.where, dataset, labels)
        images = tuple(image for image in images if image.image_id in inside)
    asked = _asked(judged, cell) if judged else {}
    needs_run = (cell is not None and cell.named) or filters.right != Right.ANY or filters.sure != Sure.ANY
    listed = []
    for image in images:
        one = asked.get(image.image_id)
        if needs_run and (one is None or one[0] == 0 or not _passes(filters, one)):
            continue
        if filters.label is not None and not labels[image.image_id] <= filters.label:
            continue
        if filters.patient and image.patient_id != filters.patient:
            continue
        if any(image.columns.get(name, "") != value for name, value in filters.columns.items()):
            continue
        listed.append(ListedImage(image, *one) if one else ListedImage(image))
    return tuple(_sorted(listed, filters.sort, cell is not None and cell.named))


def same_cell_elsewhere(
    comparison: Comparison, cell: Cell, sums: Comparison | None = None
) -> list[tuple[Subject, int]]:
    """The other subjects judged in the same classes, with how many images fall in the cell in some run of theirs.

    A cell that asks what becomes of images by summing needs ``sums``, the same by probabilities summed.
    """
    _, own = comparison.of(cell.subject)
    summed = sums.evaluations if sums else [None] * len(comparison.subjects)
    return [
        (subject, int((n_runs_in_cell(evaluation, cell, by_sum) > 0).sum()))
        for subject, evaluation, by_sum in zip(comparison.subjects, comparison.evaluations, summed, strict=True)
        if subject.subject_id != cell.subject and evaluation.taxonomy == own.taxonomy
    ]


def n_patients(listed: Sequence[ListedImage]) -> int:
    """Different patients among the images; an image without patient counts as its own."""
    return len({one.image.patient_id or one.image.image_id for one in listed})


def _asked(judged: Judged, cell: Cell | None) -> Mapping[str, _Said]:
    evaluation, taxonomy = judged.evaluation, judged.evaluation.taxonomy
    if judged.moved is None:
        n_in = n_runs_in_cell(evaluation, cell, judged.sums)
    else:
        n_in = np.array([judged.moved.get(image_id, 0) for image_id in evaluation.image_ids], dtype=np.int64)
    n_wrong = (~evaluation.right).sum(axis=0)
    n_runs = len(evaluation.predicted)
    said, confidence = _most_said(judged)
    names = (*taxonomy.names, ELSEWHERE)
    return {
        image_id: (int(n_in[k]), int(n_wrong[k]), n_runs, names[said[k]], float(confidence[k]))
        for k, image_id in enumerate(evaluation.image_ids)
    }


def n_runs_in_cell(evaluation: Evaluation, cell: Cell | None, sums: Evaluation | None = None) -> NDArray[np.int64]:
    """In how many runs each judged image falls in the cell, (N,); `TaxonomyError` for a class that is not there.

    ``sums`` judges the same by probabilities summed; only a cell that asks for what becomes of images needs it.
    """
    if cell is not None and cell.summing is not None and sums is not None:
        return accuracy_change(evaluation, sums).n_runs(cell.summing)
    if cell is not None and cell.either is not None:
        return evaluation.n_runs_either(evaluation.taxonomy.class_index(cell.either))
    sides = (cell.true, cell.predicted) if cell else ((), ())
    true, predicted = ([_index(evaluation.taxonomy, name) for name in side] or None for side in sides)
    return evaluation.n_runs_in_cell(true, predicted)


def _index(taxonomy: Taxonomy, name: str) -> int:
    return OUTSIDE if name == ELSEWHERE else taxonomy.class_index(name)


def _most_said(judged: Judged) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The class that most runs predict, and its probability, mean over the runs that do; both (N,).

    The latter is NaN outside all classes, and where a run gave labels without probabilities.
    """
    evaluation = judged.evaluation
    predicted = evaluation.predicted
    n_classes = len(evaluation.taxonomy.classes)
    votes = np.stack([(predicted == k).sum(axis=0) for k in (*range(n_classes), OUTSIDE)])
    winner = votes.argmax(axis=0)
    said = np.where(winner == n_classes, OUTSIDE, winner)
    mapped = np.stack(list(probabilities_in(evaluation, judged.predictions, judged.subject.taxonomy)))
    of_said = np.take_along_axis(mapped, np.maximum(said, 0)[None, :, None], axis=2)[..., 0]
    confidence = (of_said * (predicted == said)).sum(axis=0) / (predicted == said).sum(axis=0)
    alone = any(one.labels_only for one in judged.predictions)
    return said, np.where((said == OUTSIDE) | alone, np.nan, confidence)


def _passes(filters: Filters, said: _Said) -> bool:
    _, n_wrong, _, _, confidence = said
    right = filters.right is Right.ANY or (n_wrong > 0) == (filters.right is Right.WRONG)
    return right and filters.sure.holds(confidence)


def _sorted(listed: list[ListedImage], sort: Sort, by_cell: bool) -> list[ListedImage]:
    if sort is Sort.WRONG:
        return sorted(listed, key=lambda one: -one.n_wrong)
    if sort in (Sort.UNSURE, Sort.SURE):
        sign = 1 if sort is Sort.UNSURE else -1
        return sorted(listed, key=lambda one: (np.isnan(one.confidence), sign * one.confidence))
    return sorted(listed, key=lambda one: -one.n_in_cell) if by_cell else listed
