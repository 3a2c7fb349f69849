"""What to merge: planted mergers are found, nulls get no advice, and the gains are sums that can be done by hand."""

import math

import numpy as np
import pytest

from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.label_space.labels import LeafSpace, Part
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.core.suggestions.merge_suggestions import ENOUGH_PATIENTS, merge_candidates

SPACE = LeafSpace((Part("thing", tuple("abcdef")), Part("mark", ("no", "yes"))))
TWELVE = Taxonomy("twelve", {leaf: frozenset({leaf}) for leaf in SPACE.leaves})


def answered(rng, share_wrong, spread, n_patients=120, n_runs=2):
    """Images of 12 classes; a wrong answer goes by ``spread`` (12, 12), row by true class."""
    patients = np.repeat(np.arange(n_patients), 6)
    truth = rng.integers(0, 12, len(patients))
    elsewhere = np.stack([rng.choice(12, n_runs, p=spread[k]) for k in truth], axis=1)
    predicted = np.where(rng.random((n_runs, len(truth))) < share_wrong[truth], elsewhere, truth)
    return Evaluation(TWELVE, tuple(f"i{k}" for k in range(len(truth))), patients, truth, predicted)


def anywhere():
    spread = np.full((12, 12), 1 / 11)
    np.fill_diagonal(spread, 0)
    return spread


def test_classes_that_cannot_be_told_apart_are_advised_with_their_meaning():
    """All things without mark are guessed among each other: that merge pays, and carries its name."""
    spread, wrong = anywhere(), np.full(12, 0.05)
    unmarked = [k for k, leaf in enumerate(SPACE.leaves) if leaf.endswith(".no")]
    for k in unmarked:
        spread[k] = 0
        spread[k, [other for other in unmarked if other != k]] = 1 / 5
        wrong[k] = 5 / 6
    found = merge_candidates(answered(np.random.default_rng(1), wrong, spread), SPACE)
    best = found[0]
    assert best.meaning.words == "mark = no"
    assert set(best.members) == {SPACE.leaves[k] for k in unmarked}
    assert best.pays
    assert best.rise > best.random[2]


def test_a_pair_that_looks_alike_is_advised_without_a_meaning():
    spread, wrong = anywhere(), np.full(12, 0.05)
    a, b = SPACE.leaves.index("a.no"), SPACE.leaves.index("d.yes")
    for k, other in ((a, b), (b, a)):
        spread[k], wrong[k] = np.eye(12)[other], 0.5
    paying = [one for one in merge_candidates(answered(np.random.default_rng(2), wrong, spread), SPACE) if one.pays]
    assert [(set(one.members), one.meaning) for one in paying] == [({"a.no", "d.yes"}, None)]


def test_data_without_a_merger_get_no_advice():
    """200 null data sets of varied accuracy: at least 95 % without any advice."""
    rng = np.random.default_rng(3)
    advised = 0
    for k in range(200):
        wrong = np.full(12, (0.05, 0.2, 0.4)[k % 3])
        advised += any(one.pays for one in merge_candidates(answered(rng, wrong, anywhere(), 60), SPACE))
    assert advised <= 10


def test_the_rise_is_the_errors_that_stay_inside():
    rng = np.random.default_rng(4)
    one = answered(rng, np.full(12, 0.4), anywhere())
    for candidate in merge_candidates(one, SPACE):
        members = [TWELVE.names.index(name) for name in candidate.members]
        merged = np.isin(one.truth, members) & np.isin(one.predicted, members)
        assert candidate.rise == pytest.approx((merged & ~one.right).mean(), abs=1e-12)
        assert candidate.n_images == np.isin(one.truth, members).sum()
        assert candidate.low <= candidate.gain <= candidate.high


def test_the_gain_is_that_of_itca_written_out():
    """With frequencies all alike, -ln f is ln 12 apart and ln 2 for a merge of six."""
    truth = np.tile(np.arange(12), 60)
    patients = np.repeat(np.arange(60), 12)
    unmarked = [k for k, leaf in enumerate(SPACE.leaves) if leaf.endswith(".no")]
    shifted = {k: unmarked[(unmarked.index(k) + 1) % 6] for k in unmarked}
    predicted = np.array([[shifted.get(k, k) for k in truth]])
    one = Evaluation(TWELVE, tuple(f"i{k}" for k in range(len(truth))), patients, truth, predicted)
    best = merge_candidates(one, SPACE)[0]
    assert set(best.members) == {SPACE.leaves[k] for k in unmarked}
    assert best.gain == pytest.approx(0.5 * math.log(2), abs=1e-9)


def test_too_little_to_look_at_gives_nothing():
    rng = np.random.default_rng(5)
    assert merge_candidates(answered(rng, np.full(12, 0.4), anywhere(), 19), SPACE) == ()


@pytest.mark.parametrize(("n_patients", "at_least", "at_most"), [(25, 0, 2), (ENOUGH_PATIENTS, 8, 10)])
def test_a_planted_pair_is_found_with_enough_patients_and_missed_with_few(n_patients, at_least, at_most):
    """Two classes confused in 45 % of their images; 10 data sets of one run."""
    pair = [SPACE.leaves.index("a.no"), SPACE.leaves.index("d.yes")]
    spread, wrong = anywhere(), np.full(12, 0.05)
    for one, other in (pair, pair[::-1]):
        spread[one], wrong[one] = np.eye(12)[other], 0.45
    found = 0
    for seed in range(10):
        evaluation = answered(np.random.default_rng([seed, n_patients]), wrong, spread, n_patients, 1)
        paying = [set(one.members) for one in merge_candidates(evaluation, SPACE) if one.pays]
        found += {"a.no", "d.yes"} in paying
    assert at_least <= found <= at_most
