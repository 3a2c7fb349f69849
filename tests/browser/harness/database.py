"""The database of decisions, read and locked without the project's code."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any


def decisions_in(folder: Path) -> list[dict[str, Any]]:
    """Every row in the order of storing; none where nothing was ever stored."""
    path = folder / "decisions.sqlite"
    if not path.is_file():
        return []
    with closing(sqlite3.connect(path, timeout=20)) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute("SELECT * FROM decisions ORDER BY decision_id")]


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """As if another program were writing to the file; what is stored can still be read."""
    with closing(sqlite3.connect(folder / "decisions.sqlite", timeout=20, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield
