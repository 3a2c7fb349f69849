"""Many models at once: families of intervals against known critical values and simulations, groups, class sets."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm, studentized_range
from scipy.stats import t as student

from model_zoo.core.comparison.aligned import Aligned, align
from model_zoo.core.comparison.comparison import Difference, Pair, verdict
from model_zoo.core.comparison.many_models import (
    Contrast,
    ManyModels,
    _groups,
    class_sets,
    compare_many,
    incorrect_alone,
)
from model_zoo.core.comparison.outcomes import Answer, Question
from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.metrics import Headline
from model_zoo.core.evaluation.patient_counts import PatientCounts
from model_zoo.core.label_space.taxonomy import Taxonomy

AB = Taxonomy("ab", {name: frozenset(name) for name in "ab"})
ABCD = Taxonomy("abcd", {name: frozenset(name) for name in "abcd"})


def judged(correct, patients=None, ids=None, taxonomy=AB):
    """One model of (S, N) correct or not; all images are of class a."""
    right = np.atleast_2d(np.array(correct, dtype=bool))
    n = right.shape[1]
    codes = np.arange(n) if patients is None else np.array(patients, dtype=np.int64)
    names = tuple(f"i{k:04d}" for k in (range(n) if ids is None else ids))
    return Evaluation(taxonomy, names, codes, np.zeros(n, dtype=np.int64), np.where(right, 0, 1))


def counted(hits, per_patient):
    """A model from its hits (S, P) among so many images of each patient."""
    images = np.full((1, hits.shape[1], 1), float(per_patient))
    return PatientCounts(images, hits[:, :, None].astype(float), np.broadcast_to(images, (*hits.shape, 1)))


def same_images(counts):
    return Aligned(tuple(counts), tuple(counts), tuple(counts), (0,) * len(counts))


def world(rng, n_runs, accuracy=None, n_patients=80, per_patient=5, seed_sd=0.015):
    """Models whose errors share what is hard about a patient; each seed has a skill of its own."""
    common, found = rng.normal(size=n_patients), []
    for runs, mean in zip(n_runs, accuracy or [0.85] * len(n_runs), strict=True):
        own = 0.06 * common + 0.03 * rng.normal(size=n_patients)
        skill = mean + own + (rng.normal(0, seed_sd, (runs, 1)) if runs > 1 else 0)
        found.append(counted(rng.binomial(per_patient, np.clip(skill, 0, 1)).reshape(runs, -1), per_patient))
    return same_images(found)


def unrelated(n_models, n_patients, n_errors):
    """Models that err on different patients, each on as many: their accuracies vary independently."""
    hits = np.ones((n_models, 1, n_patients))
    for k in range(n_models):
        hits[k, 0, k * n_errors : (k + 1) * n_errors] = 0
    return same_images([counted(one, 1) for one in hits])


def half(contrast):
    return (contrast.difference.high - contrast.difference.low) / 2


@pytest.mark.parametrize("n_models", [3, 5, 8])
def test_rows_have_the_critical_value_of_dunnett(n_models):
    """Differences of independent, equally variable models from one of them correlate by 1/2 (Dunnett 1955)."""
    n_rows, n_patients, n_errors = n_models - 1, 4000, 100
    rows = compare_many(unrelated(n_models, n_patients, n_errors), Headline.ACCURACY, 0.01).rows
    normal = multivariate_normal(cov=np.full((n_rows, n_rows), 0.5) + 0.5 * np.eye(n_rows))
    critical = np.array([half(row) for row in rows])[0] / math.sqrt(2 * n_errors) * n_patients
    covered = normal.cdf(np.full(n_rows, critical), lower_limit=np.full(n_rows, -critical))
    assert covered == pytest.approx(0.95, abs=0.004)


@pytest.mark.parametrize("n_models", [3, 6])
def test_all_pairs_have_the_critical_value_of_tukey(n_models):
    n_patients, n_errors = 4000, 100
    pairs = compare_many(unrelated(n_models, n_patients, n_errors), Headline.ACCURACY, 0.01).pairs
    tukey = studentized_range.ppf(0.95, n_models, np.inf) / math.sqrt(2)
    assert len(pairs) == n_models * (n_models - 1) // 2
    assert [half(one) / math.sqrt(2 * n_errors) * n_patients for one in pairs] == pytest.approx(
        [tukey] * len(pairs), rel=0.015
    )


def test_two_models_have_students_interval():
    found = compare_many(unrelated(2, 300, 20), Headline.ACCURACY, 0.01)
    sd = math.sqrt(40 / 299 * 300) / 300  # 40 of 300 patients differ, by 1 each; the mean difference is 0
    assert half(found.rows[0]) == pytest.approx(student.ppf(0.975, 2 * (40 - 1)) * sd, rel=0.001)
    assert found.rows[0].difference.value == pytest.approx(0, abs=1e-12)


def test_two_models_of_several_seeds_have_the_interval_of_their_verdict():
    aligned = world(np.random.default_rng(0), (5, 3))
    mine = compare_many(aligned, Headline.ACCURACY, 0.01, baseline=1).rows[0]
    pair = Pair(("all",), *aligned.counts)
    theirs = verdict(pair, Headline.ACCURACY, Question.TRAINING, 0.01)
    assert (mine.difference.low, mine.difference.high) == pytest.approx((theirs.difference.low, theirs.difference.high))


@pytest.mark.parametrize("n_runs", [(1,) * 7, (8,) * 7, (3, 8, 5, 3, 10, 4, 8)])
def test_seven_equal_models_are_rarely_separated(n_runs):
    """Today's separate intervals separate some of six rows in 24 % and some pair in 50 % of trials."""
    rng = np.random.default_rng(1)
    found = [compare_many(world(rng, n_runs), Headline.ACCURACY, 0.01) for _ in range(120)]
    assert np.mean([any(row.separated for row in one.rows) for one in found]) <= 0.055 + 0.04  # Monte-Carlo error: 2 SE
    assert np.mean([any(pair.separated for pair in one.pairs) for one in found]) <= 0.055 + 0.04
    assert np.mean([len(one.groups) > 1 for one in found]) <= 0.055 + 0.04


