"""Images without a prediction: metrics between the worst case (all incorrect) and the best case (all correct).

No image is dropped because a prediction is missing: where these are mostly a model's errors, that would make it look
better. The bounds are those of the worst case (Horowitz & Manski 1995), for any figure of a comparison.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.evaluation.evaluation import Evaluation, evaluate
from model_zoo.core.evaluation.metrics import MappedBy
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.label_space.labels import Label
from model_zoo.core.label_space.taxonomy import OUTSIDE, Taxonomy

UNPREDICTED = -2
"""Stands for the class that a run predicts where it has no prediction."""

_STEPS = 2000


def evaluate_with_missing(
    predictions: Sequence[Predictions],
    source: Taxonomy,
    space: Taxonomy,
    labels: Mapping[str, Label],
    patients: Mapping[str, str],
    mapped_by: MappedBy = MappedBy.ANSWER,
) -> tuple[Evaluation, Evaluation | None]:
    """`evaluate` of runs that may lack predictions of some images each: over the images that all of them predicted,
    and over those that some did, where a run may predict `UNPREDICTED`; None where all runs predicted the same images.
    """
    if all(one.image_ids == predictions[0].image_ids for one in predictions[1:]):
        return evaluate(predictions, source, space, labels, patients, mapped_by), None
    image_ids = tuple(dict.fromkeys(image_id for one in predictions for image_id in one.image_ids))
    rows = np.array([[one.row_of.get(image_id, -1) for image_id in image_ids] for one in predictions])
    filled = [
        replace(one, image_ids=image_ids, probabilities=_padded(one)[row])
        for one, row in zip(predictions, rows, strict=True)
    ]
    judged = evaluate(filled, source, space, labels, patients, mapped_by)
    place = {image_id: k for k, image_id in enumerate(image_ids)}
    lacking = rows[:, [place[image_id] for image_id in judged.image_ids]] < 0
    judged = replace(judged, predicted=np.where(lacking, UNPREDICTED, judged.predicted))
    whole, partly = np.flatnonzero(~lacking.any(axis=0)), np.flatnonzero(lacking.any(axis=0))
    return judged.only(whole), judged.only(partly)


def over_all_images(
    a: Evaluation, b: Evaluation, partly: tuple[Evaluation | None, Evaluation | None] = (None, None)
) -> tuple[Evaluation, Evaluation]:
    """Both sides over every image that a run of either predicted, by image id; `UNPREDICTED` where one did not.

    A patient who has no image that both sides predicted counts once for each side.
    """
    sides = [[one for one in side if one is not None] for side in ((a, partly[0]), (b, partly[1]))]
    codes = [dict(_of_images(side, lambda one: one.patients)) for side in sides]
    truth = {image_id: true for side in sides for image_id, true in _of_images(side, lambda one: one.truth)}
    same = {code: codes[0][image_id] for image_id, code in codes[1].items() if image_id in codes[0]}
    beyond = 1 + max(codes[0].values(), default=0)
    image_ids = tuple(sorted(truth))
    owners = [
        codes[0][one] if one in codes[0] else same.get(codes[1][one], beyond + codes[1][one]) for one in image_ids
    ]
    _, first, patients = np.unique(owners, return_index=True, return_inverse=True)
    patients = np.argsort(np.argsort(first))[patients]  # numbered by image id, whichever side is A
    place = {image_id: k for k, image_id in enumerate(image_ids)}
    made = []
    for side in sides:
        predicted = np.full((len(side[0].predicted), len(image_ids)), UNPREDICTED, dtype=np.int64)
        for one in side:
            predicted[:, [place[image_id] for image_id in one.image_ids]] = one.predicted
        made.append(
            replace(
                side[0],
                image_ids=image_ids,
                patients=patients,
                truth=np.array([truth[one] for one in image_ids], dtype=np.int64),
                predicted=predicted,
            )
        )
    return made[0], made[1]


def best_and_worst_case(
    a: Evaluation, b: Evaluation
) -> tuple[tuple[Evaluation, Evaluation], tuple[Evaluation, Evaluation]]:
    """A and B with what is missing at its worst for A (A incorrect, B correct), and at its best for A."""
    return (all_incorrect(a), all_correct(b)), (all_correct(a), all_incorrect(b))


def all_correct(side: Evaluation) -> Evaluation:
    """With every missing prediction correct, which is the best for accuracy and every macro average."""
    return replace(side, predicted=np.where(side.predicted == UNPREDICTED, side.truth, side.predicted))


def all_incorrect(side: Evaluation) -> Evaluation:
    """With every missing prediction incorrect, as the classes that lower macro-F1 most; other figures ask no more."""
    predicted, n_classes = side.predicted.copy(), len(side.taxonomy.classes)
    for run in predicted:
        missing = np.flatnonzero(run == UNPREDICTED)
        if n_classes == 1:
            run[missing] = OUTSIDE
            continue
        missing = missing[np.argsort(side.truth[missing], kind="stable")]
        true = np.bincount(side.truth[missing], minlength=n_classes)
        calls = _costliest(side.truth, run, len(missing) - true)
        # Sorted by class, predictions are shifted past the images of their own class; as calls + true <= all of them
        # in each class, none comes round to it again.
        shift = (np.cumsum(true) - np.cumsum(calls) + calls).max(initial=0)
        run[missing] = np.roll(np.repeat(np.arange(n_classes), calls), shift)
    return replace(side, predicted=predicted)


def _costliest(truth: NDArray[np.int64], run: NDArray[np.int64], most: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many missing predictions to put into each class, at most ``most`` (K,), so that macro-F1 is lowest.

    One more in class k costs its F1 2 hits / (d (d + 1)), where d counts its images and predictions. Costs fall from
    one to the next, so that taking the costliest each time is exact; more than `_STEPS` go in equal lots.
    """
    n_classes = len(most)
    images = np.bincount(truth, minlength=n_classes)
    hits = np.bincount(truth[run == truth], minlength=n_classes)
    both = (images + np.bincount(run[run >= 0], minlength=n_classes)).astype(np.float64)
    calls, left = np.zeros(n_classes, dtype=np.int64), int((run == UNPREDICTED).sum())
    lot = -(-left // _STEPS)
    while left:
        cost = np.where(images > 0, 2 * hits / np.maximum((both + calls) * (both + calls + 1), 1), -1.0)
        best = int(np.where(calls < most, cost, -2.0).argmax())
        added = min(lot, left, int(most[best] - calls[best]))
        calls[best] += added
        left -= added
    return calls


def _padded(one: Predictions) -> NDArray[np.float32]:
    """The probabilities, and at the end a row that stands for no prediction: of the first class, and never read."""
    return np.vstack([one.probabilities, np.eye(1, len(one.classes), dtype=np.float32)])


def _of_images(side: Sequence[Evaluation], values: Callable[[Evaluation], NDArray[np.int64]]) -> list[tuple[str, int]]:
    return [pair for one in side for pair in zip(one.image_ids, values(one).tolist(), strict=True)]
