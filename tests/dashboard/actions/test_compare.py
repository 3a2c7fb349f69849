"""Subjects side by side: the numbers against the Parquet files, counted by other code."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix

from dashboard.actions import queueing
from dashboard.actions.browse import Filters, Right, browse
from dashboard.actions.compare import all_subjects, compare, find_subjects
from dashboard.links import Cell
from model_zoo.core.choices import Per, Space, Split
from model_zoo.core.errors import LinkError
from model_zoo.core.evaluation import accuracy

KIND = {"cat": "animal", "dog": "animal", "car": "vehicle", "plane": "vehicle", "logo": "logo"}


def judged(animals, space, *names):
    series = {one.card.taxonomy.name: one.series_id for one in animals.series()}
    subjects = find_subjects(animals.series(), [series.get(name, name) for name in names])
    dataset = animals.dataset()
    return compare(subjects, space, Split.TEST, dataset.labels, dataset.patients)


def table(animals, run_id):
    """Truth and answer per test image, read with pandas from the files alone."""
    frame = pd.read_parquet(animals.writable / "runs" / run_id / "predictions_test.parquet").set_index("image_id")
    frame.columns = [name.removeprefix("p:") for name in frame.columns]
    manifest = pd.read_csv(animals.writable / "manifest.csv").set_index("image_id")
    return pd.DataFrame({"said": frame.idxmax(axis=1), "label": manifest.label.loc[frame.index]})


def test_common_ground_figures_equal_those_counted_from_the_files(animals):
    comparison = judged(animals, Space.COMMON, "things", "kinds")
    assert comparison.ground.name == "kinds"
    figure = accuracy(comparison.evaluations[0])
    for k in range(3):
        rows = table(animals, f"things-s{k}")
        truth, said = rows.label.str.split(".").str[0].map(KIND), rows.said.map(KIND)
        assert figure.per_run[k] == pytest.approx(accuracy_score(truth, said), abs=1e-12)
        theirs = confusion_matrix(truth, said, labels=["animal", "vehicle", "logo"])
        assert (comparison.evaluations[0].confusions[k].per(Per.COUNT) == theirs).all()


def test_native_judges_each_in_its_own_classes(animals):
    comparison = judged(animals, Space.NATIVE, "things", "kinds")
    assert [len(one.taxonomy.classes) for one in comparison.evaluations] == [5, 3]


def test_taxonomies_that_cross_keep_only_what_both_tell_apart(animals):
    ground = judged(animals, Space.COMMON, "kinds", "sizes").ground
    assert sorted(map(len, ground.classes.values())) == [1, len(animals.space.leaves) - 1]


def test_the_images_of_a_cell_are_as_many_as_it_counts(animals):
    comparison = judged(animals, Space.COMMON, "things", "kinds")
    subject, evaluation = comparison.of(comparison.subjects[0].subject_id)
    dataset = animals.dataset()
    for i, true in enumerate(evaluation.taxonomy.names):
        for j, predicted in enumerate(evaluation.taxonomy.names):
            cell = Cell(subject.subject_id, true, predicted)
            listed = browse(dataset, dataset.labels, Split.TEST, Filters(), (subject, evaluation, Split.TEST), cell)
            total = sum(one.n_in_cell for one in listed)
            assert total == pytest.approx(3 * evaluation.confusion.counts[i, j])
            assert all(one.n_in_cell for one in listed)


def test_right_and_wrong_split_the_data_set(animals):
    comparison = judged(animals, Space.NATIVE, "things")
    dataset, given = animals.dataset(), (*comparison.of(comparison.subjects[0].subject_id), Split.TEST)
    n = {right: len(browse(dataset, dataset.labels, Split.TEST, Filters(right=right), given)) for right in Right}
    assert n[Right.RIGHT] + n[Right.WRONG] == n[Right.ANY] == 60
    wrong_somewhere = np.zeros(60, bool)
    for k in range(3):
        rows = table(animals, f"things-s{k}")
        wrong_somewhere |= (rows.said != rows.label.str.split(".").str[0]).to_numpy()
    assert n[Right.WRONG] == wrong_somewhere.sum()


def test_the_queue_holds_what_any_run_gets_wrong_most_runs_first(animals):
    comparison = judged(animals, Space.COMMON, "things", "kinds")
    queue = queueing.wrong_in_any(comparison)
    n_wrong = sum((~one.right).sum(axis=0) for one in comparison.evaluations)
    assert [item.n_wrong for item in queue] == sorted(n_wrong[n_wrong > 0], reverse=True)
    assert {item.n_runs for item in queue} == {5}


def test_an_unknown_run_is_one_sentence(animals):
    with pytest.raises(LinkError, match="no run or series 'nothing'"):
        find_subjects(animals.series(), ["nothing"])


def test_every_series_and_run_is_a_subject(animals):
    assert len(all_subjects(animals.series())) == 3 + 6
