"""The weights of a run as bytes, checked against its card."""

import hashlib

from model_zoo.core.errors import CheckpointError
from model_zoo.workspace.run import Card, Run


def read_weights(run: Run) -> bytes:
    """The file of weights, unchecked; `CheckpointError` where the run has none."""
    path = run.weights_path
    if path is None:
        raise CheckpointError(f"Run {run.run_id!r} has no model here; only its stored predictions can be shown.")
    return path.read_bytes()


def check_weights(card: Card, weights: bytes) -> None:
    """`CheckpointError` unless the weights are those that the card was written for."""
    digest = hashlib.sha256(weights).hexdigest()
    if card.weights_sha256 != digest:
        raise CheckpointError(
            f"The weights of run {card.run_id!r} are not those its card was written for "
            f"(sha256 {digest[:12]}..., expected {card.weights_sha256[:12]}...); restore the file."
        )
