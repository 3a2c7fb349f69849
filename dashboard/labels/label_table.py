"""All labels at one moment as a table."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.decisions.consensus import in_force
from dashboard.labels.label_sets import labels_of_name
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.errors import LinkError, RunError
from model_zoo.core.label_space.labels import Label, LeafSpace
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import OUTSIDE, Taxonomy, project
from model_zoo.workspace.label_sets import STANDING
from model_zoo.workspace.manifest import ImageRecord


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One image and its label; ``reviewer`` gave it where that is known, else ''."""

    image: ImageRecord
    label: Label
    reviewer: str = ""


@dataclass(frozen=True)
class LabelTable:
    """Labels of images in manifest order; ``source`` is `original`, `standing` or a label set's name."""

    source: str
    space: LeafSpace
    rows: tuple[LabelRow, ...]
    taxonomy: Taxonomy | None = None

    def class_of(self, row: LabelRow) -> str | None:
        """The class that holds all leaves of a row's label, if one does."""
        index = OUTSIDE if self.taxonomy is None else self.taxonomy.place(row.label)
        return None if self.taxonomy is None or index == OUTSIDE else self.taxonomy.names[index]

    @property
    def unplaced(self) -> tuple[str, ...]:
        """The images whose label fits no single class of the taxonomy."""
        return tuple(row.image.image_id for row in self.rows if self.taxonomy and self.class_of(row) is None)


def label_table(desk: Desk, source: str, split: Split | None = None, taxonomy: Taxonomy | None = None) -> LabelTable:
    """One of `labels_by_name` over all images, or those of one split; `LinkError` where there is no such source."""
    labels, dataset = labels_of_name(desk, source), desk.dataset()
    givers = label_givers(desk) if source == STANDING else {}
    images = dataset.images if split is None else dataset.split(split)
    rows = (
        LabelRow(image, labels[image.image_id], givers.get(image.image_id, ""))
        for image in images
        if image.image_id in labels
    )
    return LabelTable(source, dataset.space, tuple(rows), taxonomy)


def label_givers(desk: Desk) -> Mapping[str, str]:
    """Image id -> who last gave the label that stands, where somebody did."""
    space = desk.workspace.space
    standing = {image_id: space.format(label) for image_id, label in desk.standing().items()}
    return {
        one.image_id: one.reviewer
        for one in in_force(desk.store.all())
        if one.answer.gives_label and standing.get(one.image_id) == one.after
    }


def stored_probabilities(desk: Desk, run_id: str, taxonomy: Taxonomy) -> Mapping[str, NDArray[np.float32]]:
    """Image id -> what the run says of it in the classes of ``taxonomy``, (K,), in [0, 1].

    Of training images out of fold, where they were asked about so; of validation and test as predicted. Probabilities
    of classes that fall together are summed. `TaxonomyError` where the run's classes do not project.
    """
    runs = desk.runs()
    if run_id not in runs:
        raise LinkError(f"There is no run {run_id[:100]!r} in this workspace; choose another.")
    if runs[run_id].card.labels_only:
        raise RunError(f"Run {run_id!r} gave labels without probabilities; choose another to stand beside labels.")
    onto = project(runs[run_id].card.taxonomy, taxonomy).matrix
    stored = [desk.out_of_fold(run_id)]
    judged = (Split.VALIDATION, Split.TEST)
    stored += [desk.predictions(run_id, split) for split in judged if runs[run_id].has_predictions(split)]
    return {
        image_id: row.astype(np.float32)
        for one in stored
        if one is not None
        for image_id, row in zip(one.image_ids, one.probabilities @ onto, strict=True)
    }
