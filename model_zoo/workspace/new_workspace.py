"""A new, empty workspace: the files that `taxoscope init` writes."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from model_zoo.core.errors import WorkspaceError
from model_zoo.core.label_space.labels import LeafSpace
from model_zoo.workspace.manifest import COLUMNS, write_new
from model_zoo.workspace.taxonomy_files import quoted, read_toml
from model_zoo.workspace.workspace import DECLARATION, KEPT, MANIFEST, RECIPE, REGIONS

README = "README.txt"
EMPTY_MANIFEST = "unlabelled"
"""The one leaf of a new workspace: a leaf space must have one, and this one claims nothing."""
_NOTHING = LeafSpace((), (EMPTY_MANIFEST,))

CREATED_FILES = (
    *(DECLARATION, MANIFEST, README, KEPT, RECIPE, REGIONS),
    *("decisions.sqlite", "comparisons.jsonl", "taxonomies", "runs", "label_sets"),
)

_HEAD = """\
# What an image can be, declared once; everything in TaxoScope follows from it.
name = {name}
description = {description}
"""

_LONE = """
# A leaf is the finest thing that an image can be. The simplest way is to list all of them here.
# `taxoscope import-data` writes the classes that it finds, as long as this file is as it came.
lone = [{lone}]
"""

_PARTS = """
# Where a label consists of several answers, a leaf is one value of each part, written side.view: left.front.
# Delete the line `lone = ...` above, or keep there what has no parts, and fill in:
#
# forbidden = [{ side = "left", view = "top" }]      # combinations that no image can be; write it above [parts]
# [parts]
# side = ["left", "right"]
# view = ["front", "top"]
#
# Also possible: opening = ["fine", "coarse"] (above [parts]), the taxonomies that Compare opens with;
# [verdict] figure, margin and planned_seeds = 8, the seeds a side that you plan: a result with fewer is "interim";
# [review] rule = "latest", "majority" or "adjudicated".
"""

_README = """\
This folder is a workspace of TaxoScope.

workspace.toml   what an image can be
manifest.csv     one line per image: image_id, path, split (train, validation, test, none), patient_id, label,
                 and any further column
taxonomies/      how finely to label: one file per taxonomy, each a list of class = labels

Next: bring images in. First see what would be written, then write it. Typed where TaxoScope lies:

    uv run taxoscope import-data IMAGES --workspace HERE --dry-run
    uv run taxoscope import-data IMAGES --workspace HERE

HERE is the path of this folder; IMAGES is a folder with a folder of images for each class, or a CSV or Parquet file
with a line per image.
Then look at them:

    uv run taxoscope serve --workspace HERE
"""


def init(folder: Path, name: str = "") -> Path:
    """Write an empty workspace into ``folder``, made if need be; `WorkspaceError` if it holds any file of ours.

    A folder that cannot be filled is left as it was.
    """
    if there := [ours for ours in CREATED_FILES if (folder / ours).exists() or (folder / ours).is_symlink()]:
        raise WorkspaceError(f"{folder} has {there[0]} already and nothing is written over; choose another folder.")
    files = {
        DECLARATION: declaration(name or folder.resolve().name or "New workspace", "", _NOTHING),
        MANIFEST: ",".join(COLUMNS) + "\n",
        README: _README,
    }
    is_new, written = not folder.exists(), list[Path]()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            write_new(folder / file, text.encode())
            written.append(folder / file)
    except (OSError, UnicodeEncodeError) as error:
        for path in written:
            path.unlink(missing_ok=True)
        if is_new:
            shutil.rmtree(folder, ignore_errors=True)
        why = error.strerror if isinstance(error, OSError) else "its name is no Unicode text"
        raise WorkspaceError(f"No workspace can be made in {folder} ({why}); give another folder.") from error
    return folder


def declaration(name: str, description: str, space: LeafSpace, opening: Sequence[str] = ()) -> str:
    """The text of a `workspace.toml` that declares ``space``, with comments that say what else it can hold.

    A space with forbidden combinations cannot be written so.
    """
    assert not space.forbidden
    head = _HEAD.format(name=quoted(name), description=quoted(description))
    if opening:
        head += f"opening = [{', '.join(map(quoted, opening))}]\n"
    table = "".join(f"{quoted(part.name)} = [{_listed(part.values)}]\n" for part in space.parts)
    return head + _LONE.format(lone=_listed(space.lone)) + _PARTS + (f"\n[parts]\n{table}" if table else "")


def is_unchanged(path: Path) -> bool:
    """Whether a `workspace.toml` is as `init` wrote it, apart from name and description: nobody declared labels yet."""
    values: Mapping[str, object] = read_toml(path)
    name, description = values.get("name"), values.get("description")
    if not isinstance(name, str) or not isinstance(description, str):
        return False
    return path.read_text(encoding="utf-8") == declaration(name, description, _NOTHING)


def _listed(texts: Sequence[str]) -> str:
    one_line = ", ".join(map(quoted, texts))
    return one_line if len(one_line) <= 90 else "\n" + "".join(f"    {quoted(text)},\n" for text in texts)
