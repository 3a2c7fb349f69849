"""The effect of corrected labels on metrics: which predictions become correct or incorrect."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.review.review_estimate import ReviewedDifference


class LabelChangeEffect(StrEnum):
    """What a reviewed label makes of an answer: right, wrong, as before; or the image is left out, or counted anew."""

    RIGHT = "right"
    WRONG = "wrong"
    SAME = "same"
    LEFT_OUT = "left-out"
    COUNTED = "counted"


@dataclass(frozen=True, eq=False)
class BeforeAfter:
    """The same answers of S runs about the same images, judged by the original labels and by the reviewed ones.

    ``image_ids`` are all N images asked about, in order, placed in the label space or not; `RunError` if the
    evaluations are of other runs, classes or images.
    """

    image_ids: tuple[str, ...]
    before: Evaluation
    after: Evaluation

    def __post_init__(self) -> None:
        asked = set(self.image_ids)
        same = self.before.taxonomy == self.after.taxonomy and len(self.before.predicted) == len(self.after.predicted)
        if not same or not asked.issuperset(self.before.image_ids) or not asked.issuperset(self.after.image_ids):
            raise RunError("These evaluations are not of the same runs, images and classes; evaluate the same twice.")

    def rows(self, evaluation: Evaluation) -> NDArray[np.int64]:
        """Where the images of either evaluation stand among ``image_ids``."""
        if evaluation.image_ids == self.image_ids:
            return np.arange(len(self.image_ids))
        row_of = {image_id: row for row, image_id in enumerate(self.image_ids)}
        return np.array([row_of[image_id] for image_id in evaluation.image_ids], dtype=np.int64)

    def moved(self, relabelled: Container[str]) -> Mapping[LabelChangeEffect, Mapping[str, int]]:
        """What became of each ``relabelled`` image: image id -> in how many runs it did.

        An image that becomes right in one run and wrong in another is among both; one whose answers stay as right or
        wrong as they were is `Moved.SAME` in all runs.
        """
        n_runs, found = len(self.before.predicted), {moved: dict[str, int]() for moved in LabelChangeEffect}
        row_before, row_after = (
            {image_id: row for row, image_id in enumerate(one.image_ids)} for one in (self.before, self.after)
        )
        for image_id in self.image_ids:
            first, second = row_before.get(image_id), row_after.get(image_id)
            if image_id not in relabelled or first is second is None:
                continue
            if first is None or second is None:
                found[LabelChangeEffect.COUNTED if first is None else LabelChangeEffect.LEFT_OUT][image_id] = n_runs
                continue
            was, now = self.before.right[:, first], self.after.right[:, second]
            for moved, runs in ((LabelChangeEffect.RIGHT, now & ~was), (LabelChangeEffect.WRONG, was & ~now)):
                if runs.any():
                    found[moved][image_id] = int(runs.sum())
            if (was == now).all():
                found[LabelChangeEffect.SAME][image_id] = n_runs
        return found

    def reviewable(self, known: NDArray[np.bool_]) -> ReviewedDifference:
        """Each image's part in accuracy, mean over runs; ``known`` (N,) are the images whose reviewed label stands."""
        return _reviewable(self, known, _right(self, self.before), _right(self, self.after), _votes(self), (0.0, 1.0))


def reviewable_difference(a: BeforeAfter, b: BeforeAfter, known: NDArray[np.bool_]) -> ReviewedDifference:
    """Each image's part in A's accuracy less B's; `RunError` unless both are judged in one label space over the same.

    An image on which all runs of both answer alike adds 0 whatever its label.
    """
    if (a.image_ids, a.before.taxonomy) != (b.image_ids, b.before.taxonomy) or (
        a.before.image_ids != b.before.image_ids or a.after.image_ids != b.after.image_ids
    ):
        raise RunError("These two are judged over different images or classes; compare them on the common ground.")
    before, after = (_right(a, one) - _right(b, other) for one, other in ((a.before, b.before), (a.after, b.after)))
    return _reviewable(a, known, before, after, _votes(a) - _votes(b), (-1.0, 1.0))


def reviewable_label_errors(judged: BeforeAfter, known: NDArray[np.bool_]) -> ReviewedDifference:
    """Each image's part in the share of wrong original labels, of the images that the original labels place.

    A label is wrong if the reviewed one is of another class of this class set, or of none.
    """
    counted = _placed(judged, judged.before)
    truth = np.full((2, len(judged.image_ids)), -1, dtype=np.int64)
    for side, evaluation in enumerate((judged.before, judged.after)):
        truth[side, judged.rows(evaluation)] = evaluation.truth
    wrong = counted * (truth[0] != truth[1])
    return ReviewedDifference(np.zeros(len(counted)), counted, known, wrong, counted, np.zeros(len(counted)), counted)


def _reviewable(
    judged: BeforeAfter,
    known: NDArray[np.bool_],
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    votes: NDArray[np.float64],
    unknown: tuple[float, float],
) -> ReviewedDifference:
    """``votes`` (N, K): what each class would add if it were the label; NaN, for ``unknown``, where nothing is said."""
    lowest, highest = (np.where(np.isnan(ends), bound, ends) for ends, bound in zip(_ends(votes), unknown, strict=True))
    return ReviewedDifference(
        above=before,
        below=_placed(judged, judged.before),
        known=known,
        reviewed_above=after,
        reviewed_below=_placed(judged, judged.after),
        lowest=lowest,
        highest=highest,
    )


def _ends(votes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return votes.min(axis=1), votes.max(axis=1)


def _placed(judged: BeforeAfter, evaluation: Evaluation) -> NDArray[np.float64]:
    placed = np.zeros(len(judged.image_ids))
    placed[judged.rows(evaluation)] = 1
    return placed


def _right(judged: BeforeAfter, evaluation: Evaluation) -> NDArray[np.float64]:
    """The share of runs that are right on each image, (N,); 0 for one that is left out."""
    right = np.zeros(len(judged.image_ids))
    right[judged.rows(evaluation)] = evaluation.right.mean(axis=0)
    return right


def _votes(judged: BeforeAfter) -> NDArray[np.float64]:
    """The share of runs that call each image each class, (N, K); NaN for an image that neither evaluation holds."""
    n_classes = len(judged.before.taxonomy.classes)
    votes = np.full((len(judged.image_ids), n_classes), np.nan)
    for evaluation in (judged.before, judged.after):
        said = np.stack([(evaluation.predicted == k).mean(axis=0) for k in range(n_classes)], axis=1)
        votes[judged.rows(evaluation)] = said
    return votes
