"""A test for a valley of density between two clusters.

Two-means splits a crescent or a long tail too. There the density does not fall between the two halves, once it is
measured along the curve that the images follow. So the test is made along the straight line between the centres and
along fitted curves, and each of them has to show a valley.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.special import stdtr

Points = NDArray[np.float64]
Mask = NDArray[np.bool_]

_CURVED_AXES = 3  # principal components in which a curve is fitted; more would fit it to noise
_DEGREES = (2, 3, 4)
_HALVED = 0.5  # a curve of a higher degree counts if it halves the distance of the images from it
_STEPS, _GRID = 8, 201


def valley_p_value(points: Points, second: Mask, patients: NDArray[np.int64]) -> float:
    """One-sided p value that some straight or curved line through the clusters has no valley between them.

    ``points`` (n, d) are principal components, ``second`` (n,) the second of two clusters, ``patients`` (n,) codes from
    0. Along each line, the images in a window midway between the two centres are compared with those in a window of the
    same width at either centre; under one mode the middle holds no fewer than the emptier of both. Student's t over
    patients, so that the images of a patient are no independent evidence. The largest p of all lines and both centres
    (intersection-union test: Berger 1982).
    """
    largest = 0.0
    for k, along in enumerate(_lines(points, second)):
        halves = second if k == 0 else _two_parts(along)
        largest = max(largest, _valley_along(along, halves, patients))
    return largest


def _lines(points: Points, second: Mask) -> Iterator[Points]:
    """Each image's place along the line between the centres, and along curves of rising degree, (n,)."""
    axis = points[second].mean(axis=0) - points[~second].mean(axis=0)
    yield points @ axis
    low = points[:, :_CURVED_AXES]
    start = low @ axis[: low.shape[1]]
    place, distance = _along_curve(low, start, _DEGREES[0])
    yield place
    for degree in _DEGREES[1:]:
        place, closer = _along_curve(low, start, degree)
        if closer < _HALVED * distance:
            distance = closer
            yield place


def _along_curve(points: Points, start: Points, degree: int) -> tuple[Points, float]:
    """Place along a principal curve (Hastie & Stuetzle 1989) of polynomials, (n,), and the mean squared distance."""
    place, distance = start, math.inf
    for _ in range(_STEPS):
        scaled = 2 * (place - place.min()) / max(float(np.ptp(place)), 1e-12) - 1
        basis = np.polynomial.legendre.legvander(scaled, degree)
        fitted = np.linalg.lstsq(basis, points, rcond=None)[0]
        curve = np.polynomial.legendre.legvander(np.linspace(-1, 1, _GRID), degree) @ fitted
        length = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1)))
        apart = cdist(points, curve, "sqeuclidean")
        place, distance = length[apart.argmin(axis=1)], float(apart.min(axis=1).mean())
    return place, distance


def _two_parts(along: Points) -> Mask:
    """The split of n numbers into two runs of the least spread within, (n,): exact two-means on a line."""
    order = np.argsort(along, kind="stable")
    sums, n = np.cumsum(along[order] - along.mean()), len(along)
    first = np.arange(1, n)
    between = sums[:-1] ** 2 * (1 / first + 1 / (n - first))
    second = np.zeros(n, dtype=np.bool_)
    second[order[int(between.argmax()) + 1 :]] = True
    return second


def _valley_along(along: Points, second: Mask, patients: NDArray[np.int64]) -> float:
    first, last = float(along[~second].mean()), float(along[second].mean())
    within = [np.abs(along - centre) <= abs(last - first) / 8 for centre in (first, (first + last) / 2, last)]
    return max(_fewer(within[1], within[centre], patients) for centre in (0, 2))


def _fewer(middle: Mask, centre: Mask, patients: NDArray[np.int64]) -> float:
    """One-sided p value of as many images in the middle as at a centre, from differences by patient."""
    by_patient = np.bincount(patients, weights=centre.astype(np.float64) - middle)
    n, total = len(by_patient), float(by_patient.sum())
    spread = math.sqrt(n / (n - 1) * float(((by_patient - by_patient.mean()) ** 2).sum())) if n > 1 else 0.0
    return float(stdtr(n - 1, -total / spread)) if spread > 0 else 1.0
