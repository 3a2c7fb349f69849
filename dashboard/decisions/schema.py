"""Tables and migrations of the decision database."""

from pathlib import Path

import sqlalchemy as sa

from model_zoo.core.errors import WorkspaceError

APPLICATION_ID = 0x5461786F
"""Marks a SQLite file as one of ours ("Taxo")."""


class NotOursError(WorkspaceError):
    """A database of another program, or of a newer version of this one: nothing in it is repaired here."""


COLUMNS = (
    "decision_id",
    "client_id",
    "seq",
    "time",
    "reviewer",
    "image_id",
    "answer",
    "before",
    "after",
    "note",
    "undoes",
    "runs",
    "maps_shown",
    "blind",
    "chosen_by",
    "taxonomy",
    "batch",
    "adjudicates",
    "reason",
)
"""Of the table ``decisions``, the id first; the hash of a row depends on their order."""

# INSERT OR REPLACE deletes without firing delete triggers, hence the third one.
_VERSION_1 = (
    """
    CREATE TABLE decisions (
        decision_id INTEGER PRIMARY KEY AUTOINCREMENT,
        client_id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        time DATETIME NOT NULL,
        reviewer TEXT NOT NULL,
        image_id TEXT NOT NULL,
        answer TEXT NOT NULL,
        before TEXT NOT NULL,
        after TEXT NOT NULL,
        note TEXT NOT NULL,
        undoes INTEGER REFERENCES decisions (decision_id),
        runs JSON NOT NULL,
        maps_shown BOOLEAN NOT NULL,
        blind BOOLEAN NOT NULL,
        chosen_by TEXT NOT NULL,
        taxonomy TEXT NOT NULL,
        UNIQUE (client_id, seq)
    )
    """,
    "CREATE INDEX decisions_by_image ON decisions (image_id)",
    """
    CREATE TRIGGER decisions_are_not_changed BEFORE UPDATE ON decisions
    BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END
    """,
    """
    CREATE TRIGGER decisions_are_not_deleted BEFORE DELETE ON decisions
    BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END
    """,
    """
    CREATE TRIGGER decisions_are_not_replaced BEFORE INSERT ON decisions
    WHEN EXISTS (
        SELECT 1 FROM decisions
        WHERE decision_id = NEW.decision_id OR (client_id = NEW.client_id AND seq = NEW.seq)
    )
    BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END
    """,
)

# Decisions of one action, answers that end a disagreement, and why a label was changed.
_VERSION_2 = (
    "ALTER TABLE decisions ADD COLUMN batch TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE decisions ADD COLUMN adjudicates BOOLEAN NOT NULL DEFAULT 0",
    "ALTER TABLE decisions ADD COLUMN reason TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX decisions_by_batch ON decisions (batch) WHERE batch != ''",
)

# A hash of each row tells a flipped bit from a decision; what a repair took out of the table is kept beside it.
_VERSION_3 = (
    """
    CREATE TABLE decision_hashes (
        decision_id INTEGER PRIMARY KEY,
        sha256 TEXT NOT NULL,
        at_first_open BOOLEAN NOT NULL
    )
    """,
    """
    CREATE TABLE decisions_set_aside (
        decision_id INTEGER PRIMARY KEY,
        why TEXT NOT NULL,
        cells TEXT NOT NULL
    )
    """,
    """
    CREATE TRIGGER hashes_are_not_changed BEFORE UPDATE ON decision_hashes
    BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END
    """,
    """
    CREATE TRIGGER hashes_are_not_deleted BEFORE DELETE ON decision_hashes
    BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END
    """,
)

MIGRATIONS = (_VERSION_1, _VERSION_2, _VERSION_3)
"""Step i brings a database from version i to i + 1; a step that has been released is never edited."""


def prepare(connection: sa.Connection, path: Path) -> bool:
    """Bring the database up to the version of this program, within the caller's write transaction.

    Whether it holds rows that are older than hashes and have none yet. `WorkspaceError` when it belongs to another
    program or to a newer version of this one, or when its version cannot be.
    """
    application_id, version, n_tables = (
        int(connection.exec_driver_sql(query).scalar_one())
        for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
    )
    if application_id != APPLICATION_ID and (application_id or version or n_tables):
        raise NotOursError(f"{path} is a database of another program; move it away or choose another workspace.")
    if version > len(MIGRATIONS):
        raise NotOursError(
            f"{path} was written by a newer TaxoScope (its version is {version}, "
            f"this one reads up to {len(MIGRATIONS)}); update TaxoScope to open it."
        )
    tables = set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars())
    made = sum(table in tables for table in ("decisions", "decision_hashes"))  # by version 1, by version 3
    if version < 0 or made != (version > 0) + (version > 2):
        raise WorkspaceError(
            f"{path} is damaged: its version is {version}, and its tables are not those of that version. "
            "Restore it from a copy."
        )
    if version == len(MIGRATIONS):
        return False
    for step in MIGRATIONS[version:]:
        for statement in step:
            connection.exec_driver_sql(statement)
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.exec_driver_sql(f"PRAGMA user_version = {len(MIGRATIONS)}")
    return 0 < version < 3
