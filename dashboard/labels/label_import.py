"""Imports labels as one batch of decisions, after a preview."""

import hashlib
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath

from dashboard.address.selection import Labels
from dashboard.decisions.consensus import in_force, labels_by_person, standing_labels
from dashboard.decisions.decision import REVIEWER_MAX, Answer, Decision
from dashboard.labels.label_files import LabelFile, LabelFileError, LabelLine
from dashboard.labels.label_values import read_values
from dashboard.server_state.batch_decisions import GivenLabel, decide_many
from dashboard.server_state.open_workspace import Desk
from dashboard.words import counted
from model_zoo.core.errors import LabelError
from model_zoo.core.label_space.labels import Label, LeafSpace
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.core.review.label_changes import label_changes
from model_zoo.importing.class_values import ClassValues
from model_zoo.importing.file_matching import match_endings
from model_zoo.importing.text_encoding import nfc
from model_zoo.workspace.manifest import DataSet, ImageRecord

IMPORTED = "imported from "
"""How `Decision.chosen_by` of an imported label begins."""


class Fate(StrEnum):
    """What a label in a file is against the label that stands."""

    NEW = "new"
    CHANGED = "changed"
    EQUAL = "equal"


@dataclass(frozen=True)
class LabelsWanted:
    """What the person who imports says of a file: see `plan_label_import` and `read_label_file`."""

    importer: str
    taxonomy: Taxonomy | None = None
    annotator: str = ""
    column: str = ""
    values: ClassValues | None = None
    encoding: str = ""


@dataclass(frozen=True)
class LabelImportPlan:
    """What importing ``file`` would do.

    ``given`` is what would be stored: every label of a named annotator that is not their opinion already, and of lines
    without one the labels that change the current one; ``n_equal`` others of these are equal to it. ``fates`` counts
    all readable labels of known images; ``unknown`` and ``unreadable`` hold a sentence for each other line.
    ``before`` and ``after`` are the current labels of the images named, now and after the import.
    """

    file: LabelFile
    given: tuple[GivenLabel, ...]
    fates: Mapping[Fate, int]
    unknown: tuple[str, ...]
    unreadable: tuple[str, ...]
    before: Mapping[str, Label]
    after: Mapping[str, Label]
    batch: str
    taxonomy: str = ""
    already: str = ""
    n_equal: int = 0
    read_as: ClassValues = ClassValues.NAMES

    @property
    def reading(self) -> str:
        """What was read as labels, in a sentence."""
        column = f"column {self.file.column!r}, " if self.file.column else ""
        return " ".join((f"Labels: {column}read as {self.read_as.words}.", *self.file.told))

    @property
    def changed(self) -> tuple[str, ...]:
        """The images whose standing label would change."""
        return label_changes(self.before, self.after).changed


def plan_label_import(
    desk: Desk,
    file: LabelFile,
    importer: str,
    time: datetime,
    taxonomy: Taxonomy | None = None,
    annotator: str = "",
    values: ClassValues | None = None,
) -> LabelImportPlan:
    """What would change; nothing is stored. `LabelFileError` where the file contradicts itself.

    Labels are leaf text; with ``taxonomy`` also names of its classes, read as a reviewer's answer "it is one of
    these": only what the class settles changes, against the current label for lines without an annotator, and for
    an opinion against the label without other opinions of the kind, so that the order of imports does not matter.

    ``annotator`` gave the labels of lines that name none: all are opinions, equal to the current label or not.
    Without one these are changes alone, in the name of ``importer``. ``values``: see `read_values`.
    """
    dataset, space, now = desk.dataset(), desk.workspace.space, desk.labels(Labels.REVIEWED)
    find = _finder(dataset, [line.image for line in file.lines])
    said = _said(desk, of_history=file.column in ("after", "to"))
    base = _without_class_imports(desk) if taxonomy else now
    read_as, written = read_values(file, space, taxonomy, values)
    classes = {nfc(name): label for name, label in taxonomy.classes.items()} if taxonomy else {}
    unknown, unreadable = [], []
    read: dict[tuple[str, str], tuple[LabelLine, Label]] = {}
    for line in file.lines:
        image_id, who = find(line.image), _person(line, annotator.strip() or importer)
        is_opinion = bool(line.reviewer.strip() or annotator.strip())
        if image_id is None:
            unknown.append(f"{line.where}: no image {line.image[:100]!r} in this workspace")
            continue
        try:
            label = _label(written[line.label], space, taxonomy, classes, (base if is_opinion else now)[image_id])
        except LabelError as error:
            unreadable.append(f"{line.where}: {error}")
            continue
        earlier = read.setdefault((image_id, who), (line, label))
        if earlier[1] != label:
            raise LabelFileError(
                f"{line.where} and {earlier[0].where} give image {image_id[:100]!r} two labels by "
                f"{who or 'nobody'}; keep one of them, or say who gave each in a column annotator."
            )
    fates = dict.fromkeys(Fate, 0)
    given, n_equal = [], 0
    batch, earlier_import = _batch(desk, file, annotator)
    held = {
        (one.image_id, one.after) for one in earlier_import if said.get(one.image_id, {}).get(one.reviewer) == one.after
    }
    for (image_id, who), (line, label) in read.items():
        fate = _fate(now[image_id], label, space)
        fates[fate] += 1
        text = space.format(label)
        if said.get(image_id, {}).get(who) == text:
            continue
        is_opinion = bool(line.reviewer.strip() or annotator.strip())
        if is_opinion or (fate is not Fate.EQUAL and (image_id, text) not in held):
            given.append(GivenLabel(image_id, text, who))
        else:
            n_equal += 1
    already = "" if given else _already(earlier_import)
    touched, named = {one.image_id for one in given}, {image_id for image_id, _ in read}
    after = {**now, **{one: dataset.labels[one] for one in touched}, **_standing_with(desk, given, time)}
    return LabelImportPlan(
        file,
        tuple(given),
        fates,
        tuple(unknown),
        tuple(unreadable),
        {image_id: now[image_id] for image_id in dataset.by_id if image_id in named},
        {image_id: after[image_id] for image_id in dataset.by_id if image_id in named},
        earlier_import[0].batch if already else batch,
        taxonomy.pinned if taxonomy else "",
        already,
        n_equal,
        read_as,
    )


