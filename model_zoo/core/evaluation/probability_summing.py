"""The effect of summing class probabilities instead of mapping the predicted class."""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.evaluation import Evaluation, Figure
from model_zoo.core.evaluation.linearised import mean_of, over_runs
from model_zoo.core.evaluation.predictions import labels_after_summing
from model_zoo.core.label_space.taxonomy import OUTSIDE


class SummingEffect(StrEnum):
    """What becomes of an answer when probabilities are summed instead."""

    RIGHT = "right"
    WRONG = "wrong"


_AT_ONCE = 4_000_000  # numbers held in memory


@dataclass(frozen=True, eq=False)
class SummingChange:
    """Images that become right or wrong from one evaluation to the other; the net may be negative.

    ``became`` (S, N) is 1 where a run becomes right on an image, -1 where it becomes wrong, 0 elsewhere. ``net`` is
    the change of accuracy in [-1, 1], per run and over the series, with the patients' interval.
    """

    image_ids: tuple[str, ...]
    became: NDArray[np.int64]
    net: Figure

    def n_runs(self, becomes: SummingEffect) -> NDArray[np.int64]:
        """In how many runs each image becomes right or wrong, (N,)."""
        return (self.became == _SIGN[becomes]).sum(axis=0)

    def n_images(self, becomes: SummingEffect) -> NDArray[np.int64]:
        """How many images become right or wrong in each run, (S,)."""
        return (self.became == _SIGN[becomes]).sum(axis=1)

    def ids(self, becomes: SummingEffect) -> tuple[str, ...]:
        """The images that become right or wrong in some run, most runs first."""
        n_runs = self.n_runs(becomes)
        return tuple(self.image_ids[k] for k in np.argsort(-n_runs, kind="stable") if n_runs[k])


_SIGN = {SummingEffect.RIGHT: 1, SummingEffect.WRONG: -1}


def accuracy_change(answers: Evaluation, sums: Evaluation) -> SummingChange:
    """What becomes right and wrong in each run from ``answers`` (argmax, then mapped) to ``sums`` (summed first).

    Both judge the same runs over the same images in the same label space, else `RunError`.
    """
    if (answers.image_ids, answers.taxonomy) != (sums.image_ids, sums.taxonomy) or (
        answers.predicted.shape != sums.predicted.shape
    ):
        raise RunError("These evaluations are not of the same runs, images and classes; evaluate the same twice.")
    became = sums.right.astype(np.int64) - answers.right
    net = over_runs("change by summing", answers, map(mean_of, became.astype(np.float64)))
    return SummingChange(answers.image_ids, became, net)


def probability_summing(
    truth: NDArray[np.int64], probabilities: NDArray[np.floating], coarser: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which answers become right, and which wrong, when probabilities are summed before the argmax.

    The rule of the verdict is the argmax, then mapped to ``coarser``; images whose own class is `OUTSIDE` there are
    in neither. Both (S, N) for ``truth`` (N,), ``probabilities`` (S, N, K) and ``coarser`` (K,); both (N, B) for one
    run (N, K) and B ways to put classes together (B, K).
    """
    true, mapped = coarser.T[truth], coarser.T[probabilities.argmax(axis=-1)]
    summed, judged = labels_after_summing(probabilities, coarser), true != OUTSIDE
    return (summed == true) & (mapped != true) & judged, (summed != true) & (mapped == true) & judged


def n_ways(coarser: NDArray[np.int64]) -> float:
    """In how many ways K classes can be put into coarser classes of the sizes that ``coarser`` (K,) has."""
    _, sizes = np.unique(coarser, return_counts=True)
    _, alike = np.unique(sizes, return_counts=True)  # coarser classes of one size may change places
    log = math.lgamma(len(coarser) + 1) - sum(math.lgamma(n + 1) for n in (*sizes, *alike))
    return math.exp(log) if log < 700 else math.inf


def net_summing_effect(
    truth: NDArray[np.int64], rows: NDArray[np.floating], coarser: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Answers made right less answers made wrong by summing, for each of B ways to put classes together, (B,).

    ``rows`` (R, K) holds the probabilities of R answers about images of the classes ``truth`` (R,);
    ``coarser`` (B, K) the coarser class of each class in each way.
    """
    nets = []
    batch = max(1, _AT_ONCE // max(1, rows.size))
    for start in range(0, len(coarser), batch):
        gained, lost = probability_summing(truth, rows, coarser[start : start + batch])
        nets.append(gained.sum(axis=0) - lost.sum(axis=0))
    return np.concatenate(nets)
