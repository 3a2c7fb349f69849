"""`taxoscope init` and `taxoscope import-data`: a workspace made, and images brought into it."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dashboard.cli.upkeep import JsonOption
from model_zoo.importing.source import LabelCells
from model_zoo.workspace.command_line import command, dry_run

if TYPE_CHECKING:
    from model_zoo.importing.dicom import Frames

console = Console(highlight=False, markup=False)


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make; one that is there may hold images.")],
    name: Annotated[str, typer.Option(help="What the workspace is called; default: the folder's name.")] = "",
) -> None:
    """Make an empty workspace that explains itself."""
    from model_zoo.workspace import new_workspace

    made = new_workspace.init(folder, name)
    console.print(f"Made: {made}, an empty workspace; its {new_workspace.README} says what lies where.", soft_wrap=True)
    console.print(f"Next: {dry_run(made)}", soft_wrap=True)


def import_data(
    source: Annotated[
        Path,
        typer.Argument(help="Folder of images by class, or of DICOM; a table or JSON export; or a zip or tar archive."),
    ],
    workspace: Annotated[Path, typer.Option("--workspace", help="Folder of a workspace; `taxoscope init` makes one.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")] = False,
    copy: Annotated[
        bool, typer.Option("--copy/--in-place", help="Copy images, or link to where they are; out of archives: copied.")
    ] = False,
    image: Annotated[str, typer.Option(help="Column that names the image files.")] = "",
    label: Annotated[list[str] | None, typer.Option(help="Column of classes; repeat it for coarser ones.")] = None,
    part: Annotated[
        list[str] | None, typer.Option(help="Column of a label's part, instead of --label; repeat it.")
    ] = None,
    rule: Annotated[
        Path | None, typer.Option(help="File of rules for labels, one a line: marker=yes and side!=left -> right.")
    ] = None,
    patient: Annotated[str, typer.Option(help="Column of patients.")] = "",
    split: Annotated[str, typer.Option(help="Column of splits.")] = "",
    image_id: Annotated[str, typer.Option("--id", help="Column of ids; default: the file's path.")] = "",
    images: Annotated[Path | None, typer.Option(help="Folder of a table's images; default: beside it.")] = None,
    table: Annotated[str, typer.Option(help="Table to read, inside of the folder or archive.")] = "",
    folders: Annotated[str, typer.Option(help="What folders mean, such as split/class, class/class, patient/-.")] = "",
    divide: Annotated[str, typer.Option(help="Draw splits by patient for images without: 70/15/15, say.")] = "",
    hold_out: Annotated[int | None, typer.Option(help="Percent of training patients drawn for validation.")] = None,
    move_patients: Annotated[
        bool, typer.Option("--move-patients", help="Keep patients of two splits whole, where most of their images are.")
    ] = False,
    check: Annotated[
        bool, typer.Option(help="Open every image and compare their bytes, or only see that they exist.")
    ] = True,
    name: Annotated[str, typer.Option(help="Folder below images/; default: the source's name.")] = "",
    encoding: Annotated[
        str, typer.Option(help="Encoding of texts and of names in archives; default: UTF-8, or Korean CP949.")
    ] = "",
    map_split: Annotated[str, typer.Option(help="What splits are called: trn=train,tst=test.")] = "",
    class_names: Annotated[
        Path | None, typer.Option(help="Text file that names labels that are numbers: a line '0 cat' each, or 'cat'.")
    ] = None,
    label_cells: Annotated[
        LabelCells | None, typer.Option(help="Cells of labels that can mean several things: names, or numbers.")
    ] = None,
    missing: Annotated[str, typer.Option(help="Cells that are no label: nan,NA.")] = "",
    separator: Annotated[
        str, typer.Option(help="Between labels in one cell, of which the image has one, not known which.")
    ] = "",
    one_hot: Annotated[bool, typer.Option("--one-hot", help="Columns of 0 and 1 are the classes.")] = False,
    opinions: Annotated[
        bool, typer.Option("--opinions", help="An image listed with several labels has one of them, not known which.")
    ] = False,
    labels_only: Annotated[
        bool, typer.Option("--labels-only", help="Bring in labels without image files, which may follow later.")
    ] = False,
) -> None:
    """Bring images and their labels into a workspace, whole or not at all."""
    from dashboard.importing.plan import ImportOptions, plan_import
    from dashboard.importing.plan_words import plan_words
    from dashboard.importing.write import write_import
    from model_zoo.importing.label_cells import read_class_names
    from model_zoo.importing.reading import read_rules, read_source
    from model_zoo.importing.source import Wording, parse_split_names
    from model_zoo.importing.splits import parse_shares
    from model_zoo.importing.tables import Columns
    from model_zoo.workspace.workspace import Workspace

    shares = parse_shares(divide) if divide else None
    rules = read_rules(rule, encoding) if rule else ()
    wording = Wording(
        encoding,
        parse_split_names(map_split),
        read_class_names(class_names) if class_names else (),
        label_cells,
        tuple(one.strip() for one in missing.split(",") if one.strip()),
        separator.strip(),
        one_hot,
        opinions,
    )
    opened = Workspace.open(workspace)
    columns = Columns(image, tuple(label or ()), patient, split, image_id, tuple(part or ()))
    bar, written = _bar(), False
    try:
        with _at_hand(source, workspace, bar, encoding) as (folder, unpacked, frames, told):
            copy = copy or folder != source
            place = folder / table if table else folder
            read = read_source(place, columns, images, tuple(folders.split("/")) if folders else (), rules, wording)
            said, left_out = (frames.told, frames.left_out) if frames else ((), ())
            read = replace(read, told=(*unpacked, *said, *read.told), left_out=(*left_out, *read.left_out))
            with bar:
                looking = bar.add_task("Looking at images", total=None, visible=check)
                wishes = ImportOptions(copy, check, move_patients, shares, hold_out, name, labels_only)
                plan = plan_import(opened, read, wishes, lambda n, of: bar.update(looking, completed=n, total=of))
            for line in plan_words(plan):
                console.print(told(line), soft_wrap=True)
            if dry_run:
                console.print("Nothing was written: this was a dry run.")
                return
            with bar:
                bar.remove_task(looking)
                copying = bar.add_task("Copying images", total=None, visible=copy)
                write_import(plan, lambda n, of: bar.update(copying, completed=n, total=of))
                written = True
    except KeyboardInterrupt:
        console.print(f"Stopped; {'all of it was' if written else 'nothing was'} written.", style="yellow")
        sys.exit(130)
    console.print(f"Written. Next: {command('serve', folders=[workspace])}", soft_wrap=True)


def look_alike(
    workspace: Annotated[Path, typer.Option("--workspace", help="Folder of a workspace.")],
    at_most: Annotated[int, typer.Option("--show", help="How many pairs to list.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List images that look alike in two splits or classes; what was hashed before is not hashed again."""
    from dashboard.importing.near_duplicates import near_duplicate_words, near_duplicates_of_workspace
    from model_zoo.importing.source import shown
    from model_zoo.workspace.workspace import Workspace

    opened = Workspace.open(workspace)
    bar = _bar()
    try:
        with bar:
            task = bar.add_task("Hashing images", total=None)
            found, told = near_duplicates_of_workspace(opened, lambda n, of: bar.update(task, completed=n, total=of))
    except KeyboardInterrupt:
        console.print("Stopped; what was hashed is kept, and the same command goes on from there.", style="yellow")
        sys.exit(130)
    if as_json:
        pairs = [
            {"bits": pair.n_bits, "images": [one.image_id for one in (pair.first, pair.second)]}
            | {"splits": [str(one.split) for one in (pair.first, pair.second)]}
            | {"labels": [opened.space.format(one.label) for one in (pair.first, pair.second)]}
            for pair in found.pairs
        ]
        told_of = {"images": found.n_hashed, "pairs": found.n_pairs, "listed": pairs, "problems": list(told)}
        print(json.dumps(told_of, indent=1))
        return
    console.print(f"{found.n_hashed:,} images compared: {found.n_pairs:,} pairs look alike.", soft_wrap=True)
    for sentence in (*near_duplicate_words(found), *told[:at_most]):
        console.print(sentence, soft_wrap=True)
    for pair in found.pairs[:at_most]:
        one, two = pair.first, pair.second
        console.print(
            f"  {pair.n_bits} bits: {shown(one.image_id)} ({one.split}, {shown(opened.space.format(one.label))}), "
            f"{shown(two.image_id)} ({two.split}, {shown(opened.space.format(two.label))})",
            soft_wrap=True,
        )


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console,
        transient=True, disable=not console.is_terminal,
    )  # fmt: skip


