"""Cached results of Taxonomies."""

from dataclasses import replace

from dashboard.address.links import Shown
from dashboard.address.selection import Space
from dashboard.evaluation import drafting
from dashboard.evaluation.comparison import find_subjects
from dashboard.server_state.open_workspace import desk
from dashboard.taxonomies import merge_suggestions, separability, subclusters
from dashboard.ui.cached import images_of
from dashboard.ui.caching import cached, of_files
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy


def previews(taxonomy: Taxonomy, shown: Shown) -> tuple[drafting.Preview, ...]:
    """Every series judged in the classes of ``taxonomy``, over the images and labels of ``shown``."""
    return _previews(taxonomy, replace(shown, subjects=(), space=Space.COMMON))


@cached(entries=64)
def _previews(taxonomy: Taxonomy, shown: Shown) -> tuple[drafting.Preview, ...]:
    return drafting.previews(desk(), taxonomy, shown.split, shown.labels, only=images_of(shown))


@cached(entries=32)
def advice(taxonomy: Taxonomy) -> merge_suggestions.Advice | None:
    """What to merge in ``taxonomy``, from answers over validation."""
    return merge_suggestions.advise(desk(), taxonomy, previews(taxonomy, Shown(split=Split.VALIDATION)))


@cached(entries=32)
def distinguished(taxonomy: Taxonomy) -> separability.Distinguished | None:
    """What to keep apart in ``taxonomy``, over validation."""
    return separability.distinguish(desk(), taxonomy, previews(taxonomy, Shown(split=Split.VALIDATION)))


def divided(embedded: subclusters.Embedded) -> subclusters.Divided:
    """What to split, as an embedded run sees it."""
    return _divided(embedded.subject.subject_id, embedded.run.run_id, embedded.stamp)


@cached(entries=32, spinner="Two clusters or one cloud, class by class …", revision=of_files)
def _divided(subject_id: str, run_id: str, stamp: str) -> subclusters.Divided:
    (subject,) = find_subjects(desk().series(), (subject_id,))
    (run,) = (one for one in subject.runs if one.run_id == run_id)
    return subclusters.divide(desk(), subclusters.Embedded(subject, run, stamp, ""))
