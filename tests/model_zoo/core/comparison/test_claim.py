"""Published claims: the formula against enumeration and simulation, and the results against full comparisons."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import dblquad

from model_zoo.core.comparison.claim import (
    _along,
    assess,
    false_claim,
    false_claim_apart,
    mean_false_claim,
    outcome_of_table,
    published,
)
from model_zoo.core.comparison.claim_inputs import class_sets, read_accuracy
from model_zoo.core.comparison.comparison import pair, verdict
from model_zoo.core.comparison.outcomes import Outcome, Question
from model_zoo.core.errors import TaxoScopeError
from model_zoo.core.evaluation.metrics import Headline
from tests.evaluations import judged

FINE, COARSE = ("cat", "dog", "car"), ("animal", "car")
MAPPING = {"animal": ["cat", "dog"]}


def exactly(only_new, only_old):
    """P(Beta(a, b) <= 1/2) for whole a, b: at least a of a + b - 1 fair coins fall heads (exact binomial sum)."""
    n = only_new + only_old + 1
    return sum(math.comb(n, k) for k in range(only_new + 1, n + 1)) / 2**n


@given(st.integers(0, 40), st.integers(0, 40))
def test_the_probability_is_the_exact_binomial_sum(only_new, only_old):
    assert false_claim(only_new, only_old) == pytest.approx(exactly(only_new, only_old), rel=1e-9)


def test_the_probability_is_the_integral_that_the_paper_states():
    n, new, old, both = 20, 15, 13, 11
    cells = (new - both, old - both, n - new - old + 2 * both)  # Dirichlet(x1 + 1, x2 + 1, n - x1 - x2 + 2)

    def density(second, first):
        return first ** cells[0] * second ** cells[1] * (1 - first - second) ** (cells[2] + 1)

    above, _ = dblquad(density, 0, 0.5, lambda first: first, lambda first: 1 - first)
    whole, _ = dblquad(density, 0, 1, 0, lambda first: 1 - first)
    assert cells[2] == n - cells[0] - cells[1]
    assert false_claim(*cells[:2]) == pytest.approx(above / whole, abs=1e-6)


def test_the_probability_is_the_share_of_false_claims_in_a_simulation():
    rng = np.random.default_rng(0)
    n, new, old, both = 30, 22, 20, 16
    cells = rng.dirichlet((1, 1, 1, 1), 400_000)
    shares = np.stack([cells[:, 0] + cells[:, 1], cells[:, 0] + cells[:, 2]])
    seen = rng.multinomial(n, cells)
    like = (seen[:, 0] == both) & (seen[:, 1] == new - both) & (seen[:, 2] == old - both)
    false = (shares[0] <= shares[1])[like]
    assert len(false) > 50
    assert false_claim(new - both, old - both) == pytest.approx(false.mean(), abs=4 * 0.5 / math.sqrt(len(false)))


def test_the_mean_is_that_over_all_tables_of_the_published_margins():
    """The posterior given accuracies alone: drawn tables with these margins, under the uniform prior."""
    rng = np.random.default_rng(1)
    n, new, old = 20, 15, 13
    cells = rng.dirichlet((1, 1, 1, 1), 2_000_000)
    seen = rng.multinomial(n, cells)
    like = (seen[:, 0] + seen[:, 1] == new) & (seen[:, 0] + seen[:, 2] == old)
    false = (cells[:, 1] <= cells[:, 2])[like]
    assert mean_false_claim(new, old, n) == pytest.approx(false.mean(), abs=4 * 0.5 / math.sqrt(len(false)))
    tables = [exactly(new - both, old - both) for both in range(new + old - n, old + 1)]
    assert mean_false_claim(new, old, n) == pytest.approx(np.mean(tables), rel=1e-9)


@pytest.mark.parametrize("counts", [(45, 50, 40, 60), (958, 1000, 953, 1000), (3, 3, 2, 3), (0, 10, 0, 10)])
def test_two_test_sets_are_independent(counts):
    rng = np.random.default_rng(2)
    new, n_new, old, n_old = counts
    drawn = rng.beta(new + 1, n_new - new + 1, 400_000) <= rng.beta(old + 1, n_old - old + 1, 400_000)
    assert false_claim_apart(*counts) == pytest.approx(drawn.mean(), abs=0.004)


@given(st.integers(1, 25), st.data())
def test_the_range_is_that_of_all_tables(n, data):
    new, old = data.draw(st.integers(0, n)), data.draw(st.integers(0, n))
    found = assess(published(new / n, n), published(old / n, n))
    tables = [
        (both, new - both, old - both) for both in range(n + 1) if both <= min(new, old) and new + old - both <= n
    ]
    every = [exactly(*table[1:]) for table in tables]
    assert (found.false_low, found.false_high) == pytest.approx((min(every), max(every)))
    assert found.false_mean == pytest.approx(np.mean(every))
    assert found.difference_low == pytest.approx((new - old) / n)


@pytest.mark.parametrize(("new", "old"), [(59, 55), (50, 49), (40, 48), (60, 60)])
def test_the_results_are_those_of_all_tables(new, old):
    n = 60
    bounds = max(0, new + old - n), min(new, old)
    every = {outcome_of_table(both, new - both, old - both, n, 0.05) for both in range(bounds[0], bounds[1] + 1)}
    assert _along(new, old, *bounds, n, 0.05) == every
    assert set(assess(published(new / n, n), published(old / n, n), 0.05).outcomes) == every


def test_a_table_gives_the_result_of_comparing_its_predictions():
    truth = [0] * 200
    new, old = [0] * 170 + [1] * 30, [0] * 140 + [1] * 30 + [0] * 10 + [1] * 20
    both, only_new, only_old = 140, 30, 10
    ours = outcome_of_table(both, only_new, only_old, 200, 0.01)
    theirs = verdict(pair(judged(truth, [new]), judged(truth, [old])), Headline.ACCURACY, Question.CHECKPOINT, 0.01)
    assert ours == theirs.outcome
    assert ours in assess(published(0.85, 200), published(0.75, 200)).outcomes


def test_a_rounded_accuracy_stands_for_every_count_that_rounds_to_it():
    one = published(0.958, 10_000, 3)
    assert (one.lowest, one.highest) == (9575, 9585)
    assert all(round(k / 10_000, 3) in (0.957, 0.958, 0.959) for k in range(one.lowest, one.highest + 1))
    found = assess(one, published(0.953, 10_000, 3), n_both_correct=9300)
    assert found.difference_low == pytest.approx(0.004)
    assert found.difference_high == pytest.approx(0.006)
    with pytest.raises(TaxoScopeError, match=r"No number of correct images of 100 rounds to an accuracy of 0\.958"):
        published(0.958, 100, 3)


def test_a_known_congruence_leaves_one_table():
    found = assess(published(0.9, 100), published(0.85, 100), n_both_correct=83)
    assert found.false_low == found.false_high == found.false_mean == pytest.approx(exactly(7, 2))
    assert len(found.outcomes) == 1
    with pytest.raises(TaxoScopeError, match=r"95 images that both have correct do not fit.* 75 to 85"):
        assess(published(0.9, 100), published(0.85, 100), n_both_correct=95)


def test_different_class_sets_are_compared_through_a_mapping_alone():
    assert class_sets(FINE, tuple(reversed(FINE))) is None
    for new, old in [(COARSE, FINE), (2, 3), (2, FINE)]:
        with pytest.raises(TaxoScopeError, match="mapping"):
            class_sets(new, old)
    with pytest.raises(TaxoScopeError, match="'car' lies in the old class set and in no class of the new one"):
        class_sets(("animal",), FINE, MAPPING)
    with pytest.raises(TaxoScopeError, match="Only one class set"):
        class_sets(COARSE, None)


def test_in_merged_classes_the_finer_accuracy_is_only_a_lower_bound():
    sets = class_sets(COARSE, FINE, MAPPING)
    found = assess(published(0.95, 200), published(0.75, 200), classes=sets)
    assert found.lifted == (False, True)
    assert (found.difference_low, found.difference_high) == (pytest.approx(-0.05), pytest.approx(0.2))
    assert found.false_low < 1e-6
    assert found.false_high > 0.99
    assert math.isnan(found.false_mean)
    assert {Outcome.WORSE_BY_MORE, Outcome.INCONCLUSIVE, Outcome.BETTER_BY_MORE} <= set(found.outcomes)
    # any fine model that merging lifts to between 75 % and 100 % has a result that is listed
    for old, both in itertools.product((150, 188, 190, 200), (0.3, 1)):
        low, high = max(0, 190 + old - 200), min(190, old)
        count = round(low + both * (high - low))
        assert outcome_of_table(count, 190 - count, old - count, 200, 0.01) in found.outcomes


def test_contradictions_are_refused():
    for contradiction, why in [
        (lambda: assess(published(0.9, 100), published(0.9, 90)), "not one test set"),
        (lambda: assess(published(0.9, 100), published(0.9, 100), 0), "margin"),
        (lambda: assess(published(0.9, 9), published(0.9, 9), one_test_set=False, n_both_correct=3), "two"),
        (lambda: published(0.9, 0), "test set of 0 images"),
        (lambda: published(1.2, 10), "no share"),
    ]:
        with pytest.raises(TaxoScopeError, match=why):
            contradiction()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("0.958", (0.958, 3)),
        ("95.8%", (0.958, 3)),
        ("95.80 %", (0.958, 4)),
        (0.5, (0.5, 1)),
        ("1", (1.0, 0)),
        (5e-05, (5e-5, 5)),
        (".9", (0.9, 1)),
    ],
)
def test_accuracies_are_read_with_their_decimals(written, read):
    value, decimals = read_accuracy(written)
    assert (value, decimals) == (pytest.approx(read[0]), read[1])


@pytest.mark.parametrize("written", ["95.8", "nan", "", "-0.1", "0,958", "%", "1e400"])
def test_what_is_no_accuracy_is_refused(written):
    with pytest.raises(TaxoScopeError, match="write"):
        read_accuracy(written)
