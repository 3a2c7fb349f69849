"""Figures: small sums by hand, laws, and independent oracles."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support
from statsmodels.stats.proportion import proportion_confint

from model_zoo.core.evaluation.confusion import Per, count
from model_zoo.core.evaluation.evaluation import Evaluation, accuracy, churn, class_figures, evaluate, support
from model_zoo.core.evaluation.metrics import ClassFigure, share, wilson
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.label_space.taxonomy import Taxonomy, common_ground, project

THREE = Taxonomy("three", {name: frozenset(name) for name in "abc"})
TWO = Taxonomy("two", {"ab": frozenset("ab"), "c": frozenset("c")})

cases = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 2), min_size=n, max_size=n),
        st.lists(st.lists(st.integers(0, 2), min_size=n, max_size=n), min_size=1, max_size=4),
        st.lists(st.integers(0, 6), min_size=n, max_size=n),
    )
)


def evaluation(truth, predicted, patients=None) -> Evaluation:
    n = len(truth)
    ids = tuple(str(k) for k in range(n))
    codes = np.arange(n) if patients is None else np.array(patients)
    return Evaluation(THREE, ids, codes, np.array(truth), np.atleast_2d(np.array(predicted)))


def test_merging_two_classes_moves_their_confusion_to_the_diagonal():
    truth = np.repeat([0, 1, 2], [10, 10, 10])
    predicted = np.concatenate([[0] * 8 + [1] * 2, [0] * 3 + [1] * 7, [1] * 1 + [2] * 9])
    merged = count(truth, predicted, THREE).project(project(THREE, TWO))
    assert merged.counts.tolist() == [[20, 0], [1, 9]]  # 8 + 2 + 3 + 7 = 20


@given(cases)
def test_project_then_count_is_count_then_project(case):
    truth, predicted, _ = (np.array(x) for x in case)
    projection = project(THREE, TWO)
    first = count(projection.apply(truth), projection.apply(predicted[0]), TWO)
    second = count(truth, predicted[0], THREE).project(projection)
    assert (first.counts == second.counts).all()


@given(cases)
def test_the_matrix_is_scikit_learns_and_its_shares_sum_to_one_or_are_undefined(case):
    truth, predicted, _ = case
    mine = count(np.array(truth), np.array(predicted[0]), THREE)
    assert (mine.counts == confusion_matrix(truth, predicted[0], labels=[0, 1, 2])).all()
    for per, axis in ((Per.TRUE, 1), (Per.PREDICTED, 0)):
        sums = mine.per(per).sum(axis=axis)
        assert np.allclose(sums[~np.isnan(sums)], 1)
        assert (np.isnan(sums) == (mine.counts.sum(axis=axis) == 0)).all()


@given(cases)
def test_class_figures_are_scikit_learns(case):
    truth, predicted, patients = case
    judged = evaluation(truth, predicted, patients)
    for s, one in enumerate(predicted):
        precision, recall, f1, _ = precision_recall_fscore_support(
            truth, one, labels=[0, 1, 2], average=None, zero_division=np.nan
        )
        present = np.isin([0, 1, 2], truth)
        mine = {f: np.array([row.per_run[s] for row in class_figures(judged, f)]) for f in ClassFigure}
        assert np.allclose(mine[ClassFigure.PRECISION], precision, equal_nan=True)
        assert np.allclose(mine[ClassFigure.RECALL], np.where(present, recall, np.nan), equal_nan=True)
        involved = present | np.isin([0, 1, 2], one)
        assert np.allclose(mine[ClassFigure.F1][involved], np.nan_to_num(f1[involved]))


def test_a_present_class_never_predicted_has_f1_0_and_undefined_precision():
    judged = evaluation([0, 1], [0, 0])
    assert class_figures(judged, ClassFigure.F1)[1].mean == 0
    assert np.isnan(class_figures(judged, ClassFigure.PRECISION)[1].mean)
    assert np.isnan(class_figures(judged, ClassFigure.RECALL)[2].mean)


@given(cases)
def test_the_images_of_a_cell_sum_to_the_runs_times_the_mean(case):
    judged = evaluation(*case)
    for i in range(3):
        for j in range(3):
            assert judged.n_runs_in_cell(i, j).sum() == pytest.approx(
                len(judged.predicted) * judged.confusion.counts[i, j]
            )


@given(cases)
def test_churn_is_the_mean_over_pairs(case):
    predicted = np.array(case[1])
    pairs = [(a != b).mean() for k, a in enumerate(predicted) for b in predicted[k + 1 :]]
    assert churn(predicted) == pytest.approx(np.mean(pairs) if pairs else np.nan, nan_ok=True)


@given(st.integers(1, 500), st.data())
def test_wilson_is_statsmodels_and_stays_inside(n, data):
    k = data.draw(st.integers(0, n))
    low, high = wilson(k / n, n)
    assert (low, high) == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-12)
    assert 0 <= low <= k / n <= high <= 1


def test_wilson_of_nothing_is_undefined():
    assert all(np.isnan(wilson(0.5, 0)))


@given(st.lists(st.booleans(), min_size=8, max_size=60))
def test_one_image_per_patient_is_wilson_with_students_t(hits):
    n, k = len(hits), sum(hits)
    one = share(hits, np.ones(n))
    # one image a patient is a trial: t and the design effect cannot make it less
    assert (one.low, one.high) == pytest.approx(wilson(k / n, n))
    assert one.design_effect == pytest.approx(n / (n - 1) if 0 < k < n else 1.0)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3)), min_size=8, max_size=30), st.integers(2, 5))
def test_showing_every_image_several_times_does_not_narrow_the_interval(rows, times):
    hits, totals = np.array([[min(h, n), n] for h, n in rows]).T
    once, often = share(hits, totals), share(hits * times, totals * times)
    assume(once.design_effect > 1)  # at 1 the single showing is widened already
    assert often.high - often.low >= once.high - once.low - 1e-9


def test_the_interval_covers_where_the_naive_one_does_not():
    rng = np.random.default_rng(0)
    covered = naive = 0
    for _ in range(600):
        p = rng.beta(0.8 * 2, 0.2 * 2, 60)  # intra-patient correlation 1 / (1 + 2) = 0.33
        n = rng.integers(1, 9, 60)
        hits = rng.binomial(n, p)
        one = share(hits, n)
        low, high = wilson(hits.sum() / n.sum(), n.sum())
        covered += one.low <= 0.8 <= one.high
        naive += low <= 0.8 <= high
    assert covered / 600 >= 0.92
    assert naive / 600 < 0.85


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_the_interval_of_f1_is_about_a_patient_bootstraps(seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, 300)
    predicted = np.where(rng.random(300) < 0.75, truth, rng.integers(0, 3, 300))
    patients = np.arange(300) // 3
    one = class_figures(evaluation(truth, predicted, patients), ClassFigure.F1)[0].share
    tables = np.stack(
        [
            np.bincount(patients, (truth == 0) & (predicted == 0)),
            np.bincount(patients, (truth == 0).astype(float)) + np.bincount(patients, (predicted == 0).astype(float)),
        ]
    )
    weights = rng.multinomial(100, np.full(100, 0.01), 1000)
    tp, both = tables @ weights.T
    low, high = np.quantile(2 * tp / both, (0.025, 0.975))
    assert (one.low, one.high) == pytest.approx((low, high), abs=0.035)


def test_images_that_cannot_be_placed_are_left_out_and_counted():
    predictions = Predictions(("i", "j", "k"), ("a", "b", "c"), np.eye(3, dtype=np.float32))
    labels = {"i": frozenset("a"), "j": frozenset("bc"), "k": frozenset("c")}
    judged = evaluate([predictions], THREE, THREE, labels, {})
    assert (len(judged.truth), judged.n_left_out, judged.n_outside) == (2, 1, 0)
    assert accuracy(judged).mean == 1.0


def test_leaves_outside_are_counted_apart_from_errors():
    partial = Taxonomy("partial", {"ab": frozenset("ab")}, outside=frozenset("c"))
    ground = common_ground([THREE, partial])
    predictions = Predictions(("i", "j"), ("a", "b", "c"), np.eye(3, dtype=np.float32)[[2, 2]])
    judged = evaluate([predictions], THREE, ground, {"i": frozenset("a"), "j": frozenset("c")}, {})
    assert (len(judged.truth), judged.n_left_out, judged.n_outside) == (1, 0, 1)
    assert judged.confusion.elsewhere.tolist() == [1.0]  # an a that was called c is still an error


def test_support_counts_images_and_patients():
    images, patients = support(evaluation([0, 0, 1, 0], [0, 0, 0, 0], [7, 7, 7, 8]))
    assert images.tolist() == [3, 1, 0]
    assert patients.tolist() == [2, 1, 0]
