"""The ``[phantom]`` table of a recipe: every choice of data, in data."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Noise:
    """How often labels are wrong, as shares of the images concerned."""

    head_swap: float  # positives of the two head planes, labelled as each other
    structure_at_off_plane_0: float  # negatives whose structure is guessed wrongly, frame in plane
    structure_at_off_plane_1: float  # the same, frame fully out of plane
    wrong_text: float  # screens whose text names another structure
    vague_text: float  # screens of a head whose text only says HEAD


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides which screens are made.

    ``patients`` per split; ``images`` maps split -> leaf -> number of images;
    ``off_plane`` maps overlay -> (low, high) of a degree in [0, 1].
    """

    version: int
    status: str
    seed: int
    size_px: int
    jpeg_quality: int
    early_patients: float
    patients: Mapping[str, int]
    off_plane: Mapping[str, tuple[float, float]]
    noise: Noise
    images: Mapping[str, Mapping[str, int]]

    @classmethod
    def read(cls, path: Path) -> "Recipe":
        """The recipe in a TOML file; `ValueError` names what is missing or unknown."""
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        table: dict[str, Any] = dict(values.get("phantom", {}))
        wanted = {field.name for field in fields(cls)} - {"version", "status"}
        if odd := sorted(set(table) ^ wanted):
            verb = "lacks" if odd[0] in wanted else "does not know"
            raise ValueError(
                f"Recipe {path}: the table [phantom] {verb} {odd[0]!r}; it needs {', '.join(sorted(wanted))}."
            )
        if status := {"draft", "final"} - {values.get("status")} == {"draft", "final"}:
            raise ValueError(f"Recipe {path}: status is {status!r}; it must be 'draft' or 'final'.")
        table["noise"] = Noise(**table["noise"])
        table["off_plane"] = {name: (float(low), float(high)) for name, (low, high) in table["off_plane"].items()}
        return cls(version=int(values["version"]), status=values["status"], **table)
