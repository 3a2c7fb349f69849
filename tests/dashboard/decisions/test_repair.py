"""Damage in the decision file: one bad row is named and left out, the rest works, and no flipped bit goes unseen."""

import random
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dashboard.decisions.consensus import standing_labels
from dashboard.decisions.decision import Decision, DecisionError
from dashboard.decisions.repair_words import fault_words, repair
from dashboard.decisions.rows import Fault, row_hash
from dashboard.decisions.schema import COLUMNS, MIGRATIONS
from dashboard.decisions.store import DecisionStore
from model_zoo.core.errors import WorkspaceError
from tests.dashboard.histories import NOON, decision, undo, unstored

TRIGGERS = [
    "decisions_are_not_changed",
    "decisions_are_not_deleted",
    "hashes_are_not_changed",
    "hashes_are_not_deleted",
]


def some(path: Path, n_decisions: int = 6) -> tuple[Decision, ...]:
    """A closed file with decisions about images i1, i2 and so on, each of which gets the label "b"."""
    store = DecisionStore(path)
    stored = store.append(
        [decision(seq=number, image_id=f"i{number}", note=f"n{number}") for number in range(1, n_decisions + 1)]
    )
    store.close()
    return stored


def tamper(path: Path, *statements: str) -> None:
    """As another program could: the triggers that forbid it are taken away first."""
    with closing(sqlite3.connect(path)) as raw:
        for name in TRIGGERS:
            raw.execute(f"DROP TRIGGER IF EXISTS {name}")
        for statement in statements:
            raw.execute(statement)
        raw.commit()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "decisions.sqlite"


@pytest.mark.parametrize(
    "change",
    [
        "answer = 'shrug'",
        "answer = 7",
        "answer = x'00ff'",
        "time = 'yesterday'",
        "time = '2026-13-01 12:00:00.000000'",
        "time = 5",
        "runs = '['",
        "runs = '5'",
        "runs = '[5]'",
        "runs = 'null'",
        "runs = '" + "[" * 100_000 + "'",
        "seq = -1",
        "seq = 'x'",
        "image_id = ''",
        "image_id = 'i9'",
        "after = x'6200'",
        "after = 'c'",
        "after = CAST(x'ff' AS TEXT)",
        "before = 3.5",
        "reason = 'no reason'",
        "maps_shown = 2",
        "maps_shown = 1",
        "undoes = 1",
        "reviewer = 'Ann' || char(0)",
        "note = 'N3'",
        "decision_id = 99",
    ],
)
def test_a_bad_row_is_named_with_a_remedy_and_the_rest_works(path: Path, change: str) -> None:
    stored = some(path)
    tamper(path, f"UPDATE decisions SET {change} WHERE decision_id = 3")
    store = DecisionStore(path)
    assert store.all() == (*stored[:2], *stored[3:])
    named = {(one.decision_id, one.fault) for one in store.bad_rows()}
    assert named == ({(99, Fault.DAMAGED), (3, Fault.MISSING)} if "99" in change else {(3, Fault.DAMAGED)})
    assert "taxoscope labels repair" in fault_words(store, [])[-1]
    new = store.append([decision(seq=100, image_id="i1")])[0]
    assert store.all()[-1] == new
    assert {(one.decision_id, one.fault) for one in store.bad_rows()} == named
    assert standing_labels(store.all()).keys() == {"i1", "i2", "i4", "i5", "i6"}
    with store.writing() as log:
        assert [one.image_id for one in log.since(0)] == [one.image_id for one in store.all()]
        assert log.about("i3") == log.about("i9") == ()
    store.close()


def test_a_null_where_the_table_forbids_it_is_damage_too(path: Path) -> None:
    stored = some(path)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA writable_schema = ON")
        raw.execute("UPDATE sqlite_master SET sql = replace(sql, 'after TEXT NOT NULL', 'after TEXT')")
        raw.commit()
    tamper(path, "UPDATE decisions SET after = NULL WHERE decision_id = 2")
    store = DecisionStore(path)
    assert store.all() == (stored[0], *stored[2:])
    assert [one.decision_id for one in store.bad_rows()] == [2]
    store.close()


def test_an_undo_of_a_bad_row_breaks_nothing(path: Path) -> None:
    store = DecisionStore(path)
    store.append([decision(seq=1)])
    store.append([unstored(undo(2, 1))])
    store.close()
    tamper(path, "UPDATE decisions SET answer = 'shrug' WHERE decision_id = 1")
    store = DecisionStore(path)
    assert [one.decision_id for one in store.all()] == [2]
    assert standing_labels(store.all()) == {}
    with pytest.raises(DecisionError, match="no decision 1 to undo"):
        store.append([unstored(undo(3, 1))])
    store.close()


