"""The decision rule: every combination of interval, margin and missed patients gives the outcome that it should."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_zoo.core.comparison.comparison import Difference, answer
from model_zoo.core.comparison.outcomes import Answer, Outcome, outcome_of

MARGIN = 0.01


def outcome(low, high, unseen=0.0):
    return outcome_of(answer(Difference((low + high) / 2, low, high), MARGIN, unseen), low, high, MARGIN)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.004, 0.009, Outcome.EQUIVALENT),
        (-0.01, 0.01, Outcome.EQUIVALENT),  # both ends on the margin
        (0.0002, 0.0099, Outcome.WITHIN_MARGIN),
        (-0.0099, -0.0002, Outcome.WITHIN_MARGIN),
        (0.0002, 0.0109, Outcome.BETTER_POSSIBLY_LESS),  # was "better"
        (0.01, 0.03, Outcome.BETTER_POSSIBLY_LESS),  # the low end on the margin is not beyond it
        (0.0101, 0.03, Outcome.BETTER_BY_MORE),
        (-0.0109, -0.0002, Outcome.WORSE_POSSIBLY_LESS),
        (-0.03, -0.0101, Outcome.WORSE_BY_MORE),
        (0.0, 0.02, Outcome.INCONCLUSIVE),
        (-0.02, 0.0, Outcome.INCONCLUSIVE),
        (-0.011, 0.009, Outcome.INCONCLUSIVE),
    ],
)
def test_the_first_rule_that_holds_is_the_outcome(low, high, expected):
    assert outcome(low, high) is expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.004, 0.009, Outcome.INCONCLUSIVE),
        (0.0002, 0.0099, Outcome.BETTER_POSSIBLY_LESS),
        (-0.0099, -0.0002, Outcome.WORSE_POSSIBLY_LESS),
        (0.02, 0.03, Outcome.BETTER_BY_MORE),
    ],
)
def test_patients_possibly_missed_rule_out_equivalence_alone(low, high, expected):
    assert outcome(low, high, unseen=0.0101) is expected
    assert outcome(low, high, unseen=0.01) is not Outcome.INCONCLUSIVE


@given(st.floats(-0.1, 0.1), st.floats(0, 0.1), st.floats(0, 0.1))
def test_the_rule_written_out_agrees(low, width, unseen):
    high = low + width
    if low >= -MARGIN and high <= MARGIN and unseen <= MARGIN:
        expected = "a difference exists, within the margin" if low > 0 or high < 0 else "equivalent"
    elif low > MARGIN:
        expected = "better by more than the margin"
    elif low > 0:
        expected = "better, possibly by less than the margin"
    elif high < -MARGIN:
        expected = "worse by more than the margin"
    elif high < 0:
        expected = "worse, possibly by less than the margin"
    else:
        expected = "inconclusive"
    found = outcome(low, high, unseen)
    assert found == expected
    assert found.by_more == ("by more" in expected)


def test_too_few_stays_too_few():
    assert outcome_of(Answer.TOO_FEW, float("nan"), float("nan"), MARGIN) is Outcome.TOO_FEW
