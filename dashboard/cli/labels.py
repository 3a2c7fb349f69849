"""`taxoscope labels ...`: what the page Labels does, typed."""

import getpass
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from dashboard.cli.upkeep import JsonOption
from dashboard.decisions.label_format import LabelFormat
from dashboard.settings import Settings
from dashboard.words import counted
from model_zoo.core.errors import WorkspaceError
from model_zoo.core.label_space.splits import Split
from model_zoo.core.review.label_changes import LabelFlow, label_flows, named_by
from model_zoo.importing.class_values import ClassValues
from model_zoo.untrusted.limits import bytes_of
from model_zoo.workspace.command_line import command
from model_zoo.workspace.label_sets import STANDING
from model_zoo.workspace.workspace import Workspace

commands = typer.Typer(no_args_is_help=True, help="Label sets made, compared and gone back to; labels in and out.")
console = Console(highlight=False, markup=False)

WorkspaceOption = Annotated[
    Path | None, typer.Option("--workspace", help="Folder of a workspace; without it, the demo.", show_default=False)
]
ByOption = Annotated[str, typer.Option("--by", help="In whose name; default: this account's.", show_default=False)]
TaxonomyOption = Annotated[str | None, typer.Option(help="Taxonomy in whose classes labels are counted or written.")]

_SUFFIXES = {".zip": LabelFormat.FOLDERS, ".json": LabelFormat.COCO} | {
    form.suffix: form for form in (LabelFormat.CSV, LabelFormat.JSON_LINES, LabelFormat.PARQUET)
}


