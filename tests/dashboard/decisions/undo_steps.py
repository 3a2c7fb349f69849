"""What undo and redo take back in a reviewer's browser, from the history alone."""

from collections.abc import Iterable, Sequence

from dashboard.decisions.consensus import in_force
from dashboard.decisions.decision import Answer, Decision
from dashboard.decisions.history import in_order


def undoable(decisions: Iterable[Decision], reviewer: str) -> tuple[Decision, ...]:
    """What *undo* takes back: the reviewer's most recent decision in force that is no undo, with its whole batch.

    Oldest first; empty where there is nothing to undo.
    """
    still = in_force(decisions)
    return _with_batch(next((one for one in reversed(still) if _answers(one, reviewer)), None), still)


def redoable(decisions: Iterable[Decision], reviewer: str) -> tuple[Decision, ...]:
    """The undo that *redo* takes back, with its whole batch: the reviewer's latest, unless they decided anew since."""
    ordered = in_order(decisions)
    answer_of = {decision.decision_id: decision.answer for decision in ordered}
    in_force_now = in_force(ordered)
    still = {decision.decision_id for decision in in_force_now}
    for decision in reversed(ordered):
        if _answers(decision, reviewer):
            return ()
        is_undo = decision.answer is Answer.UNDO and answer_of.get(decision.undoes) is not Answer.UNDO
        if is_undo and decision.reviewer == reviewer and decision.decision_id in still:
            return _with_batch(decision, in_force_now)
    return ()


def _with_batch(decision: Decision | None, still: Sequence[Decision]) -> tuple[Decision, ...]:
    if decision is None or not decision.batch:
        return () if decision is None else (decision,)
    return tuple(one for one in still if one.batch == decision.batch)


def _answers(decision: Decision, reviewer: str) -> bool:
    return decision.reviewer == reviewer and decision.answer is not Answer.UNDO
