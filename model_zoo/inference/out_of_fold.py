"""Out-of-fold predictions of training images, on disk.

They lie in a folder of their own, never among a run's predictions: those come from the run's own
model, which has learned from the training images and says nothing about their labels.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.label_space.splits import Split
from model_zoo.untrusted.parser_errors import RAISED_BY_PARSERS
from model_zoo.workspace.manifest import DataSet, write_whole
from model_zoo.workspace.run import Run

FOLDER = "out_of_fold"
_FORMAT, _META = 1, b"taxoscope"


@dataclass(frozen=True)
class OutOfFold:
    """What models trained by a run's recipe say of N training images that they never saw.

    ``folds`` (N,) is each image's fold, 0..n_folds-1: the model that answered was trained on the
    other folds, and no patient lies in two.
    """

    predictions: Predictions
    folds: NDArray[np.int64]
    n_folds: int

    def check(self, dataset: DataSet) -> "OutOfFold":
        """These predictions if they cover the training split and no patient lies in two folds, else `RunError`."""
        if set(self.predictions.image_ids) != {image.image_id for image in dataset.split(Split.TRAIN)}:
            raise RunError("Out-of-fold predictions must cover the training images, each once, and no others.")
        fold_of: dict[tuple[str, str], int] = {}
        for owner, fold in zip(
            models_by_patient(dataset, self.predictions.image_ids), self.folds.tolist(), strict=True
        ):
            if fold_of.setdefault(owner, fold) != fold or not 0 <= fold < self.n_folds:
                raise RunError(f"Patient {max(owner)!r} lies in two folds: a model would have seen their images.")
        return self


def models_by_patient(dataset: DataSet, image_ids: Sequence[str]) -> list[tuple[str, str]]:
    """Whose image each is: its patient's, or nobody else's where it has none."""
    patients = dataset.patients
    return [(patients[one], "" if patients[one] else one) for one in image_ids]


def made_for(run: Run, dataset: DataSet, n_folds: int) -> dict[str, object]:
    """What out-of-fold predictions depend on; where any of it differs they are stale."""
    return {
        "format": _FORMAT,
        "run_id": run.run_id,
        "series": run.card.series_key,
        "seed": run.card.seed,
        "training_images": dataset.hash(Split.TRAIN),
        "n_folds": n_folds,
    }


def out_of_fold_path(folders: Sequence[Path], run: Run) -> Path | None:
    """The file of a run's out-of-fold predictions in a workspace's ``folders``, the first that has one."""
    paths = (folder / FOLDER / f"{run.run_id}.parquet" for folder in folders)
    return next((path for path in paths if path.is_file()), None)


def read_out_of_fold(path: Path, run: Run, dataset: DataSet) -> OutOfFold:
    """The out-of-fold predictions in ``path``; `RunError` unless they fit the run and the training images of today."""
    try:
        table = pq.read_table(path)
        about = json.loads((table.schema.metadata or {})[_META])
        if about != made_for(run, dataset, about["n_folds"]):
            raise RunError("they were made for another run of that name, or for other images, labels or patients")
        columns = [table.column(f"p:{name}").to_numpy() for name in run.card.classes]
        image_ids = tuple(table.column("image_id").to_pylist())
        predictions = Predictions(image_ids, run.card.classes, np.stack(columns, axis=1).astype(np.float32))
        folds = table.column("fold").to_numpy().astype(np.int64)
        return OutOfFold(predictions, folds, about["n_folds"]).check(dataset)
    except (*RAISED_BY_PARSERS, pa.ArrowException, RunError) as error:
        raise RunError(
            f"The out-of-fold predictions {path} of run {run.run_id!r} cannot be used ({error}); "
            "remove the file and make them again."
        ) from error


def write_out_of_fold(folder: Path, run: Run, dataset: DataSet, answers: OutOfFold) -> Path:
    """Write the file into a workspace's ``folder``, whole or not at all; returns its path."""
    predictions = answers.check(dataset).predictions
    columns = {"image_id": pa.array(predictions.image_ids, pa.string()), "fold": pa.array(answers.folds, pa.int32())}
    columns |= {f"p:{name}": pa.array(predictions.probabilities[:, k]) for k, name in enumerate(predictions.classes)}
    about = json.dumps(made_for(run, dataset, answers.n_folds))
    out = io.BytesIO()
    pq.write_table(pa.table(columns).replace_schema_metadata({_META: about}), out, compression="zstd")
    path = folder / FOLDER / f"{run.run_id}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, out.getvalue())
    return path