def test_a_bad_row_sent_again_is_refused_in_one_sentence(path: Path) -> None:
    stored = some(path)
    tamper(path, "UPDATE decisions SET note = 'other' WHERE decision_id = 3")
    store = DecisionStore(path)
    with pytest.raises(DecisionError, match=r"Decision 3 of this browser .* stored already\. Decision 3 is dam"):
        store.append([unstored(stored[2])])
    store.close()


# -- flipped bits ----------------------------------------------------------------------------------------------------


def test_no_flipped_bit_of_the_file_changes_a_decision_unseen(path: Path) -> None:
    """Each decision is as it was, or is left out and something is said: of 400 bits anywhere in the file."""
    stored = some(path, 40)
    whole = path.read_bytes()
    at = random.Random(7)
    n_noticed = 0
    used = [place for place in range(len(whole)) if whole[place]]  # most of a page is empty
    for place in at.sample(used, 400):
        bit = 1 << at.randrange(8)
        path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        try:
            store = DecisionStore(path)
            found, said = store.all(), fault_words(store, [])
            store.close()
        except WorkspaceError:
            n_noticed += 1  # the whole file is refused, in a sentence
        else:
            assert set(found) <= set(stored), (place, bit)
            assert len(found) == len(stored) or said, (place, bit)
            n_noticed += bool(said)
        for beside in path.parent.glob("decisions.sqlite-*"):
            beside.unlink()
    assert n_noticed > 150


def test_every_bit_of_a_rows_cells_counts(path: Path) -> None:
    """An independent look: whichever text is changed in whichever bit, the row is left out."""
    stored = some(path, 3)
    with closing(sqlite3.connect(path)) as raw:
        cells = raw.execute(f"SELECT {', '.join(COLUMNS)} FROM decisions WHERE decision_id = 2").fetchone()
    n_flips = 0
    for name, cell in zip(COLUMNS[1:], cells[1:], strict=True):
        raw_cell = cell.encode() if isinstance(cell, str) else b""
        for place in range(min(len(raw_cell), 12)):
            changed = bytearray(raw_cell)
            changed[place] ^= 1 << (n_flips % 8)
            with closing(sqlite3.connect(path)) as raw:
                for trigger in TRIGGERS:
                    raw.execute(f"DROP TRIGGER IF EXISTS {trigger}")
                change = f"UPDATE decisions SET {name} = CAST(? AS TEXT) WHERE decision_id = 2"
                raw.execute(change, (bytes(changed),))
                raw.commit()
            store = DecisionStore(path)
            assert store.all() == (stored[0], stored[2]), (name, place)
            assert [one.decision_id for one in store.bad_rows()] == [2]
            store.close()
            with closing(sqlite3.connect(path)) as raw:
                raw.execute(f"UPDATE decisions SET {name} = ? WHERE decision_id = 2", (cell,))
                raw.commit()
            n_flips += 1
    assert n_flips > 30


def test_rows_that_are_gone_are_named_in_the_middle_and_at_the_end(path: Path) -> None:
    some(path, 9)
    tamper(path, "DELETE FROM decisions WHERE decision_id IN (2, 3, 9)")
    store = DecisionStore(path)
    assert [(one.decision_id, one.fault) for one in store.bad_rows()] == [(2, Fault.MISSING), (9, Fault.MISSING)]
    assert "decisions 2 to 3 were stored" in store.bad_rows()[0].sentence
    store.close()


def test_a_row_that_somebody_else_put_in_is_no_decision(path: Path) -> None:
    stored = some(path, 2)
    columns = ", ".join(COLUMNS[2:])
    tamper(path, f"INSERT INTO decisions SELECT 3, 'forged', {columns} FROM decisions WHERE decision_id = 1")
    store = DecisionStore(path)
    assert store.all() == stored
    assert [one.why for one in store.bad_rows()] == ["it has no hash"]
    store.close()


def test_a_damaged_page_costs_the_rows_on_it_alone(path: Path) -> None:
    store = DecisionStore(path)
    stored = store.append([decision(seq=number, image_id=f"i{number}", note="n" * 400) for number in range(1, 200)])
    store.close()
    whole = bytearray(path.read_bytes())
    page = next(start for start in range(0, len(whole), 4096) if b"i100relabel" in whole[start : start + 4096])
    with closing(sqlite3.connect(path)) as raw:
        root = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = 'decisions'").fetchone()[0]
    assert page != (root - 1) * 4096  # the root alone would lose all
    whole[page : page + 8] = b"\xff" * 8
    path.write_bytes(whole)
    store = DecisionStore(path)
    found = store.all()
    assert 150 < len(found) < 199
    assert set(found) < set(stored)
    assert len(found) + sum(one.fault is Fault.DAMAGED for one in store.bad_rows()) == 199
    assert store.file_faults
    store.close()
    done = repair(path, datetime.now(UTC))
    assert done
    store = DecisionStore(path)
    assert store.all() == found
    assert (store.file_faults, store.bad_rows()) == ((), ())
    store.close()


# -- newer versions --------------------------------------------------------------------------------------------------


