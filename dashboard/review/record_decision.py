"""Validates the decisions of a browser and stores them in one transaction."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboard.decisions.consensus import in_force
from dashboard.decisions.current_label import Labelling
from dashboard.decisions.decision import SEQ_MAX, Answer, Decision, DecisionError
from dashboard.decisions.store import DecisionStore
from dashboard.decisions.write_log import DecisionLog
from dashboard.server_state.batch_decisions import batch_of_undo, undo_rest
from model_zoo.core.errors import TaxoScopeError, WorkspaceError
from model_zoo.core.label_space.labels import Label, LeafSpace
from model_zoo.core.review.consensus_rule import Rule


@dataclass(frozen=True, slots=True)
class Refusal:
    """A proposal of which nothing was stored, and why; ``seq`` is None when it had no readable one."""

    client_id: str
    seq: int | None
    error: TaxoScopeError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch of proposals; ``stored`` is committed, resent ones included."""

    stored: tuple[Decision, ...] = ()
    refused: tuple[Refusal, ...] = ()


def decide(
    store: DecisionStore,
    space: LeafSpace,
    original: Mapping[str, Label],
    proposals: Sequence[object],
    clock: Callable[[], datetime],
    rule: Rule = Rule.LATEST,
) -> Outcome:
    """Store what a browser proposes, in its order; what cannot be stored is refused and holds up no other.

    ``original`` holds the workspace's own label of every image; ``clock`` gives aware UTC times.
    A proposal is a mapping with ``client_id``, ``seq``, ``reviewer``, ``image_id`` and ``answer``
    (a value of `Answer`); if wished ``note``, ``runs`` (list), ``maps_shown``, ``blind``,
    ``chosen_by``, ``taxonomy``, ``batch``, ``adjudicates``, ``reason`` (a value of `Reason`); and

    - to relabel: ``after``, the new label's text;
    - to confirm, if wished: ``after``, the label that the reviewer was looking at (the standing one);
    - to undo: ``undoes`` (a decision id) or ``undoes_seq`` (a number of the same ``client_id``);
      the rest of that decision's batch is undone with it, and ``stored`` holds these undos too.

    ``before`` is the label that stands within the same transaction. `WorkspaceError` when the
    store fails: then nothing of the batch is stored and all of it may be sent again.
    """
    stored: list[Decision] = []
    refused: list[Refusal] = []
    if not proposals:
        return Outcome()
    labelling = Labelling(space, original, rule)
    with store.writing() as log:
        for proposal in proposals:
            try:
                stored += _store(proposal, log, labelling, clock)
            except WorkspaceError:
                raise
            except TaxoScopeError as error:
                refused.append(_refusal(proposal, error))
    return Outcome(tuple(stored), tuple(refused))


def _store(
    proposal: object, log: DecisionLog, labelling: Labelling, clock: Callable[[], datetime]
) -> tuple[Decision, ...]:
    if not isinstance(proposal, Mapping):
        raise DecisionError(f"A proposal must name its fields; got {_short(proposal)}.")
    undone = _undone(proposal, log) if _answer(proposal) is Answer.UNDO else None
    sent_before = log.sent(_text(proposal, "client_id"), _whole(proposal, "seq"))
    stored = log.append(_decision(proposal, undone, sent_before, log, labelling, clock))
    if undone is None or not stored.batch:
        return (stored,)
    if sent_before:
        return stored, *(one for one in log.of_batch(stored.batch) if one != stored)
    return stored, *undo_rest(log, stored, undone, labelling)


