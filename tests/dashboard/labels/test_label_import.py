"""Labels made elsewhere: a dry run says what will change, then exactly that is stored, once, and undone as one."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dashboard.decisions.decision import Answer
from dashboard.labels.import_history import label_batches
from dashboard.labels.label_files import LabelFileError
from dashboard.labels.label_import import Fate, label_import_words, plan_label_import, store_import
from dashboard.labels.label_sets import labels_of_name
from dashboard.server_state.batch_decisions import GivenLabel, decide_many, undo_many
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.review.consensus_rule import Rule
from model_zoo.workspace.workspace import Workspace
from tests.dashboard.labelled_animals import read

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def desk(fresh_animals: Workspace) -> Desk:
    return Desk(fresh_animals)


@pytest.fixture
def under(desk: Desk) -> Callable[[Rule], Desk]:
    """The desk, its workspace under another rule."""

    def ruled(rule: Rule) -> Desk:
        desk.workspace.review_rule = rule
        return desk

    return ruled


def csv(*lines: str) -> bytes:
    return "\n".join(["image,label,reviewer", *lines]).encode()


def now(desk: Desk, image_id: str) -> str:
    return desk.workspace.space.format(labels_of_name(desk, "standing")[image_id])


def other(desk: Desk, image_id: str) -> str:
    """A leaf that the image is not."""
    return next(leaf for leaf in desk.workspace.space.leaves if leaf != now(desk, image_id))


def test_the_dry_run_counts_every_line_and_stores_nothing(desk: Desk) -> None:
    decide_many(desk, [GivenLabel("i0009", "*", "Ann")], "b", NOON, chosen_by="test")
    file = read(
        csv(f"i0000,{other(desk, 'i0000')},Eve", f"i0001,{now(desk, 'i0001')},Eve", f"i0002,{now(desk, 'i0002')},",
            "i0009,cat.small,Eve", "nowhere,cat.small,Eve", "i0003,unicorn.small,Eve", "i0004,plane.small,Eve")
    )  # fmt: skip
    plan = plan_label_import(desk, file, "Bob", NOON)
    # i0009 said nothing so far; i0000 another label; two as they stand; plane.small is a combination that cannot be
    assert plan.fates == {Fate.NEW: 1, Fate.CHANGED: 1, Fate.EQUAL: 2}
    assert [one.split(":")[0] for one in plan.unknown] == ["line 6"]
    assert [one.split(":")[0] for one in plan.unreadable] == ["line 7", "line 8"]
    assert label_import_words(plan).startswith(
        "7 labels in the file: 1 new, 1 changed, 2 equal; 1 of unknown images, 2 unreadable."
    )
    assert [(one.image_id, one.reviewer) for one in plan.given] == [
        ("i0000", "Eve"),
        ("i0001", "Eve"),
        ("i0009", "Eve"),
    ]
    assert plan.changed == ("i0000", "i0009")
    assert len(desk.store.all()) == 1


def test_what_is_stored_is_what_was_said(desk: Desk) -> None:
    file = read(csv(f"i0000,{other(desk, 'i0000')},Eve", f"i0001,{other(desk, 'i0001')},"), "clinic list.csv")
    plan = plan_label_import(desk, file, " Bob ", NOON)
    stored = store_import(desk, plan, NOON)
    assert [(one.image_id, one.reviewer, one.answer) for one in stored] == [
        ("i0000", "Eve", Answer.RELABEL), ("i0001", "Bob", Answer.RELABEL),
    ]  # fmt: skip
    assert {one.chosen_by for one in stored} == {"imported from clinic list.csv"}
    assert {one.client_id for one in stored} == {f"import-{file.sha256[:40]}"}
    labels = labels_of_name(desk, "standing")
    assert {one: labels[one] for one in plan.after} == plan.after


def test_a_file_is_stored_once_whatever_its_name_and_whoever_imports_it(desk: Desk) -> None:
    raw = csv(f"i0000,{other(desk, 'i0000')},", f"i0001,{other(desk, 'i0001')},Eve")
    plan = plan_label_import(desk, read(raw), "Bob", NOON)
    stored = store_import(desk, plan, NOON)
    assert store_import(desk, plan, NOON) == stored  # the same click twice
    again = plan_label_import(desk, read(raw, "copy.csv"), "Carl", NOON)
    assert "imported on 2026-01-01 12:00 UTC already (2 decisions" in again.already
    with pytest.raises(LabelFileError, match="undo that import first"):
        store_import(desk, again, NOON)
    assert len(desk.store.all()) == 2


def test_an_import_is_undone_as_one_and_can_be_made_again(desk: Desk) -> None:
    before = dict(labels_of_name(desk, "standing"))
    raw = csv(*(f"i{k:04d},{other(desk, f'i{k:04d}')},Eve" for k in range(20)))
    plan = plan_label_import(desk, read(raw), "Bob", NOON)
    stored = store_import(desk, plan, NOON)
    undo_many(desk, plan.batch, "Bob", NOON)
    assert labels_of_name(desk, "standing") == before
    (done,) = label_batches(desk)
    assert (done.words, done.n_decisions, done.is_in_force) == ("imported from labels.csv", 20, False)
    undo_many(desk, done.turn, "Bob", NOON)  # and brought back
    assert label_batches(desk)[0].is_in_force
    assert label_batches(desk)[0].turn == plan.batch
    undo_many(desk, plan.batch, "Bob", NOON)
    again = plan_label_import(desk, read(raw), "Bob", NOON)
    assert again.already == ""
    assert len(store_import(desk, again, NOON)) == len(stored)
    assert [one.is_in_force for one in label_batches(desk)] == [True, False]


@pytest.mark.parametrize("rule", list(Rule))
def test_the_dry_run_foretells_the_standing_labels_under_every_rule(under, rule: Rule) -> None:
    desk = under(rule)
    decide_many(desk, [GivenLabel(f"i{k:04d}", "dog.small", "Ann") for k in range(6)], "b", NOON, chosen_by="test")
    lines = [
        f"i{k:04d},{'cat.small' if k % 2 else 'dog.small'},{who}" for k in range(9) for who in ("Eve", "Bob")[: k % 3]
    ]
    plan = plan_label_import(desk, read(csv(*lines)), "", NOON)
    untouched = {one: label for one, label in labels_of_name(desk, "standing").items() if one not in plan.after}
    store_import(desk, plan, NOON)
    labels = labels_of_name(desk, "standing")
    assert {one: labels[one] for one in plan.after} == plan.after
    assert {one: labels[one] for one in untouched} == untouched
    if rule is Rule.MAJORITY:  # two of three say cat about i0005; i0001 has one cat against one dog: a tie
        assert now(desk, "i0005") == "cat.small"
        assert now(desk, "i0001") == desk.workspace.space.format(desk.dataset().labels["i0001"])


def test_people_who_say_what_stands_count_too_but_only_once(desk: Desk) -> None:
    raw = csv(f"i0000,{now(desk, 'i0000')},Eve", f"i0000,{now(desk, 'i0000')},Bob", f"i0001,{now(desk, 'i0001')},")
    plan = plan_label_import(desk, read(raw), "Carl", NOON)
    assert [one.reviewer for one in plan.given] == ["Eve", "Bob"]
    assert {one.answer for one in store_import(desk, plan, NOON)} == {Answer.CONFIRM}
    longer = plan_label_import(desk, read(raw + b"\n"), "Carl", NOON)
    assert longer.given == ()


def test_class_names_change_only_what_the_class_settles(desk: Desk) -> None:
    kinds, labels = desk.workspace.taxonomy("kinds"), desk.dataset().labels
    car = next(one for one, label in labels.items() if label == {"car.large"})
    cat = next(one for one, label in labels.items() if label == {"cat.small"})
    logo, free = next(one for one, label in labels.items() if label == {"logo"}), "i0119"
    file = read(csv(f"{car},animal,Eve", f"{cat},animal,Eve", f"{free},nothing,Eve", f"{logo},logo,Eve"))
    plan = plan_label_import(desk, file, "", NOON, kinds)
    assert {one.image_id: one.label for one in plan.given} == {
        car: "cat.large|dog.large",
        cat: "cat.small",
        logo: "logo",
    }
    assert "'nothing' is neither a class of 'kinds' nor a label" in plan.unreadable[0]
    store_import(desk, plan, NOON)
    assert {one.taxonomy for one in desk.store.all()} == {"kinds.v1"}
    without = plan_label_import(desk, file, "", NOON)
    assert len(without.unreadable) == 3  # animal, twice, and nothing


def test_images_are_found_by_id_by_path_and_by_the_name_of_their_file(desk: Desk) -> None:
    lines = ("i0000", " i0001 ", "images/0002.png", "images\\0003.png", "0004.png", "0005", "elsewhere/0006.png")
    plan = plan_label_import(desk, read(csv(*(f"{one},logo,Eve" for one in lines))), "", NOON)
    assert sorted({*plan.after}) == [f"i000{k}" for k in range(7)]
    assert plan.unknown == ()


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (("i0000,cat.small,Eve", "i0000,dog.small,Eve"), "line 3 and line 2 give image 'i0000' two labels by Eve"),
        (("i0000,cat.small,", "images/0000.png,dog.small,"), "two labels by nobody"),
        (("i0000,cat.small," + "x" * 101,), "line 2: the reviewer's name"),
        (("i0000,cat.small,a\tb",), "one line of at most 100 characters"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(desk: Desk, lines, says) -> None:
    with pytest.raises(LabelFileError, match=says):
        plan_label_import(desk, read(csv(*lines)), "", NOON)


def test_labels_in_nobodys_name_are_not_stored(desk: Desk) -> None:
    plan = plan_label_import(desk, read(csv(f"i0000,{other(desk, 'i0000')},")), " ", NOON)
    with pytest.raises(LabelFileError, match="in whose name"):
        store_import(desk, plan, NOON)
    assert store_import(desk, replace(plan, given=(replace(plan.given[0], reviewer="Ann"),)), NOON)
