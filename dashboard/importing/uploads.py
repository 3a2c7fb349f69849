"""Files that the page Import accepts: uploads, and entries of the workspace's folder `incoming`."""

import os
import shutil
import tempfile
import uuid
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from dashboard.importing.images import Preview, preview
from dashboard.importing.temporary_files import temporary_folder
from model_zoo.importing.archives import UnpackBudget, is_archive, unpack, unpack_budget_for_uploads
from model_zoo.importing.dicom import Frames, extract_frames, holds_dicom
from model_zoo.importing.files import inside
from model_zoo.importing.labels import plain_name
from model_zoo.importing.reading import read_source
from model_zoo.importing.rules import parse_rules
from model_zoo.importing.source import Source, SourceError, Wording, shown
from model_zoo.importing.tables import Columns, read_table
from model_zoo.untrusted.limits import limits, variable
from model_zoo.workspace.command_line import command, dry_run
from model_zoo.workspace.manifest import write_new
from model_zoo.workspace.workspace import Workspace


class ImportKind(StrEnum):
    """What the page Import imports."""

    IMAGES = "images"
    MODEL = "model"


class UploadSource(StrEnum):
    """Where the imported files come from."""

    UPLOAD = "upload"
    INCOMING = "incoming"


INCOMING = "incoming"
MAX_LISTED = 1_000

TABLES = (".csv", ".tsv", ".parquet", ".json", ".jsonl", ".ndjson")
_WITH_COLUMNS = (".csv", ".tsv", ".parquet")
WEIGHTS = (
    *(".safetensors", ".pth", ".pt", ".pth.tar", ".tar", ".th", ".ckpt", ".bin", ".model", ".weights", ".pkl", ".pt2"),
    *(".onnx", ".h5", ".hdf5", ".keras", ".zip", ".tflite", ".pb"),
)
"""Endings of model files, of those that are refused with a way out too."""

ProgressCallback = Callable[[int, int], None]
_HELD = "taxoscope-held-"
_PACKED, _UNPACKED, _FRAMES, _TABLE = "packed", "unpacked", "frames", "table"
"""What lies in a held folder; names that users gave lie below the last three."""


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """One uploaded file: its name, its size, and a function that returns its bytes."""

    name: str
    n_bytes: int
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How import files are read: the table in the folder ('' for none), its columns, and the meaning of folders.

    ``rules`` is the text of rules that derive labels; None if columns give them. ``wording``: see there.
    """

    table: str = ""
    columns: Columns = field(default_factory=Columns)
    folders: tuple[str, ...] = ()
    rules: str | None = None
    wording: Wording = field(default_factory=Wording)


class ImportFiles:
    """Files to be imported: ``path`` is a folder or a file, ``images`` the folder of a table's images, if another.

    Uploaded, unpacked or converted files are in a temporary folder, which is removed by `close`, with the last
    reference to this object, and when the process ends. ``key`` is unique to this object. ``encoding`` is that of
    texts and of names in an archive, '' for the one that fits; ``told`` says in sentences how it was unpacked.
    """

    def __init__(
        self, name: str, path: Path, images: Path | None = None, held: Path | None = None, encoding: str = ""
    ) -> None:
        self.key, self.name, self.path, self.images = uuid.uuid4().hex, name, path, images
        self.encoding, self.told = encoding, list[str]()
        self.held, self.frames = held, Frames(0, 0, (), ())
        self._read: tuple[ReadOptions, Source] | None = None
        self._previews: tuple[Preview, ...] = ()
        self._columns: dict[str, tuple[str, ...]] = {}
        self._end = weakref.finalize(self, shutil.rmtree, held, True) if held else None

    @property
    def stays(self) -> bool:
        """Whether the files are in the workspace and may stay where they are."""
        return self.held is None

    @property
    def tables(self) -> tuple[str, ...]:
        """Tables in the folder that may describe the images; links that lead out of the folder are ignored."""
        if not self.path.is_dir():
            return ()
        names = [one.name for one in self.path.iterdir() if one.suffix.lower() in TABLES]
        return tuple(sorted(name for name in names if os.path.isfile(inside(self.path, name) or "")))

    @property
    def likeliest_table(self) -> str:
        """The first table with columns; '' if there is none."""
        return next((one for one in self.tables if one.lower().endswith(_WITH_COLUMNS)), "")

    def columns(self, table: str) -> tuple[str, ...]:
        """Column names of a table, cached; () for a file without columns."""
        path = self._read_from(table)
        if table not in self._columns:
            has_some = path.is_file() and path.suffix.lower() in _WITH_COLUMNS
            self._columns[table] = read_table(path, self.encoding).names if has_some else ()
        return self._columns[table]

    def source(self, reading: ReadOptions) -> Source:
        """The rows, cached until ``reading`` changes; raises `SourceError`."""
        if self._read is None or self._read[0] != reading:
            path = self._read_from(reading.table)
            rules = () if reading.rules is None else parse_rules(reading.rules)
            source = read_source(path, reading.columns, self.images, reading.folders, rules, reading.wording)
            told, left_out = (*self.told, *self.frames.told, *source.told), (*self.frames.left_out, *source.left_out)
            source = replace(source, told=told, left_out=left_out)
            self._previews = preview(source)
            self._read = reading, source
        return self._read[1]

    def previews(self, reading: ReadOptions) -> tuple[Preview, ...]:
        """Some rows with their images; cached like `source`."""
        self.source(reading)
        return self._previews

    def _read_from(self, table: str) -> Path:
        """Path to read: one of `tables`, or the whole folder; other names from a browser are refused."""
        if table and table not in self.tables:
            raise SourceError(f"{shown(self.name)} holds no table {shown(table)}; choose one of those offered.")
        return self.path / table

    def without_server_path(self, text: str) -> str:
        """``text`` without the path of the server's temporary folder."""
        if self.held is None:
            return text
        for part in (_UNPACKED, _FRAMES, _TABLE):
            text = text.replace(f"{self.held}/{part}/", "")
        return text.replace(f"{self.held}/", "").replace(str(self.held), "the upload")

    def close(self) -> None:
        """Remove the temporary folder."""
        if self._end:
            self._end()


