"""Calibration of predicted probabilities, in any class set that the classes project onto."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.metrics import Share, share
from model_zoo.core.label_space.taxonomy import OUTSIDE

N_BINS = 10
_REDRAWN = 200


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of S runs whose confidence lies in (``low``, ``high``].

    ``confidence`` is their mean; ``right`` the share of right ones with the patients' interval, its
    ``n_images`` a mean over runs.
    """

    low: float
    high: float
    confidence: float
    right: Share


@dataclass(frozen=True, slots=True)
class Calibration:
    """Reliability of S runs.

    ``ece`` is the expected calibration error over equal bins (Naeini et al. 2015; Guo et al. 2017), mean
    over runs, in [0, 1]. It is biased upwards: ``ece_of_perfect`` is what as many answers of the same
    confidence would show on average if every probability were true.
    """

    bins: tuple[Bin, ...]
    ece: float
    ece_of_perfect: float


def calibration_if_probabilities(
    evaluation: Evaluation, probabilities: NDArray[np.floating], coarser: NDArray[np.int64]
) -> Calibration:
    """Calibration in a coarser space of runs judged in their own classes: argmax, mapped, probabilities summed.

    ``probabilities`` (S, N, K); ``coarser`` (K,) the coarser class of each class. Images whose class is
    `OUTSIDE` there are left out.
    """
    known = (coarser != OUTSIDE)[evaluation.truth]
    predicted = evaluation.predicted[:, known]
    members = (coarser[:, None] == coarser[None, :]).astype(np.float64)  # (K, K)
    sums = np.stack([one[known] @ members for one in probabilities])
    confidences = np.take_along_axis(sums, predicted[..., None], axis=-1)[..., 0].clip(0.0, 1.0)
    right = coarser[predicted] == coarser[evaluation.truth[known]]
    return calibration(right, confidences, evaluation.patients[known])


def calibration(
    right: NDArray[np.bool_], confidences: NDArray[np.float64], patients: NDArray[np.int64], seed: int = 0
) -> Calibration:
    """Reliability of answers (S, N), in `N_BINS` bins of equal width; empty bins are left out."""
    if not right.size:
        return Calibration((), float("nan"), float("nan"))
    place = np.searchsorted(np.linspace(0, 1, N_BINS + 1)[1:-1], confidences)
    n_codes = int(patients.max()) + 1
    bins = []
    for k in range(N_BINS):
        inside = place == k
        if inside.any():
            hits = np.bincount(patients, weights=(right & inside).mean(axis=0), minlength=n_codes)
            totals = np.bincount(patients, weights=inside.mean(axis=0), minlength=n_codes)
            bins.append(Bin(k / N_BINS, (k + 1) / N_BINS, float(confidences[inside].mean()), share(hits, totals)))
    rng = np.random.default_rng([seed, 5])
    perfect = [_ece(rng.random(confidences.shape) < confidences, confidences, place) for _ in range(_REDRAWN)]
    return Calibration(tuple(bins), _ece(right, confidences, place), float(np.mean(perfect)))


def _ece(right: NDArray[np.bool_], confidences: NDArray[np.float64], place: NDArray[np.int64]) -> float:
    """Mean over runs of the sum over bins of |right - confidence| / images."""
    n_runs, n_images = right.shape
    cells = (place + N_BINS * np.arange(n_runs)[:, None]).ravel()
    gaps = np.bincount(cells, weights=(right - confidences).ravel(), minlength=N_BINS * n_runs)
    return float(np.abs(gaps).sum() / (n_runs * n_images))
