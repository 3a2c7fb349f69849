"""The result in words: by how much at least, what could have been missed, and for which training set."""

from dataclasses import replace

import numpy as np
import pytest

from dashboard.address.selection import Labels, Space
from dashboard.compare import verdict_words as words
from dashboard.evaluation.comparison import compare, find_subjects
from dashboard.evaluation.verdict import judgements
from model_zoo.core.comparison.comparison import Difference, Rule, answer
from model_zoo.core.comparison.outcomes import Answer, Question
from model_zoo.core.evaluation.metrics import ClassFigure, Headline
from model_zoo.core.label_space.splits import Split


@pytest.fixture
def judgement(animals):
    return judged(animals)[0]


def judged(animals, read=None):
    series = {one.card.taxonomy.name: one.series_id for one in animals.series()}
    subjects = find_subjects(animals.series(), [series["things"], series["kinds"]])
    dataset = animals.dataset()
    reading = {"read": read} if read else {}
    made = compare(subjects, Space.COMMON, Split.TEST, Labels.ORIGINAL, dataset.labels, dataset.patients, **reading)
    return judgements(made, Rule())


def said(judgement, low, high, unseen=0.0, nothing_seen=False):
    one = judgement.verdicts[Question.CHECKPOINT, Headline.ACCURACY]
    found = Difference((low + high) / 2, low, high)
    result = answer(found, 0.01, unseen)
    return replace(one, difference=found, answer=result, margin=0.01, unseen=unseen, nothing_seen=nothing_seen)


@pytest.mark.parametrize(
    ("low", "high", "words_in"),
    [
        (0.02, 0.03, "is better than {b} by more than the margin of 1 pp of accuracy"),
        (0.002, 0.0109, "is better than {b}, possibly by less than the margin of 1 pp of accuracy"),
        (-0.03, -0.02, "is worse than {b} by more than the margin of 1 pp of accuracy"),
        (-0.03, -0.002, "is worse than {b}, possibly by less than the margin of 1 pp of accuracy"),
        (-0.002, 0.004, "and {b} are equivalent within ±1 pp of accuracy"),
        (0.002, 0.004, "and {b} are equivalent; a difference exists, within the margin of ±1 pp of accuracy"),
        (-0.02, 0.03, "may be better in accuracy"),
    ],
)
def test_each_outcome_has_its_sentence_which_ends_with_the_training_set(judgement, low, high, words_in):
    sentence = words.verdict_sentence(judgement, said(judgement, low, high))
    assert words_in.format(b=judgement.reference.title) in sentence
    assert sentence.endswith(", for this training set.")


def test_what_was_possibly_missed_is_stated(judgement):
    nothing = said(judgement, -0.002, 0.004, unseen=0.137, nothing_seen=True)
    assert nothing.answer is Answer.INCONCLUSIVE
    sentence = words.verdict_sentence(judgement, nothing)
    assert "no difference seen; up to 13.7 % of patients could still differ, for this training set." in sentence
    method = " ".join(words.decision_method(judgement, Rule()))
    assert "picked among many comparisons overstates" in method
    assert "possibly by less than the margin into equivalent" in method


def test_missing_predictions_are_counted_for_each_side_and_widen_the_interval(animals):
    """kinds-s0 lacks the last image of the test split, kinds-s1 the first; things has all."""

    def partly(run, split):
        one = run.predictions(split)
        if not run.run_id.startswith("kinds"):
            return one
        left = one.image_ids[:-1] if run.run_id.endswith("s0") else one.image_ids[1:]
        return one.only(set(left))

    (whole,), (found,) = judged(animals), judged(animals, partly)
    assert whole.pair.n_missing == (0, 0)
    assert words.missing_predictions_note(whole) == ""
    assert found.pair.n_missing == (2, 0)
    assert found.pair.a.n_images == whole.pair.a.n_images - 2
    ends = [one.verdicts[Question.CHECKPOINT, Headline.ACCURACY].difference for one in (whole, found)]
    if not np.isnan(ends[0].low):
        assert ends[1].low <= ends[0].low <= ends[0].high <= ends[1].high
    sentence = words.missing_predictions_note(found)
    assert sentence.startswith(f" 2 images without a prediction of {found.subject.title}, 0 without one of ")
    assert "worst case" in sentence
    assert sentence in words.accuracy_sentence(
        found, found.verdicts[Question.CHECKPOINT, Headline.ACCURACY]
    ) or np.isnan(ends[1].low)


def test_a_run_without_any_prediction_of_an_image_set_is_bounded_too(animals):
    """Every run of kinds lacks the same three images."""

    def partly(run, split):
        one = run.predictions(split)
        lost = set(one.image_ids[:3]) if run.run_id.startswith("kinds") else set()
        return one.only(set(one.image_ids) - lost)

    (found,) = judged(animals, partly)
    assert found.pair.n_missing == (3, 0)
    low, high = found.pair.extremes
    n = found.pair.a.n_images
    assert (low.a.n_images, high.a.n_images) == (n + 3, n + 3)
    assert high.a.hits.sum() - low.a.hits.sum() == 3 * found.pair.a.n_runs


@pytest.mark.parametrize("figure", ClassFigure)
def test_each_class_is_bounded_too(animals, figure):
    """kinds has a fifth of the images: the interval of a class reaches its lowest and highest completed figure."""

    def partly(run, split):
        one = run.predictions(split)
        return one.only(set(one.image_ids[::5])) if run.run_id.startswith("kinds") else one

    (found,) = judged(animals, partly)
    ends = np.array(
        [
            np.nanmean(one.a.classes(figure).each(), axis=0) - np.nanmean(one.b.classes(figure).each(), axis=0)
            for one in found.pair.extremes
        ]
    )
    rows = found.rows(Question.CHECKPOINT, figure)
    for row, (low, high) in zip(rows, np.sort(ends, axis=0).T, strict=True):
        assert np.isnan(row.difference.low) or row.difference.low <= low <= high <= row.difference.high
    assert any(not np.isnan(row.difference.low) for row in rows)
