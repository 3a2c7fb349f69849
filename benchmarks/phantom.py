"""Images a second of the phantom, encoded as shipped, on one core; reference: the encoder alone on the same images.

uv run --no-sync python benchmarks/phantom.py [--images 300]
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from model_zoo.phantom.generate import Recipe, encode, plan, render
from model_zoo.workspace.workspace import PROJECT

WANTED_PER_S = 50


def main(n_images: int) -> None:
    """Print images a second, and the ratio to the reference."""
    recipe = Recipe.read(PROJECT / "model_zoo" / "sample_images" / "recipe.toml")
    planned = plan(recipe)
    some = planned[:: max(1, len(planned) // n_images)][:n_images]
    render(some[0], recipe)  # what is computed once for all images
    started = time.process_time()
    drawn = [render(one, recipe).pixels for one in some]
    drawing = time.process_time() - started
    started = time.process_time()
    for pixels in drawn:
        encode(pixels, recipe)
    encoding = time.process_time() - started
    speed = len(some) / (drawing + encoding)
    print(f"{len(some)} images, evenly over all leaves and splits, seconds of one core")
    print(f"drawn and encoded   {speed:7.1f} images/s   (wanted: {WANTED_PER_S})")
    print(f"encoder alone       {len(some) / encoding:7.1f} images/s")
    print(f"ratio               {(drawing + encoding) / encoding:7.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=300)
    main(parser.parse_args().images)
