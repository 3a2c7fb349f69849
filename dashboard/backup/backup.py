"""A workspace's writable folder as one zip, also while a server writes to it; and back."""

import json
import os
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import file_digest, sha256
from importlib.metadata import version
from pathlib import Path

from model_zoo.core.errors import WorkspaceError
from model_zoo.importing.archives import unpack
from model_zoo.untrusted.text_limits import load_json
from model_zoo.workspace.workspace import Workspace

CONTENTS = "taxoscope-backup.json"
"""Member of the zip: format, name of the workspace, time, and the SHA-256 of every other member."""

FORMAT = 1
MAX_CONTENTS = 2**28
CHUNK = 2**20
_BESIDE_DATABASE = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Backup:
    """A written or restored backup; ``links`` are links to elsewhere, which no backup holds."""

    path: Path
    n_files: int
    n_bytes: int
    links: tuple[str, ...] = ()


def write_backup(workspace: Workspace, target: Path) -> Backup:
    """Write the writable folder as a zip, completely or not at all; `WorkspaceError` if ``target`` exists.

    The database of decisions is copied as it is at one moment. Links are not followed, and names that begin with a
    dot, which are unfinished work, are left out.
    """
    folder = workspace.writable
    if target.exists() or not target.parent.is_dir():
        raise WorkspaceError(f"Cannot write to {target}; give a new file in an existing folder.")
    partial = target.with_name(f".{target.name}.partial")
    hashes: dict[str, str] = {}
    links: list[str] = []
    try:
        with tempfile.TemporaryDirectory() as place, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in _below(folder, links):
                name = path.relative_to(folder).as_posix()
                source = path
                if path == workspace.decisions_path:
                    source = _copy_database(path, Path(place) / path.name)
                with suppress(FileNotFoundError):  # removed since it was listed
                    hashes[name] = _add(archive, source, name)
            contents = {"format": FORMAT, "workspace": workspace.name, "taxoscope": version("taxoscope")}
            contents |= {"created": datetime.now(UTC).isoformat(timespec="seconds"), "links": links}
            archive.writestr(CONTENTS, json.dumps(contents | {"files": hashes}, indent=1))
        os.link(partial, target)  # fails where another process made the file meanwhile
    except OSError as error:
        raise WorkspaceError(f"The backup cannot be written to {target} ({error.strerror or error}).") from error
    finally:
        partial.unlink(missing_ok=True)
    return Backup(target, len(hashes), target.stat().st_size, tuple(links))


def restore_backup(archive: Path, folder: Path, replace: bool = False) -> Backup:
    """Unpack a backup to ``folder``, completely or not at all, once every file has the hash that the backup says.

    A folder that holds anything is refused, or with ``replace`` renamed to ``NAME.before-TIME``. `SourceError` or
    `WorkspaceError` for a file that is no backup, is damaged, or leads out of the folder.
    """
    folder = folder.absolute()
    taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    if taken and not replace:
        raise WorkspaceError(f"{folder} is not empty; give a new folder, or --replace, which renames the old one.")
    if not folder.parent.is_dir():
        raise WorkspaceError(f"There is no folder {folder.parent}; make it first.")
    if not archive.is_file():
        raise WorkspaceError(f"There is no file {archive}; give a file that `taxoscope backup` wrote.")
    place = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    made = place / "restored"
    try:
        unpack(archive, made)
        hashes, links = _contents(made, archive)
        _check(made, hashes, archive)
        if taken:
            folder.rename(folder.with_name(f"{folder.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%S}"))
        made.rename(folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return Backup(folder, len(hashes), sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()), links)


def _below(folder: Path, links: list[str]) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            if (path := Path(place) / name).is_symlink():
                links.append(f"{path.relative_to(folder).as_posix()} -> {os.readlink(path)}")
        folders[:] = sorted(one for one in folders if not one.startswith(".") and not (Path(place) / one).is_symlink())
        for name in sorted(names):
            path = Path(place) / name
            is_log = name.startswith("decisions.sqlite") and name.endswith(_BESIDE_DATABASE)
            if path.is_file() and not path.is_symlink() and not name.startswith(".") and not is_log:
                yield path


def _copy_database(path: Path, copy: Path) -> Path:
    try:
        with closing(sqlite3.connect(path)) as database, closing(sqlite3.connect(copy)) as target:
            database.backup(target)
    except sqlite3.Error as error:
        raise WorkspaceError(
            f"{path} cannot be copied ({error}); `taxoscope labels repair` says what is damaged."
        ) from error
    return copy


def _add(archive: zipfile.ZipFile, source: Path, name: str) -> str:
    """Add a file as it is read once, and return its hash."""
    digest = sha256()
    with source.open("rb") as file, archive.open(name, "w", force_zip64=True) as member:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            member.write(chunk)
    return digest.hexdigest()


def _contents(folder: Path, archive: Path) -> tuple[Mapping[str, str], tuple[str, ...]]:
    path = folder / CONTENTS
    try:
        if path.stat().st_size > MAX_CONTENTS:
            raise ValueError("too long")
        told = load_json(path.read_text(encoding="utf-8"))
        hashes, links = told["files"], told["links"]
        if told["format"] != FORMAT or not all(isinstance(one, str) for one in [*hashes, *hashes.values(), *links]):
            raise ValueError("another format")
        path.unlink()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WorkspaceError(
            f"{archive.name} is no backup of this version; give a file that `taxoscope backup` wrote."
        ) from error
    return hashes, tuple(links)


def _check(folder: Path, hashes: Mapping[str, str], archive: Path) -> None:
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    wrong = sorted(found.keys() ^ hashes.keys()) or [
        name for name, path in found.items() if _sha256(path) != hashes[name]
    ]
    if wrong:
        raise WorkspaceError(f"{archive.name} is damaged: {wrong[0][:100]!r} is not as it was backed up; use another.")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
