"""Which distinctions classify: AUC against scikit-learn, its variance against DeLong's and bootstrap, coverage."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score
from statsmodels.stats.inter_rater import fleiss_kappa

from model_zoo.core.suggestions.separability import (
    auc_placements,
    clustered_variance,
    pair_agreements,
    pair_separabilities,
)
from tests.evaluations import judged

scored = st.integers(2, 30).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 5), min_size=n, max_size=n),
        st.lists(st.booleans(), min_size=n, max_size=n).filter(lambda first: 0 < sum(first) < len(first)),
    )
)


def drawn(rng, n_patients=60, skill=1.0, shared=0.7, n_runs=2, classes=4):
    """Images of patients whose luck is shared; the score of the true class is ``skill`` higher."""
    patients = np.repeat(np.arange(n_patients), rng.integers(1, 5, n_patients))
    truth = rng.integers(0, classes, len(patients))
    luck = shared * rng.standard_normal((n_patients, classes))[patients]
    runs = []
    for _ in range(n_runs):
        logits = luck + rng.standard_normal((len(truth), classes)) + skill * np.eye(classes)[truth]
        runs.append(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
    return judged(truth, [one.argmax(axis=1) for one in runs], patients), runs


@given(scored)
def test_the_mean_placement_of_either_class_is_the_area_with_ties(given_scores):
    scores, first = (np.array(one) for one in given_scores)
    placed = auc_placements(scores.astype(float), first)
    wanted = roc_auc_score(first, scores)
    assert placed[first].mean() == pytest.approx(wanted, abs=1e-12)
    assert placed[~first].mean() == pytest.approx(wanted, abs=1e-12)
    by_hand = np.mean([[1.0 if a > b else 0.5 if a == b else 0.0 for b in scores[~first]] for a in scores[first]])
    assert by_hand == pytest.approx(wanted, abs=1e-12)


def test_every_pair_is_what_scikit_learn_says_of_its_images():
    evaluation, runs = drawn(np.random.default_rng(1))
    for one in pair_separabilities([(evaluation, runs)]):
        a, b = one.pair
        inside = np.isin(evaluation.truth, one.pair)
        first = evaluation.truth[inside] == a
        each = [roc_auc_score(first, np.log(p[inside, a]) - np.log(p[inside, b])) for p in runs]
        (separation,) = one.separations
        assert separation.auc == pytest.approx(np.mean(each), abs=1e-12)
        assert separation.sd == pytest.approx(np.std(each, ddof=1), abs=1e-12)
        assert separation.n_images == (first.sum(), (~first).sum())
        whose = evaluation.patients[inside]
        assert separation.n_patients == (len(set(whose[first])), len(set(whose[~first])))
        assert separation.n_patients_in_all == len(set(whose))
        assert separation.low < separation.auc < separation.high


def test_with_one_image_a_patient_the_variance_is_that_of_delong():
    rng = np.random.default_rng(2)
    first = np.arange(50) < 20
    scores = rng.standard_normal(50) + first
    placed = auc_placements(scores, first)
    wanted = placed[first].var(ddof=1) / 20 + placed[~first].var(ddof=1) / 30  # DeLong et al. 1988, equations 4 to 6
    assert clustered_variance(placed, first, np.arange(50))[0] == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("both", [False, True])
def test_the_clustered_variance_is_that_of_a_patient_bootstrap(both):
    """Patients of one class each, or of both; then images of one patient are compared with each other too."""
    rng = np.random.default_rng(3)
    patients = np.repeat(np.arange(120), 4)
    first = (np.arange(480) % 2 == 0) if both else patients < 60
    scores = 1.5 * rng.standard_normal((2, 120))[first.astype(int), patients] + rng.standard_normal(480) + first
    variance, _ = clustered_variance(auc_placements(scores, first), first, patients)
    rows = np.arange(480).reshape(120, 4)
    moved = []
    for _ in range(1500):
        drawn_rows = rows[rng.integers(0, 120, 120)].ravel()
        moved.append(roc_auc_score(first[drawn_rows], scores[drawn_rows]))
    assert math.sqrt(variance) == pytest.approx(np.std(moved), rel=0.1)
    assert variance > 1.5 * clustered_variance(auc_placements(scores, first), first, np.arange(480))[0]


@pytest.mark.parametrize(("patients", "auc"), [((10, 40), 0.5), ((30, 30), 0.7), ((30, 30), 0.97), ((100, 100), 0.9)])
def test_the_interval_covers_as_often_as_it_says(patients, auc):
    """Three images a patient on average, intra-patient correlation 0.5; 400 draws, one pair: nominal 95 %."""
    rng, covered = np.random.default_rng(4), 0
    shift = math.sqrt(2) * norm.ppf(auc)
    for _ in range(400):
        sizes = rng.poisson(2, sum(patients)) + 1
        whose = np.repeat(np.arange(sum(patients)), sizes)
        truth = (whose >= patients[0]).astype(int)
        score = math.sqrt(0.5) * (rng.standard_normal(sum(patients))[whose] + rng.standard_normal(len(whose)))
        p = 1 / (1 + np.exp(-(score + shift * (truth == 0))))
        evaluation = judged(truth, (p < 0.5).astype(int), whose)
        probabilities = np.stack([p, 1 - p, 0 * p, 0 * p], axis=1)
        found = next(one for one in pair_separabilities([(evaluation, [probabilities])]) if one.pair == (0, 1))
        covered += found.separations[0].low <= auc <= found.separations[0].high
    assert covered >= 0.91 * 400


def test_on_chance_alone_hardly_any_data_set_shows_a_separation():
    """100 data sets of 6 pairs and two subjects, none of which knows anything: at most 5 % show any."""
    rng = np.random.default_rng(5)
    shown = 0
    for _ in range(100):
        evaluation, runs = drawn(rng, skill=0.0)
        _, others = drawn(rng, skill=0.0)
        others = [one[np.arange(len(evaluation.truth)) % len(one)] for one in others]
        shown += any(one.separable for one in pair_separabilities([(evaluation, runs), (evaluation, others)]))
    assert shown <= 5


def test_a_pair_that_looks_alike_comes_first_and_the_others_are_told_apart():
    rng = np.random.default_rng(6)
    evaluation, runs = drawn(rng, n_patients=400, skill=3.0)
    blurred = []
    for one in runs:
        same = one.copy()
        same[:, [1, 2]] = one[:, [1, 2]].sum(axis=1, keepdims=True) * rng.uniform(0.3, 0.7, (len(one), 1)) ** [1, 2]
        blurred.append(same)
    found = pair_separabilities([(evaluation, blurred)])
    assert found[0].pair == (1, 2)
    assert found[0].poorly_at_best
    assert not found[0].separable
    assert all(one.separable and not one.poorly_at_best for one in found[1:])
    both = pair_separabilities([(evaluation, blurred), (evaluation, runs)])
    assert all(one.separable for one in both)  # what one subject cannot, another can
    assert next(one for one in both if one.pair == (1, 2)).best == 1


def test_few_patients_get_counts_and_no_interval():
    evaluation, runs = drawn(np.random.default_rng(7), n_patients=9)
    found = pair_separabilities([(evaluation, runs)])
    assert all(math.isnan(s.low) and math.isnan(s.high) for one in found for s in one.separations)
    assert not any(one.measured or one.separable or one.poorly_at_best for one in found)
    lonely = judged([0, 0, 1], [0, 0, 1], None)
    absent = next(one for one in pair_separabilities([(lonely, [np.full((3, 4), 0.25)])]) if one.pair == (2, 3))
    assert math.isnan(absent.separations[0].auc)
    assert absent.separations[0].n_images == (0, 0)


def test_probabilities_of_nothing_are_no_infinity():
    truth = np.arange(48) % 4
    evaluation = judged(truth, truth)
    found = pair_separabilities([(evaluation, [np.eye(4)[truth]])])
    assert all(one.separations[0].auc == 1 and one.separations[0].low < 1 for one in found)


def test_perfect_separation_of_few_is_less_certain_than_of_many():
    low = []
    for n in (48, 480):
        truth = np.arange(n) % 4
        low.append(pair_separabilities([(judged(truth, truth), [np.eye(4)[truth]])])[0].separations[0].low)
    assert low[0] < 0.6 < 0.9 < low[1]


def pairs_of_answers(same_first, same_second, differ):
    """One image per pair of answers, in a matrix of three classes."""
    counts = np.zeros((same_first + same_second + differ, 3, 3), dtype=np.int64)
    counts[:same_first, 0, 0] = 1
    counts[same_first : same_first + same_second, 1, 1] = 1
    counts[same_first + same_second :, 0, 1] = counts[same_first + same_second :, 1, 0] = 1
    return counts


def test_agreement_is_that_behind_fleiss_kappa():
    counts = pairs_of_answers(20, 12, 8)
    found = pair_agreements(counts, np.arange(40))[0, 1]
    assert (found.n_same, found.n_answers, found.n_images) == (32, 40, 40)
    kappa = (found.share.value - found.chance) / (1 - found.chance)
    ratings = np.repeat([[2, 0], [0, 2], [1, 1]], (20, 12, 8), axis=0)
    assert kappa == pytest.approx(fleiss_kappa(ratings), abs=1e-12)
    assert found.beyond_chance


def test_answers_at_random_are_not_called_agreement():
    found = pair_agreements(pairs_of_answers(10, 10, 20), np.arange(40))[0, 1]
    assert found.chance == pytest.approx(0.5)
    assert not found.beyond_chance
    assert found.share.low < 0.5 < found.share.high


def test_a_pair_that_nobody_gave_both_of_says_nothing():
    counts = pairs_of_answers(5, 0, 0)
    assert pair_agreements(counts, np.arange(5)) == {}


def test_one_patients_images_are_not_many_patients():
    alone = pair_agreements(pairs_of_answers(20, 12, 8), np.arange(40) % 9)[0, 1]
    assert math.isnan(alone.share.low)
    assert not alone.beyond_chance
