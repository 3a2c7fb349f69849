"""The outcomes of a comparison: equivalent, better, worse or inconclusive."""

from enum import StrEnum


class Question(StrEnum):
    """What a verdict is about: these very runs, or the way in which they were trained."""

    CHECKPOINT = "checkpoint"
    TRAINING = "training"


class Answer(StrEnum):
    """What a verdict says of A against B."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "the same within the margin"
    INCONCLUSIVE = "not settled"
    TOO_FEW = "too few to say"


class Outcome(StrEnum):
    """What the 95 % CI and the margin say of A against B; each value is the result as pages and reports write it."""

    EQUIVALENT = "equivalent"
    WITHIN_MARGIN = "a difference exists, within the margin"
    BETTER_BY_MORE = "better by more than the margin"
    BETTER_POSSIBLY_LESS = "better, possibly by less than the margin"
    WORSE_BY_MORE = "worse by more than the margin"
    WORSE_POSSIBLY_LESS = "worse, possibly by less than the margin"
    INCONCLUSIVE = "inconclusive"
    TOO_FEW = "too few to say"

    @property
    def by_more(self) -> bool:
        """Whether the whole interval lies beyond the margin."""
        return self in (Outcome.BETTER_BY_MORE, Outcome.WORSE_BY_MORE)


def outcome_of(answer: Answer, low: float, high: float, margin: float) -> Outcome:
    """The outcome of an ``answer`` with the interval ``low`` to ``high``; all shares, ``margin`` in (0, 1)."""
    if answer is Answer.SAME:
        return Outcome.WITHIN_MARGIN if low > 0 or high < 0 else Outcome.EQUIVALENT
    if answer is Answer.BETTER:
        return Outcome.BETTER_BY_MORE if low > margin else Outcome.BETTER_POSSIBLY_LESS
    if answer is Answer.WORSE:
        return Outcome.WORSE_BY_MORE if high < -margin else Outcome.WORSE_POSSIBLY_LESS
    return Outcome.INCONCLUSIVE if answer is Answer.INCONCLUSIVE else Outcome.TOO_FEW
