"""Runs without predictions of the split shown, and what to do."""

from collections.abc import Sequence
from pathlib import Path

from dashboard.address.links import JUDGED
from dashboard.evaluation.comparison import Subject
from dashboard.server_state.open_workspace import Desk
from dashboard.words import one_of, plain
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.command_line import command
from model_zoo.workspace.run import Run


def runs_without_predictions(desk: Desk, subjects: Sequence[Subject], split: Split) -> str:
    """Which subjects have no predictions of a judged ``split``, and what to do, as Markdown; '' where all have."""
    if split not in JUDGED:
        return ""
    missing = {one.title: run for one in subjects for run in reversed(one.runs) if not run.has_predictions(split)}
    if not missing:
        return ""
    who, (first, *_) = plain(one_of(list(missing), "and")), missing.values()
    lacking = f"{who} {'has' if len(missing) == 1 else 'have'} no predictions of the {split} split"
    if not desk.dataset().split(split):
        return f"{lacking}, for no image is in it. Go to another split above."
    return f"{lacking}. Go to another split, or choose other runs, above; or {_way(first, desk.workspace.folders)}"


def _way(run: Run, folders: Sequence[Path]) -> str:
    """How answers about every split come in, for one run."""
    answers = f"{run.run_id}.parquet" if run.weights_path else "FILE"
    bring = ("import-predictions", answers, "--name", "NAME", "--taxonomy", run.card.taxonomy.name)
    brought = f"`{command(*bring, folders=folders)}`"
    if run.weights_path:
        ask = command("predict", run.run_id, str(folders[0]), "--out", answers, folders=folders)
        return f"ask the model of {plain(run.run_id)} about every image, by `{ask}`, and bring that in, by {brought}."
    return f"bring answers about every split in under a new name, by {brought}."
