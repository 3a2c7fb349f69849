"""Nearest neighbours by cosine similarity."""

import numpy as np
from numpy.typing import NDArray


def nearest_neighbors(
    vectors: NDArray[np.floating], row: int, at_most: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The rows of ``vectors`` (N, D) nearest to ``row``, itself left out, and their cosines in [-1, 1].

    Highest cosine first, equal ones by row; at most ``at_most``, and N - 1. A vector of zeros has no direction: its
    cosine with any other counts as 0.
    """
    lengths = np.linalg.norm(vectors, axis=1).astype(np.float64)
    scale = lengths * lengths[row]
    products = (vectors @ vectors[row]).astype(np.float64)
    cosines = np.divide(products, scale, out=np.zeros(len(vectors)), where=scale > 0).clip(-1, 1)
    others = np.delete(np.arange(len(vectors)), row)
    order = others[np.argsort(-cosines[others], kind="stable")][:at_most]
    return order, cosines[order]
