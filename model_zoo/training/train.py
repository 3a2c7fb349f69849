"""The training loop: a timm model, one taxonomy, one recipe."""

import hashlib
import platform
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save

from model_zoo.checkpoints.load import build  # sets the thread policy before torch is loaded

# isort: split
import torch
from torch import nn
from torch.nn import functional as F

from model_zoo.core.errors import ImageError, RunError, WorkspaceError
from model_zoo.core.evaluation.folds import with_fewer_images
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.label_space.labels import Label
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import OUTSIDE, Taxonomy
from model_zoo.images.decoding import Preprocessing
from model_zoo.inference.out_of_fold import models_by_patient
from model_zoo.inference.predict import fitted_pixels, probabilities
from model_zoo.workspace.label_sets import LabelSet, training_labels
from model_zoo.workspace.learning_curve import FOLDER, ReducedClass
from model_zoo.workspace.manifest import check_no_leak
from model_zoo.workspace.run import Card, Epoch, Run, write_run
from model_zoo.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Training:
    """The ``[training]`` table of a recipe: every choice except taxonomy and seed.

    AdamW under a one-cycle schedule that peaks at ``learning_rate`` (Smith & Topin 2018);
    each image is padded by ``pad_px`` (of the model's input) and cropped at random. ``class_weighted``
    weighs the loss of each image by 1 / the images of its class, so that every class counts the same.
    """

    architecture: str
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    pad_px: int
    preprocessing: Preprocessing
    version: int
    class_weighted: bool = False

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 2 or self.pad_px < 0 or not self.learning_rate > 0:
            raise ValueError(
                "epochs must be at least 1, batch_size at least 2, pad_px not negative and learning_rate positive; "
                f"got {self.epochs}, {self.batch_size}, {self.pad_px} and {self.learning_rate}"
            )

    @classmethod
    def read(cls, path: Path) -> "Training":
        """The training part of a recipe file; `WorkspaceError` names what is missing or wrong."""
        try:
            recipe = tomllib.loads(path.read_text(encoding="utf-8"))
            values = dict(recipe["training"])
            preprocessing = Preprocessing.from_json(values.pop("preprocessing"))
            return cls(**values, preprocessing=preprocessing, version=int(recipe["version"]))
        except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError, ImageError) as error:
            fields = ", ".join(cls.__dataclass_fields__)
            raise WorkspaceError(
                f"Recipe {path} has no usable [training] table ({error}); it needs {fields}."
            ) from error

    @classmethod
    def of(cls, card: Card) -> "Training":
        """The training that a card tells of; `RunError` where it was none of this loop's."""
        try:
            return cls(architecture=card.architecture, preprocessing=card.prepared, **card.recipe)
        except (TypeError, ValueError) as error:
            raise RunError(
                f"Run {card.run_id!r} was not trained by this recipe's loop ({error}); it cannot be trained again here."
            ) from error

    def to_json(self) -> dict[str, Any]:
        """Plain values for a card; the architecture and preprocessing stand there by themselves."""
        values = asdict(self)
        left_out = {"architecture", "preprocessing"} | (set() if self.class_weighted else {"class_weighted"})
        return {name: value for name, value in values.items() if name not in left_out}


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training stands; ``seconds_left`` is extrapolated from the steps done."""

    run_id: str
    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    validation_accuracy: float
    seconds_left: float


@dataclass(frozen=True)
class Examples:
    """The images of one split that a taxonomy can place: pixels (N, C, H, W) and class indices (N,)."""

    image_ids: tuple[str, ...]
    pixels: NDArray[np.uint8]
    targets: NDArray[np.int64]

    def only(self, stays: NDArray[np.bool_]) -> "Examples":
        """Those that stay, a mask (N,)."""
        ids = tuple(image_id for image_id, keep in zip(self.image_ids, stays, strict=True) if keep)
        return Examples(ids, self.pixels[stays], self.targets[stays])


def read_pixels(
    workspace: Workspace, preprocessing: Preprocessing, progress: Callable[[int, int], None]
) -> Mapping[Split, tuple[tuple[str, ...], NDArray[np.uint8]]]:
    """Ids and fitted pixels of the three splits, read once for all seeds."""
    splits = (Split.TRAIN, Split.VALIDATION, Split.TEST)
    return {split: fitted_pixels(workspace, split, preprocessing, progress) for split in splits}


def train(
    workspace: Workspace,
    taxonomy: Taxonomy,
    training: Training,
    seed: int,
    pixels: Mapping[Split, tuple[tuple[str, ...], NDArray[np.uint8]]],
    run_id: str,
    report: Callable[[Progress], None] = lambda progress: None,
    kept: ReducedClass | None = None,
    label_set: LabelSet | None = None,
) -> Run:
    """Train one run and write it below the workspace's ``runs``; nothing is left when interrupted.

    Images whose label the taxonomy cannot place take no part. The number of epochs is fixed by
    the recipe; validation is watched, never chosen by. With ``kept`` it is a point of a learning curve:
    trained on some images of one class, written below `learning_curve.FOLDER`, without weights. With
    ``label_set`` the training images' labels are that set's and all others the manifest's.
    `WorkspaceError` where a training image's patient has images in validation or test.
    """
    started = time.monotonic()
    dataset = workspace.dataset()
    if label_set:
        dataset = training_labels(dataset, label_set)
    examples, validation = (
        _placed(*pixels[split], taxonomy, dataset.labels) for split in (Split.TRAIN, Split.VALIDATION)
    )
    check_no_leak(dataset, examples.image_ids)
    if kept:
        among = examples.targets == taxonomy.names.index(kept.class_name)
        examples = examples.only(
            with_fewer_images(models_by_patient(dataset, examples.image_ids), among, kept.n_images, seed)
        )
    model, history = fit(taxonomy, training, seed, examples, validation, run_id, report)
    predictions: dict[Split, Predictions] = {
        split: Predictions(ids, taxonomy.names, probabilities(model, block, training.preprocessing))
        for split, (ids, block) in pixels.items()
        if split is not Split.TRAIN and ids
    }
    weights = b"" if kept else save({name: tensor.contiguous() for name, tensor in model.state_dict().items()})
    card = Card(
        run_id=run_id,
        architecture=training.architecture,
        taxonomy=taxonomy,
        preprocessing=training.preprocessing,
        data_hash={str(split): dataset.hash(split, training.version) for split in pixels},
        recipe=training.to_json() | (kept.to_recipe() if kept else {}),
        seed=seed,
        epochs_chosen="fixed in the recipe",
        n_train_images=len(examples.targets),
        n_parameters=sum(parameter.numel() for parameter in model.parameters()),
        duration_s=time.monotonic() - started,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={name: version(name) for name in ("taxoscope", "torch", "timm", "numpy", "pillow")},
        processor=f"{platform.machine()}, {torch.get_num_threads()} threads",
        weights_sha256=hashlib.sha256(weights).hexdigest() if weights else "",
        label_set={"name": label_set.name, "sha256": label_set.sha256} if label_set else {},
    )
    return write_run(card, workspace.writable / (FOLDER if kept else "runs"), weights, history, predictions)


def fit(
    taxonomy: Taxonomy,
    training: Training,
    seed: int,
    examples: Examples,
    validation: Examples,
    run_id: str,
    report: Callable[[Progress], None] = lambda progress: None,
) -> tuple[nn.Module, list[Epoch]]:
    """A model fitted on ``examples`` and nothing else, in evaluation mode, and its history.

    ``validation`` is watched, never chosen by. `WorkspaceError` for fewer than two examples.
    """
    if len(examples.targets) < 2:
        n_images = len(examples.targets)
        raise WorkspaceError(
            f"Only {n_images} training image(s) have a label that taxonomy {taxonomy.name!r} can place; label more."
        )
    torch.manual_seed(seed)
    torch.set_flush_denormal(True)  # values that small change nothing and cost up to a fifth of the time
    try:
        model = build(training.architecture, training.preprocessing.input_size, len(taxonomy.classes))
        weights = class_weights(examples.targets, len(taxonomy.classes)) if training.class_weighted else None
        history = _epochs(model, weights, examples, validation, training, seed, run_id, report)
    finally:
        torch.set_flush_denormal(False)  # it holds for all arithmetic of the process
    return model.eval(), history


def _epochs(
    model: nn.Module,
    weights: torch.Tensor | None,
    examples: Examples,
    validation: Examples,
    training: Training,
    seed: int,
    run_id: str,
    report: Callable[[Progress], None],
) -> list[Epoch]:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.from_numpy(training.preprocessing.normalise(examples.pixels))
    targets = torch.from_numpy(examples.targets)
    steps = len(_batches(targets, training.batch_size))
    optimizer = torch.optim.AdamW(model.parameters(), training.learning_rate, weight_decay=training.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, training.learning_rate, total_steps=max(2, steps * training.epochs)
    )
    history: list[Epoch] = []
    accuracy, started = float("nan"), time.monotonic()
    for epoch in range(1, training.epochs + 1):
        model.train()
        total = 0.0
        order = torch.randperm(len(targets), generator=generator)
        for step, rows in enumerate(_batches(order, training.batch_size), start=1):
            batch = _jitter(inputs[rows], training.pad_px, generator)
            loss = F.cross_entropy(model(batch), targets[rows], weights)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows)
            done = (epoch - 1) * steps + step
            left = (time.monotonic() - started) / done * (steps * training.epochs - done)
            report(Progress(run_id, epoch, training.epochs, step, steps, loss.item(), accuracy, left))
        validation_loss, accuracy = _validate(model, validation, training.preprocessing)
        rate = float(schedule.get_last_lr()[0])
        history.append(Epoch(epoch, total / len(targets), validation_loss, accuracy, rate))
        report(Progress(run_id, epoch, training.epochs, steps, steps, loss.item(), accuracy, left))
    return history


def class_weights(targets: NDArray[np.int64], n_classes: int) -> torch.Tensor:
    """Weights (K,) under which every class of ``targets`` (N,) counts the same, their mean over images 1."""
    counts = np.bincount(targets, minlength=n_classes)
    weights = len(targets) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return torch.from_numpy(weights.astype(np.float32))


def _batches(order: torch.Tensor, batch_size: int) -> list[torch.Tensor]:
    """Rows in batches; a lone last row joins the batch before it, for batch norm needs two."""
    batches = list(order.split(batch_size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def _jitter(batch: torch.Tensor, pad_px: int, generator: torch.Generator) -> torch.Tensor:
    """Pad by ``pad_px`` with the edge's values and crop each image at a random place."""
    if pad_px == 0:
        return batch
    padded = F.pad(batch, [pad_px] * 4, mode="replicate")
    corners = torch.randint(0, 2 * pad_px + 1, (len(batch), 2), generator=generator).tolist()
    height, width = batch.shape[-2:]
    crops = [image[:, y : y + height, x : x + width] for image, (y, x) in zip(padded, corners, strict=True)]
    return torch.stack(crops)


def _validate(model: nn.Module, validation: Examples, preprocessing: Preprocessing) -> tuple[float, float]:
    """Mean cross-entropy (nats) and accuracy; NaN without validation images."""
    if not len(validation.targets):
        return float("nan"), float("nan")
    model.eval()
    said = probabilities(model, validation.pixels, preprocessing)
    true = said[np.arange(len(said)), validation.targets]
    right = said.argmax(axis=1) == validation.targets
    return float(-np.log(np.maximum(true, 1e-12)).mean()), float(right.mean())


def _placed(
    image_ids: tuple[str, ...], pixels: NDArray[np.uint8], taxonomy: Taxonomy, labels: Mapping[str, Label]
) -> Examples:
    """The images that have a label that ``taxonomy`` places."""
    targets = taxonomy.place_all([labels.get(image_id, frozenset()) for image_id in image_ids])
    return Examples(image_ids, pixels, targets).only(targets != OUTSIDE)
