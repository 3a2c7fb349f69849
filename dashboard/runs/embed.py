"""Command that computes the embeddings of a split with a run's model."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dashboard.settings import Settings
from model_zoo.core.errors import RunError
from model_zoo.core.extras import require
from model_zoo.core.label_space.splits import Split
from model_zoo.inference.embedding_files import Embeddings, embeddings_path, read_embeddings, write_embeddings
from model_zoo.workspace.workspace import Workspace


def embed_run(workspace: Workspace, run_id: str, split: Split, console: Console) -> None:
    """Write a run's embeddings over a split, completely or not at all; valid existing ones are kept."""
    runs = {run.run_id: run for run in workspace.runs()}
    if run_id not in runs:
        raise RunError(f"There is no run {run_id[:100]!r} here; it has {', '.join(runs) or 'none yet'}.")
    run, dataset = runs[run_id], workspace.dataset()
    if not dataset.split(split):
        raise RunError(f"The {split} split holds no image to embed; choose another with --split.")
    if path := embeddings_path(workspace.folders, run, split):
        try:
            there = read_embeddings(path, run, dataset, split)
        except RunError:
            console.print(f"{path} is of other weights or images and is made anew.", soft_wrap=True)
        else:
            console.print(
                f"{run_id}: {len(there.image_ids):,} {split} images are embedded already, {path}", soft_wrap=True
            )
            return
    require("models", "An embedding")
    from model_zoo.checkpoints.load import load_model
    from model_zoo.inference.embed import embed
    from model_zoo.inference.predict import fitted_pixels

    model = load_model(run, Settings().trusted)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, refresh_per_second=4) as bar:
        reading, asking = bar.add_task("Reading images"), bar.add_task(f"Embedding with {run_id}", start=False)
        image_ids, pixels = fitted_pixels(
            workspace,
            split,
            run.card.prepared,
            lambda done, total: bar.update(reading, completed=done, total=total),
        )
        bar.start_task(asking)
        vectors = embed(
            model,
            pixels,
            run.card.prepared,
            progress=lambda done, total: bar.update(asking, completed=done, total=total),
        )
    path = write_embeddings(workspace.writable, run, dataset, split, Embeddings(image_ids, vectors))
    console.print(f"{run_id}: {len(image_ids):,} {split} images embedded, {path}", soft_wrap=True)
