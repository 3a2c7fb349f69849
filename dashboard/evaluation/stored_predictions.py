"""Stored predictions of runs for the images of one split."""

from collections.abc import Set
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dashboard.evaluation.comparison import Subject
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.evaluation import Evaluation, probabilities_in
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.run import Run


@dataclass(frozen=True)
class StoredPredictions:
    """A subject's runs that were asked, and what they say; ``who`` names them as a page does."""

    subject: Subject
    who: str
    runs: tuple[Run, ...]
    predictions: tuple[Predictions, ...]

    def only(self, image_ids: Set[str]) -> "StoredPredictions":
        """The same of the images among ``image_ids``."""
        return replace(self, predictions=tuple(one.only(image_ids) for one in self.predictions))

    def probabilities(self, judged: Evaluation) -> NDArray[np.float64]:
        """What each of S runs says of the images of ``judged`` in its label space, (S, N, K): own classes summed.

        `RunError` where it gave labels without probabilities.
        """
        if any(one.labels_only for one in self.predictions):
            raise RunError(
                f"{self.subject.title} gave labels without probabilities, so nothing says how sure it was; choose "
                "another run or another order."
            )
        return np.stack(list(probabilities_in(judged, self.predictions, self.subject.taxonomy)))


def stored_predictions(desk: Desk, subject: Subject, split: Split) -> StoredPredictions | None:
    """What a subject's runs say of ``split``, None where some run was not asked; of training images out of fold alone.

    None too where no run has that, and of images in no split: runs are asked about splits.

    A run's own model has learned from the training images: what it says of them is never taken.
    """
    if split is Split.NONE:
        return None
    if split is not Split.TRAIN:
        if not all(run.has_predictions(split) for run in subject.runs):
            return None
        stored = tuple(desk.predictions(run.run_id, split) for run in subject.runs)
        return StoredPredictions(subject, subject.title, subject.runs, stored)
    found = [(run, answers) for run in subject.runs if (answers := desk.out_of_fold(run.run_id)) is not None]
    if not found:
        return None
    runs, predictions = zip(*found, strict=True)
    part = f"{len(found)} " if len(found) < len(subject.runs) else ""
    return StoredPredictions(subject, f"{subject.title} ({part}out of fold)", runs, predictions)
