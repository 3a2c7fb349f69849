"""Stated numbers of patients and seeds, and the smallest gap: against statsmodels, and against simulated samples."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from statsmodels.stats.power import TTestPower

from model_zoo.core.comparison import uncertainty
from model_zoo.core.comparison.comparison import Pair, verdict
from model_zoo.core.comparison.outcomes import Answer, Question
from model_zoo.core.comparison.power import POWER, needs, power, rescaled, smallest_gap
from model_zoo.core.comparison.uncertainty import Variance
from model_zoo.core.evaluation.metrics import Headline
from model_zoo.core.evaluation.patient_counts import PatientCounts

PER_PATIENT = 4


def drawn(rng, n_patients, n_runs, accuracy, seed_sd=0.0, shared=0.7):
    """Two sides over the same images: a patient's luck, in part shared by the sides, and each seed's skill."""
    common = rng.normal(size=n_patients)
    sides = []
    for runs, mean in zip(n_runs, accuracy, strict=True):
        luck = math.sqrt(shared) * common + math.sqrt(1 - shared) * rng.normal(size=n_patients)
        skill = mean + rng.normal(0, seed_sd, (runs, 1)) + 0.08 * luck
        hits = rng.binomial(PER_PATIENT, np.clip(skill, 0, 1)).astype(float)[:, :, None]
        images = np.full((1, n_patients, 1), float(PER_PATIENT))
        sides.append(PatientCounts(images, hits, np.broadcast_to(images, hits.shape)))
    return Pair(("all",), *sides)


def variance_of(pair, question):
    """The measured parts, of a sample so large that they are the true ones."""
    a, b = pair.a.headline(Headline.ACCURACY), pair.b.headline(Headline.ACCURACY)
    influence = a.figure_influence(), b.figure_influence()
    if question is Question.CHECKPOINT:
        return uncertainty.over_patients(*influence)
    return uncertainty.over_patients_and_seeds(*influence, (a.figure(), b.figure()))


def settled(rng, question, margin, trials, **world):
    answers = [verdict(drawn(rng, **world), Headline.ACCURACY, question, margin).answer for _ in range(trials)]
    assert Answer.TOO_FEW not in answers
    return np.mean([one is not Answer.INCONCLUSIVE for one in answers])


@given(st.integers(3, 400), st.floats(0.05, 1.5))
def test_power_is_that_of_a_t_test(n, effect):
    """One seed, equal patients: a one-sample t test on the patients' differences, of effect gap / SD."""
    theirs = TTestPower().power(effect_size=effect, nobs=n, alpha=0.05)
    assume(not math.isnan(theirs))
    mine = power(effect, 0.0, Variance(1 / n), n, (1, 1))
    assert mine == pytest.approx(theirs, abs=0.006)


@pytest.mark.parametrize(("sd", "gap"), [(1.0, 0.2), (0.3, 0.05), (0.5, 0.21)])
def test_patients_are_those_that_statsmodels_asks_for(sd, gap):
    """A margin that no interval of so few patients lies within: only an interval off 0 counts."""
    theirs = TTestPower().solve_power(effect_size=gap / sd, power=0.8, alpha=0.05)
    mine = needs(gap, 1e-6, Variance(sd**2 / 20), 20, 20.0, (1, 1), Question.CHECKPOINT).patients
    assert mine == pytest.approx(theirs, rel=0.01, abs=1.01)


def test_power_at_no_gap_is_the_error_rate_and_grows_with_it():
    assert power(0, 0, Variance(0.01), 30, (1, 1)) == pytest.approx(0.05, abs=0.002)
    chances = [power(gap, 0, Variance(0.01), 30, (1, 1)) for gap in (0, 0.1, 0.2, 0.4)]
    assert chances == sorted(chances)


def test_equivalence_takes_the_patients_that_were_not_seen_too():
    # 1 - 0.025^(1/P) is within 1 point from P = 368 on
    assert needs(0.0, 0.01, Variance(0.0), 100, 100.0, (1, 1), Question.CHECKPOINT).patients == 368
    assert needs(0.0, 0.05, Variance(0.0), 60, 60.0, (1, 1), Question.CHECKPOINT).patients == 72
    assert power(0, 0.01, Variance(1e-9), 300, (1, 1)) == pytest.approx(0.05, abs=0.002)


