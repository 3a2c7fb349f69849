"""Small decisions for the stories in these tests."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from dashboard.decisions.decision import Answer, Decision

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def decision(decision_id: int | None = None, answer: Answer = Answer.RELABEL, **changes: Any) -> Decision:
    """Ann finds that image i1 is no "a" but a "b"; ``changes`` tell another story."""
    plain: dict[str, Any] = {
        "image_id": "i1",
        "reviewer": "Ann",
        "time": NOON,
        "answer": answer,
        "before": "a",
        "after": "b" if answer is Answer.RELABEL else "a",
        "client_id": "browser-1",
        "seq": 1 if decision_id is None else decision_id,
    }
    return Decision(**plain | changes, decision_id=decision_id)


def undo(decision_id: int, undoes: int, **changes: Any) -> Decision:
    """An undo of the decision ``undoes``."""
    return decision(decision_id, Answer.UNDO, undoes=undoes, **changes)


def unstored(stored: Decision) -> Decision:
    """The same decision as it was before it had an id."""
    return replace(stored, decision_id=None)
