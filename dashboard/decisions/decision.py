"""Decisions: what one person answered about one image; appended, never edited."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from model_zoo.core.errors import TaxoScopeError

NOTE_MAX = 2_000
"""Most characters of a note."""
REVIEWER_MAX = 100
"""Most characters of a reviewer's name."""
TEXT_MAX = 1_000
"""Most characters of an id, of how an image was chosen, and of a taxonomy's name."""
LABEL_MAX = 10_000
"""Most characters of a label's text."""
SEQ_MAX = 2**53 - 1
"""Largest number that a browser counts to exactly."""

# NUL and its kin break terminals and CSV readers; a lone surrogate cannot be encoded as UTF-8.
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class DecisionError(TaxoScopeError):
    """A decision that cannot be recorded as it stands."""


class Answer(StrEnum):
    """What a reviewer can say about an image; the value is what is stored."""

    RELABEL = "relabel"
    CONFIRM = "confirm"
    CANNOT_TELL = "cannot_tell"
    SKIP = "skip"
    UNDO = "undo"
    FLAG = "flag"
    UNFLAG = "unflag"

    @property
    def words(self) -> str:
        """The answer as a reviewer reads it."""
        return {
            Answer.CONFIRM: "the label is right",
            Answer.CANNOT_TELL: "cannot tell",
            Answer.FLAG: "flagged for a talk",
            Answer.UNFLAG: "flag taken away",
        }.get(self, self.value)

    @property
    def gives_label(self) -> bool:
        """Whether the answer says which label is right."""
        return self is Answer.RELABEL or self is Answer.CONFIRM

    @property
    def is_flag(self) -> bool:
        """Whether it only marks the image for a talk, or takes the mark away: no queue takes it for an answer."""
        return self is Answer.FLAG or self is Answer.UNFLAG

    @property
    def is_answer(self) -> bool:
        """Whether it says something of the image, if only that it was skipped: no undo, and no flag."""
        return self is not Answer.UNDO and not self.is_flag


class Reason(StrEnum):
    """Why a label was changed, in the words that are stored; an entry that was ever offered stays readable."""

    WRONG = "the label is simply wrong"
    SEVERAL = "the image shows several things"
    HARD = "hard to tell apart"
    BAD_IMAGE = "bad image"
    RULE_CHANGED = "the rule changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One person's answer about one image, with what was on the screen when it was given.

    Labels are canonical text (`LeafSpace.format`). ``before`` is the label that stood when the
    decision was recorded, ``after`` the one that the answer gives: on `RELABEL` the corrected
    label, on `CONFIRM` the label found right (the one that stood, unless somebody changed it
    while the reviewer was looking), on `UNDO` the label that stands again; the other answers
    leave it. ``reason`` is a value of `Reason` or ''. Decisions of one action share a ``batch``
    ('' for a single one) and are undone together; ``adjudicates`` marks an answer given to end a
    disagreement of others. ``(client_id, seq)`` is unique: a browser session counts its decisions, so
    that one sent twice is stored once. ``time`` is aware and in UTC; it does not order the
    history, ``decision_id`` (from 1, ``None`` before it is stored) does.
    `DecisionError` says which field cannot be.
    """

    image_id: str
    reviewer: str
    time: datetime
    answer: Answer
    before: str
    after: str
    client_id: str
    seq: int
    note: str = ""
    undoes: int | None = None
    runs: tuple[str, ...] = ()
    maps_shown: bool = False
    blind: bool = False
    chosen_by: str = ""
    taxonomy: str = ""
    batch: str = ""
    adjudicates: bool = False
    reason: str = ""
    decision_id: int | None = None

    def __post_init__(self) -> None:
        _check_line("image", self.image_id)
        _check_line("reviewer's name", self.reviewer, REVIEWER_MAX)
        _check_line("browser session", self.client_id)
        for run in self.runs:
            _check_line("run", run)
        _check_line("way the image was chosen", self.chosen_by, empty=True)
        _check_line("taxonomy", self.taxonomy, empty=True)
        _check_line("batch", self.batch, empty=True)
        _check_line("reason", self.reason, empty=True)
        _check_text("label before", self.before, LABEL_MAX)
        _check_text("label after", self.after, LABEL_MAX)
        _check_text("note", self.note, NOTE_MAX, empty=True)
        self._check_numbers()
        self._check_answer()

    def repeats(self, other: "Decision") -> bool:
        """Whether this is ``other`` sent again: equal in all that the reviewer said and saw.

        ``time`` and ``before`` are the server's, and so is ``after`` where the answer gives no
        label, and the batch of an undo; they do not count.
        """
        return self._said() == other._said()

    def _said(self) -> tuple[object, ...]:
        after = self.after if self.answer.gives_label else ""
        batch = "" if self.answer is Answer.UNDO else self.batch
        shown = (self.runs, self.maps_shown, self.blind, self.chosen_by, self.taxonomy)
        sent = (self.client_id, self.seq, self.reviewer, self.image_id, self.answer, self.note, self.undoes)
        return (*sent, after, *shown, batch, self.adjudicates, self.reason)

    def _check_numbers(self) -> None:
        if self.time.utcoffset() != timedelta(0):
            raise DecisionError(f"A decision's time must be aware and in UTC; got {self.time.isoformat()}.")
        if type(self.seq) is not int or not 0 <= self.seq <= SEQ_MAX:
            raise DecisionError(f"A decision's number must be a whole number from 0; got {self.seq!r}.")
        for name, number in (("id", self.decision_id), ("undone decision", self.undoes)):
            if number is not None and (type(number) is not int or not 1 <= number <= SEQ_MAX):
                raise DecisionError(f"A decision's {name} must be a whole number from 1; got {number!r}.")
        if self.decision_id is not None and self.undoes is not None and self.undoes >= self.decision_id:
            raise DecisionError(f"Decision {self.decision_id} cannot undo decision {self.undoes}, which came later.")

    def _check_answer(self) -> None:
        if not isinstance(self.answer, Answer):
            raise DecisionError(f"No answer {self.answer!r}; it can be {', '.join(Answer)}.")
        if (self.answer is Answer.UNDO) != (self.undoes is not None):
            raise DecisionError("An undo names the decision that it undoes, and no other answer does.")
        if self.reason and self.reason not in list(Reason):
            raise DecisionError(f"No reason {self.reason[:100]!r}; it can be {'; '.join(Reason)}; or empty.")
        if not self.answer.gives_label and self.answer is not Answer.UNDO and self.after != self.before:
            raise DecisionError(
                f"The answer {self.answer.words!r} leaves the label {self.before!r}; got {self.after!r}."
            )


def _check_line(name: str, line: str, most: int = TEXT_MAX, *, empty: bool = False) -> None:
    _check_text(name, line, most, empty=empty)
    if not line.isprintable() or line != line.strip():
        raise DecisionError(f"The {name} must be one line without space around it; got {line!r}.")


def _check_text(name: str, text: str, most: int, *, empty: bool = False) -> None:
    if not isinstance(text, str):
        raise DecisionError(f"The {name} of a decision must be text; got {text!r}.")
    if not empty and not text.strip():
        raise DecisionError(f"A decision needs the {name}; got nothing.")
    if len(text) > most:
        raise DecisionError(f"The {name} has {len(text):,} characters; shorten it to {most:,}.")
    if found := _UNSTORABLE.search(text):
        raise DecisionError(f"The {name} holds the character {found[0]!r}, which cannot be stored; remove it.")