@commands.command("list")
def list_sets(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List the label sets of a workspace, and what cannot be used."""
    from dashboard.server_state.open_workspace import Desk

    sets = Desk(_open(workspace)).label_sets()
    if as_json:
        rows = [
            {"name": one.name, "made": one.made.isoformat(), "by": one.made_by, "images": len(one.labels)}
            | {"rule": str(one.rule), "sha256": one.sha256, "note": one.note}
            for one in sets.usable.values()
        ]
        print(json.dumps({"label_sets": rows, "problems": list(sets.damaged)}, indent=1))
        return
    table = Table(box=SIMPLE_HEAD, padding=0)
    for name in ("label set", "made (UTC)", "by", "images", "rule", "sha256", "note"):
        table.add_column(name, justify="right" if name == "images" else "left", overflow="fold")
    for one in sets.usable.values():
        made, images = f"{one.made:%Y-%m-%d %H:%M}", f"{len(one.labels):,}"
        table.add_row(one.name, made, one.made_by, images, one.rule, one.sha256[:12], one.note)
    console.print(
        table if sets.usable else f"There is no label set yet; make one with `{command('labels', 'make', 'NAME')}`."
    )
    for sentence in sets.damaged:
        console.print(sentence, style="yellow", soft_wrap=True)


@commands.command()
def make(
    name: Annotated[str, typer.Argument(help="Name of the new set.")],
    by: ByOption = "",
    note: Annotated[str, typer.Option(help="Whatever should be remembered with it.")] = "",
    workspace: WorkspaceOption = None,
) -> None:
    """Keep all labels as they stand now under a name that is never used again."""
    from dashboard.labels.label_sets import make_label_set
    from dashboard.server_state.open_workspace import Desk

    made = make_label_set(Desk(_open(workspace)), name, by or getpass.getuser(), datetime.now(UTC), note)
    console.print(f"Label set {made.name!r} keeps {counted(len(made.labels), 'label')} (sha256 {made.sha256[:12]}).")


@commands.command()
def compare(
    before: Annotated[str, typer.Argument(help="original, standing or a set's name.")],
    after: Annotated[str, typer.Argument(help="original, standing or a set's name.")],
    taxonomy: TaxonomyOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what changed from one labelling to another, by class of a taxonomy or by label."""
    from dashboard.labels.label_sets import changes_words, compare_labels
    from dashboard.server_state.open_workspace import Desk

    desk = Desk(_open(workspace))
    found = compare_labels(desk, before, after, desk.workspace.taxonomy(taxonomy) if taxonomy else None)
    if as_json:
        print(json.dumps({**asdict(found.changes), "flows": [asdict(one) for one in found.flows]}, indent=1))
        return
    console.print(changes_words(found.changes, before, after), soft_wrap=True)
    _print_flows(found.flows)


@commands.command()
def export(
    file: Annotated[Path, typer.Argument(help="File: .csv, .jsonl, .parquet, .json (COCO) or .zip (folders).")],
    labels: Annotated[str, typer.Option(help="original, standing or a set's name.")] = STANDING,
    taxonomy: TaxonomyOption = None,
    form: Annotated[LabelFormat | None, typer.Option("--format", help="Default: as the file's name ends.")] = None,
    split: Annotated[Split | None, typer.Option(help="Images of one split alone.")] = None,
    run: Annotated[str | None, typer.Option(help="Run whose probabilities the cleanlab table holds.")] = None,
    history: Annotated[bool, typer.Option("--history", help="Every decision instead: who, when, what.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Write labels, or the history of decisions, as a file that `import` reads back; no file is written over."""
    from dashboard.decisions.history_export import write_history
    from dashboard.labels.export import write_labels
    from dashboard.labels.label_table import label_table
    from dashboard.server_state.open_workspace import Desk

    form = form or _SUFFIXES.get(file.suffix.lower())
    if form is None:
        raise WorkspaceError(f"Cannot tell the format of {file}; end it in {', '.join(_SUFFIXES)}, or say --format.")
    if history and (labels != STANDING or taxonomy or split or run):
        raise WorkspaceError("The history is written as a whole; leave out --labels, --taxonomy, --split and --run.")
    desk = Desk(_open(workspace))
    if history:
        decisions = desk.store.all()
        with _new_file(file) as out:
            out.write(write_history(decisions, form))
        console.print(f"Written: {file}, {counted(len(decisions), 'decision')}.", soft_wrap=True)
        return
    table = label_table(desk, labels, split, desk.workspace.taxonomy(taxonomy) if taxonomy else None)
    with _new_file(file) as out:
        said = write_labels(desk, table, form, out, run)
    console.print(f"Written: {file}, {counted(len(table.rows), 'label')}. {said}".strip(), soft_wrap=True)


@commands.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="File with labels: columns image, label and, if known, reviewer.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and store nothing.")] = False,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            help="Annotator of lines that name none: every label is stored as their opinion. Default: changes alone, "
            "in this account's name.",
            show_default=False,
        ),
    ] = "",
    taxonomy: Annotated[str | None, typer.Option(help="Taxonomy whose class names or indices the file writes.")] = None,
    label_column: Annotated[str, typer.Option(help="Column of the labels; default: by its name.")] = "",
    label_values: Annotated[
        ClassValues | None,
        typer.Option(help="How the file writes classes; default: the only way in which all of its values are classes."),
    ] = None,
    encoding: Annotated[str, typer.Option(help="Encoding of its text; default: UTF-8, or Korean CP949.")] = "",
    workspace: WorkspaceOption = None,
) -> None:
    """Store the labels of a file as one action, in the names of its reviewers; twice the same file is stored once."""
    from dashboard.labels.label_files import read_label_file
    from dashboard.labels.label_import import (
        equal_words,
        label_import_words,
        nothing_words,
        plan_label_import,
        store_import,
    )
    from dashboard.server_state.open_workspace import Desk

    desk, now = Desk(_open(workspace)), datetime.now(UTC)
    classes = desk.workspace.taxonomy(taxonomy) if taxonomy else None
    try:
        bytes_of(file)
        with file.open("rb") as opened:
            read = read_label_file(opened, file.name, label_column, encoding)
    except OSError as error:
        raise WorkspaceError(f"Cannot read {file} ({error.strerror}); give a file with labels.") from error
    plan = plan_label_import(desk, read, getpass.getuser(), now, classes, by, label_values)
    console.print(plan.reading, soft_wrap=True)
    console.print(label_import_words(plan), soft_wrap=True)
    _print_flows(label_flows(plan.before, plan.after, named_by(classes) if classes else desk.workspace.space.format))
    for sentence in (*plan.unknown[:5], *plan.unreadable[:5]):
        console.print(f"  {sentence}", style="yellow", soft_wrap=True)
    if equal := equal_words(plan):
        console.print(f"{equal} (--by NAME).", soft_wrap=True)
    if dry_run:
        console.print(plan.already or "Nothing was stored: this was a dry run.", soft_wrap=True)
        return
    stored = store_import(desk, plan, now)
    done = f"Stored: {counted(len(stored), 'label')} in one action; the page Labels undoes it."
    console.print(done if stored else nothing_words(plan), soft_wrap=True)


