"""Batch prediction of a run over a workspace or a folder of images, resumable after an interruption."""

import csv
import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dashboard.decisions.csv_export import safe_cell
from dashboard.runs.interrupt import interrupt_between_steps
from dashboard.settings import Settings
from dashboard.words import counted
from model_zoo.core.errors import ImageError, RunError, WorkspaceError
from model_zoo.images.bit_depth import as_8_bits, depth_of
from model_zoo.images.decoding import open_image
from model_zoo.images.formats import SUFFIXES, is_image
from model_zoo.images.grey_scale import GreyScale, scale_of_one
from model_zoo.inference.predict import load_predictor, probabilities
from model_zoo.workspace.file_checks import state_of
from model_zoo.workspace.manifest import write_whole
from model_zoo.workspace.run import Run
from model_zoo.workspace.workspace import DECLARATION, Workspace

BATCH = 64
ENDINGS = (".parquet", ".csv")
PLAN = "plan.json"

PredictBatch = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class ImageToPredict:
    """An image to predict: its id in the result, a function that opens it, and a stamp that changes with its file."""

    image_id: str
    decoded: Callable[[], Image.Image]
    stamp: str


def predict_to_file(workspace: Workspace, run_id: str, source: Path, out: Path, console: Console) -> Path:
    """Write a run's predictions for every image of ``source`` to ``out``, as Parquet or CSV by its suffix.

    ``source`` is a workspace, with all images of its manifest, or a folder of images at any depth. Each batch is saved
    beside ``out`` until all are done, so the same command continues after Ctrl-C or a kill. An unreadable image has a
    sentence in the column ``problem`` instead of probabilities.
    """
    runs = {run.run_id: run for run in workspace.runs()}
    if run_id not in runs:
        raise RunError(f"There is no run {run_id[:100]!r} here; it has {', '.join(runs) or 'none yet'}.")
    run = runs[run_id]
    if out.suffix not in ENDINGS or not out.parent.is_dir():
        raise WorkspaceError(f"Cannot write to {out}; give a file ending in .parquet or .csv in an existing folder.")
    if out.exists():
        raise WorkspaceError(f"{out} is there already, and nothing is written over; choose another --out.")
    _ = run.card.prepared  # raises for a run without a model, before images are listed
    is_workspace = (source / DECLARATION).is_file()
    wanted = tuple(_of_workspace(source) if is_workspace else _of_folder(source, workspace.usual_grey()))
    if not wanted:
        raise WorkspaceError(f"{source} holds no image; give a workspace, or a folder of {', '.join(SUFFIXES)} files.")
    model, prepared = load_predictor(run, Settings().trusted), run.card.prepared
    kept = out.with_name(f".{out.name}.partial")
    _check_plan(kept, run, wanted, console)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, refresh_per_second=4) as bar, interrupt_between_steps() as step_done:
        task = bar.add_task(f"Asking {run_id}", total=len(wanted))
        for start in range(0, len(wanted), BATCH):
            path = kept / f"{start // BATCH:07d}.parquet"
            batch = wanted[start : start + BATCH]
            if not path.is_file():
                made = _batch(run, batch, lambda pixels: probabilities(model, pixels, prepared, BATCH))
                write_whole(path, _parquet(made, run))
                step_done()
            bar.update(task, completed=start + len(batch))
    table = pa.concat_tables([pq.read_table(path) for path in sorted(kept.glob("*.parquet"))])
    write_whole(out, _csv(table, run) if out.suffix == ".csv" else _parquet(table, run))
    shutil.rmtree(kept)
    n_bad = sum(bool(problem) for problem in table.column("problem").to_pylist())
    unread = f"; {counted(n_bad, 'image')} could not be read, see column problem" if n_bad else ""
    console.print(f"{run_id}: {counted(len(wanted), 'image')} asked, {out}{unread}", soft_wrap=True)
    return out


def _of_workspace(folder: Path) -> Iterator[ImageToPredict]:
    opened = Workspace.open(folder)
    dataset, recipe = opened.dataset(), opened.recipe_path()
    if dataset.counts_alone:
        raise WorkspaceError(
            f"{folder} holds the counts of a confusion table and no image to ask about; give one that has images."
        )
    drawn = f"by recipe {hashlib.sha256(recipe.read_bytes()).hexdigest()}" if recipe else ""
    for image in dataset.images:
        state = drawn if opened.can_generate(image) else _state(opened.image_file(image))
        grey = f" {image.grey.text}" if image.grey else ""
        yield ImageToPredict(image.image_id, partial(opened.decoded, image), f"{image.path} {state}{grey}")


