"""What decisions add up to: stories first, then the law against a plain model."""

import itertools
import random
import statistics
from typing import Any

import hypothesis.strategies as some
import pytest
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dashboard.decisions.consensus import (
    answered,
    flagged,
    history_of_image,
    in_force,
    standing_labels,
)
from dashboard.decisions.decision import Answer, Decision, DecisionError
from model_zoo.core.review.consensus_rule import Rule
from tests.dashboard.decisions.undo_steps import redoable, undoable
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
    assert answered(told, "Bob") == {}


def test_a_skip_hides_no_earlier_answer_and_an_undone_answer_is_none() -> None:
    assert answered([decision(1), decision(2, Answer.SKIP)], "Ann") == {"i1": Answer.RELABEL}
    assert answered([decision(1), undo(2, 1)], "Ann") == {}


def test_undo_and_redo_reach_only_the_reviewers_own_decisions() -> None:
    told = [decision(1), decision(2, reviewer="Bob", image_id="i2")]
    assert undoable(told, "Ann") == (told[0],)
    assert undoable(told, "Cem") == ()
    told.append(undo(3, 1))
    assert undoable(told, "Ann") == ()
    assert redoable(told, "Ann") == (told[2],)
    assert redoable(told, "Bob") == ()


def test_a_batch_is_undone_and_redone_as_one() -> None:
    told = [decision(1), *(decision(k, image_id=f"i{k}", batch="b") for k in (2, 3))]
    assert undoable(told, "Ann") == tuple(told[1:])
    told += [undo(4, 2, image_id="i2", batch="u"), undo(5, 3, image_id="i3", batch="u")]
    assert undoable(told, "Ann") == (told[0],)
    assert redoable(told, "Ann") == tuple(told[3:])


def test_a_new_decision_ends_redo() -> None:
    assert redoable([decision(1), undo(2, 1), decision(3)], "Ann") == ()


def test_history_keeps_what_was_undone() -> None:
    told = [undo(2, 1), decision(3, image_id="i2"), decision(1)]
    assert [event.decision_id for event in history_of_image(told, "i1")] == [1, 2]


def test_a_decision_that_is_not_stored_has_no_place_in_the_history() -> None:
    with pytest.raises(DecisionError, match="not stored yet"):
        standing_labels([decision()])


def said(decision_id: int, reviewer: str, label: str, **changes: Any) -> Decision:
    return decision(decision_id, reviewer=reviewer, after=label, **changes)


def under_each_rule(*told: Decision) -> list[str | None]:
    """The standing label of i1: latest, majority, adjudicated."""
    return [standing_labels(told, rule).get("i1") for rule in Rule]


def test_several_people_under_each_rule() -> None:
    ann, ben, cem = said(1, "Ann", "b"), said(2, "Ben", "c"), said(3, "Cem", "b")
    assert under_each_rule(ann) == ["b", "b", "b"]
    assert under_each_rule(ann, ben) == ["c", None, None]  # 1 : 1
    assert under_each_rule(ann, ben, cem) == ["b", "b", None]  # 2 : 1
    assert under_each_rule(ann, ben, cem, said(4, "Dora", "c")) == ["c", None, None]  # 2 : 2
    assert under_each_rule(ann, cem) == ["b", "b", "b"]


def test_a_person_counts_once_with_their_last_answer() -> None:
    ann, ben = said(1, "Ann", "b"), said(2, "Ben", "c")
    assert under_each_rule(ann, ben, said(3, "Ann", "b")) == ["b", None, None]  # Ann twice is still 1 : 1
    assert under_each_rule(ann, ben, said(3, "Ann", "c")) == ["c", "c", "c"]
    confirmed = decision(3, Answer.CONFIRM, reviewer="Cem", before="c", after="c")
    assert under_each_rule(ann, ben, confirmed) == ["c", "c", None]


def test_who_cannot_tell_gives_no_vote_and_takes_an_earlier_one_back() -> None:
    ann, ben = said(1, "Ann", "b"), said(2, "Ben", "c")
    unsure = decision(3, Answer.CANNOT_TELL, reviewer="Ann", before="c", after="c")
    assert under_each_rule(ann, ben, unsure) == ["c", "c", "c"]  # Ben's alone is left
    skipped = decision(3, Answer.SKIP, reviewer="Ann", before="c", after="c")
    assert under_each_rule(ann, ben, skipped) == ["c", None, None]


def test_an_adjudication_settles_it_until_the_next_one_or_its_undo() -> None:
    ann, ben = said(1, "Ann", "b"), said(2, "Ben", "c")
    settled = said(3, "Cem", "c", adjudicates=True)
    assert under_each_rule(ann, ben, settled) == ["c", "c", "c"]
    late = said(4, "Dora", "b")
    assert under_each_rule(ann, ben, settled, late) == ["b", "c", "c"]
    assert under_each_rule(ann, ben, settled, late, said(5, "Ann", "d", adjudicates=True)) == ["d", "d", "d"]
    assert under_each_rule(ann, ben, settled, undo(4, 3, reviewer="Cem")) == ["c", None, None]
    unsure = decision(4, Answer.CANNOT_TELL, reviewer="Cem", before="c", after="c", adjudicates=True)
    assert under_each_rule(ann, ben, unsure) == ["c", None, None]  # whoever cannot tell settles nothing


def test_a_flag_is_no_answer_and_anybody_may_take_it_away() -> None:
    flag = decision(1, Answer.FLAG)
    assert (answered([flag]), answered([flag], "Ann")) == ({}, {})
    assert flagged([flag]) == {"i1": flag}
    assert flagged([flag, decision(2, Answer.UNFLAG, reviewer="Ben")]) == {}
    assert flagged([flag, decision(2, Answer.UNFLAG, reviewer="Ben"), undo(3, 2, reviewer="Ben")]) == {"i1": flag}
    assert answered([decision(1), decision(2, Answer.FLAG, before="b", after="b")]) == {"i1": Answer.RELABEL}
    assert undoable([flag], "Ann") == (flag,)


votes_of_people = some.lists(some.tuples(some.sampled_from("ABCDE"), some.sampled_from("xyz")), max_size=9)


@given(votes_of_people)
def test_majority_is_the_one_most_common_last_vote(votes: list[tuple[str, str]]) -> None:
    last = dict(votes)
    told = [said(k + 1, person, label) for k, (person, label) in enumerate(votes)]
    modes = statistics.multimode(last.values())  # the standard library's own count
    expected = {"i1": modes[0]} if len(modes) == 1 else {}
    assert standing_labels(told, Rule.MAJORITY) == expected
    assert standing_labels(told, Rule.ADJUDICATED) == (expected if len(set(last.values())) == 1 else {})


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
        assert last == tuple(self.done[reviewer][-1:])
        if last:
            self.takes_back(reviewer, last[0])
            self.undone[reviewer].append(self.done[reviewer].pop())

    @rule(reviewer=reviewers)
    def redoes(self, reviewer: str) -> None:
        last = redoable(self.log, reviewer)
        assert [one.undoes for one in last] == [one.decision_id for one in self.undone[reviewer][-1:]]
        if last:
            self.takes_back(reviewer, last[0])
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
