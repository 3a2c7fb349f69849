"""Dry run of an import of images and labels: everything that would be written, and all warnings."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dashboard.importing.exact_duplicates import digests, duplicates
from dashboard.importing.near_duplicates import NearDuplicates, find_near_duplicates, near_duplicate_words
from dashboard.importing.pixels import pixel_words
from dashboard.words import counted
from model_zoo.core.label_space.labels import LeafSpace
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.images.grey_scale import COLUMN, scales_of_import
from model_zoo.importing.file_matching import path_below
from model_zoo.importing.files import FoundFile, find_file, inspect_file, read_bit_depths
from model_zoo.importing.labels import declare_labels, equal_columns, label_of, plain_name, taxonomies
from model_zoo.importing.near_duplicates import HASHES, KnownHashes
from model_zoo.importing.source import Row, Source, SourceError, shown
from model_zoo.importing.splits import hold_out, patients_together, split_by_patient
from model_zoo.importing.text_encoding import nfc
from model_zoo.workspace.manifest import DataSet, ImageRecord, read_manifest
from model_zoo.workspace.new_workspace import declaration, is_unchanged
from model_zoo.workspace.workspace import DECLARATION, MANIFEST, Workspace

IMAGES = "images"
MAX_ID = 1_000


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Options of an import; ``shares`` of train, validation and test, ``held_out`` in percent.

    With ``labels_only`` no image file is looked for.
    """

    copy: bool = False
    check: bool = True
    move_patients: bool = False
    shares: tuple[int, int, int] | None = None
    held_out: int | None = None
    name: str = ""
    labels_only: bool = False


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """Everything that `write_import` writes, and all warnings.

    ``records`` are the new images, ``before`` those of the manifest; ``files`` are paths below ``base`` in the order of
    ``records``. ``hashes`` are perceptual hashes, and ``near_duplicates`` pairs of similar images, including pairs with
    images in the workspace. ``declaration`` is the new `workspace.toml`, '' if labels are declared already. ``folder``
    is where images are copied to or linked from, '' if they are in the workspace already.
    """

    workspace: Workspace
    source: Source
    options: ImportOptions
    space: LeafSpace
    before: tuple[ImageRecord, ...]
    records: tuple[ImageRecord, ...]
    files: tuple[str, ...]
    hashes: tuple[int | None, ...]
    near_duplicates: NearDuplicates
    base: Path
    folder: str
    declaration: str
    taxonomies: tuple[Taxonomy, ...]
    manifest_raw: bytes
    left_out: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def manifest(self) -> Path:
        """Path of the manifest that is written."""
        return self.workspace.writable / MANIFEST


