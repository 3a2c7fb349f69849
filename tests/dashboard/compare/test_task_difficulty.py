"""Native and common side by side: the sentence never claims more than the intervals, the numbers are the files'."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, cohen_kappa_score, f1_score

from dashboard.address.links import Filter
from dashboard.address.selection import Labels, Space
from dashboard.compare.task_difficulty import (
    SubjectInBothSpaces,
    accuracy_gap_sentence,
    secondary_metrics,
    side_by_side,
)
from dashboard.evaluation.comparison import Subject, compare, find_subjects
from dashboard.evaluation.filters import images_matching
from dashboard.evaluation.verdict import judgements
from dashboard.words import points_interval
from model_zoo.core.comparison.comparison import Rule
from model_zoo.core.comparison.outcomes import Question
from model_zoo.core.evaluation.metrics import Headline, MappedBy
from model_zoo.core.evaluation.probability_summing import SummingEffect, accuracy_change
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from tests.evaluations import judged

KIND = {"cat": "animal", "dog": "animal", "car": "vehicle", "plane": "vehicle", "logo": "logo"}
PAIRS = Taxonomy("pairs", {"ab": frozenset("ab"), "cd": frozenset("cd")})


def side(title, truth, fine=None, pairs=None):
    """A subject that answers in FOUR (``fine``) or in PAIRS, and what that is on the pairs."""
    truth = np.array(truth)
    common = judged(truth // 2, np.array(fine) // 2 if pairs is None else pairs, taxonomy=PAIRS)
    native = common if fine is None else judged(truth, fine)
    return SubjectInBothSpaces(Subject(title, title, ()), native, common, accuracy_change(common, common))


def answers(truth, n_wrong_in_pair, n_wrong_pair):
    """The truth, with the first images called by the other class of their pair, the next by the other pair."""
    said = np.array(truth)
    said[:n_wrong_in_pair] ^= 1
    said[n_wrong_in_pair : n_wrong_in_pair + n_wrong_pair] ^= 2
    return said


TRUTH = np.tile([0, 1, 2, 3], 100)


def test_a_rise_that_vanishes_on_common_ground_is_the_easier_question():
    fine, pairs = side("F", TRUTH, fine=answers(TRUTH, 80, 20)), side("P", TRUTH, pairs=answers(TRUTH, 0, 20) // 2)
    text = accuracy_gap_sentence(fine, pairs, 2, {})
    assert text.startswith("P: 95.0 % in its own 2 classes, 20.0 points (95 % interval +")
    assert (
        "above the 75.0 % of F in its own 4. On the 2 that both can tell apart, neither is ahead (95 % interval −"
        in text
    )
    assert text.endswith("most of the rise is the easier question; it is inconclusive whether any of it remains.")
    assert accuracy_gap_sentence(pairs, fine, 2, {}) == text


def test_a_rise_that_stays_is_called_so():
    fine = side("F", TRUTH, fine=answers(TRUTH, 10, 100))
    text = accuracy_gap_sentence(fine, side("P", TRUTH, pairs=TRUTH // 2), 3, {})
    assert "On the 2 that all can tell apart, P is 25.0 points (95 % interval +" in text
    assert text.endswith("For these runs most of the rise remains where both answer the same question.")


def test_a_part_that_remains_is_told():
    fine = side("F", TRUTH, fine=answers(TRUTH, 120, 24))
    text = accuracy_gap_sentence(fine, side("P", TRUTH, pairs=TRUTH // 2), 2, {})
    assert text.endswith("For these runs most of the rise is the easier question; a part of it remains.")


def test_a_rise_that_turns_around_is_told_with_the_leader_named():
    fine, pairs = side("F", TRUTH, fine=answers(TRUTH, 160, 0)), side("P", TRUTH, pairs=answers(TRUTH, 0, 60) // 2)
    text = accuracy_gap_sentence(fine, pairs, 2, {})
    assert "F is 15.0 points (95 % interval +" in text
    assert text.endswith("whole rise is the easier question: where both answer the same one, it turns around.")


def test_few_patients_settle_nothing():
    truth = TRUTH[:12]
    fine = side("F", truth, fine=answers(truth, 1, 1))
    text = accuracy_gap_sentence(fine, side("P", truth, pairs=truth // 2), 2, {})
    assert text.endswith("Inconclusive: with these patients there may be no rise at all.")
    half = side("F", TRUTH, fine=answers(TRUTH, 40, 40))
    assert accuracy_gap_sentence(half, side("P", TRUTH, pairs=TRUTH // 2), 2, {}).endswith(
        "Inconclusive: with these patients most of the rise may or may not be the easier question."
    )


def test_what_rests_on_one_patient_or_none_has_no_interval():
    fine, pairs = side("F", TRUTH, fine=answers(TRUTH, 80, 20)), side("P", TRUTH, pairs=TRUTH // 2)
    alone = accuracy_gap_sentence(fine, pairs, 2, {f"i{k}": "p" for k in range(len(TRUTH))})
    assert "25.0 points (no interval: fewer than 8 patients)" in alone
    assert "Inconclusive: with these patients" in alone
    nothing = side("F", [], fine=[[]])
    assert accuracy_gap_sentence(nothing, side("P", [], pairs=[[]]), 2, {}) == "P and F: no image to judge both on."


def test_equally_right_on_the_same_images_is_told_without_a_lead():
    fine, pairs = side("F", TRUTH, fine=answers(TRUTH, 80, 0)), side("P", TRUTH, pairs=TRUTH // 2)
    assert (
        "both can tell apart, they are right and wrong on the same images. For these runs most"
        in accuracy_gap_sentence(fine, pairs, 2, {})
    )


def compared(animals, space, *names, mapped_by=MappedBy.ANSWER, where=None):
    series = {one.card.taxonomy.name: one.series_id for one in animals.series()}
    dataset = animals.dataset()
    only = images_matching(where, dataset, dataset.labels) if where else None
    subjects = find_subjects(animals.series(), [series[name] for name in names])
    given = subjects, space, Split.TEST, Labels.ORIGINAL, dataset.labels, dataset.patients
    return compare(*given, where=where, only=only, mapped_by=mapped_by)


def table(animals, run_id):
    """Truth and the probabilities per test image, read with pandas from the files alone."""
    frame = pd.read_parquet(animals.writable / "runs" / run_id / "predictions_test.parquet").set_index("image_id")
    frame.columns = [name.removeprefix("p:") for name in frame.columns]
    manifest = pd.read_csv(animals.writable / "manifest.csv").set_index("image_id").loc[frame.index]
    return manifest, frame


@pytest.mark.parametrize("where", [None, Filter("camera", "A")])
def test_both_label_spaces_and_the_change_by_summing_are_those_of_the_files(animals, where):
    native, common = (compared(animals, space, "things", "kinds", where=where) for space in Space)
    sums = compared(animals, Space.COMMON, "things", "kinds", mapped_by=MappedBy.SUM, where=where)
    both = side_by_side(native, common, sums, animals.dataset().patients)
    things, kinds = both.sides
    for k in range(3):
        manifest, frame = table(animals, f"things-s{k}")
        if where:
            manifest = manifest[manifest.camera == "A"]
            frame = frame.loc[manifest.index]
        own = manifest.label.str.split(".").str[0]
        truth, mapped = own.map(KIND), frame.idxmax(axis=1).map(KIND)
        summed = frame.T.groupby(KIND).sum().T.idxmax(axis=1)
        assert things.native.right[k].mean() == pytest.approx(accuracy_score(own, frame.idxmax(axis=1)))
        assert things.common.right[k].mean() == pytest.approx(accuracy_score(truth, mapped))
        right = set(truth.index[(mapped != truth) & (summed == truth)])
        wrong = set(truth.index[(mapped == truth) & (summed != truth)])
        for becomes, expected in [(SummingEffect.RIGHT, right), (SummingEffect.WRONG, wrong)]:
            inside = things.by_summing.became[k] == (1 if becomes is SummingEffect.RIGHT else -1)
            assert {i for i, one in zip(things.common.image_ids, inside, strict=True) if one} == expected
    assert not kinds.by_summing.became.any()
    assert len(both.sentences) == 1


def test_further_figures_are_those_of_the_files(animals):
    for space, name_of in ((Space.NATIVE, None), (Space.COMMON, KIND)):
        judged_ = compared(animals, space, "things", "kinds")
        things, kinds = secondary_metrics(judged_, tuple(animals.taxonomies().values()))
        figures = {figure.name: figure for figure in things.figures}
        for k in range(3):
            manifest, frame = table(animals, f"things-s{k}")
            truth, said = manifest.label.str.split(".").str[0], frame.idxmax(axis=1)
            if name_of:
                truth, said = truth.map(name_of), said.map(name_of)
            assert figures["macro-F1"].per_run[k] == pytest.approx(f1_score(truth, said, average="macro"))
            assert figures["balanced accuracy"].per_run[k] == pytest.approx(balanced_accuracy_score(truth, said))
            assert figures["Cohen's kappa"].per_run[k] == pytest.approx(cohen_kappa_score(truth, said))
        assert [one.name for one in things.chain] == (["things", "kinds"] if space is Space.NATIVE else [])
        assert ("mistake severity" in figures) == (space is Space.NATIVE)
        assert kinds.chain == ()


def test_three_taxonomies_are_each_set_against_the_finest(animals):
    names = "sizes", "things", "kinds"
    native, common = (compared(animals, space, *names) for space in Space)
    both = side_by_side(native, common, common, animals.dataset().patients)
    assert len(both.sentences) == 2
    assert all("things · 3 seeds" in text and "all can tell apart" in text for text in both.sentences)


def test_the_interval_on_common_ground_is_the_verdicts_own_and_the_minus_sign_too(animals):
    native, common = (compared(animals, space, "kinds", "things") for space in Space)
    (text,) = side_by_side(native, common, common, animals.dataset().patients).sentences
    (judgement,) = judgements(common, Rule())
    found = judgement.verdicts[Question.CHECKPOINT, Headline.ACCURACY].difference
    either = points_interval(found.low, found.high), points_interval(-found.high, -found.low)  # by who leads
    assert any(f"95 % interval {one})" in text for one in either), (text, either)
    assert "-" not in text


def test_images_that_one_side_alone_was_asked_about_are_named():
    fine, pairs = side("F", TRUTH, fine=answers(TRUTH, 80, 20)), side("P", TRUTH[:-4], pairs=TRUTH[:-4] // 2)
    sentence = accuracy_gap_sentence(fine, pairs, 2, {})
    assert "(Of 4 images a side has no prediction: the result above takes the worst case.)" in sentence
