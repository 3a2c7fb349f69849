"""Command that imports a confusion table: show how it was read, and make a workspace of its counts."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.console import Console

from dashboard.words import counted, interval_text, no_interval, share_text
from model_zoo.core.evaluation.metrics import share
from model_zoo.importing.confusion_table_workspace import check_new, write_confusion_table_workspace
from model_zoo.importing.confusion_tables import ConfusionTable, CountColumns, read_confusion_table
from model_zoo.importing.labels import equal_columns, plain_name
from model_zoo.importing.source import shown
from model_zoo.workspace.command_line import command
from model_zoo.workspace.workspace import Workspace


def import_confusion(
    path: Path,
    folder: Path,
    run_id: str | None,
    columns: CountColumns,
    columns_are_true: bool,
    licence: str,
    console: Console,
    encoding: str = "",
) -> Workspace:
    """Make ``folder`` a workspace of the counts in a file, completely or not at all; prints how the file was read.

    `TaxoScopeError` in one sentence if the file holds no counts, or if the folder is not empty.
    """
    check_new(folder)
    table = read_confusion_table(path, columns, columns_are_true, encoding)
    made = write_confusion_table_workspace(table, folder, run_id or plain_name(path.stem, "counted"), licence)
    for sentence in (*table.told, *_made_words(table, made)):
        console.print(sentence, soft_wrap=True)
    console.print(f"Next: {command('serve', folders=[folder])}", soft_wrap=True)
    return made


def _made_words(table: ConfusionTable, made: Workspace) -> Iterator[str]:
    """What was written, the accuracy, and what remains unknown."""
    (run,) = made.runs()
    n_right = int(np.trace(table.counts))
    is_right = np.repeat([1.0, 0.0], [n_right, table.n_counted - n_right])
    right = share(is_right, np.ones_like(is_right))
    for names in equal_columns(table.labels):
        yield f"{' and '.join(map(shown, names))} are different classes; make them one in the table if they are."
    yield (
        f"{counted(table.n_counted, 'counted answer')} in {counted(len(table.labels), 'class', 'classes')}: "
        f"{share_text(right.value)} right ({interval_text(right.low, right.high)}, each answer taken as independent of "
        "all others: which are of one patient is not known)."
        f"{no_interval(right.n_patients)}"
    )
    for one in made.taxonomies().values():
        yield f"Taxonomy {one.name}: {counted(len(one.classes), 'class', 'classes')}."
    yield (
        f"{run.run_id}: written to {run.folder}. It has neither model nor images: nothing to look at, to review or to "
        "ask; all that rests on counts works."
    )
