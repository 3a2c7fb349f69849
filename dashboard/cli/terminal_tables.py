"""What is in a workspace, as tables for the terminal."""

from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table

from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.evaluation import accuracy, evaluate
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.workspace import Workspace

_COUNTED = ("classes", "seed", "accuracy", "images", "patients")


@dataclass(frozen=True, slots=True)
class RunList:
    """One row per run by column name, None where unknown; ``problems`` are sentences about what cannot be read."""

    rows: tuple[dict[str, Any], ...]
    problems: tuple[str, ...]


def list_runs(workspace: Workspace) -> RunList:
    """All runs by series: own accuracy on the test split in the run's own label space, in [0, 1], never ranked."""
    dataset = workspace.dataset()
    rows, problems = [], list(workspace.unreadable_runs())
    for series in workspace.series():
        for run in series.runs:
            card = run.card
            row: dict[str, Any] = {
                "run": run.run_id,
                "taxonomy": card.taxonomy.reference,
                "classes": len(card.classes),
                "architecture": card.architecture or None,
                "seed": card.seed,
                "accuracy": None,
                "images": None,
                "patients": None,
                "trained (UTC)": card.created[:10],
            }
            if run.has_predictions(Split.TEST):
                try:
                    said = [run.predictions(Split.TEST)]
                    judged = evaluate(said, card.taxonomy, card.taxonomy, dataset.labels, dataset.patients)
                    if n_images := len(judged.truth):
                        row |= {"accuracy": accuracy(judged).mean, "images": n_images, "patients": judged.n_patients}
                except RunError as error:
                    problems.append(str(error))
            rows.append(row)
    return RunList(tuple(rows), tuple(problems))


def runs_table(workspace: Workspace) -> Group:
    """`list_runs` as a table; run folders that cannot be used, and unreadable predictions, are named below it."""
    found = list_runs(workspace)
    title = f"Runs in {workspace.name} (accuracy: own classes, test split, original labels)"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=0)
    for name in ("run", "taxonomy", "classes", "architecture", *_COUNTED[1:], "trained (UTC)"):
        table.add_column(name, justify="right" if name in _COUNTED else "left", no_wrap=name == "run", overflow="fold")
    for row in found.rows:
        table.add_row(*(_cell(name, value) for name, value in row.items()))
    return Group(table, *found.problems)


def _cell(name: str, value: str | float | None) -> str:
    if value is None:
        return "–"
    if name == "accuracy":
        return f"{value:.1%}"
    return f"{value:,}" if name in ("images", "patients") else str(value)