@commands.command()
def restore(
    name: Annotated[str, typer.Argument(help="Label set to go back to.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and store nothing.")] = False,
    by: ByOption = "",
    workspace: WorkspaceOption = None,
) -> None:
    """Add the decisions that make the labels equal to a set: nothing is overwritten, and Labels undoes it."""
    from dashboard.labels.label_sets import restore as go_back
    from dashboard.labels.label_sets import to_restore
    from dashboard.server_state.batch_decisions import new_batch
    from dashboard.server_state.open_workspace import Desk

    desk = Desk(_open(workspace))
    label_set = desk.workspace.label_set(name)
    if dry_run:
        n_labels = len(to_restore(desk, label_set))
        console.print(f"{counted(n_labels, 'label')} would change; nothing was stored: this was a dry run.")
        return
    stored = go_back(desk, label_set, by or getpass.getuser(), new_batch(), datetime.now(UTC))
    console.print(f"The labels are those of {name!r} again: {counted(len(stored), 'label')} changed.", soft_wrap=True)


@commands.command()
def repair(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is damaged, and change nothing.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Take damaged rows out of the stored decisions; the file is copied first, and nothing else may have it open."""
    from dashboard.decisions.repair_words import fault_words, repair_words
    from dashboard.decisions.repair_words import repair as mend
    from dashboard.decisions.store import DecisionStore

    opened = _open(workspace)
    if not dry_run:
        done = mend(opened.decisions_path, datetime.now(UTC))
        console.print(repair_words(done) if done else "Nothing is damaged; nothing was changed.", soft_wrap=True)
        return
    store = DecisionStore(opened.decisions_path)
    for sentence in fault_words(store, opened.folders) or ("Nothing is damaged.",):
        console.print(sentence, soft_wrap=True)
    if n_late := store.n_hashed_late():
        console.print(f"{counted(n_late, 'decision')} got a hash when the file was first opened by this version.")
    store.close()


def _print_flows(found: Sequence[LabelFlow]) -> None:
    table = Table("from", "to", "images", box=SIMPLE_HEAD, padding=0)
    for one in found:
        table.add_row(one.source or "(no single class)", one.target or "(no single class)", f"{len(one.image_ids):,}")
    if found:
        console.print(table)


@contextmanager
def _new_file(file: Path) -> Iterator[BinaryIO]:
    """A file that is there once all of it is written; `WorkspaceError` where it is there already or cannot be."""
    partial = file.with_name(f".{file.name}.partial")
    try:
        if file.exists():
            raise FileExistsError(17, "it is there already")
        with partial.open("wb") as out:
            yield out
        partial.rename(file)
    except OSError as error:
        raise WorkspaceError(f"Cannot write {file} ({error.strerror}); give another file.") from error
    finally:
        partial.unlink(missing_ok=True)


def _open(workspace: Path | None) -> Workspace:
    return Workspace.open(workspace) if workspace else Settings().open_workspace()
