"""Queues of one confusion cell and of one class, and who disagrees: counted from the files by pandas."""

import numpy as np
import pandas as pd
import pytest

from dashboard.address.links import Cell, Filter
from dashboard.address.queue import Order
from dashboard.address.selection import Labels, Space
from dashboard.evaluation.comparison import find_subjects
from dashboard.evaluation.confusion_cells import class_cells, wrong_cells
from dashboard.evaluation.filters import images_matching_all
from dashboard.evaluation.queue_order import judge_one, ordered
from dashboard.review.model_disagreement import model_disagreement
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.errors import LinkError, TaxonomyError
from model_zoo.core.label_space.splits import Split

KIND = {"cat": "animal", "dog": "animal", "car": "vehicle", "plane": "vehicle", "logo": "logo"}


@pytest.fixture(scope="module")
def desk(animals):
    return Desk(animals)


@pytest.fixture(scope="module")
def subjects(desk):
    series = {one.card.taxonomy.name: one.series_id for one in desk.series()}
    return find_subjects(desk.series(), [series["things"], series["kinds"]])


@pytest.fixture(scope="module")
def manifest(desk):
    return pd.read_csv(desk.workspace.writable / "manifest.csv", keep_default_na=False).set_index("image_id")


def frames(desk, taxonomy):
    folders = sorted((desk.workspace.writable / "runs").glob(f"{taxonomy}-s*"))
    found = {one.name: pd.read_parquet(one / "predictions_test.parquet").set_index("image_id") for one in folders}
    return {name: frame.rename(columns=lambda column: column.removeprefix("p:")) for name, frame in found.items()}


def queue(desk, subjects, order, cell, space=Space.NATIVE, where=(), only=None):
    return ordered(desk, subjects, order, space, Split.TEST, Labels.ORIGINAL, where=where, only=only, cell=cell)


@pytest.mark.parametrize("space", Space)
def test_a_cell_holds_what_some_run_puts_there_most_runs_first(desk, subjects, manifest, space):
    mapped = (lambda names: names.map(KIND)) if space is Space.COMMON else (lambda names: names)
    true, predicted = ("animal", "vehicle") if space is Space.COMMON else ("cat", "dog")
    n_in = 0
    for frame in frames(desk, "things").values():
        truth = manifest.label.loc[frame.index].str.split(".").str[0]
        n_in += ((mapped(truth) == true) & (mapped(frame.idxmax(axis=1)) == predicted)).astype(int)
    wanted = n_in[n_in > 0].sort_values(ascending=False, kind="stable")
    cell = Cell(subjects[0].subject_id, (true,), (predicted,))
    found = queue(desk, subjects, Order.CELL, cell, space)
    assert [(one.image_id, one.why) for one in found.items] == [
        (image_id, f"{true} called {predicted} by {n} of 3 runs") for image_id, n in wanted.items()
    ]
    short = "common" if space is Space.COMMON else "native"
    assert found.chosen_by == f"one confusion cell: {true} called {predicted}, things · 3 seeds ({short}, test)"
    judged = judge_one(desk, subjects, subjects[0].subject_id, space, Split.TEST, Labels.ORIGINAL)
    offered = wrong_cells(*judged)
    assert offered[cell] == len(wanted)
    assert list(offered.values()) == sorted(offered.values(), reverse=True)
    assert all(one.true != one.predicted for one in offered)
    assert queue(desk, subjects, Order.CELL, None, space).items == (
        queue(desk, subjects, Order.CELL, next(iter(offered)), space).items
    )


