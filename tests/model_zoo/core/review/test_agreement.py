"""Agreement of people: by hand, against scikit-learn, statsmodels and krippendorff, and its intervals in simulation."""

import warnings

import krippendorff as oracle
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

from model_zoo.core.evaluation.metrics import wilson
from model_zoo.core.review.agreement import (
    MIN_PATIENTS_FOR_AGREEMENT,
    NO_LABEL,
    cohen,
    coincidences,
    fleiss,
    joint,
    krippendorff,
    observed,
    specific,
)

RATINGS = st.lists(st.lists(st.integers(-1, 3), min_size=3, max_size=3), min_size=1, max_size=30)


def test_two_people_and_four_images_by_hand():
    ratings = np.array([[0, 0, 1, NO_LABEL], [0, 1, 1, 1]])  # the fourth image was rated once: it says nothing
    found = coincidences(ratings, np.arange(4), 2)
    assert found.n_images == 3
    assert found.total.tolist() == [[2, 1], [1, 2]]  # (0,0) and (1,1) both ways round, (0,1) once each way
    assert observed(found.total) == pytest.approx(4 / 6)
    assert specific(0)(found.total) == pytest.approx(2 / 3)  # of three ratings 0, two were shared
    assert fleiss(found.total) == pytest.approx((4 / 6 - 1 / 2) / (1 / 2))
    assert krippendorff(found.total) == pytest.approx(1 - 5 * 2 / (2 * 3 * 3))  # 1 - (n-1) sum o / sum n n


@given(RATINGS)
def test_alpha_is_that_of_the_krippendorff_package(written):
    ratings = np.array(written).T
    found = krippendorff(coincidences(ratings, np.arange(ratings.shape[1]), 4).total)
    said = np.where(ratings == NO_LABEL, np.nan, ratings)
    paired = said[:, (~np.isnan(said)).sum(axis=0) > 1]
    if len(np.unique(paired[~np.isnan(paired)])) < 2:
        assert np.isnan(found)  # nothing varies: no agreement beyond chance can be told
    else:
        assert found == pytest.approx(oracle.alpha(paired, level_of_measurement="nominal"), abs=1e-9)


@given(RATINGS)
def test_fleiss_is_that_of_statsmodels(written):
    ratings = np.abs(np.array(written)).T
    found = fleiss(coincidences(ratings, np.arange(ratings.shape[1]), 4).total)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = fleiss_kappa(aggregate_raters(ratings.T, n_cat=4)[0])
    assert found == pytest.approx(wanted, abs=1e-9, nan_ok=True)


@given(RATINGS)
def test_cohen_is_that_of_scikit_learn(written):
    first, second, _ = np.array(written).T
    both = (first != NO_LABEL) & (second != NO_LABEL)
    found = cohen(joint(first, second, np.arange(len(first)), 4).total)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = cohen_kappa_score(first[both], second[both], labels=range(4)) if both.any() else np.nan
    assert found == pytest.approx(wanted, abs=1e-9, nan_ok=True)


@given(RATINGS, st.permutations(range(3)), st.permutations(range(4)))
def test_neither_the_order_of_people_nor_the_names_of_classes_matter(written, people, classes):
    ratings, owners = np.array(written).T, np.arange(len(written)) // 2
    renamed = np.where(ratings == NO_LABEL, NO_LABEL, np.array(classes)[ratings])[list(people)]
    first, second = (coincidences(one, owners, 4) for one in (ratings, renamed))
    for statistic in (observed, fleiss, krippendorff):
        assert statistic(first.total) == pytest.approx(float(statistic(second.total)), abs=1e-12, nan_ok=True)
    for k in range(4):
        one, other = specific(k)(first.total), specific(classes[k])(second.total)
        assert one == pytest.approx(float(other), abs=1e-12, nan_ok=True)


def test_few_patients_get_no_interval_and_full_agreement_is_not_certainty():
    ratings = np.array([[0, 1, 1, 0, 1, 0, 1, 0, 0, 1, 0, 1]] * 2)
    for n_patients, told in ((MIN_PATIENTS_FOR_AGREEMENT - 1, False), (MIN_PATIENTS_FOR_AGREEMENT, True)):
        found = coincidences(ratings, np.minimum(np.arange(12), n_patients - 1), 2).figure(fleiss)
        assert (found.value, found.n_images, found.n_patients) == (1, 12, n_patients)
        assert np.isnan([found.low, found.high]).tolist() == [not told] * 2
    # 9 patients with 1 image and one with 3 are 12^2 / (9 + 9) = 8 equal ones; Wilson at 8 of 8: 0.676; chance gives
    # 0.5; 1 - 0.324 / 0.5
    assert (found.low, found.high) == (pytest.approx(0.351, abs=0.001), 1)


def test_a_class_is_judged_over_the_patients_of_whom_anybody_said_it():
    ratings = np.array([[0] * 12 + [1] * 30] * 2)  # 12 patients of class 0, agreed upon
    both = coincidences(ratings, np.arange(42), 2)
    found = both.of_class(0)
    assert (found.value, found.n_patients) == (1, 12)
    assert found.low == pytest.approx(wilson(1.0, 12)[0])  # not 42 patients' worth of certainty
    assert np.isnan(coincidences(ratings[:, 5:], np.arange(37), 2).of_class(0).low)  # 7 patients


def test_intervals_cover_the_true_figure():
    """Two people who each name the true class, one of three, with probability 0.8, else one of the others.

    A patient's images are of one class and equally hard, so that patients, not images, are the sample.
    """
    rng, n_patients, covered = np.random.default_rng(0), 40, 0
    sizes = np.full(n_patients, 3)
    patient = np.repeat(np.arange(n_patients), sizes)
    chance = np.array([0.95, 0.65])  # how often right: easy and hard patients, half of each
    agree = np.mean(chance**2 + (1 - chance) ** 2 / 2)
    truth = (agree - 1 / 3) / (2 / 3)
    for _ in range(200):
        right = chance[rng.integers(0, 2, n_patients)][patient]
        classes = rng.integers(0, 3, n_patients)[patient]
        said = [
            np.where(rng.random(len(patient)) < right, classes, (classes + rng.integers(1, 3, len(patient))) % 3)
            for _ in range(2)
        ]
        found = coincidences(np.array(said), patient, 3).figure(fleiss)
        covered += found.low <= truth <= found.high
    assert covered >= 0.92 * 200
