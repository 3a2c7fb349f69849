"""Predicts class probabilities of images."""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from model_zoo.core.label_space.splits import Split
from model_zoo.images.decoding import Preprocessing
from model_zoo.workspace.workspace import Workspace


def probabilities(
    model: nn.Module, pixels: NDArray[np.uint8], preprocessing: Preprocessing, batch_size: int = 64
) -> NDArray[np.float32]:
    """Softmax of the model's outputs, (N, K), for fitted pixels (N, channels, height, width) in 0..255."""
    rows = [np.empty((0, 0), dtype=np.float32)]
    with torch.inference_mode():
        for start in range(0, len(pixels), batch_size):
            inputs = torch.from_numpy(preprocessing.normalise(pixels[start : start + batch_size]))
            rows.append(torch.softmax(model(inputs).float(), dim=1).numpy())
    return np.concatenate(rows[1:] or rows)


def fitted_pixels(
    workspace: Workspace,
    split: Split,
    preprocessing: Preprocessing,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[tuple[str, ...], NDArray[np.uint8]]:
    """Ids and fitted pixels (N, channels, height, width) of all images of a split.

    ``progress`` is told how many of how many images are read.
    """
    images = workspace.dataset().split(split)
    _, height, width = preprocessing.input_size
    pixels = np.empty((len(images), preprocessing.channels, height, width), dtype=np.uint8)
    for row, image in enumerate(images):
        pixels[row] = preprocessing.pixels(workspace.decoded(image))
        progress(row + 1, len(images))
    return tuple(image.image_id for image in images), pixels


def predict_images(
    model: nn.Module, preprocessing: Preprocessing, images: Iterable[Image.Image]
) -> NDArray[np.float32]:
    """Probabilities (N, K) for decoded images."""
    return probabilities(model, np.stack([preprocessing.pixels(image) for image in images]), preprocessing)
