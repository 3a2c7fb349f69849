"""A model from elsewhere imported from a page: what its file is and says, how images reach it, tried before written."""

import base64
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from dashboard.actions.desk import Desk
from dashboard.actions.intake import Intake
from dashboard.actions.jobs import Tell
from dashboard.words import counted, interval_text, share_text
from model_zoo.core.choices import Split
from model_zoo.core.class_order import other_order
from model_zoo.core.errors import ImageError, RunError
from model_zoo.core.evaluation import accuracy
from model_zoo.core.taxonomy import Taxonomy
from model_zoo.images import Interpolation, Preprocessing, decode
from model_zoo.run import Run, check_run_id
from model_zoo.workspace import Workspace

if TYPE_CHECKING:
    from model_zoo.architectures import Fit
    from model_zoo.checkpoint_files import Checkpoint
    from model_zoo.run_import import Declaration, Imported

SAMPLES = 4
SIDE_PX = 160


@dataclass(frozen=True)
class Held:
    """A file of weights that was read, nothing in it run: ``notes`` and what fits best, by part."""

    checkpoint: "Checkpoint"
    notes: Mapping[str, tuple[str, ...]]
    fits: Mapping[str, "tuple[Fit, ...]"]


@dataclass(frozen=True, slots=True)
class SaidOfIt:
    """What the file itself says of how images reach the model; None where it does not. Nobody vouches for it."""

    size: str | None = None
    interpolation: Interpolation | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One image as it is and as the model gets it, as data URIs; ``low`` and ``high`` are the numbers that it gets."""

    image_id: str
    before: str
    after: str
    low: float
    high: float


def hold_weights(intake: Intake, tell: Tell) -> Held:
    """Read a file of weights and compare it with the architectures known here; `CheckpointError` says what it is."""
    from model_zoo.checkpoint_files import read_checkpoint

    checkpoint = read_checkpoint(intake.path)
    from model_zoo.architectures import suggest

    texts = [one for one in checkpoint.said.values() if isinstance(one, str)][:100]
    notes, fits = {}, {}
    for done, part in enumerate(checkpoint.parts):
        tell(done, len(checkpoint.parts))
        weights = checkpoint.weights(part)
        notes[part] = (f"{counted(len(weights.tensors), 'tensor')}.", *weights.notes)
        fits[part] = suggest(weights.tensors, [*texts, intake.name])
    return Held(checkpoint, notes, fits)


def said_of_it(checkpoint: "Checkpoint") -> SaidOfIt:
    """Size and interpolation where the file names them, wherever it does."""
    by_end = {where.rpartition(".")[2].lower(): value for where, value in reversed(list(checkpoint.said.items()))}
    sizes = [by_end[name] for name in ("img_size", "image_size", "input_size", "imgsz") if name in by_end]
    size = next((f"{one}" for one in sizes if re.fullmatch(r"[0-9]{1,4}", str(one))), None)
    named = str(by_end.get("interpolation", ""))
    return SaidOfIt(size, Interpolation(named) if named in tuple(Interpolation) else None)


def as_size(text: str) -> tuple[int, int]:
    """``224`` or ``224x320`` as (height, width) in pixels; `RunError` for anything else."""
    sides = re.fullmatch(r"\s*([0-9]{1,4})\s*(?:[xX]\s*([0-9]{1,4})\s*)?", text)
    height, width = (int(sides[1]), int(sides[2] or sides[1])) if sides else (0, 0)
    if not (1 <= height <= 4096 and 1 <= width <= 4096):
        raise RunError(f"Cannot read size {text[:40]!r}; write 224, or 224x320 for height x width, at most 4096.")
    return height, width


def as_numbers(text: str) -> tuple[float, ...]:
    """``0.5,0.5,0.5`` as numbers; `RunError` for anything else."""
    pieces = [one.strip() for one in text.split(",")]
    if not all(re.fullmatch(r"[+-]?[0-9]{0,6}\.?[0-9]{0,12}", one) and re.search("[0-9]", one) for one in pieces):
        raise RunError(f"Cannot read {text[:60]!r}; write one number per channel, such as 0.485,0.456,0.406.")
    return tuple(map(float, pieces))


def samples(desk: Desk, prepared: Preprocessing) -> tuple[Sample, ...]:
    """Some images of validation, else of test, as they are prepared; those that cannot be read are passed over."""
    dataset = desk.dataset()
    images = dataset.split(Split.VALIDATION) or dataset.split(Split.TEST)
    made = []
    for image in images[:: max(1, len(images) // SAMPLES)]:
        try:
            decoded = decode(desk.image_bytes(image.image_id), image.image_id)
        except ImageError:
            continue
        pixels = prepared.pixels(decoded)
        numbers = prepared.normalise(pixels)
        fitted = Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
        made.append(Sample(image.image_id, _uri(decoded), _uri(fitted), float(numbers.min()), float(numbers.max())))
        if len(made) == SAMPLES:
            break
    return tuple(made)


def check_free(workspace: Workspace, run_id: str) -> None:
    """`RunError` unless a new run can be called so."""
    check_run_id(run_id)
    if run_id in {run.run_id for run in workspace.runs()} | {path.name for path in workspace.writable.glob("runs/*")}:
        raise RunError(f"Run {run_id!r} is already there; choose another name.")


def file_orders(checkpoint: "Checkpoint", taxonomy: Taxonomy) -> Sequence[tuple[str, ...]]:
    """Lists in the file that name exactly the taxonomy's classes."""
    from model_zoo.run_import import class_lists

    return tuple(dict.fromkeys(class_lists(checkpoint, taxonomy)))


