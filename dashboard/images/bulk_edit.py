"""Bulk edit: preview of one label change applied to many images."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from model_zoo.core.errors import LabelError
from model_zoo.core.label_space.labels import Label, LeafSpace
from model_zoo.core.label_space.taxonomy import Taxonomy

SINGLE_CLASSES = "other"


@dataclass(frozen=True, slots=True)
class LabelChoice:
    """A property to assign: a class of a taxonomy, a value of a label part, or a single leaf class."""

    words: str
    taxonomy: str = ""
    part: str = ""
    value: str | None = None
    leaves: Label = frozenset()

    def of(self, label: Label, space: LeafSpace) -> Label:
        """What ``label`` becomes, all else kept; `LabelError` where no allowed combination is left."""
        return space.edit(label, {self.part: self.value}) if self.part else space.answer(label, self.leaves)


@dataclass(frozen=True, slots=True)
class LabelChanges:
    """Effect of a choice on the selected images: new labels by id, unchanged images, and impossible ones.

    ``labels`` holds every label that can be decided, changed or not.
    """

    labels: Mapping[str, Label]
    same: frozenset[str]
    impossible: tuple[str, ...]


def label_choices(space: LeafSpace, taxonomies: Iterable[Taxonomy]) -> Mapping[str, tuple[LabelChoice, ...]]:
    """All choices, grouped by the name of their taxonomy or part; parts first."""
    found: dict[str, tuple[LabelChoice, ...]] = {}
    for part in space.parts:
        values = [LabelChoice(f"{part.name} = {value}", part=part.name, value=value) for value in part.values]
        found[part.name] = (*values, LabelChoice(f"{part.name} unknown", part=part.name))
    if lone := [leaf for leaf in space.leaves if not space.values_of[leaf]]:
        found[SINGLE_CLASSES] = tuple(LabelChoice(leaf, leaves=frozenset((leaf,))) for leaf in lone)
    for one in taxonomies:
        classes = one.classes.items()
        found[f"{one.name} (classes)"] = tuple(LabelChoice(name, one.name, leaves=leaves) for name, leaves in classes)
    return found


def label_changes(choice: LabelChoice, labels: Mapping[str, Label], space: LeafSpace) -> LabelChanges:
    """Apply ``choice`` to each of ``labels`` (image id -> current label)."""
    made, same, impossible = {}, set(), []
    for image_id, label in labels.items():
        try:
            made[image_id] = choice.of(label, space)
        except LabelError:
            impossible.append(image_id)
        else:
            if made[image_id] == label:
                same.add(image_id)
    return LabelChanges(made, frozenset(same), tuple(impossible))
