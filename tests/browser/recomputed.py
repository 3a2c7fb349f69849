"""The demo's figures from its files alone, without the project's code."""

import re
import tomllib
from pathlib import Path

import pandas as pd

PROJECT = Path(__file__).parents[2]
MANIFEST = pd.read_csv(PROJECT / "sample_images" / "manifest.csv").set_index("image_id")


def answers(taxonomy: str, split: str = "test") -> dict[str, pd.Series]:
    """Run -> the class it names for each image, from the Parquet files alone."""
    said = {}
    for folder in sorted((PROJECT / "model_zoo" / "runs").glob(f"{taxonomy}-s*")):
        frame = pd.read_parquet(folder / f"predictions_{split}.parquet").set_index("image_id")
        said[folder.name] = frame.idxmax(axis=1).str.removeprefix("p:")
    return said


def class_of(taxonomy: str) -> dict[str, str]:
    """Leaf -> class, expanding the file's patterns by hand."""
    written = tomllib.loads((PROJECT / "model_zoo" / "taxonomies" / f"{taxonomy}.toml").read_text())["classes"]
    leaves = [f"{s}.{o}" for s in ("ac", "bpd", "cereb", "fl", "crl", "afi")
              for o in ("placed.present", "none.present", "none.none")] + ["volume"]  # fmt: skip
    owner = {}
    for name, pattern in written.items():
        regex = re.compile("^" + pattern.replace(".", r"\.").replace("*", "[a-z]+") + "$")
        owner |= {leaf: name for leaf in leaves if regex.match(leaf)}
    return owner


def class_names(taxonomy: str) -> list[str]:
    """Classes in the order of the file."""
    return list(tomllib.loads((PROJECT / "model_zoo" / "taxonomies" / f"{taxonomy}.toml").read_text())["classes"])


def in_classes_of(coarse: str, taxonomy: str, labels: pd.Series = MANIFEST.label) -> list[tuple[pd.Series, pd.Series]]:
    """(truth, answer) of each run of ``taxonomy``, both in the classes of ``coarse``."""
    coarse_of, own_of = class_of(coarse), class_of(taxonomy)
    mapped = {name: coarse_of[leaf] for leaf, name in own_of.items()}
    return [(labels.loc[said.index].map(coarse_of), said.map(mapped)) for said in answers(taxonomy).values()]


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"
