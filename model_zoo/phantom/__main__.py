"""`python -m model_zoo.phantom OUT --recipe PATH --splits validation,test`: write a data set."""

import argparse
from pathlib import Path

from model_zoo.phantom.generate import Recipe, write_dataset

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("out", type=Path)
parser.add_argument("--recipe", type=Path, required=True)
parser.add_argument("--splits", default="validation,test")
arguments = parser.parse_args()
write_dataset(Recipe.read(arguments.recipe), arguments.out, arguments.splits.split(","))
