"""What to keep apart: validation alone, the finest that can answer, people where two decided, and the images behind."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from dashboard.address.selection import Labels
from dashboard.evaluation.cell_images import Filters, Judged, list_images
from dashboard.evaluation.comparison import compare
from dashboard.evaluation.drafting import previews
from dashboard.server_state.open_workspace import Desk
from dashboard.taxonomies.separability import class_separability, rater_agreements
from model_zoo.core.label_space.splits import Split
from tests.dashboard.histories import decision
from tests.second_workspace import build

KIND = {"cat": "animal", "dog": "animal", "car": "vehicle", "plane": "vehicle", "logo": "logo"}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return Desk(build(tmp_path_factory.mktemp("apart") / "w", n_images=480))


def found_in(desk, name):
    taxonomy = desk.workspace.taxonomy(name)
    return class_separability(desk, taxonomy, previews(desk, taxonomy, Split.VALIDATION, Labels.ORIGINAL))


def areas(desk, name, pair):
    """AUC per run of one kind against another, with pandas and scikit-learn from the files alone."""
    manifest = pd.read_csv(desk.workspace.writable / "manifest.csv").set_index("image_id")
    for folder in sorted((desk.workspace.writable / "runs").glob(f"{name}-s*")):
        frame = pd.read_parquet(folder / "predictions_validation.parquet").set_index("image_id")
        frame.columns = [KIND.get(column[2:], column[2:]) for column in frame.columns]
        frame = frame.T.groupby(level=0).sum().T
        true = manifest.label.loc[frame.index].str.split(".").str[0].map(KIND)
        inside = true.isin(pair)
        score = np.log(frame.loc[inside, pair[0]]) - np.log(frame.loc[inside, pair[1]])
        yield roc_auc_score(true[inside] == pair[0], score)


def test_pairs_are_judged_on_validation_by_every_series_that_can_answer(desk):
    found = found_in(desk, "kinds")
    assert [one.taxonomy.name for one in found.subjects] == ["things", "kinds"]
    assert len(found.evaluation.truth) == 120
    for one in found.pairs:
        pair = found.names(one)
        for separation, name in zip(one.separations, ("things", "kinds")):
            assert separation.auc == pytest.approx(np.mean(list(areas(desk, name, pair))), abs=1e-6)


def test_what_is_finer_than_any_series_is_judged_by_none(desk):
    assert [one.taxonomy.name for one in found_in(desk, "things").subjects] == ["things"]
    taxonomy = desk.workspace.taxonomy("things")
    assert class_separability(desk, taxonomy, []) is None


def test_the_images_of_a_pair_are_those_labelled_as_either(desk):
    found = found_in(desk, "kinds")
    one = next(one for one in found.pairs if found.names(one) == ("animal", "vehicle"))
    shown, cell = found.images(one)
    subject = found.subjects[one.best]
    dataset = desk.dataset()
    judged = compare((subject,), shown.space, shown.split, shown.labels, dataset.labels, dataset.patients)
    stored = tuple(run.predictions(shown.split) for run in subject.runs)
    listed = list_images(
        dataset, dataset.labels, shown.split, Filters(), Judged(subject, judged.evaluations[0], stored), cell
    )
    assert len(listed) == sum(one.separations[one.best].n_images)
    assert {image.image.split for image in listed} == {Split.VALIDATION}


def test_people_count_where_two_decided_about_the_same_image(desk):
    taxonomy, dataset = desk.workspace.taxonomy("things"), desk.dataset()
    said, number = [], 0
    for k in range(40):
        for reviewer, after in (("Ann", "cat.small"), ("Bob", "dog.small" if k % 4 == 0 else "cat.small")):
            number += 1
            said.append(decision(number, image_id=f"i{k:04d}", before="*", after=after, reviewer=reviewer))
    number += 1
    said.append(decision(number, image_id="i0300", before="*", after="dog.small"))  # by one person alone
    found, n_twice = rater_agreements(said, taxonomy, dataset)
    assert n_twice == 40
    assert list(found) == [(0, 1)]
    assert (found[0, 1].n_same, found[0, 1].n_answers) == (30, 40)
    assert found[0, 1].share.n_patients == 14  # three images a patient
    assert found[0, 1].chance == pytest.approx((70 / 80) ** 2 + (10 / 80) ** 2)
    assert not found[0, 1].beyond_chance  # 75 % alike, 78 % by chance


def test_before_anybody_decided_twice_there_is_nothing_to_say_of_people(desk):
    once = [decision(1, image_id="i0000", before="*", after="cat.small")]
    assert rater_agreements(once, desk.workspace.taxonomy("things"), desk.dataset()) == ({}, 0)
    found = found_in(desk, "things")
    assert (found.rater_agreements, found.n_rated_twice) == ({}, 0)


def test_a_pair_looks_like_chance_only_while_people_are_not_known_to_agree(desk):
    """Runs that know nothing: every pair looks like chance, until people agree about one."""
    found = found_in(desk, "things")
    unsure = replace(
        found,
        pairs=tuple(
            replace(one, separations=tuple(replace(s, auc=0.52, low=0.3, high=0.74) for s in one.separations))
            for one in found.pairs
        ),
    )
    assert len(unsure.like_chance) == 10
    said = []
    for k in range(60):
        for reviewer in ("Ann", "Bob"):
            after = ("cat.small", "dog.small")[k % 2]
            said.append(decision(len(said) + 1, image_id=f"i{k:04d}", before="*", after=after, reviewer=reviewer))
    agreed, n_twice = rater_agreements(said, unsure.taxonomy, desk.dataset())
    agreed_on = replace(unsure, rater_agreements=agreed, n_rated_twice=n_twice)
    assert {one.pair for one in unsure.like_chance} - {one.pair for one in agreed_on.like_chance} == {(0, 1)}
