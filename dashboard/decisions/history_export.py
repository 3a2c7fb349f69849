"""The decision history as CSV, JSON Lines and Parquet."""

import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dashboard.decisions.consensus import in_force
from dashboard.decisions.csv_export import decisions_csv
from dashboard.decisions.decision import Decision, DecisionError
from dashboard.decisions.label_format import LabelFormat

UNDONE = "undone"
_TYPES: Mapping[object, pa.DataType] = {
    int: pa.int64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("us", tz="UTC"),
    tuple[str, ...]: pa.list_(pa.string()),
    int | None: pa.int64(),
}
_COLUMNS = {one.name: _TYPES.get(one.type, pa.string()) for one in fields(Decision)} | {UNDONE: pa.bool_()}


def decisions_jsonl(decisions: Iterable[Decision]) -> str:
    """One JSON object a line, oldest first, with every field of `Decision`; times are ISO 8601 in UTC.

    ``undone`` says which decisions an undo in force has taken back. `DecisionError` if one is not stored yet.
    """
    rows = ({**row, "time": row["time"].isoformat()} for row in _rows(decisions))
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def decisions_parquet(decisions: Iterable[Decision]) -> bytes:
    """The same as a typed table."""
    rows = list(_rows(decisions))
    table = pa.table({name: pa.array([row[name] for row in rows], kind) for name, kind in _COLUMNS.items()})
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()


HISTORY_FORMATS: Mapping[LabelFormat, Callable[[Iterable[Decision]], str | bytes]] = {
    LabelFormat.CSV: decisions_csv,
    LabelFormat.JSON_LINES: decisions_jsonl,
    LabelFormat.PARQUET: decisions_parquet,
}
"""As what kind of file the history leaves TaxoScope."""


def write_history(decisions: Iterable[Decision], form: LabelFormat) -> bytes:
    """All of ``decisions`` as a file; `DecisionError` for a kind of file that holds labels alone."""
    if form not in HISTORY_FORMATS:
        raise DecisionError(f"A history cannot be written as {form}; it can be {', '.join(HISTORY_FORMATS)}.")
    written = HISTORY_FORMATS[form](decisions)
    return written.encode() if isinstance(written, str) else written


def _rows(decisions: Iterable[Decision]) -> Iterable[dict[str, Any]]:
    history = sorted(decisions, key=lambda decision: decision.decision_id or 0)
    kept = {decision.decision_id for decision in in_force(history)}
    for one in history:
        values = asdict(one)
        answer, runs = one.answer.value, list(one.runs)
        yield values | {"answer": answer, "runs": runs, UNDONE: one.decision_id not in kept}
