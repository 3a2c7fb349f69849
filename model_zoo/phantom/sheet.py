"""`python -m model_zoo.phantom.sheet OUT.png --recipe PATH`: one row per leaf, to be looked at."""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from model_zoo.phantom.generate import Recipe, plan, render

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("out", type=Path)
parser.add_argument("--recipe", type=Path, required=True)
parser.add_argument("--columns", type=int, default=8)
arguments = parser.parse_args()
recipe = Recipe.read(arguments.recipe)
rows = []
for leaf in recipe.images["train"]:
    chosen = [image for image in plan(recipe) if image.true_leaf == leaf][: arguments.columns]
    drawn = [Image.fromarray(render(image, recipe).pixels).convert("RGB") for image in chosen]
    rows.append(np.concatenate([np.asarray(one) for one in drawn], axis=1))
Image.fromarray(np.concatenate(rows)).save(arguments.out)
