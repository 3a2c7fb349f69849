"""`taxoscope doctor`, `taxoscope backup` and `taxoscope restore`."""

import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dashboard.settings import Settings
from dashboard.words import counted
from model_zoo.workspace.command_line import command
from model_zoo.workspace.workspace import DECLARATION, Workspace

console = Console(highlight=False, markup=False)
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of sentences.")]
WorkspaceOption = Annotated[
    Path | None, typer.Option("--workspace", help="Folder of a workspace; without it, the demo.", show_default=False)
]


def doctor(
    workspace: WorkspaceOption = None,
    host: Annotated[str, typer.Option(help="Address that would be listened on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port that would be used.", min=0, max=65535)] = 8501,
    as_json: JsonOption = False,
) -> None:
    """Check this installation: versions, devices, write access, port, what is missing, what shadows its packages."""
    from dashboard.doctor.checks import check_installation

    folder = (Workspace.open(workspace) if workspace else Settings().open_workspace()).writable
    found = check_installation(folder, host, port)
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=1))
    else:
        for one in found:
            console.print(f"{one.name}: {one.told}", style="red" if one.is_fault else None, soft_wrap=True)
    if any(one.is_fault for one in found):
        sys.exit(1)


def backup(
    file: Annotated[Path, typer.Argument(help="Zip to write; nothing is written over.")],
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a workspace with its decisions to one file, also while it is served."""
    from dashboard.backup.backup import write_backup

    made = write_backup(Workspace.open(workspace) if workspace else Settings().open_workspace(), file)
    if as_json:
        print(json.dumps({**asdict(made), "path": str(made.path)}))
        return
    console.print(
        f"Written: {made.path}, {counted(made.n_files, 'file')}, {made.n_bytes / 1e6:,.1f} MB", soft_wrap=True
    )
    for link in made.links:
        console.print(f"Not in it: the link {link}", style="yellow", soft_wrap=True)


def restore(
    file: Annotated[Path, typer.Argument(help="File that `taxoscope backup` wrote.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to restore to; not there yet, or empty.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Rename a folder that is not empty, and take its place.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Restore a workspace with its decisions from a backup, whole or not at all."""
    from dashboard.backup.backup import restore_backup

    made = restore_backup(file, folder, replace)
    if as_json:
        print(json.dumps({**asdict(made), "path": str(made.path)}))
        return
    console.print(f"Restored: {made.path}, {counted(made.n_files, 'file')}", soft_wrap=True)
    for link in made.links:
        console.print(f"Make it again: the link {link}", style="yellow", soft_wrap=True)
    is_demo = not (made.path / DECLARATION).is_file()
    serve = command("serve") if is_demo else command("serve", folders=[made.path])
    console.print(
        f"Next: {f'TAXOSCOPE_DEMO_FOLDER={shlex.quote(str(made.path))} ' if is_demo else ''}{serve}", soft_wrap=True
    )