def plan_import(
    workspace: Workspace,
    source: Source,
    options: ImportOptions,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> ImportPlan:
    """Plan an import without writing anything; `SourceError` says in one sentence why it is impossible.

    ``progress`` is called with the number of files that were read and the total.
    """
    manifest = workspace.writable / MANIFEST
    manifest_raw = manifest.read_bytes() if manifest.is_file() else b""
    before = read_manifest(manifest, workspace.space) if manifest_raw else ()
    if DataSet(workspace.space, before).counts_alone:
        raise SourceError(
            f"{workspace.writable} holds the counts of a confusion table, which have no images; bring images into "
            "another workspace: uv run taxoscope init DIR."
        )
    found, left_out, matched = find_file(() if options.labels_only else source.rows, source.base)
    if options.labels_only:
        found = [FoundFile(row, path_below(row.file)) for row in source.rows]
    if not found:
        raise SourceError(
            f"None of {counted(len(source.rows), 'image')} can be brought in; the first: {left_out[0]} Without image "
            "files, --labels-only brings in the labels."
        )
    if options.labels_only:
        pass
    elif options.check:
        found, unreadable = inspect_file(found, source.base, lambda done: progress(done, len(found)))
        left_out = [*left_out, *unreadable]
    else:
        found = read_bit_depths(found, source.base)
    if not found:
        raise SourceError(f"None of {counted(len(source.rows), 'image')} can be brought in; the first: {left_out[0]}")
    _check_ids(found, before)
    rows, moved = _in_splits([one.row for one in found], before, options)
    path = workspace.writable / DECLARATION
    is_new = not before and is_unchanged(path)
    space = declare_labels(source, rows) if is_new else workspace.space
    made = taxonomies(source, rows, space) if is_new else ()
    if is_new and (known := workspace.versions()):
        raise SourceError(f"{workspace.writable} has taxonomy {next(iter(known))!r} but no labels declared; remove it.")
    opening = [one.name for one in made][:2]
    grey = scales_of_import([one.depth for one in found], [one.grey for one in before if one.grey])
    base = source.base.resolve()
    folder = _folder(workspace, source, options, base)
    inside = folder or base.relative_to(workspace.writable.resolve()).as_posix()
    records = tuple(
        ImageRecord(
            row.image_id,
            one.inside if inside == "." else f"{inside}/{one.inside}",
            row.split,
            row.patient_id,
            label_of(row, source, space, made),
            {**row.columns, COLUMN: scale.text} if scale else row.columns,
        )
        for row, one, scale in zip(rows, found, grey, strict=True)
    )
    DataSet(space, (*before, *records))
    digest_of = digests(found, before, workspace.writable)
    alike = _alike(found, records, before, digest_of, workspace)
    return ImportPlan(
        workspace=workspace,
        source=source,
        options=options,
        space=space,
        before=before,
        records=records,
        files=tuple(one.inside for one in found),
        hashes=tuple(one.look for one in found),
        near_duplicates=alike,
        base=base,
        folder=folder,
        declaration=declaration(workspace.name, workspace.description, space, opening) if is_new else "",
        taxonomies=made,
        manifest_raw=manifest_raw,
        left_out=(*source.left_out, *left_out),
        warnings=(
            *matched,
            *moved,
            *pixel_words(found, records, before, workspace),
            *empty_classes(source, rows),
            *duplicates(found, records, before, digest_of, space),
            *near_duplicate_words(alike),
            *_said_of_labels(records, source, space, is_new),
        ),
    )


def empty_classes(source: Source, rows: Sequence[Row]) -> list[str]:
    """A sentence for each class, on any level, that the source lists but that has no importable image."""
    lines = []
    for level, name in enumerate(source.levels):
        listed, kept = (Counter(row.labels[level] for row in some) for some in (source.rows, rows))
        lines += [
            f"Class {shown(one)} ({name}) comes out empty: {counted(n, 'image')} listed, none can be brought in."
            for one, n in listed.items()
            if one and not kept[one]
        ]
    return lines


def _alike(
    found: Sequence[FoundFile],
    records: Sequence[ImageRecord],
    before: Sequence[ImageRecord],
    digest_of: Mapping[str, str],
    workspace: Workspace,
) -> NearDuplicates:
    there = {image.path: workspace.writable / image.path for image in before}
    known = KnownHashes(workspace.writable / HASHES).of(there) if before and found[0].sha256 else {}
    return find_near_duplicates(
        (*records, *before),
        [*(one.look for one in found), *(known.get(image.path) for image in before)],
        [*(one.sha256 for one in found), *(digest_of.get(image.path, "") for image in before)],
    )


def _check_ids(found: Sequence[FoundFile], before: Sequence[ImageRecord]) -> None:
    known = {image.image_id for image in before}
    seen: dict[str, Row] = {}
    for one in found:
        row = one.row
        segments = row.image_id.split("/")
        if not row.image_id or len(row.image_id) > MAX_ID or {".", ".."} & set(segments):
            raise SourceError(
                f"{row.where}: {shown(row.image_id)} cannot name an image; an id has 1 to {MAX_ID:,} characters and "
                "no . or .. between slashes: choose another column with --id."
            )
        if row.image_id in seen:
            other = seen[row.image_id]
            if other.file != row.file and nfc(other.file) == nfc(row.file):
                raise SourceError(
                    f"{shown(row.file)} ({other.file!a} and {row.file!a}) is two files whose names differ in "
                    "their Unicode form alone; rename one of them."
                )
            raise SourceError(
                f"Id {shown(row.image_id)} is in {other.where} and in {row.where}; each image needs its own: mend the "
                "source, or choose another column with --id."
            )
        if row.image_id in known:
            raise SourceError(
                f"Image {shown(row.image_id)} ({row.where}) is in the workspace already; were these imported before? "
                "If not, give a column of other ids with --id."
            )
        seen[row.image_id] = row


def _in_splits(
    rows: Sequence[Row], before: Sequence[ImageRecord], options: ImportOptions
) -> tuple[list[Row], list[str]]:
    if options.shares:
        rows = _with(rows, split_by_patient(rows, options.shares))
    if options.held_out:
        rows = _with(rows, hold_out(rows, options.held_out))
    home = {one.patient_id: one.split for one in before if one.patient_id and one.split is not Split.NONE}
    whole, moved = patients_together([row.patient_id for row in rows], [row.split for row in rows], home)
    if moved and not options.move_patients:
        patient = next(iter(moved))
        raise SourceError(
            f"{counted(len(moved), 'patient')}, such as {shown(patient)}, {'has' if len(moved) == 1 else 'have'} "
            "images in two splits, so a model would know who it is judged on; mend the source, or give "
            f"--move-patients, which moves {counted(sum(moved.values()), 'image')} to the split where most of their "
            "patient's are."
        )
    n = sum(moved.values())
    images = f"{counted(n, 'image')} of {counted(len(moved), 'patient')}"
    lines = [f"{images} {'moves' if n == 1 else 'move'} to their patient's split."] if moved else []
    return _with(rows, whole), lines


def _with(rows: Sequence[Row], splits: Sequence[Split]) -> list[Row]:
    return [row if row.split is split else replace(row, split=split) for row, split in zip(rows, splits, strict=True)]


def _folder(workspace: Workspace, source: Source, options: ImportOptions, base: Path) -> str:
    """Folder of the images, relative to the workspace; '' if they are in the workspace and stay there."""
    if not (options.copy or options.labels_only) and base.is_relative_to(workspace.writable.resolve()):
        return ""
    name = plain_name(options.name or source.base.resolve().name, "imported")
    taken = workspace.writable / IMAGES
    free = next(one for one in (name, *(f"{name}-{k}" for k in range(2, 10_000))) if not _exists(taken / one))
    return f"{IMAGES}/{free}"


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _said_of_labels(records: Sequence[ImageRecord], source: Source, space: LeafSpace, is_new: bool) -> list[str]:
    lines = []
    if n_unknown := sum(image.label == space.everything for image in records) if len(space.leaves) > 1 else 0:
        lines.append(f"{counted(n_unknown, 'image')} without a label: it can be any class until somebody labels it.")
    if not is_new and not source.in_parts and len(source.levels) > 1:
        lines.append("This workspace declares its labels itself: coarser levels are not written as taxonomies.")
    for values in zip(*(row.labels for row in source.rows), strict=True):
        lines += [
            f"{' and '.join(map(shown, one))} are different classes; make them one in the source if they are."
            for one in equal_columns(dict.fromkeys(values))
        ]
    if all(image.split is Split.NONE for image in records):
        lines.append("No image is in a split, and none can be learnt from or judged on; --divide 70/15/15 draws some.")
    return lines
