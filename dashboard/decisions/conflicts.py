"""Images about which people disagree."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dashboard.decisions.consensus import in_force, labels_by_person
from dashboard.decisions.decision import Answer, Decision
from dashboard.decisions.history import by_image


@dataclass(frozen=True, slots=True)
class Voice:
    """The label that one person gave an image; ``adjudicated`` where they gave it to end a disagreement."""

    reviewer: str
    label: str
    adjudicated: bool = False


@dataclass(frozen=True, slots=True)
class Conflict:
    """An image about which people disagree: their voices, oldest first, and the decision that the last one is."""

    image_id: str
    voices: tuple[Voice, ...]
    since: int

    @property
    def people(self) -> frozenset[str]:
        """Who takes part."""
        return frozenset(voice.reviewer for voice in self.voices)


def conflicts(decisions: Iterable[Decision]) -> dict[str, Conflict]:
    """Image id -> its conflict, oldest image first: labels in force that differ, with no adjudication since.

    A person counts once, with their last answer; whoever cannot tell in the end has no voice. An
    adjudication that gives a label stands for all that was said before it: labels given later, by
    whomever, open the conflict anew if they differ from it.
    """
    found = {}
    for image_id, about in by_image(in_force(decisions)).items():
        voices = _voices(about)
        if len({decision.after for decision in voices}) > 1:
            said = tuple(Voice(one.reviewer, one.after, one.adjudicates) for one in voices)
            found[image_id] = Conflict(image_id, said, voices[-1].decision_id or 0)
    return found


def open_for(decisions: Iterable[Decision], reviewer: str) -> dict[str, Conflict]:
    """The conflicts that wait for ``reviewer``: without those that they, adjudicating, have skipped or could not tell.

    A label given since brings such an image back.
    """
    history = tuple(decisions)
    passed_over = {
        decision.image_id: decision.decision_id or 0
        for decision in in_force(history)
        if decision.reviewer == reviewer
        and decision.adjudicates
        and decision.answer in (Answer.SKIP, Answer.CANNOT_TELL)
    }
    found = conflicts(history)
    return {image_id: one for image_id, one in found.items() if passed_over.get(image_id, 0) < one.since}


def _voices(about: Sequence[Decision]) -> list[Decision]:
    settling = [k for k, decision in enumerate(about) if decision.adjudicates and decision.answer.gives_label]
    start = settling[-1] if settling else 0
    last = about[start : start + 1] if settling else []
    voices = [*last, *labels_by_person(about[start + len(last) :]).values()]
    return sorted(voices, key=lambda decision: decision.decision_id or 0)
