"""Every cache of the pages; each key names all that the answer depends on (ids and the revision)."""

from collections.abc import Mapping

import streamlit as st

from dashboard.actions import compare as comparing
from dashboard.actions.desk import Desk, desk
from dashboard.actions.verdicts import Judgement, judgements
from dashboard.links import Shown

__all__ = ["Desk", "comparison", "desk", "subjects", "verdicts"]


def subjects() -> Mapping[str, comparing.Subject]:
    """Every series and run, by id."""
    return comparing.all_subjects(desk().series())


def comparison(shown: Shown) -> comparing.Comparison:
    """The subjects of ``shown``, judged; computed again after each decision, manifest or run."""
    return _comparison(shown.subjects, str(shown.space), str(shown.split), str(shown.labels), desk().revision(), shown)


def verdicts(shown: Shown) -> tuple[Judgement, ...]:
    """Every subject of ``shown`` against the first; empty where a comparison gets no verdict."""
    return _verdicts(shown.subjects, str(shown.space), str(shown.split), str(shown.labels), desk().revision(), shown)


@st.cache_resource(max_entries=64, show_spinner=False)
def _verdicts(
    subjects: tuple[str, ...], space: str, split: str, labels: str, revision: str, _shown: Shown
) -> tuple[Judgement, ...]:
    return judgements(comparison(_shown), desk().workspace.rule)


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
