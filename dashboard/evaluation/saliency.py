"""Heatmaps as pictures to lay over an image."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dashboard.address.fields import choice, text, whole
from dashboard.server_state.loaded_models import loaded
from dashboard.server_state.open_workspace import desk
from model_zoo.core.errors import LinkError, RunError
from model_zoo.core.explanation.cam_method import CamMethod
from model_zoo.core.extras import require
from model_zoo.images.encoding import encode
from model_zoo.workspace.run import Run

if TYPE_CHECKING:
    from model_zoo.inference.saliency import Explanation

DEPTHS = ("coarse", "medium", "fine", "finest")
"""From the last stage to an early one."""

# Dark violet to yellow (after matplotlib's inferno), distinct without colour by lightness alone.
_RAMP = np.array(
    [(40, 11, 84), (101, 21, 110), (159, 42, 99), (212, 72, 66), (245, 125, 21), (250, 193, 39), (252, 255, 164)], float
)

_SHARES = np.linspace(0, 1, 256)
_COLOURS = np.column_stack(
    [*(np.interp(_SHARES, np.linspace(0, 1, len(_RAMP)), channel) for channel in _RAMP.T), 255 * _SHARES**0.7]
).round()
_COLOURS = _COLOURS.astype(np.uint8)  # (256, 4): the hotter, the lighter and the more opaque

MAX_SIDE = 1024
"""Pixels a side of the picture; a browser stretches it over a larger image."""


@dataclass(frozen=True, slots=True)
class HeatmapPicture:
    """A transparent PNG and one line that says how it was made."""

    png: bytes
    caption: str


def heatmap_picture(run_id: str, image_id: str, parameters: Mapping[str, str]) -> HeatmapPicture:
    """The map of one run for one image; parameters ``method``, ``depth`` (1 = coarsest) and ``class``.

    `RunError` in one sentence where the map is zero everywhere.
    """
    run = desk().runs().get(run_id)
    if run is None:
        raise LinkError(f"There is no run {run_id[:100]!r} here; choose another.")
    image = desk().decoded(image_id)
    found, caption = explain_image(run, image, parameters)
    if found.empty:
        raise RunError(f"The map is zero everywhere: nothing at this depth speaks for it ({caption}).")
    scale = min(1.0, MAX_SIDE / max(image.size))
    width, height = (max(1, round(side * scale)) for side in image.size)
    heat = colour_heatmap(run.card.prepared.place_back(found.heat, width, height))
    return HeatmapPicture(encode(Image.fromarray(heat, "RGBA")), caption)


def explain_image(run: Run, image: Image.Image, parameters: Mapping[str, str]) -> "tuple[Explanation, str]":
    """The map of one run for one image, and how it was made; parameters as for `heatmap_picture`."""
    require("models", "A heatmap")
    import torch

    from model_zoo.inference.saliency import explain

    query = {name: (value,) for name, value in parameters.items()}
    method = choice(query, "method", CamMethod, CamMethod.GRAD_CAM)
    name = text(query, "class")
    index = run.card.taxonomy.class_index(name) if name and method.uses_class else None
    ready = loaded(run)
    layer = ready.layers[min(whole(query, "depth", 1), len(ready.layers)) - 1]
    inputs = torch.from_numpy(run.card.prepared.apply(image))[None]
    found = explain(ready.model, inputs, class_index=index, layer=layer.name, method=method)
    shown = run.card.classes[found.class_index] if method.uses_class else "whatever the class"
    return found, f"{method} of {shown} at {layer.name} ({layer.grid[0]} × {layer.grid[1]} cells)"


def colour_heatmap(heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """RGBA (height, width, 4) of heat in [0, 1]; unseen places (NaN) are transparent."""
    return _COLOURS[(np.nan_to_num(np.clip(heat, 0, 1)) * 255).round().astype(np.uint8)]
