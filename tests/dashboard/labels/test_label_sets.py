"""Label sets made of what stands, compared, and gone back to under every rule."""

from datetime import UTC, datetime

import hypothesis.strategies as some
import pytest
from hypothesis import given, settings

from dashboard.address.selection import Labels
from dashboard.labels.label_sets import (
    changes_words,
    compare_labels,
    labels_by_name,
    labels_of_name,
    make_label_set,
    restore,
    to_restore,
)  # fmt: skip
from dashboard.runs.train import label_set_words
from dashboard.server_state.batch_decisions import GivenLabel, decide_many, new_batch, undo_many
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.errors import LinkError, WorkspaceError
from model_zoo.core.label_space.splits import Split
from model_zoo.core.review.consensus_rule import Rule
from tests.second_workspace import build

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def say(desk, *said, batch=None):
    return decide_many(desk, [GivenLabel(*one) for one in said], batch or new_batch(), NOON, chosen_by="test")


@pytest.fixture
def desk(fresh_animals):
    return Desk(fresh_animals)


def test_a_set_holds_what_stood_and_never_changes(desk):
    say(desk, ("i0000", "logo", "Ann"))
    made = make_label_set(desk, " after Ann ", "Ann", NOON, " a note ")
    assert (made.name, made.note, made.rule, made.last_decision_id) == ("after Ann", "a note", "latest", 1)
    assert len(made.labels) == 120
    assert made.labels["i0000"] == "logo"
    stood = dict(desk.labels(Labels.REVIEWED))
    say(desk, ("i0000", "cat.small", "Bob"), ("i0001", "logo", "Bob"))
    assert desk.label_set("after Ann") == stood
    assert Desk(desk.workspace).label_set("after Ann") == stood
    assert labels_by_name(desk) == ("original", "standing", "after Ann")
    with pytest.raises(WorkspaceError, match="none is ever written over"):
        make_label_set(desk, "after Ann", "Eve", NOON)
    assert desk.label_sets().usable["after Ann"].made_by == "Ann"


def test_damaged_files_are_said_and_not_used(desk):
    make_label_set(desk, "good", "Ann", NOON)
    folder = desk.workspace.writable / "label_sets"
    (folder / "bad.json").write_text("{")
    (folder / "notes.txt").write_text("no set")
    sets = desk.label_sets()
    assert list(sets.usable) == ["good"]
    (sentence,) = sets.damaged
    assert "bad.json cannot be used" in sentence
    with pytest.raises(LinkError, match=r"no label set 'bad' here; it has good\."):
        desk.label_set("bad")
    (folder / "good.json").unlink()
    assert dict(desk.label_sets().usable) == {}


def test_what_changed_by_class_and_by_label(desk):
    labels, kinds = desk.dataset().labels, desk.workspace.taxonomy("kinds")
    cats = [one for one, label in labels.items() if label == {"cat.small"}][:3]
    make_label_set(desk, "before", "Ann", NOON)
    say(desk, (cats[0], "dog.small", "Ann"), (cats[1], "car.small", "Ann"), (cats[2], "*.small", "Ann"))
    found = compare_labels(desk, "before", "standing", kinds)
    assert {(one.source, one.target, one.image_ids) for one in found.flows} == {
        ("animal", "animal", (cats[0],)), ("animal", "vehicle", (cats[1],)), ("animal", None, (cats[2],)),
    }  # fmt: skip
    assert {(one.source, one.target) for one in found.by_leaf} == {
        ("cat.small", "dog.small"), ("cat.small", "car.small"), ("cat.small", "cat.small|dog.small|car.small"),
    }  # fmt: skip
    animal, vehicle, logo, none = found.counts
    n_animals = sum(kinds.place(label) == 0 for label in labels.values())
    assert (animal.before, animal.after, animal.came, animal.left) == (n_animals, n_animals - 2, 0, 2)
    assert (vehicle.after - vehicle.before, vehicle.came, none.came, none.after) == (1, 1, 1, 1)
    assert (logo.came, logo.left) == (0, 0)
    assert changes_words(found.changes, "before", "standing") == "3 of 120 images changed label."
    assert compare_labels(desk, "original", "before", None).changes.changed == ()
    with pytest.raises(LinkError, match="there are original, standing, before"):
        labels_of_name(desk, "after")


decided = some.lists(
    some.tuples(
        some.sampled_from([f"i{k:04d}" for k in range(6)]),
        some.sampled_from(["cat.small", "dog.small", "*.small", "logo"]),
        some.sampled_from(["Ann", "Bob", "Eve"]),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build(tmp_path_factory.mktemp("animals")).writable


@pytest.mark.parametrize("rule", list(Rule))
@given(first=decided, second=decided)
@settings(max_examples=25)
def test_going_back_makes_the_labels_equal_and_one_undo_takes_it_back(folder, rule, first, second):
    """Whatever was decided before and after, under every rule; the history only grows."""
    from model_zoo.workspace.workspace import Workspace

    for path in (*folder.glob("decisions.sqlite*"), *folder.glob("label_sets/*")):
        path.unlink()
    desk = Desk(Workspace.open(folder))
    desk.workspace.review_rule = rule
    for one in first:
        say(desk, one)
    made = make_label_set(desk, "back", "Ann", NOON)
    wanted = dict(labels_of_name(desk, "standing"))
    for one in second:
        say(desk, one)
    history, stood = desk.store.all(), dict(labels_of_name(desk, "standing"))
    foretold = to_restore(desk, made)
    batch = new_batch()
    stored = restore(desk, made, "Carl", batch, NOON)
    assert labels_of_name(desk, "standing") == wanted
    assert {one.image_id for one in stored} == set(foretold) == {one for one in wanted if stood[one] != wanted[one]}
    assert desk.store.all()[: len(history)] == history
    assert {one.chosen_by for one in stored} <= {"restored from label set back"}
    assert restore(desk, made, "Carl", new_batch(), NOON) == ()
    if stored:
        undo_many(desk, batch, "Carl", NOON)
        assert labels_of_name(desk, "standing") == stood
    desk.store.close()


def test_training_says_what_a_set_changes(desk):
    train = [image.image_id for image in desk.dataset().split(Split.TRAIN)]
    test = desk.dataset().split(Split.TEST)[0].image_id
    say(desk, (train[0], "*", "Ann"), (train[1], "*", "Ann"), (test, "*", "Ann"))
    made = make_label_set(desk, "some", "Ann", NOON)
    named, what = f"label set 'some' ({made.sha256[:12]})", "2 of 30 training images"
    words = label_set_words(desk.dataset(), made)
    assert words == f"Labels of {named}: {what} have another label than in the manifest."
