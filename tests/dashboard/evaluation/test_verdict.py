"""When a comparison gets a verdict, and of whom against whom."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from dashboard.address.selection import Labels, Space
from dashboard.evaluation.comparison import compare, find_subjects
from dashboard.evaluation.verdict import judgements, question_of, too_few, why_none
from model_zoo.core.comparison.comparison import Rule
from model_zoo.core.comparison.outcomes import Answer, Question
from model_zoo.core.evaluation.metrics import Headline
from model_zoo.core.label_space.splits import Split


def compared(animals, *names, space=Space.COMMON, split=Split.TEST, labels=Labels.ORIGINAL):
    series = {one.card.taxonomy.name: one.series_id for one in animals.series()}
    subjects = find_subjects(animals.series(), [series.get(name, name) for name in names])
    dataset = animals.dataset()
    return compare(subjects, space, split, labels, dataset.labels, dataset.patients)


def test_each_subject_is_judged_against_the_first_over_the_same_images(animals):
    judged = compared(animals, "things", "kinds", "things-s0")
    found = judgements(judged, Rule())
    assert [(one.subject.title, one.reference.title) for one in found] == [
        (judged.subjects[k].title, judged.subjects[0].title) for k in (1, 2)
    ]
    said = found[0].verdicts[Question.CHECKPOINT, Headline.ACCURACY]
    truth = judged.evaluations[0].truth
    means = [np.mean([accuracy_score(truth, one) for one in e.predicted]) for e in judged.evaluations]
    assert said.difference.value == pytest.approx(means[1] - means[0], abs=1e-12)
    assert (said.n_images, said.n_patients) == (len(truth), judged.evaluations[0].n_patients)


def test_with_fewer_than_three_seeds_a_side_only_the_checkpoints_are_compared(animals):
    one = judgements(compared(animals, "things", "kinds"), Rule())[0]  # 3 and 2 seeds
    assert question_of(one) is Question.CHECKPOINT
    assert one.verdicts[Question.TRAINING, Headline.ACCURACY].answer is Answer.TOO_FEW
    assert "2 and 3" in too_few(one, Question.TRAINING)


def test_no_verdict_where_it_would_mislead(animals):
    assert "needs two" in why_none(compared(animals, "things"))
    assert "native classes" in why_none(compared(animals, "things", "kinds", space=Space.NATIVE))
    assert "reviewed" in why_none(compared(animals, "things", "kinds", labels=Labels.REVIEWED))
    assert "validation" in why_none(compared(animals, "things", "kinds", split=Split.VALIDATION))
    assert why_none(compared(animals, "things", "kinds")) is None
    assert why_none(compared(animals, "things-s0", "things-s1", space=Space.NATIVE)) is None
    judged = compared(animals, "things", "kinds")
    one_class = replace(judged.ground, classes={"all": frozenset(judged.ground.index_of)})
    assert "no distinction" in why_none(replace(judged, ground=one_class))
    assert judgements(compared(animals, "things"), Rule()) == ()
