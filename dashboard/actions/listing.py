"""What is in a workspace, as tables for the terminal."""

from rich.table import Table

from model_zoo.core.choices import Split
from model_zoo.core.evaluation import accuracy, evaluate
from model_zoo.workspace import Workspace


def runs_table(workspace: Workspace) -> Table:
    """All runs by series: own accuracy on the test split in the run's own label space, never ranked."""
    dataset = workspace.dataset()
    table = Table(title=f"Runs in {workspace.name} (accuracy: own label space, test split)", title_justify="left")
    for name in ("run", "taxonomy", "classes", "architecture", "seed", "accuracy", "images", "trained (UTC)"):
        table.add_column(name, justify="right" if name in ("classes", "seed", "accuracy", "images") else "left")
    for series in workspace.series():
        for run in series.runs:
            card = run.card
            said = n_images = "–"
            if run.has_predictions(Split.TEST):
                judged = evaluate(
                    [run.predictions(Split.TEST)], card.taxonomy, card.taxonomy, dataset.labels, dataset.patients
                )
                said, n_images = f"{accuracy(judged).mean:.1%}", f"{len(judged.truth):,}"
            created = card.created.replace("T", " ").removesuffix("+00:00")
            n_classes = str(len(card.classes))
            table.add_row(
                run.run_id, card.taxonomy.name, n_classes, card.architecture, str(card.seed), said, n_images, created
            )
    return table
