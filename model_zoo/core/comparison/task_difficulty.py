"""Task difficulty: baselines by guessing, ITCA, and the gain due to the easier task.

A coarser taxonomy asks less: whoever merges classes raises the accuracy of every model, the guesser's too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.comparison.comparison import checkpoint_interval, pair
from model_zoo.core.evaluation.evaluation import Evaluation, Figure, patient_codes
from model_zoo.core.evaluation.linearised import Judged, over_runs, unbounded
from model_zoo.core.evaluation.metrics import Headline, Share, share


def uniform_chance(evaluation: Evaluation) -> float:
    """The accuracy of guessing each of the K classes equally often: 1 / K, whatever the images are."""
    return 1 / len(evaluation.taxonomy.classes)


def frequency_chance(evaluation: Evaluation) -> Share:
    """The accuracy of guessing classes as often as they occur: the sum of squared frequencies, patients' interval.

    Merging classes never lowers it. NaN without images.
    """
    of, n = _frequencies(evaluation), len(evaluation.truth)
    value = float(of @ of) if n else float("nan")
    guess = [(value, 2 * (of[evaluation.truth] - value))] if n else []
    return over_runs("guessing by frequency", evaluation, guess, of[evaluation.truth]).share


def majority(evaluation: Evaluation) -> Share:
    """The accuracy of always naming the largest class, with the interval of that class's share.

    Merging classes never lowers it. NaN without images.
    """
    largest = evaluation.truth == _frequencies(evaluation).argmax()
    return share(np.bincount(evaluation.patients, weights=largest), np.bincount(evaluation.patients))


def itca(evaluation: Evaluation) -> Figure:
    """Information-theoretic classification accuracy (Zhang et al. 2022, JMLR 23:341, s-ITCA), in nats.

    Each right answer earns -ln(frequency of its true class), an error nothing; the mean over images. It is at most
    the entropy of the classes, and 0 with a single class, always right: it rewards telling many even classes apart,
    and a merge raises it only if the errors that it forgives outweigh the resolution that it gives up. Frequencies
    are those of the images judged, as in the paper's estimator from a sample; the interval counts their uncertainty.
    """
    truth, of = evaluation.truth, _frequencies(evaluation)
    earned = -np.log(of[truth])

    def judge(predicted: NDArray[np.int64]) -> Judged:
        right = (predicted == truth).astype(np.float64)
        recall = np.bincount(truth, weights=right, minlength=len(of))[truth] / (of[truth] * len(truth))
        value = float((right * earned).mean())
        return value, right * earned - value - (recall - right.mean())

    return over_runs("ITCA", evaluation, map(judge, evaluation.predicted))


@dataclass(frozen=True, slots=True)
class AccuracyGap:
    """The accuracy of one subject minus another's, natively and on their common ground, in [-1, 1] each.

    ``native`` = ``common`` + ``question``: what remains where both answer the same question, and what goes with
    asking another one. ``beyond_half`` = ``question`` - ``native`` / 2: above 0, the question makes most of a rise.
    All intervals are the patients', paired: seeds are not in them. That of ``common`` is the verdict's for these
    runs as they are, where it has one; of ``n_apart`` images a side has no prediction, for which the verdict takes the
    worst case, so that this is then another difference with an interval of its own.
    """

    native: Share
    common: Share
    question: Share
    beyond_half: Share
    n_apart: int = 0


def accuracy_gap(
    native: tuple[Evaluation, Evaluation], common: tuple[Evaluation, Evaluation], patients: Mapping[str, str]
) -> AccuracyGap:
    """How far the second subject of each pair is ahead of the first; ``patients``: image id -> patient id."""
    judged = (*native, *common)
    image_ids = tuple(dict.fromkeys(image_id for one in judged for image_id in one.image_ids))
    row_of = {image_id: row for row, image_id in enumerate(image_ids)}
    codes = patient_codes(image_ids, patients)
    accuracies, influence = np.full(4, np.nan), np.zeros((4, len(image_ids)))
    for k, one in enumerate(judged):
        if len(one.truth):
            right = one.right.mean(axis=0)
            accuracies[k] = right.mean()
            rows = [row_of[image_id] for image_id in one.image_ids]
            influence[k, rows] = (right - accuracies[k]) * len(image_ids) / len(rows)
    shares = [unbounded(float(weights @ accuracies), weights @ influence, codes) for weights in _GAPS]
    found = AccuracyGap(shares[0], shares[1], shares[2], shares[3])
    both = pair(common[1], common[0])
    interval = None if both.n_apart else checkpoint_interval(both, Headline.ACCURACY)
    if interval is None:
        return replace(found, n_apart=both.n_apart)
    return replace(found, common=replace(found.common, low=interval[0], high=interval[1]))


# Of the accuracies (first native, second native, first common, second common), in the order of Gap's fields.
_GAPS = np.array([[-1, 1, 0, 0], [0, 0, -1, 1], [-1, 1, 1, -1], [-0.5, 0.5, 1, -1]])


def _frequencies(evaluation: Evaluation) -> NDArray[np.float64]:
    """The share of each class among the images, (K,); 0 without images."""
    counts = np.bincount(evaluation.truth, minlength=len(evaluation.taxonomy.classes))
    return counts / max(1, len(evaluation.truth))