@contextmanager
def _at_hand(
    source: Path, workspace: Path, bar: Progress, encoding: str
) -> "Iterator[tuple[Path, Sequence[str], Frames | None, Callable[[str], str]]]":
    """``source``, or where it was unpacked to and its frames were written: in the workspace, until they are copied.

    Then come sentences about the unpacking, and the frames. Last comes what writes ``source`` in a sentence instead of
    that place; errors have it done already.
    """
    from dashboard.importing.temporary_files import temporary_folder
    from model_zoo.importing.archives import is_archive, unpack
    from model_zoo.importing.dicom import extract_frames, holds_dicom
    from model_zoo.importing.source import SourceError

    rooms: list[Path] = []

    def told(text: str) -> str:
        for room in rooms:
            text = text.replace(str(room), source.name)
        return text

    with ExitStack() as until, bar:

        def room() -> Path:
            try:
                made = temporary_folder(workspace, ".unpacked-")
            except OSError as error:
                raise SourceError(f"{source.name} cannot be unpacked in {workspace} ({error.strerror}).") from error
            until.callback(shutil.rmtree, made, ignore_errors=True)
            rooms.append(made / (source.name.split(".")[0] or "imported"))
            return rooms[-1]

        try:
            path, frames = source, None
            unpacked: list[str] = []
            if is_archive(path):
                task = bar.add_task("Unpacking, in bytes", total=None)
                path = unpack(
                    path,
                    room(),
                    lambda n, of: bar.update(task, completed=n, total=of),
                    encoding=encoding,
                    tell=unpacked.append,
                )
                bar.remove_task(task)
            if holds_dicom(path):
                task, target = bar.add_task("Reading DICOM", total=None), room()
                frames = extract_frames(path, target, lambda n, of: bar.update(task, completed=n, total=of))
                bar.remove_task(task)
                path = target
            bar.stop()
            yield path, unpacked, frames, told
        except SourceError as error:
            raise SourceError(told(str(error))) from error
