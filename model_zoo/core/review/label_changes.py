"""Changes between two sets of labels: which images changed, from which class to which."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from model_zoo.core.label_space.labels import Label
from model_zoo.core.label_space.taxonomy import OUTSIDE, Taxonomy

Name = Callable[[Label], str | None]
"""What a label is called in a table: its class, its text; ``None`` where it has no name there."""


@dataclass(frozen=True, slots=True)
class LabelFlow:
    """Images whose label changed, by what it was and what it is; ``None`` is a label of no single class."""

    source: str | None
    target: str | None
    image_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LabelChanges:
    """Two labellings side by side; every image of either is in exactly one of the four."""

    changed: tuple[str, ...]
    equal: tuple[str, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]


def label_changes(before: Mapping[str, Label], after: Mapping[str, Label]) -> LabelChanges:
    """Which images have another label in ``after`` than in ``before``, each list in the order of its mapping."""
    both = [image_id for image_id in before if image_id in after]
    return LabelChanges(
        changed=tuple(one for one in both if before[one] != after[one]),
        equal=tuple(one for one in both if before[one] == after[one]),
        only_before=tuple(one for one in before if one not in after),
        only_after=tuple(one for one in after if one not in before),
    )


def label_flows(before: Mapping[str, Label], after: Mapping[str, Label], name: Name) -> tuple[LabelFlow, ...]:
    """The changed images by what ``name`` calls their labels, most images first.

    A label can change and keep its name: a class holds several leaves. Such images are a flow onto itself.
    """
    grouped: dict[tuple[str | None, str | None], list[str]] = {}
    for image_id in label_changes(before, after).changed:
        grouped.setdefault((name(before[image_id]), name(after[image_id])), []).append(image_id)
    found = [LabelFlow(*ends, tuple(image_ids)) for ends, image_ids in grouped.items()]
    return tuple(sorted(found, key=lambda one: (-len(one.image_ids), one.source or "", one.target or "")))


def named_by(taxonomy: Taxonomy) -> Name:
    """Names a label by the class of ``taxonomy`` that holds all its leaves, if one does."""

    def name(label: Label) -> str | None:
        index = taxonomy.place(label)
        return None if index == OUTSIDE else taxonomy.names[index]

    return name


def n_by_name(labels: Iterable[Label], name: Name) -> Counter[str | None]:
    """How many labels bear each name."""
    n_of = Counter(labels)
    counted: Counter[str | None] = Counter()
    for label, n_images in n_of.items():
        counted[name(label)] += n_images
    return counted
