"""Two ways to answer in a coarser label space: argmax then mapped, or probabilities summed then argmax."""

import math

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.taxonomy import OUTSIDE

_AT_ONCE = 4_000_000  # numbers held in memory


def summing(
    truth: NDArray[np.int64], probabilities: NDArray[np.floating], coarser: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which answers become right, and which wrong, when probabilities are summed before the argmax; both (S, N).

    The rule of the verdict is the argmax, then mapped to ``coarser`` (K,); images whose own class is
    `OUTSIDE` there are in neither.
    """
    onto = _one_hot(coarser)
    places = onto.argmax(axis=-1)
    mapped = places[probabilities.argmax(axis=-1)]
    summed = (probabilities @ onto).argmax(axis=-1)
    true = places[truth]
    judged = (coarser != OUTSIDE)[truth]
    return (summed == true) & (mapped != true) & judged, (summed != true) & (mapped == true) & judged


def n_ways(coarser: NDArray[np.int64]) -> float:
    """In how many ways K classes can be put into coarser classes of the sizes that ``coarser`` (K,) has."""
    _, sizes = np.unique(coarser, return_counts=True)
    _, alike = np.unique(sizes, return_counts=True)  # coarser classes of one size may change places
    log = math.lgamma(len(coarser) + 1) - sum(math.lgamma(n + 1) for n in (*sizes, *alike))
    return math.exp(log) if log < 700 else math.inf


def net_of_summing(
    truth: NDArray[np.int64], rows: NDArray[np.float32], coarser: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Answers made right less answers made wrong by summing, for each of B ways to put classes together, (B,).

    ``rows`` (R, K) holds the probabilities of R answers about images of the classes ``truth`` (R,);
    ``coarser`` (B, K) the coarser class of each class in each way.
    """
    n_classes, said = rows.shape[1], rows.argmax(axis=1)
    nets = []
    batch = max(1, _AT_ONCE // max(1, rows.size))
    for start in range(0, len(coarser), batch):
        some = coarser[start : start + batch]
        onto = _one_hot(some).astype(np.float32)  # (b, K, G)
        places = onto.argmax(axis=2)
        flat = onto.transpose(1, 0, 2).reshape(n_classes, -1)
        summed = (rows @ flat).reshape(len(rows), len(some), -1).argmax(axis=2)
        true, mapped, judged = places.T[truth], places.T[said], (some != OUTSIDE).T[truth]
        change = (summed == true).astype(np.int8) - (mapped == true).astype(np.int8)
        nets.append((change * judged).sum(axis=0, dtype=np.float64))
    return np.concatenate(nets)


def _one_hot(coarser: NDArray[np.int64]) -> NDArray[np.float64]:
    """(..., K) class indices as (..., K, G); what is `OUTSIDE` comes last, as a class of its own."""
    last = int(coarser.max()) + 1
    return np.asarray(np.where(coarser == OUTSIDE, last, coarser)[..., None] == np.arange(last + 1), dtype=np.float64)
