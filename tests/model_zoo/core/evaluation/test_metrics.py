"""Shares and their intervals: by hand, against statsmodels' cluster-robust variance, and by simulation."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats import t as student
from statsmodels.stats.proportion import proportion_confint

from model_zoo.core.evaluation.metrics import LEAST_PATIENTS, Share, around, f1_from_overlap, share, wilson

patients = st.lists(
    st.integers(1, 12).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    min_size=LEAST_PATIENTS,
    max_size=40,
)


def independent(hits, totals):
    """The interval by other code: loops, scipy's t, statsmodels' Wilson at so many trials."""
    rows = [(h, n) for h, n in zip(hits, totals, strict=True) if n]
    images = sum(n for _, n in rows)
    p = sum(h for h, _ in rows) / images

    def kish(sizes):
        return sum(sizes) ** 2 / sum(n * n for n in sizes) if sizes else 0

    trials = effective = kish([n for _, n in rows])
    if 0 < p < 1:
        clustered = sum(((h - p * n) / images) ** 2 / (1 - n / images) for h, n in rows)
        variance = max(clustered, p * (1 - p) / images)
        freedom = min(effective - 1, kish([n for h, n in rows if h]), kish([n for h, n in rows if h < n]))
        trials = max(effective, p * (1 - p) / variance * (norm.ppf(0.975) / student.ppf(0.975, freedom)) ** 2)
    return proportion_confint(p * trials, trials, method="wilson")


def test_a_design_effect_by_hand():
    # 4 patients x 2 images, hits 2, 2, 0, 1: share 5/8; residuals 0.75, 0.75, -1.25, -0.25: squares sum to 2.75
    one = share([2, 2, 0, 1], [2, 2, 2, 2])
    clustered = 4 / 3 * 2.75 / 8**2
    assert one.value == 5 / 8
    assert one.design_effect == pytest.approx(clustered / (5 / 8 * 3 / 8 / 8))  # 0.0573 / 0.0293 = 1.96
    assert (one.n_images, one.n_patients) == (8, 4)
    assert math.isnan(one.low)  # fewer than 8 patients


def test_an_interval_by_hand():
    # the same patients thrice: 12 x 2 images, share 15/24; squares sum to 8.25, each / (1 - 1/12)
    one = share([2, 2, 0, 1] * 3, [2, 2, 2, 2] * 3)
    clustered = 12 / 11 * 8.25 / 24**2  # 0.015625: exactly
    assert clustered == pytest.approx(0.015625)
    # patients with a hit: 9, with a miss: 6, of 11 degrees of freedom: t(6) = 2.4469
    trials = 15 / 24 * 9 / 24 / 0.015625 * (1.959964 / 2.446912) ** 2  # 15 trials, 9.624 with Student's t
    assert trials == pytest.approx(9.624, abs=0.001)
    # but 12 patients, each one trial, say more than that: no share varies more
    assert (one.low, one.high) == pytest.approx(proportion_confint(12 * 15 / 24, 12, method="wilson"))


@given(patients)
def test_the_interval_is_that_of_other_code(rows):
    hits, totals = np.array(rows).T
    one = share(hits, totals)
    assert (one.low, one.high) == pytest.approx(independent(hits, totals), abs=1e-9)


def test_one_patient_with_30_percent_of_the_images_widens_the_interval():
    hits, totals = [9] * 20 + [70], [10] * 20 + [86]
    one = share(hits, totals)
    assert (one.low, one.high) == pytest.approx(independent(hits, totals), abs=1e-9)
    even = share([9] * 20 + [8], [10] * 20 + [10])
    assert one.high - one.low > 1.1 * (even.high - even.low)  # though it has a third more images


@given(st.lists(st.tuples(st.integers(0, 9), st.just(9)), min_size=1, max_size=LEAST_PATIENTS - 1))
def test_fewer_patients_than_the_least_have_a_share_and_no_interval(rows):
    hits, totals = np.array(rows).T
    one = share(hits, totals)
    assert one.value == pytest.approx(hits.sum() / totals.sum())
    assert all(math.isnan(end) for end in (one.low, one.high, around(one, 0.5).low))


@given(patients)
def test_no_interval_is_wider_than_that_of_patients_wholly_right_or_wrong(rows):
    hits, totals = np.array(rows).T
    one, effective = share(hits, totals), totals.sum() ** 2 / (totals**2).sum()
    low, high = wilson(one.value, effective)
    assert low - 1e-12 <= one.low
    assert one.high <= high + 1e-12


@pytest.mark.parametrize("n_patients", [8, 12, 30])
@pytest.mark.parametrize("giant", [False, True])
@pytest.mark.parametrize("accuracy", [0.6, 0.9, 0.97])
def test_few_patients_are_covered(n_patients, giant, accuracy):
    """10 images a patient, intra-patient correlation 0.3; with a giant, one patient has 30 % of all images."""
    rng = np.random.default_rng(1)
    totals = np.full(n_patients, 10)
    if giant:
        totals[0] = round(0.3 / 0.7 * totals[1:].sum())
    concentration, covered = 1 / 0.3 - 1, 0
    for _ in range(600):
        one = share(
            rng.binomial(totals, rng.beta(accuracy * concentration, (1 - accuracy) * concentration, n_patients)), totals
        )
        covered += one.low <= accuracy <= one.high
    assert covered >= 0.93 * 600 - 2 * math.sqrt(600 * 0.93 * 0.07)


@given(patients)
def test_an_interval_is_around_its_share_and_inside_0_and_1(rows):
    hits, totals = np.array(rows).T
    one = share(hits, totals)
    assert 0 <= one.low <= one.value <= one.high <= 1
    assert one.design_effect >= 1
    assert one.value == pytest.approx(hits.sum() / totals.sum())
    assert one.low < one.high
    low, high = wilson(one.value, totals.sum())
    assert one.low <= low + 1e-12
    assert one.high >= high - 1e-12  # never narrower than if all images were independent


@given(patients, st.data())
def test_neither_the_order_of_patients_nor_patients_without_images_matter(rows, data):
    again = data.draw(st.permutations([*rows, (0, 0)]))
    first, second = share(*np.array(rows).T), share(*np.array(again).T)
    assert (first.low, first.high) == pytest.approx((second.low, second.high))
    assert first.n_patients == second.n_patients


@given(patients)
def test_hits_and_misses_mirror_each_other(rows):
    hits, totals = np.array(rows).T
    one, other = share(hits, totals), share(totals - hits, totals)
    assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low))


@given(st.integers(LEAST_PATIENTS, 30), st.integers(1, 20))
def test_at_shares_0_and_1_the_patients_count_and_their_images_do_not(n_patients, n_each):
    totals = np.full(n_patients, n_each)
    all_right, all_wrong = share(totals, totals), share(np.zeros(n_patients), totals)
    assert (all_right.low, all_right.high) == pytest.approx(wilson(1.0, n_patients))
    assert (all_wrong.low, all_wrong.high) == pytest.approx(wilson(0.0, n_patients))
    assert all_right.high == 1
    assert all_wrong.low == 0


def test_a_share_of_nothing_is_undefined():
    nothing = share([], [])
    assert all(math.isnan(x) for x in (nothing.value, nothing.low, nothing.high, nothing.design_effect))
    assert (nothing.n_images, nothing.n_patients) == (0, 0)
    assert math.isnan(share([0, 0], [0, 0]).value)
    assert all(math.isnan(x) for x in wilson(math.nan, 5))


@given(st.integers(0, 2**32 - 1))
def test_the_clustered_variance_is_that_of_a_cluster_robust_regression(seed):
    """Oracle: statsmodels' OLS on a constant with standard errors clustered by patient, of patients of equal size.

    Of unequal ones ours divides each square by 1 - weight, which `independent` checks.
    """
    rng = np.random.default_rng(seed)
    n = np.full(25, rng.integers(1, 8))
    codes = np.repeat(np.arange(25), n)
    right = (rng.random(len(codes)) < np.repeat(rng.beta(2, 1, 25), n)).astype(float)
    fitted = sm.OLS(right, np.ones_like(right)).fit(
        cov_type="cluster", cov_kwds={"groups": codes, "use_correction": False}
    )
    clustered = fitted.bse[0] ** 2 * 25 / 24
    p = right.mean()
    one = share(np.bincount(codes, right), np.bincount(codes))
    assert one.design_effect == pytest.approx(max(1.0, clustered / (p * (1 - p) / len(right))), abs=1e-9)


@pytest.mark.parametrize("images_each", [1, 5])
def test_without_clustering_the_interval_is_nearly_plain_wilson(images_each):
    rng = np.random.default_rng(3)
    n = 400
    hits = rng.binomial(images_each, 0.8, n)
    one = share(hits, np.full(n, images_each))
    low, high = wilson(one.value, n * images_each)
    assert one.design_effect < 1.2
    assert one.high - one.low <= 1.1 * (high - low)


@pytest.mark.parametrize(("accuracy", "n_patients"), [(0.6, 100), (0.9, 100), (0.9, 40)])
def test_95_percent_means_95_percent(accuracy, n_patients):
    """Patients differ (intra-patient correlation 0.3), images per patient are skewed."""
    rng = np.random.default_rng(7)
    n_trials, covered, naive = 800, 0, 0
    concentration = 1 / 0.3 - 1
    for _ in range(n_trials):
        n = 1 + rng.geometric(0.25, n_patients)
        p = rng.beta(accuracy * concentration, (1 - accuracy) * concentration, n_patients)
        hits = rng.binomial(n, p)
        one = share(hits, n)
        low, high = wilson(hits.sum() / n.sum(), n.sum())
        covered += one.low <= accuracy <= one.high
        naive += low <= accuracy <= high
    assert 0.92 <= covered / n_trials <= 0.985
    assert naive / n_trials < 0.83


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_f1_is_the_overlap_seen_otherwise(tp, fp, fn):
    involved = tp + fp + fn
    j = tp / involved if involved else math.nan
    f1 = f1_from_overlap(Share(j, j, j, involved, involved, 1.0)).value
    if involved:
        assert f1 == pytest.approx(2 * tp / (2 * tp + fp + fn))
    else:
        assert math.isnan(f1)
