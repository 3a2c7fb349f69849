"""Repairs a damaged decision database: copies it, then writes it without the damaged rows."""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from dashboard.decisions.rows import SELECT, BadRow, Fault, read_row
from dashboard.decisions.schema import APPLICATION_ID, COLUMNS, MIGRATIONS
from model_zoo.core.errors import WorkspaceError

_INSERT = f"INSERT INTO decisions ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_INSERT_HASH = "INSERT INTO decision_hashes (decision_id, sha256, at_first_open) VALUES (?, ?, ?)"
_SET_ASIDE = "INSERT OR IGNORE INTO decisions_set_aside (decision_id, why, cells) VALUES (?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Repair:
    """What a repair did; ``copy`` is the file as it was before."""

    copy: Path
    n_kept: int
    set_aside: tuple[BadRow, ...]


def repair(path: Path, bad: Sequence[BadRow], now: datetime) -> Repair:
    """Copy the database at ``path``, then write it anew without its damaged rows and with new indexes.

    ``bad`` are the rows that `DecisionStore.bad_rows` names. Damaged ones go to the table ``decisions_set_aside``,
    rows of a newer version stay. The file is replaced as a whole or not at all. `WorkspaceError` where another
    program has it open, or where too little of it can be read.
    """
    copy = path.with_name(f"{path.stem}.before-repair-{now:%Y%m%d-%H%M%S}{path.suffix}")
    with _one_sentence(path, copy):
        if copy.exists():
            raise FileExistsError(17, f"{copy.name} is there already; try again in a second")
        _copy(path, copy)
        with closing(sqlite3.connect(path, timeout=1.0, isolation_level=None)) as damaged:
            damaged.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
            damaged.execute("PRAGMA locking_mode = EXCLUSIVE")  # from here to the end nobody else comes in
            damaged.execute("PRAGMA journal_mode = DELETE")  # refused as long as anybody else has it open
            damaged.execute("BEGIN EXCLUSIVE")
            damaged.execute("COMMIT")
            with closing(sqlite3.connect(":memory:", isolation_level=None)) as whole:
                n_kept, set_aside = _write_anew(damaged, whole, bad)
                whole.backup(damaged)
            damaged.execute("PRAGMA locking_mode = NORMAL")
            damaged.execute("PRAGMA journal_mode = WAL")
    return Repair(copy, n_kept, set_aside)


def _copy(path: Path, copy: Path) -> None:
    """The file and what SQLite has not yet moved into it from beside it, byte by byte."""
    for ending in ("-wal", ""):
        beside = path.with_name(path.name + ending)
        if beside.exists():
            shutil.copy2(beside, copy.with_name(copy.name + ending))


def _write_anew(
    damaged: sqlite3.Connection, whole: sqlite3.Connection, bad: Sequence[BadRow]
) -> tuple[int, tuple[BadRow, ...]]:
    whole.execute("BEGIN")
    for step in MIGRATIONS:
        for statement in step:
            whole.execute(statement)
    n_kept, last_id = 0, 0
    set_aside = {one.decision_id: one for one in bad if one.fault is not Fault.NEWER}
    for row in _rows(damaged):
        found = read_row(row)
        if isinstance(found, BadRow) and found.fault is not Fault.NEWER:
            set_aside[found.decision_id] = found
            whole.execute(_SET_ASIDE, (found.decision_id, found.why, ascii(tuple(row[:-2]))))
            continue
        try:
            whole.execute(_INSERT, row[:-2])
        except (sqlite3.Error, UnicodeEncodeError) as error:
            set_aside[row[0]] = BadRow(row[0], Fault.DAMAGED, f"it stands in the way of another ({error})")
            whole.execute(_SET_ASIDE, (row[0], set_aside[row[0]].why, ascii(tuple(row[:-2]))))
            continue
        if row[-2] is not None:
            whole.execute(_INSERT_HASH, (row[0], row[-2], row[-1]))
        n_kept, last_id = n_kept + 1, row[0]
    for old in damaged.execute("SELECT decision_id, why, cells FROM decisions_set_aside"):
        whole.execute(_SET_ASIDE, old)
    ids = {decision_id for (decision_id,) in damaged.execute("SELECT decision_id FROM decision_hashes")}
    there = {decision_id for (decision_id,) in whole.execute("SELECT decision_id FROM decisions")}
    plausible = {decision_id for decision_id in ids if decision_id <= 2 * (len(ids) + 1_000)}
    for decision_id in range(1, max(plausible, default=0) + 1):
        if decision_id not in there:
            whole.execute(_SET_ASIDE, (decision_id, "it could no longer be found", ""))
    last_id = max(last_id, *plausible, 0)
    whole.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'decisions'", (last_id,))
    whole.execute("INSERT INTO sqlite_sequence SELECT 'decisions', ? WHERE NOT changes()", (last_id,))
    whole.execute("COMMIT")
    whole.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    whole.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    return n_kept, tuple(sorted(set_aside.values(), key=lambda one: one.decision_id))


def _rows(damaged: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Every row that can be read; page by page damaged files are read around the damage."""
    try:
        yield from damaged.execute(f"{SELECT} ORDER BY d.decision_id").fetchall()
        return
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
            raise
    for (decision_id,) in damaged.execute("SELECT decision_id FROM decision_hashes ORDER BY decision_id").fetchall():
        try:
            yield from damaged.execute(f"{SELECT} WHERE d.decision_id = ?", (decision_id,)).fetchall()
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
                raise


@contextmanager
def _one_sentence(path: Path, copy: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        why = f"too little of it can be read ({error}): restore it from a copy"
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            why = "another program has it open: stop the dashboard first"
            for ending in ("-wal", ""):
                copy.with_name(copy.name + ending).unlink(missing_ok=True)  # nothing was changed
        raise WorkspaceError(f"The decisions in {path} cannot be repaired; {why}.") from error
    except OSError as error:
        raise WorkspaceError(f"The decisions in {path} cannot be copied first ({error.strerror}).") from error
