"""The decision store: one SQLite file, appended to by many threads and processes at once."""

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dashboard.reviews.decisions import Decision
from dashboard.reviews.history import History
from dashboard.store.log import DecisionLog
from dashboard.store.schema import decisions, from_row, prepare
from model_zoo.core.errors import WorkspaceError

BUSY_TIMEOUT_S = 10.0
"""How long a write waits for another process to finish its own, in seconds."""

_REMEDY = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space, and the decision will be sent again",
    sqlite3.SQLITE_BUSY: "another program keeps it locked; close that program and try again",
    sqlite3.SQLITE_LOCKED: "another program keeps it locked; close that program and try again",
    sqlite3.SQLITE_READONLY: "it may only be read; allow writing to the file and its folder",
    sqlite3.SQLITE_PERM: "it may not be opened; allow reading and writing the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check that its folder exists and may be written to",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write; check the disk",
    sqlite3.SQLITE_NOTADB: "it is no database; move it away, or restore it from a copy",
    sqlite3.SQLITE_CORRUPT: "it is damaged; restore it from a copy",
}


class DecisionStore:
    """The decisions of one workspace, in one append-only table of one SQLite file.

    A decision is committed to disk (WAL, synchronous=FULL) when `append` or `writing` returns.
    Safe to share between threads; any number of processes may open the same file. Every
    method raises `WorkspaceError` when the file is locked, read-only, damaged, or the disk full.
    """

    def __init__(self, path: Path, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        """Open ``path``, creating the file and its folder if there is none.

        `WorkspaceError` when it is no database, another program's, or of a newer version.
        """
        self.path = path.resolve()
        self._busy_timeout_s = busy_timeout_s
        # SQLite wakes waiting writers by polling; threads queue here instead, which is fair and quick.
        self._lock = threading.Lock()
        self._known = History()  # what was read never changes: the table is append-only
        self._known_lock = threading.Lock()
        self._reader = sa.create_engine(sa.URL.create("sqlite", database=str(self.path)))
        self._writer = self._reader.execution_options(writes=True)
        sa.event.listen(self._reader, "connect", self._on_connect)
        sa.event.listen(self._reader, "begin", _on_begin)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WorkspaceError(f"The folder {self.path.parent} cannot be made: {error.strerror}.") from error
        with self._write() as connection:
            prepare(connection, self.path)

    def append(self, sent: Sequence[Decision]) -> tuple[Decision, ...]:
        """Store all of them in one transaction, or none; return them with ids, after the commit.

        A decision whose ``(client_id, seq)`` is stored already is returned as it was stored the
        first time; `DecisionError` if that said something else.
        """
        with self.writing() as log:
            return tuple(log.append(decision) for decision in sent)

    @contextmanager
    def writing(self) -> Iterator[DecisionLog]:
        """One write transaction: no other writer comes between what it reads and what it appends.

        Committed on leaving; nothing is stored when the block raises. Keep it short.
        """
        with self._write() as connection:
            yield DecisionLog(connection)

    def all(self) -> History:
        """Every decision, in order of ``decision_id``; only those not read before are fetched."""
        with self._known_lock:
            last_id = self._known[-1].decision_id if self._known else 0
            self._known = self._known.extended(self.since(last_id or 0))
            return self._known

    def since(self, decision_id: int) -> tuple[Decision, ...]:
        """The decisions stored after ``decision_id``, in order; none is ever skipped, ids follow commits."""
        query = decisions.select().where(decisions.c.decision_id > decision_id).order_by(decisions.c.decision_id)
        with self._read() as connection:
            return tuple(from_row(row) for row in connection.execute(query))

    def revision(self) -> int:
        """A number that rises with each decision, whichever process stored it; 0 when there is none."""
        return self._highest(sa.func.max(decisions.c.decision_id), none=0)

    def acknowledged(self, client_id: str) -> int:
        """The highest ``seq`` stored of one browser session, -1 for none; refused ones leave gaps."""
        highest = sa.select(sa.func.max(decisions.c.seq)).where(decisions.c.client_id == client_id)
        return self._highest(highest.scalar_subquery(), none=-1)

    def stored(self, client_id: str, since: int) -> tuple[int, ...]:
        """Every ``seq`` from ``since`` on that is stored of one browser session, in order."""
        query = sa.select(decisions.c.seq).where(decisions.c.client_id == client_id, decisions.c.seq >= since)
        with self._read() as connection:
            return tuple(connection.execute(query.order_by(decisions.c.seq)).scalars())

    def close(self) -> None:
        """Close all connections; the store reopens them when used again."""
        self._reader.dispose()

    def _highest(self, column: sa.ColumnElement[int], none: int) -> int:
        with self._read() as connection:
            highest = connection.execute(sa.select(column)).scalar_one()
        return none if highest is None else int(highest)

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        with self._one_sentence(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        if not self._lock.acquire(timeout=self._busy_timeout_s):
            raise WorkspaceError(self._sentence(sqlite3.SQLITE_BUSY, ""))
        try:
            with self._one_sentence(), self._writer.begin() as connection:
                yield connection
        finally:
            self._lock.release()

    @contextmanager
    def _one_sentence(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.DBAPIError, sqlite3.Error) as error:
            cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
            code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary code
            raise WorkspaceError(self._sentence(code, str(cause))) from error

    def _sentence(self, code: int, cause: str) -> str:
        remedy = _REMEDY.get(code, f"SQLite says {cause!r}; check the file and its folder")
        return f"The decisions in {self.path} cannot be read or written: {remedy}."

    def _on_connect(self, connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # the driver begins no transaction of its own; `_on_begin` does
        connection.execute(f"PRAGMA busy_timeout = {round(self._busy_timeout_s * 1000)}")
        self._turn_wal_on(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    def _turn_wal_on(self, connection: sqlite3.Connection) -> None:
        # Two processes that open a new file together can be told "locked" without the busy timeout.
        give_up = time.monotonic() + self._busy_timeout_s
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                    raise
                time.sleep(0.01)


def _on_begin(connection: sa.Connection) -> None:
    # IMMEDIATE takes the write lock at once: what the transaction reads stays true until it commits.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