def store_import(desk: Desk, plan: LabelImportPlan, time: datetime) -> tuple[Decision, ...]:
    """Store what was planned as one batch, once: sent again, the same decisions are returned.

    `LabelFileError` where this file is imported already and no opinion in it has changed since, or a line has no
    reviewer and nobody imports it.
    """
    if plan.already:
        raise LabelFileError(plan.already)
    if not plan.given:
        return ()
    if any(not one.reviewer for one in plan.given):
        raise LabelFileError("Some lines name no reviewer; say in whose name they are imported.")
    chosen_by = IMPORTED + plan.file.name
    return decide_many(desk, plan.given, plan.batch, time, chosen_by=chosen_by, taxonomy=plan.taxonomy)


def label_import_words(plan: LabelImportPlan) -> str:
    """What a dry run says, in one line."""
    fates = ", ".join(f"{plan.fates[fate]:,} {fate}" for fate in Fate)
    return (
        f"{counted(len(plan.file.lines), 'label')} in the file: {fates}; {len(plan.unknown):,} of unknown images, "
        f"{len(plan.unreadable):,} unreadable. {len(plan.given):,} to store; "
        f"{counted(len(plan.changed), 'current label')} would change."
    )


def equal_words(plan: LabelImportPlan) -> str:
    """What to do about labels that are equal to the current one and in nobody's name; '' where there are none."""
    if not plan.n_equal:
        return ""
    were = counted(plan.n_equal, "equal label was", "equal labels were")
    return f"{were} not stored: name the annotator to keep {'it' if plan.n_equal == 1 else 'them'}"


def nothing_words(plan: LabelImportPlan) -> str:
    """Why nothing is stored."""
    if not any(plan.fates.values()):
        return "Nothing was stored: no line of the file names an image of this workspace and a label that can be read."
    if plan.n_equal:
        return "Nothing was stored: no label in the file changes the current one."
    return "Nothing was stored: every label in the file is stored already."


def _label(text: str, space: LeafSpace, taxonomy: Taxonomy | None, classes: Mapping[str, Label], now: Label) -> Label:
    if nfc(text) in classes:
        return space.answer(now, classes[nfc(text)])
    try:
        return space.parse(text if text in space.everything else nfc(text))
    except LabelError as error:
        if taxonomy is None:
            raise
        raise LabelError(f"{text[:100]!r} is neither a class of {taxonomy.reference!r} nor a label: {error}") from error


def _fate(now: Label, label: Label, space: LeafSpace) -> Fate:
    if label == now:
        return Fate.EQUAL
    return Fate.NEW if now == space.everything else Fate.CHANGED


def _person(line: LabelLine, importer: str) -> str:
    who = unicodedata.normalize("NFC", line.reviewer.strip() or importer.strip())
    if len(who) > REVIEWER_MAX or not who.isprintable():
        raise LabelFileError(
            f"{line.where}: the reviewer's name {who[:60]!r} must be one line of at most {REVIEWER_MAX} characters."
        )
    return who


def _said(desk: Desk, of_history: bool) -> Mapping[str, Mapping[str, str]]:
    """Image id -> reviewer -> the label that is their own opinion of it.

    One who adjudicates knows the opinions of others: that is none of their own, except in a history of decisions.
    """
    about: dict[str, list[Decision]] = {}
    for one in in_force(desk.store.all()):
        if of_history or not one.adjudicates:
            about.setdefault(one.image_id, []).append(one)
    return {
        image_id: {who: one.after for who, one in labels_by_person(some).items()} for image_id, some in about.items()
    }


