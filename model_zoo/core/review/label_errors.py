"""Likely label errors, by confident learning on out-of-sample predictions.

Northcutt, Jiang & Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels",
JAIR 70 (arXiv 1911.00068); scores as in Kuan & Mueller 2022, "Model-agnostic label quality
scoring to detect real-world label errors", and as cleanlab computes them. All of it holds only
for images that the model was not trained on: validation, test, or training images out of fold.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


class Quality(StrEnum):
    """A score of how well a label fits what a model says; each is in [0, 1], lower is worse."""

    SELF_CONFIDENCE = "self-confidence"
    NORMALIZED_MARGIN = "normalised margin"
    CONFIDENCE_WEIGHTED_ENTROPY = "confidence-weighted entropy"


_TOLERANCE = 1e-6  # cleanlab's, so that a probability equal to its threshold counts as confident whatever was rounded


@dataclass(frozen=True)
class LabelErrors:
    """What confident learning says about the labels of N images in K classes.

    ``given`` (N,) holds class indices, ``probabilities`` (N, K) what the model says of them.
    """

    given: NDArray[np.int64]
    probabilities: NDArray[np.float64]

    def __post_init__(self) -> None:
        n_images, shape = len(self.given), self.probabilities.shape
        if self.given.ndim != 1 or len(shape) != 2 or shape[0] != n_images or shape[1] < 1:
            raise ValueError(f"Labels {self.given.shape} need probabilities ({n_images}, K); got {shape}.")
        if n_images and not (self.given.min() >= 0 and self.given.max() < shape[1]):
            raise ValueError(
                f"Labels must be class indices from 0 to {shape[1] - 1}; leave out images without a class."
            )

    @cached_property
    def thresholds(self) -> NDArray[np.float64]:
        """Mean probability of each class over the images given that label, (K,); NaN where there is none (eq. 2)."""
        totals = np.zeros(self.probabilities.shape[1])
        np.add.at(totals, self.given, self.quality())
        with np.errstate(invalid="ignore", divide="ignore"):
            return totals / np.bincount(self.given, minlength=len(totals))

    @cached_property
    def confident(self) -> NDArray[np.int64]:
        """The class that each image confidently belongs to, (N,); -1 where it reaches no class's threshold.

        Where it reaches several, the likeliest of all classes (cleanlab's reading of eq. 1).
        """
        floor = np.maximum(np.nan_to_num(self.thresholds, nan=np.inf), 2 * _TOLERANCE)
        reached = self.probabilities >= floor - _TOLERANCE
        n_reached = reached.sum(axis=1)
        guess = np.where(n_reached > 1, self.likeliest, reached.argmax(axis=1))
        return np.where(n_reached > 0, guess, -1).astype(np.int64)

    @cached_property
    def confident_joint(self) -> NDArray[np.int64]:
        """Images by given (rows) and confident (columns) class, (K, K); the diagonal is at least 1 (eq. 1)."""
        n_classes, sure = self.probabilities.shape[1], self.confident >= 0
        cells = self.given[sure] * n_classes + self.confident[sure]
        joint = np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)
        np.fill_diagonal(joint, np.maximum(joint.diagonal(), 1))
        return joint.astype(np.int64)

    @cached_property
    def joint(self) -> NDArray[np.float64]:
        """Estimated shares of all images by given (rows) and true (columns) class, (K, K), summing to 1 (eq. 3).

        Each row sums to the share of images that were given the label; all 0 without images.
        """
        rows = self.confident_joint / self.confident_joint.sum(axis=1, keepdims=True)
        n_given = np.bincount(self.given, minlength=len(rows))
        return rows * n_given[:, None] / max(1, len(self.given))

    @cached_property
    def noise(self) -> NDArray[np.float64]:
        """Estimated P(given = row | true = column), (K, K); columns sum to 1, NaN where no image is of the class."""
        return noise_matrix(self.joint)

    @cached_property
    def likeliest(self) -> NDArray[np.int64]:
        """The likeliest class of each image, (N,)."""
        return self.probabilities.argmax(axis=1).astype(np.int64)

    @cached_property
    def suspected(self) -> NDArray[np.bool_]:
        """Whether confident learning counts the label as wrong, (N,).

        The image lies off the diagonal of the confident joint, and the given class is not the
        likeliest within 1e-6 (cleanlab's filter "confident_learning").
        """
        lifted = self.probabilities.copy()
        rows = np.arange(len(self.given))
        lifted[rows, self.given] += _TOLERANCE
        return (self.confident >= 0) & (self.confident != self.given) & (lifted.argmax(axis=1) != self.given)

    def quality(self, score: Quality = Quality.SELF_CONFIDENCE) -> NDArray[np.float64]:
        """How well each label fits, (N,), in [0, 1]; see `label_quality`."""
        return label_quality(self.given, self.probabilities, score)

    def ranking(self, score: Quality = Quality.SELF_CONFIDENCE) -> NDArray[np.int64]:
        """Rows from the likeliest label error to the least likely, (N,); equal ones as listed."""
        return np.argsort(self.quality(score), kind="stable").astype(np.int64)


def find_label_errors(given: NDArray[np.int64], probabilities: NDArray[np.floating]) -> LabelErrors:
    """Judge labels ``given`` (N,) by the mean of what S runs say, ``probabilities`` (S, N, K).

    The mean of probabilities, not of scores: confident learning needs one set of probabilities,
    for self-confidence both are the same number, and for the other scores
    ``benchmarks/label_errors.py`` finds average precisions within 0.01 of each other.
    """
    if probabilities.ndim != 3 or not len(probabilities):
        raise ValueError(
            f"Probabilities must be (runs, images, classes) of at least one run; got {probabilities.shape}."
        )
    return LabelErrors(given, probabilities.astype(np.float64).mean(axis=0))


def label_quality(
    given: NDArray[np.int64], probabilities: NDArray[np.float64], score: Quality = Quality.SELF_CONFIDENCE
) -> NDArray[np.float64]:
    """How well each label ``given`` (N,) fits ``probabilities`` (N, K): (N,), in [0, 1], lower is worse.

    Self-confidence: the probability p of the given class. Normalised margin: (p - the highest of
    the other classes + 1) / 2. Confidence-weighted entropy: log(1 + x) / x, where x is the entropy
    over log K divided by p; its limits are 1 for a sure and right answer (x = 0) and 0 for p = 0
    (cleanlab clips x and p at 1e-6 instead and calls a sure and right answer the worst). With one
    class nothing can be doubted: the label fits fully.
    """
    rows = np.arange(len(given))
    own = probabilities[rows, given]
    if score is Quality.SELF_CONFIDENCE:
        return own
    if probabilities.shape[1] == 1:
        return np.ones_like(own)
    if score is Quality.NORMALIZED_MARGIN:
        others = probabilities.copy()
        others[rows, given] = -np.inf
        return (own - others.max(axis=1) + 1) / 2
    logs = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    entropy = -(probabilities * logs).sum(axis=1) / np.log(probabilities.shape[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        weighted = np.where(own > 0, np.maximum(entropy, 0) / own, np.inf)
        score_of = np.log1p(weighted) / weighted
    return np.where(weighted == 0, 1.0, np.where(np.isinf(weighted), 0.0, score_of))


def noise_matrix(joint: NDArray[np.floating] | NDArray[np.int64]) -> NDArray[np.float64]:
    """P(given = row | true = column) of a joint of counts or shares (K, K); NaN for an empty column."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return joint / joint.sum(axis=0, keepdims=True)
