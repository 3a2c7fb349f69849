"""What a run looks at: means over patients, and what right answers become, counted by hand."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from model_zoo.core.evaluation.metrics import ratio
from model_zoo.core.explanation.region_attention import (
    Occlusion,
    RegionAttention,
    energy_metrics,
    occlusion_flow,
    prediction_changes,
)
from model_zoo.core.explanation.regions import Energy
from model_zoo.core.label_space.labels import LeafSpace, Part
from model_zoo.core.label_space.taxonomy import ELSEWHERE, OUTSIDE, Taxonomy

SPACE = LeafSpace((Part("thing", ("cat", "dog", "car")),))
FINE = Taxonomy("fine", {leaf: frozenset({leaf}) for leaf in SPACE.leaves})
KINDS = Taxonomy("kinds", {"animal": frozenset({"cat", "dog"}), "car": frozenset({"car"})})
ODD = Taxonomy("odd", {"cat or car": frozenset({"cat", "car"}), "dog": frozenset({"dog"})})
CATS = Taxonomy("cats", {"cat": frozenset({"cat"}), "dog": frozenset({"dog"})}, outside=frozenset({"car"}))


@given(st.integers(0, 100), st.integers(8, 12))
def test_a_ratio_is_statsmodels_regression_through_the_origin_clustered_by_patient(seed, n_patients):
    """Patients of equal weight: there the levelled variance is statsmodels' with its correction for few clusters."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(n_patients), 3)
    below = np.tile(rng.uniform(0.1, 1, 3), n_patients)
    above = below * rng.uniform(0.5, 3, len(patients)) + rng.normal(0, 0.1, n_patients)[patients]
    ours = ratio(above, below, patients)
    fit = sm.WLS(above, below, weights=1 / below).fit(
        cov_type="cluster", cov_kwds={"groups": patients, "use_correction": False}, use_t=True
    )
    half = student.ppf(0.975, n_patients - 1) * fit.bse[0] * math.sqrt(n_patients / (n_patients - 1))
    assert ours.value == pytest.approx(fit.params[0], abs=1e-9)
    assert (ours.low, ours.high) == pytest.approx((ours.value - half, ours.value + half), abs=1e-9)


@given(st.integers(0, 100))
def test_a_ratio_of_unequal_patients_by_hand(seed):
    rng = np.random.default_rng(seed)
    patients = np.concatenate([np.arange(9), rng.integers(0, 9, 30)])
    below, above = rng.uniform(0.1, 1, 39), rng.uniform(0, 1, 39)
    r, total = above.sum() / below.sum(), below.sum()
    sums = [(above[patients == p].sum(), below[patients == p].sum()) for p in range(9)]
    variance = sum(((a - r * b) / total) ** 2 / (1 - b / total) for a, b in sums)
    effective = total**2 / sum(b**2 for _, b in sums)
    half = student.ppf(0.975, effective - 1) * math.sqrt(variance)
    ours = ratio(above, below, patients)
    assert (ours.value, ours.low, ours.high) == pytest.approx((r, r - half, r + half), abs=1e-9)


def test_few_patients_have_a_mean_and_no_interval():
    few = ratio([0.1, 0.3] * 3, np.ones(6), range(6))
    assert few.value == pytest.approx(0.2)
    assert math.isnan(few.low)
    assert math.isnan(ratio([], [], []).value)


def test_energies_are_grouped_and_empty_maps_left_out():
    def look(image_id, patient, region, share, area, peak):
        return RegionAttention(image_id, patient, "last", region, Energy(share, area, peak))

    looks = [
        look("i0", "p", "mark", 0.4, 0.1, True),
        look("i1", "p", "mark", 0.2, 0.1, False),
        look("i2", "q", "mark", 0.3, 0.2, True),
        look("i3", "r", "mark", math.nan, 0.1, False),
        look("i0", "p", "rest", 0.6, 0.9, False),
    ]
    mark, rest = energy_metrics(looks)
    assert (mark.region, rest.region) == ("mark", "rest")
    assert mark.share.value == pytest.approx(0.3)  # (.4 + .2 + .3) / 3
    assert mark.area == pytest.approx(0.4 / 3)
    assert mark.ratio.value == pytest.approx(0.9 / 0.4)
    assert mark.peak.value == pytest.approx(2 / 3)
    assert (mark.share.n_images, mark.share.n_patients, mark.n_empty) == (3, 2, 1)
    assert (rest.share.n_patients, rest.n_empty) == (1, 0)


CAT, DOG, CAR = range(3)
REMOVALS = [
    Occlusion("a", "p", "mark", CAT, CAT, CAT),
    Occlusion("b", "p", "mark", CAT, DOG, CAT),
    Occlusion("c", "q", "mark", CAT, CAR, CAR),
    Occlusion("d", "r", "mark", DOG, CAR, OUTSIDE),  # wrong from the start in fine, right in kinds
    Occlusion("e", "s", "mark", CAR, CAR, OUTSIDE),
]
LABELS = {name: frozenset({leaf}) for name, leaf in zip("abcde", ("cat", "cat", "cat", "cat", "car"), strict=True)}


def test_right_answers_flow_in_the_runs_own_classes():
    told = occlusion_flow(REMOVALS, FINE, FINE, LABELS)
    assert told.counts.tolist() == [[1, 1, 1, 0], [0, 0, 0, 0], [0, 0, 1, 0]]
    assert told.moved.value == 2 / 4  # b and c of a, b, c, e; d was wrong
    assert (told.moved.n_images, told.moved.n_patients) == (4, 3)
    assert told.control.value == pytest.approx(1 / 3)  # c of a, b, c; e had no room
    assert told.by_class[CAT].value == pytest.approx(2 / 3)
    assert math.isnan(told.by_class[DOG].value)
    assert told.becomes(CAT) == [("cat", 1), ("dog", 1), ("car", 1)]


def test_a_coarser_space_forgives_what_it_cannot_tell_apart():
    told = occlusion_flow(REMOVALS, FINE, KINDS, LABELS)
    assert told.counts.tolist() == [[2, 2, 0], [0, 1, 0]]  # a and b stay animals; c and d become cars
    assert told.moved.value == 2 / 5


def test_an_answer_may_leave_the_space():
    told = occlusion_flow(REMOVALS, FINE, CATS, LABELS)
    assert told.becomes(CAT) == [("cat", 1), ("dog", 1), (ELSEWHERE, 1)]


def test_nothing_painted_out_is_no_flow():
    assert math.isnan(occlusion_flow([], FINE, KINDS, LABELS).moved.value)


def test_one_answer_moves_in_one_label_space_and_stays_in_another():
    before, after = np.array([0.7, 0.1, 0.2], np.float32), np.array([0.2, 0.5, 0.3], np.float32)
    fine, kinds, unsaid = prediction_changes(FINE, before, after, (FINE, KINDS, ODD))
    assert fine.names == ("cat", "dog")
    assert fine.moved
    assert (fine.probability_before, fine.probability_after) == pytest.approx((0.7, 0.2))
    assert kinds.names == ("animal", "animal")
    assert not kinds.moved
    assert (kinds.probability_before, kinds.probability_after) == pytest.approx((0.8, 0.7))
    assert unsaid.names == ("cat or car", "dog")
    assert prediction_changes(KINDS, before[:2], after[:2], (FINE,)) == (None,)
