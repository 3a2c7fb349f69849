"""Imports a trained model as a run, after checks on the workspace's images."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save

from model_zoo.checkpoints.architectures import (
    COUNTERS,
    check_fit,
    classifier_heads,
    compare_architectures,
    fit_architecture,
)
from model_zoo.checkpoints.load import build, restore  # sets the thread policy before torch is loaded
from model_zoo.checkpoints.preprocessing_trials import Trial, other_preprocessing, sampled_images, try_preprocessing
from model_zoo.checkpoints.read import Checkpoint, Weights

# isort: split
import torch
from torch import Tensor

from model_zoo.checkpoints.crop_probe import UnknownCropError, whole
from model_zoo.checkpoints.model_file import ModelFile, WholeModel
from model_zoo.checkpoints.onnx_graphs import Graph
from model_zoo.checkpoints.onnx_models import OnnxModel
from model_zoo.checkpoints.trusted_code import TrustedCode, TrustedModel
from model_zoo.core.errors import CheckpointError, RunError
from model_zoo.core.evaluation.evaluation import Evaluation, evaluate
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.images.decoding import Preprocessing
from model_zoo.inference.predict import fitted_pixels, probabilities
from model_zoo.workspace.run import Card, Run, write_run
from model_zoo.workspace.workspace import Workspace

BATCH = 64


@dataclass(frozen=True)
class Declaration:
    """What somebody says of a model that was trained elsewhere; nothing of it is guessed.

    ``order`` names the classes of ``taxonomy`` in the order of the model's outputs. ``part`` is one of the
    checkpoint's sets of weights, empty where it has one only. ``code`` is run: it builds the model, and
    ``architecture`` only names it.
    """

    run_id: str
    architecture: str
    taxonomy: Taxonomy
    order: tuple[str, ...]
    preprocessing: Preprocessing
    licence: str
    part: str = ""
    code: TrustedCode | None = None

    def __post_init__(self) -> None:
        if sorted(self.order) != sorted(self.taxonomy.names):
            raise RunError(
                f"The classes {', '.join(self.order)[:300]} are not those of taxonomy {self.taxonomy.name!r} "
                f"({', '.join(self.taxonomy.names)[:300]}); name each of them once, in the order of the outputs."
            )


@dataclass(frozen=True)
class Imported:
    """A run made of a declaration and a file, verified and not yet written; ``notes`` are sentences about the weights.

    ``judged`` is its answers against the labels of one split, validation where that has labels, else test; ``tried``
    what some of these images would score if they were prepared otherwise, empty where none has a label.
    """

    card: Card
    weights: bytes
    predictions: Mapping[Split, Predictions]
    notes: tuple[str, ...]
    judged: Evaluation
    judged_on: Split
    code: bytes = b""
    tried: tuple[Trial, ...] = ()

    def write(self, workspace: Workspace) -> Run:
        """The run folder, written whole or not at all."""
        return write_run(self.card, workspace.writable / "runs", self.weights, (), self.predictions, self.code)


def verify(
    workspace: Workspace,
    checkpoint: ModelFile,
    declared: Declaration,
    progress: Callable[[str, int, int], None] = lambda task, done, total: None,
) -> Imported:
    """Build the model, load the weights, ask it about validation and test; nothing is written.

    `CheckpointError` where weights, architecture, classes or preprocessing do not fit; `WorkspaceError` or
    `ImageError` where the images cannot be read. ``progress`` is told the task and how many of how many are done.
    """
    if not isinstance(checkpoint, Checkpoint):
        raw, notes = _whole(checkpoint, declared)
    else:
        weights, state = _loaded(checkpoint, declared)
        raw, notes = save(state), weights.notes
    card = _card(workspace, checkpoint, declared, raw)
    model = restore(card, raw, declared.code).eval()
    card = replace(card, n_parameters=sum(parameter.numel() for parameter in model.parameters()))
    dataset = workspace.dataset()
    predictions: dict[Split, Predictions] = {}
    for split in (Split.VALIDATION, Split.TEST):
        reading, asking = (partial(progress, f"{task} {split} images") for task in ("Reading", "Judging"))
        ids, pixels = fitted_pixels(workspace, split, card.prepared, reading)
        if ids:
            said = _ask(model, pixels, declared, asking)
            predictions[split] = Predictions(ids, card.classes, said)
    if not predictions:
        raise RunError("There is no image in validation or test to try the model on; give the workspace some first.")
    notes = (*notes, *_place_of_maps(model, declared))
    every = {
        split: evaluate([one], card.taxonomy, card.taxonomy, dataset.labels, dataset.patients)
        for split, one in predictions.items()
    }
    judged_on = next((split for split, one in every.items() if len(one.truth)), next(iter(every)))
    source = declared.code.source if declared.code else b""
    tried = _tried(workspace, model, declared, every[judged_on], partial(progress, "Trying other preparations"))
    return Imported(card, raw, predictions, notes, every[judged_on], judged_on, source, tried)


def _place_of_maps(model: torch.nn.Module, declared: Declaration) -> tuple[str, ...]:
    """Which part of its input a model of own code looks at, or why nobody knows."""
    if not isinstance(model, TrustedModel):
        return ()
    size = declared.preprocessing.input_size
    try:
        crop = model.seen(size)
    except UnknownCropError as error:
        return (f"Warning: {error}",)
    return () if crop == whole(size[1:]) else (f"It looks at {crop.written} (top, left, bottom, right) of its input.",)


def _tried(
    workspace: Workspace,
    model: torch.nn.Module,
    declared: Declaration,
    judged: Evaluation,
    progress: Callable[[int, int], None],
) -> tuple[Trial, ...]:
    rows = sampled_images(len(judged.truth))
    if not len(rows):
        return ()
    by_id = workspace.dataset().by_id
    images = (workspace.decoded(by_id[judged.image_ids[row]]) for row in rows)
    wanted = other_preprocessing(declared.preprocessing, values=declared.code is None or not declared.code.prepares)
    return try_preprocessing(wanted, images, judged.truth[rows], partial(probabilities, model), progress)


def _whole(graph: WholeModel, declared: Declaration) -> tuple[bytes, tuple[str, ...]]:
    """What a run keeps of it, and notes; `CheckpointError` where it takes or gives another size."""
    channels, height, width = declared.preprocessing.input_size
    wants = (graph.channels or channels, graph.size[0] or height, graph.size[1] or width)
    if wants != (channels, height, width):
        raise CheckpointError(
            f"{graph.name} takes images of {wants} (channels, height, width), declared is "
            f"{(channels, height, width)}; correct --channels and --size."
        )
    if graph.n_classes not in (0, len(declared.order)):
        raise CheckpointError(
            f"{graph.name} has {graph.n_classes} outputs, taxonomy {declared.taxonomy.name!r} has "
            f"{len(declared.order)} classes; choose the taxonomy that it was trained on."
        )
    if not isinstance(graph, Graph):
        return graph.raw, graph.notes
    model = OnnxModel(graph, tuple(range(len(declared.order))))
    maps = (
        "Maps can be read before its global pooling."
        if model.has_maps
        else "It has no maps: the graph does not end in global average pooling and one linear layer."
    )
    says = ["Its outputs are probabilities (it ends in a Softmax)."] if graph.gives_probabilities else []
    return graph.raw, (*says, maps)


def _loaded(checkpoint: Checkpoint, declared: Declaration) -> tuple[Weights, dict[str, Tensor]]:
    """The weights as the file has them, and as the model wants them."""
    if declared.code is None:
        weights = checkpoint.weights(declared.part)
        return weights, _finite(checkpoint, _fitting(checkpoint, weights, declared))
    network = declared.code.network(len(declared.order), declared.preprocessing.channels)
    shapes = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    wanted = {key for key in shapes if not key.endswith(COUNTERS)}
    weights = checkpoint.weights(declared.part, wanted)
    check_fit(compare_architectures(declared.code.name, shapes, (), "", weights.tensors), checkpoint.name)
    network.load_state_dict(weights.tensors, strict=False)
    # clones: what two names share in memory is one tensor to safetensors, which refuses it
    return weights, _finite(checkpoint, {key: one.clone() for key, one in network.state_dict().items()})


def _fitting(checkpoint: Checkpoint, weights: Weights, declared: Declaration) -> dict[str, Tensor]:
    """The weights as the architecture wants them, their last layer in the taxonomy's order of classes."""
    size, taxonomy = declared.preprocessing.input_size, declared.taxonomy
    found = check_fit(fit_architecture(declared.architecture, weights.tensors, size[1:]), checkpoint.name)
    if found.n_classes != len(taxonomy.classes):
        raise CheckpointError(
            f"The model in {checkpoint.name} has {found.n_classes} outputs, taxonomy {taxonomy.name!r} has "
            f"{len(taxonomy.classes)} classes; choose the taxonomy that it was trained on."
        )
    if found.channels not in (0, size[0]):
        raise CheckpointError(
            f"The model in {checkpoint.name} takes {found.channels} channel(s), {size[0]} were declared; correct that."
        )
    rows = [declared.order.index(name) for name in taxonomy.names]
    last = classifier_heads(declared.architecture)
    model = build(declared.architecture, size, len(taxonomy.classes))
    try:
        state = {key: one[rows] if key in last else one for key, one in weights.tensors.items()}
        model.load_state_dict(
            state, strict=False
        )  # what lacks are counters of batches, as `fit_architecture` has seen to
    except (RuntimeError, IndexError) as error:  # a last layer whose weight and bias have different numbers of rows
        raise CheckpointError(f"The weights in {checkpoint.name} contradict each other; save them again.") from error
    full: dict[str, Tensor] = model.state_dict()
    return full


