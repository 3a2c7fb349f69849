"""Every cache of the pages; each key names all that the answer depends on (ids and the revision)."""

from collections.abc import Mapping

import streamlit as st

from dashboard.actions import advising, ordering
from dashboard.actions import compare as comparing
from dashboard.actions import diagnose as diagnosing
from dashboard.actions import taxonomies as editing
from dashboard.actions.desk import Desk, desk
from dashboard.actions.verdicts import Judgement, judgements
from dashboard.links import Shown
from model_zoo.core.choices import Order, Per, Split
from model_zoo.core.difference import Difference
from model_zoo.core.difference import difference as subtract
from model_zoo.core.layout import Layout
from model_zoo.core.taxonomy import Taxonomy

__all__ = [
    "Desk",
    "advice",
    "comparison",
    "desk",
    "diagnosis",
    "difference",
    "previews",
    "queue",
    "subjects",
    "verdicts",
]


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


def difference(shown: Shown, layout: Layout, per: Per) -> Difference:
    """The second subject's matrix minus the first's, in the lines of ``layout``."""
    key = (shown.subjects, str(shown.space), str(shown.split), str(shown.labels), desk().revision())
    return _difference(key, tuple(layout.lines.items()), str(per), shown, layout)


@st.cache_resource(max_entries=64, show_spinner=False)
def _difference(
    key: tuple[object, ...], lines: tuple[object, ...], per: str, _shown: Shown, _layout: Layout
) -> Difference:
    first, second = (one.project(_layout.projection) for one in comparison(_shown).evaluations)
    return subtract(first, second, Per(per))


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


def previews(taxonomy: Taxonomy, shown: Shown) -> tuple[editing.Preview, ...]:
    """Every series judged in the classes of ``taxonomy``; computed again after each decision, manifest or run."""
    of = f"{taxonomy.pinned} {taxonomy.hash}"
    return _previews(of, str(shown.split), str(shown.labels), desk().revision(), taxonomy, shown)


@st.cache_resource(max_entries=64, show_spinner=False)
def _previews(
    of: str, split: str, labels: str, revision: str, _taxonomy: Taxonomy, _shown: Shown
) -> tuple[editing.Preview, ...]:
    return editing.previews(desk(), _taxonomy, _shown.split, _shown.labels)


def advice(taxonomy: Taxonomy) -> advising.Advice | None:
    """What to merge in ``taxonomy``, from answers over validation; computed again after each manifest or run."""
    return _advice(f"{taxonomy.pinned} {taxonomy.hash}", desk().revision(), taxonomy)


@st.cache_resource(max_entries=32, show_spinner=False)
def _advice(of: str, revision: str, _taxonomy: Taxonomy) -> advising.Advice | None:
    return advising.advise(desk(), _taxonomy, previews(_taxonomy, Shown(split=Split.VALIDATION)))


def diagnosis(subject_id: str, coarser: Taxonomy, shown: Shown) -> diagnosing.Diagnosis:
    """One subject, diagnosed in its own classes and in ``coarser``, over the split and labels of ``shown``."""
    name = f"{coarser.name} {coarser.hash}"
    return _diagnosis(subject_id, name, str(shown.split), str(shown.labels), desk().revision(), coarser, shown)


@st.cache_resource(max_entries=64, show_spinner="Four causes, each against thousands of chance draws …")
def _diagnosis(
    subject_id: str, coarser: str, split: str, labels: str, revision: str, _coarser: Taxonomy, _shown: Shown
) -> diagnosing.Diagnosis:
    now = desk()
    (subject,) = comparing.find_subjects(now.series(), (subject_id,))
    stored = tuple(now.predictions(run.run_id, _shown.split) for run in subject.runs)
    return diagnosing.diagnose(
        subject,
        _coarser,
        _shown.split,
        _shown.labels,
        now.labels(_shown.labels),
        now.dataset(),
        stored,
        now.store.all(),
    )
