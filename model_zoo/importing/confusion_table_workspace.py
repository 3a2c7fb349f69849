"""A workspace from a confusion table alone: one row per counted prediction."""

import os
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from model_zoo.core.errors import WorkspaceError
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.label_space.edits import check_class_name
from model_zoo.core.label_space.labels import Label, LeafSpace, join_values
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.importing.confusion_tables import NOTHING, ConfusionTable, Paths, label_texts
from model_zoo.importing.labels import free_names
from model_zoo.importing.prediction_files import ImportedPredictions
from model_zoo.importing.predictions import card_of
from model_zoo.workspace.manifest import NO_IMAGE, DataSet, ImageRecord, write_manifest
from model_zoo.workspace.new_workspace import CREATED_FILES, README, declaration
from model_zoo.workspace.run import check_run_id, write_run
from model_zoo.workspace.taxonomy_files import taxonomy_toml
from model_zoo.workspace.workspace import DECLARATION, MANIFEST, Workspace

FINEST = "classes"
MAX_TAXONOMIES = 40

_README = """\
This folder is a workspace of TaxoScope, made from a confusion table alone.

No image was given. Each line of manifest.csv stands for one answer that the table counts, with its true label; the run
holds what was answered. Which answers belong together (one patient, one film) is not known: intervals take each as
independent of all others.

    uv run taxoscope serve --workspace HERE      (typed where TaxoScope lies; HERE is the path of this folder)
"""