def test_rows_of_models_that_differ_hold_their_truth_at_once():
    rng, accuracy = np.random.default_rng(2), (0.85, 0.9, 0.82, 0.93, 0.85)
    held = []
    for _ in range(150):
        rows = compare_many(world(rng, (5,) * 5, accuracy, n_patients=120), Headline.ACCURACY, 0.01).rows
        held.append(all(r.difference.low <= accuracy[r.of] - 0.85 <= r.difference.high for r in rows))
    assert np.mean(held) >= 0.95 - 0.036  # Monte-Carlo error: 2 SE


@settings(max_examples=20)
@given(st.permutations(range(5)))
def test_the_order_of_the_models_changes_no_row_and_no_group(order):
    aligned = world(np.random.default_rng(3), (3, 4, 3, 5, 3), (0.8, 0.82, 0.84, 0.9, 0.95))
    known = compare_many(aligned, Headline.ACCURACY, 0.01, baseline=2)
    turned = compare_many(
        same_images([aligned.counts[k] for k in order]), Headline.ACCURACY, 0.01, baseline=order.index(2)
    )
    rows = {row.of: row.difference for row in known.rows}
    for row in turned.rows:
        assert row.difference.low == pytest.approx(rows[order[row.of]].low, abs=1e-9)
        assert row.difference.high == pytest.approx(rows[order[row.of]].high, abs=1e-9)
    assert [tuple(order[k] for k in group) for group in turned.groups] == list(known.groups)


def test_a_model_that_is_there_twice_is_in_the_groups_of_its_twin_and_widens_nothing():
    aligned = world(np.random.default_rng(4), (1, 1, 1, 1), (0.8, 0.83, 0.9, 0.95))
    alone = compare_many(aligned, Headline.ACCURACY, 0.01)
    twice = compare_many(same_images([*aligned.counts, aligned.counts[2]]), Headline.ACCURACY, 0.01)
    assert [half(one) for one in twice.rows[:3]] == pytest.approx([half(one) for one in alone.rows], rel=0.02)
    assert twice.letters(2) == twice.letters(4)
    assert twice.rows[3].difference == twice.rows[1].difference


def test_the_same_predictions_are_bounded_by_what_the_patients_can_miss():
    # tail of one of three rows that never vary: 2.5 %; 1 - 0.025^(1/60) = 0.0596
    same = np.ones((1, 60))
    found = compare_many(same_images([counted(same, 3)] * 3), Headline.ACCURACY, 0.01)
    assert [(row.difference.low, row.difference.high) for row in found.rows] == [
        pytest.approx((-0.0596, 0.0596), abs=1e-4)
    ] * 2
    assert {row.answer for row in found.rows} == {Answer.INCONCLUSIVE}
    assert compare_many(same_images([counted(same, 3)] * 2), Headline.ACCURACY, 0.06).rows[0].answer is Answer.SAME


