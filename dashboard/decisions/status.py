"""Which images were decided about, how, and how fast."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from dashboard.address.queue import Status
from dashboard.decisions.consensus import answered, flagged, in_force
from dashboard.decisions.decision import Answer, Decision
from dashboard.decisions.history import per_image


def with_status(decisions: Iterable[Decision], status: Status, by: str = "") -> frozenset[str]:
    """The images whose standing answer, or flag, is as ``status`` asks: that of the reviewer ``by``, or of anybody.

    For those that wait: the ones with a label, which wait for a second opinion.
    """
    if status is Status.FLAGGED:
        return frozenset(image_id for image_id, one in flagged(decisions).items() if by in ("", one.reviewer))
    answers = answered(decisions, by or None)
    wanted = {
        Status.WAITING: {Answer.RELABEL, Answer.CONFIRM},
        Status.ANSWERED: {Answer.RELABEL, Answer.CONFIRM, Answer.CANNOT_TELL},
        Status.CANNOT_TELL: {Answer.CANNOT_TELL},
    }[status]
    return frozenset(image_id for image_id, answer in answers.items() if answer in wanted)


def reviewed_images(decisions: Iterable[Decision], reviewer: str, chosen_by: str) -> frozenset[str]:
    """The images about which the reviewer has decided in the queue that ``chosen_by`` names."""
    return frozenset(per_image(decisions, _answered_at, reviewer, chosen_by))


def n_decided(decisions: Iterable[Decision], reviewer: str, since: datetime) -> int:
    """How many images the reviewer has answered since that moment; what was undone does not count, nor does a flag."""
    return sum(time >= since for time in per_image(decisions, _answered_at, reviewer).values())


def reviewers(decisions: Iterable[Decision]) -> tuple[str, ...]:
    """Everybody who has decided, by name."""
    return tuple(sorted({decision.reviewer for decision in decisions}))


def _answered_at(about: Sequence[Decision], reviewer: str, chosen_by: str | None = None) -> datetime | None:
    times = [
        one.time
        for one in in_force(about)
        if one.answer.is_answer and one.reviewer == reviewer and chosen_by in (None, one.chosen_by)
    ]
    return max(times, default=None)
