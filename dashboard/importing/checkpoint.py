"""A model from elsewhere imported from a page: what its file is and says, how images reach it, tried before written."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from dashboard.evaluation.saliency import coloured
from dashboard.importing.checks import check_run_id_free
from dashboard.importing.uploads import ImportFiles
from dashboard.server_state.jobs import Tell
from dashboard.server_state.open_workspace import Desk
from dashboard.words import counted, share_text
from model_zoo.core.errors import CheckpointError, ImageError
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.images.decoding import Preprocessing
from model_zoo.workspace.run import ONNX, Run
from model_zoo.workspace.workspace import Workspace

if TYPE_CHECKING:
    from model_zoo.checkpoints.architectures import Fit
    from model_zoo.checkpoints.onnx_models import Graph
    from model_zoo.checkpoints.read import Checkpoint, Said
    from model_zoo.importing.models import Declaration, Imported

SAMPLES = 4
SIDE_PX = 160


@dataclass(frozen=True)
class OpenedCheckpoint:
    """A file of weights that was read, nothing in it run: ``notes`` and what fits best, by part.

    ``said`` is what it says of itself. ``architecture`` is '' where the file does not bring its own; ``channels`` and
    ``n_outputs`` are 0 where a graph does not say them.
    """

    checkpoint: "Checkpoint | Graph"
    notes: Mapping[str, tuple[str, ...]]
    fits: Mapping[str, "tuple[Fit, ...]"]
    said: "Mapping[str, Said]" = field(default_factory=dict)
    architecture: str = ""
    channels: int = 0
    n_outputs: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """One image as it is and as the model gets it, as data URIs; ``low`` and ``high`` are the numbers that it gets."""

    image_id: str
    before: str
    after: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class SampleHeatmap:
    """One image and the map laid over it, as data URIs; ``after`` is '' where there is none."""

    image_id: str
    before: str
    after: str
    words: str


@dataclass(frozen=True)
class Trial:
    """A model that was tried, and where it looked in one image."""

    imported: "Imported"
    map: SampleHeatmap


def open_checkpoint(intake: ImportFiles, tell: Tell) -> OpenedCheckpoint:
    """Read a file of weights and compare it with the architectures known here; `CheckpointError` says what it is."""
    from dashboard.importing.checkpoint_command import graph_words, read_model
    from model_zoo.checkpoints.architectures import suggest
    from model_zoo.checkpoints.onnx_models import Graph

    checkpoint = read_model(intake.path)
    if isinstance(checkpoint, Graph):
        graph = checkpoint
        return OpenedCheckpoint(graph, {"": graph_words(graph)}, {"": ()}, {}, ONNX, graph.channels, graph.n_classes)
    texts = [one for one in checkpoint.said.values() if isinstance(one, str)][:100]
    notes, fits = {}, {}
    for done, part in enumerate(checkpoint.parts):
        tell(done, len(checkpoint.parts))
        weights = checkpoint.weights(part)
        notes[part] = (f"{counted(len(weights.tensors), 'tensor')}.", *weights.notes)
        fits[part] = suggest(weights.tensors, [*texts, intake.name])
    return OpenedCheckpoint(checkpoint, notes, fits, checkpoint.said)


def samples(desk: Desk, prepared: Preprocessing) -> tuple[Sample, ...]:
    """Some images of validation, else of test, as they are prepared; those that cannot be read are passed over."""
    dataset = desk.dataset()
    images = dataset.split(Split.VALIDATION) or dataset.split(Split.TEST)
    made = []
    for image in images[:: max(1, len(images) // SAMPLES)]:
        try:
            decoded = desk.decoded(image.image_id)
        except ImageError:
            continue
        pixels = prepared.pixels(decoded)
        numbers = prepared.normalise(pixels)
        fitted = Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
        made.append(Sample(image.image_id, _uri(decoded), _uri(fitted), float(numbers.min()), float(numbers.max())))
        if len(made) == SAMPLES:
            break
    return tuple(made)


def file_orders(checkpoint: "Checkpoint | Graph", taxonomy: Taxonomy) -> Sequence[tuple[str, ...]]:
    """Lists in the file that name exactly the taxonomy's classes."""
    from model_zoo.importing.models import class_lists

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
    from model_zoo.importing.models import Declaration

    return Declaration(run_id, architecture, taxonomy, tuple(order), prepared, licence, part)


def try_out(workspace: Workspace, checkpoint: "Checkpoint | Graph", declared: "Declaration", tell: Tell) -> "Imported":
    """The model loaded and asked about validation and test; nothing is written."""
    from model_zoo.importing.models import verify

    check_run_id_free(workspace, declared.run_id)
    return verify(workspace, checkpoint, declared, lambda task, done, of: tell(done, of, task))


def try_with_heatmap(
    workspace: Workspace, checkpoint: "Checkpoint | Graph", declared: "Declaration", tell: Tell
) -> Trial:
    """What `try_out` finds, with a map of one image."""
    imported = try_out(workspace, checkpoint, declared, tell)
    return Trial(imported, sample_heatmap(workspace, imported))


def write(workspace: Workspace, imported: "Imported") -> Run:
    """The run, written whole or not at all."""
    check_run_id_free(workspace, imported.card.run_id)
    return imported.write(workspace)


def sample_heatmap(workspace: Workspace, imported: "Imported") -> SampleHeatmap:
    """Where the model looked in the first image that it was judged on, for the class that it answered."""
    import torch

    from model_zoo.checkpoints.load import restore
    from model_zoo.inference.saliency import ExplanationError, explain

    card = imported.card
    image_id = (*imported.judged.image_ids, *next(iter(imported.predictions.values())).image_ids)[0]
    image = workspace.decoded(workspace.dataset().by_id[image_id]).convert("RGB")
    before = _uri(image)
    try:
        model = restore(card, imported.weights).eval().requires_grad_(False)
        found = explain(model, torch.from_numpy(card.prepared.apply(image))[None])
    except (ExplanationError, CheckpointError) as error:
        return SampleHeatmap(image_id, before, "", f"No map of it: {error}")
    said = f"{card.classes[found.class_index]}, {share_text(float(found.probabilities[found.class_index]))}"
    if found.empty:
        return SampleHeatmap(image_id, before, "", f"It answers {said}. The map is zero: no place speaks for it.")
    image.thumbnail((SIDE_PX, SIDE_PX))
    heat = Image.fromarray(coloured(card.prepared.place_back(found.heat, *image.size)), "RGBA")
    over = Image.alpha_composite(image.convert("RGBA"), heat).convert("RGB")
    words = f"It answers {said}. {found.method} at {found.layer}: the lighter, the more it speaks for that."
    return SampleHeatmap(image_id, before, _uri(over), words)


def _uri(image: Image.Image) -> str:
    small = image.copy()
    small.thumbnail((SIDE_PX, SIDE_PX))
    out = io.BytesIO()
    small.save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
