"""Whether the predictions of a model would be correct under another order of its classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment

from model_zoo.core.evaluation.metrics import wilson


@dataclass(frozen=True, slots=True)
class OtherOrder:
    """The order of classes under which most answers are right, against the given one; both are shares of images."""

    names: tuple[str, ...]
    share: float
    given: float
    n_images: int

    @property
    def is_suspicious(self) -> bool:
        """Whether it would score far better: by a tenth of the images, and beyond both Wilson intervals."""
        low, _ = wilson(self.share, self.n_images)
        _, high = wilson(self.given, self.n_images)
        return self.share - self.given > 0.1 and low > high


def other_order(counts: ArrayLike, names: Sequence[str]) -> OtherOrder:
    """The best one-to-one naming of a model's answers: an assignment problem (Kuhn 1955).

    ``counts`` (K, K) holds images, rows true, columns answered under ``names`` (K,), in the order
    of the model's outputs. Position k of the result's ``names`` is what answer k would have to be called.
    """
    table = np.asarray(counts, dtype=np.float64)
    rows, columns = linear_sum_assignment(table, maximize=True)
    row_of = dict(zip(columns.tolist(), rows.tolist(), strict=True))
    total = float(table.sum())
    shares = [float(hits) / total if total else float("nan") for hits in (table[rows, columns].sum(), np.trace(table))]
    return OtherOrder(tuple(names[row_of[k]] for k in range(len(names))), shares[0], shares[1], round(total))
