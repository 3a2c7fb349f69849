"""Rows of the decision table, each checked against its hash."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from dashboard.decisions.decision import Answer, Decision, Reason
from dashboard.decisions.schema import COLUMNS
from model_zoo.core.errors import TaxoScopeError

SELECT = (
    f"SELECT {', '.join(f'd.{name}' for name in COLUMNS)}, h.sha256, h.at_first_open "
    "FROM decisions AS d LEFT JOIN decision_hashes AS h ON h.decision_id = d.decision_id"
)
"""Rows as `read_row` wants them; a condition and an order may follow."""

_ANSWER, _REASON = COLUMNS.index("answer"), COLUMNS.index("reason")
_WORD = re.compile(r"[a-z][a-z_]*")


class Fault(StrEnum):
    """Why a row is no decision that this program can use."""

    DAMAGED = "damaged"
    MISSING = "missing"
    NEWER = "written by a newer version"


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is left out of the history, and why; ``decision_id`` is the first of those missing in a row."""

    decision_id: int
    fault: Fault
    why: str

    @property
    def sentence(self) -> str:
        """What is wrong, and what to do."""
        if self.fault is Fault.NEWER:
            return (
                f"Decision {self.decision_id} was written by a newer version of TaxoScope: {self.why}. "
                "It is left out here and kept; update TaxoScope to use it."
            )
        left_out = " and is left out" if self.fault is Fault.DAMAGED else ""
        return f"Decision {self.decision_id} is {self.fault}{left_out}: {self.why}."


def row_hash(cells: Sequence[object], at_first_open: bool) -> str:
    """SHA-256 of the cells of one row (`COLUMNS`, as SQLite returns them), in hexadecimal.

    ``at_first_open`` marks a row that is older than hashes: what it was before it got one, nobody can tell.
    """
    # `ascii` writes text, whole numbers, floats, bytes and None each in a way of its own, and escapes the rest.
    return hashlib.sha256(ascii((*cells, int(at_first_open))).encode()).hexdigest()


def read_row(row: Sequence[Any]) -> Decision | BadRow:
    """The decision in a row of `SELECT`, or what is wrong with the row."""
    cells, sha256, at_first_open = tuple(row[:-2]), row[-2], row[-1]
    holds = sha256 is not None and sha256 == row_hash(cells, at_first_open == 1)
    if sha256 is not None and not holds:
        return BadRow(cells[0], Fault.DAMAGED, "it does not match its hash")
    try:
        found = _decision(cells)
    except (TaxoScopeError, ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        return _unreadable(cells, error, vouched=holds and at_first_open == 0)
    return found if holds else BadRow(cells[0], Fault.DAMAGED, "it has no hash")


def _decision(cells: Sequence[Any]) -> Decision:
    values = dict(zip(COLUMNS, cells, strict=True))
    for name in ("maps_shown", "blind", "adjudicates"):
        if values[name] not in (0, 1):
            raise ValueError(f"{name} is {values[name]!r}")
        values[name] = bool(values[name])
    runs = json.loads(values["runs"])
    if not isinstance(runs, list):
        raise TypeError("its runs are no list")
    time = datetime.fromisoformat(values["time"])
    if time.tzinfo is not None:
        raise ValueError("its time has a zone")
    changed = {"answer": Answer(values["answer"]), "runs": tuple(runs), "time": time.replace(tzinfo=UTC)}
    return Decision(**values | changed)


def _unreadable(cells: Sequence[Any], error: Exception, vouched: bool) -> BadRow:
    """``vouched``: this is what was written, for it got its hash at once; so it is not the disk that changed it."""
    answer, reason = cells[_ANSWER], cells[_REASON]
    for name, value, known in (("answer", answer, list(Answer)), ("reason", reason, ["", *Reason])):
        if isinstance(value, str) and value not in known and (vouched or _WORD.fullmatch(value)):
            return BadRow(cells[0], Fault.NEWER, f"its {name} {value[:50]!r} is not known to this version")
    why = f"it cannot be read ({str(error)[:200]})"
    return BadRow(cells[0], Fault.NEWER if vouched else Fault.DAMAGED, why)
