"""Batches: many decisions as one action, stored together and undone together."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from dashboard.actions.desk import Desk
from dashboard.actions.labelling import Labelling
from dashboard.reviews.decisions import Answer, Decision, DecisionError
from dashboard.reviews.standing import in_force
from dashboard.store.log import DecisionLog


@dataclass(frozen=True, slots=True)
class Given:
    """The label that one person gives one image, as text; ``note`` and ``reason`` as in `Decision`."""

    image_id: str
    label: str
    reviewer: str
    note: str = ""
    reason: str = ""


def new_batch() -> str:
    """A name for a batch that no other has."""
    return secrets.token_hex(12)


def decide_many(
    desk: Desk,
    given: Sequence[Given],
    batch: str,
    time: datetime,
    *,
    chosen_by: str,
    adjudicates: bool = False,
    runs: Sequence[str] = (),
    blind: bool = False,
    taxonomy: str = "",
) -> tuple[Decision, ...]:
    """Store all of ``given`` as one batch in one transaction, or none; return them as stored.

    A label that stands already is recorded as confirmed, any other as relabelled. ``batch`` is
    `new_batch`'s, made where the action starts: what is sent again under the same one is stored
    once. ``chosen_by`` says in words what the action was, such as "chosen in the gallery".
    ``time`` is aware and in UTC. With ``adjudicates`` the labels stand under every rule, and end
    disagreements about their images: what restores a state wants that, what adds people's answers
    does not. `TaxoScopeError` names what cannot be stored, or says that ``batch`` was another.
    """
    labelling = _labelling(desk)
    wanted = [replace(one, label=labelling.canonical(one.label)) for one in given]
    for one in wanted:
        labelling.check(one.image_id)
    with desk.store.writing() as log:
        if sent_before := log.of_batch(batch):
            if [(one.image_id, one.after, one.reviewer) for one in sent_before] != [
                (one.image_id, one.label, one.reviewer) for one in wanted
            ]:
                raise DecisionError(f"Batch {batch!r} is stored already with other labels; start the action anew.")
            return sent_before
        about = log.about_each([one.image_id for one in wanted])
        last_id, new = log.last_id(), []
        for seq, one in enumerate(wanted):
            before = labelling.standing(about[one.image_id], one.image_id)
            decision = Decision(
                image_id=one.image_id,
                reviewer=one.reviewer,
                time=time,
                answer=Answer.CONFIRM if one.label == before else Answer.RELABEL,
                before=before,
                after=one.label,
                client_id=batch,
                seq=seq,
                note=one.note,
                reason=one.reason,
                runs=tuple(runs),
                blind=blind,
                chosen_by=chosen_by,
                taxonomy=taxonomy,
                batch=batch,
                adjudicates=adjudicates,
            )
            new.append(decision)
            about[one.image_id].append(replace(decision, decision_id=last_id + len(new)))
        return log.append_all(new)


def undo_many(desk: Desk, batch: str, reviewer: str, time: datetime) -> tuple[Decision, ...]:
    """Undo all of a batch that is in force, whoever it names, in ``reviewer``'s name; the undos are a batch themselves.

    Handed the batch of these undos, it redoes. `DecisionError` where nothing of ``batch`` is in force.
    """
    with desk.store.writing() as log:
        undone = _still(log, log.of_batch(batch))
        if not undone:
            raise DecisionError(f"Nothing of batch {batch!r} is in force; reload the page to see what stands.")
        return _undo(log, undone, _labelling(desk), reviewer, time, new_batch())


def undo_rest(log: DecisionLog, undo: Decision, undone: Decision, labelling: Labelling) -> tuple[Decision, ...]:
    """Undo the other decisions of ``undone``'s batch that are in force, after ``undo`` was stored, under its batch."""
    rest = _still(log, [one for one in log.of_batch(undone.batch) if one != undone])
    return _undo(log, rest, labelling, undo.reviewer, undo.time, undo.batch)


def batch_of_undo(client_id: str, seq: int) -> str:
    """The batch of the undos that one browser's undo of a batch becomes: the same when it is sent again."""
    return "undo-" + hashlib.sha256(f"{seq} {client_id}".encode()).hexdigest()[:24]


def _undo(
    log: DecisionLog, undone: Sequence[Decision], labelling: Labelling, reviewer: str, time: datetime, batch: str
) -> tuple[Decision, ...]:
    about = log.about_each([one.image_id for one in undone])
    last_id, new = log.last_id(), []
    for seq, one in enumerate(undone):
        history = about[one.image_id]
        undo = Decision(
            image_id=one.image_id,
            reviewer=reviewer,
            time=time,
            answer=Answer.UNDO,
            before=labelling.standing(history, one.image_id),
            after=labelling.standing(history, one.image_id, without=[one]),
            client_id=batch,
            seq=seq,
            undoes=one.decision_id,
            batch=batch,
        )
        new.append(undo)
        history.append(replace(undo, decision_id=last_id + len(new)))
    return log.append_all(new)


def _still(log: DecisionLog, members: Sequence[Decision]) -> list[Decision]:
    about = log.about_each([one.image_id for one in members])
    still = {one.decision_id for history in about.values() for one in in_force(history)}
    return [one for one in members if one.decision_id in still]


def _labelling(desk: Desk) -> Labelling:
    return Labelling(desk.workspace.space, desk.dataset().labels, desk.review_rule)
