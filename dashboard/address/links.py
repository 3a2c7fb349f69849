"""Typed links: what a page shows, written to and read from its address. No Streamlit here."""

import math
import re
from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from dashboard.address.fields import Addressed, Query, choice, one_of, parameter, read_record, several, text, text_or
from dashboard.address.selection import ClassOrder, Labels, LabelWork, Matrices, Opens, Space
from model_zoo.core.errors import LinkError, RegionError
from model_zoo.core.evaluation.confusion import Per
from model_zoo.core.evaluation.probability_summing import SummingEffect
from model_zoo.core.explanation.regions import Box
from model_zoo.core.label_space.splits import Split
from model_zoo.core.review.label_change_effect import LabelChangeEffect

JUDGED = (Split.TEST, Split.VALIDATION)
"""The splits over which runs are judged."""

MAX_BOXES = 20
"""Boxes that one address may draw."""


@dataclass(frozen=True, slots=True)
class Filter:
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
    where: Filter | None = None

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
class Cell(Addressed):
    """Images of one subject by true and predicted class; a side may name several, and ``()`` leaves it open.

    ``either`` asks instead for the images that are of a class or called so: what its F1 rests on;
    ``summing`` for those that become right or wrong when probabilities are summed, ``moved`` for relabelled ones by
    what the new label makes of the answers.
    """

    subject: str = parameter("cell", "", text, always=True)
    true: tuple[str, ...] = parameter("true", (), several, list)
    predicted: tuple[str, ...] = parameter("predicted", (), several, list)
    either: str | None = parameter("either", None, text, lambda value: [value] if value else [])
    summing: SummingEffect | None = parameter("summing", None, one_of(SummingEffect))
    moved: LabelChangeEffect | None = parameter("moved", None, one_of(LabelChangeEffect))

    @property
    def named(self) -> bool:
        """Whether it asks for some of the subject's images only."""
        return bool(self.true or self.predicted or self.either is not None or self.summing or self.moved)


@dataclass(frozen=True, slots=True)
class MatrixView(Addressed):
    """How Compare shows its matrices; what the address leaves open is ``None`` and depends on their size.

    ``group`` names a grouping of the classes, ``opened`` its groups that are not collapsed, ``only`` the
    lines to show beside everything else, ``runs`` the runs whose own matrix stands for their series' mean,
    ``opens`` what a click on a cell opens.
    """

    matrices: Matrices = parameter("matrices", Matrices.EACH, one_of(Matrices))
    per: Per = parameter("per", Per.TRUE, one_of(Per))
    order: ClassOrder | None = parameter("order", None, one_of(ClassOrder))
    group: str | None = parameter("group", None, text)
    opened: tuple[str, ...] = parameter("open", (), several, list)
    only: tuple[str, ...] = parameter("only", (), several, list)
    runs: tuple[str, ...] = parameter("matrix", (), several, list)
    opens: Opens = parameter("opens", Opens.IMAGES, one_of(Opens))


@dataclass(frozen=True, slots=True)
class Occluded:
    """What is occluded in an image: its regions by name, and boxes drawn on it, in whole pixels."""

    regions: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()

    def query(self) -> dict[str, list[str]]:
        """The parameters that `read_occluded` reads back."""
        return {
            "region": list(self.regions),
            "box": [f"{box.x0:.0f},{box.y0:.0f},{box.x1:.0f},{box.y1:.0f}" for box in self.boxes],
        }


@dataclass(frozen=True, slots=True)
class OpenedFlow:
    """Images whose label went from one class to another; ``None`` is a label of no single class."""

    source: str | None
    target: str | None


@dataclass(frozen=True, slots=True)
class LabelsView(Addressed):
    """What Labels shows: which labels it compares, in whose classes (None: by label), and a flow of images opened."""

    work: LabelWork = parameter("work", LabelWork.SETS, one_of(LabelWork), always=True)
    before: str = parameter("before", "original", text_or, always=True)
    after: str = parameter("after", "standing", text_or, always=True)
    taxonomy: str | None = parameter("taxonomy", None, text)
    flowing: OpenedFlow | None = None

    def query(self) -> dict[str, list[str]]:
        """The parameters that `read_labels_view` reads back."""
        flowing = self.flowing
        sides = {} if flowing is None else {"was": [flowing.source or ""], "is": [flowing.target or ""]}
        return Addressed.query(self) | sides


