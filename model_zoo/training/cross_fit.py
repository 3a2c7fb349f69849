"""Cross-fitting: trains once per fold of patients and predicts the left-out fold."""

import hashlib
import io
import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.evaluation.folds import patient_folds
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.label_space.taxonomy import OUTSIDE
from model_zoo.inference.out_of_fold import FOLDER, OutOfFold, made_for, models_by_patient, write_out_of_fold
from model_zoo.inference.predict import probabilities
from model_zoo.training.train import Examples, Progress, Training, fit
from model_zoo.workspace.manifest import DataSet, check_no_leak, write_whole
from model_zoo.workspace.run import Run
from model_zoo.workspace.workspace import Workspace


def cross_fit(
    workspace: Workspace,
    run: Run,
    n_folds: int,
    image_ids: tuple[str, ...],
    pixels: NDArray[np.uint8],
    report: Callable[[int, Progress], None] = lambda fold, progress: None,
) -> Path:
    """Write out-of-fold predictions of all training images (``image_ids``, ``pixels`` as fitted); returns the file.

    One model per fold is trained by the run's own recipe on the images of the other folds' patients
    that its taxonomy can place, and asked about all images of this one. Interrupted, it keeps whole
    folds, and the same call goes on from there. ``report`` is told the fold and where its training stands.
    """
    training, taxonomy, dataset = Training.of(run.card), run.card.taxonomy, workspace.dataset()
    check_no_leak(dataset, image_ids)
    classes = taxonomy.place_all([dataset.labels[image_id] for image_id in image_ids])
    folds = patient_folds(models_by_patient(dataset, image_ids), classes, n_folds, run.card.seed)
    kept = workspace.writable / FOLDER / f".{run.run_id}-{_key(run, dataset, n_folds, image_ids)}.partial"

    def examples(chosen: NDArray[np.bool_]) -> Examples:
        rows = np.flatnonzero(chosen & (classes != OUTSIDE))
        return Examples(tuple(image_ids[row] for row in rows), pixels[rows], classes[rows])

    said = np.empty((len(image_ids), len(taxonomy.classes)), dtype=np.float32)
    for fold in range(n_folds):
        path, held_out = kept / f"{fold}.npy", folds == fold
        if not path.is_file():
            tell = partial(report, fold)
            model, _ = fit(taxonomy, training, run.card.seed, examples(~held_out), examples(held_out), run.run_id, tell)
            _write(path, probabilities(model, pixels[held_out], training.preprocessing))
        said[held_out] = np.load(path, allow_pickle=False)
    answers = OutOfFold(Predictions(image_ids, taxonomy.names, said), folds, n_folds)
    written = write_out_of_fold(workspace.writable, run, dataset, answers)
    shutil.rmtree(kept, ignore_errors=True)
    return written


def _key(run: Run, dataset: DataSet, n_folds: int, image_ids: tuple[str, ...]) -> str:
    """8 hexadecimal digits over all that a kept fold depends on."""
    return hashlib.sha256(json.dumps([made_for(run, dataset, n_folds), image_ids]).encode()).hexdigest()[:8]


def _write(path: Path, answers: NDArray[np.float32]) -> None:
    out = io.BytesIO()
    np.save(out, answers)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, out.getvalue())
