"""The decision log as one write transaction sees it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from dashboard.reviews.decisions import Decision, DecisionError
from dashboard.store.schema import decisions, from_row, to_row

_PART = 500  # parameters of one statement; SQLite takes at least 999
_SQLITE = sqlite.dialect()
_COLUMNS = [column for column in decisions.columns if column.name != "decision_id"]
_BINDERS = [column.type.dialect_impl(_SQLITE).bind_processor(_SQLITE) for column in _COLUMNS]
_INSERT = (
    f"INSERT INTO decisions (decision_id, {', '.join(column.name for column in _COLUMNS)}) "
    f"VALUES ({', '.join('?' * (1 + len(_COLUMNS)))})"
)


def as_stored(new: Sequence[Decision]) -> list[tuple[object, ...]]:
    """What the database holds of each decision, but for its id: the slow half of storing many, done before locking."""
    for decision in new:
        _check_new(decision)
    rows = [to_row(decision).values() for decision in new]
    return [tuple(bind(cell) if bind else cell for bind, cell in zip(_BINDERS, row, strict=True)) for row in rows]


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
        _check_new(decision)
        if decision.undoes is not None:
            _check_undone(decision, self.get(decision.undoes))
        insert = decisions.insert().values(to_row(decision)).returning(decisions.c.decision_id)
        return replace(decision, decision_id=self._connection.execute(insert).scalar_one())

    def append_all(self, rows: Sequence[tuple[object, ...]]) -> range:
        """Store many decisions never sent before, as `as_stored` wrote them, in one statement; their ids, in order.

        `DecisionError` where one undoes a decision about another image; `WorkspaceError` where it undoes none that
        is there, or its ``(client_id, seq)`` was sent before.
        """
        first = self.last_id() + 1  # ids are without gaps: nothing is deleted, and no other writer comes between
        ids = range(first, first + len(rows))
        if rows:
            self._connection.exec_driver_sql(_INSERT, [(given, *row) for given, row in zip(ids, rows, strict=True)])
        undone = decisions.alias()
        others = sa.select(decisions).join(undone, undone.c.decision_id == decisions.c.undoes)
        others = others.where(decisions.c.decision_id >= first, decisions.c.image_id != undone.c.image_id)
        if (row := self._connection.execute(others).first()) and (undo := from_row(row)).undoes:
            _check_undone(undo, self.get(undo.undoes))
        return ids

    def last_id(self) -> int:
        """The id of the youngest decision, 0 when there is none."""
        return self._connection.execute(sa.select(sa.func.max(decisions.c.decision_id))).scalar_one() or 0

    def since(self, decision_id: int) -> tuple[Decision, ...]:
        """The decisions stored after ``decision_id``, oldest first."""
        query = decisions.select().where(decisions.c.decision_id > decision_id).order_by(decisions.c.decision_id)
        return tuple(from_row(row) for row in self._connection.execute(query))

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

    def about_each(self, image_ids: Iterable[str]) -> dict[str, list[Decision]]:
        """Every decision about each image, oldest first; an empty list where there is none."""
        found: dict[str, list[Decision]] = {image_id: [] for image_id in image_ids}
        for decision in self._each(decisions.c.image_id, list(found)):
            found[decision.image_id].append(decision)
        return found

    def of_batch(self, batch: str) -> tuple[Decision, ...]:
        """The decisions of one batch, oldest first."""
        query = decisions.select().where(decisions.c.batch == batch, decisions.c.batch != "")
        return tuple(from_row(row) for row in self._connection.execute(query.order_by(decisions.c.decision_id)))

    def _each(self, column: sa.ColumnElement[Any], values: Sequence[object]) -> Iterator[Decision]:
        """The decisions whose ``column`` is one of ``values``; of each value, oldest first."""
        for start in range(0, len(values), _PART):
            query = decisions.select().where(column.in_(values[start : start + _PART]))
            for row in self._connection.execute(query.order_by(decisions.c.decision_id)):
                yield from_row(row)

    def _first(self, *conditions: sa.ColumnElement[bool]) -> Decision | None:
        row = self._connection.execute(decisions.select().where(*conditions)).first()
        return from_row(row) if row else None


def _check_new(decision: Decision) -> None:
    if decision.decision_id is not None:
        raise DecisionError(f"Decision {decision.decision_id} carries an id already; ids are given on storing.")


def _check_undone(undo: Decision, undone: Decision | None) -> None:
    if undone is None:
        raise DecisionError(f"There is no decision {undo.undoes} to undo; reload the page.")
    if undone.image_id != undo.image_id:
        raise DecisionError(
            f"Decision {undo.undoes} is about image {undone.image_id!r}, not {undo.image_id!r}; reload the page."
        )
