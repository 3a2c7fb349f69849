"""The decision log against a plain model, on a real database and under each rule, whatever people do in any order."""

import random
import shutil
import tempfile
from collections import Counter
from itertools import count
from pathlib import Path

import hypothesis.strategies as some
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from dashboard.address.selection import Labels
from dashboard.decisions.conflicts import conflicts
from dashboard.decisions.store import DecisionStore
from dashboard.review.record_decision import decide
from dashboard.server_state.batch_decisions import GivenLabel, decide_many, undo_many
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.review.consensus_rule import Rule
from model_zoo.workspace.workspace import Workspace
from tests.dashboard.decisions.undo_steps import redoable, undoable
from tests.dashboard.histories import NOON

IMAGES = ("i0000", "i0001", "i0002")
LABELS = ("cat.large", "dog.large", "logo")
PEOPLE = ("Ann", "Ben", "Cem")

reviewers, images, labels = some.sampled_from(PEOPLE), some.sampled_from(IMAGES), some.sampled_from(LABELS)


class Log(RuleBasedStateMachine):
    """The plain model: a list of actions, each done or undone; an action is a list of (image, person, label, settles).

    ``label`` is None for "cannot tell". An action is undone and redone whole.
    """

    workspace: Workspace
    rule: Rule

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.desk = Desk(self.workspace)
        self.desk.store = DecisionStore(self.folder / "decisions.sqlite")
        self.own = {one: self.workspace.space.format(self.desk.image(one).label) for one in IMAGES}
        self.actions: list[list[tuple[str, str, str | None, bool]]] = []
        self.is_done: list[bool] = []
        self.names: list[str] = []
        self.kept: list[dict[str, str]] = []
        self.numbers = count()

    def teardown(self) -> None:
        self.desk.store.close()
        shutil.rmtree(self.folder)

    @rule(reviewer=reviewers, image_id=images, label=labels, adjudicates=some.booleans())
    def relabels(self, reviewer: str, image_id: str, label: str, adjudicates: bool) -> None:
        before = self.stands()[image_id]
        (stored,) = self.sends(reviewer, image_id, "relabel", after=label, adjudicates=adjudicates)
        assert (stored.before, stored.after) == (before, label)
        self.did([(image_id, reviewer, label, adjudicates)])

    @rule(reviewer=reviewers, image_id=images)
    def confirms(self, reviewer: str, image_id: str) -> None:
        label = self.stands()[image_id]
        self.sends(reviewer, image_id, "confirm")
        self.did([(image_id, reviewer, label, False)])

    @rule(reviewer=reviewers, image_id=images)
    def cannot_tell(self, reviewer: str, image_id: str) -> None:
        self.sends(reviewer, image_id, "cannot_tell")
        self.did([(image_id, reviewer, None, False)])

    @rule(reviewer=reviewers, image_id=images, answer=some.sampled_from(["skip", "flag", "unflag"]))
    def says_nothing_of_the_label(self, reviewer: str, image_id: str, answer: str) -> None:
        self.sends(reviewer, image_id, answer)
        self.did([])

    @rule(reviewer=reviewers, label=labels)
    def labels_all_in_the_gallery(self, reviewer: str, label: str) -> None:
        self.many([(image_id, reviewer, label, False) for image_id in IMAGES])

    @rule(rows=some.lists(some.tuples(images, reviewers, labels), min_size=1, max_size=4))
    def imports_what_several_people_said(self, rows: list[tuple[str, str, str]]) -> None:
        self.many([(*row, False) for row in rows])

    @rule()
    def keeps_the_labels(self) -> None:
        self.kept.append(self.stands())

    @rule(reviewer=reviewers)
    def restores_what_was_kept(self, reviewer: str) -> None:
        now = self.stands()
        if self.kept and (changed := [one for one in IMAGES if self.kept[-1][one] != now[one]]):
            self.many([(one, reviewer, self.kept[-1][one], True) for one in changed])
            assert self.stands() == self.kept[-1]

    @rule(reviewer=reviewers)
    def undoes(self, reviewer: str) -> None:
        last = undoable(self.desk.store.all(), reviewer)
        if last:
            named = last[len(last) // 2]
            self.sends(named.reviewer, named.image_id, "undo", undoes=named.decision_id)
            self.takes(named.batch or str(named.decision_id), done=False)

    @rule(reviewer=reviewers)
    def redoes(self, reviewer: str) -> None:
        last = redoable(self.desk.store.all(), reviewer)
        if last:
            by_id = {one.decision_id: one for one in self.desk.store.all()}
            undone = by_id[last[0].undoes]
            self.sends(reviewer, last[-1].image_id, "undo", undoes=last[-1].decision_id)
            self.takes(undone.batch or str(undone.decision_id), done=True)

    @rule(which=some.integers(0, 30), reviewer=reviewers)
    def undoes_a_batch_of_anybody(self, which: int, reviewer: str) -> None:
        batches = [
            name for name, done in zip(self.names, self.is_done, strict=True) if done and name.startswith("batch")
        ]
        if batches:
            name = batches[which % len(batches)]
            undo_many(self.desk, name, reviewer, NOON)
            self.takes(name, done=False)

    @invariant()
    def the_labels_are_those_of_the_plain_model(self) -> None:
        found = self.desk.labels(Labels.REVIEWED)
        assert {one: self.workspace.space.format(found[one]) for one in IMAGES} == self.stands()

    @invariant()
    def people_disagree_about_the_images_of_the_plain_model(self) -> None:
        assert conflicts(self.desk.store.all()).keys() == {one for one in IMAGES if self.disagreed(one)}

    @invariant()
    def nothing_is_ever_lost(self) -> None:
        ids = [one.decision_id for one in self.desk.store.all()]
        assert ids == list(range(1, len(ids) + 1))

    def sends(self, reviewer: str, image_id: str, answer: str, **more: object):
        one = {"client_id": "c", "seq": next(self.numbers), "reviewer": reviewer, "image_id": image_id} | more
        space, original = self.workspace.space, self.desk.dataset().labels
        sent = {**one, "answer": answer}
        outcome = decide(self.desk.store, space, original, [sent], lambda: NOON, self.rule)
        assert not outcome.refused
        if random.Random(len(self.names)).random() < 0.3:  # the answer was lost on the way: it is sent again
            assert decide(self.desk.store, space, original, [sent], lambda: NOON, self.rule) == outcome
        return outcome.stored

    def many(self, rows: list[tuple[str, str, str, bool]]) -> None:
        given = [GivenLabel(image_id, label, who) for image_id, who, label, _ in rows]
        name = f"batch {len(self.names)}"
        decide_many(self.desk, given, name, NOON, chosen_by="a test", adjudicates=rows[0][3])
        self.did(list(rows), name)

    def did(self, action: list[tuple[str, str, str | None, bool]], name: str = "") -> None:
        self.actions.append(action)
        self.is_done.append(True)
        self.names.append(name or str(self.desk.store.all()[-1].decision_id))

    def takes(self, name: str, done: bool) -> None:
        k = self.names.index(name)
        assert self.is_done[k] is not done
        self.is_done[k] = done

    def said(self, image_id: str) -> list[tuple[str, str | None, bool]]:
        return [
            (who, label, settles)
            for action, done in zip(self.actions, self.is_done, strict=True)
            if done
            for about, who, label, settles in action
            if about == image_id
        ]

    def stands(self) -> dict[str, str]:
        return {image_id: self.label_of(image_id) for image_id in IMAGES}

    def label_of(self, image_id: str) -> str:
        said = self.said(image_id)
        given = [label for _, label, _ in said if label]
        settled = [label for _, label, settles in said if settles and label]
        votes = Counter(label for label in {who: label for who, label, _ in said}.values() if label)
        if self.rule is Rule.LATEST:
            return given[-1] if given else self.own[image_id]
        if settled:
            return settled[-1]
        first = votes.most_common(2)
        if self.rule is Rule.ADJUDICATED:
            return first[0][0] if len(first) == 1 else self.own[image_id]
        tied = len(first) == 2 and first[0][1] == first[1][1]
        return first[0][0] if first and not tied else self.own[image_id]

    def disagreed(self, image_id: str) -> bool:
        said = self.said(image_id)
        start = max((k for k, (_, label, settles) in enumerate(said) if settles and label), default=-1)
        voices = {who: label for who, label, _ in said[start + 1 :]}
        agreed = {said[start][1]} if start >= 0 else set()
        return len(agreed | {label for label in voices.values() if label}) > 1


@pytest.mark.parametrize("rule", list(Rule))
def test_the_log_is_the_plain_model(animals: Workspace, rule: Rule) -> None:
    workspace = Workspace(animals.folders)
    workspace.review_rule = rule
    machine = type(f"Log{rule.name.title()}", (Log,), {"workspace": workspace, "rule": rule})
    few = settings(max_examples=25, stateful_step_count=20, deadline=None)
    run_state_machine_as_test(machine, settings=few)
