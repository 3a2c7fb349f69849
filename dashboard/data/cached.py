"""Cached results of Data."""

from dashboard.address.data_view import CountedBy, DataView
from dashboard.address.selection import Labels
from dashboard.evaluation.file_checks import FileChecks, checked_files
from dashboard.evaluation.image_counts import CountGroup, count_by, count_classes
from dashboard.server_state.open_workspace import desk
from dashboard.ui.caching import cached
from model_zoo.core.label_space.taxonomy import Taxonomy


def counts(view: DataView) -> tuple[CountGroup, ...]:
    """Images and patients of each split, grouped as ``view`` selects."""
    return _counts(view, desk().workspace.taxonomy(view.name or "") if view.by is CountedBy.CLASS else None)


@cached(entries=32)
def _counts(view: DataView, taxonomy: Taxonomy | None) -> tuple[CountGroup, ...]:
    dataset, known = desk().dataset(), desk().labels(view.labels)
    if taxonomy is not None:
        return count_classes(dataset, known, taxonomy)
    return count_by(dataset, known, view.by, view.name)


@cached(entries=4, spinner="Comparing the files with what is known of them …")
def file_checks(labels: Labels, stamp: str) -> FileChecks:
    """Results of the file checks; ``stamp`` changes with them."""
    return checked_files(desk().workspace, desk().dataset(), desk().labels(labels))
