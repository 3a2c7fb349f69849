"""Evaluation of one run or run group against labels, in one class set."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.confusion import Confusion, count, mean
from model_zoo.core.evaluation.metrics import ClassFigure, MappedBy, Share, around, f1_from_overlap, share
from model_zoo.core.evaluation.predictions import Predictions, labels_after_summing
from model_zoo.core.label_space.labels import Label
from model_zoo.core.label_space.taxonomy import OUTSIDE, Projection, Taxonomy, apply, apply_set, project


@dataclass(frozen=True)
class Evaluation:
    """Predictions of S runs for the N images that the label space ``taxonomy`` can place.

    ``truth`` (N,) and ``predicted`` (S, N) hold class indices, ``patients`` (N,) a code per
    patient; ``n_left_out`` images have a label that no single class holds, ``n_outside`` one
    that the taxonomy declares not to know: neither is ever counted as an error.
    ``undecided`` holds for each run (or is empty) image id -> the class indices, `OUTSIDE` among them, that a
    prediction may be: ``predicted`` is `OUTSIDE` there, so that it is never correct and never dropped.
    """

    taxonomy: Taxonomy
    image_ids: tuple[str, ...]
    patients: NDArray[np.int64]
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    n_left_out: int = 0
    n_outside: int = 0
    undecided: tuple[Mapping[str, frozenset[int]], ...] = ()

    @property
    def n_patients(self) -> int:
        """How many patients the N images come from."""
        return len(np.unique(self.patients))

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Whether each run is right on each image, (S, N)."""
        return self.predicted == self.truth

    @cached_property
    def is_undecided(self) -> NDArray[np.bool_]:
        """Whether each run's prediction may be several classes, (S, N)."""
        spans = np.zeros(self.predicted.shape, dtype=np.bool_)
        for row, of_run in enumerate(self.undecided):
            if of_run:
                spans[row] = [image_id in of_run for image_id in self.image_ids]
        return spans & (self.predicted == OUTSIDE)

    @cached_property
    def confusions(self) -> list[Confusion]:
        """One confusion matrix per run."""
        return [count(self.truth, predicted, self.taxonomy) for predicted in self.predicted]

    @cached_property
    def confusion(self) -> Confusion:
        """The mean confusion matrix of the runs (the matrix itself where there is one)."""
        return mean(self.confusions)

    def n_runs_either(self, index: int) -> NDArray[np.int64]:
        """In how many of the S runs each image is of class ``index`` or called so, (N,)."""
        return ((self.truth == index) | (self.predicted == index)).sum(axis=0)

    def n_runs_in_cell(self, true: ArrayLike | None, predicted: ArrayLike | None) -> NDArray[np.int64]:
        """In how many of the S runs each image falls in the cell, (N,); ``None`` leaves a side open.

        A side is a class index or several. Summed over images this is S x the cell of the mean matrix, or the
        sum of those cells.
        """
        inside = np.ones_like(self.predicted, dtype=np.bool_)
        if true is not None:
            inside &= np.isin(self.truth, true)
        if predicted is not None:
            inside &= np.isin(self.predicted, predicted)
        return inside.sum(axis=0)

    def only(self, kept: NDArray[np.bool_] | NDArray[np.int64]) -> "Evaluation":
        """The same answers over some of the images: a mask (N,), or their rows."""
        return replace(
            self,
            image_ids=tuple(np.array(self.image_ids, dtype=object)[kept]),
            patients=self.patients[kept],
            truth=self.truth[kept],
            predicted=self.predicted[:, kept],
        )

    def predicted_in(self, coarser: NDArray[np.int64]) -> NDArray[np.int64]:
        """Predictions (S, N) in coarser classes, where class k falls into ``coarser[k]``, (K,); `OUTSIDE` stays so.

        An undecided prediction is the coarser class into which all that it may be fall, else `OUTSIDE`.
        """
        predicted = apply(coarser, self.predicted)
        for row, of_run in enumerate(self.undecided):
            for k in np.flatnonzero(self.is_undecided[row]):
                predicted[row, k] = _only_one(apply_set(coarser, of_run[self.image_ids[k]]))
        return predicted

    def project(self, projection: Projection) -> "Evaluation":
        """The same answers in a coarser label space; images that the target does not know are outside there."""
        truth = projection.apply(self.truth)
        known = truth != OUTSIDE
        everywhere = replace(
            self,
            taxonomy=projection.target,
            truth=truth,
            predicted=self.predicted_in(projection.index),
            n_outside=self.n_outside + int((~known).sum()),
            undecided=_spanning(
                {image_id: apply_set(projection.index, classes) for image_id, classes in of_run.items()}
                for of_run in self.undecided
            ),
        )
        return everywhere.only(known)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a run or series: the mean over runs, each run's own, and the patients' interval.

    ``share`` holds the mean over the runs where the figure is defined; its interval covers the choice
    of patients only, not of seeds. ``sd`` is the standard deviation over runs (NaN for one run).
    ``rare`` names the classes of a macro average that its interval takes as unknown (`macro_intervals`).
    """

    name: str
    share: Share
    per_run: NDArray[np.float64]  # (S,), NaN where undefined
    rare: tuple[str, ...] = ()

    @property
    def mean(self) -> float:
        """Mean over the runs where the figure is defined; NaN if it never is."""
        return self.share.value

    @property
    def sd(self) -> float:
        """Sample standard deviation over runs; NaN for fewer than two."""
        defined = self.per_run[~np.isnan(self.per_run)]
        return float(defined.std(ddof=1)) if len(defined) > 1 else float("nan")


def evaluate(
    predictions: Sequence[Predictions],
    source: Taxonomy,
    space: Taxonomy,
    labels: Mapping[str, Label],
    patients: Mapping[str, str],
    mapped_by: MappedBy = MappedBy.ANSWER,
) -> Evaluation:
    """Judge runs of one taxonomy ``source`` in the label space ``space``.

    ``mapped_by`` is how predictions get there: argmax, then mapped (what is deployed, and the rule of every
    verdict), or probabilities summed, then argmax; ties go to the model's own answer.
    ``labels`` and ``patients`` (image id -> patient id) cover all predicted images; an image
    without patient is a patient of its own. A predicted label at a higher level counts as the class that it fits in,
    and is undecided where it spans several.
    """
    if not predictions:
        raise RunError("There is no run to judge; choose at least one.")
    first = predictions[0]
    for other in predictions:
        if other.image_ids != first.image_ids:
            raise RunError("These runs were asked about different images; predict the same split with each of them.")
        if other.classes != source.names:
            raise RunError(f"Predictions name classes {other.classes}, taxonomy {source.name!r} has {source.names}.")
    projection = project(source, space)
    if unknown := [image_id for image_id in first.image_ids if image_id not in labels]:
        raise RunError(
            f"Image {unknown[0]!r} was predicted, but is not in the manifest"
            f"{f' (nor {len(unknown) - 1} more)' if len(unknown) > 1 else ''}; put it back or predict the split again."
        )
    standing = [labels[image_id] for image_id in first.image_ids]
    truth = space.place_all(standing)
    placed = truth != OUTSIDE
    n_outside = sum(1 for label in standing if label <= space.outside)
    codes = patient_codes(first.image_ids, patients)
    predicted = np.stack([mapped(one, projection, mapped_by) for one in predictions])
    return Evaluation(
        taxonomy=space,
        image_ids=tuple(np.array(first.image_ids, dtype=object)[placed]),
        patients=codes[placed],
        truth=truth[placed],
        predicted=predicted[:, placed],
        n_left_out=int((~placed).sum()) - n_outside,
        n_outside=n_outside,
        undecided=_spanning(_candidates(one, projection) for one in predictions),
    )


def mapped(one: Predictions, projection: Projection, mapped_by: MappedBy = MappedBy.ANSWER) -> NDArray[np.int64]:
    """Predicted class indices of the projection's target, (N,); `OUTSIDE` where a label spans several of them.

    Labels without probabilities have nothing to sum: they are mapped.
    """
    if mapped_by is MappedBy.SUM and not one.labels_only:
        return labels_after_summing(one.probabilities.astype(np.float64), projection.index)
    predicted = projection.apply(one.predicted)
    for image_id, classes in _candidates(one, projection).items():
        predicted[one.row_of[image_id]] = _only_one(classes)
    return predicted


def probabilities_in(
    evaluation: Evaluation, predictions: Sequence[Predictions], source: Taxonomy
) -> Iterator[NDArray[np.float64]]:
    """What each run of taxonomy ``source`` says of the evaluation's images in its label space, (N, K) a run.

    Probabilities of classes that fall together are summed; a row sums to less than 1 by what lies outside. All NaN
    where a run's labels alone are known.
    """
    onto = project(source, evaluation.taxonomy).matrix
    for one in predictions:
        known = 1.0 if not one.labels_only else float("nan")
        yield known * (one.probabilities[[one.row_of[image_id] for image_id in evaluation.image_ids]] @ onto)


def patient_codes(image_ids: Iterable[str], patients: Mapping[str, str]) -> NDArray[np.int64]:
    """A number per patient, in order of appearance, (N,); an image without patient is a patient of its own."""
    owners = [(patients.get(image_id, ""), "" if patients.get(image_id) else image_id) for image_id in image_ids]
    code_of = {owner: code for code, owner in enumerate(dict.fromkeys(owners))}
    return np.array([code_of[owner] for owner in owners], dtype=np.int64)


def accuracy(evaluation: Evaluation) -> Figure:
    """The share of images on which a run is right."""
    return share_of_images("accuracy", evaluation, evaluation.right, np.ones_like(evaluation.right))


def share_of_images(name: str, evaluation: Evaluation, hits: NDArray[np.bool_], among: NDArray[np.bool_]) -> Figure:
    """The share of ``hits`` in ``among``, both (S, N) over the images of ``evaluation``."""
    per_run, pooled = _shares(hits.astype(np.float64), among.astype(np.float64), evaluation.patients)
    return Figure(name, around(pooled, _mean(per_run)), per_run)


def class_figures(evaluation: Evaluation, figure: ClassFigure) -> list[Figure]:
    """``figure`` of every class, in class order; recall is what many call accuracy per class.

    Conventions: F1 = 2TP / (2TP + FP + FN), 0 for a present class never predicted; the
    precision of a class never predicted and the recall of an absent one are NaN.
    """
    figures = []
    for index, (name, rows) in enumerate(zip(evaluation.taxonomy.names, _concerned(evaluation), strict=True)):
        said = evaluation.predicted[:, rows] == index
        true = np.broadcast_to(evaluation.truth[rows] == index, said.shape)
        among = {ClassFigure.RECALL: true, ClassFigure.PRECISION: said, ClassFigure.F1: true | said}[figure]
        patients = np.unique(evaluation.patients[rows], return_inverse=True)[1]
        per_run, pooled = _shares((true & said).astype(np.float64), among.astype(np.float64), patients)
        if figure is ClassFigure.F1:
            f1 = 2 * per_run / (1 + per_run)
            mean_f1 = _mean(f1)
            figures.append(Figure(name, f1_from_overlap(around(pooled, mean_f1 / (2 - mean_f1))), f1))
        else:
            figures.append(Figure(name, around(pooled, _mean(per_run)), per_run))
    return figures


def support(evaluation: Evaluation) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Images and patients per true class, both (K,)."""
    n_classes = len(evaluation.taxonomy.classes)
    images = np.bincount(evaluation.truth, minlength=n_classes)
    pairs = np.unique(np.stack([evaluation.truth, evaluation.patients]), axis=1)
    return images.astype(np.int64), np.bincount(pairs[0], minlength=n_classes).astype(np.int64)


