"""Many decisions as one action: all or none, stored once, undone and redone as one."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from dashboard.decisions.consensus import standing_labels
from dashboard.decisions.decision import Answer, DecisionError
from dashboard.review.record_decision import decide
from dashboard.server_state.batch_decisions import GivenLabel, decide_many, new_batch, undo_many
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.errors import TaxoScopeError, WorkspaceError
from tests.dashboard.decisions.undo_steps import redoable, undoable
from tests.dashboard.histories import NOON


@pytest.fixture
def desk(fresh_animals):
    return Desk(fresh_animals)


def given(*rows, **more):
    return [GivenLabel(image_id, label, reviewer, **more) for image_id, label, reviewer in rows]


def gallery(desk, batch="b1", label="dog.large", image_ids=("i0000", "i0001", "i0002")):
    rows = given(*((image_id, label, "Ann") for image_id in image_ids))
    return decide_many(desk, rows, batch, NOON, chosen_by="chosen in the gallery")


def browser(desk, seq, answer, **more):
    one = {"client_id": "c", "seq": seq, "reviewer": "Ann", "answer": answer, **more}
    labels = desk.dataset().labels
    return decide(desk.store, desk.workspace.space, labels, [one], lambda: NOON, desk.review_rule)


def own(desk, image_id):
    return desk.workspace.space.format(desk.image(image_id).label)


def test_one_label_for_many_images_is_one_batch(desk):
    stored = gallery(desk)
    assert [one.image_id for one in stored] == ["i0000", "i0001", "i0002"]
    assert {one.batch for one in stored} == {"b1"}
    assert {(one.after, one.reviewer, one.chosen_by) for one in stored} == {
        ("dog.large", "Ann", "chosen in the gallery")
    }
    assert [one.before for one in stored] == [own(desk, f"i000{k}") for k in range(3)]
    assert standing_labels(desk.store.all()) == dict.fromkeys(["i0000", "i0001", "i0002"], "dog.large")


def test_a_label_that_stands_is_confirmed(desk):
    (stored,) = decide_many(desk, given(("i0000", own(desk, "i0000"), "Ann")), "b1", NOON, chosen_by="import")
    assert stored.answer is Answer.CONFIRM


def test_what_is_sent_again_is_stored_once_and_another_content_is_refused(desk):
    first = gallery(desk)
    assert gallery(desk) == first
    assert len(desk.store.all()) == 3
    with pytest.raises(DecisionError, match="'b1' is stored already with other labels"):
        gallery(desk, label="cat.large")


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (("i0001", "cow.large", "Ann"), "No value 'cow'"),
        (("i9999", "dog.large", "Ann"), "No image 'i9999'"),
        (("i0001", "dog.large", ""), "needs the reviewer's name"),
        (("i0001", "plane.small", "Ann"), "plane"),
    ],
)
def test_one_that_cannot_be_stored_and_none_is(desk, row, sentence):
    with pytest.raises(TaxoScopeError, match=sentence):
        decide_many(desk, given(("i0000", "dog.large", "Ann"), row), "b1", NOON, chosen_by="import")
    assert desk.store.all() == ()


def test_two_people_in_one_import_about_one_image_follow_each_other(desk):
    rows = given(("i0000", "dog.large", "Ann"), ("i0000", "cat.large", "Ben"))
    first, second = decide_many(desk, rows, "b1", NOON, chosen_by="import")
    assert (first.after, second.before, second.after) == ("dog.large", "dog.large", "cat.large")
    undone = undo_many(desk, "b1", "Dora", NOON)
    assert [(one.before, one.after) for one in undone] == [("cat.large",) * 2, ("cat.large", own(desk, "i0000"))]
    assert standing_labels(desk.store.all()) == {}


def test_a_browsers_undo_of_one_undoes_all_and_its_redo_redoes_all(desk):
    stored = gallery(desk)
    undone = browser(desk, 0, "undo", image_id="i0001", undoes=stored[1].decision_id).stored
    assert sorted(one.undoes for one in undone) == [1, 2, 3]
    assert len({one.batch for one in undone} - {"", "b1"}) == 1
    assert standing_labels(desk.store.all()) == {}
    assert undoable(desk.store.all(), "Ann") == ()
    assert {one.undoes for one in redoable(desk.store.all(), "Ann")} == {1, 2, 3}
    redone = browser(desk, 1, "undo", image_id="i0001", undoes_seq=0).stored
    assert len(redone) == 3
    assert len(standing_labels(desk.store.all())) == 3
    assert undoable(desk.store.all(), "Ann") == stored


def test_a_browsers_undo_sent_again_undoes_nothing_anew_even_after_a_redo(desk):
    stored = gallery(desk)
    once = browser(desk, 0, "undo", image_id="i0001", undoes=stored[1].decision_id)
    browser(desk, 1, "undo", image_id="i0001", undoes_seq=0)
    assert browser(desk, 0, "undo", image_id="i0001", undoes=stored[1].decision_id) == once
    assert len(standing_labels(desk.store.all())) == 3


def test_undoing_a_batch_leaves_what_was_decided_since(desk):
    gallery(desk)
    browser(desk, 0, "relabel", image_id="i0001", after="cat.large")
    undo_many(desk, "b1", "Ann", NOON + timedelta(minutes=1))
    assert standing_labels(desk.store.all()) == {"i0001": "cat.large"}
    with pytest.raises(DecisionError, match="Nothing of batch 'b1' is in force"):
        undo_many(desk, "b1", "Ann", NOON)


def test_undoing_the_undos_is_redo(desk):
    gallery(desk)
    undone = undo_many(desk, "b1", "Ann", NOON)
    undo_many(desk, undone[0].batch, "Ann", NOON)
    assert len(standing_labels(desk.store.all())) == 3


def test_a_batch_with_an_image_that_has_left_the_manifest_can_still_be_undone(desk):
    stored = gallery(desk)
    manifest = desk.workspace.writable / "manifest.csv"
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(line for line in lines if not line.startswith("i0002,")))
    browser(desk, 0, "undo", image_id="i0000", undoes=1)
    assert standing_labels(desk.store.all()) == {}
    assert desk.store.all()[-1].after == stored[2].before


def test_a_browser_joins_its_own_batch_and_nobody_elses(desk):
    gallery(desk)
    (refused,) = browser(desk, 0, "relabel", image_id="i0003", after="cat.large", batch="b1", reviewer="Ben").refused
    assert "Batch 'b1' is Ann's; start one of your own" in str(refused.error)
    assert browser(desk, 1, "relabel", image_id="i0003", after="cat.large", batch="b1").stored
    assert len(undo_many(desk, "b1", "Ann", NOON)) == 4


def test_when_the_disk_fails_half_way_no_undo_is_stored(desk):
    gallery(desk)
    with closing(sqlite3.connect(desk.store.path)) as other:
        other.execute(
            "CREATE TRIGGER fails BEFORE INSERT ON decisions WHEN NEW.undoes = 3"
            " BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END"
        )
    with pytest.raises(WorkspaceError):
        browser(desk, 0, "undo", image_id="i0001", undoes=2)
    assert len(desk.store.all()) == 3


def test_no_two_batches_are_called_alike():
    assert len({new_batch() for _ in range(1000)}) == 1000
