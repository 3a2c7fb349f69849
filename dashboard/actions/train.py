"""Train the seeds of a series with a live progress bar."""

from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

from model_zoo.core.errors import RunError, WorkspaceError
from model_zoo.run import check_run_id
from model_zoo.workspace import Workspace


def train_seeds(
    workspace: Workspace,
    taxonomy_name: str,
    seeds: Sequence[int],
    console: Console,
    architecture: str | None = None,
    epochs: int | None = None,
) -> None:
    """One run per seed; all names, and the architecture at its size, are checked before the first image is read."""
    from model_zoo import training as loop
    from model_zoo.checkpoints import check_architecture

    taxonomy = workspace.taxonomy(taxonomy_name)
    recipe = workspace.recipe_path()
    if recipe is None:
        raise WorkspaceError(f"{workspace.writable} has no recipe.toml; write its [training] table to train here.")
    training = loop.Training.read(recipe)
    stem = taxonomy.reference
    if architecture and architecture != training.architecture:
        training, stem = replace(training, architecture=architecture), f"{stem}-{architecture}"
    if epochs and epochs != training.epochs:
        training, stem = replace(training, epochs=epochs), f"{stem}-e{epochs}"
    check_architecture(training.architecture, training.preprocessing.input_size)
    run_ids = {seed: check_run_id(f"{stem}-s{seed}") for seed in seeds}
    there = {run.run_id for run in workspace.runs()} | {path.name for path in workspace.writable.glob("runs/*")}
    if taken := sorted(there & set(run_ids.values())):
        raise RunError(f"Run {taken[0]!r} is there already; remove it or choose other seeds.")
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[state]}"),
        console=console,
        refresh_per_second=4,
    )
    with bar:
        reading = bar.add_task("Reading images", state="")
        pixels = loop.read_pixels(
            workspace,
            training.preprocessing,
            lambda done, total: bar.update(reading, completed=done, total=total, state=f"{done}/{total}"),
        )
        bar.remove_task(reading)
        for seed, run_id in run_ids.items():
            task = bar.add_task(run_id, state="")

            def show(now: loop.Progress, task: TaskID = task) -> None:
                bar.update(
                    task,
                    total=now.epochs * now.steps,
                    completed=(now.epoch - 1) * now.steps + now.step,
                    state=f"epoch {now.epoch}/{now.epochs}  loss {now.loss:.3f}  "
                    f"validation {now.validation_accuracy:.1%}  {now.seconds_left:.0f} s left",
                )

            run = loop.train(workspace, taxonomy, training, seed, pixels, run_id, show)
            console.print(f"{run.run_id}: {run.card.duration_s:.0f} s, written to {run.folder}", soft_wrap=True)
