"""Inter-rater agreement: kappa and alpha, overall and per class, with intervals over patients.

All figures come from one matrix of coincidences (Krippendorff 2011): an image with m >= 2 ratings adds every ordered
pair of them with weight 1 / (m - 1), so that each rating counts once. Sums over images are all that is needed, and
patients, not images, are what an interval draws anew.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.evaluation.metrics import clustered_trials, share, wilson

MIN_PATIENTS_FOR_AGREEMENT = 10
"""With fewer patients there are counts and no interval."""
NO_LABEL = -1
"""No rating."""

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From summed matrices (..., K, K) to a figure (...)."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """A figure of agreement, at most 1, with its 95 % interval; NaN where it is undefined or patients are too few.

    ``n_images`` were rated by at least two people.
    """

    value: float
    low: float
    high: float
    n_images: int
    n_patients: int


@dataclass(frozen=True)
class Coincidences:
    """What people said of the same images, summed per patient: ``tables`` (P, K, K), of ``n_images`` images."""

    tables: NDArray[np.float64]
    n_images: int

    @property
    def total(self) -> NDArray[np.float64]:
        """Over all patients, (K, K)."""
        return np.asarray(self.tables.sum(axis=0))

    def figure(self, statistic: Statistic) -> Agreement:
        """``statistic`` of the total, 1 only where all agree, with the interval of the share of pairs that agree.

        As of any such figure (`linearised.bounded`): 1 - (1 - share) / c with c as it is; the variance is that of the
        jackknife over patients (Efron & Stein 1981). Where no disagreement was seen each patient is one trial.
        """
        total, n_patients = self.total, len(self.tables)
        value, low, high = float(statistic(total)), math.nan, math.nan
        if n_patients >= MIN_PATIENTS_FOR_AGREEMENT and not math.isnan(value):
            agreed = float(observed(total))
            scale = (1 - agreed) / (1 - value) if value < 1 else _by_chance(statistic, total)
            without = statistic(total - self.tables)
            moves = without - np.nanmean(without)
            variance = float(np.nansum(moves**2)) * (n_patients - 1) / n_patients * scale**2
            pairs, alike = self.tables.sum(axis=(1, 2)), np.trace(self.tables, axis1=1, axis2=2)
            found = wilson(agreed, clustered_trials(agreed, variance, pairs, alike))
            low, high = (float(np.maximum(-1.0, 1 - (1 - end) / scale)) for end in found)
        return Agreement(value, low, high, self.n_images, n_patients)

    def of_class(self, index: int) -> Agreement:
        """`specific` agreement on one class, over the patients of whom anybody said it; all images count alike."""
        said = self.tables[:, index, :].sum(axis=-1) + self.tables[:, :, index].sum(axis=-1)
        both = 2 * self.tables[said > 0, index, index]
        one = share(both, said[said > 0])
        enough = one.n_patients >= MIN_PATIENTS_FOR_AGREEMENT
        low, high = (one.low, one.high) if enough else (math.nan, math.nan)
        return Agreement(one.value, low, high, self.n_images, one.n_patients)


def coincidences(ratings: NDArray[np.int64], patients: NDArray[np.int64], n_classes: int) -> Coincidences:
    """Of the ``ratings`` (R, N) of N images by R people, `NO_LABEL` where one gave none; ``patients`` (N,) codes."""
    counts = np.stack([(ratings == k).sum(axis=0) for k in range(n_classes)], axis=1).astype(np.float64)  # (N, K)
    rated = counts.sum(axis=1)
    several = rated > 1
    counts, rated = counts[several], rated[several]
    pairs = counts[:, :, None] * counts[:, None, :]
    diagonal = np.arange(n_classes)
    pairs[:, diagonal, diagonal] -= counts
    return Coincidences(_by_patient(pairs / (rated - 1)[:, None, None], patients[several]), int(several.sum()))


def joint(
    first: NDArray[np.int64], second: NDArray[np.int64], patients: NDArray[np.int64], n_classes: int
) -> Coincidences:
    """What one person (rows) and another (columns) said of the images that both rated, (N,) each."""
    both = (first != NO_LABEL) & (second != NO_LABEL)
    each = np.zeros((int(both.sum()), n_classes, n_classes))
    each[np.arange(len(each)), first[both], second[both]] = 1
    return Coincidences(_by_patient(each, patients[both]), len(each))


def observed(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of pairs of ratings that agree; NaN for none."""
    return _divide(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum(axis=(-2, -1)))


def cohen(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cohen's kappa (1960) of a `joint` matrix; NaN where both always say the same one class."""
    shares = _shares(matrix)
    expected = (shares.sum(axis=-1) * shares.sum(axis=-2)).sum(axis=-1)
    return _beyond(observed(matrix), expected)


def fleiss(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fleiss' kappa (1971) of coincidences; as defined there where every image was rated by as many people."""
    return _beyond(observed(matrix), (_shares(matrix).sum(axis=-1) ** 2).sum(axis=-1))


def krippendorff(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Krippendorff's alpha for nominal data, of coincidences of images with any number of ratings."""
    ratings = matrix.sum(axis=-1)
    n = ratings.sum(axis=-1)
    expected = _divide((ratings * (ratings - 1)).sum(axis=-1), n * (n - 1))
    return _beyond(observed(matrix), expected)


def specific(index: int) -> Statistic:
    """Specific agreement (Cicchetti & Feinstein 1990): of the ratings ``index``, the share that a second one shares."""

    def of_class(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        both_ways = matrix[..., index, :].sum(axis=-1) + matrix[..., :, index].sum(axis=-1)
        return _divide(2 * matrix[..., index, index], both_ways)

    return of_class


def _by_chance(statistic: Statistic, total: NDArray[np.float64]) -> float:
    """1 - the agreement that chance gives, for a figure that is (observed - chance) / (1 - chance)."""
    if statistic is cohen or statistic is fleiss or statistic is krippendorff:
        shares = _shares(total)
        return float(1 - (shares.sum(axis=-1) * shares.sum(axis=-2)).sum())
    return 1.0


def _by_patient(each: NDArray[np.float64], patients: NDArray[np.int64]) -> NDArray[np.float64]:
    _, owner = np.unique(patients, return_inverse=True)
    tables = np.zeros((int(owner.max(initial=-1)) + 1, *each.shape[1:]))
    np.add.at(tables, owner, each)
    return tables


def _shares(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return _divide(matrix, matrix.sum(axis=(-2, -1))[..., None, None])


def _beyond(agreement: NDArray[np.float64], chance: NDArray[np.float64]) -> NDArray[np.float64]:
    return _divide(agreement - chance, 1 - chance)


def _divide(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    below = np.asarray(below)
    usable = np.abs(below) > 1e-12
    return np.asarray(np.divide(above, below, out=np.full(np.shape(above), np.nan), where=usable))
