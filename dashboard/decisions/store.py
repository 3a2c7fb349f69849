"""The decision store: one SQLite file, written by many threads and processes."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dashboard.decisions.decision import Decision
from dashboard.decisions.history import History
from dashboard.decisions.rows import SELECT, BadRow, Fault, read_row
from dashboard.decisions.schema import prepare
from dashboard.decisions.write_log import DecisionLog
from model_zoo.core.errors import WorkspaceError

BUSY_TIMEOUT_S = 10.0
"""How long a write waits for another process to finish its own, in seconds."""
CHECK_S = 2.0
"""Longest that the check of a file at its opening takes, in seconds; what it has not seen by then it does not say."""

_STORED = "SELECT seq FROM decisions WHERE client_id = ? AND seq >= ? ORDER BY seq"
_REMEDY = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space, and the decision will be sent again",
    sqlite3.SQLITE_BUSY: "another program keeps it locked; close that program and try again",
    sqlite3.SQLITE_LOCKED: "another program keeps it locked; close that program and try again",
    sqlite3.SQLITE_READONLY: "it may only be read; allow writing to the file and its folder",
    sqlite3.SQLITE_PERM: "it may not be opened; allow reading and writing the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check that its folder exists and may be written to",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write; check the disk",
    sqlite3.SQLITE_NOTADB: "it is no database; move it away, or restore it from a copy",
    sqlite3.SQLITE_CORRUPT: "it is damaged; restore it from a copy, or type `taxoscope labels repair`",
}


class DecisionStore:
    """The decisions of one workspace, in one append-only table of one SQLite file.

    A decision is committed to disk (WAL, synchronous=FULL) when `append` or `writing` returns.
    Safe to share between threads; any number of processes may open the same file. Every
    method raises `WorkspaceError` when the file is locked, read-only, damaged, or the disk full.
    Each row is checked against its hash when it is read: one that fails, or holds what this
    version does not know, is left out and named by `bad_rows`; the rest works.
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
        self._read_to = 0  # the highest id read, of bad rows too
        self._bad: dict[int, BadRow] = {}
        self._on_commit: tuple[Callable[[], None], ...] = ()
        self._reader = sa.create_engine(sa.URL.create("sqlite", database=str(self.path)))
        self._writer = self._reader.execution_options(writes=True)
        sa.event.listen(self._reader, "connect", self._on_connect)
        sa.event.listen(self._reader, "begin", _on_begin)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WorkspaceError(f"The folder {self.path.parent} cannot be made: {error.strerror}.") from error
        try:
            with self._write() as connection:
                if prepare(connection, self.path):
                    older = connection.exec_driver_sql(f"{SELECT} ORDER BY d.decision_id").all()
                    DecisionLog(connection).add_hashes([tuple(row[:-2]) for row in older], at_first_open=True)
            self.file_faults = self._check_file()
        except BaseException:
            self.close()  # else this process is the "other program" that keeps a repair out
            raise
        """What the check of the file at its opening found, in SQLite's words; empty if nothing."""

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
        for told in self._on_commit:
            told()

    def on_commit(self, told: Callable[[], None]) -> None:
        """Call ``told`` after every commit of this store; once, however often it is given."""
        if told not in self._on_commit:
            self._on_commit = (*self._on_commit, told)

    def all(self) -> History:
        """Every decision, in order of ``decision_id``; only those not read before are fetched."""
        with self._known_lock:
            found = self._rows_since(self._read_to)
            if found:
                self._read_to = max(self._read_to, *(_id_of(one) for one in found))
                self._bad |= {one.decision_id: one for one in found if isinstance(one, BadRow)}
                self._known = self._known.extended([one for one in found if isinstance(one, Decision)])
            return self._known

    def bad_rows(self) -> tuple[BadRow, ...]:
        """The rows that `all` leaves out, and those that are gone, in order of their ids."""
        self.all()
        return tuple(sorted((*self._bad.values(), *self._missing()), key=lambda one: one.decision_id))

    def n_hashed_late(self) -> int:
        """How many decisions are older than hashes, and got theirs when the file was first opened by this version."""
        return self._number("SELECT sum(at_first_open) FROM decision_hashes", none=0)

    def since(self, decision_id: int) -> tuple[Decision, ...]:
        """The decisions stored after ``decision_id``, in order; none is ever skipped, ids follow commits."""
        return tuple(one for one in self._rows_since(decision_id) if isinstance(one, Decision))

    def revision(self) -> int:
        """A number that rises with each decision, whichever process stored it; 0 when there is none."""
        return self._number("SELECT max(decision_id) FROM decisions", none=0)

    def acknowledged(self, client_id: str) -> int:
        """The highest ``seq`` stored of one browser session, -1 for none; refused ones leave gaps."""
        return self._number("SELECT max(seq) FROM decisions WHERE client_id = ?", client_id, none=-1)

    def stored(self, client_id: str, since: int) -> tuple[int, ...]:
        """Every ``seq`` from ``since`` on that is stored of one browser session, in order."""
        return self.stored_of_each({client_id: since}).get(client_id, ())

    def stored_of_each(self, since: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
        """The same of many sessions, by ``client_id``; one of which nothing is stored is left out."""
        found: dict[str, tuple[int, ...]] = {}
        with self._read() as connection:
            for client_id, first in since.items():
                rows = connection.exec_driver_sql(_STORED, (client_id, first)).scalars().all()
                if rows:
                    found[client_id] = tuple(rows)
        return found

    def close(self) -> None:
        """Close all connections; the store reopens them when used again."""
        self._reader.dispose()

    def _rows_since(self, decision_id: int) -> list[Decision | BadRow]:
        query = f"{SELECT} WHERE d.decision_id > ? ORDER BY d.decision_id"
        with self._read() as connection:
            try:
                return [read_row(row) for row in connection.exec_driver_sql(query, (decision_id,))]
            except sa.exc.DatabaseError as error:
                if _code(error) != sqlite3.SQLITE_CORRUPT:
                    raise
            return self._rows_one_by_one(connection, decision_id)

    def _rows_one_by_one(self, connection: sa.Connection, after: int) -> list[Decision | BadRow]:
        """What a scan that meets a damaged page cannot give: all rows on the other pages."""
        found: list[Decision | BadRow] = []
        ids = connection.exec_driver_sql("SELECT decision_id FROM decision_hashes WHERE decision_id > ?", (after,))
        for decision_id in sorted(ids.scalars().all()):
            try:
                row = connection.exec_driver_sql(f"{SELECT} WHERE d.decision_id = ?", (decision_id,)).first()
            except sa.exc.DatabaseError as error:
                if _code(error) != sqlite3.SQLITE_CORRUPT:
                    raise
                found.append(BadRow(decision_id, Fault.DAMAGED, "its part of the file cannot be read"))
            else:
                found += [] if row is None else [read_row(row)]
        return found

    def _missing(self) -> list[BadRow]:
        """Ids are given without gaps and rows are never deleted: a gap is a loss, except for rows set aside."""
        there = {_id_of(one) for one in self._known} | self._bad.keys()
        with self._read() as connection:
            hashed = set(connection.exec_driver_sql("SELECT decision_id FROM decision_hashes").scalars())
            there |= set(connection.exec_driver_sql("SELECT decision_id FROM decisions_set_aside").scalars())
        end = max(hashed, default=0) + 1  # what lies beyond was not stored by us, nor what has no hash
        found, expected = [], 1
        for decision_id in sorted({one for one in there if one < end} | {end}):
            if decision_id > expected and not (decision_id in self._bad and decision_id not in hashed):
                which = f"decisions {expected} to {decision_id - 1}" if decision_id - 1 > expected else "it"
                why = f"{which} {'was' if which == 'it' else 'were'} stored and can no longer be found"
                found.append(BadRow(expected, Fault.MISSING, why))
            expected = max(expected, decision_id + 1)
        return found

    def _check_file(self) -> tuple[str, ...]:
        give_up = time.monotonic() + CHECK_S
        with self._read() as connection:
            raw = connection.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            raw.set_progress_handler(lambda: int(time.monotonic() > give_up), 10_000)
            try:
                found = [str(line) for (line,) in raw.execute("PRAGMA integrity_check(20)")]
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                interrupted = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_INTERRUPT
                found = [] if interrupted else [str(error)]
            finally:
                raw.set_progress_handler(None, 0)
        return () if found == ["ok"] else tuple(found)

    def _number(self, query: str, *values: str, none: int) -> int:
        with self._read() as connection:
            number = connection.exec_driver_sql(query, values).scalar_one()
        return none if number is None else int(number)

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
            raise WorkspaceError(self._sentence(_code(error), str(cause))) from error
        except UnicodeDecodeError as error:  # of SQLite's own message about a damaged table
            raise WorkspaceError(self._sentence(sqlite3.SQLITE_CORRUPT, "")) from error

    def _sentence(self, code: int, cause: str) -> str:
        remedy = _REMEDY.get(code, f"SQLite says {cause!r}; check the file and its folder")
        return f"The decisions in {self.path} cannot be read or written: {remedy}."

    def _on_connect(self, connection: sqlite3.Connection, _record: Any) -> None:
        # A damaged byte of a text must not keep all other rows from being read; the row's hash finds it.
        connection.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
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


def _id_of(one: Decision | BadRow) -> int:
    return one.decision_id or 0


def _code(error: sa.exc.DBAPIError | sqlite3.Error) -> int:
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    return int(getattr(cause, "sqlite_errorcode", 0)) & 0xFF  # the low byte is the primary code


def _on_begin(connection: sa.Connection) -> None:
    # IMMEDIATE takes the write lock at once: what the transaction reads stays true until it commits.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
