"""Import of images on a page: preview of the rows, and one import at a time."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from dashboard.address.data_view import CountedBy
from dashboard.evaluation.image_counts import CountGroup, count_by
from dashboard.importing import write
from dashboard.importing.plan import ImportPlan
from dashboard.server_state.jobs import ProgressCallback
from model_zoo.core.errors import ImageError
from model_zoo.images.bit_depth import rescaled_to_8_bits
from model_zoo.images.decoding import open_image
from model_zoo.images.encoding import data_url
from model_zoo.importing.files import find_file
from model_zoo.importing.source import Row, Source
from model_zoo.workspace.manifest import DataSet
from model_zoo.workspace.workspace import Workspace

THUMB_PX = 96
PAGE_NAMES: Mapping[str, str] = {
    "--image": "Column of the image files",
    "--label": "Columns of labels",
    "--rule": "Labels by rules",
    "--part": "They are parts of one label",
    "--patient": "Patient",
    "--split": "Split",
    "--id": "Id",
    "--folders": "What the folders mean",
    "--divide": "Images without a split",
    "--hold-out": "Validation",
    "--move-patients": "Move patients of two splits",
    "--encoding": "Encoding of texts and names",
    "--map-split": "Names of splits",
    "--class-names": "Names of classes that are numbers",
    "--label-cells": "Cells of labels",
    "--missing": "Cells without a label",
    "--separator": "Between labels in one cell",
    "--one-hot": "Columns of 0 and 1 are the classes",
    "--opinions": "Images listed with several labels have one of them",
    "--labels-only": "Labels only, without image files",
}
"""Option of the command -> what the page calls it."""

_ONE_AT_A_TIME = Lock()  # two imports at once could overwrite one manifest


@dataclass(frozen=True, slots=True)
class Preview:
    """A row with its thumbnail as a data URI, or '' and the ``problem``."""

    row: Row
    thumbnail: str
    problem: str


def preview(source: Source, at_most: int = 8) -> tuple[Preview, ...]:
    """The first row of each label, then the first rows."""
    first: dict[tuple[str, ...], Row] = {}
    for row in source.rows:
        first.setdefault(row.labels, row)
        if len(first) == at_most:
            break
    rows = list(first.values())
    rows += [row for row in source.rows[:at_most] if row not in rows][: at_most - len(rows)]
    found, left_out, _ = find_file(rows, source.base)
    inside, problems = {one.row.where: one.inside for one in found}, iter(left_out)
    return tuple(
        _preview(row, source, inside[row.where]) if row.where in inside else Preview(row, "", next(problems))
        for row in rows
    )


def import_images(plan: ImportPlan, tell: ProgressCallback) -> Workspace:
    """Write a planned import, completely or not at all; only one import per process runs at a time."""
    with _ONE_AT_A_TIME:
        return write.write_import(plan, tell)


def with_page_names(sentence: str) -> str:
    """A sentence that names command options, with the names that the page uses instead."""
    return re.sub(
        r"--[a-z-]+", lambda found: f"'{PAGE_NAMES[found[0]]}'" if found[0] in PAGE_NAMES else found[0], sentence
    )


def label_counts(source: Source) -> Sequence[tuple[str, int]]:
    """Finest label -> number of listed images, largest first; '' for images without a label."""
    return Counter(row.labels[0] for row in source.rows).most_common()


def planned_groups(plan: ImportPlan) -> Sequence[CountGroup]:
    """Number of images and patients that would be imported, by label."""
    dataset = DataSet(plan.space, plan.records)
    return count_by(dataset, dataset.labels, CountedBy.LABEL, None)


def _preview(row: Row, source: Source, inside: str) -> Preview:
    try:
        image = rescaled_to_8_bits(open_image(source.base / inside, inside)).convert("RGB")
    except ImageError as error:
        return Preview(row, "", str(error))
    image.thumbnail((THUMB_PX, THUMB_PX))
    return Preview(row, data_url(image, "jpeg"), "")
