"""Tables and migrations of the decision database."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dashboard.decisions.decision import Decision
from model_zoo.core.errors import WorkspaceError

APPLICATION_ID = 0x5461786F
"""Marks a SQLite file as one of ours ("Taxo")."""


class NotOursError(WorkspaceError):
    """A database of another program, or of a newer version of this one: nothing in it is repaired here."""


class UtcDateTime(sa.TypeDecorator[datetime]):
    """An aware time, stored as UTC text and read back aware."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """The same moment in UTC, without its zone."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """The stored moment, in UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


decisions = sa.Table(
    "decisions",
    sa.MetaData(),
    sa.Column("decision_id", sa.Integer, primary_key=True),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("time", UtcDateTime, nullable=False),
    sa.Column("reviewer", sa.Text, nullable=False),
    sa.Column("image_id", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("before", sa.Text, nullable=False),
    sa.Column("after", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("undoes", sa.Integer, sa.ForeignKey("decisions.decision_id")),
    sa.Column("runs", sa.JSON, nullable=False),
    sa.Column("maps_shown", sa.Boolean, nullable=False),
    sa.Column("blind", sa.Boolean, nullable=False),
    sa.Column("chosen_by", sa.Text, nullable=False),
    sa.Column("taxonomy", sa.Text, nullable=False),
    sa.Column("batch", sa.Text, nullable=False),
    sa.Column("adjudicates", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

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


def to_row(decision: Decision) -> dict[str, Any]:
    """The column values of a decision that is to be stored (without its id, which the database gives)."""
    names = [column.name for column in decisions.columns if column.name != "decision_id"]
    row = {name: getattr(decision, name) for name in names}
    return row | {"answer": decision.answer.value, "runs": list(decision.runs)}
