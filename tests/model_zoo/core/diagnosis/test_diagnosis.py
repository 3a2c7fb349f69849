"""The four causes: sums by hand, laws, oracles, and simulators that plant exactly one of them."""

import sys
from itertools import combinations
from math import comb
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from statsmodels.genmod.families import Poisson
from statsmodels.genmod.generalized_linear_model import GLM

from model_zoo.core.diagnosis.diagnosis import (
    Cause,
    confusion,
    group_scores,
    imbalance,
    may_be_masked_by,
    measure_causes,
    pair_excess,
    probability_split,
    rank_correlation,
    scattered_feature,
)
from model_zoo.core.diagnosis.quasi_independence import count_errors, expected_pairs, quasi_independent
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.probability_summing import n_ways, net_summing_effect, probability_summing
from model_zoo.core.label_space.class_groups import ClassGroup, shared_meanings
from model_zoo.core.label_space.labels import LeafSpace, Part
from model_zoo.core.label_space.taxonomy import OUTSIDE, Taxonomy

sys.path.append(str(Path(__file__).parents[4] / "benchmarks"))

import causes


def classes(n):
    return Taxonomy("made", {f"c{k}": frozenset({f"leaf{k}"}) for k in range(n)})


def judged(truth, predicted, patients=None, n_classes=3):
    truth = np.array(truth)
    codes = np.arange(len(truth)) if patients is None else np.array(patients)
    return Evaluation(classes(n_classes), tuple(map(str, range(len(truth)))), codes, truth, np.atleast_2d(predicted))


# --- which classes share a meaning


SPACE = LeafSpace((Part("shape", ("round", "long")), Part("mark", ("none", "dot"))), lone=("logo",))


def test_groups_are_the_classes_that_share_a_value_entirely():
    taxonomy = Taxonomy("t", {name: SPACE.parse(text) for name, text in {
        "a": "round.none", "b": "round.dot", "c": "long.none", "d": "long.dot", "logo": "logo"}.items()})  # fmt: skip
    found = {group.name: group.members for group in shared_meanings(taxonomy, SPACE)}
    assert found == {"shape = round": (0, 1), "shape = long": (2, 3), "mark = none": (0, 2), "mark = dot": (1, 3)}


def test_a_class_that_mixes_values_shares_none_of_them():
    taxonomy = Taxonomy("t", {name: SPACE.parse(text) for name, text in {
        "round": "round.*", "c": "long.none", "d": "long.dot", "logo": "logo"}.items()})  # fmt: skip
    assert [group.name for group in shared_meanings(taxonomy, SPACE)] == ["shape = long"]


def test_combinations_of_values_are_groups_too_and_none_is_given_twice():
    parts = (Part("a", ("x", "y")), Part("b", ("u", "v")), Part("c", ("p", "q")))
    space = LeafSpace(parts)
    taxonomy = Taxonomy("fine", {leaf: frozenset({leaf}) for leaf in space.leaves})
    groups = shared_meanings(taxonomy, space)
    assert len(groups) == 6 + 12  # six values, and twelve combinations of two; of three there is one class each
    assert len({group.members for group in groups}) == len(groups)
    for group in groups:
        held = [dict(zip("abc", space.values_of[leaf], strict=True)) for leaf in space.leaves]
        wanted = [k for k, values in enumerate(held) if group.shared.items() <= values.items()]
        assert list(group.members) == wanted


# --- wrong answers


def test_wrong_answers_are_gathered_by_patient_and_true_class():
    # patient 0: two images of class 0, both called 1 by run 0, one of them by run 1; patient 1: one of class 2
    answers = count_errors(judged([0, 0, 2, 2], [[1, 1, 0, 2], [0, 1, 1, 2]], [0, 0, 1, 1]))
    assert answers.counts.tolist() == [[0, 1.5, 0], [0, 0, 0], [0.5, 0.5, 0]]  # (1 + 1 + 1) / 2 runs
    assert answers.true.tolist() == [0, 2]
    assert sorted(zip(answers.cluster, answers.predicted, answers.weight, strict=True)) == [
        (0, 1, 1.5), (1, 0, 0.5), (1, 1, 0.5)]  # fmt: skip


