"""A sentence on predictions that span several classes."""

from dashboard.words import share_text
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.undecided import accuracy_decided, has_undecided, share_undecided


def undecided_note(evaluation: Evaluation) -> str:
    """The share of undecided predictions and the accuracy among the decided ones; empty where all are decided."""
    if not has_undecided(evaluation):
        return ""
    return (
        f"Undecided: {share_text(share_undecided(evaluation).mean)} of images, whose predicted label spans several of "
        "these classes; they count as incorrect. Accuracy among the decided: "
        f"{share_text(accuracy_decided(evaluation).mean)}."
    )
