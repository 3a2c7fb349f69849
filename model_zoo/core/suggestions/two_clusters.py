"""A test whether the images of a class form two clusters instead of one.

Two-means splits any cloud. Two clusters are stated only if two tests agree. The halves lie further apart than those of
a single Gaussian with the same spread in each direction would (SigClust: Liu, Hayes, Nobel & Marron 2008, JASA
103:1281), by simulation in which images of a patient resemble each other as much as here. And fewer images lie between
the halves than in either (`valley`), which no curved or skewed cloud shows.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.comparison import uncertainty
from model_zoo.core.evaluation.metrics import Ratio, Share, ratio, share
from model_zoo.core.suggestions.valley import valley_p_value

MIN_PATIENTS_TO_CLUSTER = 20
"""A class of fewer patients is not looked at."""

SMALL, FEW_PATIENTS = 0.2, 10
"""A cluster of a smaller share of the images, or of fewer patients, is no class: wrong labels look like that."""

MAX_IMAGES = 1000
"""Of a class with more images so many are looked at, drawn by chance."""

N_COMPONENTS = 10
N_DRAWS, MORE_DRAWS, WORTH_MORE = 199, 1999, 0.1
_N_AT_ONCE = 100
_STARTS, _MAX_STEPS = 3, 50


@dataclass(frozen=True)
class Clusters:
    """The images of class ``index`` in two clusters.

    ``rows`` (n,) are the images looked at, among those given; ``second`` (n,) whether each lies in the second cluster,
    which is the smaller; ``depth`` (n,) how far it lies on its side of the border, in units of the centres' distance.
    ``between`` is the share of the class's spread that lies between the clusters, its interval over patients (two-means
    centres are minima, so that their own uncertainty adds nothing to first order: Pollard 1982). ``one_cloud`` are the
    50 % and 95 % quantiles of it for one Gaussian. ``p_one_cloud`` is that of SigClust, ``p`` the larger of both
    tests'; each holds for all classes at once (Holm 1979). ``smaller`` is the second cluster's share of the images.
    """

    index: int
    rows: NDArray[np.int64]
    second: NDArray[np.bool_]
    depth: NDArray[np.float64]
    between: Ratio
    one_cloud: tuple[float, float]
    p_one_cloud: float
    p: float
    n_images: tuple[int, int]
    n_patients: tuple[int, int]
    smaller: Share

    @property
    def apart(self) -> bool:
        """Whether both tests say that there are two."""
        return self.p < 1 - uncertainty.LEVEL

    @property
    def wide(self) -> bool:
        """Whether they are no single Gaussian cloud; without `apart` it may be one that is curved, skewed or flat."""
        return self.p_one_cloud < 1 - uncertainty.LEVEL

    @property
    def small(self) -> bool:
        """Whether one of them is too small to be a class."""
        return self.smaller.value < SMALL or min(self.n_patients) < FEW_PATIENTS


def find_clusters(
    vectors: NDArray[np.floating], classes: NDArray[np.int64], patients: NDArray[np.int64]
) -> tuple[Clusters, ...]:
    """Two clusters in each class that has `MIN_PATIENTS_TO_CLUSTER` patients, those furthest from one Gaussian first.

    ``vectors`` (N, D) represent the images, ``classes`` (N,) are indices and ``patients`` (N,) codes; a class below 0
    is none. The same call gives the same answer.
    """
    found = []
    for index in np.unique(classes[classes >= 0]).tolist():
        rows = np.flatnonzero(classes == index)
        if len(rows) > MAX_IMAGES:
            rows = np.sort(np.random.default_rng(index).choice(rows, MAX_IMAGES, replace=False))
        if len(np.unique(patients[rows])) >= MIN_PATIENTS_TO_CLUSTER and np.ptp(vectors[rows], axis=0).any():
            found.append(_two(index, rows, vectors[rows].astype(np.float64), patients[rows]))
    both, alone = _holm([one.p for one in found]), _holm([one.p_one_cloud for one in found])
    adjusted = [replace(one, p=p, p_one_cloud=cloud) for one, p, cloud in zip(found, both, alone, strict=True)]
    return tuple(sorted(adjusted, key=lambda one: (one.p, one.p_one_cloud, one.one_cloud[0] - one.between.value)))


def _holm(p_values: list[float]) -> list[float]:
    """Adjusted for all of them at once, in their order (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    scaled = np.array(p_values)[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(scaled)) if len(order) else scaled
    return adjusted.tolist()


def two_means(points: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Share of the spread that lies between two clusters, (B,), and who is in the second, (B, n).

    ``points`` (B, n, d) are B clouds, each centred on 0. Lloyd's steps from the sign of each of the first three
    coordinates, the best of which counts.
    """
    n_clouds, n, d = points.shape
    total = np.einsum("bnd,bnd->b", points, points)
    best, inside = np.full(n_clouds, -1.0), np.zeros((n_clouds, n), dtype=np.bool_)
    for start in range(min(_STARTS, d)):
        second, moving = points[:, :, start] > 0, np.arange(n_clouds)
        for _ in range(_MAX_STEPS):
            still = points[moving]
            n_second, of_second = _sums(still, second[moving])
            centre = of_second / np.maximum(n_second, 1)[:, None]
            other = -of_second / np.maximum(n - n_second, 1)[:, None]
            border = (np.einsum("bd,bd->b", centre, centre) - np.einsum("bd,bd->b", other, other)) / 2
            moved = np.einsum("bnd,bd->bn", still, centre - other) > border[:, None]
            changed = (moved != second[moving]).any(axis=1)
            second[moving] = moved
            moving = moving[changed]
            if not len(moving):
                break
        n_second, of_second = _sums(points, second)
        weights = 1 / np.maximum(n_second, 1) + 1 / np.maximum(n - n_second, 1)
        between = np.einsum("bd,bd->b", of_second, of_second) * weights / total
        better = between > best
        best, inside[better] = np.where(better, between, best), second[better]
    return best, inside


def _two(index: int, rows: NDArray[np.int64], vectors: NDArray[np.float64], patients: NDArray[np.int64]) -> Clusters:
    """With ``p`` of this class alone."""
    points = _components(vectors - vectors.mean(axis=0))
    _, owners = np.unique(patients, return_inverse=True)
    between, inside = (one[0] for one in two_means(points[None]))
    second = inside if 2 * inside.sum() <= len(inside) else ~inside
    rng = np.random.default_rng(index)
    cloud = _drawn(points, owners, N_DRAWS, rng)
    p_one_cloud = (1 + (cloud >= between).sum()) / (1 + N_DRAWS)
    p = 1.0
    if p_one_cloud <= WORTH_MORE:
        cloud = _drawn(points, owners, MORE_DRAWS, rng)
        p_one_cloud = (1 + (cloud >= between).sum()) / (1 + MORE_DRAWS)
        p = max(p_one_cloud, valley_p_value(points, second, owners))
    centres = [points[side].mean(axis=0) for side in (~second, second)]
    away = points - np.where(second[:, None], centres[1], centres[0])
    left = ratio((away**2).sum(axis=1), (points**2).sum(axis=1), patients)
    axis = centres[1] - centres[0]
    depth = (points - (centres[0] + centres[1]) / 2) @ axis / float(axis @ axis)
    totals = np.bincount(owners).astype(np.float64)
    sides = (~second, second)
    return Clusters(
        index,
        rows,
        second,
        np.where(second, depth, -depth),
        Ratio(1 - left.value, 1 - left.high, 1 - left.low, left.n_images, left.n_patients),
        (float(np.median(cloud)), float(np.quantile(cloud, 0.95))),
        float(p_one_cloud),
        float(p),
        (int((~second).sum()), int(second.sum())),
        (len(np.unique(patients[sides[0]])), len(np.unique(patients[sides[1]]))),
        share(np.bincount(owners, weights=second), totals),
    )


def _components(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first `N_COMPONENTS` principal components of n points, (n, d)."""
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    kept = max(1, int((sizes[:N_COMPONENTS] > 1e-9 * sizes[0]).sum()))
    return left[:, :kept] * sizes[:kept]


def _drawn(
    points: NDArray[np.float64], owners: NDArray[np.int64], n_draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """`two_means`' share for one Gaussian cloud with the same spread and likeness within patients, by component."""
    spread, alike = (one.astype(np.float32) for one in (points.std(axis=0), _likeness(points, owners)))
    shares = []
    for first in range(0, n_draws, _N_AT_ONCE):
        shape = (min(_N_AT_ONCE, n_draws - first), len(points), points.shape[1])
        of_patient = rng.standard_normal((shape[0], int(owners.max()) + 1, shape[2]), dtype=np.float32)[:, owners]
        cloud = np.sqrt(alike) * of_patient + np.sqrt(1 - alike) * rng.standard_normal(shape, dtype=np.float32)
        cloud *= spread
        shares.append(two_means(cloud - cloud.mean(axis=1, keepdims=True))[0])
    return np.concatenate(shares)


def _likeness(points: NDArray[np.float64], owners: NDArray[np.int64]) -> NDArray[np.float64]:
    """Intra-patient correlation of each component, (d,), in [0, 1]: the ANOVA estimator (Donner & Koval 1980)."""
    sizes, n = np.bincount(owners).astype(np.float64), len(owners)
    if n == len(sizes) or len(sizes) < 2:
        return np.zeros(points.shape[1])
    means = np.stack([np.bincount(owners, weights=column) / sizes for column in points.T], axis=1)
    among = (sizes[:, None] * (means - points.mean(axis=0)) ** 2).sum(axis=0) / (len(sizes) - 1)
    within = ((points - means[owners]) ** 2).sum(axis=0) / (n - len(sizes))
    typical = (n - (sizes**2).sum() / n) / (len(sizes) - 1)
    below = among + (typical - 1) * within
    return np.clip(np.divide(among - within, below, out=np.zeros_like(below), where=below > 0), 0, 1)


def _sums(points: NDArray[np.floating], second: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    return second.sum(axis=1), np.einsum("bn,bnd->bd", second.astype(points.dtype), points)
