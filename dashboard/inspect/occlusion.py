"""Occlusion test: predictions for an image with and without a region."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dashboard.address.links import Occluded
from dashboard.server_state.loaded_models import predictor
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.errors import LinkError, RegionError
from model_zoo.core.explanation.occlusion import occlude
from model_zoo.core.explanation.region_attention import PredictionChange, prediction_changes
from model_zoo.core.explanation.regions import Energy, Shape, mask
from model_zoo.core.extras import require
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.inference.predict import predict_images
from model_zoo.workspace.run import Run

DRAWN_BOXES = "drawn boxes"


@dataclass(frozen=True)
class OccludedImage:
    """An image, the image with shapes painted over, and these shapes by name."""

    image: Image.Image
    occluded: Image.Image
    removed_shapes: Mapping[str, tuple[Shape, ...]]


@dataclass(frozen=True)
class OcclusionResult:
    """One run's predictions before and after occlusion: probabilities (K,), and heatmap energies by region.

    ``moves`` are in the order of the requested taxonomies, ``None`` if a prediction cannot be mapped; ``how`` describes
    the heatmap, or says why there is none; then ``energies`` is empty.
    """

    run: Run
    before: NDArray[np.float32]
    after: NDArray[np.float32]
    moves: tuple[PredictionChange | None, ...]
    energies: Mapping[str, Energy]
    how: str


def occlude_image(desk: Desk, image_id: str, away: Occluded) -> OccludedImage:
    """Paint over the regions of ``away``; `LinkError` if none of them lies in the image."""
    known = {region.name: region.shapes for region in desk.regions(image_id)}
    if strangers := [name for name in away.regions if not known.get(name)]:
        listed = ", ".join(name for name, shapes in known.items() if shapes) or "none"
        raise LinkError(
            f"Image {image_id[:100]!r} has no known region {strangers[0][:100]!r} (it has {listed}); draw a box."
        )
    taken: dict[str, tuple[Shape, ...]] = {name: known[name] for name in away.regions}
    if away.boxes:
        taken[DRAWN_BOXES] = away.boxes
    image = desk.decoded(image_id)
    covered = mask([shape for shapes in taken.values() for shape in shapes], image.size)
    if not covered.any():
        width, height = image.size
        raise LinkError(f"Nothing of the image lies there; it has {width} x {height} pixels. Draw a box inside it.")
    return OccludedImage(image, Image.fromarray(occlude(np.asarray(image), covered)), taken)


def predict_occluded(
    run: Run, painted: OccludedImage, spaces: Sequence[Taxonomy], options: Mapping[str, str]
) -> OcclusionResult:
    """Predictions before and after occlusion, with the heatmap of the original image.

    ``options`` are the heatmap's parameters (see `explain.map_picture`); an unknown target class is ignored.
    `CheckpointError` if the run has no weights.
    """
    require("models", "The occlusion test")
    model = predictor(run)
    from dashboard.evaluation.saliency import explain_image
    from model_zoo.inference.region_attention import energy_on_regions, grid_of
    from model_zoo.inference.saliency import UnknownCropError

    before, after = predict_images(model, run.card.prepared, [painted.image, painted.occluded])
    asked = {name: value for name, value in options.items() if value}
    if asked.get("class") not in (None, *run.card.classes):
        asked.pop("class")
    size = painted.image.size
    try:
        heat, how = explain_image(run, painted.image, asked)
        energies = {
            name: energy_on_regions(heat, run.card.prepared, size, mask(shapes, size, grid_of(size)))
            for name, shapes in painted.removed_shapes.items()
        }
    except UnknownCropError as error:
        energies, how = {}, str(error)
    return OcclusionResult(
        run, before, after, prediction_changes(run.card.taxonomy, before, after, spaces), energies, how
    )


def parse_boxes(raw: object) -> Occluded:
    """Boxes from the browser, ``[[left, top, right, bottom], ...]``; `RegionError` for anything else."""
    from model_zoo.core.explanation.regions import Box, read_regions

    (region,) = read_regions({DRAWN_BOXES: raw})
    boxes = tuple(shape for shape in region.shapes if isinstance(shape, Box))
    if len(boxes) < len(region.shapes):
        raise RegionError("Only boxes can be drawn; draw it again.")
    return Occluded(boxes=boxes)
