"""Counts of images and patients per split, by class, label, patient or column."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dashboard.address.data_view import CountedBy
from dashboard.address.links import Filter
from dashboard.evaluation.filters import LABEL, PATIENT, available_filters
from model_zoo.core.label_space.labels import Label
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import OUTSIDE, Taxonomy
from model_zoo.workspace.manifest import DataSet, ImageRecord

NO_CLASS, NO_VALUE, NO_PATIENT = "no single class", "(empty)", "(no patient named)"


@dataclass(frozen=True, slots=True)
class CountGroup:
    """The images that have one value: how many images and patients, per split and in all.

    ``where`` restricts Images to exactly these, None where no restriction can. A patient without a name counts as one
    per image. ``answers`` says whether it is an answer of a model: a class, and not what is outside all.
    """

    name: str
    where: Filter | None
    images: Mapping[Split, int]
    patients: Mapping[Split, int]
    n_patients: int
    answers: bool = True

    @property
    def n_images(self) -> int:
        """Images of all splits."""
        return sum(self.images.values())


def count_by(dataset: DataSet, labels: Mapping[str, Label], by: CountedBy, name: str | None) -> tuple[CountGroup, ...]:
    """The images by label, patient, or column ``name``, most images first; by value or range as Images restricts."""
    if by is CountedBy.LABEL:
        return _by_label(dataset, labels)
    if by is CountedBy.PATIENT:
        named = _grouped(dataset.images, lambda image: image.patient_id)
        rest = {NO_PATIENT: _group(NO_PATIENT, None, named.pop(""))} if "" in named else {}
        groups = {one: _group(one, Filter(PATIENT, one), images) for one, images in named.items()}
        return (*_most_first(groups.values()), *rest.values())
    return _by_column(dataset, name or "")


def count_classes(dataset: DataSet, labels: Mapping[str, Label], taxonomy: Taxonomy) -> tuple[CountGroup, ...]:
    """The images by class of ``taxonomy``, in its order and also where there are none; labels of no class last."""
    placed = taxonomy.place_all([labels[image.image_id] for image in dataset.images]).tolist()
    found: dict[int, list[ImageRecord]] = {}
    for index, image in zip(placed, dataset.images, strict=True):
        found.setdefault(index, []).append(image)
    groups = [
        _group(name, Filter(LABEL, dataset.space.format(leaves)), found.get(index, []))
        for index, (name, leaves) in enumerate(taxonomy.classes.items())
    ]
    outside = [_group(NO_CLASS, None, found[OUTSIDE], answers=False)] if OUTSIDE in found else []
    return (*groups, *outside)


def splits_of(dataset: DataSet) -> tuple[Split, ...]:
    """The splits that hold any image."""
    there = {image.split for image in dataset.images}
    return tuple(split for split in Split if split in there)


def n_patients(images: Iterable[ImageRecord]) -> int:
    """Different patients; an image without one counts as its own."""
    return len({image.patient_id or ("image", image.image_id) for image in images})


def effective_number(groups: Sequence[CountGroup]) -> float:
    """How many equally frequent groups would be as hard to guess: exp of the entropy, 1 to K (Hill 1973); NaN of none.

    Hill, Diversity and evenness, Ecology 54:427, order 1.
    """
    counts = np.array([one.n_images for one in groups if one.n_images], dtype=np.float64)
    if not len(counts):
        return float("nan")
    shares = counts / counts.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _by_label(dataset: DataSet, labels: Mapping[str, Label]) -> tuple[CountGroup, ...]:
    by_label: dict[Label, list[ImageRecord]] = {}
    for image in dataset.images:
        by_label.setdefault(labels[image.image_id], []).append(image)
    groups = []
    for label, images in by_label.items():
        text = dataset.space.format(label)
        # a restriction to an unsettled label takes in the labels within it, which are groups of their own
        alone = not any(other < label for other in by_label)
        groups.append(_group(text, Filter(LABEL, text) if alone else None, images))
    return _most_first(groups)


def _by_column(dataset: DataSet, name: str) -> tuple[CountGroup, ...]:
    ranges = [one for one in available_filters(dataset, dataset.images, None) if one.column == name and one.range]
    if ranges:
        number = {image.image_id: image.columns.get(name, "") for image in dataset.images}
        groups = []
        for where in ranges:
            low, high = where.range or (0.0, 0.0)
            inside = [one for one in dataset.images if (n := number[one.image_id]) and low <= float(n) < high]
            groups.append(_group(where.words, where, inside))
        empty = [image for image in dataset.images if not number[image.image_id]]
        return (*groups, *([_group(NO_VALUE, Filter(name, ""), empty)] if empty else []))
    valued = _grouped(dataset.images, lambda image: image.columns.get(name, ""))
    return _most_first(_group(value or NO_VALUE, Filter(name, value), images) for value, images in valued.items())


def _grouped(images: Iterable[ImageRecord], value: Callable[[ImageRecord], str]) -> dict[str, list[ImageRecord]]:
    found: dict[str, list[ImageRecord]] = {}
    for image in images:
        found.setdefault(value(image), []).append(image)
    return found


def _group(name: str, where: Filter | None, images: Sequence[ImageRecord], *, answers: bool = True) -> CountGroup:
    patients = {(image.split, image.patient_id or ("image", image.image_id)) for image in images}
    return CountGroup(
        name,
        where,
        Counter(image.split for image in images),
        Counter(split for split, _ in patients),
        len({patient for _, patient in patients}),
        answers,
    )


def _most_first(groups: Iterable[CountGroup]) -> tuple[CountGroup, ...]:
    return tuple(sorted(groups, key=lambda one: (-one.n_images, one.name)))
