"""The decision log as one write transaction sees it."""

from dataclasses import replace

import sqlalchemy as sa

from dashboard.reviews.decisions import Decision, DecisionError
from dashboard.store.schema import decisions, from_row, to_row


class DecisionLog:
    """Reads and appends inside one write transaction; nothing is stored before that commits."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def append(self, decision: Decision) -> Decision:
        """The decision as stored, with its id; one sent before is found again and not stored twice.

        `DecisionError` when its ``(client_id, seq)`` already holds something else, or when it
        undoes a decision that is not there or is about another image.
        """
        if sent_before := self.sent(decision.client_id, decision.seq):
            if decision.repeats(sent_before):
                return sent_before
            raise DecisionError(
                f"Decision {decision.seq} of this browser session is stored already: "
                f"{sent_before.answer.words!r} about image {sent_before.image_id!r}; reload the page."
            )
        if decision.decision_id is not None:
            raise DecisionError(f"Decision {decision.decision_id} carries an id already; ids are given on storing.")
        if decision.undoes is not None:
            self._check_undone(decision, decision.undoes)
        insert = decisions.insert().values(to_row(decision)).returning(decisions.c.decision_id)
        return replace(decision, decision_id=self._connection.execute(insert).scalar_one())

    def sent(self, client_id: str, seq: int) -> Decision | None:
        """The decision that this browser session stored under this number."""
        return self._first(decisions.c.client_id == client_id, decisions.c.seq == seq)

    def get(self, decision_id: int) -> Decision | None:
        """The decision with this id."""
        return self._first(decisions.c.decision_id == decision_id)

    def about(self, image_id: str) -> tuple[Decision, ...]:
        """Every decision about one image, oldest first."""
        query = decisions.select().where(decisions.c.image_id == image_id).order_by(decisions.c.decision_id)
        return tuple(from_row(row) for row in self._connection.execute(query))

    def _check_undone(self, undo: Decision, undone_id: int) -> None:
        undone = self.get(undone_id)
        if undone is None:
            raise DecisionError(f"There is no decision {undone_id} to undo; reload the page.")
        if undone.image_id != undo.image_id:
            raise DecisionError(
                f"Decision {undone_id} is about image {undone.image_id!r}, not {undo.image_id!r}; reload the page."
            )

    def _first(self, *conditions: sa.ColumnElement[bool]) -> Decision | None:
        row = self._connection.execute(decisions.select().where(*conditions)).first()
        return from_row(row) if row else None
