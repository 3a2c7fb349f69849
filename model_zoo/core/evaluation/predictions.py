"""Predictions of a model: one probability per image and class."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.errors import RunError
from model_zoo.core.label_space.labels import Label
from model_zoo.core.label_space.taxonomy import OUTSIDE, Taxonomy


@dataclass(frozen=True)
class Predictions:
    """Probabilities of one run over N images and its K classes.

    ``probabilities`` (N, K), rows summing to 1; ``classes`` (K,) in index order. With ``labels_only`` only the labels
    are known: each row is 1 at its class, or 1 / m at each of the m classes that the label may be (`rows_of_labels`),
    and no metric may read a probability out of it.
    """

    image_ids: tuple[str, ...]
    classes: tuple[str, ...]
    probabilities: NDArray[np.float32]
    labels_only: bool = False

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
        """Class index of the highest probability, (N,); `OUTSIDE` where a label may be several classes."""
        return np.where(self.undecided, OUTSIDE, self.probabilities.argmax(axis=1)).astype(np.int64)

    @cached_property
    def undecided(self) -> NDArray[np.bool_]:
        """Whether a predicted label may be several of the classes, (N,); never with probabilities."""
        if not self.labels_only:
            return np.zeros(len(self.image_ids), dtype=np.bool_)
        return (self.probabilities > 0).sum(axis=1) > 1

    @cached_property
    def n_tied(self) -> int:
        """Images for which several classes have the highest probability; `predicted` is the first of these."""
        if self.labels_only:
            return 0
        highest = self.probabilities.max(axis=1, keepdims=True, initial=0)
        return int(((self.probabilities == highest).sum(axis=1) > 1).sum())

    def predicted_names(self, rows: Sequence[int] | NDArray[np.int64]) -> list[str]:
        """What is predicted in each of ``rows``: a class, or all that the label may be, joined by "or"."""
        joined = {
            row: " or ".join(self.classes[k] for k in np.flatnonzero(self.probabilities[row])) if undecided else ""
            for row, undecided in zip(rows, self.undecided[rows], strict=True)
        }
        return [joined[row] or self.classes[self.predicted[row]] for row in rows]

    def only(self, image_ids: Set[str]) -> "Predictions":
        """These predictions for the images among ``image_ids``; others it names were not asked and are not missed."""
        rows = [row for row, image_id in enumerate(self.image_ids) if image_id in image_ids]
        kept = tuple(self.image_ids[row] for row in rows)
        left = self.probabilities[rows].reshape(len(rows), len(self.classes))
        return Predictions(kept, self.classes, left, self.labels_only)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Image id -> row."""
        return {image_id: row for row, image_id in enumerate(self.image_ids)}


def rows_of_labels(labels: Sequence[Label], taxonomy: Taxonomy) -> NDArray[np.float32]:
    """Rows (N, K) of `Predictions` for predicted labels at any depth: 1 / m at each of the m classes that one touches.

    A label within one class is that class. `RunError` for a label that touches no class of ``taxonomy``.
    """
    known: dict[Label, NDArray[np.float32]] = {}
    for label in labels:
        if label not in known:
            touched = np.array([not label.isdisjoint(leaves) for leaves in taxonomy.classes.values()])
            if not touched.any():
                raise RunError(
                    f"The prediction {' or '.join(sorted(label))[:200]} is in no class of {taxonomy.name!r}; "
                    f"it has {', '.join(taxonomy.names)[:500]}."
                )
            known[label] = (touched / touched.sum()).astype(np.float32)
    return np.array([known[label] for label in labels], dtype=np.float32).reshape(len(labels), len(taxonomy.classes))


def labels_after_summing(probabilities: NDArray[np.floating], coarser: NDArray[np.int64]) -> NDArray[np.int64]:
    """The coarser classes with the highest summed ``probabilities`` (..., K); a tie goes to that of the argmax.

    ``coarser`` (K,) is the coarser class of each class, and the result (...,); or (B, K), one row for each way to put
    classes together, and the result (..., B). `OUTSIDE` is a candidate like any other. Sums are as precise as
    ``probabilities``.
    """
    last = int(coarser.max()) + 1
    placed = np.where(coarser == OUTSIDE, last, coarser)
    onto = (placed[..., None] == np.arange(last + 1)).astype(probabilities.dtype)
    summed = np.tensordot(probabilities, onto, axes=(-1, -2))
    mapped, best = placed.T[probabilities.argmax(axis=-1)], summed.argmax(axis=-1)
    of_mapped, of_best = (np.take_along_axis(summed, one[..., None], axis=-1)[..., 0] for one in (mapped, best))
    answers = np.where(of_best > of_mapped, best, mapped)
    return np.where(answers == last, OUTSIDE, answers)
