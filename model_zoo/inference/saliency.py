"""Heatmaps of a prediction by class activation maps (Grad-CAM and others).

The forward pass runs once. It records nothing up to the target layer; there a new gradient starts, and only
the rest of the network is differentiated, with respect to that layer's features alone. Features and gradients
then go through the grad-cam package's own computation. Any number of threads may explain and predict with
the same model at once, because a call changes nothing that another call can see (see `target_layers`).
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import EigenCAM, GradCAM, GradCAMElementWise, GradCAMPlusPlus, HiResCAM, LayerCAM, XGradCAM
from pytorch_grad_cam.base_cam import BaseCAM
from pytorch_grad_cam.utils.image import scale_cam_image
from torch import Tensor, nn

from model_zoo.checkpoints.crop_probe import UnknownCropError
from model_zoo.checkpoints.target_layers import (
    ExplanationError,
    Grid,
    NotAMapError,
    TargetLayer,
    as_map,
    declared_layers,
    evaluated,
    patch_taps,
    tapped,
)
from model_zoo.checkpoints.target_layers import target_layers as layers_of_network
from model_zoo.checkpoints.trusted_code import TrustedModel
from model_zoo.core.explanation.cam_method import CamMethod

__all__ = ["Explanation", "ExplanationError", "TargetLayer", "UnknownCropError", "explain", "target_layers"]

_CAMS: dict[CamMethod, type[BaseCAM]] = {
    CamMethod.GRAD_CAM: GradCAM,  # Selvaraju et al. 2017, arXiv 1610.02391
    CamMethod.GRAD_CAM_PLUSPLUS: GradCAMPlusPlus,  # Chattopadhay et al. 2018, arXiv 1710.11063
    CamMethod.HIRES_CAM: HiResCAM,  # Draelos and Carin 2020, arXiv 2011.08891
    CamMethod.XGRAD_CAM: XGradCAM,  # Fu et al. 2020, arXiv 2008.02312
    CamMethod.ELEMENTWISE: GradCAMElementWise,  # HiRes-CAM with what speaks against the class left out of the sum
    CamMethod.LAYER_CAM: LayerCAM,  # Jiang et al. 2021, doi 10.1109/TIP.2021.3089943
    CamMethod.EIGEN_CAM: EigenCAM,  # Muhammad and Yeasin 2020, arXiv 2008.00299
}

_MOST_EIGEN_CELLS = 64 * 64
"""The package's full singular value decomposition holds cells x cells numbers: 67 MB here, 10 GB at 224 x 224."""

_FLAT = 1e-5
"""A map that varies less than this, relative to its largest value, varies by float32 rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """What the model says about one image, and where it looked."""

    probabilities: NDArray[np.float32]
    """(K,), softmax of the model's outputs."""
    heat: NDArray[np.float32]
    """(height, width) of the input, in [0, 1]: 0 is the least, 1 the most, NaN what the model did not see; all 0 if
    ``empty``."""
    class_index: int
    """The class explained; Eigen-CAM's map does not depend on it."""
    layer: str
    """Module path of the layer whose features were read."""
    method: CamMethod
    empty: bool
    """Whether there is nothing to show: no place speaks for the class, or all places speak alike."""


def target_layers(model: nn.Module, input_size: tuple[int, int, int]) -> tuple[TargetLayer, ...]:
    """The layers worth a map, as `model_zoo.checkpoints.target_layers` finds them, of what a model's own code prepares.

    ``input_size`` is (channels, height, width) before that. `UnknownCropError` where nobody knows where on the image
    these maps lie.
    """
    if isinstance(model, TrustedModel):
        evaluated(model)
        model.seen(input_size)
        with torch.no_grad():
            channels, height, width = model.prepared(torch.zeros(1, *input_size)).shape[1:]
        return layers_of_network(model.after_preparing(), (channels, height, width))
    return layers_of_network(model, input_size)


def explain(
    model: nn.Module,
    inputs: Tensor,
    *,
    class_index: int | None = None,
    layer: str | None = None,
    method: CamMethod = CamMethod.GRAD_CAM,
) -> Explanation:
    """The prediction for one image and its class activation map.

    ``inputs`` is (1, C, height, width), prepared as for prediction and on the model's device. ``class_index``
    is the class to explain, by default the predicted one; ``layer`` a module path, by default the coarsest of
    `target_layers`. The model must be in evaluation mode; it is left untouched, and so is the caller's
    gradient mode. `ExplanationError` if the model, input, layer or class does not allow a map; `UnknownCropError`
    if nobody knows where on the image it would lie.
    """
    evaluated(model)
    if inputs.ndim != 4 or inputs.shape[0] != 1:
        raise ExplanationError(
            f"One image (1, C, height, width) can be explained at a time, not {tuple(inputs.shape)}."
        )
    if isinstance(model, TrustedModel):
        channels, height, width = inputs.shape[1:]
        crop = model.seen((channels, height, width))
        with torch.no_grad():
            prepared = model.prepared(inputs)
        found = _explain(model.after_preparing(), prepared, class_index, layer, method)
        return replace(found, heat=crop.placed(found.heat, (height, width)))
    return _explain(model, inputs, class_index, layer, method)


