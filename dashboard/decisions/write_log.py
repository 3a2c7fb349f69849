"""The decision log inside one write transaction."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import sqlalchemy as sa

from dashboard.decisions.decision import Answer, Decision, DecisionError
from dashboard.decisions.rows import SELECT, BadRow, read_row, row_hash
from dashboard.decisions.schema import COLUMNS

_PART = 500  # parameters of one statement; SQLite takes at least 999
_INSERT = f"INSERT INTO decisions ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_INSERT_HASH = "INSERT INTO decision_hashes (decision_id, sha256, at_first_open) VALUES (?, ?, ?)"
_LAST = (
    "SELECT max(coalesce((SELECT max(decision_id) FROM decisions), 0),"
    " coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = 'decisions'), 0))"
)


def as_stored(new: Sequence[Decision]) -> list[tuple[object, ...]]:
    """What the database holds of each decision, but for its id: the slow half of storing many, done before locking."""
    for decision in new:
        _check_new(decision)
    return [tuple(_cell(getattr(decision, name)) for name in COLUMNS[1:]) for decision in new]


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
        (given,) = self._insert(as_stored([decision]))
        return replace(decision, decision_id=given)

    def append_all(self, rows: Sequence[tuple[object, ...]]) -> range:
        """Store many decisions never sent before, as `as_stored` wrote them, in one statement; their ids, in order.

        `DecisionError` where one undoes a decision about another image; `WorkspaceError` where it undoes none that
        is there, or its ``(client_id, seq)`` was sent before.
        """
        ids = self._insert(rows)
        others = (
            "JOIN decisions AS undone ON undone.decision_id = d.undoes "
            "WHERE d.decision_id >= ? AND d.image_id != undone.image_id LIMIT 1"
        )
        for undo in self._select(others, ids.start):
            _check_undone(undo, self.get(undo.undoes or 0))
        return ids

    def _insert(self, rows: Sequence[tuple[object, ...]]) -> range:
        first = self.last_id() + 1  # ids are without gaps: nothing is deleted, and no other writer comes between
        ids = range(first, first + len(rows))
        if rows:
            whole = [(given, *row) for given, row in zip(ids, rows, strict=True)]
            self._connection.exec_driver_sql(_INSERT, whole)
            self.add_hashes(whole)
        return ids

    def add_hashes(self, rows: Sequence[tuple[object, ...]], at_first_open: bool = False) -> None:
        """Store the hash of each row, given as SQLite returns it, the id first."""
        hashes = [(row[0], row_hash(row, at_first_open), int(at_first_open)) for row in rows]
        if hashes:  # SQLite takes no empty list
            self._connection.exec_driver_sql(_INSERT_HASH, hashes)

    def last_id(self) -> int:
        """The id of the youngest decision that was ever stored, 0 when there is none."""
        return int(self._connection.exec_driver_sql(_LAST).scalar_one())

    def since(self, decision_id: int) -> tuple[Decision, ...]:
        """The decisions stored after ``decision_id``, oldest first."""
        return tuple(self._select("WHERE d.decision_id > ? ORDER BY d.decision_id", decision_id))

    def sent(self, client_id: str, seq: int) -> Decision | None:
        """The decision that this browser session stored under this number; `DecisionError` if its row is damaged."""
        row = self._connection.exec_driver_sql(f"{SELECT} WHERE client_id = ? AND seq = ?", (client_id, seq)).first()
        found = None if row is None else read_row(row)
        if isinstance(found, BadRow):
            raise DecisionError(f"Decision {seq} of this browser session is stored already. {found.sentence}")
        return found

    def get(self, decision_id: int) -> Decision | None:
        """The decision with this id."""
        return next(self._select("WHERE d.decision_id = ?", decision_id), None)

    def about(self, image_id: str) -> tuple[Decision, ...]:
        """Every decision about one image, oldest first."""
        return tuple(self._select("WHERE image_id = ? ORDER BY d.decision_id", image_id))

    def about_each(self, image_ids: Iterable[str]) -> dict[str, list[Decision]]:
        """Every decision about each image, oldest first; an empty list where there is none."""
        found: dict[str, list[Decision]] = {image_id: [] for image_id in image_ids}
        asked = list(found)
        for start in range(0, len(asked), _PART):
            part = asked[start : start + _PART]
            condition = f"WHERE image_id IN ({', '.join('?' * len(part))}) ORDER BY d.decision_id"
            for decision in self._select(condition, *part):
                found[decision.image_id].append(decision)
        return found

    def of_batch(self, batch: str) -> tuple[Decision, ...]:
        """The decisions of one batch, oldest first."""
        return tuple(self._select("WHERE batch = ? AND batch != '' ORDER BY d.decision_id", batch))

    def _select(self, condition: str, *values: object) -> Iterator[Decision]:
        """The decisions in the rows that fulfil ``condition``; rows that hold none are left out."""
        for row in self._connection.exec_driver_sql(f"{SELECT} {condition}", values).all():
            if isinstance(found := read_row(row), Decision):
                yield found


def _cell(value: object) -> object:
    match value:
        case datetime():
            return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
        case tuple():
            return json.dumps(value)
        case Answer():
            return value.value
        case bool():
            return int(value)
    return value


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
