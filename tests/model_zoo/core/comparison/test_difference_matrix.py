"""The difference of two matrices: by hand, by its laws, and its intervals against a bootstrap of patients."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from model_zoo.core.comparison.difference_matrix import difference_matrix
from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.confusion import Per
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.label_space.taxonomy import OUTSIDE, Taxonomy

THREE = Taxonomy("three", {name: frozenset(name) for name in "abc"})


def judged(truth, predicted, patients=None, taxonomy=THREE):
    truth = np.array(truth, dtype=np.int64)
    codes = np.arange(len(truth)) if patients is None else np.array(patients, dtype=np.int64)
    ids = tuple(f"i{k}" for k in range(len(truth)))
    return Evaluation(taxonomy, ids, codes, truth, np.atleast_2d(np.array(predicted, dtype=np.int64)))


@st.composite
def pairs(draw):
    """Two subjects, of up to three runs each, over the same 24 images of 12 patients."""
    truth = draw(arrays(np.int64, 24, elements=st.integers(0, 2)))
    sides = [draw(arrays(np.int64, (draw(st.integers(1, 3)), 24), elements=st.integers(OUTSIDE, 2))) for _ in range(2)]
    return [judged(truth, side, np.arange(24) // 2) for side in sides]


def test_ten_more_found_of_twenty_by_hand():
    truth = [0] * 20 + [1] * 20
    first = judged(truth, [0] * 5 + [1] * 15 + [1] * 20)
    second = judged(truth, [0] * 15 + [2] * 5 + [1] * 18 + [OUTSIDE] * 2)
    shares = difference_matrix(first, second, Per.TRUE)
    assert shares.values.tolist()[:2] == [[0.5, -0.75, 0.25, 0], [0, pytest.approx(-0.1), 0, 0.1]]
    assert np.isnan(shares.values[2]).all()  # there is no c
    assert difference_matrix(first, second, Per.COUNT).values.tolist() == [[10, -15, 5, 0], [0, -2, 0, 2], [0, 0, 0, 0]]
    assert shares.improvement[0].tolist() == [0.5, 0.75, -0.25, 0]  # fewer mistakes are better
    assert shares.few.tolist() == [[False, False, False, True], [True, False, True, True], [True] * 4]
    # 10 of 20 patients gain: z = (1 - 0.5) / 20 or (0 - 0.5) / 20, so sd = sqrt(20 / 19 * 20 * 0.025^2) = 0.1147;
    # t with 10 - 1 degrees of freedom = 2.262
    assert shares.high[0, 0] - 0.5 == pytest.approx(2.2622 * 0.114708, rel=1e-4)
    assert shares.settled.tolist()[0] == [True, True, False, False]  # 5 patients alone settle nothing
    assert shares.n_differing.tolist()[0] == [10, 15, 5, 0]


def test_with_fewer_than_ten_patients_of_a_class_there_is_no_interval():
    truth = [0] * 9 + [1] * 10
    first, second = judged(truth, [1] * 19), judged(truth, [0] * 9 + [2] * 10)
    found = difference_matrix(first, second, Per.TRUE)
    assert np.isnan(found.low[0]).all()
    assert not found.settled[0].any()
    # every one of ten patients was lost; of patients like them 1 - 0.025 ** (1 / 10) may still be found
    assert (found.low[1, 1], found.high[1, 1]) == pytest.approx((-1, -(0.025 ** (1 / 10))))
    assert difference_matrix(first, second, Per.COUNT).n_patients.tolist() == [[19] * 4] * 3


@pytest.mark.parametrize(("n_patients", "of_each"), [(12, 1), (12, 5), (40, 3)])
def test_a_cell_in_which_nobody_differs_is_bounded_by_patients(n_patients, of_each):
    truth = np.repeat([0, 1], n_patients * of_each)
    patients = np.arange(len(truth)) // of_each
    one = judged(truth, truth, patients)
    missed = 1 - 0.025 ** (1 / n_patients)
    for per, unit in ((Per.TRUE, 1), (Per.PREDICTED, 1), (Per.COUNT, n_patients * of_each)):
        found = difference_matrix(one, one, per)
        assert (found.low[0, 0], found.high[0, 0]) == pytest.approx((-missed * unit, missed * unit))
    assert not difference_matrix(one, one, Per.TRUE).settled.any()


def test_where_three_patients_differ_the_interval_reaches_what_was_missed_too():
    truth = np.repeat([0, 1], 100)
    other = truth.copy()
    other[:3] = 1  # one way: t with 2 degrees of freedom alone gives 4.303 * 0.0171 = 0.0738, more than 0.0362
    found = difference_matrix(judged(truth, truth), judged(truth, other), Per.TRUE)
    assert found.high[0, 0] == pytest.approx(-0.03 + 4.3027 * np.sqrt(100 / 99 * 0.03 * 0.97 / 100), abs=1e-5)
    other[:3], other[:20:5] = 0, 2  # four patients: 3.182 * 0.0197 = 0.0627
    found = difference_matrix(judged(truth, truth), judged(truth, other), Per.TRUE)
    assert found.low[0, 0] <= -0.04 - (1 - 0.025 ** (1 / 100))


def test_the_mean_matrices_of_series_are_subtracted():
    truth = [0] * 10
    first, second = judged(truth, [[0] * 10, [1] * 10]), judged(truth, [[0] * 10, [0] * 10, [0] * 4 + [2] * 6])
    assert difference_matrix(first, second, Per.TRUE).values[0] == pytest.approx([0.3, -0.5, 0.2, 0])  # 8 - 5 of 10


@given(pairs(), st.sampled_from(Per))
def test_the_other_way_round_every_sign_turns(sides, per):
    there, back = difference_matrix(*sides, per), difference_matrix(*sides[::-1], per)
    np.testing.assert_allclose(there.values, -back.values, atol=1e-12)
    np.testing.assert_allclose(there.low, -back.high, atol=1e-7)
    np.testing.assert_allclose(there.improvement, -back.improvement, atol=1e-12)
    assert (there.few == back.few).all()
    assert (there.n_differing == back.n_differing).all()


@given(pairs())
def test_what_one_cell_of_a_row_gains_the_others_lose(sides):
    for per in (Per.TRUE, Per.COUNT):
        sums = difference_matrix(*sides, per).values.sum(axis=1)
        assert sums[~np.isnan(sums)] == pytest.approx(0, abs=1e-12)
    columns = difference_matrix(*sides, Per.PREDICTED).values.sum(axis=0)
    assert columns[~np.isnan(columns)] == pytest.approx(0, abs=1e-12)


@given(pairs(), st.sampled_from(Per))
def test_the_values_are_those_of_the_two_matrices(sides, per):
    found = difference_matrix(*sides, per)
    first, second = (side.confusion for side in sides)
    np.testing.assert_allclose(found.values[:, :-1], second.per(per) - first.per(per), atol=1e-12)
    np.testing.assert_allclose(found.second, np.column_stack([second.counts, second.elsewhere]), atol=1e-12)


@given(pairs(), st.permutations(range(24)))
def test_the_order_of_the_images_does_not_matter(sides, order):
    first, second = sides
    order = np.array(order)
    turned = Evaluation(
        THREE,
        tuple(np.array(second.image_ids, dtype=object)[order]),
        second.patients[order],
        second.truth[order],
        second.predicted[:, order],
    )
    assert np.array_equal(
        difference_matrix(first, second, Per.TRUE).low, difference_matrix(first, turned, Per.TRUE).low, equal_nan=True
    )


def test_other_images_or_classes_have_no_difference():
    one = judged([0, 1], [0, 1])
    with pytest.raises(RunError, match="same images in the same classes"):
        difference_matrix(one, judged([0, 1, 2], [0, 1, 2]), Per.TRUE)
    two = Taxonomy("two", {name: frozenset(name) for name in "ab"})
    with pytest.raises(RunError, match="same images in the same classes"):
        difference_matrix(one, judged([0, 1], [0, 1], taxonomy=two), Per.TRUE)


@pytest.mark.parametrize("per", Per)
def test_the_intervals_are_those_of_a_bootstrap_of_patients(per):
    """Counted anew from 4,000 draws of patients by other code: nothing is linearised there."""
    rng = np.random.default_rng(5)
    sizes = rng.integers(1, 7, 150)
    patients = np.repeat(np.arange(150), sizes)
    ease = rng.normal(0, 1, 150)[patients]
    truth = rng.integers(0, 3, len(patients))
    sides = []
    for skill in (0.2, 0.9):
        right = rng.normal(0, 1, (2, len(truth))) + ease + skill > 0
        sides.append(judged(truth, np.where(right, truth, (truth + 1 + rng.integers(0, 2, truth.shape)) % 3), patients))
    found = difference_matrix(*sides, per)
    weights = rng.multinomial(150, np.full(150, 1 / 150), size=4000)
    drawn = []
    for side in sides:
        hits = np.array([[np.mean(side.predicted == j, axis=0) * (truth == i) for j in range(3)] for i in range(3)])
        by_patient = np.array(
            [[np.bincount(patients, weights=cell, minlength=150) for cell in row] for row in hits]
        )  # (3, 3, P)
        counts = np.einsum("ijp,rp->rij", by_patient, weights)
        axis = {Per.TRUE: 2, Per.PREDICTED: 1}.get(per)
        drawn.append(counts if axis is None else counts / counts.sum(axis=axis, keepdims=True))
    spread = (drawn[1] - drawn[0]).std(axis=0)
    width = (found.high - found.low)[:, :3] / 2
    assert width / spread == pytest.approx(np.full((3, 3), 1.98), rel=0.05)  # t with 60 to 149 degrees of freedom
    assert found.settled[0, 0]
