"""The counterfactual: a region painted out of an image, and the runs asked again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dashboard.address.links import Away
from dashboard.server_state.loaded_models import image_of, loaded
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.errors import LinkError, RegionError
from model_zoo.core.explanation.occlusion import paint_out
from model_zoo.core.explanation.region_attention import Move, moves
from model_zoo.core.explanation.regions import Energy, Shape, mask
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.workspace.run import Run

DRAWN_BOXES = "drawn boxes"


@dataclass(frozen=True)
class OccludedImage:
    """An image, the named shapes that were taken away, and the image without them."""

    image: Image.Image
    occluded: Image.Image
    removed_shapes: Mapping[str, tuple[Shape, ...]]


@dataclass(frozen=True)
class OcclusionResult:
    """What one run says with and without: probabilities (K,), its answer in each label space, its map's energies.

    ``moves`` stand in the order of the label spaces asked for, ``None`` where its answer cannot be told there;
    ``how`` says in words how the map was made, or why there is none; then there are no energies.
    """

    run: Run
    before: NDArray[np.float32]
    after: NDArray[np.float32]
    moves: tuple[Move | None, ...]
    energies: Mapping[str, Energy]
    how: str


def occlude(desk: Desk, image_id: str, away: Away) -> OccludedImage:
    """The image without what ``away`` names; `LinkError` if nothing of that lies in it."""
    known = {region.name: region.shapes for region in desk.regions(image_id)}
    if strangers := [name for name in away.regions if not known.get(name)]:
        listed = ", ".join(name for name, shapes in known.items() if shapes) or "none"
        raise LinkError(
            f"Image {image_id[:100]!r} has no known region {strangers[0][:100]!r} (it has {listed}); draw a box."
        )
    taken: dict[str, tuple[Shape, ...]] = {name: known[name] for name in away.regions}
    if away.boxes:
        taken[DRAWN_BOXES] = away.boxes
    image = image_of(desk, image_id)
    covered = mask([shape for shapes in taken.values() for shape in shapes], image.size)
    if not covered.any():
        width, height = image.size
        raise LinkError(f"Nothing of the image lies there; it has {width} x {height} pixels. Draw a box inside it.")
    return OccludedImage(image, Image.fromarray(paint_out(np.asarray(image), covered)), taken)


def predict_occluded(
    run: Run, painted: OccludedImage, spaces: Sequence[Taxonomy], options: Mapping[str, str]
) -> OcclusionResult:
    """Ask a run about the image with and without; its map is that of the image as it is.

    ``options`` are the parameters of the map (see `explain.map_picture`); a class that the run lacks is left out.
    `CheckpointError` where the run has no weights.
    """
    model = loaded(run).model
    from dashboard.evaluation.saliency import explained
    from model_zoo.inference.predict import predict_images
    from model_zoo.inference.region_attention import energy_on, grid_of
    from model_zoo.inference.saliency import PlaceUnknownError

    before, after = predict_images(model, run.card.prepared, [painted.image, painted.occluded])
    asked = {name: value for name, value in options.items() if value}
    if asked.get("class") not in (None, *run.card.classes):
        asked.pop("class")
    size = painted.image.size
    try:
        heat, how = explained(run, painted.image, asked)
        energies = {
            name: energy_on(heat, run.card.prepared, size, mask(shapes, size, grid_of(size)))
            for name, shapes in painted.removed_shapes.items()
        }
    except PlaceUnknownError as error:
        energies, how = {}, str(error)
    return OcclusionResult(run, before, after, moves(run.card.taxonomy, before, after, spaces), energies, how)


def parse_boxes(told: object) -> Away:
    """Boxes as a browser tells them, ``[[left, top, right, bottom], ...]``; `RegionError` for anything else."""
    from model_zoo.core.explanation.regions import Box, read_regions

    (region,) = read_regions({DRAWN_BOXES: told})
    boxes = tuple(shape for shape in region.shapes if isinstance(shape, Box))
    if len(boxes) < len(region.shapes):
        raise RegionError("Only boxes can be drawn; draw it again.")
    return Away(boxes=boxes)
