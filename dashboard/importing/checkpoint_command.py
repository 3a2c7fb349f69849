"""Command that imports an external model: describe its file, verify it, write it as a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from dashboard.evaluation.preprocessing_words import forward_words
from dashboard.importing.checkpoint_metadata import CheckpointMetadata, comma_separated
from dashboard.importing.checks import (
    accuracy_words,
    check_run_id_free,
    ties_words,
    trials_rows,
    trials_title,
    unknown_words,
    warning_words,
)
from dashboard.words import counted, fit_words, scale_words
from model_zoo.checkpoints.architectures import outputs_and_channels, suggest
from model_zoo.checkpoints.model_file import ModelFile
from model_zoo.checkpoints.preprocessing_trials import Trial
from model_zoo.checkpoints.read import Checkpoint, Said, short
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.images.decoding import Fit, Interpolation
from model_zoo.importing.models import Declaration, class_lists, verify
from model_zoo.workspace.command_line import command
from model_zoo.workspace.run import Run
from model_zoo.workspace.workspace import Workspace


def describe(checkpoint: ModelFile, part: str, console: Console, has_code: bool = False) -> dict[str, str]:
    """Print the contents of a file and the matching architectures, the best first; selects nothing.

    With ``has_code`` no architecture is looked for: the user's own file builds the model.

    Returns the settings that follow from the file, by option name; from the first set of weights if there are several.
    """
    if not isinstance(checkpoint, Checkpoint):
        console.print(f"{checkpoint.name}: sha256 {checkpoint.sha256[:12]}.", *checkpoint.sentences, soft_wrap=True)
        _print_metadata(checkpoint.said, console)
        return {"--channels": str(checkpoint.channels)} if checkpoint.channels else {}
    known: dict[str, str] = {}
    console.print(f"{checkpoint.name}: sha256 {checkpoint.sha256[:12]}, weights under {', '.join(checkpoint.parts)}")
    _print_metadata(checkpoint.said, console)
    for one in (part,) if part else checkpoint.parts:
        weights = checkpoint.weights(one)
        console.print(f"{one}: {counted(len(weights.tensors), 'tensor')}.", *weights.notes, soft_wrap=True)
        if has_code:
            continue
        texts = [said for said in checkpoint.said.values() if isinstance(said, str)][:100]
        fits = suggest(weights.tensors, [*texts, checkpoint.name])
        for fit in fits:
            channels = f", {counted(fit.channels, 'channel')}" if fit.channels else ""
            made = f"{counted(fit.n_classes, 'class', 'classes')}{channels}"
            console.print(f"  {fit.architecture} ({made}): {fit.sentence}", soft_wrap=True)
        if not fits:
            console.print(f"  {unknown_words(*outputs_and_channels(weights.tensors))}", soft_wrap=True)
        elif not known:
            channels_known = {"--channels": str(fits[0].channels)} if fits[0].channels in (1, 3) else {}
            known = {"--architecture": fits[0].architecture, **channels_known}
    return known


def order_in_file(checkpoint: ModelFile, taxonomy: Taxonomy, console: Console) -> tuple[str, ...]:
    """The classes of ``taxonomy`` in the order in which the file lists them (printed), or else its own order."""
    listed = class_lists(checkpoint, taxonomy)
    if not listed:
        return taxonomy.names
    console.print(f"Classes in the order of the file: {', '.join(listed[0])}.", soft_wrap=True)
    return listed[0]


def _print_metadata(said: Mapping[str, Said], console: Console) -> None:
    if told := metadata_words(said):
        console.print(f"The file says of itself (nobody vouches for it): {told}.", soft_wrap=True)


def next_command(
    file: Path,
    given: Mapping[str, str],
    missing: Sequence[str],
    known: Mapping[str, str],
    said: CheckpointMetadata,
    workspace: Workspace,
) -> str:
    """The complete command that would import ``file``, ready to paste: options as ``given``, '' for a flag.

    Each ``missing`` option is filled from the weights (``known``) or the metadata, otherwise by a word in capitals.
    """
    of_file = {
        **known,
        "--size": said.size,
        "--fit": str(said.fit) if said.fit else None,
        "--mean": comma_separated(said.mean) if said.mean else None,
        "--std": comma_separated(said.std) if said.std else None,
    }
    options = {**given, **{option: of_file.get(option) or option[2:].upper() for option in missing}}
    if said.interpolation:
        options.setdefault("--interpolation", str(said.interpolation))
    if said.crop_share and options.get("--fit") == Fit.CROP:
        options.setdefault("--crop-share", f"{said.crop_share:g}")
    words = [word for option, value in options.items() for word in (option, value) if word]
    return command("import-run", str(file), *words, folders=workspace.folders)


def settings_from_file(
    interpolation: Interpolation | None, crop_share: float | None, fit: Fit, said: CheckpointMetadata, console: Console
) -> tuple[Interpolation, float]:
    """Interpolation and crop share as given, or from the file (printed), or else bilinear and 1."""
    taken = []
    if interpolation is None and said.interpolation:
        interpolation = said.interpolation
        taken.append(f"interpolation {interpolation}")
    if crop_share is None and said.crop_share and fit is Fit.CROP:
        crop_share = said.crop_share
        taken.append(f"crop share {crop_share:g}")
    if taken:
        console.print(f"As the file says, for you did not: {', '.join(taken)}.", soft_wrap=True)
    return interpolation or Interpolation.BILINEAR, 1.0 if crop_share is None else crop_share


_METADATA_KEYS = (
    *("arch", "architecture", "model", "model_name", "num_classes", "class_names", "classes"),
    *(
        "img_size",
        "image_size",
        "input_size",
        "imgsz",
        "val_resize_size",
        "val_crop_size",
        "fit",
        "crop_pct",
        "mean",
        "std",
        "interpolation",
        "in_chans",
    ),
)


def metadata_words(said: Mapping[str, Said]) -> str:
    """Metadata about training and preprocessing, as ``place: value; ...``; '' if there is none.

    Each place is shown by the last part of its name, as training scripts write it.
    """
    told = {where: value for where, value in said.items() if where.rpartition(".")[2].lower() in _METADATA_KEYS}
    return "; ".join(f"{where}: {short(_listed(value))}" for where, value in told.items())


def _listed(value: Said) -> Said:
    return ",".join(map(str, value)) if isinstance(value, tuple) else value


def import_run(workspace: Workspace, checkpoint: ModelFile, declared: Declaration, console: Console) -> Run:
    """Verify a declared model and write it, or write nothing on failure; prints every setting and metric."""
    check_run_id_free(workspace, declared.run_id)
    prepared, classes = declared.preprocessing, ", ".join(declared.order)
    channels = f"{counted(prepared.channels, 'channel')}{', blue first' if prepared.bgr else ''}"
    console.print(
        f"Prepared: {channels}, {prepared.size[0]} x {prepared.size[1]} ({fit_words(prepared)}, "
        f"{prepared.interpolation}), {scale_words(prepared)}. Outputs in order: {classes}.",
        soft_wrap=True,
    )
    for listed in class_lists(checkpoint, declared.taxonomy):
        if listed != declared.order:
            console.print(
                f"Warning: the file lists its classes as {', '.join(listed)}; give that order with --classes if it is "
                "the order of the outputs.",
                style="yellow",
                soft_wrap=True,
            )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, refresh_per_second=4) as bar:
        tasks: dict[str, TaskID] = {}

        def watched(task: str, done: int, total: int) -> None:
            if task not in tasks:
                tasks[task] = bar.add_task(task)
            bar.update(tasks[task], completed=done, total=total)

        imported = verify(workspace, checkpoint, declared, watched)
    for note in filter(None, (*imported.notes, forward_words(imported.card), ties_words(imported.predictions))):
        console.print(note, style="yellow" if note.startswith("Warning: ") else None, soft_wrap=True)
    print_trials(imported.tried, console)
    print_accuracy(imported.judged, imported.judged_on, declared.taxonomy, declared.order, console, imported.tried)
    run = imported.write(workspace)
    console.print(f"{run.run_id}: written to {run.folder}", soft_wrap=True)
    trusted = ["--trust-code", run.run_id] if run.card.code else []
    console.print(f"Next: {command('serve', *trusted, folders=workspace.folders)}", soft_wrap=True)
    return run


def print_trials(tried: Sequence[Trial], console: Console) -> None:
    """Print the accuracy of other preprocessing settings, best first, below the given one."""
    if not tried:
        return
    table = Table(title=trials_title(tried))
    for heading in ("preparation", "right", "95 % interval"):
        table.add_column(heading)
    for row in trials_rows(tried):
        table.add_row(*row)
    console.print(table)


def print_accuracy(
    judged: Evaluation,
    on: Split,
    taxonomy: Taxonomy,
    order: Sequence[str],
    console: Console,
    tried: Sequence[Trial] = (),
    remedy: str = "",
) -> None:
    """Print the accuracy, and whether another output ``order`` or preprocessing would be much more accurate.

    ``remedy``: see `order_words`.
    """
    console.print(accuracy_words(judged, on, taxonomy), soft_wrap=True)
    if sentence := warning_words(judged, taxonomy, order, tried, remedy):
        console.print(f"Warning: {sentence[0].lower()}{sentence[1:]}", style="yellow", soft_wrap=True)