def test_a_redraw_keeps_each_patients_number_of_answers_and_follows_the_expected_shares():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 3000)
    predicted = np.where(rng.random(3000) < 0.5, truth, rng.integers(0, 4, 3000))
    answers = count_errors(judged(truth, predicted, np.arange(3000) // 3, 4))
    expected = np.array([[0, 6, 3, 1], [2, 0, 2, 0], [5, 5, 0, 5], [1, 1, 1, 0]], dtype=float)
    drawn = np.concatenate(list(answers.redraw(expected, 200, rng)))
    assert drawn.shape == (200, 4, 4)
    assert np.allclose(drawn.sum(axis=2), answers.counts.sum(axis=1))
    shares = drawn.mean(axis=0) / drawn.mean(axis=0).sum(axis=1, keepdims=True)
    assert shares == pytest.approx(expected / expected.sum(axis=1, keepdims=True), abs=0.05)
    assert (drawn[:, 1, 3] == 0).mean() > 0.9  # only where a patient has more different answers than shares allow


def test_nobody_wrong_is_nothing_to_redraw():
    answers = count_errors(judged([0, 1, 2], [0, 1, 2]))
    assert [one.shape for one in answers.redraw(np.ones((3, 3)), 5, np.random.default_rng(0))] == [(5, 3, 3)]
    for measure in (confusion(answers, ()), scattered_feature(answers, ())):
        assert not measure.can_tell
        assert not measure.stands_out


@given(st.lists(st.integers(0, 30), min_size=25, max_size=25))
def test_quasi_independence_keeps_its_margins(cells):
    counts = np.array(cells, dtype=float).reshape(5, 5)
    np.fill_diagonal(counts, 0)
    fitted = quasi_independent(counts + 0.1 * ~np.eye(5, dtype=bool))
    assert fitted.sum(axis=1) == pytest.approx(counts.sum(axis=1) + 0.4, abs=1e-2)
    assert fitted.sum(axis=0) == pytest.approx(counts.sum(axis=0) + 0.4, abs=1e-2)
    assert (np.diag(fitted) == 0).all()


@pytest.mark.parametrize("with_groups", [False, True])
def test_quasi_independence_is_the_poisson_regressions(with_groups):
    rng = np.random.default_rng(3)
    counts = rng.poisson(8.0, (7, 7)).astype(float)
    np.fill_diagonal(counts, 0)
    blocks = np.array([[1, 1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 1, 0, 0]], dtype=bool) if with_groups else None
    i, j = np.nonzero(~np.eye(7, dtype=bool))
    design = [np.eye(7)[i], np.eye(7)[j][:, 1:]]
    if blocks is not None:
        design.append((blocks[:, i] & blocks[:, j]).T.astype(float))
    theirs = GLM(counts[i, j], np.hstack(design), family=Poisson()).fit(tol=1e-12).fittedvalues
    assert quasi_independent(counts, blocks)[i, j] == pytest.approx(theirs, abs=1e-3)


def test_a_pair_is_foretold_from_the_other_pairs_alone():
    rates, pulls = np.array([1.0, 2, 3, 4, 5]), np.array([2.0, 1, 4, 3, 2])
    counts = np.outer(rates, pulls) * ~np.eye(5, dtype=bool)
    planted = counts.copy()
    planted[0, 3] += 90
    planted[3, 0] += 20
    foretold = expected_pairs(planted)
    assert foretold[[0, 3], [3, 0]] == pytest.approx(counts[[0, 3], [3, 0]], rel=1e-3)
    assert quasi_independent(planted)[0, 3] > 3 * counts[0, 3]  # a fit to all cells follows the planted pair


def scaled_cell_by_cell(counts, blocks, kept):
    """The fit by proportional scaling of every cell, each in turn; what does not count is foretold."""
    k = len(counts)
    off = ~np.eye(k, dtype=bool)
    fitted = off.astype(float)

    def scale(inside, axis=None):
        nonlocal fitted
        wanted, now = (np.where(inside & kept, one, 0).sum(axis, keepdims=True) for one in (counts, fitted))
        ratio = np.divide(wanted, now, out=np.zeros_like(now), where=now > 0)
        fitted = np.where(inside, fitted * ratio, fitted)

    for _ in range(40):
        for block in blocks:
            scale(np.outer(block, block) & off)
        scale(off, 0)
        scale(off, 1)
    return fitted


@pytest.mark.parametrize("n_blocks", [0, 1, 3])
def test_fits_by_factors_are_fits_cell_by_cell_also_where_blocks_overlap(n_blocks):
    rng = np.random.default_rng(n_blocks)
    for k in (3, 5, 9):
        counts = rng.poisson(1.0, (2, k, k)) / 8.0
        blocks = rng.random((n_blocks, k)) < 0.6
        off = ~np.eye(k, dtype=bool)
        cell_by_cell = [scaled_cell_by_cell(one * off, blocks, off) for one in counts]
        np.testing.assert_allclose(quasi_independent(counts, blocks), cell_by_cell, atol=1e-9)
        foretold = expected_pairs(counts[0], blocks)
        for i, j in zip(*np.triu_indices(k, 1), strict=True):
            kept = off.copy()
            kept[i, j] = kept[j, i] = False
            fitted = scaled_cell_by_cell(counts[0] * off, blocks, kept)
            has = counts[0, i, j] + counts[0, j, i] > 0
            assert foretold[i, j] == pytest.approx(fitted[i, j] * has, abs=1e-9)
            assert foretold[j, i] == pytest.approx(fitted[j, i] * has, abs=1e-9)


def test_pairs_of_hundreds_of_classes_are_foretold_without_holding_a_fit_for_each():
    counts = np.random.default_rng(0).poisson(0.02, (400, 400)).astype(float)  # 79,800 pairs of 160,000 cells
    share = ((counts + counts.T) > 0).mean()  # of the pairs, which are foretold where they have any
    assert expected_pairs(counts).sum() == pytest.approx(counts.sum() * share, rel=0.2)


# --- the measures


def test_the_excess_on_pairs_by_hand():
    counts = np.array([[0, 6, 1], [4, 0, 1], [1, 1, 0]], dtype=float)
    expected = np.array([[0, 3, 3], [3, 0, 2], [1.5, 1.5, 0]])
    # pairs: (0, 1) 10 against 6, +4; (0, 2) 2 against 4.5; (1, 2) 2 against 3.5; of 14 wrong answers
    assert pair_excess(counts, expected) == pytest.approx(4 / 14)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=30))
