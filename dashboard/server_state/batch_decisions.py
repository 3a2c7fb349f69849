"""Batches: many decisions stored together and undone together."""

import hashlib
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from dashboard.decisions.consensus import in_force
from dashboard.decisions.current_label import Labelling
from dashboard.decisions.decision import Answer, Decision, DecisionError
from dashboard.decisions.write_log import DecisionLog, as_stored
from dashboard.server_state.open_workspace import Desk

Histories = Mapping[str, Sequence[Decision]]
"""Image id -> the decisions about it, oldest first."""


@dataclass(frozen=True, slots=True)
class GivenLabel:
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
    given: Sequence[GivenLabel],
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
    wanted = {seq: replace(one, label=labelling.canonical(one.label)) for seq, one in enumerate(given)}
    for one in wanted.values():
        labelling.check(one.image_id)

    def decided(seqs: Collection[int], about: Histories) -> Iterator[Decision]:
        kept = {image_id: list(in_force(history)) for image_id, history in about.items()}
        for seq in seqs:
            one = wanted[seq]
            before = labelling.settled(kept[one.image_id], one.image_id, about[one.image_id])
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
            kept[one.image_id].append(decision)
            yield decision

    image_of = {seq: one.image_id for seq, one in wanted.items()}
    stored, sent_before = _store(desk, desk.store.all(), batch, image_of, decided)
    if sent_before and [(one.image_id, one.after, one.reviewer) for one in stored] != [
        (one.image_id, one.label, one.reviewer) for one in wanted.values()
    ]:
        raise DecisionError(f"Batch {batch!r} is stored already with other labels; start the action anew.")
    return stored


def undo_many(desk: Desk, batch: str, reviewer: str, time: datetime) -> tuple[Decision, ...]:
    """Undo all of a batch that is in force, whoever it names, in ``reviewer``'s name; the undos are a batch themselves.

    Handed the batch of these undos, it redoes. `DecisionError` where nothing of ``batch`` is in force.
    """
    history, labelling, undos = desk.store.all(), _labelling(desk), new_batch()
    members = dict(enumerate(one for one in history if one.batch == batch and batch))

    def undone(seqs: Collection[int], about: Histories) -> Iterator[Decision]:
        return _undone({seq: members[seq] for seq in seqs}, about, labelling, reviewer, time, undos)

    image_of = {seq: one.image_id for seq, one in members.items()}
    stored, _ = _store(desk, history, undos, image_of, undone)
    if not stored:
        raise DecisionError(f"Nothing of batch {batch!r} is in force; reload the page to see what stands.")
    return stored


def undo_rest(log: DecisionLog, undo: Decision, undone: Decision, labelling: Labelling) -> tuple[Decision, ...]:
    """Undo the other decisions of ``undone``'s batch that are in force, after ``undo`` was stored, under its batch."""
    rest = dict(enumerate(one for one in log.of_batch(undone.batch) if one != undone))
    about = log.about_each([one.image_id for one in rest.values()])
    new = list(_undone(rest, about, labelling, undo.reviewer, undo.time, undo.batch))
    return _with_ids(new, log.append_all(as_stored(new)))


def batch_of_undo(client_id: str, seq: int) -> str:
    """The batch of the undos that one browser's undo of a batch becomes: the same when it is sent again."""
    return "undo-" + hashlib.sha256(f"{seq} {client_id}".encode()).hexdigest()[:24]


def _store(
    desk: Desk,
    history: Sequence[Decision],
    batch: str,
    image_of: Mapping[int, str],
    made: Callable[[Collection[int], Histories], Iterable[Decision]],
) -> tuple[tuple[Decision, ...], bool]:
    """The decisions that ``made`` makes, stored in one transaction; or those stored under this batch before, and True.

    ``history`` is what is stored so far. All that takes long happens before the transaction begins: while it lasts
    nobody else can store, so only the images decided about in the meantime are gone through again within it.
    """
    if sent_before := tuple(one for one in history if one.batch == batch):
        return sent_before, True
    about: dict[str, list[Decision]] = {image_id: [] for image_id in image_of.values()}
    _add(about, history)
    new = {one.seq: one for one in made(image_of, about)}
    rows = dict(zip(new, as_stored(list(new.values())), strict=True))
    with desk.store.writing() as log:
        newer = log.since(history[-1].decision_id or 0 if history else 0)
        if sent_before := tuple(one for one in newer if one.batch == batch):
            return sent_before, True
        if moved := _add(about, newer):
            again = [seq for seq, image_id in image_of.items() if image_id in moved]
            new = {seq: one for seq, one in new.items() if one.image_id not in moved}
            remade = list(made(again, {image_id: about[image_id] for image_id in moved}))
            new |= {one.seq: one for one in remade}
            rows |= {one.seq: row for one, row in zip(remade, as_stored(remade), strict=True)}
        ids = log.append_all([rows[seq] for seq in sorted(new)])
    return _with_ids([new[seq] for seq in sorted(new)], ids), False


def _undone(
    members: Mapping[int, Decision],
    about: Histories,
    labelling: Labelling,
    reviewer: str,
    time: datetime,
    batch: str,
) -> Iterator[Decision]:
    """An undo of each of ``members`` that is in force, numbered as they are."""
    left = {image_id: list(history) for image_id, history in about.items()}
    kept = {image_id: in_force(history) for image_id, history in left.items()}
    first_kept = {one.decision_id for some in kept.values() for one in some}
    for seq, one in members.items():
        if one.decision_id not in first_kept:
            continue
        image_id = one.image_id
        before = labelling.settled(kept[image_id], image_id, about[image_id])
        # What is undone counts as if it had never been made: for an undo that brings back what it had removed.
        left[image_id].remove(one)
        kept[image_id] = in_force(left[image_id])
        yield Decision(
            image_id=image_id,
            reviewer=reviewer,
            time=time,
            answer=Answer.UNDO,
            before=before,
            after=labelling.settled(kept[image_id], image_id, about[image_id]),
            client_id=batch,
            seq=seq,
            undoes=one.decision_id,
            batch=batch,
        )


def _add(about: dict[str, list[Decision]], more: Iterable[Decision]) -> set[str]:
    """Add what was decided later to the histories of ``about``; the images that it concerns."""
    concerned = [one for one in more if one.image_id in about]
    for one in concerned:
        about[one.image_id].append(one)
    return {one.image_id for one in concerned}


def _with_ids(new: Sequence[Decision], ids: range) -> tuple[Decision, ...]:
    return tuple(replace(one, decision_id=given) for one, given in zip(new, ids, strict=True))


def _labelling(desk: Desk) -> Labelling:
    return Labelling(desk.workspace.space, desk.dataset().labels, desk.review_rule)