@given(st.floats(0, 1e-3), *[st.floats(0, 1e-3)] * 2, *[st.floats(0, 1e-4)] * 2)
def test_rescaled_by_one_changes_nothing_of_the_total(patients, seeds_a, seeds_b, both_a, both_b):
    measured = Variance(patients + both_a + both_b, (seeds_a, seeds_b), (both_a, both_b))
    assert rescaled(measured, 1, (1, 1)).total == pytest.approx(measured.total, abs=1e-12)
    more = rescaled(measured, 4, (2, 3)).total
    assert measured.total / 12 - 1e-12 <= more <= measured.total / 2 + 1e-12


def test_rescaled_is_what_a_larger_sample_measures():
    rng = np.random.default_rng(0)
    world = {"accuracy": (0.8, 0.8), "seed_sd": 0.02}
    small, large = (variance_of(drawn(rng, 4000, n, **world), Question.TRAINING) for n in ((40, 40), (80, 20)))
    predicted = rescaled(small, 1, (2, 0.5))
    assert predicted.seeds == pytest.approx(large.seeds, rel=0.5)
    assert predicted.patients == pytest.approx(large.patients, rel=0.1)


@pytest.mark.parametrize(("gap", "margin"), [(0.04, 0.001), (0.03, 0.001), (0.0, 0.04)])
def test_the_stated_patients_settle_it_in_eight_of_ten_samples(gap, margin):
    rng = np.random.default_rng(1)
    truth = rescaled(
        variance_of(drawn(rng, 40_000, (1, 1), (0.8 + gap, 0.8)), Question.CHECKPOINT), 30 / 40_000, (1, 1)
    )
    n = needs(gap, margin, truth, 30, 30.0, (1, 1), Question.CHECKPOINT).patients
    assert settled(
        rng, Question.CHECKPOINT, margin, 200, n_patients=n, n_runs=(1, 1), accuracy=(0.8 + gap, 0.8)
    ) == pytest.approx(POWER, abs=0.07)  # Monte-Carlo error: 2.5 SE


@pytest.mark.parametrize("which", ["seeds_each", "seeds_a", "seeds_b", "together"])
def test_the_stated_seeds_settle_it_in_eight_of_ten_samples(which):
    rng = np.random.default_rng(2)
    world = {"accuracy": (0.83, 0.8), "seed_sd": 0.02}
    true = variance_of(drawn(rng, 4000, (300, 300), **world), Question.TRAINING)
    now = 60 if which == "together" else 400
    truth = rescaled(true, now / 4000, (3 / 300, 4 / 300))
    found = needs(0.03, 0.001, truth, now, float(now), (3, 4), Question.TRAINING)
    n_patients, *n_runs = {
        "seeds_each": (now, found.seeds_each, found.seeds_each),
        "seeds_a": (now, found.seeds_a, 4),
        "seeds_b": (now, 3, found.seeds_b),
        "together": found.together,
    }[which]
    if None in n_runs:  # with three or four seeds on the other side, more on this one may never do
        runs = (10_000, 4) if which == "seeds_a" else (3, 10_000)
        assert power(0.03, 0.001, rescaled(truth, 1, (runs[0] / 3, runs[1] / 4)), 400, runs) < POWER
        return
    chance = settled(rng, Question.TRAINING, 0.001, 400, n_patients=n_patients, n_runs=n_runs, **world)
    assert chance == pytest.approx(POWER, abs=0.07)


def test_an_unequal_spread_asks_for_seeds_on_its_own_side():
    measured = Variance(1e-6, (3e-4, 3e-6), (0.0, 0.0))  # A: 3 seeds of SD 3 points; B: 8 of 0.5
    found = needs(0.02, 0.001, measured, 1000, 1000.0, (3, 8), Question.TRAINING)
    assert 10 <= found.seeds_a <= 40
    assert found.seeds_b is None
    assert found.patients is None


@pytest.mark.parametrize("question", Question)
def test_the_smallest_gap_from_one_side_is_found_in_eight_of_ten_samples(question):
    """Two models that err independently of each other; what A alone says holds for both."""
    rng = np.random.default_rng(3)
    world = {"n_patients": 250, "n_runs": (8, 8), "seed_sd": 0.015, "shared": 0.0}
    if question is Question.CHECKPOINT:
        world |= {"n_runs": (1, 1), "seed_sd": 0.0}
    stated = [
        smallest_gap(drawn(rng, accuracy=(0.8, 0.8), **world).a, Headline.ACCURACY, question).unrelated
        for _ in range(40)
    ]
    gap = float(np.mean(stated))
    found = [
        verdict(drawn(rng, accuracy=(0.8 + gap / 2, 0.8 - gap / 2), **world), Headline.ACCURACY, question, 0.001)
        for _ in range(400)
    ]
    assert np.mean([one.difference.low > 0 for one in found]) == pytest.approx(POWER, abs=0.07)


