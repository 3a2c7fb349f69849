"""What chosen runs say of the images of one split, from stored predictions alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.actions.compare import Subject
from dashboard.actions.desk import Desk
from model_zoo.core.choices import Split
from model_zoo.core.predictions import Predictions
from model_zoo.core.taxonomy import Taxonomy, project
from model_zoo.run import Run


@dataclass(frozen=True)
class Asked:
    """A subject's runs that were asked, and what they say; ``who`` names them as a page does."""

    subject: Subject
    who: str
    runs: tuple[Run, ...]
    predictions: tuple[Predictions, ...]

    def probabilities(self, image_ids: Sequence[str], space: Taxonomy) -> NDArray[np.float64]:
        """What each of S runs says of ``image_ids`` in the classes of ``space``, (S, N, K): own classes summed."""
        onto = project(self.subject.taxonomy, space).matrix
        return np.stack(
            [one.probabilities[[one.row_of[image_id] for image_id in image_ids]] @ onto for one in self.predictions]
        )


def asked(desk: Desk, subject: Subject, split: Split) -> Asked | None:
    """What a subject's runs say of ``split``; of training images out of fold alone, None where no run has that.

    A run's own model has learned from the training images: what it says of them is never taken.
    """
    if split is not Split.TRAIN:
        stored = tuple(desk.predictions(run.run_id, split) for run in subject.runs)
        return Asked(subject, subject.title, subject.runs, stored)
    found = [(run, answers) for run in subject.runs if (answers := desk.out_of_fold(run.run_id)) is not None]
    if not found:
        return None
    runs, predictions = zip(*found, strict=True)
    part = f"{len(found)} " if len(found) < len(subject.runs) else ""
    return Asked(subject, f"{subject.title} ({part}out of fold)", runs, predictions)
