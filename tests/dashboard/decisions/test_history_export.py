"""The decision history in two more formats: every field of every decision comes back."""

import io
import json
from datetime import datetime

import hypothesis.strategies as some
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from dashboard.decisions.csv_export import decisions_csv
from dashboard.decisions.decision import Answer, Decision, DecisionError, Reason
from dashboard.decisions.history_export import decisions_jsonl, decisions_parquet
from tests.dashboard.histories import decision, undo
from tests.dashboard.labelled_animals import read, triples

notes = some.text(some.characters(exclude_categories=["Cs", "Cc"]) | some.sampled_from("=+-@'\",;\t\r\n"), max_size=60)
words = some.text(
    some.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs", "Cn", "Co", "Cf"]), min_size=1, max_size=20
)


@some.composite
def histories(draw):
    told: list[Decision] = []
    for number in range(1, draw(some.integers(1, 6)) + 1):
        plain = {"note": draw(notes), "reviewer": draw(words), "runs": tuple(draw(some.lists(words, max_size=2)))}
        plain |= {"batch": draw(some.just("") | words), "adjudicates": draw(some.booleans()), "taxonomy": draw(words)}
        plain |= {"reason": draw(some.sampled_from(["", *Reason])), "blind": draw(some.booleans()), "seq": number}
        if told and draw(some.booleans()):
            undone = draw(some.sampled_from(told))
            told.append(undo(number, undone.decision_id, image_id=undone.image_id, **plain))
        else:
            told.append(decision(number, draw(some.sampled_from([Answer.RELABEL, Answer.CONFIRM, Answer.SKIP])),
                                 image_id=draw(words), **plain))  # fmt: skip
    return told


def from_jsonl(text):
    rows = [json.loads(line) for line in text.split("\n") if line]
    return [from_row(row | {"time": datetime.fromisoformat(row["time"])}) for row in rows]


def from_parquet(raw):
    return [from_row(row) for row in pq.read_table(io.BytesIO(raw)).to_pylist()]


def from_row(row):
    values = {name: value for name, value in row.items() if name != "undone"}
    return Decision(**values | {"answer": Answer(row["answer"]), "runs": tuple(row["runs"])})


@given(told=histories())
def test_every_decision_comes_back(told) -> None:
    assert from_jsonl(decisions_jsonl(reversed(told))) == told
    assert from_parquet(decisions_parquet(reversed(told))) == told


@given(told=histories())
@settings(max_examples=settings().max_examples // 3)  # each example is read in a process of its own
def test_the_three_formats_say_the_same_labels_to_the_import(told) -> None:
    files = [decisions_csv(told).encode(), decisions_jsonl(told).encode(), decisions_parquet(told)]
    gave = [one for one in told if one.answer.gives_label]
    undone = {one["decision_id"] for one in map(json.loads, decisions_jsonl(told).split("\n")[:-1]) if one["undone"]}
    last = {(one.image_id, one.reviewer): one.after for one in gave if one.decision_id not in undone}
    if not last:
        return
    for raw in files:
        assert {(image, who): label for image, label, who in triples(read(raw))} == last


def test_undone_decisions_are_marked_and_not_read_as_labels() -> None:
    told = [decision(1, after="b"), undo(2, 1), decision(3, after="c"), decision(4, Answer.CONFIRM, image_id="i2")]
    told += [decision(5, after="d", image_id="i2", reviewer="=Bob"), decision(6, Answer.SKIP, image_id="i3")]
    assert [json.loads(line)["undone"] for line in decisions_jsonl(told).splitlines()] == [True] + 5 * [False]
    for raw in (decisions_csv(told).encode(), decisions_jsonl(told).encode(), decisions_parquet(told)):
        assert triples(read(raw)) == [("i1", "c", "Ann"), ("i2", "a", "Ann"), ("i2", "d", "=Bob")]


def test_an_unstored_decision_is_not_exported() -> None:
    with pytest.raises(DecisionError):
        decisions_jsonl([decision()])
