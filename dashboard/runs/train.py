"""Training commands: seeds of a run group, learning curves, and cross-fitting, with progress bars."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from dashboard.evaluation.comparison import named_subjects
from dashboard.words import counted
from model_zoo.core.errors import RunError, WorkspaceError
from model_zoo.core.extras import require
from model_zoo.core.label_space.splits import Split
from model_zoo.inference.out_of_fold import out_of_fold_path
from model_zoo.workspace.label_sets import LabelSet
from model_zoo.workspace.learning_curve import ReducedClass
from model_zoo.workspace.manifest import DataSet
from model_zoo.workspace.run import Card, check_run_id
from model_zoo.workspace.workspace import Workspace

if TYPE_CHECKING:
    from model_zoo.training.train import Progress as Trained


def train_seeds(
    workspace: Workspace,
    taxonomy_name: str,
    seeds: Sequence[int],
    console: Console,
    architecture: str | None = None,
    epochs: int | None = None,
    class_weighted: bool = False,
    labels: str | None = None,
) -> None:
    """Train one run per seed; names and the architecture's input size are checked before images are read.

    ``labels`` names the label set that gives the training labels.
    """
    require("models", "Training")
    from model_zoo.checkpoints.load import check_architecture
    from model_zoo.training import train as loop

    taxonomy = workspace.taxonomy(taxonomy_name)
    if workspace.dataset().counts_alone:
        raise WorkspaceError(f"{workspace.writable} holds the counts of a confusion table: no image to learn from.")
    recipe = workspace.recipe_path()
    if recipe is None:
        raise WorkspaceError(f"{workspace.writable} has no recipe.toml; write its [training] table to train here.")
    training = loop.Training.read(recipe)
    stem = taxonomy.reference
    if architecture and architecture != training.architecture:
        training, stem = replace(training, architecture=architecture), f"{stem}-{architecture}"
    if epochs and epochs != training.epochs:
        training, stem = replace(training, epochs=epochs), f"{stem}-e{epochs}"
    if class_weighted and not training.class_weighted:
        training, stem = replace(training, class_weighted=True), f"{stem}-weighted"
    label_set = None if labels is None else workspace.label_set(labels)
    if label_set:
        stem = f"{stem}-on-{label_set.name}"
        console.print(label_set_words(workspace.dataset(), label_set), soft_wrap=True)
    check_architecture(training.architecture, training.preprocessing.input_size)
    run_ids = {seed: check_run_id(f"{stem}-s{seed}") for seed in seeds}
    there = {run.run_id for run in workspace.runs()} | {path.name for path in workspace.writable.glob("runs/*")}
    if taken := sorted(there & set(run_ids.values())):
        raise RunError(f"Run {taken[0]!r} is there already; remove it or choose other seeds.")
    with _bar(console) as bar:
        reading = _reading(bar)
        pixels = loop.read_pixels(workspace, training.preprocessing, reading)
        for seed, run_id in run_ids.items():
            watched = _watched(bar, run_id)
            run = loop.train(workspace, taxonomy, training, seed, pixels, run_id, watched, label_set=label_set)
            console.print(f"{run.run_id}: {run.card.duration_s:.0f} s, written to {run.folder}", soft_wrap=True)


def train_learning_curve(
    workspace: Workspace, name: str, class_name: str, percents: Sequence[int], seeds: Sequence[int], console: Console
) -> None:
    """Repeat the training of a run or run group with ``percents`` of the training images of one class.

    Existing points are not trained again, so the same command continues after an interruption.
    """
    (subject,) = named_subjects(workspace.series(), [name])
    card, dataset = subject.runs[0].card, workspace.dataset()
    _check_learnt_from_manifest(card)
    if class_name not in card.classes:
        raise RunError(f"{name!r} has no class {class_name[:100]!r}; it has {', '.join(card.classes)}.")
    targets = card.taxonomy.place_all([image.label for image in dataset.split(Split.TRAIN)])
    n_images = int((targets == card.classes.index(class_name)).sum())
    sizes = sorted({round(n_images * percent / 100) for percent in percents} - {0, n_images})
    if not sizes:
        raise RunError(f"{class_name!r} has {counted(n_images, 'training image')}: none of these shares leaves some.")
    require("models", "Training")
    from model_zoo.training import train as loop

    training = loop.Training.of(card)
    if card.data_hash.get(Split.TRAIN) != dataset.hash(Split.TRAIN, training.version):
        raise RunError(f"The training images or labels are not those that {name!r} was trained on; train it again.")
    there = {run.run_id for series in workspace.learning_curves() for run in series.runs}
    with _bar(console) as bar:
        pixels = loop.read_pixels(workspace, training.preprocessing, _reading(bar))
        for seed in seeds:
            for size in sizes:
                run_id = f"{card.series_key}-class{card.classes.index(class_name)}-{size}-s{seed}"
                if run_id in there:
                    continue
                kept, watched = ReducedClass(class_name, size), _watched(bar, f"{size} of {n_images}, seed {seed}")
                run = loop.train(workspace, card.taxonomy, training, seed, pixels, check_run_id(run_id), watched, kept)
                console.print(
                    f"{class_name}, {size} of {counted(n_images, 'training image')}, seed {seed}: "
                    f"{run.card.duration_s:.0f} s, written to {run.folder}",
                    soft_wrap=True,
                )
    console.print(f"Diagnose shows the curve of {class_name} for {subject.title}.", soft_wrap=True)


def cross_fit_run(workspace: Workspace, run_id: str, n_folds: int, console: Console) -> None:
    """Out-of-fold predictions for all training images, with a run's recipe; refused if there are some already."""
    require("models", "Cross-fitting")
    from model_zoo.inference.predict import fitted_pixels
    from model_zoo.training.cross_fit import cross_fit

    runs = {run.run_id: run for run in workspace.runs()}
    if run_id not in runs:
        raise RunError(f"There is no run {run_id[:100]!r} here; it has {', '.join(runs) or 'none yet'}.")
    run = runs[run_id]
    _check_learnt_from_manifest(run.card)
    if there := out_of_fold_path(workspace.folders, run):
        raise RunError(f"Run {run_id!r} has out-of-fold predictions already ({there}); remove them to make new ones.")
    with _bar(console) as bar:
        image_ids, pixels = fitted_pixels(workspace, Split.TRAIN, run.card.prepared, _reading(bar))
        watched = [_watched(bar, f"{run_id} without fold {fold} of {n_folds}") for fold in range(1, n_folds + 1)]
        path = cross_fit(workspace, run, n_folds, image_ids, pixels, lambda fold, now: watched[fold](now))
    console.print(f"{run_id}: {counted(len(image_ids), 'training image')} judged out of fold, {path}", soft_wrap=True)


