"""Commands as pages, reports and errors print them."""

import json
import shlex
from collections.abc import Sequence
from functools import cache
from importlib.metadata import distribution
from pathlib import Path


def command(*arguments: str, folders: Sequence[Path] = ()) -> str:
    """``taxoscope ...`` with its arguments quoted for a shell, after ``uv run`` where a checkout is run.

    ``folders`` are those of a workspace: a single one is named, a stack is the demo, which needs no name.
    """
    where = ["--workspace", str(folders[0])] if len(folders) == 1 else []
    return shlex.join([*_program(), *arguments, *where])


def dry_run(folder: Path) -> str:
    """The command that says what would be imported into the workspace at ``folder``."""
    return command("import-data", "IMAGES", "--dry-run", folders=[folder])


@cache
def _program() -> tuple[str, ...]:
    origin = json.loads(distribution("taxoscope").read_text("direct_url.json") or "{}")  # PEP 610
    is_checkout = origin.get("dir_info", {}).get("editable", False)
    return ("uv", "run", "taxoscope") if is_checkout else ("taxoscope",)