def _without_class_imports(desk: Desk) -> Mapping[str, Label]:
    """The labels of all images as if no class of a taxonomy had been imported."""
    kept = [one for one in desk.store.all() if not (one.taxonomy and one.chosen_by.startswith(IMPORTED))]
    parse = desk.workspace.space.parse
    found = standing_labels(kept, desk.review_rule)
    labels = desk.dataset().labels
    return {**labels, **{one: parse(text) for one, text in found.items() if one in labels}}


def _finder(dataset: DataSet, asked: Iterable[str]) -> Callable[[str], str | None]:
    """Finds each of ``asked`` by id, path, the end of a path, or the file's name with or without ending.

    Names are compared in the Unicode form NFC, as they are written where two images differ in that alone.
    """
    by_id, by_path = _unique(dataset, lambda image: image.image_id), _unique(dataset, lambda image: image.path)
    by_name: dict[str, set[str]] = {}
    for image in dataset.images:
        path = PurePosixPath(image.path)
        for name in {nfc(path.name), nfc(path.stem)}:
            by_name.setdefault(name, set()).add(image.image_id)

    def exact(text: str) -> str | None:
        for one in (text, text.strip(), text.strip().replace("\\", "/")):
            if one in dataset.by_id:
                return one
            if found := by_id.get(nfc(one)) or by_path.get(one) or by_path.get(nfc(one)):
                return found
        return None

    ends = match_endings([one for one in dict.fromkeys(asked) if exact(one) is None], [i.path for i in dataset.images])

    def find(text: str) -> str | None:
        if found := exact(text) or by_path.get(ends.found.get(text, "")):
            return found
        named = by_name.get(nfc(PurePosixPath(text.strip().replace("\\", "/")).name), set())
        return next(iter(named)) if len(named) == 1 else None

    return find


def _unique(dataset: DataSet, of: Callable[[ImageRecord], str]) -> Mapping[str, str]:
    """Text as written and in NFC -> image id, where one image alone has it; of one path the last image."""
    exact = {of(image): image.image_id for image in dataset.images}
    same: dict[str, set[str]] = {}
    for text in exact:
        same.setdefault(nfc(text), set()).add(text)
    return {form: exact[next(iter(texts))] for form, texts in same.items() if len(texts) == 1} | exact


def _batch(desk: Desk, file: LabelFile, annotator: str) -> tuple[str, tuple[Decision, ...]]:
    """A new batch for an import of ``file``, and the decisions in force of its latest import, () where there are none.

    The opinions of two annotators are two imports, also if their files are equal byte for byte. Two processes that
    plan from the same decisions get the same batch, which is stored once.
    """
    person = unicodedata.normalize("NFC", annotator.strip())
    of = f"{file.sha256} {person}" if person and any(not one.reviewer.strip() for one in file.lines) else ""
    stem = f"import-{hashlib.sha256(of.encode()).hexdigest()[:40] if of else file.sha256[:40]}"
    every = desk.store.all()
    n_before = len({one.batch for one in every if one.batch.startswith(stem) and one.answer is not Answer.UNDO})
    kept = [one for one in in_force(every) if one.batch.startswith(stem) and one.answer is not Answer.UNDO]
    latest = tuple(one for one in kept if one.batch == kept[-1].batch)
    return (stem if n_before == 0 else f"{stem}-{n_before + 1}"), latest


def _already(stored: Sequence[Decision]) -> str:
    """That the file is imported already as ``stored``; '' where it is not."""
    if not stored:
        return ""
    return (
        f"This file was imported on {stored[0].time:%Y-%m-%d %H:%M} UTC already "
        f"({counted(len(stored), 'decision')}, {stored[0].chosen_by}) and its labels are unchanged; undo that import "
        "first to import it anew."
    )


def _standing_with(desk: Desk, given: Sequence[GivenLabel], time: datetime) -> Mapping[str, Label]:
    """The standing labels of the images of ``given``, were it stored now."""
    history, named = desk.store.all(), {one.image_id for one in given}
    about = [one for one in history if one.image_id in named]
    last = history[-1].decision_id or 0 if history else 0
    would = [
        Decision(
            image_id=one.image_id,
            reviewer=one.reviewer or "?",
            time=time,
            answer=Answer.RELABEL,
            before=one.label,
            after=one.label,
            client_id="plan",
            seq=k,
            decision_id=last + 1 + k,
        )
        for k, one in enumerate(given)
    ]
    parse = desk.workspace.space.parse
    return {one: parse(text) for one, text in standing_labels([*about, *would], desk.review_rule).items()}
