"""Numbers and names as the pages write them."""

import math
import re

from model_zoo.core.choices import Labels

LABELS = {Labels.ORIGINAL: "original labels", Labels.REVIEWED: "labels as reviewed"}

_MARKS = re.compile(r"([\\`*_{}\[\]()<>#+!|~$:&-])")


def plain(text: str) -> str:
    """``text`` as Markdown that reads as it is: names and addresses may hold links and pictures."""
    return _MARKS.sub(r"\\\1", text.replace("\n", " "))


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """``1 image``, ``1,447 images``."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def share_text(value: float, digits: int = 1) -> str:
    """A share in percent; undefined prints as a dash, never as 0."""
    return "–" if math.isnan(value) else f"{100 * value:.{digits}f} %"


def interval_text(low: float, high: float) -> str:
    """An interval of shares in percent."""
    return "–" if math.isnan(low) else f"{100 * low:.1f}–{100 * high:.1f} %"
