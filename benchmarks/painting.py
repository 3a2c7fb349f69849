"""Is painting markers out as good as never having placed them? Against OpenCV's inpainting and plain fills.

    uv run --no-sync python benchmarks/painting.py [--images 335]

The phantom can draw each validation screen again without its markers, all else alike. Two shipped runs are asked
about that screen and about the painted one; the table counts how often they answer alike, over the images with
markers whose answer is right, and how far the probabilities differ (half the sum of absolute differences).
"""

import argparse
import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from model_zoo.checkpoints.load import load_model
from model_zoo.core.explanation.occlusion import occlude
from model_zoo.core.explanation.regions import mask, read_regions
from model_zoo.core.label_space.splits import Split
from model_zoo.inference.predict import predict_images
from model_zoo.phantom import overlay
from model_zoo.phantom.generate import Recipe, encode, plan, render
from model_zoo.workspace.workspace import Workspace

RUNS = ("fine-s0", "consolidated-s0")
Pixels, Covered = NDArray[np.uint8], NDArray[np.bool_]
WAYS: dict[str, Callable[[Pixels, Covered], Pixels]] = {
    "paint_out": occlude,
    "OpenCV, Navier-Stokes (Bertalmio 2001)": lambda p, m: cv2.inpaint(p, m.astype(np.uint8), 3, cv2.INPAINT_NS),
    "OpenCV, fast marching (Telea 2004)": lambda p, m: cv2.inpaint(p, m.astype(np.uint8), 3, cv2.INPAINT_TELEA),
    "mean grey": lambda p, m: np.where(m, np.uint8(p.mean()), p),
    "black": lambda p, m: np.where(m, np.uint8(0), p),
}


def main() -> None:
    """Draws, paints, asks, prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=335)
    n_images: int = parser.parse_args().images
    workspace = Workspace.demo(Path(tempfile.mkdtemp()))
    written, recipe_path = workspace.regions(), workspace.recipe_path()
    assert recipe_path is not None
    recipe = Recipe.read(recipe_path)
    planned = {one.image_id: one for one in plan(recipe)}
    images, marks = [], []
    for image in workspace.dataset().split(Split.VALIDATION):
        shapes = next(one.shapes for one in read_regions(written[image.image_id]) if one.name == "markers")
        if shapes and len(images) < n_images:
            images.append(image)
            marks.append(mask(shapes, (recipe.size_px, recipe.size_px)))
    screens = [np.asarray(Image.open(workspace.image_path(image)).convert("L")) for image in images]
    overlay.calipers = lambda pen, ends, ellipse: None
    bare = [Image.open(io.BytesIO(encode(render(planned[one.image_id], recipe).pixels, recipe))) for one in images]
    print(f"{len(images)} validation images with markers\n")
    print("| painted by | ms an image | " + " | ".join(f"{run}: alike | differ by" for run in RUNS) + " |")
    print("|---|---|" + "---|---|" * len(RUNS))
    runs = {run.run_id: run for run in workspace.runs() if run.run_id in RUNS}
    models = {name: load_model(run) for name, run in runs.items()}
    right, without = {}, {}
    for name, run in runs.items():
        prepared, truth = run.card.preprocessing, run.card.taxonomy.place_all([image.label for image in images])
        said = predict_images(models[name], prepared, [Image.fromarray(one) for one in screens])
        right[name], without[name] = said.argmax(axis=1) == truth, predict_images(models[name], prepared, bare)
    for way, fill in WAYS.items():
        start = time.perf_counter()
        painted = [Image.fromarray(fill(*one)) for one in zip(screens, marks, strict=True)]
        cells = [way, f"{1000 * (time.perf_counter() - start) / len(images):.1f}"]
        for name in RUNS:
            said = predict_images(models[name], runs[name].card.preprocessing, painted)[right[name]]
            other = without[name][right[name]]
            alike = (said.argmax(axis=1) == other.argmax(axis=1)).mean()
            cells += [f"{alike:.1%} of {len(said)}", f"{np.abs(said - other).sum(axis=1).mean() / 2:.3f}"]
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
