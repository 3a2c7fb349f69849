"""Region attention: the share of heatmaps on regions, and predictions after a region is occluded."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.errors import TaxonomyError
from model_zoo.core.evaluation.metrics import Ratio, Share, ratio, share
from model_zoo.core.explanation.regions import Energy
from model_zoo.core.label_space.labels import Label
from model_zoo.core.label_space.taxonomy import ELSEWHERE, OUTSIDE, Taxonomy, project


@dataclass(frozen=True, slots=True)
class RegionAttention:
    """One map of one image against one region that is in it."""

    image_id: str
    patient: str
    layer: str
    region: str
    energy: Energy


@dataclass(frozen=True, slots=True)
class Occlusion:
    """A run's answers about one image, as class indices of its own taxonomy.

    ``after`` is with the region occluded, ``control`` with as much occluded where the region is not
    (`OUTSIDE` where there was no room for that).
    """

    image_id: str
    patient: str
    region: str
    before: int
    after: int
    control: int


@dataclass(frozen=True, slots=True)
class PredictionChange:
    """How one answer moves in one label space.

    ``before`` and ``after`` are class indices; the two probabilities are those of the class answered before.
    """

    taxonomy: Taxonomy
    before: int
    after: int
    probability_before: float
    probability_after: float

    @property
    def moved(self) -> bool:
        """Whether the answer is another one."""
        return self.before != self.after

    @property
    def names(self) -> tuple[str, str]:
        """The answers by name."""
        return _name(self.taxonomy, self.before), _name(self.taxonomy, self.after)


@dataclass(frozen=True, slots=True)
class EnergyMetric:
    """The maps of a run at one layer against one region, over the images where the region is.

    ``share`` is the mean share of the map's energy on the region, ``area`` the mean share of the image that it
    covers, ``ratio`` the one over the other; ``peak`` the share of maps whose highest place lies on it. The
    ``n_empty`` images whose map is zero everywhere are left out.
    """

    layer: str
    region: str
    share: Ratio
    area: float
    ratio: Ratio
    peak: Share
    n_empty: int


@dataclass(frozen=True, slots=True)
class OcclusionFlow:
    """What right answers become when a region is occluded, in one label space.

    ``counts`` (K, K + 1): right answer, answer afterwards; the last column is `ELSEWHERE`. ``moved`` is the share
    of them that become another; ``control`` the same with as much occluded elsewhere, over the images that had
    room for it.
    """

    region: str
    taxonomy: Taxonomy
    counts: NDArray[np.int64]
    moved: Share
    control: Share
    by_class: tuple[Share, ...]

    def becomes(self, index: int) -> list[tuple[str, int]]:
        """The answers afterwards of the images of one class, the commonest first."""
        names = (*self.taxonomy.names, ELSEWHERE)
        row = self.counts[index]
        return [(names[k], int(row[k])) for k in np.argsort(-row, kind="stable") if row[k]]


def energy_metrics(looks: Sequence[RegionAttention]) -> list[EnergyMetric]:
    """One figure per layer and region, in the order in which they first occur."""
    groups: dict[tuple[str, str], list[RegionAttention]] = {}
    for look in looks:
        groups.setdefault((look.layer, look.region), []).append(look)
    return [_energy_figure(layer, region, group) for (layer, region), group in groups.items()]


def occlusion_flow(
    removals: Sequence[Occlusion], source: Taxonomy, space: Taxonomy, labels: Mapping[str, Label]
) -> OcclusionFlow:
    """The removals of one region, made by a run of ``source``, told in ``space``: argmax, then mapped.

    Only images whose answer is right there are counted; ``labels`` covers them all.
    """
    projection = project(source, space)
    truth = space.place_all([labels[one.image_id] for one in removals])
    before, after, control = (
        projection.apply(np.array([getattr(one, name) for one in removals], dtype=np.int64))
        for name in ("before", "after", "control")
    )
    asked = np.array([one.control != OUTSIDE for one in removals], dtype=np.bool_)
    right = (truth != OUTSIDE) & (before == truth)
    patients = np.array([one.patient for one in removals])
    n_classes = len(space.classes)
    counts = np.zeros((n_classes, n_classes + 1), dtype=np.int64)
    np.add.at(counts, (truth[right], np.where(after == OUTSIDE, n_classes, after)[right]), 1)
    return OcclusionFlow(
        region=removals[0].region if removals else "",
        taxonomy=space,
        counts=counts,
        moved=_share(after != before, right, patients),
        control=_share(control != before, right & asked, patients),
        by_class=tuple(_share(after != before, right & (truth == k), patients) for k in range(n_classes)),
    )


def prediction_changes(
    source: Taxonomy, before: NDArray[np.float32], after: NDArray[np.float32], spaces: Sequence[Taxonomy]
) -> tuple[PredictionChange | None, ...]:
    """How the answer of a run of ``source`` moves in each of ``spaces``; ``None`` where it cannot be said.

    ``before`` and ``after`` are its probabilities (K,): argmax, then mapped.
    """
    return tuple(_move(source, before, after, space) for space in spaces)


def _move(
    source: Taxonomy, before: NDArray[np.float32], after: NDArray[np.float32], space: Taxonomy
) -> PredictionChange | None:
    try:
        projection = project(source, space)
    except TaxonomyError:
        return None
    answers = projection.apply(np.array([before.argmax(), after.argmax()], dtype=np.int64))
    members = projection.index == answers[0]
    first, second = (float(one[members].sum(dtype=np.float64)) for one in (before, after))
    return PredictionChange(space, int(answers[0]), int(answers[1]), first, second)


def _energy_figure(layer: str, region: str, looks: Sequence[RegionAttention]) -> EnergyMetric:
    drawn = [look for look in looks if not math.isnan(look.energy.share)]
    shares = np.array([look.energy.share for look in drawn])
    areas = np.array([look.energy.area for look in drawn])
    peaks = np.array([look.energy.peak for look in drawn], dtype=np.bool_)
    patients = np.array([look.patient for look in drawn])
    every = np.ones(len(drawn))
    area = float(areas.mean()) if len(drawn) else math.nan
    return EnergyMetric(
        layer,
        region,
        ratio(shares, every, patients),
        area,
        ratio(shares, areas, patients),
        _share(peaks, every > 0, patients),
        len(looks) - len(drawn),
    )


def _share(hits: NDArray[np.bool_], among: NDArray[np.bool_], patients: NDArray[np.str_]) -> Share:
    """The share of ``hits`` among the images of ``among``, all (N,)."""
    _, owner = np.unique(patients, return_inverse=True)
    n_patients = int(owner.max()) + 1 if len(owner) else 0
    return share(
        np.bincount(owner, weights=hits & among, minlength=n_patients),
        np.bincount(owner, weights=among, minlength=n_patients),
    )


def _name(taxonomy: Taxonomy, index: int) -> str:
    return ELSEWHERE if index == OUTSIDE else taxonomy.names[index]
