"""Commands as pages, reports and errors print them."""

import shlex
from collections.abc import Sequence
from pathlib import Path


def command(*arguments: str, folders: Sequence[Path] = ()) -> str:
    """``uv run taxoscope ...`` for the project's folder, its arguments quoted for a shell.

    ``folders`` are those of a workspace: a single one is named, a stack is the demo, which needs no name.
    """
    where = ["--workspace", str(folders[0])] if len(folders) == 1 else []
    return shlex.join(["uv", "run", "taxoscope", *arguments, *where])


def dry_run(folder: Path) -> str:
    """The command that says what would be imported into the workspace at ``folder``."""
    return command("import-data", "IMAGES", "--dry-run", folders=[folder])