def test_with_few_patients_or_seeds_there_are_no_intervals_and_no_groups():
    few = compare_many(world(np.random.default_rng(5), (1, 1, 1), n_patients=19), Headline.ACCURACY, 0.01)
    assert {row.answer for row in (*few.rows, *few.pairs)} == {Answer.TOO_FEW}
    assert few.groups == ()
    assert not math.isnan(few.rows[0].difference.value)
    seeds = world(np.random.default_rng(5), (3, 2, 3))
    assert compare_many(seeds, Headline.ACCURACY, 0.01).question is Question.CHECKPOINT
    asked = compare_many(seeds, Headline.ACCURACY, 0.01, question=Question.TRAINING)
    assert {row.answer for row in asked.rows} == {Answer.TOO_FEW}


def pairs_of(n, separated):
    found = []
    for i, j in combinations(range(n), 2):
        low = 0.01 if {i, j} in [set(one) for one in separated] else -0.01
        found.append(Contrast(i, j, Difference(0.02, low, 0.05), Answer.INCONCLUSIVE))
    return found


def test_groups_are_the_maximal_sets_without_a_separated_pair():
    # 0-2 alone are separated: {0, 1}, {1, 2}
    assert {frozenset(one) for one in _groups(pairs_of(3, [(0, 2)]), 3)} == {frozenset({0, 1}), frozenset({1, 2})}
    assert list(_groups(pairs_of(3, []), 3)) == [(0, 1, 2)]
    everything = list(combinations(range(4), 2))
    assert {frozenset(one) for one in _groups(pairs_of(4, everything), 4)} == {frozenset({k}) for k in range(4)}


@given(st.integers(1, 6), st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_groups_are_those_of_trying_every_set(n, drawn):
    separated = [one for one in drawn if one[0] < one[1] < n]
    apart = {frozenset(one) for one in separated}
    free = [
        frozenset(some)
        for size in range(1, n + 1)
        for some in combinations(range(n), size)
        if not any(frozenset(two) in apart for two in combinations(some, 2))
    ]
    maximal = {one for one in free if not any(one < other for other in free)}
    found = list(_groups(pairs_of(n, separated), n))
    assert {frozenset(one) for one in found} == maximal
    assert len(found) == len(maximal)


def test_letters_name_the_groups_from_the_best():
    groups = ((2, 0), (0, 1))
    many = ManyModels(
        Question.CHECKPOINT, Headline.ACCURACY, 0.01, 0, (0.8, 0.7, 0.9), (1, 1, 1), 9, 9, (0, 0, 0), (), (), groups
    )
    assert [many.letters(k) for k in range(3)] == ["a b", "b", "a"]


def test_images_without_a_prediction_count_in_the_worst_case():
    """B lacks 20 of 100 images, of which A is right on all: B may be right there too, or on none."""
    rng = np.random.default_rng(6)
    a = judged(np.r_[rng.random(80) < 0.8, np.ones(20)])
    b = judged(rng.random(80) < 0.8)
    whole = [judged(np.r_[b.right[0], np.full(20, correct)]) for correct in (False, True)]
    found = compare_many(align([a, b]), Headline.ACCURACY, 0.01, baseline=0)
    ends = [compare_many(align([a, one]), Headline.ACCURACY, 0.01).rows[0].difference for one in whole]
    assert found.n_missing == (0, 20)
    assert found.n_images == 80
    assert found.rows[0].difference.low == pytest.approx(min(ends[0].low, found.rows[0].difference.value))
    assert found.rows[0].difference.high == pytest.approx(max(ends[1].high, found.rows[0].difference.value))


def test_the_worst_case_hides_no_errors_that_were_left_out():
    """Equal models; of one, images were left out where it errs. Dropped, it would look 10 points better."""
    rng = np.random.default_rng(7)
    right = rng.random((2, 400)) < 0.8
    kept = np.flatnonzero(right[1] | (rng.random(400) < 0.4))
    found = compare_many(align([judged(right[0]), judged(right[1, kept], kept, kept)]), Headline.ACCURACY, 0.01)
    assert found.rows[0].difference.value > 0.03
    assert found.rows[0].answer is Answer.INCONCLUSIVE


def test_models_over_different_images_agree_about_who_is_one_patient():
    a = judged([1, 1, 0, 1], patients=[0, 0, 1, 1], ids=[0, 1, 2, 3])
    b = judged([1, 0, 0], patients=[5, 3, 3], ids=[4, 3, 2])
    c = judged([1, 1, 0], patients=[0, 1, 1], ids=[0, 4, 1])  # image 4 is of the patient of 0 and 1
    found = align([a, b, c])
    assert found.lowest[0].n_patients == 2
    assert found.counts[0].n_images == 0
    assert align([b, a, c]).lowest[0].n_patients == 2
    with pytest.raises(RunError, match="different classes"):
        align([a, judged([1], taxonomy=ABCD)])


def test_images_that_only_one_model_gets_wrong():
    # image:          0  1  2  3  4
    a = judged([[1, 0, 1, 0, 1]])
    b = judged([[1, 1, 0, 0, 1], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0]])  # most runs are incorrect on 2, 3 and 4
    c = judged([[1, 1, 1, 1, 1]])
    assert incorrect_alone([a, b, c]) == (("i0001",), ("i0002", "i0004"), ())
    halves = judged([[1, 1, 0, 0, 1], [1, 1, 1, 0, 0]])  # two of two runs on image 3; half of them on 2 and 4
    assert incorrect_alone([a, halves, c]) == (("i0001",), (), ())
    assert incorrect_alone([a]) == ((),)


