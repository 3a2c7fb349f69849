"""Shares and their intervals: by hand, against statsmodels' cluster-robust variance, and by simulation."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from model_zoo.core.metrics import Share, f1_from_overlap, share, wilson

patients = st.lists(
    st.integers(1, 12).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=40
)


def test_a_design_effect_by_hand():
    # 4 patients x 2 images, hits 2, 2, 0, 1: share 5/8; residuals 0.75, 0.75, -1.25, -0.25: squares sum to 2.75
    one = share([2, 2, 0, 1], [2, 2, 2, 2])
    clustered = 4 / 3 * 2.75 / 8**2
    assert one.value == 5 / 8
    assert one.design_effect == pytest.approx(clustered / (5 / 8 * 3 / 8 / 8))  # 0.0573 / 0.0293 = 1.96
    assert (one.low, one.high) == pytest.approx(wilson(5 / 8, 8 / one.design_effect))
    assert (one.n_images, one.n_patients) == (8, 4)


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


@given(st.integers(1, 30), st.integers(1, 20))
def test_at_shares_0_and_1_the_patients_count_and_their_images_do_not(n_patients, n_each):
    totals = np.full(n_patients, n_each)
    all_right, all_wrong = share(totals, totals), share(np.zeros(n_patients), totals)
    assert (all_right.low, all_right.high) == pytest.approx(wilson(1.0, n_patients))
    assert (all_wrong.low, all_wrong.high) == pytest.approx(wilson(0.0, n_patients))
    assert all_right.high == 1
    assert all_wrong.low == 0


def test_a_single_patient_is_a_single_trial():
    one = share([30], [40])
    assert (one.low, one.high) == pytest.approx(wilson(0.75, 1))


def test_a_share_of_nothing_is_undefined():
    nothing = share([], [])
    assert all(math.isnan(x) for x in (nothing.value, nothing.low, nothing.high, nothing.design_effect))
    assert (nothing.n_images, nothing.n_patients) == (0, 0)
    assert math.isnan(share([0, 0], [0, 0]).value)
    assert all(math.isnan(x) for x in wilson(math.nan, 5))


@given(st.integers(0, 2**32 - 1))
def test_the_clustered_variance_is_that_of_a_cluster_robust_regression(seed):
    """Oracle: statsmodels' OLS on a constant with standard errors clustered by patient."""
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 8, 25)
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
