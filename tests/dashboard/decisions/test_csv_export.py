"""Decisions as CSV: nothing runs, everything comes back."""

import csv
import io
import json

import hypothesis.strategies as some
import pytest
from hypothesis import example, given

from dashboard.decisions.csv_export import COLUMNS, decisions_csv, plain_cell, safe_cell
from dashboard.decisions.decision import Answer, DecisionError
from tests.dashboard.histories import decision, undo


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_history_as_a_table() -> None:
    told = [decision(1, runs=("fine-s0", "fine-s1"), chosen_by="random"), undo(2, 1), decision(3, after="c")]
    table = rows(decisions_csv(reversed(told)))
    assert [row["decision_id"] for row in table] == ["1", "2", "3"]
    assert [row["undone"] for row in table] == ["yes", "no", "no"]
    assert [row["undoes"] for row in table] == ["", "1", ""]
    assert (table[0]["from"], table[0]["to"], table[0]["time"]) == ("a", "b", "2026-01-01T12:00:00+00:00")
    assert json.loads(table[0]["runs"]) == ["fine-s0", "fine-s1"]
    assert tuple(table[0]) == COLUMNS


def test_reason_batch_and_adjudication_are_columns() -> None:
    told = decision(1, reason="bad image", batch="b1", adjudicates=True)
    (row,) = rows(decisions_csv([told]))
    assert (row["reason"], row["batch"], row["adjudicates"]) == ("bad image", "b1", "yes")


def test_no_decisions_is_a_header() -> None:
    assert decisions_csv([]) == ",".join(COLUMNS) + "\r\n"


def test_an_unstored_decision_is_not_exported() -> None:
    with pytest.raises(DecisionError):
        decisions_csv([decision()])


@pytest.mark.parametrize(
    "attack",
    [
        '=HYPERLINK("http://evil","see")',
        "+1+1",
        "-2+3+cmd|' /C calc'!A0",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\uff1d1+1",
    ],
)
def test_no_cell_can_run_as_a_formula(attack: str) -> None:
    (row,) = rows(decisions_csv([decision(1, note=attack, before=attack, chosen_by="", reviewer="=Ann")]))
    assert row["note"] == row["from"] == f"'{attack}"
    assert row["reviewer"] == "'=Ann"
    assert plain_cell(row["note"]) == attack


def test_what_cannot_run_stands_as_it_is() -> None:
    for cell in ("*.none.present", "bpd.placed.present", "1-2", "a=b", "'tis", "", "two\nlines", 'a "b", c'):
        assert rows(decisions_csv([decision(1, note=cell)]))[0]["note"] == cell


texts = some.text(some.characters(exclude_categories=["Cs", "Cc"]) | some.sampled_from("=+-@'\",;\t\r\n"))


@given(note=texts)
@example(note="'=1")
@example(note="''-")
def test_every_note_comes_back(note: str) -> None:
    (row,) = rows(decisions_csv([decision(1, Answer.SKIP, note=note)]))
    assert plain_cell(row["note"]) == note
    assert not row["note"].startswith(tuple("=+-@\t\r\n"))
    assert plain_cell(safe_cell(note)) == note
