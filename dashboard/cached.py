"""Every cache of the pages; each key names all that the answer depends on (ids and the revision)."""

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from dashboard.actions import compare as comparing
from dashboard.actions import ease
from dashboard.actions.desk import Desk, desk
from dashboard.actions.subset import images_where
from dashboard.actions.subset import restrictions as all_restrictions
from dashboard.links import Shown, Where
from model_zoo.core.choices import MappedBy, Space

__all__ = ["Desk", "comparison", "desk", "restrictions", "secondary", "side_by_side", "subjects"]


def subjects() -> Mapping[str, comparing.Subject]:
    """Every series and run, by id."""
    return comparing.all_subjects(desk().series())


def comparison(shown: Shown, mapped_by: MappedBy = MappedBy.ANSWER) -> comparing.Comparison:
    """The subjects of ``shown``, judged; computed again after each decision, manifest or run."""
    return _comparison(*_key(shown), str(mapped_by), shown)


def side_by_side(shown: Shown) -> ease.SideBySide:
    """The subjects of ``shown`` in both label spaces, whichever is shown."""
    return _side_by_side(*_key(replace(shown, space=Space.COMMON)), shown)


def secondary(shown: Shown) -> tuple[ease.Secondary, ...]:
    """Further figures of the subjects of ``shown``."""
    return _secondary(*_key(shown), shown)


def restrictions(shown: Shown) -> Mapping[Where, str]:
    """What the images of ``shown`` can be restricted to, with its name."""
    return _restrictions(*_key(replace(shown, where=None, space=Space.COMMON)), shown)


def _key(shown: Shown) -> tuple[tuple[str, ...], str, str, str, str, str]:
    where = shown.where.written if shown.where else ""
    return shown.subjects, str(shown.space), str(shown.split), str(shown.labels), where, desk().revision()


@st.cache_resource(max_entries=64, show_spinner=False)
def _comparison(
    subjects: tuple[str, ...],
    space: str,
    split: str,
    labels: str,
    where: str,
    revision: str,
    mapped_by: str,
    _shown: Shown,
) -> comparing.Comparison:
    now = desk()
    labelled = now.labels(_shown.labels)
    return comparing.compare(
        comparing.find_subjects(now.series(), _shown.subjects),
        _shown.space,
        _shown.split,
        _shown.labels,
        labelled,
        now.dataset().patients,
        where=_shown.where,
        only=images_where(_shown.where, now.dataset(), labelled) if _shown.where else None,
        mapped_by=MappedBy(mapped_by),
    )


@st.cache_resource(max_entries=32, show_spinner=False)
def _side_by_side(
    subjects: tuple[str, ...], space: str, split: str, labels: str, where: str, revision: str, _shown: Shown
) -> ease.SideBySide:
    native, common = (comparison(replace(_shown, space=one)) for one in (Space.NATIVE, Space.COMMON))
    sums = comparison(replace(_shown, space=Space.COMMON), MappedBy.SUM)
    return ease.side_by_side(native, common, sums, desk().dataset().patients)


@st.cache_resource(max_entries=32, show_spinner=False)
def _secondary(
    subjects: tuple[str, ...], space: str, split: str, labels: str, where: str, revision: str, _shown: Shown
) -> tuple[ease.Secondary, ...]:
    return ease.secondary(comparison(_shown), tuple(desk().workspace.taxonomies().values()))


@st.cache_resource(max_entries=32, show_spinner=False)
def _restrictions(
    subjects: tuple[str, ...], space: str, split: str, labels: str, where: str, revision: str, _shown: Shown
) -> Mapping[Where, str]:
    dataset = desk().dataset()
    return all_restrictions(dataset, dataset.split(_shown.split), comparison(_shown).ground)