def churn(predicted: NDArray[np.int64]) -> float:
    """Mean over pairs of runs of the share of images predicted differently; ``predicted`` (S, N).

    NaN for fewer than two runs or no image (Milani Fard et al. 2016, for pairs).
    """
    n_runs, n_images = predicted.shape
    if n_runs < 2 or n_images == 0:
        return float("nan")
    codes, inverse = np.unique(predicted, return_inverse=True)
    votes = np.zeros((n_images, len(codes)), dtype=np.int64)
    for one in inverse.reshape(predicted.shape):
        votes[np.arange(n_images), one] += 1
    agreeing = (votes * (votes - 1)).sum()
    return 1 - float(agreeing) / (n_images * n_runs * (n_runs - 1))


def _candidates(one: Predictions, projection: Projection) -> dict[str, frozenset[int]]:
    """Image id -> the target's classes that an undecided prediction may be, one class or several."""
    sets: dict[bytes, frozenset[int]] = {}
    found = {}
    for row in np.flatnonzero(one.undecided):
        touched = one.probabilities[row] > 0
        key = touched.tobytes()
        if key not in sets:
            sets[key] = apply_set(projection.index, np.flatnonzero(touched).tolist())
        found[one.image_ids[row]] = sets[key]
    return found


def _only_one(classes: frozenset[int]) -> int:
    return next(iter(classes)) if len(classes) == 1 else OUTSIDE