def declare(
    run_id: str,
    architecture: str,
    taxonomy: Taxonomy,
    order: Sequence[str],
    prepared: Preprocessing,
    licence: str,
    part: str,
) -> "Declaration":
    """What somebody says of a model; `RunError` where the classes are not the taxonomy's."""
    from model_zoo.run_import import Declaration

    return Declaration(run_id, architecture, taxonomy, tuple(order), prepared, licence, part)


def try_out(workspace: Workspace, checkpoint: "Checkpoint", declared: "Declaration", tell: Tell) -> "Imported":
    """The model loaded and asked about validation and test; nothing is written."""
    from model_zoo.run_import import verify

    check_free(workspace, declared.run_id)
    return verify(workspace, checkpoint, declared, lambda task, done, of: tell(done, of))


def write(workspace: Workspace, imported: "Imported") -> Run:
    """The run, written whole or not at all."""
    check_free(workspace, imported.card.run_id)
    return imported.write(workspace)


def found_words(imported: "Imported") -> str:
    """How many answers are right, over what, with which reservation."""
    judged, taxonomy = imported.judged, imported.card.taxonomy
    if not len(judged.truth):
        return "No image in validation or test has a label that the taxonomy places: nothing says that it is right."
    share = accuracy(judged).share
    basis = f"{counted(len(judged.truth), 'image')} of {counted(judged.n_patients, 'patient')}"
    return (
        f"Accuracy over {imported.judged_on}: {share_text(share.value)} ({interval_text(share.low, share.high)}; "
        f"{basis}, original labels, taxonomy {taxonomy.name}). What it was trained on is not known: if these images "
        "were among it, that is too high."
    )


def order_warning(imported: "Imported", order: Sequence[str]) -> str:
    """Which other order of the outputs would be right far more often; '' where none would."""
    names = imported.card.taxonomy.names
    other = other_order(imported.judged.confusion.counts, names)
    if not len(imported.judged.truth) or not other.is_suspicious:
        return ""
    of = dict(zip(names, other.names, strict=True))
    return (
        f"With the outputs named {', '.join(of[name] for name in order)}, {share_text(other.share)} of the "
        f"{counted(other.n_images, 'image')} would be right: check the order of the classes."
    )


def _uri(image: Image.Image) -> str:
    small = image.copy()
    small.thumbnail((SIDE_PX, SIDE_PX))
    out = io.BytesIO()
    small.save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
