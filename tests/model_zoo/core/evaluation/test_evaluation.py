"""Runs and series judged: what is counted, what is left out, and intervals against a patient bootstrap."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t
from sklearn.metrics import accuracy_score, cohen_kappa_score

from model_zoo.core.errors import RunError, TaxonomyError
from model_zoo.core.evaluation.evaluation import Evaluation, accuracy, churn, class_figures, evaluate, support
from model_zoo.core.evaluation.metrics import LEAST_PATIENTS, ClassFigure
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.label_space.taxonomy import Taxonomy, common_ground

FINE = Taxonomy("fine", {name: frozenset(name) for name in "abcd"})
PAIRS = Taxonomy("pairs", {"ab": frozenset("ab"), "cd": frozenset("cd")})


def said(*classes, taxonomy=FINE, ids=None):
    """Predictions of the named classes, one per image i0, i1, ..."""
    rows = np.eye(len(taxonomy.names), dtype=np.float32)[[taxonomy.class_index(name) for name in classes]]
    rows = rows.reshape(len(classes), len(taxonomy.names))
    return Predictions(tuple(ids or (f"i{k}" for k in range(len(classes)))), taxonomy.names, rows)


def labelled(*texts):
    return {f"i{k}": frozenset(text) for k, text in enumerate(texts)}


def judged(truth, predicted, patients=None, taxonomy=FINE):
    truth = np.array(truth, dtype=np.int64)
    codes = np.arange(len(truth)) if patients is None else np.array(patients, dtype=np.int64)
    ids = tuple(f"i{k}" for k in range(len(truth)))
    return Evaluation(taxonomy, ids, codes, truth, np.atleast_2d(np.array(predicted, dtype=np.int64)))


def test_an_error_inside_a_pair_is_none_on_common_ground():
    ground = common_ground([FINE, PAIRS])
    labels = labelled("a", "b", "c", "d")
    run = said("b", "b", "a", "d")  # a called b; c called a
    assert accuracy(evaluate([run], FINE, FINE, labels, {})).mean == 2 / 4
    assert accuracy(evaluate([run], FINE, ground, labels, {})).mean == 3 / 4


def test_unknown_and_partial_labels_are_left_out_and_counted_never_errors():
    labels = labelled("a", "ab", "abcd", "c")
    run = said("a", "c", "c", "c")
    native = evaluate([run], FINE, FINE, labels, {})
    assert (native.image_ids, native.n_left_out, native.n_outside) == (("i0", "i3"), 2, 0)
    assert accuracy(native).mean == 1
    pairs = evaluate([run], FINE, PAIRS, labels, {})  # "a or b" is one of the pairs, and c is wrong for it
    assert (pairs.image_ids, pairs.n_left_out) == (("i0", "i1", "i3"), 1)
    assert accuracy(pairs).mean == 2 / 3


def test_leaves_outside_are_counted_apart_and_a_half_known_class_is_right_for_what_it_knows():
    coarse = Taxonomy("coarse", {"ab": frozenset("ab"), "cd": frozenset("cd")})
    partial = Taxonomy("partial", {"a": frozenset("a"), "cd": frozenset("cd")}, outside=frozenset("b"))
    ground = common_ground([coarse, partial])
    labels = labelled("a", "b", "c", "ab")
    one = evaluate([said("ab", "ab", "ab", "ab", taxonomy=coarse)], coarse, ground, labels, {})
    assert (one.image_ids, one.n_outside, one.n_left_out) == (("i0", "i2"), 1, 1)  # b apart; "a or b" left out
    assert accuracy(one).mean == 1 / 2  # a called ab is right, c called ab is wrong
    other = evaluate([said("a", "a", "cd", "a", taxonomy=partial)], partial, ground, labels, {})
    assert other.image_ids == one.image_ids
    assert accuracy(other).mean == 1


def test_images_without_patient_are_patients_of_their_own():
    labels = labelled("a", "a", "a", "a")
    patients = {"i0": "p", "i1": "p", "i2": "", "i3": "image i2"}
    one = evaluate([said("a", "a", "a", "a")], FINE, FINE, labels, patients)
    assert one.n_patients == 3  # p, the nameless, and a patient who happens to be called "image i2"


def test_what_does_not_fit_together_is_refused_in_a_sentence():
    labels = labelled("a", "b")
    with pytest.raises(RunError, match="asked about different images"):
        evaluate([said("a", "b"), said("a", "b", ids=("i1", "i0"))], FINE, FINE, labels, {})
    with pytest.raises(RunError, match="Predictions name classes"):
        evaluate([said("ab", "cd", taxonomy=PAIRS)], FINE, FINE, labels, {})
    with pytest.raises(RunError, match=r"Image 'i2' was predicted, but is not in the manifest \(nor 1 more\)"):
        evaluate([said("a", "b", "c", "d")], FINE, FINE, labels, {})
    with pytest.raises(RunError, match="no run to judge"):
        evaluate([], FINE, FINE, labels, {})
    with pytest.raises(TaxonomyError, match="cannot be projected"):
        evaluate([said("ab", "ab", taxonomy=PAIRS)], PAIRS, FINE, labels, {})


def test_nothing_to_judge_is_undefined_everywhere_and_no_crash():
    nothing = evaluate([said("a"), said("b")], FINE, FINE, labelled("ab"), {})
    assert (len(nothing.truth), nothing.n_left_out, nothing.n_patients) == (0, 1, 0)
    assert np.isnan(accuracy(nothing).mean)
    assert np.isnan(accuracy(nothing).share.low)
    assert all(np.isnan(one.mean) for figure in ClassFigure for one in class_figures(nothing, figure))
    assert [counts.tolist() for counts in support(nothing)] == [[0] * 4, [0] * 4]
    assert nothing.confusion.counts.sum() == 0
    assert np.isnan(churn(nothing.predicted))


runs = st.integers(0, 30).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 3), min_size=n, max_size=n),
        st.lists(st.lists(st.integers(-1, 3), min_size=n, max_size=n), min_size=1, max_size=5),
        st.lists(st.integers(0, 5), min_size=n, max_size=n),
    )
)


@given(runs)
def test_every_image_of_a_series_is_in_exactly_as_many_cells_as_there_are_runs(case):
    one = judged(*case)
    cells = [(true, predicted) for true in range(4) for predicted in range(-1, 4)]
    assert sum(one.n_runs_in_cell(*cell) for cell in cells).tolist() == [len(one.predicted)] * len(one.truth)
    for true, predicted in cells:
        column = one.confusion.elsewhere[true] if predicted == -1 else one.confusion.counts[true, predicted]
        assert one.n_runs_in_cell(true, predicted).sum() == pytest.approx(len(one.predicted) * column)
    for true in range(4):
        assert one.n_runs_in_cell(true, None).sum() == len(one.predicted) * (one.truth == true).sum()


@given(runs)
def test_churn_is_counted_over_all_pairs_of_runs(case):
    predicted = np.array(case[1], dtype=np.int64).reshape(len(case[1]), -1)
    pairs = list(itertools.combinations(predicted, 2))
    expected = np.mean([np.mean(a != b) for a, b in pairs]) if pairs and predicted.shape[1] else np.nan
    assert churn(predicted) == pytest.approx(expected, nan_ok=True)


@given(runs)
def test_mean_and_spread_are_over_runs_and_the_pooled_share_is_their_mean(case):
    one = judged(*case)
    figure = accuracy(one)
    each = [accuracy_score(one.truth, predicted) if len(one.truth) else np.nan for predicted in one.predicted]
    assert figure.per_run == pytest.approx(np.array(each), nan_ok=True)
    assert figure.mean == pytest.approx(np.mean(each), nan_ok=True)
    assert figure.share.value == pytest.approx(figure.mean, nan_ok=True)
    assert figure.sd == pytest.approx(np.std(each, ddof=1) if len(each) > 1 else np.nan, nan_ok=True)
    assert figure.share.n_patients == one.n_patients


@given(runs)
def test_figures_never_leave_0_and_1_and_hold_their_share(case):
    one = judged(*case)
    for figure in ClassFigure:
        for row in class_figures(one, figure):
            if row.share.n_patients >= LEAST_PATIENTS:
                assert 0 <= row.share.low <= row.share.value <= row.share.high <= 1
            elif row.share.n_images:
                assert 0 <= row.share.value <= 1
                assert np.isnan([row.share.low, row.share.high]).all()
            else:
                assert np.isnan(row.share.value)
                assert np.isnan(row.per_run).all()


def test_the_matrix_gives_cohens_kappa():
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 4, 500)
    predicted = np.where(rng.random(500) < 0.6, truth, rng.integers(0, 4, 500))
    counts = judged(truth, predicted).confusion.counts
    chance = counts.sum(axis=0) @ counts.sum(axis=1) / counts.sum() ** 2
    kappa = (np.trace(counts) / counts.sum() - chance) / (1 - chance)
    assert kappa == pytest.approx(cohen_kappa_score(truth, predicted), abs=1e-12)


@pytest.mark.parametrize("figure", ClassFigure)
def test_intervals_of_a_series_are_those_of_a_patient_bootstrap(figure):
    """200 patients, whose images share their luck; 3 runs; recall, precision and F1 of one class."""
    rng = np.random.default_rng(5)
    patients = np.repeat(np.arange(200), rng.integers(1, 8, 200))
    skill = rng.beta(4, 1.3, 200)[patients]
    truth = rng.integers(0, 4, len(patients))
    predicted = np.stack([np.where(rng.random(len(truth)) < skill, truth, rng.integers(0, 4, len(truth)))] * 3)
    lucky = rng.random(predicted.shape) < 0.1
    predicted[lucky] = rng.integers(0, 4, int(lucky.sum()))
    mine = class_figures(judged(truth, predicted, patients), figure)[1].share
    true, yes = truth == 1, predicted == 1
    tables = [(true & yes).mean(axis=0), true.astype(float), yes.mean(axis=0)]
    per_patient = np.stack([np.bincount(patients, weights=table, minlength=200) for table in tables])
    both, positives, called = per_patient @ rng.multinomial(200, np.full(200, 1 / 200), 4000).T
    resampled = {
        ClassFigure.RECALL: both / positives,
        ClassFigure.PRECISION: both / called,
        ClassFigure.F1: 2 * both / (positives + called),
    }[figure]
    low, high = np.quantile(resampled, (0.025, 0.975))
    assert (mine.low, mine.high) == pytest.approx((low, high), abs=0.015)
    # the bootstrap knows no Student's t: 4 % wider where 30 patients hold the misses, and so many more or fewer
    hits = per_patient[0]
    totals = {ClassFigure.RECALL: per_patient[1], ClassFigure.PRECISION: per_patient[2]}.get(
        figure, np.bincount(patients, weights=(true | yes).mean(axis=0), minlength=200)
    )
    holders = totals[totals - hits > 1e-9]
    wider = t.ppf(0.975, min(199, holders.sum() ** 2 / (holders @ holders))) / norm.ppf(0.975)
    assert (mine.high - mine.low) / (high - low) / wider == pytest.approx(1, abs=0.15)
