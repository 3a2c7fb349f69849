"""Label sets (snapshots): save, compare, restore."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboard.address.selection import Labels
from dashboard.decisions.decision import Decision
from dashboard.server_state.batch_decisions import GivenLabel, decide_many
from dashboard.server_state.open_workspace import Desk
from dashboard.words import counted
from model_zoo.core.errors import LinkError
from model_zoo.core.label_space.labels import Label
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.core.review.label_changes import (
    LabelChanges,
    LabelFlow,
    Name,
    label_changes,
    label_flows,
    n_by_name,
    named_by,
)
from model_zoo.workspace.label_sets import ORIGINAL, STANDING, LabelSet

RESTORED = "restored from label set "
"""How `Decision.chosen_by` of a restored label begins."""


@dataclass(frozen=True, slots=True)
class NameCount:
    """One class, or one leaf text: its images before and after, how many came to it and how many left it.

    ``name`` is ``None`` for labels of no single class.
    """

    name: str | None
    before: int
    after: int
    came: int
    left: int


@dataclass(frozen=True, slots=True)
class ComparedLabels:
    """Two labellings in the classes of a taxonomy: what changed, from which class to which, and by leaf."""

    changes: LabelChanges
    flows: tuple[LabelFlow, ...]
    counts: tuple[NameCount, ...]
    by_leaf: tuple[LabelFlow, ...]


def make_label_set(desk: Desk, name: str, made_by: str, time: datetime, note: str = "") -> LabelSet:
    """Keep all labels as they stand now under ``name``; `WorkspaceError` where it cannot be named or written so."""
    last_decision_id, labels = desk.store.revision(), desk.labels(Labels.REVIEWED)
    while desk.store.revision() != last_decision_id:  # somebody decided in between
        last_decision_id, labels = desk.store.revision(), desk.labels(Labels.REVIEWED)
    texts = {label: desk.workspace.space.format(label) for label in set(labels.values())}
    label_set = LabelSet(
        name=name.strip(),
        made_by=made_by.strip(),
        made=time,
        rule=str(desk.review_rule),
        last_decision_id=last_decision_id,
        labels={image_id: texts[label] for image_id, label in labels.items()},
        note=note.strip(),
    )
    desk.workspace.save_label_set(label_set)
    return label_set


def labels_by_name(desk: Desk) -> tuple[str, ...]:
    """What can be compared and exported: the original labels, those that stand now, and every set."""
    return (ORIGINAL, STANDING, *desk.label_sets().usable)


def labels_of_name(desk: Desk, name: str) -> Mapping[str, Label]:
    """Image id -> label of one of `labels_by_name`; `LinkError` lists them."""
    if name in (ORIGINAL, STANDING):
        return desk.labels(Labels.ORIGINAL if name == ORIGINAL else Labels.REVIEWED)
    if name not in desk.label_sets().usable:
        raise LinkError(f"There are no labels {name[:100]!r} here; there are {', '.join(labels_by_name(desk))}.")
    return desk.label_set(name)


def labels_words(name: str) -> str:
    """``original labels``, ``labels as they stand now``, ``label set NAME``."""
    fixed = {ORIGINAL: "original labels", STANDING: "labels as they stand now"}
    return fixed.get(name, f"label set {name}")


def compare_labels(desk: Desk, before: str, after: str, taxonomy: Taxonomy | None) -> ComparedLabels:
    """What changed from one of `labels_by_name` to another; without a taxonomy by leaf alone."""
    space = desk.workspace.space
    sides = labels_of_name(desk, before), labels_of_name(desk, after)
    by_leaf = label_flows(*sides, space.format)
    named = label_flows(*sides, named_by(taxonomy)) if taxonomy else by_leaf
    counts = _counts(*sides, named_by(taxonomy) if taxonomy else space.format, taxonomy, named)
    return ComparedLabels(label_changes(*sides), named, counts, by_leaf)


def to_restore(desk: Desk, label_set: LabelSet) -> Mapping[str, Label]:
    """Image id -> label of the set, for the images of the workspace that have another label now."""
    wanted, now = label_set.parsed(desk.workspace.space), desk.labels(Labels.REVIEWED)
    return {image_id: label for image_id, label in wanted.items() if image_id in now and now[image_id] != label}


def restore(desk: Desk, label_set: LabelSet, reviewer: str, batch: str, time: datetime) -> tuple[Decision, ...]:
    """Append one batch of decisions after which the set's labels stand; nothing is overwritten, one undo takes it back.

    They adjudicate: a state gone back to stands under every rule. Images that the set does not know keep their label.
    """
    space, note = desk.workspace.space, f"sha256 {label_set.sha256[:16]}"
    given = [
        GivenLabel(image_id, space.format(label), reviewer, note)
        for image_id, label in to_restore(desk, label_set).items()
    ]
    if not given:
        return ()
    return decide_many(desk, given, batch, time, chosen_by=RESTORED + label_set.name, adjudicates=True)


def patients_words(desk: Desk, image_ids: Sequence[str]) -> str:
    """``of 38 patients, all splits``: whose images these are."""
    patients = desk.dataset().patients
    return f"of {counted(len({patients.get(one) or one for one in image_ids}), 'patient')}, all splits"


def changes_words(changes: LabelChanges, before: str, after: str) -> str:
    """``12 of 3,659 images have another label``, and which are in one alone."""
    both = len(changes.changed) + len(changes.equal)
    text = f"{len(changes.changed):,} of {counted(both, 'image')} changed label"
    for n_images, alone in ((len(changes.only_before), before), (len(changes.only_after), after)):
        if n_images:
            text += f"; {counted(n_images, 'image')} only in the {labels_words(alone)}"
    return text + "."


def _counts(
    before: Mapping[str, Label],
    after: Mapping[str, Label],
    name: Name,
    taxonomy: Taxonomy | None,
    found: Sequence[LabelFlow],
) -> tuple[NameCount, ...]:
    n_before, n_after = n_by_name(before.values(), name), n_by_name(after.values(), name)
    names: list[str | None] = list(taxonomy.names) if taxonomy else sorted({*n_before, *n_after} - {None}, key=str)
    if n_before[None] or n_after[None]:
        names.append(None)
    return tuple(
        NameCount(
            one,
            n_before[one],
            n_after[one],
            came=sum(len(flow.image_ids) for flow in found if flow.target == one != flow.source),
            left=sum(len(flow.image_ids) for flow in found if flow.source == one != flow.target),
        )
        for one in names
    )
