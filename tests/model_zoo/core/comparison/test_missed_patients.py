"""Patients who differ and were missed: what a sample cannot rule out is never called the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import binomtest

from model_zoo.core.comparison import uncertainty
from model_zoo.core.comparison.aligned import Aligned
from model_zoo.core.comparison.comparison import Pair, verdict
from model_zoo.core.comparison.many_models import compare_many
from model_zoo.core.comparison.outcomes import Answer, Question
from model_zoo.core.comparison.uncertainty import unseen_patients
from model_zoo.core.evaluation.metrics import Headline
from model_zoo.core.evaluation.patient_counts import PatientCounts


def counts(hits, sizes):
    """One class; ``hits`` (S, P) of ``sizes`` (P,) images."""
    hits = np.atleast_2d(np.asarray(hits, dtype=np.float64))
    return PatientCounts(np.asarray(sizes, dtype=np.float64)[None, :, None], hits[:, :, None], hits[:, :, None])


def alike(*sides):
    """Models over the same images."""
    return Aligned(sides, sides, sides, (0,) * len(sides))


def judged(a, b, sizes, question=Question.CHECKPOINT, margin=0.01):
    return verdict(Pair(("one",), counts(a, sizes), counts(b, sizes)), Headline.ACCURACY, question, margin)


@pytest.mark.parametrize(("n_patients", "per_patient"), [(25, 20), (20, 50), (60, 3)])
@pytest.mark.parametrize("question", Question)
def test_identical_predictions_are_bounded_by_patients_not_by_images(n_patients, per_patient, question):
    sizes = np.full(n_patients, per_patient)
    hits = np.tile(sizes - 2, (3, 1)) if question is Question.TRAINING else sizes - 2
    said = judged(hits, hits, sizes, question)
    exact = binomtest(0, n_patients).proportion_ci(0.95).high  # Clopper & Pearson
    assert said.unseen == pytest.approx(exact, abs=1e-12)
    assert (said.difference.low, said.difference.high) == pytest.approx((-exact, exact), abs=1e-12)
    assert said.answer is Answer.INCONCLUSIVE
    assert said.nothing_seen


@pytest.mark.parametrize(("n_patients", "margin"), [(368, 0.01), (183, 0.02), (73, 0.05)])
def test_the_least_number_of_patients_that_can_be_the_same(n_patients, margin):
    """0.025 ** (1 / P) = 1 - margin at P = 367.04, 182.6 and 71.9 patients."""
    least = int(np.ceil(np.log(0.025) / np.log1p(-margin)))
    assert least <= n_patients
    for number, expected in ((least, Answer.SAME), (least - 1, Answer.INCONCLUSIVE)):
        sizes = np.full(number, 5)
        said = judged(sizes - 1, sizes - 1, sizes, margin=margin)
        assert said.answer is expected
        assert said.nothing_seen is (expected is Answer.INCONCLUSIVE)
    assert said.needs.patients == least


def test_four_patients_who_differ_widen_the_interval_and_five_do_not():
    sizes = np.full(50, 10)
    exact = binomtest(0, 50).proportion_ci(0.95).high
    for n_differing in (1, 2, 4):
        b = sizes - 1.0
        b[:n_differing] = 5  # 4 images each: 4 n / 500
        said = judged(sizes - 1, b, sizes)
        value = 4 * n_differing / 500
        assert said.difference.value == pytest.approx(value)
        assert said.difference.low == pytest.approx(value - exact)
        assert said.difference.high == pytest.approx(value + exact)
    b[:5] = 5
    five = counts(sizes - 1, sizes), counts(b, sizes)
    plain = uncertainty.bootstrap_interval(*(side.headline(Headline.ACCURACY) for side in five), 2 * (5 - 1))
    said = verdict(Pair(("one",), *five), Headline.ACCURACY, Question.CHECKPOINT, 0.01)
    # five: not what was missed, but the upper end moves by the skewness: 4 of 10 images of five patients in 50
    z = (np.array([0.4] * 5 + [0.0] * 45) - 0.04) / 50
    farther = (z**3).sum() / (z**2).sum() * (1.959964**2 + 2) / 6
    assert (said.difference.low, said.difference.high) == pytest.approx((plain[0], plain[1] + farther), abs=1e-7)


def test_fewer_than_five_patients_never_decide_whatever_their_size():
    for sizes in (np.full(40, 10), np.r_[300, np.full(39, 10)]):
        b = np.zeros(40)
        b[4:] = sizes[4:]
        said = judged(sizes, b, sizes)  # B is wrong on everything of four patients, A on nothing
        assert said.difference.low <= 0 < said.difference.value
        assert said.answer is Answer.INCONCLUSIVE
        assert -1 <= said.difference.low <= said.difference.high <= 1


@pytest.mark.parametrize("n_giants", [1, 2, 20])
def test_giants_among_many_small_patients_may_differ_with_any_probability(n_giants):
    """The largest weighted mean of probabilities that still misses all with 2.5 %, by numerical optimisation."""
    weights = np.r_[np.full(n_giants, 0.3 / n_giants), np.full(2000, 0.7 / 2000)]
    start = np.full(n_giants, 1 - 0.025 ** (1 / n_giants))
    worst = minimize(
        lambda p: -float(weights[:n_giants] @ p),
        start * 0.9,
        bounds=[(0, 1)] * n_giants,
        constraints={"type": "ineq", "fun": lambda p: np.prod(1 - p) - 0.025},
    )
    by_size = binomtest(0, round(1 / (weights @ weights))).proportion_ci(0.95).high
    assert unseen_patients(weights) == pytest.approx(max(-worst.fun, by_size), rel=0.05)
    assert unseen_patients(weights) >= -worst.fun - 1e-6


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=60))
def test_no_sizes_say_more_than_as_many_equal_patients(sizes):
    weights = np.array(sizes, dtype=np.float64) / sum(sizes)
    assert 1 - 0.025 ** (1 / len(sizes)) - 1e-12 <= unseen_patients(weights) <= 0.975 + 1e-12


@pytest.mark.parametrize(("n_patients", "per_patient", "rate"), [(20, 50, 0.05), (25, 40, 0.05), (400, 20, 0.0115)])
@pytest.mark.parametrize("n_runs", [1, 3])
def test_wholly_wrong_patients_are_hardly_ever_called_the_same(n_patients, per_patient, rate, n_runs):
    """B is A, and wrong on everything of a share ``rate`` of the patients: more than the margin, seen or not."""
    rng = np.random.default_rng([n_patients, n_runs])
    sizes, n_trials = np.full(n_patients, per_patient), 300
    answers = []
    for _ in range(n_trials):
        lucky = rng.random(n_patients) < 0.5
        a = sizes - lucky * (rng.random((n_runs, n_patients)) < 0.2)
        b = a if n_runs == 1 else sizes - lucky * (rng.random((n_runs, n_patients)) < 0.2)
        b = np.where(rng.random(n_patients) < rate, 0, b)
        question = Question.CHECKPOINT if n_runs == 1 else Question.TRAINING
        answers.append(judged(a, b, sizes, question).answer)
    n_wrong = sum(one is Answer.SAME for one in answers)
    assert binomtest(n_wrong, n_trials, 0.025, alternative="greater").pvalue > 0.01, n_wrong
    n_worse = sum(one is Answer.WORSE for one in answers)
    assert binomtest(n_worse, n_trials, 0.035, alternative="greater").pvalue > 0.01, n_worse


@pytest.mark.parametrize("question", Question)
@pytest.mark.parametrize(("right", "wrong"), [(4, 0), (0, 4), (3, 1), (2, 1)])
@pytest.mark.parametrize("n_patients", [25, 60, 400])
def test_a_difference_that_all_patients_share_is_no_narrower_than_missed_patients_allow(
    question, right, wrong, n_patients
):
    """Every patient differs by the same; with 97.5 % no more than a share u was missed, who may differ by -1 or 1."""
    sizes, u = np.full(n_patients, 4), binomtest(0, n_patients).proportion_ci(0.95).high
    hits = np.ones((3 if question is Question.TRAINING else 1, 1)) * sizes / 4
    said = judged(right * hits, wrong * hits, sizes, question)
    value = (right - wrong) / 4
    expected = max(-1, (1 - u) * value - u), min(1, (1 - u) * value + u)
    assert (said.difference.low, said.difference.high) == pytest.approx(expected, abs=1e-9)
    many = compare_many(alike(counts(wrong * hits, sizes), counts(right * hits, sizes)), Headline.ACCURACY, 0.01)
    row = many.rows[0].difference
    assert (row.low, row.high) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("figure", Headline)
@pytest.mark.parametrize("departing", [0, 1, 4])
def test_right_everywhere_against_wrong_everywhere_but_for_few_patients(figure, departing):
    """Two classes, 30 patients each of 5 images; B finds some images of ``departing`` patients."""
    images = np.zeros((1, 60, 2))
    images[0, :30, 0] = images[0, 30:, 1] = 5
    found = np.zeros_like(images)
    found[0, :departing, 0] = 2
    called = images[:, :, ::-1].copy()
    called[0, :departing] = 2, 3
    right, wrong = PatientCounts(images, images, images), PatientCounts(images, found, called)
    said = verdict(Pair(("one", "two"), right, wrong), figure, Question.CHECKPOINT, 0.01)
    u = binomtest(0, 60).proportion_ci(0.95).high
    assert said.difference.low <= (1 - u) * said.difference.value - u + 1e-9
    assert said.difference.value <= said.difference.high <= 1
    row = compare_many(alike(wrong, right), figure, 0.01).rows[0].difference
    assert row.low <= (1 - u) * said.difference.value - u + 1e-9


def test_a_wholly_different_twentieth_of_patients_is_covered():
    """40 patients: A is right and B wrong, but in 5 % of the patients the other way round; the truth is 0.9."""
    rng, sizes, held = np.random.default_rng(4), np.full(40, 10), []
    for _ in range(300):
        turned = rng.random(40) < 0.05
        one = judged(np.where(turned, 0, 10), np.where(turned, 10, 0), sizes).difference
        held.append(one.low <= 0.9 <= one.high)
    assert np.mean(held) >= 0.975


@pytest.mark.parametrize(("value", "margin"), [(0.1, 0.01), (0.05, 0.01), (0.01, 0.04)])
def test_a_difference_that_all_patients_share_states_the_patients_that_settle_it(value, margin):
    """(1 - u) d > u, or (1 - u) d + u within the margin; u = 1 - 0.025^(1 / P)."""
    u = value / (1 + value) if value > margin else (margin - value) / (1 - value)
    least = int(np.ceil(np.log(0.025) / np.log1p(-u)))

    def said(n_patients):
        sizes = np.full(n_patients, 100)
        return judged(sizes * (0.5 + value), sizes * 0.5, sizes, margin=margin)

    assert said(25).needs.patients == least
    assert [said(n).answer is Answer.INCONCLUSIVE for n in (least - 1, least)] == [True, False]