def test_the_rank_correlation_is_scipys(pairs):
    a, b = np.array(pairs, dtype=float).T
    if len(set(a)) == 1 or len(set(b)) == 1:
        assert np.isnan(rank_correlation(a, b))
    else:
        assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)


def test_recall_that_follows_support_stands_out_from_seven_classes_on():
    training = np.array([10, 20, 40, 80, 160, 320, 640])
    recall = np.linspace(0.3, 0.9, 7)
    assert imbalance(recall, training).stands_out
    assert not imbalance(recall[::-1], training).stands_out  # the other way round is no sign of this cause
    assert not imbalance(recall[:4], training[:4]).can_tell  # 24 orders: chance alone gives this one in 24
    missing = np.append(recall, np.nan)
    assert imbalance(missing, np.append(training, 5)).value == pytest.approx(1.0)


def test_summing_by_hand():
    coarser = np.array([0, 0, 1])
    probabilities = np.array([[[0.3, 0.3, 0.4], [0.3, 0.25, 0.45], [0.1, 0.2, 0.7], [0.9, 0.1, 0.0]]])
    gained, lost = probability_summing(np.array([0, 2, 2, 1]), probabilities, coarser)
    # 0: 0.6 against 0.4, becomes right; 1: 0.55 against 0.45, becomes wrong; 2 and 3 stay
    assert gained.tolist() == [[True, False, False, False]]
    assert lost.tolist() == [[False, True, False, False]]


def test_images_that_the_coarser_space_does_not_know_are_not_judged():
    coarser = np.array([0, 0, OUTSIDE])
    gained, lost = probability_summing(np.array([2, 0]), np.array([[[0.3, 0.3, 0.4], [0.3, 0.3, 0.4]]]), coarser)
    assert (gained.tolist(), lost.tolist()) == ([[False, True]], [[False, False]])


@given(st.integers(0, 10_000))
def test_the_null_of_summing_counts_as_summing_does(seed):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(6), 40)[None]
    truth = rng.integers(0, 6, 40)
    ways = np.stack([rng.permuted([0, 0, 1, 1, OUTSIDE, 2]) for _ in range(8)])
    contested = probabilities[0].max(axis=1) <= 0.5
    nets = net_summing_effect(truth[contested], probabilities[0][contested].astype(np.float32), ways)
    for way, net in zip(ways, nets, strict=True):
        gained, lost = probability_summing(truth, probabilities, way)
        assert net == gained.sum() - lost.sum()


