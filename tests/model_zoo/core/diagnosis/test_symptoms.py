"""What each cause looks like: sums by hand, laws, and scikit-learn's calibration curve."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.calibration import calibration_curve

from model_zoo.core.diagnosis.symptoms import (
    changed_by_summing,
    class_pull,
    confused_pairs,
    correlation,
    error_split,
    excess_on_pairs,
    group_recalls,
    imbalance_ratio,
    largest_cells_inside,
    people_and_models,
    probability_mass,
    share_of,
    small_classes,
)
from model_zoo.core.evaluation.calibration import N_BINS, calibration, calibration_if_probabilities
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.label_space.class_groups import ClassGroup
from model_zoo.core.label_space.taxonomy import OUTSIDE, Taxonomy


def judged(truth, predicted, patients=None, n_classes=4):
    truth = np.array(truth)
    codes = np.arange(len(truth)) if patients is None else np.array(patients)
    taxonomy = Taxonomy("made", {f"c{k}": frozenset({f"leaf{k}"}) for k in range(n_classes)})
    return Evaluation(taxonomy, tuple(map(str, range(len(truth)))), codes, truth, np.atleast_2d(predicted))


COARSER = np.array([0, 0, 1, 1])
runs = st.integers(1, 30).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 3), min_size=n, max_size=n),
        st.lists(st.lists(st.integers(0, 3), min_size=n, max_size=n), min_size=1, max_size=3),
        st.lists(st.integers(0, 11), min_size=n, max_size=n),
    )
)


def probabilities(seed, n_runs, n_images):
    return np.random.default_rng(seed).dirichlet(np.ones(4), (n_runs, n_images))


def test_the_error_is_what_stays_inside_and_what_goes_across():
    #                         right, inside, across, inside
    split = error_split(judged([0, 0, 1, 2], [0, 1, 2, 3]), COARSER)
    assert (split.error.value, split.inside.value, split.across.value) == (3 / 4, 2 / 4, 1 / 4)
    assert (split.inside.n_images, split.inside.n_patients) == (4, 4)


@given(runs)
def test_the_split_is_additive_and_what_goes_across_is_the_coarser_error(case):
    evaluation = judged(*case)
    split = error_split(evaluation, COARSER)
    assert split.inside.value + split.across.value == pytest.approx(split.error.value)
    assert split.across.value == pytest.approx((COARSER[evaluation.predicted] != COARSER[evaluation.truth]).mean())
    if not np.isnan(split.inside.low):  # 8 patients or more
        assert split.inside.low <= split.inside.value <= split.inside.high


@given(runs, st.integers(0, 99))
def test_summing_changes_what_the_two_rules_say_differently(case, seed):
    evaluation = judged(*case)
    p = probabilities(seed, len(evaluation.predicted), len(evaluation.truth))
    gained, lost, n_gained, n_lost = changed_by_summing(evaluation, p, COARSER)
    onto = np.eye(2)[COARSER]
    before = (COARSER[p.argmax(axis=2)] == COARSER[evaluation.truth]).mean()
    after = ((p @ onto).argmax(axis=2) == COARSER[evaluation.truth]).mean()
    assert gained.value - lost.value == pytest.approx(after - before)
    assert n_gained.sum() == pytest.approx(gained.value * p.shape[0] * p.shape[1])
    assert not ((n_gained > 0) & (n_lost == len(p))).any()


def test_probability_goes_to_the_class_its_siblings_and_elsewhere():
    p = np.array([[[0.5, 0.3, 0.1, 0.1], [0.1, 0.1, 0.2, 0.6]]])
    found = probability_mass(judged([0, 2], [0, 3]), p, COARSER)
    assert found[0] == pytest.approx([0.5, 0.3, 0.2])
    assert found[2] == pytest.approx([0.2, 0.6, 0.2])
    assert np.isnan(found[[1, 3]]).all()


def test_the_pull_of_a_class_is_its_calls_over_its_images():
    evaluation = judged([0, 0, 1, 2], [[0, 0, 0, 2], [0, 1, 0, 2]], [0, 0, 1, 1])
    pulls = class_pull(evaluation)
    assert [one.value for one in pulls[:3]] == [2.5 / 2, 0.5, 1.0]  # (3 + 2) / 2 runs over 2 images; (0 + 1) / 2; 1
    assert np.isnan(pulls[3].value)
    assert pulls[0].low <= pulls[0].value <= pulls[0].high


def test_the_interval_of_the_pull_is_about_a_patient_bootstraps():
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 4, 1200)
    predicted = np.where(rng.random(1200) < 0.6, truth, rng.choice(4, 1200, p=[0.6, 0.2, 0.1, 0.1]))
    patients = np.arange(1200) // 4
    weights = rng.multinomial(300, np.full(300, 1 / 300), 2000)
    for k, one in enumerate(class_pull(judged(truth, predicted, patients))):
        true, said = (np.bincount(patients, weights=x == k, minlength=300) for x in (truth, predicted))
        low, high = np.quantile((weights @ said) / (weights @ true), (0.025, 0.975))
        assert (one.low, one.high) == pytest.approx((low, high), rel=0.04)


def test_ratio_of_supports():
    assert imbalance_ratio(np.array([10, 40, 20])) == 4
    assert imbalance_ratio(np.array([10, 0])) == np.inf
    assert np.isnan(imbalance_ratio(np.zeros(3, dtype=int)))


def test_the_interval_of_a_rank_correlation_covers_it_as_often_as_it_says():
    rng = np.random.default_rng(1)
    truth = 6 / np.pi * np.arcsin(0.6 / 2)  # Spearman's of a bivariate normal with correlation 0.6
    covered = 0
    for _ in range(500):
        x, y = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 25).T
        one = correlation(x, y)
        assert one.value == pytest.approx(spearmanr(x, y).statistic)
        covered += one.low <= truth <= one.high
    assert covered / 500 >= 0.93


def test_pairs_are_counted_both_ways_and_the_most_confused_come_first():
    evaluation = judged([0, 0, 1, 2, 3, 3], [1, 1, 0, 3, 3, 3])
    pairs = confused_pairs(evaluation, ())
    assert [(one.first, one.second, one.first_as_second, one.second_as_first) for one in pairs] == [
        (0, 1, 2.0, 1.0), (2, 3, 1.0, 0.0)]  # fmt: skip
    assert [one.expected for one in pairs] == [0, 0]  # nothing else is mixed up: nothing more is expected
    assert excess_on_pairs(error_split(evaluation, COARSER), pairs).value == pytest.approx(4 / 6)


def test_people_and_models_are_compared_over_the_pairs_that_people_met():
    evaluation = judged([0, 0, 0, 1, 1, 2], [1, 1, 2, 2, 1, 2])  # models: 01 twice, 02 once, 12 once
    people = np.zeros((4, 4), dtype=int)
    people[0, 1] = people[1, 0] = 5
    people[0, 2] = people[2, 0] = 2
    people[1, 2] = people[2, 1] = 1
    found = people_and_models(people, evaluation)
    assert found.n == 3  # nobody met class 3
    assert found.value == pytest.approx(spearmanr([5, 2, 1], [2, 1, 1]).statistic)
    assert np.isnan(people_and_models(np.zeros((4, 4), dtype=int), evaluation).value)


def test_a_group_is_recognised_where_any_member_is_called():
    evaluation = judged([0, 0, 1, 2, 3], [1, 2, 1, 3, 3])
    one = group_recalls(evaluation, [ClassGroup({"a": "x"}, (0, 1))])[0]
    assert one.as_group.value == pytest.approx(2 / 3)  # of three images two are called 0 or 1
    assert one.exactly.value == pytest.approx(1 / 3)
    assert one.stays == pytest.approx(1 / 2)  # of two wrong answers one is a member
    assert np.isnan(one.score)  # two members are a pair
    assert np.isnan(largest_cells_inside(evaluation, [one]).value)


def test_wrong_answers_about_small_classes_bound_what_more_images_could_buy():
    evaluation = judged([0, 0, 1, 2, 3], [1, 0, 0, 3, 3])
    bound = small_classes(evaluation, np.array([10, 20, 30, 40]))  # the median is 25: classes 0 and 1 are small
    assert bound.value == pytest.approx(2 / 5)


@given(runs)
def test_a_share_of_images_is_the_mean_over_runs(case):
    evaluation = judged(*case)
    assert share_of(evaluation, evaluation.right).value == pytest.approx(evaluation.right.mean())
    assert np.isnan(share_of(evaluation, evaluation.right, np.zeros(len(evaluation.truth), bool)).value)


@given(st.integers(0, 1000), st.integers(1, 200))
def test_the_bins_are_scikit_learns(seed, n):
    rng = np.random.default_rng(seed)
    confidences = np.round(rng.random((1, n)), 1 if seed % 2 else 3)  # with values on the edges of bins
    right = rng.random((1, n)) < confidences
    found = calibration(right, confidences, np.arange(n))
    if right.any() and not right.all():
        shares, means = calibration_curve(right[0], confidences[0], n_bins=N_BINS)
        assert [one.right.value for one in found.bins] == pytest.approx(shares)
        assert [one.confidence for one in found.bins] == pytest.approx(means)
    n_images = np.array([one.right.n_images for one in found.bins])
    gaps = np.array([abs(one.right.value - one.confidence) for one in found.bins])
    assert found.ece == pytest.approx(n_images @ gaps / n)
    assert n_images.sum() == n


def test_the_bias_of_the_calibration_error_is_that_of_perfect_probabilities():
    rng = np.random.default_rng(2)
    confidences = rng.random((1, 400))
    errors = [calibration(rng.random((1, 400)) < confidences, confidences, np.arange(400)) for _ in range(30)]
    assert np.mean([one.ece for one in errors]) == pytest.approx(errors[0].ece_of_perfect, rel=0.1)
    assert errors[0].ece_of_perfect > 0.02


def test_calibration_in_a_coarser_space_sums_the_probabilities_of_the_class_answered():
    p = np.array([[[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.4, 0.3], [0.1, 0.1, 0.1, 0.7]]])
    found = calibration_if_probabilities(judged([1, 0, 3], [0, 2, 3]), p, np.array([0, 0, 1, OUTSIDE]))
    # the third image's class is unknown there; 0.4 + 0.3 on the right class, 0.4 alone on the wrong one
    assert [(one.confidence, one.right.value) for one in found.bins] == [(0.4, 0.0), (pytest.approx(0.7), 1.0)]


def test_nothing_judged_is_undefined():
    found = calibration(np.zeros((1, 0), bool), np.zeros((1, 0)), np.zeros(0, int))
    assert (found.bins, np.isnan(found.ece), np.isnan(found.ece_of_perfect)) == ((), True, True)
