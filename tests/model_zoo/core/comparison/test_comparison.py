"""The verdict: hand-counted cases, laws, and intervals against independent ones."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, precision_score, recall_score
from statsmodels.stats.contingency_tables import mcnemar

from model_zoo.core.comparison import comparison
from model_zoo.core.comparison.class_rows import class_rows
from model_zoo.core.comparison.comparison import Difference, answer, clustered_mcnemar, pair, verdict
from model_zoo.core.comparison.outcomes import Answer, Question
from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.metrics import ClassFigure, Headline
from model_zoo.core.evaluation.patient_counts import counts_by_patient
from model_zoo.core.label_space.taxonomy import OUTSIDE, Taxonomy

ABC = Taxonomy("abc", {name: frozenset(name) for name in "abc"})


def judged(truth, predicted, patients=None, ids=None):
    truth = np.array(truth, dtype=np.int64)
    codes = np.arange(len(truth)) if patients is None else np.array(patients, dtype=np.int64)
    names = tuple(f"i{k}" for k in (range(len(truth)) if ids is None else ids))
    return Evaluation(ABC, names, codes, truth, np.atleast_2d(np.array(predicted, dtype=np.int64)))


def simulated(rng, n_patients=60, n_runs=(4, 4), skill=(0.8, 0.75), seed_sd=0.0, per_patient=4):
    """Two series over the same images; patients share their luck within and between sides."""
    patients = np.repeat(np.arange(n_patients), rng.integers(1, 2 * per_patient, n_patients))
    truth = rng.integers(0, 3, len(patients))
    hard = rng.normal(0, 0.1, n_patients)[patients]
    sides = []
    for runs, mean in zip(n_runs, skill, strict=True):
        own = rng.normal(0, 0.1, n_patients)[patients]
        level = mean + rng.normal(0, seed_sd, (runs, 1))
        right = rng.random((runs, len(truth))) < level + hard + own
        sides.append(judged(truth, np.where(right, truth, (truth + 1 + rng.integers(0, 2, right.shape)) % 3), patients))
    return sides


def test_the_rule_reads_the_interval_alone():
    assert answer(Difference(0.004, -0.002, 0.0099), 0.01) is Answer.SAME
    assert answer(Difference(0.004, 0.001, 0.009), 0.01) is Answer.SAME
    assert Difference(0.004, 0.001, 0.009).excludes_zero
    assert answer(Difference(0.006, 0.001, 0.011), 0.01) is Answer.BETTER
    assert answer(Difference(-0.02, -0.03, -0.01), 0.01) is Answer.WORSE
    assert answer(Difference(-0.02, -0.05, 0.01), 0.01) is Answer.INCONCLUSIVE


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0.001, 0.5))
def test_swapping_the_sides_swaps_the_answer(value, below, above, margin):
    swapped = {Answer.BETTER: Answer.WORSE, Answer.WORSE: Answer.BETTER}
    forth = answer(Difference(value, value - below, value + above), margin)
    back = answer(Difference(-value, -value - above, -value + below), margin)
    assert back is swapped.get(forth, forth)


def test_tables_count_per_patient_and_class():
    one = counts_by_patient(judged([0, 0, 1, 2], [[0, 1, 1, OUTSIDE]], patients=[7, 7, 3, 7]))
    # patients in order 3, 7; patient 7 has a, a, c: one a found, one called b, c called nothing here
    assert one.images[0].tolist() == [[0, 1, 0], [2, 0, 1]]
    assert one.hits[0].tolist() == [[0, 1, 0], [1, 0, 0]]
    assert one.called[0].tolist() == [[0, 1, 0], [1, 1, 0]]
    assert (one.n_images, one.n_patients, one.n_runs) == (4, 2, 1)
    assert one.effective_patients == 2  # 16 / (1 + 9) = 1.6, and never below 2


def test_the_figures_are_those_of_scikit_learn():
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 200)  # class c is absent
    predicted = np.where(rng.random((3, 200)) < 0.7, truth, rng.integers(0, 3, (3, 200)))
    counts = counts_by_patient(judged(truth, predicted, rng.integers(0, 40, 200)))
    for s, said in enumerate(predicted):
        assert counts.headline(Headline.ACCURACY).figure()[s] == pytest.approx(accuracy_score(truth, said), abs=1e-12)
        mine = counts.headline(Headline.BALANCED_ACCURACY).figure()[s]
        assert mine == pytest.approx(recall_score(truth, said, labels=[0, 1], average="macro"), abs=1e-12)
        theirs = f1_score(truth, said, labels=[0, 1], average="macro")
        assert counts.headline(Headline.MACRO_F1).figure()[s] == pytest.approx(theirs, abs=1e-12)
        each = precision_score(truth, said, labels=[0, 1, 2], average=None, zero_division=np.nan)
        assert counts.classes(ClassFigure.PRECISION).each()[s] == pytest.approx(each, abs=1e-12, nan_ok=True)
    both = judged([0, 1, 2, 2], [0, 1, 2, 1])
    theirs = balanced_accuracy_score(both.truth, both.predicted[0])
    assert counts_by_patient(both).headline(Headline.BALANCED_ACCURACY).figure()[0] == pytest.approx(theirs)


@pytest.mark.parametrize("figure", Headline)
def test_influence_is_what_leaving_a_patient_out_changes(figure):
    rng = np.random.default_rng(1)
    a, _ = simulated(rng, n_patients=300)
    counts = counts_by_patient(a)
    ratios = counts.headline(figure)
    influence = ratios.figure_influence()
    assert influence.sum(axis=1) == pytest.approx(0, abs=1e-12)
    for patient in (0, 17, 250):
        left = judged(a.truth[a.patients != patient], a.predicted[:, a.patients != patient])
        without = counts_by_patient(left).headline(figure).figure()
        assert influence[:, patient] == pytest.approx(ratios.figure() - without, abs=4e-4)


@pytest.mark.parametrize("figure", Headline)
def test_linearised_and_resampled_intervals_of_a_checkpoint_agree(figure, monkeypatch):
    rng = np.random.default_rng(8)
    sides = simulated(rng, n_patients=800, n_runs=(1, 1))
    resampled = verdict(pair(*sides), figure, Question.CHECKPOINT, 0.01).difference
    monkeypatch.setattr(comparison, "MAX_BOOTSTRAP_PATIENTS", 100)
    linearised = verdict(pair(*sides), figure, Question.CHECKPOINT, 0.01).difference
    assert resampled.value == linearised.value
    assert resampled.low == pytest.approx(linearised.low, abs=0.002)
    assert resampled.high == pytest.approx(linearised.high, abs=0.002)


def test_the_checkpoints_interval_is_that_of_a_bootstrap_written_out():
    rng = np.random.default_rng(5)
    a, b = simulated(rng, n_patients=500, n_runs=(1, 1))
    mine = verdict(pair(a, b), Headline.ACCURACY, Question.CHECKPOINT, 0.01)
    gap = a.right[0].astype(float) - b.right[0]
    assert mine.difference.value == pytest.approx(gap.mean(), abs=1e-12)
    images = [np.flatnonzero(a.patients == patient) for patient in range(500)]
    drawn = []
    for _ in range(3000):
        rows = np.concatenate([images[k] for k in rng.integers(0, 500, 500)])
        drawn.append(gap[rows].mean())
    low, high = np.quantile(drawn, (0.025, 0.975))
    assert (mine.difference.low, mine.difference.high) == pytest.approx((low, high), abs=0.003)


def test_the_variance_of_a_series_is_that_of_simulated_repetitions():
    """Patients, seeds and their interaction drawn anew: the mean estimate equals the variance of the difference."""
    rng = np.random.default_rng(11)
    found = [
        verdict(pair(*simulated(rng, 80, (3, 5), (0.8, 0.8), seed_sd=0.02)), Headline.ACCURACY, Question.TRAINING, 0.01)
        for _ in range(1500)
    ]
    truth = np.var([one.difference.value for one in found])
    assert np.mean([one.variance.total for one in found]) == pytest.approx(truth, rel=0.12)
    covered = np.mean([not one.difference.excludes_zero for one in found])
    assert 0.935 <= covered <= 0.97


def test_more_seeds_than_patients_leave_the_patients_part():
    rng = np.random.default_rng(2)
    same = verdict(pair(*simulated(rng, 40, (10, 10), (0.8, 0.8))), Headline.ACCURACY, Question.TRAINING, 0.01)
    assert same.variance.total >= same.variance.patients > 0


def test_too_few_patients_or_seeds_are_said_and_no_interval_given():
    rng = np.random.default_rng(2)
    few = verdict(pair(*simulated(rng, 19)), Headline.ACCURACY, Question.CHECKPOINT, 0.01)
    assert few.answer is Answer.TOO_FEW
    assert math.isnan(few.difference.low)
    assert not math.isnan(few.difference.value)
    seeds = pair(*simulated(rng, 60, (2, 8)))
    assert verdict(seeds, Headline.ACCURACY, Question.TRAINING, 0.01).answer is Answer.TOO_FEW
    assert verdict(seeds, Headline.ACCURACY, Question.CHECKPOINT, 0.01).answer is not Answer.TOO_FEW
    assert all(math.isnan(row.difference.low) for row in class_rows(seeds, ClassFigure.RECALL, Question.TRAINING))


def test_runs_that_never_differ_are_bounded_as_none_of_n_is():
    truth = [k % 3 for k in range(90)]
    one = judged(truth, [truth], patients=[k // 3 for k in range(90)])
    same = verdict(pair(one, one), Headline.ACCURACY, Question.CHECKPOINT, 0.01)
    # 0 of 30 patients seen: at 97.5 % at most 1 - 0.025 ** (1 / 30) = 0.1157; images of a patient may differ together
    assert (same.difference.low, same.difference.high) == pytest.approx((-0.1157, 0.1157), abs=1e-4)
    assert same.answer is Answer.INCONCLUSIVE


def test_more_seeds_alone_may_never_settle_it():
    rng = np.random.default_rng(6)
    sides = simulated(rng, 30, (3, 3), (0.80, 0.80))
    open_question = verdict(pair(*sides), Headline.ACCURACY, Question.TRAINING, 0.001)
    assert open_question.answer is Answer.INCONCLUSIVE
    assert open_question.needs.seeds_each is None


def test_class_rows_agree_with_their_intervals_and_small_classes_get_none():
    rng = np.random.default_rng(9)
    a, b = simulated(rng, 200, (3, 4), (0.9, 0.7))
    few = np.flatnonzero(a.truth == 2)[9:]  # leave class c with nine images
    keep = np.setdiff1d(np.arange(len(a.truth)), few)
    a, b = (judged(s.truth[keep], s.predicted[:, keep], s.patients[keep], keep) for s in (a, b))
    for question in Question:
        rows = class_rows(pair(a, b), ClassFigure.RECALL, question)
        assert [row.name for row in rows] == ["a", "b", "c"]
        assert rows[0].difference.low < rows[0].difference.value < rows[0].difference.high
        assert math.isnan(rows[2].difference.low)
        assert (rows[2].n_images, rows[2].n_patients <= 9) == (9, True)
        expected = np.mean([recall_score(a.truth, said, labels=[0], average=None)[0] for said in a.predicted])
        assert rows[0].a == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("question", Question)
def test_class_intervals_hold_for_all_rows_at_once(question):
    """Nothing differs in truth: in about 95 % of repetitions no row of the three is off 0."""
    rng = np.random.default_rng(12)
    runs = (4, 4) if question is Question.TRAINING else (1, 1)
    held = []
    for _ in range(400):
        rows = class_rows(pair(*simulated(rng, 80, runs, (0.8, 0.8))), ClassFigure.RECALL, question)
        held.append(not any(row.difference.excludes_zero for row in rows))
    assert np.mean(held) >= 0.93


def test_clustered_mcnemar_is_mcnemar_where_each_patient_has_one_image():
    rng = np.random.default_rng(7)
    truth = rng.integers(0, 3, 400)
    sides = [judged(truth, np.where(rng.random(400) < p, truth, (truth + 1) % 3)) for p in (0.8, 0.7)]
    right = [side.right[0] for side in sides]
    table = [[(right[0] & right[1]).sum(), (right[0] & ~right[1]).sum()]]
    table.append([(~right[0] & right[1]).sum(), (~right[0] & ~right[1]).sum()])
    theirs = mcnemar(table, exact=False, correction=False)
    assert clustered_mcnemar(pair(*sides)) == pytest.approx((theirs.statistic, theirs.pvalue), abs=1e-9)


def test_clustered_mcnemar_sums_within_patients():
    # patient 0: +1 +1, patient 1: +1 -1, patient 2: -1; (2 + 0 - 1)^2 / (4 + 0 + 1) = 1 / 5
    truth = [0, 0, 0, 0, 0]
    a, b = judged(truth, [0, 0, 0, 1, 1], [0, 0, 1, 1, 2]), judged(truth, [1, 1, 1, 0, 0], [0, 0, 1, 1, 2])
    assert clustered_mcnemar(pair(a, b))[0] == pytest.approx(1 / 5)
    assert math.isnan(clustered_mcnemar(pair(a, a))[0])


def test_images_judged_on_one_side_only_are_left_out_and_counted():
    a = judged([0, 1, 2, 0], [0, 1, 2, 1], patients=[0, 0, 1, 2])
    b = judged([2, 0, 1], [2, 1, 1], patients=[0, 1, 2], ids=[2, 3, 5])  # its own codes of the patients
    both = pair(a, b)
    assert (both.a.n_images, both.b.n_images, both.n_apart) == (2, 2, 3)
    assert both.a.hits.sum(axis=2).tolist() == both.b.hits.sum(axis=2).tolist() == [[1, 0]]


def test_figures_of_different_label_spaces_are_never_subtracted():
    other = Taxonomy("ab", {"a": frozenset("a"), "bc": frozenset("bc")})
    a = judged([0, 1], [0, 1])
    b = Evaluation(other, a.image_ids, a.patients, a.truth, a.predicted)
    with pytest.raises(RunError, match="different classes"):
        pair(a, b)


@given(st.integers(0, 10_000))
def test_swapping_the_sides_mirrors_every_interval(seed):
    rng = np.random.default_rng(seed)
    a, b = simulated(rng, 25, (3, 3))
    for question in Question:
        there = verdict(pair(a, b), Headline.ACCURACY, question, 0.01).difference
        back = verdict(pair(b, a), Headline.ACCURACY, question, 0.01).difference
        assert (back.value, back.low, back.high) == pytest.approx((-there.value, -there.high, -there.low), abs=1e-6)
