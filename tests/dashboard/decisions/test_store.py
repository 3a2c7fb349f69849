"""The decision store on a real SQLite file."""

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from dashboard.decisions.decision import Answer, Decision, DecisionError, Reason
from dashboard.decisions.schema import APPLICATION_ID, COLUMNS, MIGRATIONS
from dashboard.decisions.store import DecisionStore
from model_zoo.core.errors import WorkspaceError
from tests.dashboard.histories import NOON, decision, undo, unstored


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "decisions.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[DecisionStore]:
    opened = DecisionStore(path)
    yield opened
    opened.close()


FULL = decision(
    note="caliper, not a \u201cspot\u201d \U0001f50d\nsecond line",
    time=NOON + timedelta(microseconds=123),
    runs=("fine-s0", "consolidated-s1"),
    maps_shown=True,
    blind=True,
    chosen_by="wrong in chosen runs",
    taxonomy="fine v1",
    batch="gallery-7",
    adjudicates=True,
    reason=Reason.HARD.value,
)


def test_what_is_written_is_read_back_after_reopening(store: DecisionStore, path: Path) -> None:
    stored = store.append([FULL, decision(seq=2, answer=Answer.SKIP, before="b", after="b")])
    assert [event.decision_id for event in stored] == [1, 2]
    assert unstored(stored[0]) == FULL
    again = DecisionStore(path)
    assert again.all() == stored
    assert again.all()[0].time.tzinfo is UTC
    again.close()


def test_a_decision_sent_again_is_stored_once_with_its_first_time(store: DecisionStore) -> None:
    first = store.append([FULL])
    resent = replace(FULL, time=NOON + timedelta(hours=1), before="b")
    assert store.append([resent, decision(seq=2)]) == (*first, *store.since(1))
    assert len(store.all()) == 2


def test_the_same_number_with_another_content_is_refused_with_all_that_came_along(
    store: DecisionStore,
) -> None:
    store.append([FULL])
    with pytest.raises(DecisionError, match="1 of this browser session is stored already: 'relabel'"):
        store.append([decision(seq=2), replace(FULL, after="c")])
    assert len(store.all()) == 1


def test_revision_since_and_acknowledged(store: DecisionStore) -> None:
    assert (store.revision(), store.acknowledged("browser-1"), store.all()) == (0, -1, ())
    store.append([decision(seq=4), decision(seq=9), decision(seq=1, client_id="browser-2")])
    assert store.revision() == 3
    assert [event.seq for event in store.since(1)] == [9, 1]
    assert (store.acknowledged("browser-1"), store.acknowledged("browser-2")) == (9, 1)


def test_an_undo_must_undo_a_decision_about_the_same_image(store: DecisionStore) -> None:
    store.append([decision()])
    with pytest.raises(DecisionError, match="no decision 7 to undo"):
        store.append([unstored(undo(8, 7))])
    with pytest.raises(DecisionError, match="about image 'i1', not 'i2'"):
        store.append([unstored(undo(2, 1, image_id="i2"))])
    assert store.append([unstored(undo(2, 1))])[0].undoes == 1


def test_all_keeps_up_with_what_another_store_appends(store: DecisionStore, path: Path) -> None:
    other = DecisionStore(path)
    assert store.all() == ()
    for seq in range(3):
        other.append([decision(seq=seq)])
        assert [event.seq for event in store.all()] == list(range(seq + 1))
    assert store.all() == other.all()
    other.close()


def test_a_block_that_raises_stores_nothing(store: DecisionStore) -> None:
    def append_and_fail() -> None:
        with store.writing() as log:
            log.append(decision())
            raise KeyError

    with pytest.raises(KeyError):
        append_and_fail()
    assert store.revision() == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE decisions SET after = 'z'",
        "DELETE FROM decisions",
        "REPLACE INTO decisions SELECT * FROM decisions",
        "INSERT OR REPLACE INTO decisions SELECT decision_id + 1, client_id, seq, time, reviewer, image_id,"
        " answer, before, 'z', note, undoes, runs, maps_shown, blind, chosen_by, taxonomy, batch, adjudicates, reason"
        " FROM decisions",
    ],
)
def test_the_database_itself_refuses_to_change_or_delete(store: DecisionStore, path: Path, statement: str) -> None:
    stored = store.append([FULL])
    raw = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(statement)
    raw.close()
    assert store.all() == stored


