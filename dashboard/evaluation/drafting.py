"""Drafts of taxonomies: open, describe, preview and save."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dashboard.address.draft import Draft
from dashboard.address.selection import Labels
from dashboard.evaluation.comparison import Subject, series_subject
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.errors import TaxonomyError, TaxoScopeError
from model_zoo.core.evaluation.evaluation import Evaluation, evaluate
from model_zoo.core.label_space import edits
from model_zoo.core.label_space.labels import Label, LeafSpace
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import OUTSIDE, Taxonomy, standing_in_the_way
from model_zoo.workspace.command_line import command
from model_zoo.workspace.manifest import DataSet, ImageRecord
from model_zoo.workspace.taxonomy_files import Versions, find_version, parse_taxonomy
from model_zoo.workspace.workspace import Workspace

JUDGED = (Split.TRAIN, Split.VALIDATION, Split.TEST)
MAX_DESCRIPTION = 1000


@dataclass(frozen=True, slots=True)
class Drafted:
    """What the steps of ``draft`` make of ``base``; ``newest`` is the newest saved version of that name, if any."""

    draft: Draft
    base: Taxonomy
    taxonomy: Taxonomy
    newest: Taxonomy | None

    @property
    def changed(self) -> bool:
        """Whether anything was done to ``base``."""
        return bool(self.draft.edits) or (self.taxonomy.name, self.taxonomy.description) != (
            self.base.name,
            self.base.description,
        )

    @property
    def overtaken(self) -> bool:
        """Whether somebody saved a newer version than the one this draft starts from."""
        return (
            self.taxonomy.name == self.base.name and self.newest is not None and self.newest.pinned != self.base.pinned
        )


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """Images (K,) and patients (K,) of each class in one split; the others are outside, or left out as unplaced."""

    images: NDArray[np.int64]
    patients: NDArray[np.int64]
    n_outside: int
    n_left_out: int


@dataclass(frozen=True, slots=True)
class Preview:
    """A series in its own classes, and mapped to a draft's unless classes stand ``in_the_way`` (class -> leaves).

    ``problem`` says why there are no figures at all: a split that was not predicted, say.
    """

    subject: Subject
    own: Evaluation | None
    mapped: Evaluation | None
    in_the_way: Mapping[str, tuple[str, ...]]
    problem: str = ""


def open_draft(draft: Draft, versions: Versions, workspace: Workspace) -> Drafted:
    """The draft with all its steps taken; `TaxoScopeError` says which cannot be."""
    base = find_version(versions, draft.base)
    taxonomy = edits.edited(base, draft.edits, workspace.space)
    name = base.name if draft.name is None else draft.name
    description = base.description if not draft.edits else described(base, draft, workspace.space)
    if draft.description is not None:
        description = draft.description
    known = versions.get(name, ())
    if draft.edits or name != base.name or description != base.description:
        taxonomy = replace(taxonomy, name=name, description=description, version=known[-1].version + 1 if known else 1)
    return Drafted(draft, base, taxonomy, known[-1] if known else None)


def described(base: Taxonomy, draft: Draft, space: LeafSpace) -> str:
    """A draft in words, as far as a description may go: where it comes from and its steps."""
    text = f"From {base.pinned}: {'; '.join(step_words(edit, space) for edit in draft.edits)}."
    return text if len(text) <= MAX_DESCRIPTION else f"{text[: MAX_DESCRIPTION - 1]}…"


def step_words(edit: edits.Edit, space: LeafSpace) -> str:
    """A step of a draft in words."""
    match edit:
        case edits.Merge(names, into):
            return f"merged {', '.join(names)} into {into}"
        case edits.SplitByPart(name, part):
            return f"split {name} by {part}"
        case edits.SplitOff(name, leaves, new):
            return f"split {space.format(leaves)} off {name} as {new}"
        case edits.Rename(name, new):
            return f"renamed {name} to {new}"
        case edits.Reorder(name, position):
            return f"moved {name} to position {position}"
        case edits.MoveOutside(leaves):
            return f"moved {space.format(leaves)} outside"
        case edits.BringBack(leaves, name):
            return f"brought {space.format(leaves)} back into {name}"


def save(workspace: Workspace, drafted: Drafted) -> Taxonomy:
    """The draft as a new version in the workspace's writable folder; `TaxoScopeError` if it cannot be one."""
    if len(drafted.taxonomy.description) > MAX_DESCRIPTION:
        raise TaxonomyError(f"The description is too long; use at most {MAX_DESCRIPTION:,} characters.")
    return workspace.save_taxonomy(drafted.taxonomy)


