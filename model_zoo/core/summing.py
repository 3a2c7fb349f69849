"""What summing probabilities instead of mapping answers would change, image by image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.errors import RunError
from model_zoo.core.evaluation import Evaluation, Figure
from model_zoo.core.linearised import mean_of, over_runs


@dataclass(frozen=True, eq=False)
class Change:
    """Images that become right or wrong from one evaluation to the other; the net may be negative.

    ``n_become_right`` and ``n_become_wrong`` count the runs in which each of the N images does, (N,).
    ``net`` is the change of accuracy in [-1, 1], per run and over the series, with the patients' interval.
    """

    image_ids: tuple[str, ...]
    become_right: NDArray[np.bool_]  # (S, N)
    become_wrong: NDArray[np.bool_]  # (S, N)
    net: Figure

    @property
    def n_become_right(self) -> NDArray[np.int64]:
        """In how many runs each image becomes right, (N,)."""
        return self.become_right.sum(axis=0)

    @property
    def n_become_wrong(self) -> NDArray[np.int64]:
        """In how many runs each image becomes wrong, (N,)."""
        return self.become_wrong.sum(axis=0)

    @property
    def ids_become_right(self) -> tuple[str, ...]:
        """The images that become right in some run, most runs first."""
        return self._ids(self.n_become_right)

    @property
    def ids_become_wrong(self) -> tuple[str, ...]:
        """The images that become wrong in some run, most runs first."""
        return self._ids(self.n_become_wrong)

    def _ids(self, n_runs: NDArray[np.int64]) -> tuple[str, ...]:
        order = np.argsort(-n_runs, kind="stable")
        return tuple(self.image_ids[k] for k in order if n_runs[k])


def change(answers: Evaluation, sums: Evaluation) -> Change:
    """What becomes right and wrong in each run from ``answers`` (argmax, then mapped) to ``sums`` (summed first).

    Both judge the same runs over the same images in the same label space, else `RunError`.
    """
    if (answers.image_ids, answers.taxonomy) != (sums.image_ids, sums.taxonomy) or (
        answers.predicted.shape != sums.predicted.shape
    ):
        raise RunError("These evaluations are not of the same runs, images and classes; evaluate the same twice.")
    moved = sums.right.astype(np.float64) - answers.right
    net = over_runs("change by summing", answers, map(mean_of, moved), None)
    return Change(answers.image_ids, moved > 0, moved < 0, net)
