"""Subjects side by side: the numbers against the Parquet files, counted by other code."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix

from dashboard.address.links import Cell
from dashboard.address.selection import Labels, Space
from dashboard.evaluation.cell_images import Filters, Judged, Right, Sure, list_images
from dashboard.evaluation.comparison import all_subjects, compare, find_subjects, named_subjects
from model_zoo.core.errors import LinkError
from model_zoo.core.evaluation.confusion import Per
from model_zoo.core.evaluation.evaluation import accuracy
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.run import read_run, write_run

KIND = {"cat": "animal", "dog": "animal", "car": "vehicle", "plane": "vehicle", "logo": "logo"}


def judged(animals, space, *names):
    series = {one.card.taxonomy.name: one.series_id for one in animals.series()}
    subjects = find_subjects(animals.series(), [series.get(name, name) for name in names])
    dataset = animals.dataset()
    return compare(subjects, space, Split.TEST, Labels.ORIGINAL, dataset.labels, dataset.patients)


def asked(animals, space, *names):
    """The first of the named series, judged beside the others."""
    comparison = judged(animals, space, *names)
    subject, evaluation = comparison.of(comparison.subjects[0].subject_id)
    return Judged(subject, evaluation, tuple(run.predictions(Split.TEST) for run in subject.runs))


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
    given, dataset = asked(animals, Space.COMMON, "things", "kinds"), animals.dataset()
    evaluation, subject_id = given.evaluation, given.subject.subject_id
    for i, true in enumerate(evaluation.taxonomy.names):
        for j, predicted in enumerate(evaluation.taxonomy.names):
            cell = Cell(subject_id, (true,), (predicted,))
            listed = list_images(dataset, dataset.labels, Split.TEST, Filters(), given, cell)
            total = sum(one.n_in_cell for one in listed)
            assert total == pytest.approx(3 * evaluation.confusion.counts[i, j])
            assert all(one.n_in_cell for one in listed)


def test_the_images_that_an_f1_rests_on_are_of_the_class_or_called_so(animals):
    given, dataset = asked(animals, Space.NATIVE, "things"), animals.dataset()
    cell = Cell(given.subject.subject_id, either="dog")
    listed = list_images(dataset, dataset.labels, Split.TEST, Filters(), given, cell)
    tables = [table(animals, f"things-s{k}") for k in range(3)]
    inside = sum(((one.said == "dog") | one.label.str.startswith("dog.")).astype(int) for one in tables)
    assert {one.image.image_id: one.n_in_cell for one in listed} == dict(inside[inside > 0])


def test_right_and_wrong_split_the_data_set(animals):
    given, dataset = asked(animals, Space.NATIVE, "things"), animals.dataset()
    n = {right: len(list_images(dataset, dataset.labels, Split.TEST, Filters(right=right), given)) for right in Right}
    assert n[Right.RIGHT] + n[Right.WRONG] == n[Right.ANY] == 60
    wrong_somewhere = np.zeros(60, bool)
    for k in range(3):
        rows = table(animals, f"things-s{k}")
        wrong_somewhere |= (rows.said != rows.label.str.split(".").str[0]).to_numpy()
    assert n[Right.WRONG] == wrong_somewhere.sum()


def test_the_confidence_shown_is_that_of_the_class_shown(animals):
    """On common ground a class's probability is the sum of its own classes', over the runs that say it."""
    given, dataset = asked(animals, Space.COMMON, "things", "kinds"), animals.dataset()
    listed = list_images(dataset, dataset.labels, Split.TEST, Filters(), given)
    frames = []
    for k in range(3):
        frame = pd.read_parquet(animals.writable / "runs" / f"things-s{k}" / "predictions_test.parquet")
        frames.append(frame.set_index("image_id").rename(columns=lambda name: name.removeprefix("p:")))
    for one in listed:
        rows = [frame.loc[one.image.image_id] for frame in frames]
        saying = [row for row in rows if KIND[row.idxmax()] == one.said]
        assert len(saying) * 2 > len(rows) or len(saying) == 1
        sums = [sum(p for name, p in row.items() if KIND[name] == one.said) for row in saying]
        assert one.confidence == pytest.approx(np.mean(sums), abs=1e-6)
    bands = [len(list_images(dataset, dataset.labels, Split.TEST, Filters(sure=sure), given)) for sure in Sure]
    assert bands[0] == sum(bands[1:]) == 60
    below = list_images(dataset, dataset.labels, Split.TEST, Filters(sure=Sure.BELOW_50), given)
    assert {one.image.image_id for one in below} == {one.image.image_id for one in listed if one.confidence < 0.5}


def test_figures_say_what_they_stand_on(animals):
    common = judged(animals, Space.COMMON, "things", "kinds")
    patients = pd.read_csv(animals.writable / "manifest.csv").query("split == 'test'").patient_id.nunique()
    basis = f"Common ground (kinds, 3 classes); test split, original labels, 60 images of {patients} patients"
    assert common.basis(common.evaluations[0]) == basis
    native = judged(animals, Space.NATIVE, "things", "kinds")
    assert native.basis(native.evaluations[0]).startswith("Classes of things (5); test split, original labels")


def test_an_unknown_run_is_one_sentence(animals):
    with pytest.raises(LinkError, match="no run or series 'nothing'"):
        find_subjects(animals.series(), ["nothing"])


def test_every_series_and_run_is_a_subject(animals):
    assert len(all_subjects(animals.series())) == 3 + 6


def titled(workspace, *names):
    return [one.title for one in named_subjects(workspace.series(), names)]


def test_what_stands_on_screen_names_a_subject(fresh_animals):
    runs = fresh_animals.writable / "runs"
    for k in range(2):
        card = replace(read_run(runs / f"kinds-s{k}").card, run_id=f"coarse-s{k}", recipe={"version": 2})
        write_run(card, runs, b"", [], {})
    assert titled(fresh_animals, "coarse", "things · 3 seeds") == ["coarse · 2 seeds", "things · 3 seeds"]
    assert titled(fresh_animals, "kinds") == ["kinds · 2 seeds"]  # two series of the taxonomy, one such name on screen
    with pytest.raises(LinkError, match=r"no run or series 'fin' here; .*coarse · 2 seeds \(kinds-\w+\)"):
        titled(fresh_animals, "fin")
    card = replace(read_run(runs / "things-s0").card, run_id="coarse-s7", seed=7, recipe={"version": 3})
    write_run(card, runs, b"", [], {})
    could = r"'coarse' could be coarse · 1 seed \(things-\w+\) or coarse · 2 seeds \(kinds-\w+\); give the id"
    with pytest.raises(LinkError, match=could):
        titled(fresh_animals, "coarse")