def read_upload(raw: bytes, name: str, workspace: Workspace) -> Taxonomy:
    """An uploaded taxonomy file, held to what an edit may do; `TaxonomyError` in one sentence for anything else."""
    where = f"File {Path(name).name[:100]!r}"
    taxonomy = parse_taxonomy(raw, where, workspace.space)
    try:
        for class_name in taxonomy.names:
            edits.check_class_name(class_name, (), taxonomy)
    except TaxonomyError as error:
        raise TaxonomyError(f"{where}: {error}") from error
    if len(taxonomy.description) > MAX_DESCRIPTION:
        raise TaxonomyError(f"{where}: the description is too long; use at most {MAX_DESCRIPTION:,} characters.")
    return taxonomy


def class_counts(taxonomy: Taxonomy, dataset: DataSet, labels: Mapping[str, Label]) -> Mapping[Split, ClassCounts]:
    """Images and patients of every class in each split that holds any image."""
    return {split: _counted(taxonomy, images, labels) for split in JUDGED if (images := dataset.split(split))}


def previews(
    desk: Desk, taxonomy: Taxonomy, split: Split, which: Labels, *, only: Set[str] | None = None
) -> tuple[Preview, ...]:
    """Every series judged over the stored predictions of ``split`` in its own classes and in those of ``taxonomy``.

    Restricted to the images ``only`` if given.

    The model's answer (argmax) is mapped, not asked again: the free part of what a coarser taxonomy brings.
    """
    labels, patients = desk.labels(which), desk.dataset().patients
    found = []
    for subject in map(series_subject, desk.series()):
        own, blocked = subject.taxonomy, standing_in_the_way(subject.taxonomy, taxonomy)
        try:
            stored = [desk.predictions(run.run_id, split) for run in subject.runs]
            said = [one if only is None else one.only(only) for one in stored]
            native = evaluate(said, own, own, labels, patients)
            mapped = None if blocked else evaluate(said, own, taxonomy, labels, patients)
        except TaxoScopeError as error:
            found.append(Preview(subject, None, None, blocked, str(error)))
        else:
            found.append(Preview(subject, native, mapped, blocked))
    return tuple(found)


def flow(
    taxonomies: Sequence[Taxonomy], dataset: DataSet, images: Sequence[ImageRecord]
) -> tuple[list[tuple[str, Sequence[str]]], NDArray[np.float64]]:
    """Images from leaves through the classes of ``taxonomies``, as `charts.flow_figure` takes them.

    Leaves without a certain image have no width and are left out.
    """
    labels = [image.label for image in images]
    certain = {next(iter(label)) for label in set(labels) if len(label) == 1}
    leaves = [leaf for leaf in dataset.space.leaves if leaf in certain]
    position = {leaf: k for k, leaf in enumerate(leaves)}
    columns: list[tuple[str, Sequence[str]]] = [("leaves", leaves)]
    places = [np.array([position[next(iter(one))] if len(one) == 1 else OUTSIDE for one in labels], dtype=np.int64)]
    for taxonomy in taxonomies:
        columns.append((taxonomy.reference, taxonomy.names))
        places.append(taxonomy.place_all(labels))
    flows = []
    for column, (here, there) in enumerate(pairwise(places)):
        both = (here != OUTSIDE) & (there != OUTSIDE)
        pairs, n_images = np.unique(np.stack([here[both], there[both]]), axis=1, return_counts=True)
        flows += [(column, a, b, n) for (a, b), n in zip(pairs.T, n_images, strict=True)]
    return columns, np.array(flows, dtype=np.float64).reshape(-1, 4)


def train_command(workspace: Workspace, taxonomy: Taxonomy, is_newest: bool) -> str:
    """What to type to train three seeds of ``taxonomy``."""
    named = taxonomy.name if is_newest else taxonomy.pinned
    return command("train", "--taxonomy", named, "--seeds", "0-2", folders=workspace.folders)


def _counted(taxonomy: Taxonomy, images: Sequence[ImageRecord], labels: Mapping[str, Label]) -> ClassCounts:
    n_classes = len(taxonomy.classes)
    standing = [labels[image.image_id] for image in images]
    places = taxonomy.place_all(standing)
    owners = {(place, image.patient_id or image.image_id) for place, image in zip(places.tolist(), images, strict=True)}
    placed = places[places != OUTSIDE]
    n_outside = sum(label <= taxonomy.outside for label in standing)
    return ClassCounts(
        images=np.bincount(placed, minlength=n_classes).astype(np.int64),
        patients=np.bincount([place for place, _ in owners if place != OUTSIDE], minlength=n_classes).astype(np.int64),
        n_outside=n_outside,
        n_left_out=len(places) - len(placed) - n_outside,
    )
