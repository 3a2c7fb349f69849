"""The history of decisions, grouped by image."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock
from typing import Any

from dashboard.decisions.decision import Decision, DecisionError

Fold = Callable[..., Any]
"""Called with the decisions about one image, oldest first, and more arguments; None where they add up to nothing."""


class History(tuple[Decision, ...]):
    """Every decision of a store, oldest first, and what `per_image` made of them.

    A history that was `extended` hands on what it knows: only images decided about since are folded anew. May be
    asked by several threads.
    """

    _known: "_Known"

    def __new__(cls, decisions: Iterable[Decision] = ()) -> "History":
        """`DecisionError` if one is not stored yet."""
        made = super().__new__(cls, in_order(decisions))
        made._known = _Known(made)
        return made

    def extended(self, since: Sequence[Decision]) -> "History":
        """This history and the decisions stored ``since``, in order; itself without any."""
        if not since:
            return self
        made = tuple.__new__(type(self), (*self, *since))
        made._known = self._known
        made._known.learn(since)
        return made

    def fold(self, fold: Fold, *arguments: object) -> Mapping[str, Any]:
        """Image id -> ``fold(about, *arguments)``."""
        found = self._known.fold(len(self), fold, arguments)
        return _folded(by_image(self), fold, arguments) if found is None else found


def per_image(decisions: Iterable[Decision], fold: Fold, *arguments: object) -> Mapping[str, Any]:
    """Image id -> ``fold(about, *arguments)`` of the decisions about it; images for which it is None are absent.

    ``about`` holds the decisions about one image, undone ones included, in the order in which they were stored.
    """
    if isinstance(decisions, History):
        return decisions.fold(fold, *arguments)
    return _folded(by_image(in_order(decisions)), fold, arguments)


def by_image(decisions: Iterable[Decision]) -> dict[str, list[Decision]]:
    """Image id -> the decisions about it, in the order in which they are handed over."""
    found: dict[str, list[Decision]] = {}
    for decision in decisions:
        found.setdefault(decision.image_id, []).append(decision)
    return found


def in_order(decisions: Iterable[Decision]) -> Sequence[Decision]:
    """The decisions as they were stored; `DecisionError` if one has no id yet."""
    return decisions if isinstance(decisions, History) else sorted(decisions, key=_id_of)


def _id_of(decision: Decision) -> int:
    if decision.decision_id is None:
        raise DecisionError(f"The decision about image {decision.image_id!r} is not stored yet; store it first.")
    return decision.decision_id


def _folded(about: Mapping[str, Sequence[Decision]], fold: Fold, arguments: tuple[object, ...]) -> dict[str, Any]:
    return {image_id: made for image_id, one in about.items() if (made := fold(one, *arguments)) is not None}


MOST_FOLDS = 256
"""More than the reviewers at work at once ask for; the one asked for longest ago is forgotten first."""


class _Known:
    """What the histories of one store share: the decisions about each image, and the latest folds of them."""

    def __init__(self, decisions: Sequence[Decision]) -> None:
        self._lock = Lock()
        self._about = by_image(decisions)
        self._images = [decision.image_id for decision in decisions]
        self._folds: dict[tuple[Fold, tuple[object, ...]], tuple[int, dict[str, Any]]] = {}

    def learn(self, since: Sequence[Decision]) -> None:
        with self._lock:
            for decision in since:
                self._about.setdefault(decision.image_id, []).append(decision)
                self._images.append(decision.image_id)

    def fold(self, n_decisions: int, fold: Fold, arguments: tuple[object, ...]) -> Mapping[str, Any] | None:
        """The fold of all that is known; None if that is no longer the first ``n_decisions``."""
        with self._lock:
            if n_decisions != len(self._images):
                return None
            n_folded, folded = self._folds.pop((fold, arguments), (0, {}))
            if n_folded < n_decisions:
                anew = {image_id: self._about[image_id] for image_id in self._images[n_folded:]}
                made = _folded(anew, fold, arguments)
                folded = {image_id: one for image_id, one in folded.items() if image_id not in anew} | made
            self._folds[fold, arguments] = n_decisions, folded
            while len(self._folds) > MOST_FOLDS:
                del self._folds[next(iter(self._folds))]
            return folded
