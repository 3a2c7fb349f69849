"""Results of the region attention analysis, on disk."""

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from model_zoo.core.errors import RunError
from model_zoo.core.explanation.cam_method import CamMethod
from model_zoo.core.explanation.region_attention import Occlusion, RegionAttention
from model_zoo.core.explanation.regions import Energy
from model_zoo.core.label_space.splits import Split
from model_zoo.untrusted.parser_errors import RAISED_BY_PARSERS
from model_zoo.workspace.command_line import command
from model_zoo.workspace.manifest import write_whole

FORMAT = 2
PLACED = 2
"""The first format whose shares count only what a model of own code sees of an image."""

FOLDER = "looks"


@dataclass(frozen=True)
class AttentionResults:
    """What one run looks at over ``n_images`` of the ``n_known`` images of a split whose regions are known.

    ``layers`` are the layers of the maps, coarse first, with rows and columns of their cells; ``created`` is
    ISO 8601 in UTC. ``classes`` name the indices of ``removals``.
    """

    run_id: str
    weights_sha256: str
    split: Split
    method: CamMethod
    layers: tuple[tuple[str, int, int], ...]
    classes: tuple[str, ...]
    n_images: int
    n_known: int
    n_patients: int
    created: str
    looks: tuple[RegionAttention, ...]
    removals: tuple[Occlusion, ...]


def paths(parent: Path, run_id: str, split: Split) -> tuple[Path, Path, Path]:
    """Below a workspace's folder: the card, the energies, the removals."""
    folder = parent / FOLDER / run_id
    return folder / f"{split}.json", folder / f"{split}_energy.csv", folder / f"{split}_removals.csv"


def write_attention(found: AttentionResults, parent: Path) -> tuple[Path, Path, Path]:
    """Write card and tables below ``parent``, the card last; returns their paths."""
    card, energies, removals = paths(parent, found.run_id, found.split)
    card.parent.mkdir(parents=True, exist_ok=True)
    columns = ("image_id", "patient", "layer", "region", "share", "area", "peak")
    rows: list[Sequence[object]] = [
        (
            look.image_id,
            look.patient,
            look.layer,
            look.region,
            _number(look.energy.share),
            _number(look.energy.area),
            int(look.energy.peak),
        )
        for look in found.looks
    ]
    write_whole(energies, _table(columns, rows))
    said = [
        (
            one.image_id,
            one.patient,
            one.region,
            *(found.classes[k] if k >= 0 else "" for k in (one.before, one.after, one.control)),
        )
        for one in found.removals
    ]
    write_whole(removals, _table(("image_id", "patient", "region", "before", "after", "control"), said))
    written = {"format": FORMAT} | {
        name: value for name, value in asdict(found).items() if name not in ("looks", "removals")
    }
    write_whole(card, (json.dumps(written, indent=2) + "\n").encode())
    return card, energies, removals


def read_attention(parent: Path, run_id: str, split: Split, least_format: int = 1) -> AttentionResults | None:
    """What `write_attention` wrote, ``None`` if nothing since ``least_format``; `RunError` if it cannot be read."""
    card, energies, removals = paths(parent, run_id, split)
    if not card.is_file():
        return None
    try:
        values = json.loads(card.read_text(encoding="utf-8"))
        if (written := int(values.pop("format"))) > FORMAT:
            raise ValueError("a newer format")
        if written < least_format:
            return None
        values["split"], values["method"] = Split(values["split"]), CamMethod(values["method"])
        values["layers"] = tuple((str(name), int(rows), int(columns)) for name, rows, columns in values["layers"])
        values["classes"] = tuple(values["classes"])
        index = {name: k for k, name in enumerate(values["classes"])} | {"": -1}
        looks = tuple(
            RegionAttention(
                row["image_id"],
                row["patient"],
                row["layer"],
                row["region"],
                Energy(float(row["share"] or "nan"), float(row["area"]), row["peak"] == "1"),
            )
            for row in _rows(energies)
        )
        said = tuple(
            Occlusion(
                row["image_id"],
                row["patient"],
                row["region"],
                *(index[row[name]] for name in ("before", "after", "control")),
            )
            for row in _rows(removals)
        )
        return AttentionResults(**values, looks=looks, removals=said)
    except RAISED_BY_PARSERS as error:
        raise RunError(
            f"{card} or its tables cannot be read ({error}); run `{command('look', run_id)}` again."
        ) from error


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue().encode()


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.8g}"
