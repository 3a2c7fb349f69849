"""Cached results that several pages show."""

from collections.abc import Mapping
from dataclasses import replace

from dashboard.address.links import Filter, Shown
from dashboard.address.selection import Labels
from dashboard.evaluation import comparison as comparing
from dashboard.evaluation.filters import available_filters as all_restrictions
from dashboard.evaluation.filters import images_matching
from dashboard.evaluation.filters import patient_filters as all_patients
from dashboard.evaluation.label_change_effect import LabelChanges
from dashboard.evaluation.label_change_effect import label_change_effect as reviewed
from dashboard.evaluation.verdict import Judgement, judgements
from dashboard.server_state.open_workspace import desk
from dashboard.ui.caching import cached, revision_without_decisions
from model_zoo.core.evaluation.metrics import MappedBy
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import common_ground


def subjects() -> Mapping[str, comparing.Subject]:
    """Every run group and run, by id; not cached."""
    return comparing.all_subjects(desk().series())


@cached(entries=64)
def comparison(shown: Shown, mapped_by: MappedBy = MappedBy.ANSWER) -> comparing.Comparison:
    """The subjects of ``shown``, evaluated."""
    now = desk()
    return comparing.compare(
        comparing.find_subjects(now.series(), shown.subjects),
        shown.space,
        shown.split,
        shown.labels,
        now.labels(shown.labels),
        now.dataset().patients,
        where=shown.where,
        only=images_of(shown),
        mapped_by=mapped_by,
        alike=now.alike(),
        read=now.predictions_of_run,
    )


@cached(entries=64)
def verdicts(shown: Shown) -> tuple[Judgement, ...]:
    """Every subject of ``shown`` against the first; empty if no result is possible."""
    return judgements(comparison(shown), desk().workspace.rule)


def reviewing(shown: Shown) -> LabelChanges | None:
    """The effect of label changes on the subjects of ``shown``, whichever labels are shown; None without changes."""
    return _reviewing(replace(shown, labels=Labels.ORIGINAL))


@cached(entries=32)
def _reviewing(shown: Shown) -> LabelChanges | None:
    found = comparing.find_subjects(desk().series(), shown.subjects)
    return reviewed(desk(), found, shown.space, shown.split, shown.where)


@cached(entries=32, revision=revision_without_decisions)
def restrictions(shown: Shown) -> Mapping[Filter, str]:
    """The values that the images of ``shown`` can be filtered by, with the name of each column."""
    now, dataset = desk(), desk().dataset()
    taxonomies = [one.taxonomy for one in comparing.find_subjects(now.series(), shown.subjects)]
    ground = common_ground(taxonomies) if taxonomies else None
    return all_restrictions(dataset, dataset.split(shown.split), ground)


@cached(entries=4, revision=revision_without_decisions)
def patients(split: Split) -> Mapping[Filter, str]:
    """The patients that the images of a split can be filtered by, by name."""
    return all_patients(desk().dataset().split(split))


def images_of(shown: Shown) -> frozenset[str] | None:
    """The images that pass the filter of ``shown``, or None without a filter; not cached."""
    return images_matching(shown.where, desk().dataset(), desk().labels(shown.labels)) if shown.where else None
