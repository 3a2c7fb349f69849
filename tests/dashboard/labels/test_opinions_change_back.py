"""An annotator's latest file counts, also where it is equal to an earlier one; the same file twice changes nothing."""

import itertools
import multiprocessing
from datetime import timedelta

import pytest

from dashboard.decisions.consensus import in_force, labels_by_person
from dashboard.labels.label_files import LabelFileError
from dashboard.labels.label_import import plan_label_import, store_import
from dashboard.server_state.batch_decisions import undo_many
from dashboard.server_state.open_workspace import Desk
from model_zoo.workspace.workspace import Workspace
from tests.dashboard.labelled_animals import read
from tests.dashboard.labels.test_opinions_imported import NOON, csv_of, pets, store

FILES = {"A": ["cat", "cat"], "B": ["dog", "cat"], "C": ["dog", "dog"]}


def raw_of(name):
    return csv_of(*((f"a{k}", label) for k, label in enumerate(FILES[name])))


def opinions_of(desk, who):
    kept = in_force(desk.store.all())
    return [labels_by_person(one for one in kept if one.image_id == f"a{k}")[who].after for k in range(2)]


@pytest.mark.parametrize("by", ["Ann", ""])
@pytest.mark.parametrize("order", list(itertools.product(FILES, repeat=4)))
def test_the_latest_file_is_the_opinion_in_every_order(tmp_path, order, by):
    desk, last = Desk(pets(tmp_path / "w")), {}
    for k, name in enumerate(order):
        wanted = dict(enumerate(FILES[name]))
        time = NOON + timedelta(hours=k)
        changes = (by and wanted != last) or (not by and wanted != (last or {0: "cat", 1: "cat"}))
        if changes:
            store(desk, raw_of(name), by, time=time)
        else:
            plan = plan_label_import(desk, read(raw_of(name)), "account", time, None, by)
            assert plan.given == ()
            if plan.already:
                with pytest.raises(LabelFileError, match="already"):
                    store_import(desk, plan, time)
            else:
                assert store_import(desk, plan, time) == ()
        last = wanted
        labels = [desk.workspace.space.format(desk.labels("reviewed")[f"a{k}"]) for k in range(2)]
        assert labels == FILES[name]
        if by:
            assert opinions_of(desk, by) == FILES[name]


def test_a_repeated_import_is_undone_alone_and_made_again(tmp_path):
    desk = Desk(pets(tmp_path / "w"))
    batches = [store(desk, raw_of(name), "Ann")[0].batch for name in "ABA"]
    assert len(set(batches)) == 3
    with pytest.raises(LabelFileError, match="undo that import first"):
        store(desk, raw_of("A"), "Ann")
    assert plan_label_import(desk, read(raw_of("A")), "x", NOON, None, "Ann").batch == batches[2]
    undo_many(desk, batches[2], "Ann", NOON)
    assert opinions_of(desk, "Ann") == FILES["B"]
    store(desk, raw_of("A"), "Ann")
    assert opinions_of(desk, "Ann") == FILES["A"]


def _import(folder, barrier):
    desk = Desk(Workspace.open(folder))
    plan = plan_label_import(desk, read(raw_of("A")), "account", NOON, None, "Ann")
    barrier.wait(60)
    store_import(desk, plan, NOON)


def test_two_processes_that_import_the_same_file_again_store_it_once(tmp_path):
    workspace = pets(tmp_path / "w")
    desk = Desk(workspace)
    for name in "AB":
        store(desk, raw_of(name), "Ann")
    n_before = len(desk.store.all())
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    both = [context.Process(target=_import, args=(workspace.writable, barrier)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(120)
    assert [one.exitcode for one in both] == [0, 0]
    assert len(desk.store.all()) == n_before + 1  # A and B differ in one image
    assert opinions_of(desk, "Ann") == FILES["A"]


def test_a_file_without_names_is_stored_once_whoever_imports_it(tmp_path):
    """Two against one keep the label cat, so that the file's dog still differs from it."""
    desk = Desk(pets(tmp_path / "w"))
    for who in ("Bo", "Cy"):
        store(desk, csv_of(("a0", "cat")), who)
    raw = csv_of(("a0", "dog"))
    store(desk, raw, importer="Ann")
    with pytest.raises(LabelFileError, match="already"):
        store(desk, raw, importer="Di")
