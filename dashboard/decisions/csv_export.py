"""Decisions as CSV, safe to open in a spreadsheet."""

import csv
import io
import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime

from dashboard.decisions.consensus import in_force
from dashboard.decisions.decision import Decision

COLUMNS = (
    "decision_id",
    "time",
    "reviewer",
    "image_id",
    "answer",
    "from",
    "to",
    "note",
    "reason",
    "undone",
    "undoes",
    "runs",
    "maps_shown",
    "blind",
    "chosen_by",
    "adjudicates",
    "taxonomy",
    "batch",
    "client_id",
    "seq",
)

_FIELDS = {"from": "before", "to": "after"}
"""Columns whose field of `Decision` has another name."""

# Spreadsheets take these for the start of a formula, some the full-width forms too (OWASP, CSV injection).
_RUNS = r"=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20"
_WOULD_RUN = re.compile(f"'*[{_RUNS}]")
_GUARDED = re.compile(f"'+[{_RUNS}]")


def decisions_csv(decisions: Iterable[Decision]) -> str:
    """All decisions, oldest first, as comma-separated text with a header (`COLUMNS`).

    Times are ISO 8601 in UTC; ``undone``, ``maps_shown``, ``blind`` and ``adjudicates`` are yes or no; ``runs`` is
    a JSON list; an undo's ``undoes`` is the id of what it undoes, empty elsewhere. No cell can run
    as a spreadsheet formula: one that starts with ``= + - @``, tab, CR or LF (or any apostrophes
    before one of these) gets an apostrophe in front, which `plain_cell` takes away; every other
    cell stands as it is. `DecisionError` when a decision is not stored yet.
    """
    history = tuple(decisions)
    kept = {decision.decision_id for decision in in_force(history)}
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    for decision in sorted(history, key=lambda decision: decision.decision_id or 0):
        row = asdict(decision) | {"undone": decision.decision_id not in kept}
        writer.writerow({name: safe_cell(_cell(row[_FIELDS.get(name, name)])) for name in COLUMNS})
    return text.getvalue()


def safe_cell(cell: str) -> str:
    """``cell``, with an apostrophe in front if a spreadsheet could run it."""
    return f"'{cell}" if _WOULD_RUN.match(cell) else cell


def plain_cell(cell: str) -> str:
    """The cell that `safe_cell` was given; `csv.reader` removes the quotes first."""
    return cell[1:] if _GUARDED.match(cell) else cell


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.isoformat()
        case tuple():
            return json.dumps(value, ensure_ascii=False)
    return str(value)
