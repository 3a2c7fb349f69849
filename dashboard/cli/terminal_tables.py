"""What is in a workspace, as tables for the terminal."""

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table

from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.evaluation import accuracy, evaluate
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.workspace import Workspace


def runs_table(workspace: Workspace) -> Group:
    """All runs by series: own accuracy on the test split in the run's own label space, never ranked.

    Run folders that cannot be used, and predictions that cannot be read, are named below the table.
    """
    dataset = workspace.dataset()
    problems = list(workspace.unreadable_runs())
    title = f"Runs in {workspace.name} (accuracy: own classes, test split, original labels)"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=0)
    counted = ("classes", "seed", "accuracy", "images", "patients")
    for name in ("run", "taxonomy", "classes", "architecture", *counted[1:], "trained (UTC)"):
        table.add_column(name, justify="right" if name in counted else "left", no_wrap=name == "run", overflow="fold")
    for series in workspace.series():
        for run in series.runs:
            card = run.card
            figures = ["–"] * 3
            if run.has_predictions(Split.TEST):
                try:
                    said = [run.predictions(Split.TEST)]
                    judged = evaluate(said, card.taxonomy, card.taxonomy, dataset.labels, dataset.patients)
                    if n_images := len(judged.truth):
                        figures = [f"{accuracy(judged).mean:.1%}", f"{n_images:,}", f"{judged.n_patients:,}"]
                except RunError as error:
                    problems.append(str(error))
            named = (
                run.run_id,
                card.taxonomy.reference,
                str(len(card.classes)),
                card.architecture or "–",
                str(card.seed),
            )
            table.add_row(*named, *figures, card.created[:10])
    return Group(table, *problems)