def why_no_images(workspace: Workspace) -> str:
    """Why images cannot be imported into this workspace; '' if they can."""
    if len(workspace.folders) > 1:
        return (
            "This is the demo that ships with TaxoScope: its images and labels stay as they are. Make a workspace of "
            "your own, serve it, and import there:"
        )
    return why_not_writable(workspace)


def why_not_writable(workspace: Workspace) -> str:
    """Why this workspace cannot be written; '' if it can."""
    if os.access(workspace.writable, os.W_OK):
        return ""
    return f"Nothing can be written to {workspace.writable}; give the server access, or import where there is some:"


def commands_only(workspace: Workspace) -> str:
    """Commands for what no page can do."""
    return command("look-alike", folders=[workspace.writable])


def commands_instead(workspace: Workspace) -> str:
    """Commands to use if the page cannot import."""
    if len(workspace.folders) > 1:
        mine = [Path("mine")]
        steps = (command("init", "mine"), dry_run(mine[0]), command("serve", folders=mine))
        return "\n".join(steps)
    return dry_run(workspace.writable)


def list_incoming(workspace: Workspace, endings: Sequence[str] = ()) -> tuple[str, ...]:
    """Names of entries in `incoming` that do not lead out of it; with ``endings`` only files with such an ending."""
    folder = workspace.writable / INCOMING
    if not folder.is_dir():
        return ()
    there = sorted(one.name for one in folder.iterdir() if not one.name.startswith("."))
    found = [one for one in there if _inside(workspace, one)]
    if endings:
        found = [one for one in found if one.lower().endswith(tuple(endings)) and (folder / one).is_file()]
    return tuple(found[:MAX_LISTED])


def incoming_path(workspace: Workspace, name: str) -> Path:
    """Path of one entry of `incoming`; `SourceError` for any other name."""
    found = _inside(workspace, name)
    if found is None:
        raise SourceError(f"There is no {shown(name)} in {workspace.writable / INCOMING}; put it there.")
    return found


def take_incoming(workspace: Workspace, name: str, tell: ProgressCallback, encoding: str = "") -> ImportFiles:
    """A folder, table, archive or DICOM of `incoming`; archives and DICOM are unpacked to a temporary folder."""
    path = incoming_path(workspace, name)
    if not is_archive(path) and not holds_dicom(path):
        return ImportFiles(name, path, encoding=encoding)
    held = _hold()
    with _taking(ImportFiles(name, path, held=held, encoding=encoding)) as import_files:
        if is_archive(path):
            import_files.path = _unpacked(path, import_files, tell, None)
        _take_frames(import_files, held, tell, None)
    return import_files