def write_confusion_table_workspace(table: ConfusionTable, folder: Path, run_id: str, licence: str) -> Workspace:
    """Make ``folder`` a workspace of what ``table`` counts, whole or not at all.

    `WorkspaceError` unless it is new or empty; `TaxoScopeError` where a label can be no leaf or class.
    """
    check_run_id(run_id)
    folder = folder.resolve()
    check_new(folder)
    space = LeafSpace((), table.labels)
    taxonomies = taxonomies_of(table, space)
    dataset = DataSet(space, tuple(_rows(table)))
    answers = _answers(table, dataset)
    card = card_of(run_id, answers, taxonomies[0], dataset, licence)
    card = replace(card, recipe={**card.recipe, "counted": table.n_counted, "images": "none given"})
    predictions = Predictions(answers.images, answers.classes, answers.rows, labels_only=True)
    partial = folder.with_name(f".{uuid.uuid4().hex[:8]}.partial")
    about = f"A confusion table alone: {table.n_counted:,} counted answers in {len(table.labels):,} classes, no images."
    try:
        with ExitStack() as undo:
            (partial / "taxonomies").mkdir(parents=True)
            undo.callback(shutil.rmtree, partial, ignore_errors=True)
            text = declaration(folder.name or "Counted answers", about, space, [FINEST])
            (partial / DECLARATION).write_text(text, encoding="utf-8")
            (partial / README).write_text(_README, encoding="utf-8")
            for one in taxonomies:
                (partial / "taxonomies" / f"{one.name}.toml").write_text(taxonomy_toml(one, space), encoding="utf-8")
            write_manifest(partial / MANIFEST, dataset.images, space)
            write_run(card, partial / "runs", b"", (), {Split.TEST: predictions})
            made = Workspace.open(partial)
            made.taxonomies()
            made.dataset()
            os.replace(partial, folder)
            undo.pop_all()
    except (OSError, UnicodeEncodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "its name is no Unicode text"
        raise WorkspaceError(f"No workspace can be made in {folder} ({why}); give another folder.") from error
    return Workspace.open(folder)


def check_new(folder: Path) -> None:
    """`WorkspaceError` unless ``folder`` is not there, or empty."""
    try:
        is_ours = any((folder / ours).exists() or (folder / ours).is_symlink() for ours in CREATED_FILES)
        is_new = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    except OSError as error:
        raise WorkspaceError(f"{folder} cannot be looked into ({error.strerror}); give another folder.") from error
    if is_ours:
        raise WorkspaceError(
            f"{folder} holds a workspace already, and a table cannot join it: nothing says which of its answers is "
            "about which image, so that it could not be set against anything there image by image; give another folder."
        )
    if not is_new:
        raise WorkspaceError(f"{folder} is no empty folder; give a new or an empty one.")


def taxonomies_of(table: ConfusionTable, space: LeafSpace) -> tuple[Taxonomy, ...]:
    """The table's own classes, and what its labels say beyond them where they are paths such as ``fruit:citrus:lemon``.

    A taxonomy for each depth; where labels list several answers, for each of them (and its depths): labels without it
    are then a class of their own. Ways to divide the labels that others make already are left out, and those with two
    classes that would have one name.
    """
    leaves = [join_values((label,)) for label in table.labels]
    found: dict[frozenset[Label], tuple[str, Mapping[str, Label]]] = {}  # by how the labels are divided
    for name, named in chain([(FINEST, table.labels)], _coarser(table.paths)):
        members: dict[str, set[str]] = {}
        for leaf, class_name in zip(leaves, named, strict=True):
            members.setdefault(class_name, set()).add(leaf)
        if len(members) > 1:
            classes = {class_name: frozenset(inside) for class_name, inside in members.items()}
            found.setdefault(frozenset(classes.values()), (name, classes))
        if len(found) == MAX_TAXONOMIES:
            break
    made = []
    for free, (_, divided) in zip(free_names([name for name, _ in found.values()]), found.values(), strict=True):
        one = Taxonomy(free, divided, description="As the table names them.")
        for class_name in one.names:
            check_class_name(class_name, (), one)
        made.append(one.check(space))
    return tuple(made)


def _coarser(labels: Sequence[Paths]) -> Iterator[tuple[str, Sequence[str]]]:
    """Names of taxonomies, and the class of each label."""
    if max(map(len, labels)) <= 1:
        for depth in range(1, _depth(path for one in labels for path in one)):
            if classes := _classes(labels, depth, NOTHING):
                yield f"depth-{depth}", classes
        return
    own: dict[str, dict[int, Paths]] = {}  # output -> number of a label -> the paths that it has of it
    for k, one in enumerate(labels):
        for path in one:
            said = own.setdefault(_cut(path, 1), {})
            said[k] = (*said.get(k, ()), path)
    for output, said in own.items():
        deepest = _depth(path for one in said.values() for path in one)
        for depth in range(deepest, min(2, deepest) - 1, -1):
            if classes := _classes([said.get(k, ()) for k in range(len(labels))], depth, f"no {output}"):
                yield output if depth == deepest else f"{output}-depth-{depth}", classes


def _classes(labels: Sequence[Paths], depth: int, nothing: str) -> Sequence[str]:
    """The class of each label: what its paths, cut to ``depth``, are written as, or ``nothing`` where it has none.

    Where two classes would be written alike they are written in full; none at all if they still are.
    """
    cut = [tuple(dict.fromkeys(_cut(path, depth) for path in one)) for one in labels]
    groups: dict[frozenset[str], Paths] = {}
    for one in cut:
        groups.setdefault(frozenset(one), one)
    texts = [text if key else nothing for key, text in zip(groups, label_texts(tuple(groups.values())), strict=True)]
    times = Counter(texts)
    full = [
        ", ".join(one) if one and times[text] > 1 else text for one, text in zip(groups.values(), texts, strict=True)
    ]
    if len(set(full)) < len(full):
        return ()
    of = dict(zip(groups, full, strict=True))
    return [of[frozenset(one)] for one in cut]


def _depth(paths: Iterator[str]) -> int:
    return max((path.count(":") + 1 for path in paths), default=1)


def _cut(path: str, depth: int) -> str:
    return ":".join(path.split(":")[:depth])


def _rows(table: ConfusionTable) -> Iterator[ImageRecord]:
    """A row for each counted answer, those of one cell together."""
    labels = [frozenset({join_values((label,))}) for label in table.labels]
    n_digits = len(str(table.n_counted))
    true = np.repeat(np.arange(len(labels)), table.counts.sum(axis=1))
    for number, k in enumerate(true.tolist(), start=1):
        yield ImageRecord(f"count-{number:0{n_digits}}", NO_IMAGE, Split.TEST, "", labels[k])


def _answers(table: ConfusionTable, dataset: DataSet) -> ImportedPredictions:
    k = len(table.labels)
    predicted = np.repeat(np.tile(np.arange(k), k), table.counts.ravel())
    ids = tuple(image.image_id for image in dataset.images)
    return ImportedPredictions(table.name, table.sha256, ids, table.labels, None, predicted)
