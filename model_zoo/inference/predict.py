"""Predicts class probabilities of images; an ONNX graph does so without torch."""

import sys
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Union

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.special import softmax

from model_zoo.checkpoints.weights import check_weights, read_weights
from model_zoo.core.extras import require
from model_zoo.core.label_space.splits import Split
from model_zoo.images.decoding import Preprocessing
from model_zoo.workspace.run import GRAPH, ONNX, Run
from model_zoo.workspace.workspace import Workspace

if TYPE_CHECKING:
    from torch import nn

    from model_zoo.checkpoints.onnx_graphs import GraphClassifier

Predictor = Union["nn.Module", "GraphClassifier"]


def load_predictor(run: Run, trusted: Collection[str] = ()) -> Predictor:
    """The run's model for predictions alone, checked as by `load_model`; `MissingPackageError` where it cannot run."""
    if run.card.architecture == ONNX:
        require("onnx", "An ONNX model")
        from model_zoo.checkpoints.onnx_graphs import GraphClassifier, read_graph

        raw = read_weights(run)
        check_weights(run.card, raw)
        return GraphClassifier(read_graph(raw, GRAPH), run.card.columns)
    require("models", "A prediction of this model")
    from model_zoo.checkpoints.load import load_model

    return load_model(run, trusted)


def probabilities(
    model: Predictor, pixels: NDArray[np.uint8], preprocessing: Preprocessing, batch_size: int = 64
) -> NDArray[np.float32]:
    """Softmax of the model's outputs, (N, K), for fitted pixels (N, channels, height, width) in 0..255."""
    rows = [np.empty((0, 0), dtype=np.float32)]
    for start in range(0, len(pixels), batch_size):
        rows.append(_softmax(model, preprocessing.normalise(pixels[start : start + batch_size])))
    return np.concatenate(rows[1:] or rows)


def _softmax(model: Predictor, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    if "torch" in sys.modules:  # else no model is a module of it
        import torch

        if isinstance(model, torch.nn.Module):
            with torch.inference_mode():
                return torch.softmax(model(torch.from_numpy(inputs)).float(), dim=1).numpy()
    return np.asarray(softmax(model(inputs), axis=1), dtype=np.float32)


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
    model: Predictor, preprocessing: Preprocessing, images: Iterable[Image.Image]
) -> NDArray[np.float32]:
    """Probabilities (N, K) for decoded images."""
    return probabilities(model, np.stack([preprocessing.pixels(image) for image in images]), preprocessing)
