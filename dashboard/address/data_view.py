"""What Data shows, written to and read from its address. No Streamlit here."""

from dataclasses import dataclass
from enum import StrEnum

from dashboard.address.fields import Query, choice, text
from dashboard.address.selection import Labels
from model_zoo.core.errors import LinkError


class CountedBy(StrEnum):
    """What the images of a data set are counted by."""

    CLASS = "class"
    LABEL = "label"
    PATIENT = "patient"
    COLUMN = "column"


class Finding(StrEnum):
    """What can be wrong with image files."""

    MISSING = "missing"
    UNREADABLE = "unreadable"
    ACROSS_SPLITS = "across-splits"
    ACROSS_LABELS = "across-labels"
    EQUAL = "equal"
    BLANK = "blank"
    TINY = "tiny"
    HUGE = "huge"


@dataclass(frozen=True, slots=True)
class DataView:
    """What images are counted by (``name``: of the taxonomy, or the column), by which labels, and which files are
    shown."""

    by: CountedBy
    name: str | None = None
    labels: Labels = Labels.ORIGINAL
    found: Finding | None = None

    @property
    def written(self) -> str:
        """``class:fine``, ``label``, ``column:machine``."""
        return f"{self.by}:{self.name}" if self.name else str(self.by)


def read_data_view(query: Query, default: DataView) -> DataView:
    """What an address asks of Data; `LinkError` for what cannot be counted by."""
    by, name = default.by, default.name
    if (written := text(query, "by")) is not None:
        kind, _, rest = written.partition(":")
        needs_name = kind in (CountedBy.CLASS, CountedBy.COLUMN)
        if kind not in tuple(CountedBy) or bool(rest) is not needs_name:
            raise LinkError(
                f"The address counts by {written[:60]!r}; it can be class:TAXONOMY, label, patient, column:NAME."
            )
        by, name = CountedBy(kind), rest or None
    found = choice(query, "found", Finding, Finding.MISSING) if "found" in query else None
    return DataView(by, name, choice(query, "labels", Labels, Labels.ORIGINAL), found)
