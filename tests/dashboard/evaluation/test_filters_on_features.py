"""What a restriction does to the queue, the diagnosis, previews, the verdict and a report: counted by pandas."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from dashboard.address.links import Filter
from dashboard.address.queue import Order
from dashboard.address.selection import Labels, Space
from dashboard.compare import verdict_words as words
from dashboard.compare.task_difficulty import secondary_metrics, side_by_side
from dashboard.diagnose.subjects import coarser_space, diagnose_all, diagnose_subject
from dashboard.evaluation.comparison import compare, find_subjects
from dashboard.evaluation.drafting import previews
from dashboard.evaluation.filters import images_matching
from dashboard.evaluation.queue_order import ordered
from dashboard.evaluation.verdict import judgements, question_of
from dashboard.report.report import build_report
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.comparison.outcomes import Answer
from model_zoo.core.evaluation.evaluation import accuracy
from model_zoo.core.evaluation.metrics import MappedBy
from model_zoo.core.label_space.splits import Split

KIND = {"cat": "animal", "dog": "animal", "car": "vehicle", "plane": "vehicle", "logo": "logo"}
WHERE = Filter("camera", "B")
NOWHERE = Filter("label", "cat.small"), frozenset[str]()
"""A restriction that could name images and names none."""


@pytest.fixture(scope="module")
def desk(animals):
    return Desk(animals)


@pytest.fixture(scope="module")
def subjects(desk):
    series = {one.card.taxonomy.name: one.series_id for one in desk.series()}
    return find_subjects(desk.series(), [series["things"], series["kinds"]])


@pytest.fixture(scope="module")
def only(desk):
    return images_matching(WHERE, desk.dataset(), desk.dataset().labels)


def manifest(desk):
    """The images of camera B, from the file."""
    table = pd.read_csv(desk.workspace.writable / "manifest.csv").set_index("image_id")
    return table[table.camera == "B"].assign(thing=lambda one: one.label.str.split(".").str[0])


def accuracy_of(desk, taxonomy, split, onto=lambda names: names):
    """Mean accuracy over the seeds of a taxonomy, camera B alone, answers and truth mapped by ``onto``."""
    table, shares = manifest(desk), []
    for folder in sorted((desk.workspace.writable / "runs").glob(f"{taxonomy}-s*")):
        frame = pd.read_parquet(folder / f"predictions_{split}.parquet").set_index("image_id")
        said = frame.idxmax(axis=1).str.removeprefix("p:")
        said = said[said.index.isin(table.index)]
        truth = table.thing.loc[said.index]
        shares.append((onto(said) == onto(truth)).mean())
    return sum(shares) / len(shares)


def to_kinds(names):
    return names.map(lambda name: KIND.get(name, name))


@pytest.mark.parametrize("order", [Order.WRONG, Order.MARGIN, Order.LOSS, Order.DISAGREE])
def test_the_queue_is_the_whole_one_without_the_other_images(desk, subjects, only, order):
    asked = desk, subjects, order, Space.COMMON, Split.TEST, Labels.ORIGINAL
    every, some = ordered(*asked), ordered(*asked, where=[WHERE], only=only)
    kept = set(manifest(desk).index)
    assert 0 < len(some.items) < len(every.items)
    assert [(one.image_id, one.why) for one in some.items] == [
        (one.image_id, one.why) for one in every.items if one.image_id in kept
    ]
    assert "test split where camera = B" in some.about
    assert "test, camera = B" in some.chosen_by  # what every decision keeps


def test_the_random_queue_holds_all_of_its_images_once(desk, subjects, only):
    found = ordered(desk, subjects, Order.RANDOM, Space.COMMON, Split.TEST, Labels.ORIGINAL, where=[WHERE], only=only)
    wanted = manifest(desk).query("split == 'test'")
    assert sorted(one.image_id for one in found.items) == sorted(wanted.index)
    assert f"of {len(wanted)} images (test, camera = B)" in found.chosen_by


def test_likely_label_errors_are_sought_among_its_images_alone(desk, subjects, only):
    found = ordered(
        desk, subjects, Order.LABEL_ERROR, Space.COMMON, Split.TEST, Labels.ORIGINAL, where=[WHERE], only=only
    )
    assert found.items
    assert {one.image_id for one in found.items} <= set(manifest(desk).query("split == 'test'").index)


def test_the_diagnosis_counts_its_images_and_all_training_images(desk, subjects, only):
    found = diagnose_subject(
        desk, subjects[0], coarser_space(desk, subjects), Split.TEST, Labels.ORIGINAL, where=WHERE, only=only
    )
    own, coarse = accuracy_of(desk, "things", "test"), accuracy_of(desk, "things", "test", to_kinds)
    assert found.errors.error.value == pytest.approx(1 - own)
    assert found.errors.inside.value == pytest.approx(coarse - own)
    test = manifest(desk).query("split == 'test'")
    n = f"{len(test)} images of {test.patient_id.nunique()} patients"
    assert f"test split where camera = B, original labels, {n} (each image" in found.basis
    labels = pd.read_csv(desk.workspace.writable / "manifest.csv").query("split == 'train'").label
    counts = labels.str.split(".").str[0].value_counts()
    assert found.training.tolist() == [counts.get(name, 0) for name in found.names]


def test_previews_are_over_its_images_alone(desk, only):
    kinds = desk.workspace.taxonomy("kinds")
    found = {one.subject.taxonomy.name: one for one in previews(desk, kinds, Split.TEST, Labels.ORIGINAL, only=only)}
    things = found["things"]
    assert accuracy(things.own).mean == pytest.approx(accuracy_of(desk, "things", "test"))
    assert accuracy(things.mapped).mean == pytest.approx(accuracy_of(desk, "things", "test", to_kinds))
    assert set(things.mapped.image_ids) == set(manifest(desk).query("split == 'test'").index)


def compared(desk, subjects, where, only, space=Space.COMMON, mapped_by=MappedBy.ANSWER):
    dataset = desk.dataset()
    asked = subjects, space, Split.TEST, Labels.ORIGINAL, dataset.labels, dataset.patients
    return compare(*asked, where=where, only=only, mapped_by=mapped_by)


def test_a_verdict_on_some_images_says_so_whatever_it_is(desk, subjects, only):
    judged = compared(desk, subjects, WHERE, only)
    (judgement,) = judgements(judged, desk.workspace.rule)
    said = judgement.verdicts[question_of(judgement), desk.workspace.rule.figure]
    assert said.n_images == len(manifest(desk).query("split == 'test'"))
    assert said.b == pytest.approx(accuracy_of(desk, "things", "test", to_kinds))
    assert said.a == pytest.approx(accuracy_of(desk, "kinds", "test", to_kinds))
    for answer in Answer:
        one = replace(said, answer=answer)
        some, every = words.verdict_sentence(judgement, one, WHERE), words.verdict_sentence(judgement, one)
        assert some.startswith("On these images: ")
        assert some.removeprefix("On these images: ").lower() == every.lower()
        assert not every.startswith("On these images")


def test_where_no_image_is_left_nothing_is_claimed_and_nothing_breaks(desk, subjects, recwarn):
    where, nothing = NOWHERE
    for order in Order:
        found = ordered(desk, subjects, order, Space.COMMON, Split.TEST, Labels.ORIGINAL, where=[where], only=nothing)
        assert not found.items
        emptied = "Nobody disagrees" if order is Order.CONFLICT else "Take a filter away above."
        assert found.empty.startswith(emptied)
    spaces = {space: compared(desk, subjects, where, nothing, space) for space in Space}
    judged = spaces[Space.COMMON]
    summed = compared(desk, subjects, where, nothing, mapped_by=MappedBy.SUM)
    side_by_side(spaces[Space.NATIVE], judged, summed, desk.dataset().patients)
    secondary_metrics(judged, tuple(desk.workspace.taxonomies().values()))
    for judgement in judgements(judged, desk.workspace.rule):
        for said in judgement.verdicts.values():
            assert said.answer is Answer.TOO_FEW
    diagnoses = diagnose_all(desk, judged, nothing)
    assert not any(measure.stands_out for one in diagnoses for measure in one.measures.values())
    made = build_report(desk, judged, judgements(judged, desk.workspace.rule), diagnoses)
    body = made.html[made.html.index("</script></head>") :]
    assert "0 images of 0 patients" in body
    assert "Too few patients: 0" in body
    assert not re.search(r"\bnan\b", re.sub(r"<script.*?</script>", "", body, flags=re.DOTALL))
    previews(desk, desk.workspace.taxonomy("kinds"), Split.TEST, Labels.ORIGINAL, only=nothing)
    assert [str(one.message) for one in recwarn if one.category is RuntimeWarning] == []