def test_an_answer_of_a_newer_version_is_not_called_damaged_and_survives_a_repair(path: Path) -> None:
    stored = some(path, 3)
    with closing(sqlite3.connect(path)) as raw:  # as a newer version writes it: with its hash
        cells = list(raw.execute(f"SELECT {', '.join(COLUMNS)} FROM decisions WHERE decision_id = 1").fetchone())
        cells[0], cells[2], cells[COLUMNS.index("answer")] = 4, 44, "escalate"
        raw.execute(f"INSERT INTO decisions ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(cells))})", cells)
        raw.execute("INSERT INTO decision_hashes VALUES (4, ?, 0)", (row_hash(cells, at_first_open=False),))
        raw.commit()
    store = DecisionStore(path)
    assert store.all() == stored
    (bad,) = store.bad_rows()
    assert "written by a newer version of TaxoScope" in bad.sentence
    assert "damaged" not in " ".join(fault_words(store, []))
    store.close()
    assert repair(path, datetime.now(UTC)) is None
    tamper(path, "UPDATE decisions SET note = 'x' WHERE decision_id = 1")
    done = repair(path, datetime.now(UTC))
    assert done
    assert [one.decision_id for one in done.set_aside] == [1]
    store = DecisionStore(path)
    assert [one.decision_id for one in store.bad_rows()] == [4]
    store.close()


@pytest.mark.parametrize("version", [-1, -3, 0, 1, 2, 4, 7, 2**31 - 1])
def test_a_version_that_cannot_be_is_refused(path: Path, version: int) -> None:
    some(path)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(f"PRAGMA user_version = {version}")
    before = path.read_bytes()
    with pytest.raises(WorkspaceError, match="newer TaxoScope" if version > len(MIGRATIONS) else "is damaged: its ver"):
        DecisionStore(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", [len(MIGRATIONS) + 1, 99])
def test_a_newer_version_is_not_repaired_into_an_older_one(path: Path, version: int) -> None:
    some(path)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(f"PRAGMA user_version = {version}")
    before = path.read_bytes()
    with pytest.raises(WorkspaceError, match="newer TaxoScope"):
        repair(path, NOON)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.glob("*before-repair*")] == []


def test_a_version_that_cannot_be_is_repaired(path: Path) -> None:
    stored = some(path)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA user_version = -3")
    assert repair(path, NOON)
    store = DecisionStore(path)
    assert store.all() == stored
    store.close()


# -- repair ----------------------------------------------------------------------------------------------------------


def test_a_repair_copies_first_and_takes_out_what_is_damaged(path: Path) -> None:
    stored = some(path)
    tamper(path, "UPDATE decisions SET answer = 'shrug' WHERE decision_id IN (2, 6)")
    before = path.read_bytes()
    done = repair(path, NOON)
    assert done
    assert done.copy.name == "decisions.before-repair-20260101-120000.sqlite"
    assert done.copy.read_bytes() == before
    assert [one.decision_id for one in done.set_aside] == [2, 6]
    store = DecisionStore(path)
    assert store.all() == (stored[0], *stored[2:5])
    assert (store.bad_rows(), fault_words(store, [])) == ((), ())
    again = store.append([unstored(stored[5])])[0]  # what was set aside may be sent again, and gets an id of its own
    assert again.decision_id == 7
    with store.writing() as log:
        assert list(log.append_all([])) == []
        assert log.last_id() == 7
    store.close()
    with closing(sqlite3.connect(path)) as raw:
        kept = raw.execute("SELECT decision_id, cells FROM decisions_set_aside").fetchall()
        assert [one for one, _ in kept] == [2, 6]
        assert "'shrug'" in kept[0][1]
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            raw.execute("DELETE FROM decisions")
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert repair(path, NOON) is None


def test_a_repair_waits_until_nobody_has_the_file_open(path: Path) -> None:
    some(path)
    tamper(path, "UPDATE decisions SET answer = 'shrug' WHERE decision_id = 2")
    serving = DecisionStore(path)
    with pytest.raises(WorkspaceError, match="stop the dashboard first"):
        repair(path, NOON)
    assert [one.name for one in path.parent.glob("*before-repair*")] == []
    serving.close()
    assert repair(path, NOON)


def test_a_repair_rebuilds_a_damaged_index(path: Path) -> None:
    stored = some(path, 30)
    whole = bytearray(path.read_bytes())
    with closing(sqlite3.connect(path)) as raw:
        root = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = 'decisions_by_image'").fetchone()[0]
    place = whole.index(b"i17", (root - 1) * 4096, root * 4096)
    whole[place] ^= 1
    path.write_bytes(whole)
    store = DecisionStore(path)
    assert store.all() == stored
    assert store.file_faults
    assert "SQLite says" in fault_words(store, [])[0]
    store.close()
    assert repair(path, NOON)
    store = DecisionStore(path)
    assert (store.all(), store.file_faults) == (stored, ())
    with store.writing() as log:
        assert len(log.about("i17")) == 1
    store.close()
