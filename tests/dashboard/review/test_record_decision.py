"""Raw proposals from a browser become stored decisions, or are refused with one sentence."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dashboard.decisions.consensus import standing_labels
from dashboard.decisions.decision import Answer
from dashboard.decisions.store import DecisionStore
from dashboard.review.record_decision import Outcome, decide
from model_zoo.core.errors import TaxoScopeError, WorkspaceError
from model_zoo.core.label_space.labels import LeafSpace, Part
from model_zoo.core.review.consensus_rule import Rule
from tests.dashboard.decisions.undo_steps import redoable, undoable
from tests.dashboard.histories import NOON

# Another workspace than the demo: nothing here may know its parts.
ZOO = LeafSpace(parts=(Part("animal", ("cat", "dog")), Part("pose", ("none", "sits", "runs"))), lone=("empty cage",))
ORIGINAL = {"i1": ZOO.parse("cat.sits"), "i2": ZOO.parse("*.none"), "i3": ZOO.everything}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DecisionStore]:
    opened = DecisionStore(tmp_path / "decisions.sqlite")
    yield opened
    opened.close()


def proposal(seq: int, answer: str, image_id: str = "i1", **changes: Any) -> dict[str, Any]:
    return {
        "client_id": "browser-1",
        "seq": seq,
        "reviewer": "Ann",
        "image_id": image_id,
        "answer": answer,
    } | changes


def decided(store: DecisionStore, *proposals: object, time: datetime = NOON) -> Outcome:
    return decide(store, ZOO, ORIGINAL, proposals, lambda: time)


def from_to(outcome: Outcome) -> list[tuple[str, str]]:
    return [(stored.before, stored.after) for stored in outcome.stored]


def test_before_is_what_stands_when_it_is_stored_whatever_the_browser_says(store: DecisionStore) -> None:
    outcome = decided(
        store,
        proposal(0, "relabel", after="dog.sits", before="a lie"),
        proposal(1, "relabel", after="dog.*"),
        proposal(2, "confirm"),
        proposal(3, "cannot_tell", "i2"),
        proposal(4, "skip", "i3", after="cat.runs"),
    )
    assert from_to(outcome) == [
        ("cat.sits", "dog.sits"),
        ("dog.sits", "dog.*"),
        ("dog.*", "dog.*"),
        ("*.none", "*.none"),
        ("*", "*"),
    ]
    assert outcome.stored == store.all()
    assert standing_labels(store.all()) == {"i1": "dog.*"}


def test_labels_are_stored_in_canonical_text(store: DecisionStore) -> None:
    outcome = decided(store, proposal(0, "relabel", after=" dog.none | cat.none"))
    assert from_to(outcome) == [("cat.sits", "*.none")]


def test_what_was_on_the_screen_is_kept(store: DecisionStore) -> None:
    shown: dict[str, Any] = {
        "runs": ["fine-s0"],
        "maps_shown": True,
        "blind": True,
        "chosen_by": "random",
        "taxonomy": "fine v1",
    }
    (stored,) = decided(store, proposal(0, "skip", note="dark", **shown)).stored
    assert (stored.runs, stored.maps_shown, stored.blind) == (("fine-s0",), True, True)
    assert (stored.chosen_by, stored.taxonomy, stored.note) == ("random", "fine v1", "dark")
    assert (stored.time, stored.reviewer, stored.answer) == (NOON, "Ann", Answer.SKIP)


def test_why_in_which_action_and_whether_it_adjudicates_is_kept(store: DecisionStore) -> None:
    more = {"reason": "hard to tell apart", "batch": "b1", "adjudicates": True}
    (stored,) = decided(store, proposal(0, "relabel", after="dog.sits", **more)).stored
    assert (stored.reason, stored.batch, stored.adjudicates) == ("hard to tell apart", "b1", True)


def test_a_flag_leaves_the_label(store: DecisionStore) -> None:
    outcome = decided(store, proposal(0, "flag", note="look at this"), proposal(1, "unflag"))
    assert from_to(outcome) == [("cat.sits", "cat.sits")] * 2
    assert standing_labels(store.all()) == {}


def test_before_and_after_follow_the_rule_of_the_workspace(store: DecisionStore) -> None:
    def by(seq: int, reviewer: str, answer: str = "relabel", **more: Any) -> Outcome:
        one = proposal(seq, answer, reviewer=reviewer, client_id=reviewer, **more)
        return decide(store, ZOO, ORIGINAL, [one], lambda: NOON, Rule.MAJORITY)

    by(0, "Ann", after="dog.sits")
    assert from_to(by(0, "Ben", after="dog.runs")) == [("dog.sits", "dog.runs")]
    assert from_to(by(0, "Cem", "skip")) == [("cat.sits", "cat.sits")]  # 1 : 1 leaves the data set's own
    assert from_to(by(1, "Ben", "undo", undoes_seq=0)) == [("cat.sits", "dog.sits")]


def test_undo_and_redo_within_one_batch(store: DecisionStore) -> None:
    outcome = decided(
        store,
        proposal(0, "relabel", after="dog.sits"),
        proposal(1, "undo", undoes_seq=0),
        proposal(2, "undo", undoes_seq=1),  # undone undo = redo
        proposal(3, "undo", undoes=1),
    )
    cat, dog = "cat.sits", "dog.sits"
    assert from_to(outcome) == [(cat, dog), (dog, cat), (cat, dog), (dog, cat)]
    assert [stored.undoes for stored in outcome.stored] == [None, 1, 2, 1]
    assert standing_labels(store.all()) == {}
    assert undoable(store.all(), "Ann") == ()
    assert redoable(store.all(), "Ann") == (outcome.stored[3],)


def test_a_batch_sent_again_in_whole_is_acknowledged_and_stored_once(store: DecisionStore) -> None:
    batch = [
        proposal(0, "relabel", after="dog.sits"),
        proposal(1, "confirm"),
        proposal(2, "undo", undoes_seq=0),
        proposal(3, "cannot_tell"),
    ]
    first = decided(store, *batch)
    again = decided(store, *batch, time=NOON + timedelta(seconds=3))
    assert again == first
    assert len(store.all()) == 4


def test_the_same_number_with_another_answer_is_refused(store: DecisionStore) -> None:
    decided(store, proposal(0, "relabel", after="dog.sits"))
    for other in (
        proposal(0, "skip"),
        proposal(0, "relabel", after="dog.runs"),
        proposal(0, "confirm", "i2"),
    ):
        (refusal,) = decided(store, other).refused
        assert "is stored already: 'relabel' about image 'i1'" in str(refusal.error)


def test_a_confirmation_holds_for_the_label_that_was_looked_at(store: DecisionStore) -> None:
    decided(store, proposal(0, "relabel", after="dog.sits", reviewer="Bob", client_id="browser-2"))
    outcome = decided(store, proposal(0, "confirm", after="cat.sits"))  # Ann had not seen Bob's yet
    assert from_to(outcome) == [("dog.sits", "cat.sits")]
    assert standing_labels(store.all()) == {"i1": "cat.sits"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"image_id": "i99"}, "No image 'i99'"),
        ({"image_id": None}, "needs 'image_id' as text; got nothing"),
        ({"answer": "delete"}, "No answer 'delete'; it can be relabel, confirm"),
        ({"after": None}, "needs 'after' as text"),
        ({"after": "cat"}, "Cannot read label 'cat'"),
        ({"after": "cow.sits"}, "No value 'cow' in part 'animal'"),
        ({"after": "cat.sits|" * 2_000}, "at most 10,000"),
        ({"after": ["cat.sits"]}, "needs 'after' as text"),
        ({"note": "n" * 2_001}, "note has 2,001 characters"),
        ({"note": "\ud800"}, "cannot be stored"),
        ({"reviewer": "  "}, "needs the reviewer's name"),
        ({"reviewer": None}, "needs 'reviewer'"),
        ({"seq": "1"}, "needs 'seq' as a whole number"),
        ({"seq": 1.0}, "needs 'seq' as a whole number"),
        ({"seq": True}, "needs 'seq' as a whole number"),
        ({"seq": 2**70}, "needs 'seq' as a whole number"),
        ({"client_id": ""}, "needs the browser session"),
        ({"runs": "fine-s0"}, "needs 'runs' as a list"),
        ({"blind": "yes"}, "needs 'blind' as true or false"),
        ({"adjudicates": 1}, "needs 'adjudicates' as true or false"),
        ({"reason": "because"}, "No reason 'because'"),
        ({"batch": 7}, "needs 'batch' as text"),
        ({"answer": "undo"}, "needs 'undoes_seq'"),
        ({"answer": "undo", "undoes": 77}, "not stored"),
    ],
)
def test_a_proposal_that_cannot_be_is_refused_and_holds_up_no_other(
    store: DecisionStore, changes: dict[str, Any], sentence: str
) -> None:
    wrong = proposal(5, "relabel", after="dog.sits") | changes
    outcome = decided(store, proposal(4, "skip"), wrong, proposal(6, "skip"))
    (refusal,) = outcome.refused
    assert isinstance(refusal.error, TaxoScopeError)
    assert sentence in str(refusal.error)
    assert [stored.seq for stored in store.all()] == [4, 6]
    assert refusal.seq == (wrong["seq"] if type(wrong["seq"]) is int else None)


@pytest.mark.parametrize("junk", [None, "relabel", 7, ["seq", 1], {}])
def test_junk_is_refused(store: DecisionStore, junk: object) -> None:
    outcome = decided(store, junk)
    assert len(outcome.refused) == 1
    assert store.all() == ()


def test_only_who_decided_may_undo_and_only_once(store: DecisionStore) -> None:
    decided(store, proposal(0, "relabel", after="dog.sits"))
    bobs = proposal(0, "undo", undoes=1, reviewer="Bob", client_id="browser-2")
    assert "is Ann's; only they can undo it" in str(decided(store, bobs).refused[0].error)
    elsewhere = proposal(1, "undo", "i2", undoes=1)
    assert "about image 'i1', not 'i2'" in str(decided(store, elsewhere).refused[0].error)
    decided(store, proposal(2, "undo", undoes=1))
    assert "undone already" in str(decided(store, proposal(3, "undo", undoes=1)).refused[0].error)


def test_when_the_store_fails_nothing_of_the_batch_is_stored_and_all_can_be_sent_again(
    store: DecisionStore,
) -> None:
    batch = [proposal(0, "skip"), proposal(1, "relabel", after="dog.sits")]
    with store._read() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(WorkspaceError):
        decided(store, *batch)
    with store._read() as connection:
        connection.exec_driver_sql("PRAGMA query_only = OFF")
    assert len(decided(store, *batch).stored) == 2


def test_people_deciding_on_one_image_at_once_each_see_what_the_one_before_left(store: DecisionStore) -> None:
    labels = ["dog.sits", "dog.runs", "cat.runs", "cat.none"]

    def relabel(number: int) -> None:
        for seq in range(10):
            after = labels[(number + seq) % 4]
            decided(store, proposal(seq, "relabel", after=after, client_id=f"browser-{number}"))

    threads = [threading.Thread(target=relabel, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    history = store.all()
    assert len(history) == 40  # 4 x 10
    befores = [stored.before for stored in history]
    assert befores == ["cat.sits", *(stored.after for stored in history[:-1])]  # an unbroken chain
