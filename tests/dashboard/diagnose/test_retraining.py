"""What training anew showed, against figures counted from the files by other code."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, recall_score

from dashboard.diagnose.retraining import RunEvaluator, retraining_results
from dashboard.evaluation.comparison import find_subjects
from model_zoo.core.comparison.outcomes import Question
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.learning_curve import FOLDER, ReducedClass
from model_zoo.workspace.run import write_run
from model_zoo.workspace.workspace import Workspace

KIND = {"cat": "animal", "dog": "animal", "car": "vehicle", "plane": "vehicle", "logo": "logo"}


def copy(run, parent, run_id, turn, **changes):
    """A run of another name, its test predictions turned round by some places: other answers to the same images."""
    said = run.predictions(Split.TEST)
    turned = replace(said, probabilities=np.roll(said.probabilities, turn, axis=0))
    write_run(replace(run.card, run_id=run_id, **changes), parent, b"", [], {Split.TEST: turned})


@pytest.fixture
def workspace(fresh_animals):
    for run in fresh_animals.runs():
        name, seed, card = run.card.taxonomy.name, run.card.seed, run.card
        if name == "things":
            copy(run, fresh_animals.writable / "runs", f"wide-s{seed}", 3, architecture="wide", n_parameters=9)
            copy(run, fresh_animals.writable / "runs", f"slim-s{seed}", 3, architecture="slim", n_parameters=0)
            kept = dict(card.recipe) | ReducedClass("dog", 2).to_recipe()
            copy(
                run, fresh_animals.writable / FOLDER, f"dog-s{seed}", 1,
                recipe=kept, n_train_images=card.n_train_images - 3,
            )  # fmt: skip
    return Workspace.open(fresh_animals.writable)


def found(workspace, subject_id, coarser="kinds"):
    dataset, series = workspace.dataset(), workspace.series()
    names = {f"{one.card.taxonomy.name} {one.card.architecture}": one.series_id for one in series}
    (subject,) = find_subjects(series, [names.get(subject_id, subject_id)])
    judge = RunEvaluator(Split.TEST, dataset.labels, dataset.patients)
    thinned = workspace.learning_curves()
    return retraining_results(subject, series, thinned, workspace.taxonomy(coarser), judge, workspace.rule)


def answers(folder, pattern):
    manifest = pd.read_csv(folder.parent / "manifest.csv").set_index("image_id")
    for run in sorted(folder.glob(pattern)):
        frame = pd.read_parquet(run / "predictions_test.parquet").set_index("image_id")
        frame.columns = [column.removeprefix("p:") for column in frame.columns]
        yield frame.idxmax(axis=1), manifest.label.loc[frame.index].str.split(".").str[0]


def test_a_curve_runs_from_the_fewest_images_to_all(workspace):
    (curve,) = found(workspace, "things by_chance").curves
    few = list(answers(workspace.writable / FOLDER, "dog-s*"))
    full = list(answers(workspace.writable / "runs", "things-s*"))
    recalls = [np.mean([recall_score(t, s, labels=["dog"], average=None)[0] for s, t in side]) for side in (few, full)]
    assert curve.name == "dog"
    assert [point.n_train for point in curve.points] == [2, 5]  # three images less, two left
    assert [point.recall.mean for point in curve.points] == pytest.approx(recalls)
    assert curve.rise.difference.value == pytest.approx(recalls[1] - recalls[0])
    assert (curve.rise.n_runs, curve.rise.n_images) == ((3, 3), (full[0][1] == "dog").sum())
    others = [np.mean([accuracy_score(t[t != "dog"], s[t != "dog"]) for s, t in side]) for side in (few, full)]
    assert curve.others.difference.value == pytest.approx(others[1] - others[0])


def test_a_wider_model_is_judged_in_the_coarser_classes(workspace):
    (wider,) = found(workspace, "things by_chance").larger_models  # slim has no more parameters
    sides = [list(answers(workspace.writable / "runs", f"{name}-s*")) for name in ("things", "wide")]
    own, wide = (np.mean([accuracy_score(t.map(KIND), s.map(KIND)) for s, t in side]) for side in sides)
    assert (wider.subject.title, wider.n_parameters) == ("wide · 3 seeds", 9)
    assert wider.verdict.difference.value == pytest.approx(wide - own)
    assert wider.verdict.question is Question.TRAINING


def test_a_single_run_is_compared_over_patients_alone(workspace):
    (wider,) = found(workspace, "things-s1").larger_models
    assert (wider.verdict.question, wider.verdict.n_runs) == (Question.CHECKPOINT, (3, 1))


def test_nothing_is_said_of_runs_of_another_kind(workspace):
    assert found(workspace, "kinds by_chance") == found(workspace, "sizes by_chance", "sizes")
    assert found(workspace, "kinds by_chance").larger_models == ()