def read_labels_view(query: Query) -> LabelsView:
    """What an address asks of Labels."""
    was, now = text(query, "was"), text(query, "is")
    flowing = None if was is None and now is None else OpenedFlow(was or None, now or None)
    return replace(read_record(LabelsView, query), flowing=flowing)


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
        where=read_filter(query) or default.where,
    )


def read_filter(query: Query) -> Filter | None:
    """What an address restricts the images to, if anything."""
    written = text(query, "where")
    return None if written is None else filter_of(written)


def filter_of(written: str) -> Filter:
    """A restriction from ``column:value`` as `Where.written` has it; `LinkError` for anything else."""
    match = re.fullmatch(r"((?:[^\\:]|\\.)+):(.*)", written, re.DOTALL)
    if match is None:
        raise LinkError(f"Cannot restrict to {written[:40]!r}; write a column of the manifest, a colon and a value.")
    return Filter(re.sub(r"\\(.)", r"\1", match[1], flags=re.DOTALL), match[2])


def read_split(query: Query, default: Split | None) -> Split | None:
    """The split that an address asks for; ``all`` is every split."""
    if text(query, "split") in (None, "all"):
        return default if text(query, "split") is None else None
    return choice(query, "split", Split, Split.TEST)


def read_cell(query: Query) -> Cell | None:
    """The cell that an address names, if any."""
    cell = read_record(Cell, query)
    return cell if cell.subject else None


def read_matrix_view(query: Query) -> MatrixView:
    """How an address asks for the matrices of Compare."""
    return read_record(MatrixView, query)


def to_cell(shown: Shown, cell: Cell, view: MatrixView | None = None) -> dict[str, list[str]]:
    """The address of the images behind a cell of a comparison; ``view`` leads back to the same matrices."""
    return shown.query() | cell.query() | (view.query() if view else {})


def to_compare(shown: Shown, view: MatrixView) -> dict[str, list[str]]:
    """The address of a comparison and its matrices."""
    return shown.query() | view.query()


def images_url(shown: Shown, cell: Cell, view: MatrixView) -> str:
    """The page of the images behind a cell of a comparison."""
    return page_url("images", to_cell(shown, cell, view))


def read_occluded(query: Query) -> Occluded:
    """What an address wants occluded; `LinkError` for a box that is none, or more than `MAX_BOXES`."""
    boxes = tuple(dict.fromkeys(query.get("box", ())))
    if len(boxes) > MAX_BOXES:
        raise LinkError(f"The address draws {len(boxes)} boxes; at most {MAX_BOXES} are painted out at once.")
    return Occluded(tuple(dict.fromkeys(one for one in query.get("region", ()) if one)), tuple(map(_box, boxes)))


def images_words(split: Split, where: Filter | None) -> str:
    """A split and what restricts it: "test split where machine = aurora"."""
    return f"{split} split{f' where {where.words}' if where else ''}"


def page_url(page: str, query: Query) -> str:
    """A page with the parameters of its address."""
    return f"{page}?{urlencode(query, doseq=True)}"


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


def painted_url(image_id: str, away: Occluded) -> str:
    """Where a browser finds an image with regions occluded."""
    return f"/painted/{quote(image_id, safe='')}?{urlencode(away.query(), doseq=True)}"


def _box(written: str) -> Box:
    edges = written.split(",")
    if len(edges) == 4 and all(len(edge) <= 6 and edge.isascii() and edge.isdigit() for edge in edges):
        with suppress(RegionError):
            return Box(*(float(edge) for edge in edges))
    raise LinkError(
        f"The address draws box = {written[:40]!r}; it must be left,top,right,bottom in whole pixels, left < right."
    )
