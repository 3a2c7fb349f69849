"""What the tensors of an imported model do not prove, in sentences."""

from model_zoo.workspace.run import Card


def forward_words(card: Card) -> str:
    """What names and shapes of an imported model's tensors do not prove, in sentences; '' where more is known."""
    if not card.fits_by_tensors_alone:
        return ""
    return (
        f"Every tensor has its place in {card.architecture}. That does not prove that the model computes the same: "
        "padding, strides, pooling and activations leave no trace in weights. Only the accuracy is evidence of it."
    )
