"""A run on disk: its card, predictions and weights."""

import csv
import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from model_zoo.core.errors import ImageError, RunError, TaxonomyError
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.images.decoding import Preprocessing
from model_zoo.untrusted.parser_errors import RAISED_BY_PARSERS

FORMAT = 1
LABELS_ONLY = "labels alone"
MAX_NAME_BYTES = 200  # file systems take 255; what is written beside a run adds a little
ONNX, KERAS, TRANSFORMERS = "onnx", "keras", "transformers"
OWN = (ONNX, KERAS, TRANSFORMERS)
"""Stand for the architecture of a model whose file holds it: a graph, or layers or a configuration beside weights."""
GRAPH = "model.onnx"
CARD, WEIGHTS, HISTORY, CODE = "card.json", "model.safetensors", "history.csv", "architecture.py"


@dataclass(frozen=True)
class Card:
    """What a run is, in data.

    Of predictions alone, made elsewhere by nobody knows what, ``architecture`` is empty and ``preprocessing`` None.
    ``data_hash`` maps each split to `DataSet.hash`; ``recipe`` holds every choice of training
    except the seed; ``epochs_chosen`` says how their number came about ("fixed in the recipe"
    or "chosen on validation"); ``duration_s`` is wall-clock time; ``created`` is ISO 8601 in UTC;
    ``weights_sha256`` is empty for a run without weights. ``label_set`` holds the ``name`` and ``sha256`` of the
    label set that the training images' labels came from, and is empty where they were the manifest's. ``code`` holds
    the ``name`` and ``sha256`` of the Python file that builds a model of no known architecture, and ``order`` its
    classes in the order of that model's outputs; both are empty for all others.
    """

    run_id: str
    architecture: str
    taxonomy: Taxonomy
    preprocessing: Preprocessing | None
    data_hash: Mapping[str, str]
    recipe: Mapping[str, Any]
    seed: int
    epochs_chosen: str
    n_train_images: int
    n_parameters: int
    duration_s: float
    created: str
    versions: Mapping[str, str]
    processor: str
    weights_sha256: str = ""
    licence: str = "Apache-2.0"
    label_set: Mapping[str, str] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities, which is the taxonomy's."""
        return self.taxonomy.names

    @property
    def prepared(self) -> Preprocessing:
        """How images are prepared for its model; `RunError` where there is no model."""
        if self.preprocessing is None:
            raise RunError(
                f"Run {self.run_id!r} has no model: its predictions were imported, and nothing more can be asked of it."
            )
        return self.preprocessing

    @property
    def labels_only(self) -> bool:
        """Whether its predictions are labels without probabilities."""
        return self.recipe.get("predictions") == LABELS_ONLY

    @property
    def columns(self) -> tuple[int, ...]:
        """Which output of the model's own code each of ``classes`` is, (K,)."""
        order = self.order or self.classes
        return tuple(order.index(name) for name in self.classes)

    @property
    def _optional(self) -> dict[str, Any]:
        """What a card says only where there is something to say."""
        said = {"label_set": dict(self.label_set), "code": dict(self.code), "order": list(self.order)}
        return {name: value for name, value in said.items() if value}

    @property
    def is_imported(self) -> bool:
        """Whether the model was trained elsewhere: seed, duration and training images are not known."""
        return "imported_from" in self.recipe

    @property
    def fits_by_tensors_alone(self) -> bool:
        """Whether nothing but names and shapes of tensors says that its architecture is the one it was trained with."""
        return self.is_imported and bool(self.weights_sha256) and not self.code and self.architecture not in OWN

    @cached_property
    def series_key(self) -> str:
        """8 hexadecimal digits, equal for runs that differ in the seed alone."""
        same = [
            self.taxonomy.name,
            self.taxonomy.hash,
            dict(self.data_hash),
            self.architecture,
            self.preprocessing and self.preprocessing.to_json(),
            dict(self.recipe),
            *self._optional.values(),
        ]
        return hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()[:8]

    def to_json(self) -> dict[str, Any]:
        """Plain values; the taxonomy is written out, so that a run explains itself."""
        taxonomy = self.taxonomy
        return {
            "format": FORMAT,
            "run_id": self.run_id,
            "architecture": self.architecture,
            "taxonomy": {
                "name": taxonomy.name,
                "version": taxonomy.version,
                "hash": taxonomy.hash,
                "classes": {name: sorted(leaves) for name, leaves in taxonomy.classes.items()},
                "outside": sorted(taxonomy.outside),
            },
            "preprocessing": self.preprocessing and self.preprocessing.to_json(),
            "data_hash": dict(self.data_hash),
            "recipe": dict(self.recipe),
            "seed": self.seed,
            "epochs_chosen": self.epochs_chosen,
            "n_train_images": self.n_train_images,
            "n_parameters": self.n_parameters,
            "duration_s": round(self.duration_s, 1),
            "created": self.created,
            "versions": dict(self.versions),
            "processor": self.processor,
            "weights_sha256": self.weights_sha256,
            "licence": self.licence,
        } | self._optional

    @classmethod
    def from_json(cls, values: Mapping[str, Any], where: str) -> "Card":
        """The card in ``values``; `RunError` names ``where`` and what is missing or wrong."""
        if values.get("format") != FORMAT:
            raise RunError(f"{where} has format {values.get('format')!r}, expected {FORMAT}; train the run again.")
        try:
            written = values["taxonomy"]
            if not isinstance(written["name"], str):
                raise TypeError(f"the taxonomy's name ({written['name']!r})")
            taxonomy = Taxonomy(
                name=written["name"],
                classes={name: frozenset(leaves) for name, leaves in written["classes"].items()},
                outside=frozenset(written["outside"]),
                version=int(written["version"]),
            )
            if taxonomy.hash != written["hash"]:
                raise RunError(f"{where}: the taxonomy's hash does not fit its classes; the card was edited.")
            plain = {name: values[name] for name in _PLAIN_FIELDS}
            for name, kind in _PLAIN_FIELDS.items():
                if not isinstance(plain[name], kind):
                    raise TypeError(f"{name!r} ({plain[name]!r})")
            label_set, code = _named(values, "label_set"), _named(values, "code")
            order = values.get("order", [])
            if not isinstance(order, list) or (order and sorted(order) != sorted(taxonomy.names)):
                raise TypeError(f"'order' ({order!r})")
            preparation = values["preprocessing"]
            alone = preparation is None and "predictions" in plain["recipe"]
            prepared = None if alone else Preprocessing.from_json(preparation)
            own: dict[str, Any] = {"label_set": label_set, "code": code, "order": tuple(order)}
            return cls(taxonomy=taxonomy, preprocessing=prepared, **own, **plain)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunError(f"{where} lacks or garbles {error}; train the run again or mend its card.") from error
        except (ImageError, TaxonomyError) as error:
            raise RunError(f"{where}: {error}") from error


