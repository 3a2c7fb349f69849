"""Filters of images: values, ranges and labels that a page offers, and the images that match."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from dashboard.address.links import Filter
from model_zoo.core.errors import LabelError, LinkError
from model_zoo.core.label_space.labels import Label
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.workspace.manifest import DataSet, ImageRecord

LABEL = "label"
"""The column that asks for a label; no further column of a manifest can have its name."""

PATIENT = "patient_id"
"""The column that asks for a patient."""

MAX_VALUES = 50
"""A column with more values is offered in ranges, where they are numbers, or not at all."""

N_RANGES = 4


def images_matching(where: Filter, dataset: DataSet, labels: Mapping[str, Label]) -> frozenset[str]:
    """The ids of the images that ``where`` names; `LinkError` if it names none that could be."""
    if where.column == LABEL:
        try:
            wanted = dataset.space.parse(where.value)
        except LabelError as error:
            raise LinkError(f"The restriction asks for a label that does not exist: {error}") from error
        return frozenset(image_id for image_id, label in labels.items() if label <= wanted)
    if where.column == PATIENT:
        of_patient = frozenset(image.image_id for image in dataset.images if image.patient_id == where.value)
        if not of_patient:
            raise LinkError(f"No image is of patient {where.value[:40]!r}; take that restriction away.")
        return of_patient
    if where.column not in dataset.column_names:
        known = ", ".join((LABEL, PATIENT, *dataset.column_names))
        raise LinkError(f"The manifest has no column {where.column[:40]!r} to restrict to; it can be {known}.")
    if where.range:
        low, high = where.range
        numbers = _numbers(dataset.images, where.column)
        if numbers is None:
            raise LinkError(f"Column {where.column[:40]!r} does not hold numbers only; restrict it to one value.")
        return frozenset(image_id for image_id, number in numbers.items() if low <= number < high)
    found = frozenset(i.image_id for i in dataset.images if i.columns.get(where.column, "") == where.value)
    if not found:
        some = ", ".join(sorted(_values(dataset.images, where.column))[:10])
        raise LinkError(f"No image has {where.column[:40]} = {where.value[:40]!r}; it can be {some}.")
    return found


def images_matching_all(
    where: Sequence[Filter], dataset: DataSet, labels: Mapping[str, Label]
) -> frozenset[str] | None:
    """The ids of the images that have, in every column named, any of the values given for it; ``None`` for all."""
    by_column: dict[str, frozenset[str]] = {}
    for one in where:
        by_column[one.column] = by_column.get(one.column, frozenset()) | images_matching(one, dataset, labels)
    return frozenset.intersection(*by_column.values()) if by_column else None


def patient_filters(images: Sequence[ImageRecord]) -> Mapping[Filter, str]:
    """The patients that ``images`` can be restricted to, by name."""
    names = sorted({image.patient_id for image in images} - {""})
    return {Filter(PATIENT, name): name for name in names}


def available_filters(
    dataset: DataSet, images: Sequence[ImageRecord], taxonomy: Taxonomy | None
) -> Mapping[Filter, str]:
    """What ``images`` can be restricted to, with its name: values, ranges of numbers, true classes of ``taxonomy``."""
    offered = []
    for column in dataset.column_names:
        values, numbers = _values(images, column), _numbers(images, column)
        if numbers is not None and len(values) > N_RANGES * 3:
            offered += _ranges(column, list(numbers.values()))
        elif 1 < len(values) <= MAX_VALUES:
            offered += [Filter(column, value) for value in sorted(values)]
    named = {where: where.words for where in offered if where.range is None or _numbers(images, where.column)}
    for name, leaves in taxonomy.classes.items() if taxonomy else ():
        named[Filter(LABEL, dataset.space.format(leaves))] = f"true class {name}"
    return named


def _ranges(column: str, numbers: Sequence[float]) -> list[Filter]:
    """Ranges that hold about as many images each, between numbers of three digits."""
    edges = np.unique([float(f"{edge:.3g}") for edge in np.quantile(numbers, np.linspace(0, 1, N_RANGES + 1)[1:-1])])
    texts = ["", *(f"{edge:g}" for edge in edges), ""]
    return [Filter(column, f"{low}..{high}") for low, high in pairwise(texts)]


def _values(images: Sequence[ImageRecord], column: str) -> set[str]:
    return {image.columns.get(column, "") for image in images} - {""}


def _numbers(images: Sequence[ImageRecord], column: str) -> Mapping[str, float] | None:
    """Image id -> its number, without the empty ones; ``None`` where some value is no number, or there is none."""
    numbers = {}
    for image in images:
        if value := image.columns.get(column, ""):
            try:
                numbers[image.image_id] = float(value)
            except ValueError:
                return None
    return numbers if numbers and all(map(math.isfinite, numbers.values())) else None