def test_a_class_is_all_of_its_images_the_least_likely_first(desk, subjects, manifest):
    mean = sum(frames(desk, "things").values()) / 3
    truth = manifest.label.loc[mean.index].str.split(".").str[0]
    own = mean["dog"][truth == "dog"].sort_values(kind="stable")
    cell = Cell(subjects[0].subject_id, ("dog",))
    found = queue(desk, subjects, Order.CLASS, cell)
    assert [one.image_id for one in found.items] == list(own.index)
    assert found.items[0].why == f"given dog; things · 3 seeds: {own.iloc[0]:.2f} for it"
    assert found.chosen_by == "one class: dog, things · 3 seeds (native, test)"
    judged = judge_one(desk, subjects, subjects[0].subject_id, Space.NATIVE, Split.TEST, Labels.ORIGINAL)
    sizes = {one.true[0]: n for one, n in class_cells(*judged).items()}
    assert sizes == {name: int((truth == name).sum()) for name in sizes}
    assert queue(desk, subjects, Order.CLASS, None).items == (
        queue(desk, subjects, Order.CLASS, Cell(subjects[0].subject_id, (max(sizes, key=sizes.get),))).items
    )


def test_a_class_that_is_not_there_is_one_sentence(desk, subjects):
    with pytest.raises(TaxonomyError, match="horse"):
        queue(desk, subjects, Order.CELL, Cell(subjects[0].subject_id, ("horse",), ("dog",)))


def test_what_has_not_been_seen_is_the_whole_split_as_listed(desk, manifest):
    found = ordered(desk, (), Order.UNSEEN, Space.COMMON, Split.TEST, Labels.ORIGINAL)
    assert [one.image_id for one in found.items] == list(manifest.index[manifest.split == "test"])
    assert found.chosen_by == "not yet seen (test)"


def test_filters_of_several_columns_all_hold_and_values_of_one_are_alternatives(desk, subjects, manifest):
    dataset = desk.dataset()
    column = dataset.column_names[0]
    values = sorted(set(manifest[column]) - {""})[:2]
    patient = manifest.patient_id[(manifest.split == "test") & manifest[column].isin(values)].iloc[0]
    where = (*(Filter(column, value) for value in values), Filter("patient_id", patient))
    only = images_matching_all(where, dataset, dataset.labels)
    assert only == set(manifest.index[manifest[column].isin(values) & (manifest.patient_id == patient)])
    found = queue(desk, subjects, Order.RANDOM, None, where=where, only=only)
    assert {one.image_id for one in found.items} == only & set(manifest.index[manifest.split == "test"])
    assert f"{column} = {values[0]} or {column} = {values[1]}, patient_id = {patient}" in found.chosen_by
    assert images_matching_all((), dataset, dataset.labels) is None
    with pytest.raises(LinkError, match="No image is of patient 'nobody'"):
        images_matching_all((Filter("patient_id", "nobody"),), dataset, dataset.labels)


def test_many_filters_do_not_outgrow_what_a_decision_can_keep(desk, subjects):
    where = tuple(Filter(f"column {k} {'x' * 50}", "y" * 60) for k in range(40))
    for order in Order:
        assert len(queue(desk, subjects, order, None, where=where, only=frozenset({"i0001"})).chosen_by) <= 1_000


def test_who_disagrees_says_so_in_its_own_class_the_surest_of_either_side(desk, subjects):
    runs = frames(desk, "things") | frames(desk, "kinds")
    common = pd.DataFrame({name: one.idxmax(axis=1).map(lambda c: KIND.get(c, c)) for name, one in runs.items()})
    own = pd.DataFrame({name: one.idxmax(axis=1) for name, one in runs.items()})
    share = pd.DataFrame({name: one.max(axis=1) for name, one in runs.items()})
    found = model_disagreement(desk, subjects, Split.TEST, list(common.index))
    differ = common.index[common.nunique(axis=1) > 1]
    assert set(found) == set(differ)
    assert 10 < len(differ) < len(common)
    for image_id in differ:
        row, told = common.loc[image_id], [one.split(": ") for one in found[image_id].split("; ")]
        assert len(told) == 2
        counts = row.value_counts()
        assert sorted(counts[row[run]] for run, _ in told) == sorted(counts.nlargest(2))
        for run, words in told:
            side = row.index[row == row[run]]
            assert share.loc[image_id, run] == pytest.approx(share.loc[image_id, side].max())
            assert words == f"{own.loc[image_id, run]} {share.loc[image_id, run]:.2f}"
    assert model_disagreement(desk, subjects[1:], Split.TRAIN, list(differ)) == {}
    assert np.isfinite(share.to_numpy()).all()