def take_upload(files: Sequence[UploadedFile], tell: ProgressCallback, encoding: str = "") -> ImportFiles:
    """An archive of images, a table that lists them, or both; `SourceError` for any other files.

    Any exception leaves no files behind.
    """
    _check_size(files)
    held = _hold()
    with _taking(ImportFiles(files[0].name, held, held=held, encoding=encoding)) as import_files:
        _take(import_files, held, files, tell)
    return import_files


def take_weights(given: UploadedFile) -> ImportFiles:
    """One uploaded checkpoint, written to a temporary folder."""
    _check_size([given])
    held = _hold()
    path = held / _named(given.name)
    import_files = ImportFiles(given.name, path, held=held)
    write_new(path, given.read())
    return import_files


@contextmanager
def _taking(import_files: ImportFiles) -> Iterator[ImportFiles]:
    """On an exception, remove all files, and remove the server's path from the message."""
    try:
        yield import_files
    except BaseException as error:
        import_files.close()
        if isinstance(error, SourceError):
            raise SourceError(import_files.without_server_path(str(error))) from error
        raise


def _take(import_files: ImportFiles, held: Path, files: Sequence[UploadedFile], tell: ProgressCallback) -> None:
    tables = [one for one in files if Path(one.name).suffix.lower() in TABLES]
    packed = [one for one in files if one not in tables]
    if len(packed) > 1 or len(tables) > 1:
        raise SourceError(
            f"{len(packed)} archives and {len(tables)} tables were given; give one zip of images, and one table that "
            "lists them if it is not inside."
        )
    for one in packed:
        path, import_files.name = held / _PACKED, one.name
        write_new(path, one.read())
        import_files.path = _unpacked(path, import_files, tell, unpack_budget_for_uploads())
        path.unlink()
        _take_frames(import_files, held, tell, unpack_budget_for_uploads())
        import_files.images = import_files.path if tables else None
    for one in tables:
        import_files.path = held / _TABLE / _named(one.name)
        import_files.path.parent.mkdir()
        write_new(import_files.path, one.read())


def _take_frames(import_files: ImportFiles, held: Path, tell: ProgressCallback, room: UnpackBudget | None) -> None:
    """Replace DICOM files by their frames."""
    if holds_dicom(import_files.path):
        target = held / _FRAMES / plain_name(Path(import_files.name).stem, "frames")[:80]
        target.parent.mkdir()
        import_files.frames = extract_frames(import_files.path, target, tell, room)
        import_files.path = target


def _check_size(files: Sequence[UploadedFile]) -> None:
    """Check the upload limit on the server, because a browser's limit can be bypassed."""
    at_most = limits().upload_mb
    if sum(one.n_bytes for one in files) > at_most * 2**20:
        named = ", ".join(shown(one.name) for one in files[:3])
        raise SourceError(
            f"{named}: more than {at_most:,} MB; put that into the workspace's folder {INCOMING}, or set "
            f"{variable('upload_mb')}."
        )


def _inside(workspace: Workspace, name: str) -> Path | None:
    """``incoming/name`` if it is a file or folder inside `incoming` and the workspace, after links are followed."""
    folder, root = workspace.writable / INCOMING, workspace.writable.resolve()
    try:
        if not name or Path(name).name != name or not folder.resolve().is_relative_to(root):
            return None
        real = (folder / name).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):  # gone, a null byte, links in a circle
        return None
    return real if real.is_relative_to(folder.resolve()) and real != folder.resolve() else None


def _hold() -> Path:
    return temporary_folder(Path(tempfile.gettempdir()), _HELD)


def _named(name: str) -> str:
    """A file name that is safe to write, with its suffix kept."""
    stem, suffix = Path(name).stem, Path(name).suffix.lower()
    return plain_name(stem, "upload")[:80] + (suffix if suffix in (*TABLES, *WEIGHTS) else "")


def _unpacked(path: Path, files: ImportFiles, tell: ProgressCallback, room: UnpackBudget | None) -> Path:
    assert files.held is not None
    target = files.held / _UNPACKED / plain_name(Path(files.name).stem, "images")[:80]
    try:
        return unpack(path, target, tell, room, files.encoding, files.told.append)
    except SourceError as error:
        raise SourceError(str(error).replace(shown(path.name), shown(files.name))) from error
