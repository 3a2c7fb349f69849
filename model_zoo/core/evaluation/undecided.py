"""Predictions at a higher level that span several classes: how many there are, and the accuracy among the others.

Accuracy, and with it every result, counts them as incorrect: a model that decides less often is not better for it.
"""

import numpy as np

from model_zoo.core.evaluation.evaluation import Evaluation, Figure, share_of_images


def has_undecided(evaluation: Evaluation) -> bool:
    """Whether any run has an undecided prediction of these images."""
    return bool(evaluation.undecided) and bool(evaluation.is_undecided.any())


def share_undecided(evaluation: Evaluation) -> Figure:
    """The share of images whose predicted label spans several classes."""
    return share_of_images("undecided", evaluation, evaluation.is_undecided, np.ones_like(evaluation.right))


def accuracy_decided(evaluation: Evaluation) -> Figure:
    """The share of correct predictions among those that are decided; NaN for a run that decides nothing.

    Not comparable between models: each chooses its own images by deciding. It stands beside `share_undecided`.
    """
    return share_of_images("accuracy among the decided", evaluation, evaluation.right, ~evaluation.is_undecided)
