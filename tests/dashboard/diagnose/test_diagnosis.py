"""Diagnosis of runs and series: the numbers against the Parquet files and the manifest, counted by other code."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import recall_score

from dashboard.address.selection import Labels
from dashboard.decisions.decision import Answer
from dashboard.diagnose import diagnosis_words
from dashboard.diagnose.diagnosis import Evidence, coarser_spaces, diagnose, find_coarser, retrained, training_images
from dashboard.evaluation.annotator_agreement import people_of
from dashboard.evaluation.comparison import find_subjects
from model_zoo.core.diagnosis.diagnosis import Cause
from model_zoo.core.errors import LinkError
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.workspace import PROJECT, Workspace
from tests.dashboard.histories import decision, undo

KIND = {"cat": "animal", "dog": "animal", "car": "vehicle", "plane": "vehicle", "logo": "logo"}
THINGS = list(KIND)


def subjects(workspace, *names):
    series = {one.card.taxonomy.name: one.series_id for one in workspace.series()}
    return find_subjects(workspace.series(), [series.get(name, name) for name in names])


def diagnosed(workspace, name, coarser, decisions=()):
    (subject,) = subjects(workspace, name)
    dataset = workspace.dataset()
    stored = [run.predictions(Split.TEST) for run in subject.runs]
    space = workspace.taxonomy(coarser)
    return diagnose(subject, space, Split.TEST, Labels.ORIGINAL, dataset.labels, dataset, stored, decisions)


def frames(workspace, name):
    """Per run of a series: what each class is given, and the true class, with pandas from the files alone."""
    manifest = pd.read_csv(workspace.writable / "manifest.csv").set_index("image_id")
    for folder in sorted((workspace.writable / "runs").glob(f"{name}-s*")):
        frame = pd.read_parquet(folder / "predictions_test.parquet").set_index("image_id")
        frame.columns = [column.removeprefix("p:") for column in frame.columns]
        yield frame, manifest.label.loc[frame.index].str.split(".").str[0]


def test_supports_are_counted_in_the_training_split(animals):
    manifest = pd.read_csv(animals.writable / "manifest.csv").query("split == 'train'")
    wanted = manifest.label.str.split(".").str[0].value_counts()
    training, left_out = training_images(animals.taxonomy("things"), animals.dataset())
    assert training.tolist() == [wanted.get(name, 0) for name in THINGS]
    assert left_out == 0


def test_training_images_that_no_class_holds_are_counted_apart(fresh_animals):
    path = fresh_animals.writable / "manifest.csv"
    manifest = pd.read_csv(path)
    row = manifest.index[manifest.split == "train"][0]
    manifest.loc[row, "label"] = "*.large"
    manifest.to_csv(path, index=False)
    training, left_out = training_images(fresh_animals.taxonomy("things"), fresh_animals.dataset())
    assert (training.sum(), left_out) == ((manifest.split == "train").sum() - 1, 1)


def test_of_an_imported_run_nobody_knows_what_it_was_trained_on(fresh_animals):
    (path,) = (fresh_animals.writable / "runs").glob("sizes-s*/card.json")
    card = json.loads(path.read_text())
    card["recipe"]["imported_from"] = "best.pth"
    path.write_text(json.dumps(card))
    unknown = (
        "What it was trained on is not known, as it was imported; counted are the training images of this workspace."
    )
    assert diagnosis_words.class_imbalance(diagnosed(fresh_animals, "sizes", "sizes")).startswith(unknown)
    assert unknown not in diagnosis_words.class_imbalance(diagnosed(fresh_animals, "things", "kinds"))


def test_without_training_images_nothing_is_said_of_them(fresh_animals):
    path = fresh_animals.writable / "manifest.csv"
    manifest = pd.read_csv(path)
    manifest.loc[manifest.split == "train", "split"] = "none"
    manifest.to_csv(path, index=False)
    found = diagnosed(fresh_animals, "things", "kinds")
    said = diagnosis_words.cause_finding(Cause.IMBALANCE, found)
    assert "is not known" in diagnosis_words.class_imbalance(found)
    assert said.sentence.startswith("Nobody knows")
    assert [evidence for evidence, _ in said.gains] == [Evidence.NOT_IDENTIFIABLE]


def test_commands_name_the_workspace(animals):
    said = diagnosis_words.cause_finding(Cause.CAPACITY, diagnosed(animals, "things", "kinds"), animals.folders)
    assert f"--architecture NAME --workspace {animals.writable}`" in said.gains[-1][1]


def test_the_figures_are_those_counted_from_the_files(animals):
    found = diagnosed(animals, "things", "kinds")
    runs = list(frames(animals, "things"))
    said = [frame.idxmax(axis=1) for frame, _ in runs]
    truth = runs[0][1]
    recalls = np.mean([recall_score(truth, one, labels=THINGS, average=None) for one in said], axis=0)
    assert [one.mean for one in found.recalls] == pytest.approx(recalls)
    assert found.recall_and_support.value == pytest.approx(spearmanr(recalls, found.training).statistic)
    assert found.measures[Cause.IMBALANCE].value == pytest.approx(found.recall_and_support.value)
    calls = [np.mean([(one == name).sum() for one in said]) for name in THINGS]
    assert [one.value for one in found.prediction_ratios] == pytest.approx(
        [c / (truth == n).sum() for c, n in zip(calls, THINGS)]
    )
    inside = np.mean([((one != truth) & (one.map(KIND) == truth.map(KIND))).mean() for one in said])
    across = np.mean([(one.map(KIND) != truth.map(KIND)).mean() for one in said])
    assert (found.errors.inside.value, found.errors.across.value) == pytest.approx((inside, across))
    for pair in found.pairs:
        one, other = THINGS[pair.first], THINGS[pair.second]
        assert pair.first_as_second == pytest.approx(np.mean([((truth == one) & (s == other)).sum() for s in said]))


def test_what_summing_changes_is_that_counted_from_the_files(animals):
    found = diagnosed(animals, "things", "kinds")
    gained = pd.Series(0, index=found.evaluation.image_ids)
    lost = gained.copy()
    for frame, truth in frames(animals, "things"):
        summed = frame.T.groupby(KIND).sum().T.idxmax(axis=1)
        mapped, true = frame.idxmax(axis=1).map(KIND), truth.map(KIND)
        gained = gained.add((summed == true) & (mapped != true))
        lost = lost.add((summed != true) & (mapped == true))
    assert gained.sum() > 0
    assert found.newly_correct.tolist() == gained.loc[list(found.evaluation.image_ids)].tolist()
    assert found.newly_incorrect.tolist() == lost.loc[list(found.evaluation.image_ids)].tolist()
    net = (gained.sum() - lost.sum()) / (3 * len(gained))
    assert found.measures[Cause.CAPACITY].value == pytest.approx(net)
    listed = found.images(found.newly_correct)
    assert dict(listed) == {name: n for name, n in gained.items() if n}
    assert [n for _, n in listed] == sorted((n for _, n in listed), reverse=True)


def test_a_group_is_judged_as_one_class_would_be(animals):
    found = diagnosed(animals, "things", "kinds")
    assert [one.group.name for one in found.groups] == []  # a thing is of any size: these classes share nothing
    assert not found.measures[Cause.SCATTER].can_tell


def test_every_cause_says_what_stands_behind_its_gain(animals):
    found = diagnosed(animals, "things", "kinds")
    assert list(found.gains) == list(found.measures) == list(Cause)
    for gains in found.gains.values():
        assert gains[0].evidence is Evidence.BOUND
        assert all(np.isnan(one.share.value) for one in gains if one.evidence is Evidence.NOT_IDENTIFIABLE)


def test_what_retraining_changed_is_counted_in_the_coarser_classes(animals):
    accuracies = retrained([diagnosed(animals, name, "kinds") for name in ("things", "kinds")])
    wanted = np.mean([(f.idxmax(axis=1).map(KIND) == truth.map(KIND)).mean() for f, truth in frames(animals, "things")])
    assert accuracies[0].mean == pytest.approx(wanted)
    wanted = np.mean([(f.idxmax(axis=1) == truth.map(KIND)).mean() for f, truth in frames(animals, "kinds")])
    assert accuracies[1].mean == pytest.approx(wanted)


def test_one_subject_is_seen_from_the_taxonomies_that_it_refines(animals):
    known = animals.taxonomies()
    assert list(coarser_spaces(subjects(animals, "things"), known, ())) == ["kinds"]  # sizes cuts across things
    assert list(coarser_spaces(subjects(animals, "kinds"), known, ())) == ["kinds"]  # it refines none: its own classes
    assert list(coarser_spaces(subjects(animals, "things-s0", "things-s1"), known, ())) == ["kinds"]


def test_a_pair_is_seen_from_its_common_ground_first(animals):
    spaces = coarser_spaces(subjects(animals, "kinds", "sizes"), animals.taxonomies(), ())
    assert len(next(iter(spaces.values())).classes) == 2
    assert list(coarser_spaces(subjects(animals, "things", "kinds"), animals.taxonomies(), ())) == ["kinds"]


def test_the_taxonomies_that_the_workspace_opens_with_come_first():
    opening = tomllib.loads((PROJECT / "model_zoo" / "sample_images" / "workspace.toml").read_text())["opening"]
    demo = Workspace((Path("nowhere"), PROJECT / "model_zoo" / "sample_images", PROJECT / "model_zoo"))
    fine = [one for one in demo.series() if one.card.taxonomy.name == opening[0]]
    spaces = coarser_spaces(find_subjects(demo.series(), [fine[0].series_id]), demo.taxonomies(), demo.opening)
    assert next(iter(spaces)) == opening[1]


def test_an_unknown_coarser_space_is_one_sentence(animals):
    spaces = coarser_spaces(subjects(animals, "things"), animals.taxonomies(), ())
    assert find_coarser(spaces, None).name == find_coarser(spaces, "kinds").name == "kinds"
    with pytest.raises(LinkError, match="no coarser space 'sizes' here; it can be kinds"):
        find_coarser(spaces, "sizes")


def test_two_people_about_one_image_are_counted_by_the_classes_they_gave(animals):
    said = [
        decision(1, image_id="i", before="*", after="cat.small"),
        decision(2, image_id="i", before="*", after="dog.small", reviewer="Bob"),
        decision(3, image_id="j", before="*", after="car.large"),
        decision(4, image_id="j", answer=Answer.CONFIRM, before="car.large", after="car.large", reviewer="Bob"),
        decision(5, image_id="k", before="*", after="cat.small"),
        decision(6, image_id="i", before="*", after="logo", reviewer="Eve"),
        undo(7, 6, image_id="i", before="logo", after="dog.small", reviewer="Eve"),
        decision(8, image_id="k", before="*", after="*.small", reviewer="Bob"),  # of no one class
        decision(9, image_id="k", answer=Answer.SKIP, before="*", after="*", reviewer="Eve"),
        decision(10, image_id="l", before="*", after="gone.by", reviewer="Bob"),  # a label of an older declaration
    ]
    people = people_of(said, animals.taxonomy("things"), animals.space)
    assert (people.n_people, people.n_images) == (2, 3)
    wanted = np.zeros((5, 5), dtype=int)
    wanted[0, 1] = wanted[1, 0] = wanted[2, 2] = 1
    assert people.disagreements.tolist() == wanted.tolist()


def test_of_one_person_the_last_answer_in_force_counts(animals):
    said = [
        decision(1, image_id="i", before="*", after="cat.small"),
        decision(2, image_id="i", before="*", after="dog.small"),
        decision(3, image_id="i", before="*", after="dog.small", reviewer="Bob"),
    ]
    people = people_of(said, animals.taxonomy("things"), animals.space)
    assert people.disagreements[1, 1] == people.disagreements.sum() == 1


def test_without_decisions_there_are_no_people(animals):
    people = diagnosed(animals, "things", "kinds").people
    assert (people.n_people, people.n_images, people.disagreements.sum()) == (0, 0, 0)
