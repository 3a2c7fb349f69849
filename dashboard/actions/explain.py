"""A class activation map as a picture to lay over the image."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.actions.desk import desk
from dashboard.actions.models import image_of, model_of, png
from dashboard.links import choice, text, whole
from model_zoo.core.choices import CamMethod
from model_zoo.core.errors import LinkError, RunError

DEPTHS = ("coarse", "medium", "fine", "finest")
"""From the last stage to an early one."""

# Dark violet to yellow (after matplotlib's inferno), told apart without colour by lightness alone.
_RAMP = np.array(
    [(40, 11, 84), (101, 21, 110), (159, 42, 99), (212, 72, 66), (245, 125, 21), (250, 193, 39), (252, 255, 164)], float
)


@dataclass(frozen=True, slots=True)
class MapPicture:
    """A transparent PNG and one line that says how it was made."""

    png: bytes
    caption: str


def map_picture(run_id: str, image_id: str, parameters: Mapping[str, str]) -> MapPicture:
    """The map of one run for one image; parameters ``method``, ``depth`` (1 = coarsest) and ``class``.

    `RunError` in one sentence where the map is zero everywhere.
    """
    from model_zoo.explanation import explain, target_layers

    query = {name: (value,) for name, value in parameters.items()}
    method = choice(query, "method", CamMethod, CamMethod.GRAD_CAM)
    run = desk().runs().get(run_id)
    if run is None:
        raise LinkError(f"There is no run {run_id[:100]!r} here; choose another.")
    name = text(query, "class")
    index = run.card.taxonomy.class_index(name) if name and method.uses_class else None
    model, preprocessing = model_of(run), run.card.preprocessing
    import torch

    layers = target_layers(model, preprocessing.input_size)
    layer = layers[min(whole(query, "depth", 1), len(layers)) - 1]
    image = image_of(desk(), image_id)
    inputs = torch.from_numpy(preprocessing.apply(image))[None]
    found = explain(model, inputs, class_index=index, layer=layer.name, method=method)
    explained = run.card.classes[found.class_index] if method.uses_class else "whatever the class"
    caption = f"{method} of {explained} at {layer.name} ({layer.grid[0]} × {layer.grid[1]} cells)"
    if found.empty:
        raise RunError(f"The map is zero everywhere: nothing at this depth speaks for it ({caption}).")
    return MapPicture(png(_coloured(preprocessing.place_back(found.heat, *image.size))), caption)


def _coloured(heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """RGBA (height, width, 4): the hotter, the lighter and the more opaque; unseen places are transparent."""
    seen = np.nan_to_num(np.clip(heat, 0, 1))
    position = seen * (len(_RAMP) - 1)
    below = np.floor(position).astype(int)
    above = np.minimum(below + 1, len(_RAMP) - 1)
    colour = _RAMP[below] + (_RAMP[above] - _RAMP[below]) * (position - below)[..., None]
    return np.concatenate([colour, (seen**0.7 * 255)[..., None]], axis=-1).round().astype(np.uint8)