def test_models_alike_show_smaller_gaps_and_one_run_cannot_say_which():
    rng = np.random.default_rng(4)
    side = drawn(rng, 300, (5, 5), (0.8, 0.8), seed_sd=0.01).a
    found = smallest_gap(side, Headline.ACCURACY, Question.TRAINING)
    assert 0 < found.alike < found.unrelated < 0.2
    one = smallest_gap(
        PatientCounts(side.images, side.hits[:1], side.called[:1]), Headline.ACCURACY, Question.CHECKPOINT
    )
    assert math.isnan(one.alike)
    assert one.unrelated > 0


def test_without_any_error_one_side_says_nothing():
    images = np.ones((1, 50, 1))
    found = smallest_gap(PatientCounts(images, images, images), Headline.ACCURACY, Question.CHECKPOINT)
    assert math.isnan(found.unrelated)


def in_classes(rng, sizes, recall, n_runs=1, seed_sd=0.0):
    """Runs over the same images, one a patient, ``sizes`` of each class; an error falls on any other class."""
    truth, n_classes = np.repeat(np.arange(len(sizes)), sizes), len(sizes)
    skill = recall + rng.normal(0, seed_sd, (n_runs, 1))
    other = (truth + rng.integers(1, n_classes, (n_runs, len(truth)))) % n_classes
    said = np.where(rng.random(other.shape) < skill, truth, other)
    place = np.eye(n_classes)
    return PatientCounts(place[truth][None], place[said] * (said == truth)[:, :, None], place[said])


@pytest.mark.parametrize("figure", [Headline.BALANCED_ACCURACY, Headline.MACRO_F1])
@pytest.mark.parametrize("rare", [(), (5,), (9, 1)])
def test_the_smallest_gap_of_a_macro_average_holds_what_rare_classes_may_be(figure, rare):
    """Of K classes the u rare ones add up to u / K on either side; all others add (K - u) / K of a gap in each."""
    sizes = [60] * 20 + list(rare)
    side = in_classes(np.random.default_rng(5), sizes, 0.8)
    images, hits, called = (table[0] for table in (side.images, side.hits, side.called))
    below = images if figure is Headline.BALANCED_ACCURACY else images + called
    above = hits if figure is Headline.BALANCED_ACCURACY else 2 * hits
    moves = (above - above.sum(0) / below.sum(0) * below) / below.sum(0)
    by_patient = moves[:, :20].sum(axis=1) / len(sizes)
    spread = math.sqrt(2) * by_patient.std(ddof=1) * len(by_patient)  # of what a patient adds to a mean of two sides
    seen = TTestPower().solve_power(effect_size=None, nobs=len(by_patient), power=0.8, alpha=0.05) * spread
    expected = (len(rare) / len(sizes) + seen) / (20 / len(sizes))
    found = smallest_gap(side, figure, Question.CHECKPOINT)
    assert found.unrelated == pytest.approx(expected, rel=0.01)
    assert found.rare == tuple(range(20, len(sizes)))
    assert smallest_gap(side, Headline.ACCURACY, Question.CHECKPOINT).rare == ()


@pytest.mark.parametrize("question", Question)
def test_the_smallest_gap_beside_a_rare_class_is_found_in_eight_of_ten_samples(question):
    rng, sizes = np.random.default_rng(6), [40] * 19 + [5]
    runs = (8, 0.015) if question is Question.TRAINING else (1, 0.0)
    figure = Headline.BALANCED_ACCURACY
    gap = np.mean([smallest_gap(in_classes(rng, sizes, 0.8, *runs), figure, question).unrelated for _ in range(60)])
    names = tuple(str(k) for k in range(20))
    found = [
        verdict(
            Pair(names, *(in_classes(rng, sizes, 0.8 + sign * gap / 2, *runs) for sign in (1, -1))),
            figure,
            question,
            0.001,
        )
        for _ in range(250)
    ]
    assert np.mean([one.difference.low > 0 for one in found]) == pytest.approx(POWER, abs=0.07)


@pytest.mark.parametrize("sizes", [(400, 9), (40, 40, 9, 9), (9, 9), (60, 60, 0, 9, 9, 9)])
def test_where_rare_classes_hide_any_gap_none_is_stated(sizes):
    side = in_classes(np.random.default_rng(7), sizes, 0.8, 2)
    found = smallest_gap(side, Headline.BALANCED_ACCURACY, Question.CHECKPOINT)
    assert math.isnan(found.unrelated)
    assert math.isnan(found.alike)
    assert found.rare == tuple(k for k, size in enumerate(sizes) if 0 < size < 10)
