"""The consensus of the decisions about an image, by the rule of the workspace.

Every function takes stored decisions (with ``decision_id``) in any order and reads them in
the order in which they were stored; `DecisionError` if one has no id yet.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from dashboard.decisions.decision import Answer, Decision
from dashboard.decisions.history import in_order, per_image
from model_zoo.core.review.consensus_rule import Rule as Rule


def standing_labels(decisions: Iterable[Decision], rule: Rule = Rule.LATEST) -> Mapping[str, str]:
    """Image id -> standing label; images whose decisions in force settle none are absent: the data set's own stands.

    - `Rule.LATEST`: the last label given, by whomever.
    - `Rule.MAJORITY`: the last adjudication; else the label that strictly more people gave than any other.
    - `Rule.ADJUDICATED`: the last adjudication; else the label that all who gave one gave.

    A person counts once, as `labels_by_person` says.
    """
    return per_image(decisions, _standing_label, rule)


def settled_label(kept: Sequence[Decision], rule: Rule) -> str | None:
    """The label that the decisions in force about one image, oldest first, settle; None where they settle none."""
    return _LABEL_UNDER[rule](kept)


def in_force(decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """The decisions that no undo in force removes, oldest first; undos themselves included.

    Undoing an undo restores what it had removed.
    """
    return _still(in_order(decisions))


def labels_by_person(about: Iterable[Decision]) -> dict[str, Decision]:
    """Reviewer -> the decision that says which label they give one image: their last answer.

    ``about`` holds the decisions in force about that image, oldest first. Whoever cannot tell in
    the end gives none; a skip or a flag takes nothing back.
    """
    given: dict[str, Decision] = {}
    for decision in about:
        if decision.answer.gives_label:
            given[decision.reviewer] = decision
        elif decision.answer is Answer.CANNOT_TELL:
            given.pop(decision.reviewer, None)
    return given


def flagged(decisions: Iterable[Decision]) -> Mapping[str, Decision]:
    """Image id -> the flag in force that marks it for a talk; anybody may take another's flag away."""
    return per_image(decisions, _flag)


def answered(decisions: Iterable[Decision], reviewer: str | None = None) -> Mapping[str, Answer]:
    """Image id -> its standing answer: the latest in force, of ``reviewer`` or of anybody.

    A skip hides no other answer. It answers for the reviewer who skipped, not for everybody:
    without ``reviewer`` images that were only skipped are absent. A flag is no answer.
    """
    return per_image(decisions, _answer, reviewer)


def history_of_image(decisions: Iterable[Decision], image_id: str) -> tuple[Decision, ...]:
    """Every decision about one image, oldest first, undone ones and undos included."""
    return tuple(in_order(decision for decision in decisions if decision.image_id == image_id))


def _still(ordered: Sequence[Decision]) -> tuple[Decision, ...]:
    if all(decision.answer is not Answer.UNDO for decision in ordered):
        return tuple(ordered)
    removed: set[int | None] = set()
    for decision in reversed(ordered):  # an undo is younger than what it undoes
        if decision.answer is Answer.UNDO and decision.decision_id not in removed:
            removed.add(decision.undoes)
    return tuple(decision for decision in ordered if decision.decision_id not in removed)


def _standing_label(about: Sequence[Decision], rule: Rule) -> str | None:
    return settled_label(_still(about), rule)


def _flag(about: Sequence[Decision]) -> Decision | None:
    marks = [decision for decision in _still(about) if decision.answer.is_flag]
    return marks[-1] if marks and marks[-1].answer is Answer.FLAG else None


def _answer(about: Sequence[Decision], reviewer: str | None) -> Answer | None:
    given = [one.answer for one in _still(about) if one.answer.is_answer and reviewer in (None, one.reviewer)]
    told = [answer for answer in given if answer is not Answer.SKIP]
    skipped = Answer.SKIP if given and reviewer is not None else None
    return told[-1] if told else skipped


def _latest(about: Sequence[Decision]) -> str | None:
    return next((decision.after for decision in reversed(about) if decision.answer.gives_label), None)


def _majority(about: Sequence[Decision]) -> str | None:
    if (settled := _adjudicated_label(about)) is not None:
        return settled
    counts = Counter(decision.after for decision in labels_by_person(about).values()).most_common(2)
    tied = len(counts) == 2 and counts[0][1] == counts[1][1]
    return counts[0][0] if counts and not tied else None


def _adjudicated(about: Sequence[Decision]) -> str | None:
    if (settled := _adjudicated_label(about)) is not None:
        return settled
    labels = {decision.after for decision in labels_by_person(about).values()}
    return labels.pop() if len(labels) == 1 else None


def _adjudicated_label(about: Sequence[Decision]) -> str | None:
    return _latest([decision for decision in about if decision.adjudicates])


# A rule reads the decisions in force about one image, oldest first, and says the label if they settle one.
_LABEL_UNDER: Mapping[Rule, Callable[[Sequence[Decision]], str | None]] = {
    Rule.LATEST: _latest,
    Rule.MAJORITY: _majority,
    Rule.ADJUDICATED: _adjudicated,
}
