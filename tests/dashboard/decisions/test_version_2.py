"""A decision file of version 2, before rows had hashes, opens and is hashed at the first open."""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dashboard.decisions.decision import Answer
from dashboard.decisions.rows import COLUMNS, Fault
from dashboard.decisions.store import DecisionStore
from tests.dashboard.decisions.test_repair import tamper
from tests.dashboard.histories import decision

VERSION_2 = Path(__file__).with_name("version_2.sql")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "decisions.sqlite"


def test_a_file_of_version_2_without_a_decision_opens_and_takes_one(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        schema = re.sub(r"(?m)^INSERT INTO .*$", "", VERSION_2.read_text())
        raw.executescript(schema)
        assert raw.execute("SELECT count(*) FROM decisions").fetchall() == [(0,)]
    store = DecisionStore(path)
    assert (store.all(), store.n_hashed_late(), store.file_faults) == ((), 0, ())
    store.append([decision(seq=1)])
    assert len(store.all()) == 1
    store.close()


def test_a_file_of_version_2_gets_its_hashes_at_the_first_open_marked_so(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript(VERSION_2.read_text())
        rows = raw.execute(f"SELECT {', '.join(COLUMNS)} FROM decisions").fetchall()
    store = DecisionStore(path)
    found = {one.decision_id: one for one in store.all()}
    assert found.keys() == {1, 2, 3, 5}
    assert (found[2].answer, found[2].undoes, found[3].note) == (Answer.UNDO, 1, "caliper, not a “spot” \U0001f50d")
    assert found[3].runs == tuple(json.loads(rows[2][COLUMNS.index("runs")]))
    assert store.bad_rows()[0].sentence.startswith("Decision 4 was written by a newer version")
    assert store.n_hashed_late() == 5
    store.append([decision(seq=77)])
    assert store.n_hashed_late() == 5
    store.close()
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT decision_id, at_first_open FROM decision_hashes").fetchall() == [
            *((number, 1) for number in range(1, 6)),
            (6, 0),
        ]
    tamper(path, "UPDATE decisions SET after = 'dog.large' WHERE decision_id = 3")
    store = DecisionStore(path)
    assert [one.fault for one in store.bad_rows()] == [Fault.DAMAGED, Fault.NEWER]
    store.close()
