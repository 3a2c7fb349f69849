"""Typed links: what a page shows, written to and read from its address. No Streamlit here."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar
from urllib.parse import quote, urlencode

from model_zoo.core.choices import Labels, Space, Split
from model_zoo.core.errors import LinkError, RegionError
from model_zoo.core.regions import Box

Query = Mapping[str, Sequence[str]]
"""Parameter -> its values, as in ``?of=a&of=b``."""

E = TypeVar("E", bound=StrEnum)

MAX_BOXES = 20
"""Boxes that one address may draw."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Which runs or series are shown, in which label space, over which split, against which labels."""

    subjects: tuple[str, ...] = ()
    space: Space = Space.COMMON
    split: Split = Split.TEST
    labels: Labels = Labels.ORIGINAL

    def query(self) -> dict[str, list[str]]:
        """The parameters that `read_shown` reads back."""
        return {
            "of": list(self.subjects),
            "space": [str(self.space)],
            "split": [str(self.split)],
            "labels": [str(self.labels)],
        }


@dataclass(frozen=True, slots=True)
class Cell:
    """Images of one subject by true and predicted class; ``None`` leaves that side open.

    ``either`` asks instead for the images that are of a class or called so: what its F1 rests on.
    """

    subject: str
    true: str | None = None
    predicted: str | None = None
    either: str | None = None

    @property
    def named(self) -> bool:
        """Whether any class is named."""
        return (self.true, self.predicted, self.either) != (None, None, None)

    def query(self) -> dict[str, list[str]]:
        """The parameters that `read_cell` reads back."""
        sides = {"true": self.true, "predicted": self.predicted, "either": self.either}
        return {"cell": [self.subject]} | {name: [value] for name, value in sides.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Away:
    """What is painted out of an image: its regions by name, and boxes drawn on it, in whole pixels."""

    regions: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()

    def query(self) -> dict[str, list[str]]:
        """The parameters that `read_away` reads back."""
        return {
            "region": list(self.regions),
            "box": [f"{box.x0:.0f},{box.y0:.0f},{box.x1:.0f},{box.y1:.0f}" for box in self.boxes],
        }


def read_shown(query: Query, default: Shown) -> Shown:
    """What an address asks for; what it leaves open is taken from ``default``. `LinkError` for unknown values."""
    return replace(
        default,
        subjects=tuple(one for one in dict.fromkeys(query["of"]) if one) if "of" in query else default.subjects,
        space=choice(query, "space", Space, default.space),
        split=_judged_split(query, default.split),
        labels=choice(query, "labels", Labels, default.labels),
    )


def read_split(query: Query, default: Split | None) -> Split | None:
    """The split that an address asks for; ``all`` is every split."""
    if text(query, "split") in (None, "all"):
        return default if text(query, "split") is None else None
    return choice(query, "split", Split, Split.TEST)


def read_cell(query: Query) -> Cell | None:
    """The cell that an address names, if any."""
    subject = text(query, "cell")
    sides = [text(query, name) for name in ("true", "predicted", "either")]
    return Cell(subject, *sides) if subject else None


def read_away(query: Query) -> Away:
    """What an address wants painted out; `LinkError` for a box that is none, or more than `MAX_BOXES`."""
    boxes = tuple(dict.fromkeys(query.get("box", ())))
    if len(boxes) > MAX_BOXES:
        raise LinkError(f"The address draws {len(boxes)} boxes; at most {MAX_BOXES} are painted out at once.")
    return Away(tuple(dict.fromkeys(one for one in query.get("region", ()) if one)), tuple(map(_box, boxes)))


def to_cell(shown: Shown, cell: Cell) -> dict[str, list[str]]:
    """The address of the images behind a cell of a comparison."""
    return shown.query() | cell.query()


def run_url(run_id: str) -> str:
    """The page of one run."""
    return f"run?{urlencode({'run': run_id})}"


def to_image(image_id: str, shown: Shown) -> dict[str, list[str]]:
    """The address of one image, inspected with the runs shown."""
    return {"image": [image_id]} | shown.query()


def _judged_split(query: Query, default: Split) -> Split:
    """Runs are judged over test or validation; a list of training images has no predictions to show."""
    asked = read_split(query, default)
    return asked if asked in (Split.TEST, Split.VALIDATION) else default


def image_url(image_id: str) -> str:
    """Where a browser finds an image."""
    return f"/file/{quote(image_id, safe='')}"


def map_url(run_id: str, image_id: str, weights_sha256: str, **parameters: str) -> str:
    """Where a browser finds a map; see `explain.map_picture` for the parameters.

    The weights are named so that a browser keeps no map of a run trained anew.
    """
    query = urlencode({**parameters, "weights": weights_sha256[:12]})
    return f"/map/{quote(run_id, safe='')}/{quote(image_id, safe='')}?{query}"


def painted_url(image_id: str, away: Away) -> str:
    """Where a browser finds an image with regions painted out."""
    return f"/painted/{quote(image_id, safe='')}?{urlencode(away.query(), doseq=True)}"


def text(query: Query, name: str) -> str | None:
    """The one value of a parameter; `LinkError` when it is given twice."""
    values = query.get(name, ())
    if len(values) > 1:
        raise LinkError(f"The address gives {name!r} {len(values)} times; keep one.")
    return values[0] if values else None


def whole(query: Query, name: str, default: int) -> int:
    """A whole number from 1; `LinkError` for anything else."""
    value = text(query, name)
    if value is None:
        return default
    if len(value) > 9 or not value.isascii() or not value.isdigit() or int(value) < 1:
        raise LinkError(f"The address asks for {name} = {value[:40]!r}; it must be a whole number from 1.")
    return int(value)


def choice(query: Query, name: str, kind: type[E], default: E) -> E:
    """A value of an enumeration; `LinkError` lists what it can be."""
    value = text(query, name)
    if value is None:
        return default
    if value not in list(kind):
        raise LinkError(f"The address asks for {name} = {value[:40]!r}; it can be {', '.join(kind)}.")
    return kind(value)


def _box(written: str) -> Box:
    edges = written.split(",")
    if len(edges) == 4 and all(len(edge) <= 6 and edge.isascii() and edge.isdigit() for edge in edges):
        with suppress(RegionError):
            return Box(*(float(edge) for edge in edges))
    raise LinkError(
        f"The address draws box = {written[:40]!r}; it must be left,top,right,bottom in whole pixels, left < right."
    )
