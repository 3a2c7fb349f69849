"""Typed links: what a page shows, written to and read from its address. No Streamlit here."""

import math
import re
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar
from urllib.parse import quote, urlencode

from dashboard.address.selection import ClassOrder, Labels, LabelWork, Matrices, Opens, Space
from model_zoo.core.errors import LinkError, RegionError
from model_zoo.core.evaluation.confusion import Per
from model_zoo.core.evaluation.probability_summing import Becomes
from model_zoo.core.explanation.regions import Box
from model_zoo.core.label_space.splits import Split
from model_zoo.core.review.label_change_effect import Moved

Query = Mapping[str, Sequence[str]]
"""Parameter -> its values, as in ``?of=a&of=b``."""

JUDGED = (Split.TEST, Split.VALIDATION)
"""The splits over which runs are judged."""

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

MAX_BOXES = 20
"""Boxes that one address may draw."""


@dataclass(frozen=True, slots=True)
class Where:
    """The images that figures are restricted to: those with ``value`` in a column of the manifest.

    For a column of numbers ``low..high`` asks for low <= number < high, either side open; in the column ``label``
    a pattern asks for all images whose label lies within it.
    """

    column: str
    value: str

    @property
    def written(self) -> str:
        """``column:value``, colons and backslashes in the column escaped by a backslash."""
        return re.sub(r"([\\:])", r"\\\1", self.column) + ":" + self.value

    @property
    def range(self) -> tuple[float, float] | None:
        """The numbers from and to which the value asks, infinite where open; ``None`` for any other value."""
        try:
            low, high = (float(side) if side else None for side in self.value.split(".."))
        except ValueError:
            return None
        if low is high is None or any(side is not None and not math.isfinite(side) for side in (low, high)):
            return None
        return -math.inf if low is None else low, math.inf if high is None else high

    @property
    def words(self) -> str:
        """As the pages write it: one printable line."""
        column = one_line(self.column)
        if self.range is None:
            return f"{column} = {one_line(self.value) or '(empty)'}"
        low, high = self.value.split("..")
        return f"{f'{one_line(low)} ≤ ' if low else ''}{column}{f' < {one_line(high)}' if high else ''}"


@dataclass(frozen=True, slots=True)
class Shown:
    """Which runs or series are shown, in which label space, over which images, against which labels."""

    subjects: tuple[str, ...] = ()
    space: Space = Space.COMMON
    split: Split = Split.TEST
    labels: Labels = Labels.ORIGINAL
    where: Where | None = None

    @property
    def images(self) -> str:
        """The images judged, in words: the split and what restricts it."""
        return images_words(self.split, self.where)

    def beside(self, subject_id: str) -> "Shown":
        """The same with a further subject among those shown."""
        return self if subject_id in self.subjects else replace(self, subjects=(*self.subjects, subject_id))

    def query(self) -> dict[str, list[str]]:
        """The parameters that `read_shown` reads back."""
        return {
            "of": list(self.subjects),
            "space": [str(self.space)],
            "split": [str(self.split)],
            "labels": [str(self.labels)],
        } | ({"where": [self.where.written]} if self.where else {})


@dataclass(frozen=True, slots=True)
class Cell:
    """Images of one subject by true and predicted class; a side may name several, and ``()`` leaves it open.

    ``either`` asks instead for the images that are of a class or called so: what its F1 rests on;
    ``summing`` for those that become right or wrong when probabilities are summed, ``moved`` for relabelled ones by
    what the new label makes of the answers.
    """

    subject: str
    true: tuple[str, ...] = ()
    predicted: tuple[str, ...] = ()
    either: str | None = None
    summing: Becomes | None = None
    moved: Moved | None = None

    @property
    def named(self) -> bool:
        """Whether it asks for some of the subject's images only."""
        return bool(self.true or self.predicted or self.either is not None or self.summing or self.moved)

    def query(self) -> dict[str, list[str]]:
        """The parameters that `read_cell` reads back."""
        sides = {
            "true": self.true,
            "predicted": self.predicted,
            "either": (self.either,) if self.either else (),
            "summing": (str(self.summing),) if self.summing else (),
            "moved": (str(self.moved),) if self.moved else (),
        }
        return {"cell": [self.subject]} | {name: list(values) for name, values in sides.items() if values}


