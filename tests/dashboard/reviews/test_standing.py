"""What decisions add up to: stories first, then the law against a plain model."""

import itertools
import random

import hypothesis.strategies as some
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dashboard.reviews.decisions import Answer, Decision, DecisionError
from dashboard.reviews.standing import (
    answered,
    done_for,
    history,
    in_force,
    redoable,
    standing_labels,
    undoable,
)
from tests.dashboard.histories import decision, undo


def test_the_latest_relabelling_or_confirmation_stands() -> None:
    a_to_b = decision(1)
    b_to_c = decision(2, before="b", after="c", reviewer="Bob")
    assert standing_labels([a_to_b]) == {"i1": "b"}
    assert standing_labels([a_to_b, b_to_c]) == {"i1": "c"}
    confirmed = decision(3, Answer.CONFIRM, image_id="i2", before="d", after="d")
    assert standing_labels([a_to_b, b_to_c, confirmed]) == {"i1": "c", "i2": "d"}


def test_cannot_tell_and_skip_change_no_label() -> None:
    assert standing_labels([decision(1, Answer.CANNOT_TELL), decision(2, Answer.SKIP)]) == {}
    later = decision(2, Answer.CANNOT_TELL, before="b", after="b")
    assert standing_labels([decision(1), later]) == {"i1": "b"}


def test_undo_redo_and_undo_again() -> None:
    relabel = decision(1)
    assert standing_labels([relabel, undo(2, 1)]) == {}
    assert standing_labels([relabel, undo(2, 1), undo(3, 2)]) == {"i1": "b"}  # undone undo = redo
    assert standing_labels([relabel, undo(2, 1), undo(3, 2), undo(4, 1)]) == {}


def test_undoing_an_earlier_decision_leaves_the_later_one() -> None:
    assert standing_labels([decision(1), decision(2, after="c"), undo(3, 1)]) == {"i1": "c"}


def test_a_decision_undone_twice_at_once_needs_both_undos_undone() -> None:
    assert standing_labels([decision(1), undo(2, 1), undo(3, 1), undo(4, 3)]) == {}


def test_the_order_in_which_decisions_are_handed_over_does_not_matter() -> None:
    told = [decision(1), undo(2, 1), decision(3, after="c"), undo(4, 2)]
    for shuffled in itertools.permutations(told):
        assert standing_labels(shuffled) == {"i1": "c"}


def test_a_skip_is_done_for_who_skipped_and_an_answer_for_everybody() -> None:
    told = [decision(1, Answer.SKIP, image_id="i1"), decision(2, Answer.CANNOT_TELL, image_id="i2")]
    assert answered(told) == {"i2": Answer.CANNOT_TELL}
    assert answered(told, "Ann") == {"i1": Answer.SKIP, "i2": Answer.CANNOT_TELL}
    assert done_for(told, "Ann") == {"i1", "i2"}
    assert done_for(told, "Bob") == {"i2"}


def test_a_skip_hides_no_earlier_answer_and_an_undone_answer_is_none() -> None:
    assert answered([decision(1), decision(2, Answer.SKIP)], "Ann") == {"i1": Answer.RELABEL}
    assert answered([decision(1), undo(2, 1)], "Ann") == {}


def test_undo_and_redo_reach_only_the_reviewers_own_decisions() -> None:
    told = [decision(1), decision(2, reviewer="Bob", image_id="i2")]
    assert undoable(told, "Ann") == told[0]
    assert undoable(told, "Cem") is None
    told.append(undo(3, 1))
    assert undoable(told, "Ann") is None
    assert redoable(told, "Ann") == told[2]
    assert redoable(told, "Bob") is None


def test_a_new_decision_ends_redo() -> None:
    assert redoable([decision(1), undo(2, 1), decision(3)], "Ann") is None


def test_history_keeps_what_was_undone() -> None:
    told = [undo(2, 1), decision(3, image_id="i2"), decision(1)]
    assert [event.decision_id for event in history(told, "i1")] == [1, 2]


def test_a_decision_that_is_not_stored_has_no_place_in_the_history() -> None:
    with pytest.raises(DecisionError, match="not stored yet"):
        standing_labels([decision()])


class Editor(RuleBasedStateMachine):
    """Each reviewer decides, undoes and redoes as in an editor: a stack of done and one of undone."""

    reviewers = some.sampled_from(["Ann", "Bob", "Cem"])

    def __init__(self) -> None:
        super().__init__()
        self.log: list[Decision] = []
        self.done: dict[str, list[Decision]] = {"Ann": [], "Bob": [], "Cem": []}
        self.undone: dict[str, list[Decision]] = {"Ann": [], "Bob": [], "Cem": []}

    @rule(
        reviewer=reviewers,
        image_id=some.sampled_from(["i1", "i2"]),
        answer=some.sampled_from([Answer.RELABEL, Answer.CONFIRM, Answer.CANNOT_TELL, Answer.SKIP]),
        label=some.sampled_from("abc"),
    )
    def decides(self, reviewer: str, image_id: str, answer: Answer, label: str) -> None:
        before = self.labels().get(image_id, "a")
        after = label if answer is Answer.RELABEL else before
        decided = decision(len(self.log) + 1, answer, reviewer=reviewer, image_id=image_id, before=before, after=after)
        self.log.append(decided)
        self.done[reviewer].append(decided)
        self.undone[reviewer].clear()

    @rule(reviewer=reviewers)
    def undoes(self, reviewer: str) -> None:
        last = undoable(self.log, reviewer)
        assert last == (self.done[reviewer][-1] if self.done[reviewer] else None)
        if last is not None:
            self.takes_back(reviewer, last)
            self.undone[reviewer].append(self.done[reviewer].pop())

    @rule(reviewer=reviewers)
    def redoes(self, reviewer: str) -> None:
        last = redoable(self.log, reviewer)
        undone = self.undone[reviewer][-1] if self.undone[reviewer] else None
        assert (last and last.undoes) == (undone and undone.decision_id)
        if last is not None:
            self.takes_back(reviewer, last)
            self.done[reviewer].append(self.undone[reviewer].pop())

    def takes_back(self, reviewer: str, taken: Decision) -> None:
        assert taken.decision_id is not None
        self.log.append(undo(len(self.log) + 1, taken.decision_id, reviewer=reviewer, image_id=taken.image_id))

    def labels(self) -> dict[str, str]:
        alive = sorted(itertools.chain(*self.done.values()), key=lambda event: event.decision_id or 0)
        return {event.image_id: event.after for event in alive if event.answer.gives_label}

    @invariant()
    def the_standing_labels_are_those_of_the_plain_model(self) -> None:
        shuffled = random.Random(len(self.log)).sample(self.log, len(self.log))
        assert standing_labels(shuffled) == self.labels()

    @invariant()
    def what_is_in_force_beside_undos_is_what_is_done(self) -> None:
        alive = {event.decision_id for event in in_force(self.log) if event.answer is not Answer.UNDO}
        assert alive == {event.decision_id for stack in self.done.values() for event in stack}


TestEditor = Editor.TestCase
TestEditor.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
