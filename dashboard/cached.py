"""Every cache of the pages; each key names all that the answer depends on (ids and the revision)."""

from collections.abc import Mapping

import streamlit as st

from dashboard.actions import compare as comparing
from dashboard.actions import ordering
from dashboard.actions.desk import Desk, desk
from dashboard.links import Shown
from model_zoo.core.choices import Order

__all__ = ["Desk", "comparison", "desk", "queue", "subjects"]


def subjects() -> Mapping[str, comparing.Subject]:
    """Every series and run, by id."""
    return comparing.all_subjects(desk().series())


def comparison(shown: Shown) -> comparing.Comparison:
    """The subjects of ``shown``, judged; computed again after each decision, manifest or run."""
    return _comparison(shown.subjects, str(shown.space), str(shown.split), str(shown.labels), desk().revision(), shown)


def queue(shown: Shown, order: Order, seed: int) -> ordering.Queue:
    """The review queue of ``shown`` in ``order``; computed again after each decision, manifest or run."""
    return _queue(*_parts(shown), str(order), seed, desk().revision(), shown)


def _parts(shown: Shown) -> tuple[tuple[str, ...], str, str, str]:
    return shown.subjects, str(shown.space), str(shown.split), str(shown.labels)


@st.cache_resource(max_entries=64, show_spinner=False)
def _queue(
    subjects: tuple[str, ...],
    space: str,
    split: str,
    labels: str,
    order: str,
    seed: int,
    revision: str,
    _shown: Shown,
) -> ordering.Queue:
    now = desk()
    chosen = comparing.find_subjects(now.series(), _shown.subjects)
    return ordering.ordered(now, chosen, Order(order), _shown.space, _shown.split, _shown.labels, seed)


@st.cache_resource(max_entries=64, show_spinner=False)
def _comparison(
    subjects: tuple[str, ...], space: str, split: str, labels: str, revision: str, _shown: Shown
) -> comparing.Comparison:
    now = desk()
    return comparing.compare(
        comparing.find_subjects(now.series(), _shown.subjects),
        _shown.space,
        _shown.split,
        _shown.labels,
        now.labels(_shown.labels),
        now.dataset().patients,
    )
