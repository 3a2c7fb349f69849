"""The rows that every import format is read as: file, labels from fine to coarse, patient, split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from shlex import quote

from model_zoo.core.errors import TaxoScopeError
from model_zoo.core.label_space.splits import Split
from model_zoo.images.formats import SUFFIXES
from model_zoo.workspace.manifest import COLUMNS

MAX_ROWS = 2_000_000
MAX_COLUMNS = 1_000
MAX_CELL = 10_000

SPLITS = {
    "train": Split.TRAIN,
    "training": Split.TRAIN,
    "val": Split.VALIDATION,
    "valid": Split.VALIDATION,
    "validation": Split.VALIDATION,
    "dev": Split.VALIDATION,
    "test": Split.TEST,
    "testing": Split.TEST,
    "none": Split.NONE,
    "": Split.NONE,
}
"""How a source may call its splits, in any case."""


class SourceError(TaxoScopeError):
    """Images and labels from elsewhere that cannot be brought in."""


class LabelCells(StrEnum):
    """What cells of labels are where that is not clear: names as they are written, or numbers, of which 1.0 is 1."""

    AS_WRITTEN = "as-written"
    NUMBERS = "numbers"


@dataclass(frozen=True, slots=True)
class Wording:
    """How a source writes what it says, where that is not recognised or not clear.

    ``encoding`` is that of its text ('' for the one that fits), ``splits`` are (name, split) beside `SPLITS`.
    ``class_names`` are (number, name) of labels that are numbers, ``missing`` texts that are no label. ``separator``
    stands between labels in one cell, of which the image has one. With ``one_hot`` columns of 0 and 1 are the classes.
    With ``opinions`` an image that is listed with several labels has one of them.
    """

    encoding: str = ""
    splits: tuple[tuple[str, Split], ...] = ()
    class_names: tuple[tuple[str, str], ...] = ()
    cells: LabelCells | None = None
    missing: tuple[str, ...] = ()
    separator: str = ""
    one_hot: bool = False
    opinions: bool = False

    @property
    def split_names(self) -> Mapping[str, Split]:
        """`SPLITS`, and what was given beside them."""
        return {**SPLITS, **{name.casefold(): split for name, split in self.splits}}


@dataclass(frozen=True, slots=True)
class Row:
    """One image as a source tells of it; ``where`` is its place there, in words.

    ``file`` is a path as written, below the source's ``base``. ``labels`` has one class per level, the finest first
    ('' is unknown in the finest, and outside in a coarser one), or one value per part ('' is unknown). ``others`` are
    finest classes that it may be instead. All but ``file`` are in the Unicode form NFC.
    """

    where: str
    file: str
    image_id: str
    labels: tuple[str, ...]
    patient_id: str = ""
    split: Split = Split.NONE
    columns: Mapping[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """The rows of a source, where its files lie, and how its levels of classes are called, the finest first.

    With ``in_parts`` the levels are parts of a label instead, none finer than another.
    ``told`` says in sentences what was taken for what; ``left_out`` names what holds no image that can be used.
    """

    layout: str
    base: Path
    levels: tuple[str, ...]
    rows: tuple[Row, ...]
    told: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    in_parts: bool = False

    def __post_init__(self) -> None:
        if not self.rows:
            raise SourceError(
                f"{self.base} holds no image that can be brought in ({self.layout}); expected a folder of "
                f"{', '.join(SUFFIXES)} files for each class, or a CSV or Parquet file with a line per image."
            )


def split_of(text: str, where: str, names: Mapping[str, Split] = SPLITS) -> Split:
    """The split that a source calls ``text``; `SourceError` says what it can be called, and how to name others."""
    try:
        return names[text.strip().casefold()]
    except KeyError:
        known = ", ".join(name for name in names if name)
        raise SourceError(
            f"{where}: no split {shown(text)}; it can be {known}, or empty: say what it is with --map-split, such as "
            f"--map-split {quote(f'{text}=train')}."
        ) from None


def parse_split_names(text: str) -> tuple[tuple[str, Split], ...]:
    """``trn=train,tst=test`` as (name, split); `SourceError` for anything else."""
    pairs = [one.partition("=") for one in text.split(",") if one.strip()]
    for name, sign, split in pairs:
        if not name.strip() or not sign or split.strip().casefold() not in SPLITS:
            raise SourceError(
                f"Cannot read splits {shown(text)}; write name=split, where a split is train, validation, test or "
                "none: --map-split trn=train,tst=test."
            )
    return tuple((name.strip(), SPLITS[split.strip().casefold()]) for name, _, split in pairs)


def free_columns(names: Sequence[str]) -> dict[str, str]:
    """Column -> its name in a manifest: its own, or one that says that it was given where that is taken."""
    taken, free = set(COLUMNS), dict[str, str]()
    for name in names:
        new = name
        while new in taken:
            new += "_given"
        taken.add(new)
        free[name] = new
    return free


def shown(text: str, at_most: int = 60) -> str:
    """``text`` in quotes for a sentence: cut, and what does not print written as an escape."""
    cut = text if len(text) <= at_most else text[: at_most - 1] + "…"
    return f"'{''.join(one if one.isprintable() else ascii(one)[1:-1] for one in cut)}'"


def counted(count: float, noun: str, plural: str = "", digits: int = 0) -> str:
    """``1 image``, ``1,447 images``, ``1.0 images``; ``plural`` where it is not the noun with an s."""
    written = f"{count:,.{digits}f}"
    return f"{written} {noun if written == '1' else plural or f'{noun}s'}"
