"""Computes embeddings: the pooled features before a model's last layer."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from model_zoo.core.errors import CheckpointError
from model_zoo.images.decoding import Preprocessing


def embed(
    model: nn.Module,
    pixels: NDArray[np.uint8],
    preprocessing: Preprocessing,
    batch_size: int = 64,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.float32]:
    """Pooled penultimate features, (N, D), for fitted pixels (N, channels, height, width) in 0..255.

    ``progress`` is told how many of how many images are done. `CheckpointError` for a model that does not say where
    its head begins (timm's models do).
    """
    if not (hasattr(model, "forward_features") and hasattr(model, "forward_head")):
        raise CheckpointError(f"{type(model).__name__} does not say where its last layer begins; use a model of timm.")
    network: Any = model  # what nn.Module declares of its attributes is no help
    rows = [np.empty((0, 0), dtype=np.float32)]
    with torch.inference_mode():
        for start in range(0, len(pixels), batch_size):
            inputs = torch.from_numpy(preprocessing.normalise(pixels[start : start + batch_size]))
            features = network.forward_head(network.forward_features(inputs), pre_logits=True)
            rows.append(features.float().reshape(len(inputs), -1).numpy())
            progress(min(start + batch_size, len(pixels)), len(pixels))
    return np.concatenate(rows[1:] or rows)
