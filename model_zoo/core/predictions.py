"""What a model said: which image, what probability for which class."""

from collections.abc import Set
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.errors import RunError


@dataclass(frozen=True)
class Predictions:
    """Probabilities of one run over N images and its K classes.

    ``probabilities`` (N, K), rows summing to 1; ``classes`` (K,) in index order.
    """

    image_ids: tuple[str, ...]
    classes: tuple[str, ...]
    probabilities: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.probabilities.shape != (len(self.image_ids), len(self.classes)):
            raise RunError(
                f"Predictions have shape {self.probabilities.shape}; "
                f"expected ({len(self.image_ids)} images, {len(self.classes)} classes)."
            )
        if len(set(self.image_ids)) < len(self.image_ids):
            raise RunError("Predictions name an image twice; each image is asked once.")
        if not (self.probabilities >= 0).all() or not (abs(self.probabilities.sum(axis=1) - 1) <= 1e-3).all():
            raise RunError("Predictions hold rows that are no probabilities: none may be negative, each sums to 1.")

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """Class index of the highest probability, (N,)."""
        return self.probabilities.argmax(axis=1).astype(np.int64)

    def only(self, image_ids: Set[str]) -> "Predictions":
        """These predictions for the images among ``image_ids``; others it names were not asked and are not missed."""
        rows = [row for row, image_id in enumerate(self.image_ids) if image_id in image_ids]
        kept = tuple(self.image_ids[row] for row in rows)
        return Predictions(kept, self.classes, self.probabilities[rows].reshape(len(rows), len(self.classes)))

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Image id -> row."""
        return {image_id: row for row, image_id in enumerate(self.image_ids)}