def _spanning(candidates: Iterable[Mapping[str, frozenset[int]]]) -> tuple[Mapping[str, frozenset[int]], ...]:
    """Those that span several classes; empty where no run has any."""
    kept = tuple({one: classes for one, classes in of_run.items() if len(classes) > 1} for of_run in candidates)
    return kept if any(kept) else ()


def _concerned(evaluation: Evaluation) -> list[NDArray[np.int64]]:
    """Per class the rows of the images that are of it or that some run calls so, ascending; all others say nothing."""
    n_images, n_classes = len(evaluation.truth), len(evaluation.taxonomy.classes)
    classes = np.vstack([evaluation.truth, evaluation.predicted])
    pairs = np.unique((classes * n_images + np.arange(n_images))[classes >= 0])  # class by class, then by row
    ends = np.searchsorted(pairs, np.arange(1, n_classes) * n_images)
    return np.split(pairs % max(n_images, 1), ends)


def _shares(
    hits: NDArray[np.float64], among: NDArray[np.float64], patients: NDArray[np.int64]
) -> tuple[NDArray[np.float64], Share]:
    """Each run's share (S,) and the pooled one, from hits and what they are among, both (S, N)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        per_run = hits.sum(axis=1) / among.sum(axis=1)
    n_codes = int(patients.max()) + 1 if len(patients) else 0
    pooled = share(
        np.bincount(patients, weights=hits.mean(axis=0), minlength=n_codes),
        np.bincount(patients, weights=among.mean(axis=0), minlength=n_codes),
    )
    return per_run, pooled


def _mean(per_run: NDArray[np.float64]) -> float:
    defined = per_run[~np.isnan(per_run)]
    return float(defined.mean()) if len(defined) else float("nan")