def _of_folder(folder: Path, usual: GreyScale | None) -> Iterator[ImageToPredict]:
    """Images of a folder; those of more than 8 bits without a declared depth use the run's gray scale ``usual``."""
    if not folder.is_dir():
        raise WorkspaceError(f"There is no folder {folder}; give a workspace or a folder of images.")
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(at) / name
            if not name.startswith(".") and is_image(path):
                image_id = _as_text(path.relative_to(folder).as_posix())
                grey = f" {usual.text}" if usual else ""
                yield ImageToPredict(image_id, partial(_opened, path, usual), f"{_state(path)}{grey}")


def _opened(path: Path, usual: GreyScale | None) -> Image.Image:
    image = open_image(path)
    return as_8_bits(image, scale_of_one(depth_of(image), usual))


def _as_text(name: str) -> str:
    """A file name as text, with bytes that are not UTF-8 written as escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _state(path: Path | None) -> str:
    """Size and modification time; for an unreadable path, such as a broken link, only that it is unreadable."""
    try:
        return " ".join(map(str, state_of(path))) if path else "gone"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _check_plan(kept: Path, run: Run, wanted: Sequence[ImageToPredict], console: Console) -> None:
    """Create ``kept`` for this run and these images; removes batches of another plan and says so.

    Labels and patients are not part of the plan, because predictions do not depend on them.
    """
    images = hashlib.sha256(repr([(one.image_id, one.stamp) for one in wanted]).encode()).hexdigest()
    plan = json.dumps(_about(run) | {"images": images, "batch": str(BATCH)}).encode()
    path = kept / PLAN
    if path.is_file() and path.read_bytes() == plan:
        n_done = len(list(kept.glob("*.parquet")))
        console.print(f"Going on: {counted(n_done, 'batch', 'batches')} of {BATCH} images are done already.")
        return
    if kept.exists():
        console.print("What was begun here was for another run or other images; it is done anew.", style="yellow")
        shutil.rmtree(kept)
    kept.mkdir()
    write_whole(path, plan)


def _batch(run: Run, batch: Sequence[ImageToPredict], ask: PredictBatch) -> pa.Table:
    pixels, problems = [], []
    for one in batch:
        try:
            pixels.append(run.card.prepared.pixels(one.decoded()))
            problems.append("")
        except ImageError as error:
            problems.append(_as_text(str(error)))
    classes = run.card.classes
    predicted = np.full((len(batch), len(classes)), np.nan, dtype=np.float32)
    read = [k for k, problem in enumerate(problems) if not problem]
    if pixels:
        predicted[read] = ask(np.stack(pixels))
    answers = [
        None if problem else classes[int(row.argmax())] for row, problem in zip(predicted, problems, strict=True)
    ]
    columns = {"image_id": pa.array([one.image_id for one in batch], pa.string())}
    columns |= {"predicted": pa.array(answers, pa.string())}
    columns |= {
        f"p:{name}": pa.array(predicted[:, k], pa.float32(), from_pandas=True) for k, name in enumerate(classes)
    }
    return pa.table(columns | {"problem": pa.array(problems, pa.string())})


def _about(run: Run) -> dict[str, str]:
    return {"run": run.run_id, "card_sha256": run.card_sha256, "weights_sha256": run.card.weights_sha256}


def _parquet(table: pa.Table, run: Run) -> bytes:
    out = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({"taxoscope": json.dumps(_about(run))}), out, compression="zstd")
    return out.getvalue()


def _csv(table: pa.Table, run: Run) -> bytes:
    """The same columns as the Parquet file, plus run and hashes in every row; cells cannot run as formulas."""
    out, about = io.StringIO(newline=""), _about(run)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([safe_cell(name) for name in (*table.column_names, *about)])
    for row in table.to_pylist():
        cells = ["" if value is None else str(value) for value in row.values()]
        writer.writerow([safe_cell(cell) for cell in (*cells, *about.values())])
    return out.getvalue().encode()