def coarse(name, *groups):
    return Taxonomy(name, {group: frozenset(group) for group in groups})


FINE, HALF, OTHER, ONE = (
    ABCD,
    coarse("half", "ab", "cd"),
    coarse("other", "a", "bcd"),
    coarse("one", "ac", "bd"),
)


@pytest.mark.parametrize(
    ("taxonomies", "baseline", "kept", "left_out"),
    [
        ([FINE, FINE, FINE], 0, (0, 1, 2), {}),
        ([FINE, FINE, HALF], 0, (0, 1), {2: 2}),
        ([FINE, HALF], 0, (0, 1), {}),  # two models: nothing to leave out
        ([FINE, FINE, HALF, OTHER], 0, (0, 1), {2: 2, 3: 2}),
        ([HALF, FINE, FINE], 0, (0, 1, 2), {}),  # the baseline stays, and the others reduce nothing
        ([FINE, HALF, HALF, HALF], 0, (0, 1, 2, 3), {}),  # without them the baseline would stand alone
        ([HALF, FINE, ONE], 0, (0, 1), {2: 1}),
        ([FINE, HALF, OTHER], 0, (0, 1), {2: 1}),
    ],
)
def test_models_that_reduce_the_shared_classes_are_left_out(taxonomies, baseline, kept, left_out):
    found = class_sets(taxonomies, baseline)
    if len(taxonomies) == 3 and taxonomies[1:] == [HALF, OTHER]:  # either may stay; the baseline and one other do
        assert len(found.kept) == 2
        assert 0 in found.kept
        return
    assert (found.kept, dict(found.left_out)) == (kept, left_out)


def test_a_normal_quantile_is_not_used_for_few_patients():
    """30 patients: Student's quantile, at the tail that the family leaves."""
    found = compare_many(unrelated(3, 30, 6), Headline.ACCURACY, 0.01)
    sd = math.sqrt(12 / 29 * 30) / 30
    assert half(found.rows[0]) / sd > student.ppf(0.975, 29) > norm.ppf(0.975)


@pytest.mark.parametrize("figure", [Headline.BALANCED_ACCURACY, Headline.MACRO_F1])
@pytest.mark.parametrize(("n_rare", "rare"), [(1, (3,)), (9, (3,)), (10, ())])
def test_a_macro_average_names_the_classes_that_it_takes_as_unknown(figure, n_rare, rare):
    """One image a patient, three models that are right everywhere; no image is of the third class."""
    truth = np.repeat([0, 1, 3], [200, 100, n_rare])
    ids = tuple(f"i{k:03d}" for k in range(len(truth)))
    one = Evaluation(ABCD, ids, np.arange(len(truth)), truth, truth[None])
    found = compare_many(align([one] * 3), figure, 0.01)
    assert found.rare == rare
    assert [row.difference.high > 1 / 3 for row in (*found.rows, *found.pairs)] == [bool(rare)] * 5
    assert compare_many(align([one] * 3), Headline.ACCURACY, 0.01).rare == ()


def test_a_class_that_one_model_lacks_predictions_of_is_rare():
    """20 images of class b; the last model predicts 9 of them, so that all predict too few patients of it."""
    truth = np.repeat([0, 1], [60, 20])
    ids = tuple(f"i{k:02d}" for k in range(80))
    whole = Evaluation(AB, ids, np.arange(80), truth, truth[None])
    fewer = Evaluation(AB, ids[:69], np.arange(69), truth[:69], truth[None, :69])
    assert compare_many(align([whole, whole, fewer]), Headline.BALANCED_ACCURACY, 0.01).rare == (1,)
    assert compare_many(align([whole, whole]), Headline.BALANCED_ACCURACY, 0.01).rare == ()