@dataclass(frozen=True, slots=True)
class MatrixView:
    """How Compare shows its matrices; what the address leaves open is ``None`` and depends on their size.

    ``group`` names a grouping of the classes, ``opened`` its groups that are not collapsed, ``only`` the
    lines to show beside everything else, ``runs`` the runs whose own matrix stands for their series' mean,
    ``opens`` what a click on a cell opens.
    """

    matrices: Matrices = Matrices.EACH
    per: Per = Per.TRUE
    order: ClassOrder | None = None
    group: str | None = None
    opened: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    opens: Opens = Opens.IMAGES

    def query(self) -> dict[str, list[str]]:
        """The parameters that `read_matrix_view` reads back; what the address may leave open is left out."""
        parameters = {
            "matrices": [] if self.matrices is Matrices.EACH else [str(self.matrices)],
            "per": [] if self.per is Per.TRUE else [str(self.per)],
            "order": [str(self.order)] if self.order else [],
            "group": [] if self.group is None else [self.group],
            "open": list(self.opened),
            "only": list(self.only),
            "matrix": list(self.runs),
            "opens": [] if self.opens is Opens.IMAGES else [str(self.opens)],
        }
        return {name: values for name, values in parameters.items() if values}


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


@dataclass(frozen=True, slots=True)
class Flowing:
    """Images whose label went from one class to another; ``None`` is a label of no single class."""

    source: str | None
    target: str | None


@dataclass(frozen=True, slots=True)
class LabelsView:
    """What Labels shows: which labels it compares, in whose classes (None: by label), and a flow of images opened."""

    work: LabelWork = LabelWork.SETS
    before: str = "original"
    after: str = "standing"
    taxonomy: str | None = None
    flowing: Flowing | None = None

    def query(self) -> dict[str, list[str]]:
        """The parameters that `read_labels_view` reads back."""
        flowing = self.flowing
        return {
            "work": [str(self.work)],
            "before": [self.before],
            "after": [self.after],
            "taxonomy": [] if self.taxonomy is None else [self.taxonomy],
            "was": [] if flowing is None else [flowing.source or ""],
            "is": [] if flowing is None else [flowing.target or ""],
        }


def read_labels_view(query: Query) -> LabelsView:
    """What an address asks of Labels."""
    was, now = text(query, "was"), text(query, "is")
    return LabelsView(
        choice(query, "work", LabelWork, LabelWork.SETS),
        text(query, "before") or "original",
        text(query, "after") or "standing",
        text(query, "taxonomy"),
        None if was is None and now is None else Flowing(was or None, now or None),
    )


def read_shown(query: Query, default: Shown, splits: Container[Split] = JUDGED) -> Shown:
    """What an address asks for; what it leaves open is taken from ``default``. `LinkError` for unknown values.

    ``splits`` are those that the page can show: a list of any other has no predictions to show.
    """
    split = read_split(query, default.split)
    return replace(
        default,
        subjects=tuple(one for one in dict.fromkeys(query["of"]) if one) if "of" in query else default.subjects,
        space=choice(query, "space", Space, default.space),
        split=split if split is not None and split in splits else default.split,
        labels=choice(query, "labels", Labels, default.labels),
        where=read_where(query) or default.where,
    )


def read_where(query: Query) -> Where | None:
    """What an address restricts the images to, if anything."""
    written = text(query, "where")
    return None if written is None else where_of(written)


def where_of(written: str) -> Where:
    """A restriction from ``column:value`` as `Where.written` has it; `LinkError` for anything else."""
    match = re.fullmatch(r"((?:[^\\:]|\\.)+):(.*)", written, re.DOTALL)
    if match is None:
        raise LinkError(f"Cannot restrict to {written[:40]!r}; write a column of the manifest, a colon and a value.")
    return Where(re.sub(r"\\(.)", r"\1", match[1], flags=re.DOTALL), match[2])


