"""A review queue in an address: which images wait on Review, and in which order. No Streamlit here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from dashboard.address.fields import Addressed, Query, one_of, parameter, read_record, several, text, text_or, whole
from dashboard.address.links import JUDGED, Cell, Filter, Shown, filter_of, one_line, read_cell, read_shown
from model_zoo.core.label_space.splits import Split


class Opinion(StrEnum):
    """Whose images a reviewer is shown: those without an answer, or those that others have labelled."""

    FIRST = "first"
    SECOND = "second"


class Order(StrEnum):
    """Which images wait for a reviewer, and which of them first."""

    WRONG = "wrong"
    LABEL_ERROR = "label-error"
    MARGIN = "low-margin"
    LOSS = "high-loss"
    DISAGREE = "disagree"
    CONFLICT = "conflict"
    CELL = "cell"
    CLASS = "class"
    UNSEEN = "unseen"
    RANDOM = "random"

    @property
    def uses_runs(self) -> bool:
        """Whether the order depends on what runs say."""
        return self not in (Order.RANDOM, Order.UNSEEN, Order.CONFLICT)

    @property
    def uses_cell(self) -> bool:
        """Whether it takes the images of one cell, or of one class, of a subject's confusion matrix."""
        return self in (Order.CELL, Order.CLASS)


class Status(StrEnum):
    """Which images of a queue are shown, by what was decided about them."""

    WAITING = "waiting"
    ANSWERED = "answered"
    FLAGGED = "flagged"
    CANNOT_TELL = "cannot-tell"


SPLITS = (*JUDGED, Split.TRAIN)
"""The splits whose images can be reviewed."""


def _wheres(query: Query, name: str, default: tuple[Filter, ...]) -> tuple[Filter, ...]:
    return tuple(filter_of(one) for one in several(query, name))


@dataclass(frozen=True, slots=True)
class QueueView(Addressed):
    """Which images of a split wait on Review, and in which order.

    Every column that ``where`` names restricts them, to any of the values given for it. ``status`` and ``by`` ask
    instead for what has been decided already, by anybody or by the reviewer named.
    """

    order: Order = parameter("order", Order.WRONG, one_of(Order), always=True)
    seed: int = parameter("seed", 1, whole)
    opinion: Opinion = parameter("opinion", Opinion.FIRST, one_of(Opinion))
    where: tuple[Filter, ...] = parameter("where", (), _wheres, lambda where: [one.written for one in where])
    status: Status = parameter("status", Status.WAITING, one_of(Status))
    by: str = parameter("by", "", text_or)

    @property
    def adjudicates(self) -> bool:
        """Whether an answer is wanted that ends a disagreement."""
        return self.order is Order.CONFLICT

    @property
    def splits(self) -> tuple[Split, ...]:
        """The splits whose images can be reviewed in this order."""
        return (*SPLITS, Split.NONE) if self.adjudicates else SPLITS

    @property
    def second(self) -> bool:
        """Whether a second opinion is asked for."""
        waits = self.status is Status.WAITING and self.order not in (Order.UNSEEN, Order.CONFLICT)
        return waits and self.opinion is Opinion.SECOND

    @property
    def shrinks(self) -> bool:
        """Whether an answered image leaves the queue itself, and not only what waits of it."""
        return self.adjudicates or self.status is not Status.WAITING

    @property
    def status_words(self) -> str:
        """What was decided, in words: "cannot tell, by Ann"; '' for images that wait."""
        if self.status is Status.WAITING:
            return ""
        return str(self.status).replace("-", " ") + (f", by {one_line(self.by)}" if self.by else "")


def is_listed(query: Query) -> bool:
    """Whether an address asks for a list of images as it stands on Images, under that page's own filters."""
    return text(query, "queue") == "listed"


def read_queue_view(query: Query) -> QueueView:
    """Which queue an address asks for; a list from Images has its own order and restrictions."""
    if is_listed(query):
        return read_record(QueueView, {name: query[name] for name in ("opinion", "status", "by") if name in query})
    view = read_record(QueueView, query)
    if view.order is Order.CONFLICT:  # every image there is answered, and each of them waits
        return replace(QueueView(view.order), seed=view.seed, where=view.where)
    return view


def read_reviewed(query: Query, default: Shown) -> Shown:
    """What an address shows on Review: `read_shown` with a cell's subject among the others.

    Restrictions, of which a queue may have several, are the `QueueView`'s, but for a list from Images.
    """
    if is_listed(query):
        return read_shown(query, default)
    restricted = {name: values for name, values in query.items() if name != "where"}
    view = read_queue_view(query)
    shown, cell = read_shown(restricted, default, view.splits), read_cell(query)
    return shown.beside(cell.subject) if cell and view.order.uses_cell else shown


def to_review(shown: Shown, cell: Cell) -> dict[str, list[str]]:
    """The address of a cell's images as a queue."""
    where = (shown.where,) if shown.where else ()
    return shown.query() | QueueView(Order.CELL, where=where).query() | cell.query()


def filters_text(where: Sequence[Filter]) -> str:
    """Several restrictions, those of one column joined by "or"."""
    by_column: dict[str, list[str]] = {}
    for one in where:
        by_column.setdefault(one.column, []).append(one.words)
    return ", ".join(" or ".join(words) for words in by_column.values())
