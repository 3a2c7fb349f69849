"""Split suggestions: classes whose images form two clusters, and what the clusters mean."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.comparison import uncertainty
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.label_space.labels import Label, LeafSpace
from model_zoo.core.suggestions.two_clusters import Clusters, find_clusters

WEAK_RAND_INDEX = 0.1
"""An agreement that is not surely above this explains nothing."""


@dataclass(frozen=True, slots=True)
class SubclusterMeaning:
    """A value of a part that one cluster mostly has and the other mostly has not.

    ``agreement`` is the adjusted Rand index (Hubert & Arabie 1985): 1 is the same, 0 chance. Its interval is that of a
    patient bootstrap, at once for all values looked at; ``shares`` is how much of either cluster has the value.
    ``leaves`` are those of the class that have it, ``others`` the values that the rest has; ``n_images`` counts the
    images whose label settles the part.
    """

    part: str
    value: str
    others: tuple[str, ...]
    leaves: Label
    agreement: float
    low: float
    high: float
    shares: tuple[float, float]
    n_images: int

    @property
    def words(self) -> str:
        """``size: small against large``."""
        against = self.others[0] if len(self.others) == 1 else "the others"
        return f"{self.part}: {self.value} against {against}"


@dataclass(frozen=True, slots=True)
class Subclusters:
    """A class in two clusters: what they mean, if anything, and what the run calls them.

    ``right`` is the share of either cluster that the run calls by its class, ``called`` the class index that it calls
    most of either.
    """

    clusters: Clusters
    meaning: SubclusterMeaning | None
    right: tuple[float, float]
    called: tuple[int, int]

    @property
    def misplaced(self) -> bool:
        """Whether a cluster without a meaning is mostly called something else: wrong labels, or confusion."""
        return self.meaning is None and min(self.right) < 0.5

    @property
    def candidate(self) -> bool:
        """Whether the class may be two, neither small nor misplaced: two clusters, or a wide cloud with a meaning."""
        worth = self.clusters.apart or (self.clusters.wide and self.meaning is not None)
        return worth and not self.clusters.small and not self.misplaced


def find_subclusters(
    vectors: NDArray[np.floating], evaluation: Evaluation, labels: Sequence[Label], space: LeafSpace
) -> tuple[Subclusters, ...]:
    """Every class of one run's own label space in two clusters, candidates first, then as `find_clusters` has them.

    ``vectors`` (N, D) and ``labels`` (N,) are those of the evaluation's N images. The representation must be of a model
    trained on these very classes: one that was told of a finer distinction shows that distinction.
    """
    said = evaluation.predicted[0]
    found = []
    for one in find_clusters(vectors, evaluation.truth, evaluation.patients):
        sides = (one.rows[~one.second], one.rows[one.second])
        right = tuple(float((said[rows] == one.index).mean()) for rows in sides)
        called = tuple(Counter(said[rows].tolist()).most_common(1)[0][0] for rows in sides)
        held = evaluation.taxonomy.classes[evaluation.taxonomy.names[one.index]]
        meaning = subcluster_meaning(one, held, labels, evaluation.patients, space)
        found.append(Subclusters(one, meaning, (right[0], right[1]), (called[0], called[1])))
    return tuple(sorted(found, key=lambda one: not one.candidate))


def subcluster_meaning(
    clusters: Clusters, held: Label, labels: Sequence[Label], patients: NDArray[np.int64], space: LeafSpace
) -> SubclusterMeaning | None:
    """The value of a part that agrees best with the clusters; ``None`` where none is sure to agree more than weakly.

    ``held`` are the leaves of the class, ``labels`` and ``patients`` those of all images given to `find_clusters`.
    Images whose label leaves the part open are not counted.
    """
    parts = [space.parts_of(labels[row]) for row in clusters.rows]
    values_of = {leaf: space.parts_of(frozenset({leaf})) for leaf in held}
    owners = patients[clusters.rows]
    looked_at: dict[bytes, tuple[str, str, NDArray[np.bool_], NDArray[np.bool_]]] = {}
    for part in space.parts:
        given = np.array([one[part.name] is not None for one in parts])
        for value in part.values:
            has = np.array([one[part.name] == value for one in parts])
            if has.any() and (given & ~has).any():
                either = min(has[given].tobytes(), (~has)[given].tobytes())  # a value and all others say the same
                looked_at.setdefault(given.tobytes() + either, (part.name, value, has, given))
    found = []
    for name, value, has, given in looked_at.values():
        agreement, low, high = _agreement(clusters.second[given], has[given], owners[given], len(looked_at))
        shares = [float(has[given & side].mean()) if (given & side).any() else 0.0 for side in _sides(clusters)]
        leaves = frozenset(leaf for leaf in held if values_of[leaf][name] == value)
        others = tuple(other for other in dict.fromkeys(values_of[leaf][name] for leaf in sorted(held)) if other)
        found.append(
            SubclusterMeaning(
                name,
                value,
                tuple(one for one in others if one != value),
                leaves,
                agreement,
                low,
                high,
                (shares[0], shares[1]),
                int(given.sum()),
            )
        )
    best = max(found, key=lambda one: one.agreement, default=None)
    return best if best is not None and best.low > WEAK_RAND_INDEX else None


def adjusted_rand(tables: NDArray[np.float64]) -> NDArray[np.float64]:
    """The adjusted Rand index of contingency tables (..., 2, 2); 1 where both put everything together."""

    def pairs(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        return counts * (counts - 1) / 2

    both = pairs(tables).sum(axis=(-2, -1))
    one, other = pairs(tables.sum(axis=-1)).sum(axis=-1), pairs(tables.sum(axis=-2)).sum(axis=-1)
    by_chance = one * other / pairs(tables.sum(axis=(-2, -1)))
    with np.errstate(invalid="ignore", divide="ignore"):
        index = (both - by_chance) / ((one + other) / 2 - by_chance)
    return np.where((one + other) / 2 == by_chance, 1.0, index)


def _agreement(
    second: NDArray[np.bool_], has: NDArray[np.bool_], owners: NDArray[np.int64], n_looked_at: int
) -> tuple[float, float, float]:
    """The adjusted Rand index and its interval by resampling patients, for ``n_looked_at`` at once."""
    _, codes = np.unique(owners, return_inverse=True)
    n_patients = int(codes.max()) + 1
    tables = np.bincount(codes * 4 + second * 2 + has, minlength=4 * n_patients).reshape(n_patients, 4)
    weights = uncertainty.resamples(n_patients)
    moved = adjusted_rand((weights @ tables.astype(np.float32)).astype(np.float64).reshape(-1, 2, 2))
    tail = (1 - uncertainty.LEVEL) / 2 / n_looked_at
    low, high = np.quantile(moved, (tail, 1 - tail))
    return float(adjusted_rand(tables.sum(axis=0).reshape(2, 2).astype(np.float64))), float(low), float(high)


def _sides(clusters: Clusters) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    return ~clusters.second, clusters.second
