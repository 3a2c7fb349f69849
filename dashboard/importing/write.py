"""Write a planned import of images and labels, completely or not at all."""

import os
import shutil
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from dashboard.importing.plan import ImportPlan
from model_zoo.importing.near_duplicates import HASHES, KnownHashes
from model_zoo.importing.source import SourceError
from model_zoo.workspace.manifest import write_manifest, write_new, write_whole
from model_zoo.workspace.taxonomy_files import taxonomy_toml
from model_zoo.workspace.workspace import DECLARATION, Workspace


def write_import(plan: ImportPlan, progress: Callable[[int, int], None] = lambda done, of: None) -> Workspace:
    """Write the plan, the manifest last; returns the reopened workspace.

    On any exception, Ctrl-C included, all written files are removed. `SourceError` if the manifest changed since the
    plan, or if the disk refuses. ``progress`` is called with the number of copied images and the total.
    """
    folder = plan.workspace.writable
    with ExitStack() as undo:
        try:
            if (plan.manifest.read_bytes() if plan.manifest.is_file() else b"") != plan.manifest_raw:
                raise SourceError(f"{plan.manifest} was changed while this import was planned; start it again.")
            if plan.folder and not plan.options.labels_only:
                _bring(plan, undo, progress)
            if plan.declaration:
                path = folder / DECLARATION
                undo.callback(write_whole, path, path.read_bytes())
                write_whole(path, plan.declaration.encode())
            for taxonomy in plan.taxonomies:
                path = folder / "taxonomies" / f"{taxonomy.name}.toml"
                if not path.parent.is_dir():
                    path.parent.mkdir()
                    undo.callback(path.parent.rmdir)
                write_new(path, taxonomy_toml(taxonomy, plan.space).encode())
                undo.callback(path.unlink)
            undo.callback(_put_back, plan.manifest, plan.manifest_raw)
            write_manifest(plan.manifest, [*plan.before, *plan.records], plan.space)
            read = Workspace.open(folder)
            read.taxonomies()
            read.dataset()
            _keep_hashes(plan, undo)
        except OSError as error:
            raise SourceError(
                f"Nothing was written: {error.filename or folder} refuses ({error.strerror}); make room or give access."
            ) from error
        undo.pop_all()
    return read


def _bring(plan: ImportPlan, undo: ExitStack, progress: Callable[[int, int], None]) -> None:
    target = plan.workspace.writable / plan.folder
    if not target.parent.is_dir():
        target.parent.mkdir()
        undo.callback(target.parent.rmdir)
    if not plan.options.copy:
        os.symlink(plan.base, target, target_is_directory=True)
        undo.callback(target.unlink)
        return
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")
    undo.callback(_remove, partial)
    for done, file in enumerate(dict.fromkeys(plan.files), start=1):
        (partial / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(plan.base / file, partial / file)
        progress(done, len(plan.files))
    partial.rename(target)
    undo.callback(_remove, target)


def _keep_hashes(plan: ImportPlan, undo: ExitStack) -> None:
    folder = plan.workspace.writable
    path = folder / HASHES
    new = [
        (image.path, folder / image.path, look)
        for image, look in zip(plan.records, plan.hashes, strict=True)
        if look is not None
    ]
    if new:
        undo.callback(os.truncate, path, path.stat().st_size) if path.is_file() else undo.callback(path.unlink, True)
        KnownHashes(path).add(new)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _put_back(manifest: Path, raw: bytes) -> None:
    if raw:
        write_whole(manifest, raw)
    else:
        manifest.unlink(missing_ok=True)
