"""`taxoscope init` and `taxoscope import-data`: a workspace made, and images brought into it."""

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer
from rich.console import Console

console = Console(highlight=False, markup=False)


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make; one that is there may hold images.")],
    name: Annotated[str, typer.Option(help="What the workspace is called; default: the folder's name.")] = "",
) -> None:
    """Make an empty workspace that explains itself."""
    from model_zoo import new_workspace

    made = new_workspace.init(folder, name)
    console.print(f"Made: {made}, an empty workspace; its {new_workspace.README} says what lies where.", soft_wrap=True)
    console.print(f"Next: taxoscope import-data IMAGES --workspace {quote(str(made))} --dry-run", soft_wrap=True)