def test_the_ways_of_putting_classes_together_by_hand():
    cases = {
        (0, 0, 1, 1): 3,  # ab|cd, ac|bd, ad|bc
        (0, 0, 0, 1): 4,
        (0, 1, 2, 3): 1,
        (0, 0, 0, 0): 1,
        (*[0] * 6, *[1] * 6, *range(2, 9)): comb(19, 6) * comb(13, 6) / 2,
    }
    for coarser, ways in cases.items():
        assert n_ways(np.array(coarser)) == pytest.approx(ways)
    assert n_ways(np.arange(1000) // 2) == np.inf


def test_nothing_is_said_of_siblings_where_no_class_has_any():
    probabilities = np.full((1, 4, 3), 1 / 3)
    for coarser in ([0, 1, 2], [0, 0, 0]):
        assert not probability_split(np.array([0, 1, 2, 0]), probabilities, np.array(coarser)).can_tell


def test_groups_too_small_to_be_told_from_a_pair_have_no_score():
    answers = causes.planted(0, causes.scatter).measured()
    assert answers[3].stands_out
    trial = causes.nothing(0)
    evaluation = judged(trial.truth, trial.scores.argmax(axis=1), trial.patients, causes.N_CLASSES)
    groups = [
        ClassGroup({"a": "b"}, (0, 1)),
        ClassGroup({"a": "c"}, (2, 3, 4)),
        ClassGroup({"d": "e"}, tuple(range(13))),
    ]
    scores = group_scores(count_errors(evaluation), groups)
    assert np.isnan(scores).tolist() == [True, False, True]


def test_a_group_and_its_complement_have_the_same_score():
    trial = causes.planted(1, causes.scatter)
    evaluation = judged(trial.truth, trial.scores.argmax(axis=1), trial.patients, causes.N_CLASSES)
    members = tuple(np.flatnonzero(trial.group_of == 0).tolist())
    others = tuple(np.flatnonzero(trial.group_of != 0).tolist())
    one, other = group_scores(
        count_errors(evaluation), [ClassGroup({"a": "in"}, members), ClassGroup({"a": "out"}, others)]
    )
    assert one == pytest.approx(other, abs=0.02)  # the same wrong answers cross their border


@given(st.integers(0, 200))
def test_the_excess_on_pairs_does_not_depend_on_the_order_of_the_images(seed):
    trial = causes.nothing(seed)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(trial.truth))[:300]
    both = []
    for rows in (np.sort(order), order):
        evaluation = judged(trial.truth[rows], trial.scores[rows].argmax(axis=1), trial.patients[rows], 15)
        answers = count_errors(evaluation)
        both.append(pair_excess(answers.counts, quasi_independent(answers.counts)))
    assert both[0] == pytest.approx(both[1], abs=1e-12)


def test_several_runs_that_answer_alike_are_one_run():
    trial = causes.planted(3, causes.confusion)
    powers = np.exp(trial.scores)
    probabilities = (powers / powers.sum(axis=1, keepdims=True))[None]
    groups = [ClassGroup({"g": str(g)}, tuple(np.flatnonzero(trial.group_of == g).tolist())) for g in range(3)]
    found = []
    for times in (1, 3):
        evaluation = judged(trial.truth, np.tile(trial.scores.argmax(axis=1), (times, 1)), trial.patients, 15)
        tiled = np.tile(probabilities, (times, 1, 1))
        found.append(measure_causes(evaluation, tiled, trial.training, trial.group_of, groups))
    for once, thrice in zip(*found, strict=True):
        assert thrice.value == pytest.approx(once.value)
        assert thrice.null_high == pytest.approx(once.null_high, rel=1e-6)


@pytest.mark.parametrize("cause", [None, *causes.PLANTED], ids=lambda cause: cause.name if cause else "none")
def test_only_the_planted_cause_leaves_its_null_range(cause):
    """A small part of `benchmarks/causes.py`, which asks for 90 % of 50 trials."""
    effects, planted = ((causes.PLANTED[cause],), {cause}) if cause else ((), set())
    found = [causes.planted(1000 + seed, *effects).measured() for seed in range(5)]
    assert [measure.cause for measure in found[0]] == list(Cause)
    assert sum(causes.as_planted(planted, measures) for measures in found) >= 4


@pytest.mark.parametrize(
    "pair", list(combinations(causes.PLANTED, 2)), ids=lambda pair: f"{pair[0].name}-{pair[1].name}"
)
def test_of_two_causes_each_is_found_or_said_to_be_possibly_masked(pair):
    for seed in range(2):
        measures = causes.planted(2000 + seed, *(causes.PLANTED[one] for one in pair)).measured()
        standing = {one.cause for one in measures if one.stands_out}
        assert standing & set(pair)
        assert standing <= set(pair)
        for cause in set(pair) - standing:
            assert set(may_be_masked_by(cause, measures)) == standing
        assert may_be_masked_by(next(iter(standing)), measures) == ()


def test_where_nothing_stands_out_nothing_is_masked():
    measures = causes.nothing(5).measured()
    assert [may_be_masked_by(one, measures) for one in Cause] == [()] * 4
