"""What summing probabilities instead of mapping answers would change, image by image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.choices import Becomes
from model_zoo.core.errors import RunError
from model_zoo.core.evaluation import Evaluation, Figure
from model_zoo.core.linearised import mean_of, over_runs


@dataclass(frozen=True, eq=False)
class Change:
    """Images that become right or wrong from one evaluation to the other; the net may be negative.

    ``became`` (S, N) is 1 where a run becomes right on an image, -1 where it becomes wrong, 0 elsewhere. ``net`` is
    the change of accuracy in [-1, 1], per run and over the series, with the patients' interval.
    """

    image_ids: tuple[str, ...]
    became: NDArray[np.int64]
    net: Figure

    def n_runs(self, becomes: Becomes) -> NDArray[np.int64]:
        """In how many runs each image becomes right or wrong, (N,)."""
        return (self.became == _SIGN[becomes]).sum(axis=0)

    def n_images(self, becomes: Becomes) -> NDArray[np.int64]:
        """How many images become right or wrong in each run, (S,)."""
        return (self.became == _SIGN[becomes]).sum(axis=1)

    def ids(self, becomes: Becomes) -> tuple[str, ...]:
        """The images that become right or wrong in some run, most runs first."""
        n_runs = self.n_runs(becomes)
        return tuple(self.image_ids[k] for k in np.argsort(-n_runs, kind="stable") if n_runs[k])


_SIGN = {Becomes.RIGHT: 1, Becomes.WRONG: -1}


def change(answers: Evaluation, sums: Evaluation) -> Change:
    """What becomes right and wrong in each run from ``answers`` (argmax, then mapped) to ``sums`` (summed first).

    Both judge the same runs over the same images in the same label space, else `RunError`.
    """
    if (answers.image_ids, answers.taxonomy) != (sums.image_ids, sums.taxonomy) or (
        answers.predicted.shape != sums.predicted.shape
    ):
        raise RunError("These evaluations are not of the same runs, images and classes; evaluate the same twice.")
    became = sums.right.astype(np.int64) - answers.right
    net = over_runs("change by summing", answers, map(mean_of, became.astype(np.float64)), None)
    return Change(answers.image_ids, became, net)
