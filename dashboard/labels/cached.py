"""Cached results of Labels."""

import io
from datetime import UTC, datetime
from typing import Any

from dashboard.labels import label_import, label_sets
from dashboard.labels.label_files import read_label_file
from dashboard.server_state.open_workspace import Desk, desk
from dashboard.ui.caching import cached
from model_zoo.core.label_space.taxonomy import Taxonomy


def _with_label_sets(now: Desk, *_arguments: Any) -> str:
    return f"{now.revision()} {[one.sha256 for one in now.label_sets().usable.values()]}"


@cached(entries=16, revision=_with_label_sets)
def labels_compared(before: str, after: str, taxonomy: Taxonomy | None) -> label_sets.ComparedLabels:
    """What changed between two labellings."""
    return label_sets.compare_labels(desk(), before, after, taxonomy)


@cached(entries=4, spinner="What would change …")
def import_plan(raw: bytes, name: str, wanted: label_import.LabelsWanted) -> label_import.LabelImportPlan:
    """What importing a file would change."""
    file = read_label_file(io.BytesIO(raw), name, wanted.column, wanted.encoding)
    return label_import.plan_label_import(
        desk(), file, wanted.importer, datetime.now(UTC), wanted.taxonomy, wanted.annotator, wanted.values
    )