def test_each_connection_is_durable_and_checks_foreign_keys(store: DecisionStore) -> None:
    with store._read() as connection:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        settings = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names}
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}


def test_the_table_in_the_code_is_the_table_in_the_file(store: DecisionStore) -> None:
    with store._read() as connection:
        columns = sa.inspect(connection).get_columns("decisions")
    assert tuple(column["name"] for column in columns) == COLUMNS
    assert {column["name"] for column in columns if column["nullable"]} == {"decision_id", "undoes"}


def test_eight_threads_append_at_once(store: DecisionStore) -> None:
    returned: list[Decision] = []

    def append_25(client_id: str) -> None:
        for seq in range(25):
            returned.extend(store.append([decision(seq=seq, client_id=client_id)]))

    threads = [threading.Thread(target=append_25, args=(f"browser-{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({(event.client_id, event.seq) for event in store.all()}) == 200  # 8 x 25
    assert sorted(returned, key=lambda event: event.decision_id or 0) == list(store.all())
    assert store.revision() == 200


def test_a_database_of_version_1_opens_with_all_it_holds_and_takes_new_decisions(path: Path) -> None:
    path.parent.mkdir()
    raw = sqlite3.connect(path)
    for statement in MIGRATIONS[0]:
        raw.execute(statement)
    raw.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    raw.execute("PRAGMA user_version = 1")
    raw.execute(
        "INSERT INTO decisions VALUES (1, 'browser-1', 1, '2026-01-01 12:00:00.000000', 'Ann', 'i1', 'relabel',"
        " 'a', 'b', 'a note', NULL, '[\"fine-s0\"]', 1, 0, 'random', '')"
    )
    raw.commit()
    raw.close()
    store = DecisionStore(path)
    assert store.all() == (decision(1, note="a note", runs=("fine-s0",), maps_shown=True, chosen_by="random"),)
    assert store.append([decision(seq=1, note="a note", runs=("fine-s0",), maps_shown=True, chosen_by="random")])
    assert len(store.all()) == 1  # sent again over the update: still stored once
    store.append([replace(FULL, seq=2)])
    store.close()
    again = DecisionStore(path)
    assert unstored(again.all()[1]) == replace(FULL, seq=2)
    with again._read() as connection, pytest.raises(sa.exc.IntegrityError, match="append-only"):
        connection.exec_driver_sql("UPDATE decisions SET batch = 'z'")
    again.close()


def test_a_newer_database_is_left_alone(store: DecisionStore, path: Path) -> None:
    store.close()
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(WorkspaceError, match=f"version is 99, this one reads up to {len(MIGRATIONS)}"):
        DecisionStore(path)


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database " * 100)
    with pytest.raises(WorkspaceError, match="it is no database"):
        DecisionStore(path)
    assert path.read_text() == "not a database " * 100


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    raw = sqlite3.connect(tmp_path / "other.sqlite")
    raw.execute("CREATE TABLE songs (title TEXT)")
    raw.close()
    with pytest.raises(WorkspaceError, match="database of another program"):
        DecisionStore(tmp_path / "other.sqlite")


def test_a_folder_in_the_place_of_the_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="cannot be opened"):
        DecisionStore(tmp_path)


def test_a_file_in_the_place_of_the_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WorkspaceError, match=r"folder .* cannot be made"):
        DecisionStore(tmp_path / "file" / "decisions.sqlite")


def test_a_database_locked_by_another_program_is_one_sentence_and_nothing_is_lost(path: Path) -> None:
    store = DecisionStore(path, busy_timeout_s=0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(WorkspaceError, match="another program keeps it locked"):
        store.append([FULL])
    other.close()
    assert store.append([FULL])[0].decision_id == 1
    store.close()


def test_a_full_disk_is_one_sentence_and_nothing_is_half_stored(store: DecisionStore) -> None:
    n_pages = "PRAGMA max_page_count = {}"
    with store._read() as connection:  # the pool hands this one connection to the next writer
        connection.exec_driver_sql(n_pages.format(1))
    large = [decision(seq=seq, note="n" * 2000) for seq in range(100)]
    with pytest.raises(WorkspaceError, match="the disk is full"):
        store.append(large)
    assert store.revision() == 0
    with store._read() as connection:
        connection.exec_driver_sql(n_pages.format(1_000_000))
    assert len(store.append(large)) == 100


def test_a_read_only_database_is_one_sentence(store: DecisionStore) -> None:
    with store._read() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(WorkspaceError, match="it may only be read"):
        store.append([FULL])