def _named(values: Mapping[str, Any], field_name: str) -> Mapping[str, str]:
    """A field that is left out, or names something and its hash."""
    held: Mapping[str, str] = values.get(field_name, {})
    named = isinstance(held, dict) and all(isinstance(held.get(one), str) for one in ("name", "sha256"))
    if not named and held != {}:
        raise TypeError(f"{field_name!r} ({held!r})")
    return held


_PLAIN_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "run_id": str,
    "architecture": str,
    "data_hash": dict,
    "recipe": dict,
    "seed": int,
    "epochs_chosen": str,
    "n_train_images": int,
    "n_parameters": int,
    "duration_s": (int, float),
    "created": str,
    "versions": dict,
    "processor": str,
    "weights_sha256": str,
    "licence": str,
}


@dataclass(frozen=True)
class Epoch:
    """One line of a training history; losses are mean cross-entropies in nats."""

    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float


@dataclass(frozen=True)
class Run:
    """A run folder: card, weights, history and predictions per split."""

    card: Card
    folder: Path

    @property
    def run_id(self) -> str:
        """The run's name, which is its folder's."""
        return self.card.run_id

    @property
    def card_sha256(self) -> str:
        """64 hexadecimal digits over the card, and through it over the weights."""
        return hashlib.sha256((self.folder / CARD).read_bytes()).hexdigest()

    @property
    def weights_path(self) -> Path | None:
        """The safetensors file or the graph's, if the run has weights."""
        path = self.folder / _weights_name(self.card)
        return path if path.is_file() else None

    def has_predictions(self, split: Split) -> bool:
        """Whether predictions over ``split`` are stored."""
        return _predictions_path(self.folder, split).is_file()

    def predicted_at(self, split: Split) -> int:
        """When the predictions over ``split`` were written, in ns since 1970; 0 where there are none."""
        path = _predictions_path(self.folder, split)
        return path.stat().st_mtime_ns if path.is_file() else 0

    def predictions(self, split: Split) -> Predictions:
        """The stored predictions over ``split``; `RunError` if there are none or they do not fit."""
        path = _predictions_path(self.folder, split)
        if not path.is_file():
            way = (
                "predict that split first"
                if self.card.preprocessing
                else "it has no model to be asked, so choose another"
            )
            raise RunError(f"Run {self.run_id!r} has no predictions over {split}; {way}.")
        try:
            table = pq.read_table(path)
            columns = [f"p:{name}" for name in self.card.classes]
            probabilities = np.stack([table.column(name).to_numpy() for name in columns], axis=1)
            image_ids = tuple(table.column("image_id").to_pylist())
            return Predictions(image_ids, self.card.classes, probabilities.astype(np.float32), self.card.labels_only)
        except (*RAISED_BY_PARSERS, pa.ArrowException, RunError) as error:
            raise RunError(f"The predictions {path} do not fit the card of run {self.run_id!r}: {error}") from error

    def history(self) -> tuple[Epoch, ...]:
        """One entry per epoch; empty where none was kept."""
        path = self.folder / HISTORY
        if not path.is_file():
            return ()
        try:
            with path.open(newline="", encoding="utf-8") as lines:
                return tuple(
                    Epoch(int(row["epoch"]), *(float(row[name]) for name in list(Epoch.__dataclass_fields__)[1:]))
                    for row in csv.DictReader(lines)
                )
        except RAISED_BY_PARSERS as error:
            raise RunError(f"The history {path} cannot be read ({error}); remove it or train the run again.") from error