def _explain(
    model: nn.Module, inputs: Tensor, class_index: int | None, layer: str | None, method: CamMethod
) -> Explanation:
    if layer is None:
        declared = declared_layers(model)
        try:
            if declared:
                return _explain_at(model, inputs, class_index, declared[0], method)
        except NotAMapError:
            pass  # the last declared stage gives no map; look for one that does
        channels, height, width = inputs.shape[1:]
        layer = layers_of_network(model, (channels, height, width))[0].name
    return _explain_at(model, inputs, class_index, layer, method)


def _explain_at(
    model: nn.Module, inputs: Tensor, class_index: int | None, layer: str, method: CamMethod
) -> Explanation:
    size = (inputs.shape[2], inputs.shape[3])
    scores, features, patches = _split_pass(model, inputs, layer, differentiate=method.uses_class)
    chosen = int(scores.detach()[0].argmax()) if class_index is None else class_index
    if not 0 <= chosen < scores.shape[1]:
        raise ExplanationError(f"No class {chosen}: the model has {scores.shape[1]} outputs, counted from 0.")
    activations = _array(as_map(model, features, size, patches))
    gradients = None
    if method.uses_class:
        with torch.inference_mode(False), torch.enable_grad():
            # With respect to the features only: no parameter's .grad is computed or written.
            try:
                (slope,) = torch.autograd.grad(scores[0, chosen], features, allow_unused=True)
            except RuntimeError as error:
                raise ExplanationError(
                    f"{type(model).__name__} cuts its slope between {layer!r} and its scores ({error}); choose "
                    "a method that needs none, such as Eigen-CAM."
                ) from error
        gradients = np.zeros_like(activations) if slope is None else _array(as_map(model, slope, size, patches))
    heat, empty = _heat(method, inputs, layer, activations, gradients)
    return Explanation(_array(scores.detach()[0].float().softmax(dim=0)), heat, chosen, layer, method, empty)


def _split_pass(
    model: nn.Module, inputs: Tensor, layer: str, *, differentiate: bool
) -> tuple[Tensor, Tensor, tuple[Grid, ...]]:
    """Outputs (1, K) and the layer's features as it gave them; the outputs know how they depend on the features.

    Last come the grids of the convolutions before the layer.
    """
    features: list[Tensor] = []
    patches: list[Grid] = []
    before: list[tuple[Grid, ...]] = []

    def start_gradient(output: object) -> object:
        if not isinstance(output, Tensor):
            raise NotAMapError(f"Layer {layer!r} of {type(model).__name__} gives no single tensor; choose another.")
        features.append(output.detach().requires_grad_(differentiate))
        before.append(tuple(patches))
        if not differentiate:
            return output
        torch.set_grad_enabled(True)  # of this thread, until the end of the no_grad block below
        return features[-1].clone()  # what follows may work in place, which a leaf refuses

    convolutions = {name: tap for name, tap in patch_taps(model, patches).items() if name != layer}
    view = tapped(model, {**convolutions, layer: start_gradient})
    with torch.inference_mode(False), torch.no_grad():
        outputs = view(inputs)
    if len(features) != 1:
        raise NotAMapError(
            f"Layer {layer!r} of {type(model).__name__} is passed {len(features)} times for one image; "
            "choose one that is passed once, in a model that is neither compiled nor scripted."
        )
    if not isinstance(outputs, Tensor) or outputs.ndim != 2:
        raise ExplanationError(f"{type(model).__name__} does not give one row of class scores; pass a classifier.")
    if not bool(outputs.isfinite().all()):
        raise ExplanationError(f"{type(model).__name__} gives scores that are not finite; check weights and input.")
    return outputs, features[0], before[0]


def _heat(
    method: CamMethod,
    inputs: Tensor,
    layer: str,
    activations: NDArray[np.float32],
    gradients: NDArray[np.float32] | None,
) -> tuple[NDArray[np.float32], bool]:
    """The map (height, width) by the package's own code, and whether it is empty."""
    rows, columns = activations.shape[2:]
    if method is CamMethod.EIGEN_CAM and rows * columns > _MOST_EIGEN_CELLS:
        raise ExplanationError(
            f"Eigen-CAM of {rows} x {columns} cells would take too much memory; choose a coarser layer than {layer!r}."
        )
    # The package hangs its hooks on what it is given: something of this call's own. (PReLU draws no random numbers.)
    anchor = nn.PReLU()
    cam = _CAMS[method](anchor, [anchor])
    raw = np.maximum(cam.get_cam_image(inputs, anchor, [], activations, gradients, False), 0)
    if np.ptp(raw) <= _FLAT * raw.max():
        return np.zeros(inputs.shape[2:], dtype=np.float32), True
    enlarged = scale_cam_image(raw, cam.get_target_width_height(inputs))
    heat: NDArray[np.float32] = cam.aggregate_multi_layers([enlarged[:, None, :]])[0]
    return heat, False


def _array(values: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = values.detach().float().cpu().numpy()
    return array
