"""When people disagree about an image, and until when: stories, then the law against the votes themselves."""

import hypothesis.strategies as some
from hypothesis import given

from dashboard.decisions.conflicts import Voice, conflicts, open_for
from dashboard.decisions.consensus import standing_labels
from dashboard.decisions.decision import Answer, Decision
from model_zoo.core.review.consensus_rule import Rule
from tests.dashboard.histories import decision, undo


def said(decision_id, reviewer, label, **changes):
    return decision(decision_id, reviewer=reviewer, after=label, **changes)


ANN, BEN = said(1, "Ann", "b"), said(2, "Ben", "c")


def test_two_people_who_say_different_things_disagree_until_one_gives_in():
    assert conflicts([ANN]) == {}
    (found,) = conflicts([ANN, BEN]).values()
    assert (found.image_id, found.since) == ("i1", 2)
    assert found.voices == (Voice("Ann", "b"), Voice("Ben", "c"))
    assert found.people == {"Ann", "Ben"}
    assert conflicts([ANN, BEN, said(3, "Ben", "b")]) == {}
    assert conflicts([ANN, BEN, undo(3, 2, reviewer="Ben")]) == {}


def test_one_person_who_changes_their_mind_disagrees_with_nobody():
    assert conflicts([ANN, said(2, "Ann", "c")]) == {}


def test_a_confirmation_is_a_voice_and_cannot_tell_is_none():
    confirmed = decision(2, Answer.CONFIRM, reviewer="Ben", before="a", after="a")
    assert conflicts([ANN, confirmed])["i1"].voices[1] == Voice("Ben", "a")
    assert conflicts([ANN, decision(2, Answer.CANNOT_TELL, reviewer="Ben")]) == {}
    unsure = decision(3, Answer.CANNOT_TELL, reviewer="Ann", before="c", after="c")
    assert conflicts([ANN, BEN, unsure]) == {}
    assert "i1" in conflicts([ANN, BEN, decision(3, Answer.SKIP, reviewer="Ann")])
    assert "i1" in conflicts([ANN, BEN, decision(3, Answer.FLAG, reviewer="Ann")])


def test_an_adjudication_ends_it_and_its_undo_brings_it_back():
    settled = said(3, "Cem", "c", adjudicates=True)
    assert conflicts([ANN, BEN, settled]) == {}
    assert "i1" in conflicts([ANN, BEN, settled, undo(4, 3, reviewer="Cem")])


def test_after_an_adjudication_a_voice_that_agrees_opens_nothing_and_one_that_differs_does():
    told = [ANN, BEN, said(3, "Cem", "c", adjudicates=True)]
    assert conflicts([*told, said(4, "Dora", "c")]) == {}
    (found,) = conflicts([*told, said(4, "Dora", "b")]).values()
    assert found.voices == (Voice("Cem", "c", adjudicated=True), Voice("Dora", "b"))
    own = conflicts([*told, said(4, "Cem", "b")])["i1"]  # not even the adjudicator changes it unseen
    assert own.voices == (Voice("Cem", "c", adjudicated=True), Voice("Cem", "b"))
    assert conflicts([*told, said(4, "Dora", "b"), said(5, "Ann", "b", adjudicates=True)]) == {}


def test_who_skips_an_adjudication_is_not_asked_again_until_somebody_speaks():
    skipped = decision(3, Answer.SKIP, reviewer="Cem", adjudicates=True)
    assert open_for([ANN, BEN], "Cem").keys() == {"i1"}
    assert open_for([ANN, BEN, skipped], "Cem") == {}
    assert open_for([ANN, BEN, skipped], "Dora").keys() == {"i1"}
    assert open_for([ANN, BEN, skipped, said(4, "Ann", "d")], "Cem").keys() == {"i1"}
    unsure = decision(3, Answer.CANNOT_TELL, reviewer="Cem", adjudicates=True)
    assert open_for([ANN, BEN, unsure], "Cem") == {}
    assert open_for([ANN, BEN, unsure], "Ann").keys() == {"i1"}
    earlier = decision(3, Answer.SKIP, reviewer="Ann")  # in another queue: no word about the disagreement
    assert open_for([ANN, BEN, earlier], "Ann").keys() == {"i1"}


def test_each_image_by_itself():
    told = [ANN, BEN, said(3, "Ann", "b", image_id="i2"), said(4, "Ben", "b", image_id="i2")]
    assert list(conflicts(told)) == ["i1"]


events = some.lists(
    some.tuples(some.sampled_from("ABC"), some.sampled_from("xyz"), some.booleans()), min_size=1, max_size=10
)


@given(events)
def test_without_a_conflict_the_adjudicated_rule_settles_the_image_and_with_one_it_changes_nothing(events):
    told: list[Decision] = [
        said(k + 1, who, label, adjudicates=adjudicates) for k, (who, label, adjudicates) in enumerate(events)
    ]
    stands = standing_labels(told, Rule.ADJUDICATED).get("i1")
    settled = [label for _, label, adjudicates in events if adjudicates]
    if conflicts(told):
        assert stands == (settled[-1] if settled else None)
    else:
        assert stands == events[-1][1]  # nobody differs from what was said last