def _decision(
    proposal: Mapping[str, Any],
    undone: Decision | None,
    sent_before: Decision | None,
    log: DecisionLog,
    labelling: Labelling,
    clock: Callable[[], datetime],
) -> Decision:
    image_id = _text(proposal, "image_id")
    labelling.check(image_id)
    client_id, seq, answer = _text(proposal, "client_id"), _whole(proposal, "seq"), _answer(proposal)
    reviewer = unicodedata.normalize("NFC", _text(proposal, "reviewer").strip())
    batch = _text(proposal, "batch", "")
    if undone:
        batch = batch_of_undo(client_id, seq) if undone.batch else ""
    if sent_before:
        before = sent_before.before
        after = sent_before.after if answer is sent_before.answer else before
    else:
        about = log.about(image_id)
        if undone is not None:
            _check_undo(undone, reviewer, about)
        elif batch:
            _check_batch(batch, reviewer, log)
        before = labelling.standing(about, image_id)
        after = labelling.standing(about, image_id, without=[undone] if undone else [])
    if answer is Answer.RELABEL or (answer is Answer.CONFIRM and proposal.get("after") is not None):
        after = labelling.canonical(_text(proposal, "after"))
    return Decision(
        image_id=image_id,
        reviewer=reviewer,
        time=clock(),
        answer=answer,
        before=before,
        after=after,
        client_id=client_id,
        seq=seq,
        note=_text(proposal, "note", ""),
        undoes=undone.decision_id if undone else None,
        runs=_runs(proposal),
        maps_shown=_flag(proposal, "maps_shown"),
        blind=_flag(proposal, "blind"),
        chosen_by=_text(proposal, "chosen_by", ""),
        taxonomy=_text(proposal, "taxonomy", ""),
        batch=batch,
        adjudicates=_flag(proposal, "adjudicates"),
        reason=_text(proposal, "reason", ""),
    )


def _undone(proposal: Mapping[str, Any], log: DecisionLog) -> Decision:
    if proposal.get("undoes") is not None:
        undone = log.get(_whole(proposal, "undoes"))
    else:
        undone = log.sent(_text(proposal, "client_id"), _whole(proposal, "undoes_seq"))
    if undone is None:
        raise DecisionError("The decision to undo is not stored; reload the page to see which are.")
    return undone


def _check_undo(undone: Decision, reviewer: str, about: Sequence[Decision]) -> None:
    if undone.reviewer != reviewer:
        raise DecisionError(f"Decision {undone.decision_id} is {undone.reviewer}'s; only they can undo it.")
    if undone in about and undone not in in_force(about):
        raise DecisionError(f"Decision {undone.decision_id} is undone already.")


def _check_batch(batch: str, reviewer: str, log: DecisionLog) -> None:
    if others := [one.reviewer for one in log.of_batch(batch)[:1] if one.reviewer != reviewer]:
        raise DecisionError(f"Batch {batch!r} is {others[0]}'s; start one of your own.")


def _answer(proposal: Mapping[str, Any]) -> Answer:
    text = _text(proposal, "answer")
    if text not in list(Answer):
        raise DecisionError(f"No answer {text[:100]!r}; it can be {', '.join(Answer)}.")
    return Answer(text)


def _text(proposal: Mapping[str, Any], name: str, default: str | None = None) -> str:
    text = proposal.get(name)
    if text is None and default is not None:
        return default
    if not isinstance(text, str):
        raise DecisionError(f"A proposal needs {name!r} as text; got {_short(text)}.")
    return text


def _whole(proposal: Mapping[str, Any], name: str) -> int:
    number = proposal.get(name)
    if type(number) is not int or not 0 <= number <= SEQ_MAX:
        raise DecisionError(f"A proposal needs {name!r} as a whole number from 0; got {_short(number)}.")
    return number


def _flag(proposal: Mapping[str, Any], name: str) -> bool:
    flag = proposal.get(name, False)
    if not isinstance(flag, bool):
        raise DecisionError(f"A proposal needs {name!r} as true or false; got {_short(flag)}.")
    return flag


def _runs(proposal: Mapping[str, Any]) -> tuple[str, ...]:
    runs = proposal.get("runs", ())
    if not isinstance(runs, list | tuple) or not all(isinstance(run, str) for run in runs):
        raise DecisionError(f"A proposal needs 'runs' as a list of run ids; got {_short(runs)}.")
    return tuple(runs)


def _refusal(proposal: object, error: TaxoScopeError) -> Refusal:
    fields = proposal if isinstance(proposal, Mapping) else {}
    client_id, seq = fields.get("client_id"), fields.get("seq")
    return Refusal(client_id if isinstance(client_id, str) else "", seq if type(seq) is int else None, error)


def _short(thing: object) -> str:
    return "nothing" if thing is None else f"{thing!r:.100}"