def _finite(checkpoint: Checkpoint, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if broken := [key for key, one in state.items() if not bool(torch.isfinite(one).all())]:
        raise CheckpointError(
            f"{checkpoint.name} holds numbers that are not finite ({broken[0]}); it is damaged or training failed."
        )
    return {key: tensor.contiguous() for key, tensor in state.items()}


def _ask(
    model: torch.nn.Module,
    pixels: NDArray[np.uint8],
    declared: Declaration,
    progress: Callable[[int, int], None],
) -> NDArray[np.float32]:
    rows: list[NDArray[np.float32]] = []
    for start in range(0, len(pixels), BATCH):
        rows.append(_answers(model, pixels[start : start + BATCH], declared))
        progress(min(start + BATCH, len(pixels)), len(pixels))
    return np.concatenate(rows)


def _answers(model: torch.nn.Module, pixels: NDArray[np.uint8], declared: Declaration) -> NDArray[np.float32]:
    try:
        said = probabilities(model, pixels, declared.preprocessing)
    except RuntimeError as error:  # a shape that a layer does not take
        first = next(iter(str(error).splitlines()), "")
        raise CheckpointError(
            f"{declared.architecture} fails on images of {declared.preprocessing.input_size} ({first}); "
            "correct the size or the architecture."
        ) from error
    if said.shape != (len(pixels), len(declared.order)) or not np.isfinite(said).all():
        raise CheckpointError(
            f"{declared.architecture} gives no probabilities for these images; check mean, std and value range."
        )
    return said


def _card(workspace: Workspace, checkpoint: ModelFile, declared: Declaration, raw: bytes) -> Card:
    dataset = workspace.dataset()
    predicted = [split for split in (Split.VALIDATION, Split.TEST) if dataset.split(split)]
    recipe = {"imported_from": checkpoint.name, "sha256": checkpoint.sha256}
    recipe |= {"part": declared.part} if declared.part else {}
    reordered = declared.order != declared.taxonomy.names
    recipe |= {"order": ", ".join(declared.order)} if reordered else {}
    return Card(
        run_id=declared.run_id,
        architecture=declared.architecture,
        taxonomy=declared.taxonomy,
        preprocessing=declared.preprocessing,
        data_hash={str(split): dataset.hash(split) for split in predicted},
        recipe=recipe,
        seed=0,
        epochs_chosen="not known: trained elsewhere",
        n_train_images=0,
        n_parameters=0,
        duration_s=0.0,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={name: version(name) for name in ("taxoscope", "torch", "torchvision", "timm", "numpy", "pillow")},
        processor="not known: trained elsewhere",
        weights_sha256=hashlib.sha256(raw).hexdigest(),
        licence=declared.licence,
        code={"name": declared.code.name, "sha256": declared.code.sha256} if declared.code else {},
        order=declared.order if reordered and (declared.code or not isinstance(checkpoint, Checkpoint)) else (),
    )


def class_lists(checkpoint: ModelFile, taxonomy: Taxonomy) -> Sequence[tuple[str, ...]]:
    """Lists in the file that name exactly the classes of ``taxonomy``, whatever their order."""
    found = [tuple(map(str, said)) for said in checkpoint.said.values() if isinstance(said, tuple)]
    return [one for one in found if sorted(one) == sorted(taxonomy.names)]
