"""Numbers and names as the pages write them."""

import math
import re
from collections.abc import Sequence

from model_zoo.core.choices import Labels

LABELS = {Labels.ORIGINAL: "original labels", Labels.REVIEWED: "labels as reviewed"}

_MARKS = re.compile(r"([\\`*_{}\[\]()<>#+!|~$:&-])")


def plain(text: str) -> str:
    """``text`` as Markdown that reads as it is: names and addresses may hold links and pictures."""
    return _MARKS.sub(r"\\\1", text.replace("\n", " "))


def counted(count: int, noun: str) -> str:
    """``1 image``, ``1,447 images``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def share_text(value: float, digits: int = 1) -> str:
    """A share in percent; undefined prints as a dash, never as 0."""
    return "–" if math.isnan(value) else f"{100 * value:.{digits}f} %"


def interval_text(low: float, high: float) -> str:
    """An interval of shares in percent."""
    return "–" if math.isnan(low) else f"{100 * low:.1f}–{100 * high:.1f} %"


def signed(value: float, digits: int = 1) -> str:
    """``+12.3``, ``−0.4``, ``0``; undefined prints as a dash."""
    if math.isnan(value):
        return "–"
    return "0" if value == 0 else f"{value:+.{digits}f}".replace("-", "−")


def one_of(names: Sequence[str], last: str = "or", at_most: int = 4) -> str:
    """``a``, ``a or b``, ``a, b, c and 280 more``; ``last`` joins the last of a complete list."""
    if len(names) > at_most:
        return f"{', '.join(names[: at_most - 1])} and {len(names) - at_most + 1} more"
    return f" {last} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