def label_set_words(dataset: DataSet, label_set: LabelSet) -> str:
    """Number of training labels that a label set changes, and of training images that it lacks."""
    images, labels = dataset.split(Split.TRAIN), label_set.parsed(dataset.space)
    known = [image for image in images if image.image_id in labels]
    changed = sum(labels[image.image_id] != image.label for image in known)
    missing = len(images) - len(known)
    return (
        f"Labels of label set {label_set.name!r} ({label_set.sha256[:12]}): {changed:,} of "
        f"{counted(len(images), 'training image')} have another label than in the manifest"
        f"{f', {missing:,} are not in the set and take no part' if missing else ''}."
    )


def _check_learnt_from_manifest(card: Card) -> None:
    if card.label_set:
        raise RunError(
            f"Run {card.run_id!r} was trained on label set {card.label_set['name']!r}, and this trains on the "
            "manifest's labels; choose a run that was trained on those."
        )


def _bar(console: Console) -> Progress:
    state = TextColumn("{task.fields[state]}")
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), state)
    return Progress(*columns, console=console, refresh_per_second=4)


def _reading(bar: Progress) -> Callable[[int, int], None]:
    """A progress task that counts images read, and disappears when all are read."""
    task = bar.add_task("Reading images", state="")
    return lambda done, total: bar.update(
        task, completed=done, total=total, state=f"{done}/{total}", visible=done < total
    )


def _watched(bar: Progress, name: str) -> "Callable[[Trained], None]":
    """A progress task that follows one training."""
    task = bar.add_task(name, state="", visible=False)
    return lambda now: bar.update(
        task,
        total=now.epochs * now.steps,
        completed=(now.epoch - 1) * now.steps + now.step,
        state=f"epoch {now.epoch}/{now.epochs}  loss {now.loss:.3f}  "
        f"validation {now.validation_accuracy:.1%}  {now.seconds_left:.0f} s left",
        visible=True,
    )
