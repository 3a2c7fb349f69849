"""Cached results of Taxonomies."""

from dataclasses import replace

from dashboard.address.links import Shown
from dashboard.address.selection import Space
from dashboard.evaluation import drafting
from dashboard.evaluation.comparison import find_subjects
from dashboard.server_state.open_workspace import desk
from dashboard.taxonomies import merge_suggestions, separability, subclusters
from dashboard.ui.cached import images_of
from dashboard.ui.caching import cached, revision_without_decisions
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy


def previews(taxonomy: Taxonomy, shown: Shown) -> tuple[drafting.Preview, ...]:
    """Every run group evaluated in the classes of ``taxonomy``, for the images and labels of ``shown``."""
    return _previews(taxonomy, replace(shown, subjects=(), space=Space.COMMON))


@cached(entries=64)
def _previews(taxonomy: Taxonomy, shown: Shown) -> tuple[drafting.Preview, ...]:
    return drafting.previews(desk(), taxonomy, shown.split, shown.labels, only=images_of(shown))


@cached(entries=32)
def suggested_merges(taxonomy: Taxonomy) -> merge_suggestions.MergeSuggestions | None:
    """Merge suggestions for ``taxonomy``, from predictions over validation."""
    return merge_suggestions.suggest_merges(desk(), taxonomy, previews(taxonomy, Shown(split=Split.VALIDATION)))


@cached(entries=32)
def pair_separability(taxonomy: Taxonomy) -> separability.SeparabilityResult | None:
    """Separability of all class pairs of ``taxonomy``, over validation."""
    return separability.class_separability(desk(), taxonomy, previews(taxonomy, Shown(split=Split.VALIDATION)))


def class_subclusters(embedded: subclusters.EmbeddedRun) -> subclusters.SubclusterResult:
    """Clusters within the classes of an embedded run, as split suggestions."""
    return _class_subclusters(embedded.subject.subject_id, embedded.run.run_id, embedded.stamp)


@cached(entries=32, spinner="Two clusters or one cloud, class by class …", revision=revision_without_decisions)
def _class_subclusters(subject_id: str, run_id: str, stamp: str) -> subclusters.SubclusterResult:
    (subject,) = find_subjects(desk().series(), (subject_id,))
    (run,) = (one for one in subject.runs if one.run_id == run_id)
    return subclusters.subclusters_of_run(desk(), subclusters.EmbeddedRun(subject, run, stamp, ""))
