"""Which images wait for a reviewer, and in which order."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.taxonomy import OUTSIDE


@dataclass(frozen=True, slots=True)
class QueueItem:
    """An image that waits, and how many of the chosen runs get it wrong (0 <= n_wrong <= n_runs)."""

    image_id: str
    n_wrong: int
    n_runs: int


def wrong_queue(
    image_ids: Sequence[str], truth: NDArray[np.int64], predicted: NDArray[np.int64]
) -> tuple[QueueItem, ...]:
    """The images that some run gets wrong: most runs wrong first, then in the order of ``image_ids``.

    ``truth`` (N,) and ``predicted`` (S, N) are class indices of one label space, S runs over N
    images. An image whose truth is `OUTSIDE` has no class here and is left out; a prediction
    `OUTSIDE` is wrong. Raises `ValueError` when the shapes do not fit.
    """
    n_images = len(image_ids)
    if truth.shape != (n_images,) or predicted.ndim != 2 or predicted.shape[1] != n_images:
        raise ValueError(
            f"{n_images} images need truth ({n_images},) and predictions (S, {n_images}); "
            f"got {truth.shape} and {predicted.shape}."
        )
    n_wrong = np.where(truth == OUTSIDE, 0, (predicted != truth).sum(axis=0))
    order = np.argsort(-n_wrong, kind="stable")
    n_queued = int((n_wrong > 0).sum())
    return tuple(QueueItem(image_ids[i], int(n_wrong[i]), len(predicted)) for i in order[:n_queued])


def listed_queue(image_ids: Iterable[str]) -> tuple[QueueItem, ...]:
    """Any list of images as a queue, each image once, in the given order; no run is asked."""
    return tuple(QueueItem(image_id, 0, 0) for image_id in dict.fromkeys(image_ids))


def remaining(items: Iterable[QueueItem], answered: Container[str]) -> tuple[QueueItem, ...]:
    """The items whose image is not among ``answered`` (ids, or a mapping from them), in the same order."""
    return tuple(item for item in items if item.image_id not in answered)
