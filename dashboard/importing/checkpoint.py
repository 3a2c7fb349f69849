"""Import of an external model on a page: read its file, preview preprocessing, try it, write it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from dashboard.evaluation.saliency import colour_heatmap
from dashboard.importing.checks import check_run_id_free, unknown_words
from dashboard.importing.uploads import ImportFiles
from dashboard.server_state.jobs import ProgressCallback
from dashboard.server_state.open_workspace import Desk
from dashboard.words import counted, share_text
from model_zoo.core.errors import CheckpointError, ImageError
from model_zoo.core.extras import require
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.images.decoding import Preprocessing
from model_zoo.images.encoding import data_url
from model_zoo.workspace.run import Run
from model_zoo.workspace.workspace import Workspace

if TYPE_CHECKING:
    from model_zoo.checkpoints.architectures import ArchitectureFit
    from model_zoo.checkpoints.model_file import ModelFile
    from model_zoo.checkpoints.read import Said
    from model_zoo.importing.models import Declaration, Imported

SAMPLES = 4
SIDE_PX = 160


@dataclass(frozen=True)
class OpenedCheckpoint:
    """A weights file that was read without executing anything in it, with notes and matching architectures by part.

    ``metadata`` is what the file says about itself. ``architecture`` is '' if the file does not contain its own;
    ``channels`` and ``n_outputs`` are 0 if unknown.
    """

    checkpoint: "ModelFile"
    notes: Mapping[str, tuple[str, ...]]
    fits: Mapping[str, "tuple[ArchitectureFit, ...]"]
    metadata: "Mapping[str, Said]" = field(default_factory=dict)
    architecture: str = ""
    channels: int = 0
    n_outputs: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """One image before and after preprocessing, as data URIs; ``low`` and ``high`` are the model input's range."""

    image_id: str
    before: str
    after: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class SampleHeatmap:
    """One image and its heatmap overlay, as data URIs; ``after`` is '' if there is no heatmap."""

    image_id: str
    before: str
    after: str
    words: str


@dataclass(frozen=True)
class Trial:
    """An imported model that was run on the workspace's images, with the heatmap of one image."""

    imported: "Imported"
    heatmap: SampleHeatmap


def open_checkpoint(import_files: ImportFiles, tell: ProgressCallback) -> OpenedCheckpoint:
    """Read a weights file and find the known architectures that match; `CheckpointError` if it is not a model."""
    require("models", "The import of a model")
    from model_zoo.checkpoints.architectures import outputs_and_channels, suggest
    from model_zoo.checkpoints.model_file import read_model
    from model_zoo.checkpoints.read import Checkpoint

    checkpoint = read_model(import_files.path)
    if not isinstance(checkpoint, Checkpoint):
        known = checkpoint.architecture, checkpoint.channels, checkpoint.n_classes
        return OpenedCheckpoint(checkpoint, {"": checkpoint.sentences}, {"": ()}, checkpoint.said, *known)
    texts = [one for one in checkpoint.said.values() if isinstance(one, str)][:100]
    notes, fits = {}, {}
    for done, part in enumerate(checkpoint.parts):
        tell(done, len(checkpoint.parts))
        weights = checkpoint.weights(part)
        notes[part] = (f"{counted(len(weights.tensors), 'tensor')}.", *weights.notes)
        fits[part] = suggest(weights.tensors, [*texts, import_files.name])
        if not fits[part]:
            notes[part] = (*notes[part], unknown_words(*outputs_and_channels(weights.tensors)))
    return OpenedCheckpoint(checkpoint, notes, fits, checkpoint.said)


def samples(desk: Desk, prepared: Preprocessing) -> tuple[Sample, ...]:
    """Some preprocessed images of validation, or else of test; unreadable images are skipped."""
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


def file_orders(checkpoint: "ModelFile", taxonomy: Taxonomy) -> Sequence[tuple[str, ...]]:
    """Lists of names in the file that contain exactly the taxonomy's classes."""
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
    """The user's settings for a model; `RunError` if the classes are not those of the taxonomy."""
    from model_zoo.importing.models import Declaration

    return Declaration(run_id, architecture, taxonomy, tuple(order), prepared, licence, part)


def try_out(
    workspace: Workspace, checkpoint: "ModelFile", declared: "Declaration", tell: ProgressCallback
) -> "Imported":
    """Load the model and predict validation and test images; writes nothing."""
    from model_zoo.importing.models import verify

    check_run_id_free(workspace, declared.run_id)
    return verify(workspace, checkpoint, declared, lambda task, done, of: tell(done, of, task))


def try_with_heatmap(
    workspace: Workspace, checkpoint: "ModelFile", declared: "Declaration", tell: ProgressCallback
) -> Trial:
    """`try_out`, with the heatmap of one image."""
    imported = try_out(workspace, checkpoint, declared, tell)
    return Trial(imported, sample_heatmap(workspace, imported))


def write(workspace: Workspace, imported: "Imported") -> Run:
    """Write the run, completely or not at all."""
    check_run_id_free(workspace, imported.card.run_id)
    return imported.write(workspace)


def sample_heatmap(workspace: Workspace, imported: "Imported") -> SampleHeatmap:
    """Heatmap of the first evaluated image, for the predicted class."""
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
    heat = Image.fromarray(colour_heatmap(card.prepared.place_back(found.heat, *image.size)), "RGBA")
    over = Image.alpha_composite(image.convert("RGBA"), heat).convert("RGB")
    words = f"It answers {said}. {found.method} at {found.layer}: the lighter, the more it speaks for that."
    return SampleHeatmap(image_id, before, _uri(over), words)


def _uri(image: Image.Image) -> str:
    small = image.copy()
    small.thumbnail((SIDE_PX, SIDE_PX))
    return data_url(small)