def read_split(query: Query, default: Split | None) -> Split | None:
    """The split that an address asks for; ``all`` is every split."""
    if text(query, "split") in (None, "all"):
        return default if text(query, "split") is None else None
    return choice(query, "split", Split, Split.TEST)


def read_cell(query: Query) -> Cell | None:
    """The cell that an address names, if any."""
    subject, either = text(query, "cell"), text(query, "either")
    true, predicted = (several(query, name) for name in ("true", "predicted"))
    summing = choice(query, "summing", Becomes, Becomes.RIGHT) if "summing" in query else None
    moved = choice(query, "moved", Moved, Moved.RIGHT) if "moved" in query else None
    return Cell(subject, true, predicted, either, summing, moved) if subject else None


def read_matrix_view(query: Query) -> MatrixView:
    """How an address asks for the matrices of Compare."""
    return MatrixView(
        choice(query, "matrices", Matrices, Matrices.EACH),
        choice(query, "per", Per, Per.TRUE),
        choice(query, "order", ClassOrder, ClassOrder.TAXONOMY) if "order" in query else None,
        text(query, "group"),
        several(query, "open"),
        several(query, "only"),
        several(query, "matrix"),
        choice(query, "opens", Opens, Opens.IMAGES),
    )


def to_cell(shown: Shown, cell: Cell, view: MatrixView | None = None) -> dict[str, list[str]]:
    """The address of the images behind a cell of a comparison; ``view`` leads back to the same matrices."""
    return shown.query() | cell.query() | (view.query() if view else {})


def to_compare(shown: Shown, view: MatrixView) -> dict[str, list[str]]:
    """The address of a comparison and its matrices."""
    return shown.query() | view.query()


def images_url(shown: Shown, cell: Cell, view: MatrixView) -> str:
    """The page of the images behind a cell of a comparison."""
    return f"images?{urlencode(to_cell(shown, cell, view), doseq=True)}"


def read_away(query: Query) -> Away:
    """What an address wants painted out; `LinkError` for a box that is none, or more than `MAX_BOXES`."""
    boxes = tuple(dict.fromkeys(query.get("box", ())))
    if len(boxes) > MAX_BOXES:
        raise LinkError(f"The address draws {len(boxes)} boxes; at most {MAX_BOXES} are painted out at once.")
    return Away(tuple(dict.fromkeys(one for one in query.get("region", ()) if one)), tuple(map(_box, boxes)))


def images_words(split: Split, where: Where | None) -> str:
    """A split and what restricts it: "test split where machine = aurora"."""
    return f"{split} split{f' where {where.words}' if where else ''}"


def run_url(run_id: str) -> str:
    """The page of one run."""
    return f"run?{urlencode({'run': run_id})}"


def to_image(image_id: str, shown: Shown) -> dict[str, list[str]]:
    """The address of one image, inspected with the runs shown."""
    return {"image": [image_id]} | shown.query()


def one_line(value: str, most: int = 60) -> str:
    """The value as one printable line of at most ``most`` characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


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


def several(query: Query, name: str) -> tuple[str, ...]:
    """All values of a parameter, each once."""
    return tuple(dict.fromkeys(query.get(name, ())))


def whole(query: Query, name: str, default: int) -> int:
    """A whole number from 1; `LinkError` for anything else."""
    value = text(query, name)
    if value is None:
        return default
    if len(value) > 9 or not value.isascii() or not value.isdigit() or int(value) < 1:
        raise LinkError(f"The address asks for {name} = {value[:40]!r}; it must be a whole number from 1.")
    return int(value)


def among(query: Query, name: str, known: Mapping[str, T]) -> T:
    """The one of ``known`` that a parameter names, the first without one; `LinkError` lists their names."""
    value = text(query, name)
    if value is not None and value not in known:
        raise LinkError(f"The address asks for {name} = {value[:100]!r}; it can be {', '.join(known)}.")
    return next(iter(known.values())) if value is None else known[value]


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
