"""Measures region attention over many images: heatmaps on regions, and occlusion."""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from model_zoo.core.explanation.cam_method import CamMethod
from model_zoo.core.explanation.occlusion import control_region, occlude
from model_zoo.core.explanation.region_attention import Occlusion, RegionAttention
from model_zoo.core.explanation.regions import Energy, Region, Shape, energy, mask
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import OUTSIDE
from model_zoo.images.decoding import Preprocessing
from model_zoo.inference.predict import predict_images
from model_zoo.inference.region_attention_files import AttentionResults
from model_zoo.inference.saliency import Explanation, UnknownCropError, explain, target_layers
from model_zoo.workspace.run import Run

MAX_SIDE = 1024
"""Cells a side on which a map's energy is measured; a larger image is measured on fewer cells than it has pixels."""

DEPTHS = 4
"""How many layers are looked at, from the last stage (coarse) to an early one (fine)."""


def grid_of(size: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns on which maps over an image of ``size`` (width, height) are measured."""
    scale = min(1.0, MAX_SIDE / max(size))
    return max(1, round(size[1] * scale)), max(1, round(size[0] * scale))


def energy_on_regions(
    found: Explanation, preprocessing: Preprocessing, size: tuple[int, int], covered: NDArray[np.bool_]
) -> Energy:
    """The energy of a map on a region, ``covered`` (rows, columns) of `grid_of` the image's ``size``."""
    rows, columns = grid_of(size)
    return energy(preprocessing.place_back(found.heat, columns, rows), covered)


def measure_attention(
    run: Run,
    model: nn.Module,
    images: Iterator[tuple[str, str, Image.Image, Sequence[Region]]],
    split: Split,
    method: CamMethod,
    n_known: int,
    together: Sequence[Sequence[str]] = (),
    progress: Callable[[int], None] = lambda done: None,
) -> AttentionResults:
    """Maps of what the run answers, and its predictions with each region occluded.

    ``images`` gives id, patient (or the id again), pixels and regions; ``n_known`` is how many there were to choose
    from. Each region that is in an image is asked
    about by itself, and so is each set of them named in ``together``. ``progress`` is told how many images are done.
    The control's place depends on image and region alone. There are no layers and no energies where nobody knows where
    on the image the model's maps lie (`why_no_heatmaps`).
    """
    layers = () if why_no_heatmaps(model, run) else target_layers(model, run.card.prepared.input_size)[:DEPTHS]
    looks: list[RegionAttention] = []
    removals: list[Occlusion] = []
    patients: set[str] = set()
    n_images = 0
    for n_images, (image_id, patient, image, regions) in enumerate(images, start=1):
        patients.add(patient)
        shapes = _shapes(regions, together)
        answers = _answers(run, model, image, image_id, {name: mask(one, image.size) for name, one in shapes.items()})
        removals += [Occlusion(image_id, patient, name, *said) for name, said in answers.items()]
        covered = {name: mask(one, image.size, grid_of(image.size)) for name, one in shapes.items()}
        inputs = torch.from_numpy(run.card.prepared.apply(image))[None]
        for layer in layers if covered else ():
            found = explain(model, inputs, layer=layer.name, method=method)
            for name, cells in covered.items():
                measured = energy_on_regions(found, run.card.prepared, image.size, cells)
                looks.append(RegionAttention(image_id, patient, layer.name, name, measured))
        progress(n_images)
    return AttentionResults(
        run_id=run.run_id,
        weights_sha256=run.card.weights_sha256,
        split=split,
        method=method,
        layers=tuple((layer.name, *layer.grid) for layer in layers),
        classes=run.card.classes,
        n_images=n_images,
        n_known=n_known,
        n_patients=len(patients),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        looks=tuple(looks),
        removals=tuple(removals),
    )


def why_no_heatmaps(model: nn.Module, run: Run) -> str:
    """Why nobody knows where on the image the run's maps lie, in a sentence; '' where it is known."""
    try:
        target_layers(model, run.card.prepared.input_size)
    except UnknownCropError as error:
        return str(error)
    return ""


def _shapes(regions: Sequence[Region], together: Sequence[Sequence[str]]) -> dict[str, tuple[Shape, ...]]:
    """Name -> shapes of the regions that are in an image, and of the sets of which any region is."""
    shapes = {region.name: region.shapes for region in regions if region.shapes}
    sets = {" + ".join(names): [shape for name in names for shape in shapes.get(name, ())] for names in together}
    return shapes | {name: tuple(members) for name, members in sets.items() if members}


def _answers(
    run: Run, model: nn.Module, image: Image.Image, image_id: str, covered: Mapping[str, NDArray[np.bool_]]
) -> dict[str, tuple[int, int, int]]:
    """Region -> class answered before, without it, and with as much occluded beside it."""
    pixels = np.asarray(image)
    known = np.zeros((image.height, image.width), dtype=np.int64)
    for region in covered.values():
        known += region
    asked, rows = [image], {}
    for name, region in covered.items():
        rng = np.random.default_rng(zlib.crc32(f"{image_id} {name}".encode()))
        moved = control_region(region, known, rng)
        rows[name] = (len(asked), OUTSIDE if moved is None else len(asked) + 1)
        asked += [Image.fromarray(occlude(pixels, one)) for one in (region, moved) if one is not None]
    said = predict_images(model, run.card.prepared, asked).argmax(axis=1)
    return {
        name: (int(said[0]), int(said[after]), OUTSIDE if control == OUTSIDE else int(said[control]))
        for name, (after, control) in rows.items()
    }
