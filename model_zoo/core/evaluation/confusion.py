"""Confusion matrices that carry their class names: count, project, normalise."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.label_space.taxonomy import OUTSIDE, Projection, Taxonomy


class Per(StrEnum):
    """What the shares of a confusion matrix are shares of."""

    COUNT = "count"
    TRUE = "true"
    PREDICTED = "predicted"


@dataclass(frozen=True, slots=True)
class Confusion:
    """Images by true and predicted class; a mean over runs may hold fractions.

    ``counts`` (K, K): rows true, columns predicted. ``elsewhere`` (K,): images predicted
    as something outside the taxonomy, by true class.
    """

    taxonomy: Taxonomy
    counts: NDArray[np.float64]
    elsewhere: NDArray[np.float64]

    def per(self, per: Per) -> NDArray[np.float64]:
        """Shares (K, K) of the true or predicted class (NaN where that class is empty), or the counts."""
        if per is Per.COUNT:
            return self.counts
        if per is Per.TRUE:
            totals = self.counts.sum(axis=1, keepdims=True) + self.elsewhere[:, None]
        else:
            totals = self.counts.sum(axis=0, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.counts / totals

    def project(self, projection: Projection) -> "Confusion":
        """The same images in a coarser label space; rows that the target does not know are dropped."""
        onto, known = projection.matrix, projection.index != OUTSIDE
        lost = self.elsewhere + self.counts @ (~known).astype(np.float64)
        return Confusion(projection.target, onto.T @ self.counts @ onto, onto.T @ lost)


def count(truth: NDArray[np.int64], predicted: NDArray[np.int64], taxonomy: Taxonomy) -> Confusion:
    """The confusion of class indices ``truth`` and ``predicted``, both (N,); truth holds no `OUTSIDE`."""
    n_classes = len(taxonomy.classes)
    columns = np.where(predicted == OUTSIDE, n_classes, predicted)
    table = np.bincount(truth * (n_classes + 1) + columns, minlength=n_classes * (n_classes + 1))
    square: NDArray[np.float64] = table.reshape(n_classes, n_classes + 1).astype(np.float64)
    return Confusion(taxonomy, square[:, :-1], square[:, -1])


def mean(confusions: list[Confusion]) -> Confusion:
    """The mean matrix of several runs over the same images and classes."""
    counts = np.mean([confusion.counts for confusion in confusions], axis=0)
    elsewhere = np.mean([confusion.elsewhere for confusion in confusions], axis=0)
    return Confusion(confusions[0].taxonomy, counts, elsewhere)