@dataclass(frozen=True)
class Series:
    """Runs that differ in the seed alone, by seed: one way of training, tried several times."""

    runs: tuple[Run, ...]

    @property
    def card(self) -> Card:
        """The first run's card; all but seed, duration, processor and versions is shared."""
        return self.runs[0].card

    @property
    def series_id(self) -> str:
        """The taxonomy's name and the key that the runs share."""
        return f"{self.card.taxonomy.name}-{self.card.series_key}"

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, ascending."""
        return tuple(run.card.seed for run in self.runs)


def is_plain(name: str) -> bool:
    """Whether ``name`` can name a file: letters, digits, space, - _ . and no space, - or . in front."""
    return re.fullmatch(r"\w[\w .-]*", name) is not None and len(name.encode()) <= MAX_NAME_BYTES


def check_run_id(run_id: str) -> str:
    """``run_id`` if it can name a folder and stand in an address, else `RunError`."""
    if not is_plain(run_id):
        raise RunError(
            f"Run name {run_id[:100]!r} cannot stand in a path; use letters, digits, space, - _ . alone, "
            f"a letter or digit in front, and at most {MAX_NAME_BYTES} bytes."
        )
    return run_id


def read_run(folder: Path) -> Run:
    """The run in ``folder``; `RunError` in one sentence if its card cannot be read."""
    path = folder / CARD
    check_run_id(folder.name)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        json.dumps(values, ensure_ascii=False, allow_nan=False).encode()  # no NaN, no infinity, no half characters
    except RAISED_BY_PARSERS as error:
        raise RunError(f"Cannot read the run card {path} ({error}); restore it or train the run again.") from error
    if not isinstance(values, dict):
        raise RunError(f"The run card {path} is no JSON object; train the run again.")
    card = Card.from_json(values, f"Run card {path}")
    if card.run_id != folder.name:
        raise RunError(f"Run card {path} names run {card.run_id!r}; rename the folder to it.")
    return Run(card, folder)


def write_run(
    card: Card,
    parent: Path,
    weights: bytes,
    history: Sequence[Epoch],
    predictions: Mapping[Split, Predictions],
    code: bytes = b"",
) -> Run:
    """Write a run folder below ``parent``: built beside its place, then renamed into it.

    ``weights`` is empty for a run that has none, and so is ``code``, the model's own Python file. `RunError` if a run
    of that name is there already, or if no folder can have it.
    """
    check_run_id(card.run_id)
    folder, partial = parent / card.run_id, parent / f".{card.run_id}.partial"
    if folder.exists():
        raise RunError(f"Run {card.run_id!r} is already there ({folder}); remove it or choose another seed.")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        if weights:
            (partial / _weights_name(card)).write_bytes(weights)
        if code:
            (partial / CODE).write_bytes(code)
        with (partial / HISTORY).open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(Epoch.__dataclass_fields__)
            writer.writerows([getattr(epoch, name) for name in Epoch.__dataclass_fields__] for epoch in history)
        for split, one in predictions.items():
            columns = {"image_id": pa.array(one.image_ids, pa.string())}
            columns |= {f"p:{name}": pa.array(one.probabilities[:, k]) for k, name in enumerate(one.classes)}
            pq.write_table(pa.table(columns), _predictions_path(partial, split), compression="zstd")
        (partial / CARD).write_text(json.dumps(card.to_json(), indent=2) + "\n", encoding="utf-8")
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return Run(card, folder)


def group_into_series(runs: Iterable[Run]) -> tuple[Series, ...]:
    """Runs grouped by what they share, each group by seed, in order of first appearance."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.card.series_key, []).append(run)
    return tuple(Series(tuple(sorted(group, key=lambda run: run.card.seed))) for group in groups.values())


def _weights_name(card: Card) -> str:
    return GRAPH if card.architecture == ONNX else WEIGHTS


def _predictions_path(folder: Path, split: Split) -> Path:
    return folder / f"predictions_{split}.parquet"
