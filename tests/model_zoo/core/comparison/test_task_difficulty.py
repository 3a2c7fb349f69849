"""What guessing earns, ITCA, and how much of a rise the question makes: sums in the margin, laws, the itca package."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from itca import bidict
from itca.metrics import itca as itca_of_the_authors

from model_zoo.core.comparison.task_difficulty import accuracy_gap, frequency_chance, itca, majority, uniform_chance
from model_zoo.core.evaluation.evaluation import accuracy, evaluate
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.label_space.taxonomy import Taxonomy, project
from tests.evaluations import FOUR, bootstrap, cases, clustered, judged


def merged(groups):
    """FOUR with classes merged: ``groups`` (4,) names the group of each."""
    leaves = {}
    for leaf, group in zip("abcd", groups, strict=True):
        leaves.setdefault(f"g{group}", set()).add(leaf)
    return Taxonomy("merged", {name: frozenset(some) for name, some in leaves.items()})


def project_evaluation(one, coarse):
    onto = project(FOUR, coarse)
    return judged(onto.apply(one.truth), onto.apply(one.predicted), one.patients, coarse)


groupings = st.lists(st.integers(0, 3), min_size=4, max_size=4)


def test_what_guessing_earns():
    one = judged([0] * 6 + [1] * 3 + [2], [0] * 10)  # 60 %, 30 %, 10 %, and a class without images
    assert uniform_chance(one) == 1 / 4
    assert frequency_chance(one).value == pytest.approx(0.36 + 0.09 + 0.01)
    assert majority(one).value == 0.6
    assert accuracy(one).mean == 0.6  # who always says the largest class is right as often


@given(cases, groupings)
def test_a_merger_never_lowers_what_guessing_earns(case, groups):
    one = judged(*case)
    coarse = project_evaluation(one, merged(groups))
    assert uniform_chance(coarse) >= uniform_chance(one)
    assert frequency_chance(coarse).value >= frequency_chance(one).value - 1e-12
    assert majority(coarse).value >= majority(one).value - 1e-12
    assert (accuracy(coarse).per_run >= accuracy(one).per_run - 1e-12).all()


@given(cases)
def test_guessing_by_frequency_is_between_uniform_chance_and_majority(case):
    one = judged(*case)
    assert uniform_chance(one) - 1e-12 <= frequency_chance(one).value <= majority(one).value + 1e-12


def test_itca_by_hand():
    one = judged([0, 0, 0, 1], [0, 0, 1, 1])
    assert itca(one).mean == pytest.approx((2 * -np.log(3 / 4) + 1 * -np.log(1 / 4)) / 4)


@given(cases, groupings)
def test_itca_is_that_of_its_authors_for_every_merger(case, groups):
    one = judged(*case)
    coarse = merged(groups)
    onto = project(FOUR, coarse)
    present = np.unique(one.truth)
    kept = {int(group): k for k, group in enumerate(np.unique(onto.index[present]))}  # their classes all have images
    renumbered = {int(k): j for j, k in enumerate(present)}
    mapping = bidict({renumbered[k]: kept[int(onto.index[k])] for k in renumbered})
    truth = np.array([renumbered[int(k)] for k in one.truth])
    for said, mine in zip(one.predicted, itca(project_evaluation(one, coarse)).per_run, strict=True):
        answers = np.array([kept.get(int(k), -1) for k in onto.apply(said)])
        assert mine == pytest.approx(itca_of_the_authors(truth, answers, mapping), abs=1e-9)


@given(cases)
def test_itca_is_at_most_the_entropy_of_the_classes_and_0_for_a_single_class(case):
    one = judged(*case)
    p = np.bincount(one.truth) / len(one.truth)
    entropy = -(p[p > 0] * np.log(p[p > 0])).sum()
    assert (itca(one).per_run <= entropy + 1e-12).all()
    assert itca(judged(one.truth, one.truth)).mean == pytest.approx(entropy)
    assert itca(project_evaluation(one, merged([0] * 4))).mean == 0


def test_itca_rewards_a_merger_only_where_the_classes_cannot_be_told_apart():
    truth = np.repeat([0, 1, 2, 3], 100)
    rng = np.random.default_rng(0)
    confused = np.where(truth < 2, rng.integers(0, 2, 400), truth)
    clear = truth
    first_two = merged([0, 0, 1, 2])
    assert itca(project_evaluation(judged(truth, confused), first_two)).mean > itca(judged(truth, confused)).mean
    assert itca(project_evaluation(judged(truth, clear), first_two)).mean < itca(judged(truth, clear)).mean


@pytest.mark.parametrize(
    ("share", "value"),
    [(frequency_chance, lambda e: frequency_chance(e).value), (lambda e: itca(e).share, lambda e: itca(e).mean)],
    ids=["frequency", "itca"],
)
def test_intervals_are_those_of_a_patient_bootstrap(share, value):
    one = clustered()
    mine = share(one)
    low, high = bootstrap(one, value)
    assert (mine.low, mine.high) == pytest.approx((low, high), abs=0.02)
    assert (mine.high - mine.low) / (high - low) == pytest.approx(1, abs=0.15)


def test_nothing_to_judge_is_undefined():
    nothing = judged([], [[]])
    assert np.isnan([frequency_chance(nothing).value, majority(nothing).value, itca(nothing).mean]).all()
    undefined = accuracy_gap((nothing, judged([0], [0])), (nothing, nothing), {})
    assert np.isnan([undefined.native.value, undefined.native.low, undefined.common.value]).all()


def two_models(seed=3, n_patients=150):
    """Fine answers of one model and pair answers of another, equally skilled between pairs, over clustered images."""
    rng = np.random.default_rng(seed)
    owners = np.repeat(np.arange(n_patients), rng.integers(1, 7, n_patients))
    n = len(owners)
    ids = tuple(f"i{k}" for k in range(n))
    patients = {image_id: f"p{owner}" for image_id, owner in zip(ids, owners, strict=True)}
    truth = rng.integers(0, 4, n)
    pair_right = rng.random(n) < rng.beta(9, 1, n_patients)[owners]
    pair = np.where(pair_right, truth // 2, 1 - truth // 2)
    fine = 2 * pair + np.where(rng.random(n) < 0.7, truth % 2, 1 - truth % 2)
    coarse = np.where(rng.random(n) < 0.95, pair, 1 - pair)
    pairs = merged([0, 0, 1, 1])
    labels = {image_id: frozenset("abcd"[k]) for image_id, k in zip(ids, truth, strict=True)}
    first = Predictions(ids, FOUR.names, np.eye(4, dtype=np.float32)[fine])
    second = Predictions(ids[::-1], pairs.names, np.eye(2, dtype=np.float32)[coarse[::-1]])
    native = evaluate([first], FOUR, FOUR, labels, patients), evaluate([second], pairs, pairs, labels, patients)
    common = evaluate([first], FOUR, pairs, labels, patients), native[1]
    return native, common, patients


def test_a_rise_is_what_remains_on_common_ground_and_what_goes_with_the_question():
    native, common, patients = two_models()
    found = accuracy_gap(native, common, patients)
    assert found.native.value == pytest.approx(accuracy(native[1]).mean - accuracy(native[0]).mean)
    assert found.common.value == pytest.approx(accuracy(common[1]).mean - accuracy(common[0]).mean)
    assert found.native.value == pytest.approx(found.common.value + found.question.value)
    assert found.beyond_half.value == pytest.approx(found.native.value / 2 - found.common.value)
    assert found.native.n_patients == 150  # paired, though the second run stores its answers in another order


def test_the_intervals_of_a_gap_are_those_of_a_paired_patient_bootstrap():
    native, common, patients = two_models()
    found = accuracy_gap(native, common, patients)
    right = [dict(zip(one.image_ids, one.right[0].astype(float), strict=True)) for one in (*native, *common)]
    names = sorted(set(patients.values()))
    rows = {name: [i for i in patients if patients[i] == name] for name in names}
    table = np.array([[sum(one[i] for i in rows[name]) for one in right] + [len(rows[name])] for name in names])
    rng = np.random.default_rng(0)
    weights = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), 4000)
    totals = weights @ table
    a, b, ca, cb = (totals[:, :4] / totals[:, [4]]).T
    for mine, drawn in [
        (found.native, b - a),
        (found.common, cb - ca),
        (found.question, (b - a) - (cb - ca)),
        (found.beyond_half, (b - a) / 2 - (cb - ca)),
    ]:
        low, high = np.quantile(drawn, (0.025, 0.975))
        assert (mine.low, mine.high) == pytest.approx((low, high), abs=0.01)
        assert (mine.high - mine.low) / (high - low) == pytest.approx(1, abs=0.12)


def test_turning_the_pair_around_turns_the_gap_around():
    native, common, patients = two_models()
    here, there = accuracy_gap(native, common, patients), accuracy_gap(native[::-1], common[::-1], patients)
    for one, other in [(here.native, there.native), (here.common, there.common), (here.question, there.question)]:
        assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))
