"""Every cache of the pages; each key names all that the answer depends on (ids and the revision)."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import streamlit as st

from dashboard.address.data_view import DataView
from dashboard.address.links import Cell, Shown, Where
from dashboard.address.queue import QueueView
from dashboard.compare import task_difficulty
from dashboard.compare.many_models import ManyCompared, compare_subjects
from dashboard.diagnose import diagnosis as diagnosing
from dashboard.diagnose.subjects import diagnose_all, diagnosed
from dashboard.evaluation import annotator_agreement as agreeing
from dashboard.evaluation import comparison as comparing
from dashboard.evaluation import drafting as editing
from dashboard.evaluation import label_change_effect as reviewed
from dashboard.evaluation import queue_order
from dashboard.evaluation.confusion_cells import class_cells, wrong_cells
from dashboard.evaluation.file_checks import LookedAt, looked_at
from dashboard.evaluation.filters import images_where, images_where_all
from dashboard.evaluation.filters import patients as all_patients
from dashboard.evaluation.filters import restrictions as all_restrictions
from dashboard.evaluation.image_counts import Group, count_by, count_classes
from dashboard.evaluation.verdict import Judgement, judgements
from dashboard.images.embedding import ImageMap, image_map
from dashboard.labels import label_import as importing
from dashboard.labels import label_sets as labelling
from dashboard.labels.label_files import read_label_file
from dashboard.server_state.open_workspace import Desk, desk, reopened
from dashboard.taxonomies import merge_suggestions, separability, subclusters
from model_zoo.core.choices import CountedBy, Labels, MappedBy, Order, Per, Space, Split
from model_zoo.core.comparison.difference_matrix import Difference
from model_zoo.core.comparison.difference_matrix import difference as subtract
from model_zoo.core.evaluation.matrix_layout import Layout
from model_zoo.core.label_space.taxonomy import Taxonomy, common_ground

__all__ = [
    "Desk",
    "advice",
    "agreement",
    "cells",
    "comparison",
    "counts",
    "desk",
    "diagnoses",
    "diagnosis",
    "difference",
    "distinguished",
    "divided",
    "import_plan",
    "labels_compared",
    "looked",
    "many_models",
    "mapped",
    "patients",
    "previews",
    "queue",
    "reopened",
    "restrictions",
    "reviewing",
    "secondary",
    "side_by_side",
    "subjects",
    "verdicts",
]

_Key = tuple[tuple[str, ...], str, str, str, str, str]
"""What every figure depends on: subjects, label space, split, labels, restriction and revision."""


def subjects() -> Mapping[str, comparing.Subject]:
    """Every series and run, by id."""
    return comparing.all_subjects(desk().series())


def comparison(shown: Shown, mapped_by: MappedBy = MappedBy.ANSWER) -> comparing.Comparison:
    """The subjects of ``shown``, judged; computed again after each decision, manifest or run."""
    return _comparison(_key(shown), str(mapped_by), shown)


def verdicts(shown: Shown) -> tuple[Judgement, ...]:
    """Every subject of ``shown`` against the first; empty where a comparison gets no verdict."""
    return _verdicts(_key(shown), shown)


def many_models(shown: Shown) -> ManyCompared | None:
    """The subjects of ``shown`` against the first, all at once; None for fewer than three, or without a verdict."""
    return _many_models(_key(shown), shown)


def side_by_side(shown: Shown) -> task_difficulty.SideBySide:
    """The subjects of ``shown`` in both label spaces, whichever is shown."""
    return _side_by_side(_key(replace(shown, space=Space.COMMON)), shown)


def secondary(shown: Shown) -> tuple[task_difficulty.Secondary, ...]:
    """Further figures of the subjects of ``shown``."""
    return _secondary(_key(shown), shown)


def reviewing(shown: Shown) -> reviewed.Reviewing | None:
    """What reviewing changed for the subjects of ``shown``, whichever labels are shown; None if nothing."""
    return _reviewing(_key(replace(shown, labels=Labels.ORIGINAL)), shown)


def difference(shown: Shown, layout: Layout, per: Per) -> Difference:
    """The second subject's matrix minus the first's, in the lines of ``layout``."""
    return _difference(_key(shown), tuple(layout.lines.items()), str(per), shown, layout)


def restrictions(shown: Shown) -> Mapping[Where, str]:
    """What the images of ``shown`` can be restricted to, with its name; computed again after each manifest or run."""
    return _restrictions(shown.subjects, str(shown.split), desk().files_revision(), shown)


def queue(shown: Shown, view: QueueView, cell: Cell | None) -> queue_order.Queue:
    """The images of a review queue, done ones included; computed again when what it rests on has changed."""
    written = tuple(one.written for one in view.where)
    return _queue(_queue_key(shown), str(view.order), view.seed, written, cell, shown, view)


def cells(shown: Shown, view: QueueView, cell: Cell | None) -> Mapping[Cell, int]:
    """The cells beside the diagonal, or the classes, that a queue can be of, with the number of their images."""
    if not view.order.uses_cell:
        return {}
    written = tuple(one.written for one in view.where)
    return _cells(_queue_key(shown), cell.subject if cell else "", str(view.order), written, shown, view)


def patients(split: Split) -> Mapping[Where, str]:
    """The patients that the images of a split can be restricted to, by name."""
    return _patients(str(split), desk().files_revision())


def previews(taxonomy: Taxonomy, shown: Shown) -> tuple[editing.Preview, ...]:
    """Every series judged in the classes of ``taxonomy``; computed again after each decision, manifest or run."""
    images = replace(shown, subjects=(), space=Space.COMMON)
    return _previews(_key(images), f"{taxonomy.pinned} {taxonomy.hash}", taxonomy, images)


def advice(taxonomy: Taxonomy) -> merge_suggestions.Advice | None:
    """What to merge in ``taxonomy``, from answers over validation; computed again after each manifest or run."""
    return _advice(f"{taxonomy.pinned} {taxonomy.hash}", desk().revision(), taxonomy)


def distinguished(taxonomy: Taxonomy) -> separability.Distinguished | None:
    """What to keep apart in ``taxonomy``, over validation; computed again after each decision, manifest or run."""
    return _distinguished(f"{taxonomy.pinned} {taxonomy.hash}", desk().revision(), taxonomy)


def divided(embedded: subclusters.Embedded) -> subclusters.Divided:
    """What to split, as an embedded run sees it; computed again after each manifest, run or embedding."""
    return _divided(embedded.run.run_id, embedded.stamp, desk().files_revision(), embedded)


def mapped(run_id: str, split: Split, stamp: str) -> ImageMap:
    """Where a run's embeddings place the images of a split; computed again when ``stamp`` or the manifest changes."""
    return _mapped(run_id, str(split), stamp, desk().files_revision())


def diagnosis(subject_id: str, coarser: Taxonomy, shown: Shown) -> diagnosing.Diagnosis:
    """One subject, diagnosed in its own classes and in ``coarser``, over the images and labels of ``shown``."""
    alone = replace(shown, subjects=(subject_id,), space=Space.NATIVE)
    return _diagnosis(_key(alone), f"{coarser.name} {coarser.hash}", coarser, alone)


def agreement(taxonomy: Taxonomy) -> tuple[agreeing.Agreements | None, agreeing.Opinions]:
    """How far people agree in the classes of ``taxonomy``; computed again after each decision."""
    return _agreement(f"{taxonomy.pinned} {taxonomy.hash}", desk().revision(), taxonomy)


def labels_compared(before: str, after: str, taxonomy: Taxonomy | None) -> labelling.Compared:
    """What changed between two labellings; computed again after each decision, manifest or label set."""
    sets = tuple(one.sha256 for one in desk().label_sets().usable.values())
    of = f"{taxonomy.pinned} {taxonomy.hash}" if taxonomy else ""
    return _labels_compared((before, after), of, sets, desk().revision(), taxonomy)


def import_plan(raw: bytes, name: str, wanted: importing.LabelsWanted) -> importing.ImportPlan:
    """What importing a file would change; read and computed again after each decision, manifest or other file."""
    return _import_plan(hashlib.sha256(raw).hexdigest(), name, wanted.key, desk().revision(), raw, wanted)


def counts(view: DataView) -> tuple[Group, ...]:
    """Images and patients of each split by what ``view`` asks; computed again after each decision or manifest."""
    taxonomy = desk().workspace.taxonomy(view.name or "") if view.by is CountedBy.CLASS else None
    return _counts(view.written, str(view.labels), taxonomy.hash if taxonomy else "", desk().revision(), view, taxonomy)


def looked(labels: Labels, stamp: str) -> LookedAt:
    """What is known of the image files; computed again when ``stamp``, a label or the manifest changes."""
    return _looked(str(labels), stamp, desk().revision())


def diagnoses(shown: Shown) -> tuple[diagnosing.Diagnosis, ...]:
    """Every subject of ``shown``, diagnosed as Diagnose opens with them; any thread may ask, and nothing is kept."""
    return diagnose_all(desk(), comparison(shown), _only(shown))


def _key(shown: Shown) -> _Key:
    where = shown.where.written if shown.where else ""
    return shown.subjects, str(shown.space), str(shown.split), str(shown.labels), where, desk().revision()


def _queue_key(shown: Shown) -> _Key:
    """What a queue depends on: original labels do not change with a decision."""
    key = _key(replace(shown, where=None))
    return key if shown.labels is Labels.REVIEWED else (*key[:-1], desk().files_revision())


def _only(shown: Shown) -> frozenset[str] | None:
    """The images that ``shown`` is restricted to, if it is."""
    return images_where(shown.where, desk().dataset(), desk().labels(shown.labels)) if shown.where else None


@st.cache_resource(max_entries=64, show_spinner=False)
def _comparison(key: _Key, mapped_by: str, _shown: Shown) -> comparing.Comparison:
    now = desk()
    return comparing.compare(
        comparing.find_subjects(now.series(), _shown.subjects),
        _shown.space,
        _shown.split,
        _shown.labels,
        now.labels(_shown.labels),
        now.dataset().patients,
        where=_shown.where,
        only=_only(_shown),
        mapped_by=MappedBy(mapped_by),
        alike=now.alike(),
        read=now.said,
    )


@st.cache_resource(max_entries=64, show_spinner=False)
def _verdicts(key: _Key, _shown: Shown) -> tuple[Judgement, ...]:
    return judgements(comparison(_shown), desk().workspace.rule)


@st.cache_resource(max_entries=32, show_spinner=False)
def _many_models(key: _Key, _shown: Shown) -> ManyCompared | None:
    def again(kept: tuple[comparing.Subject, ...]) -> comparing.Comparison:
        return comparison(replace(_shown, subjects=tuple(one.subject_id for one in kept)))

    return compare_subjects(comparison(_shown), desk().workspace.rule, again)


@st.cache_resource(max_entries=32, show_spinner=False)
def _side_by_side(key: _Key, _shown: Shown) -> task_difficulty.SideBySide:
    native, common = (comparison(replace(_shown, space=one)) for one in (Space.NATIVE, Space.COMMON))
    sums = comparison(replace(_shown, space=Space.COMMON), MappedBy.SUM)
    return task_difficulty.side_by_side(native, common, sums, desk().dataset().patients)


@st.cache_resource(max_entries=32, show_spinner=False)
def _secondary(key: _Key, _shown: Shown) -> tuple[task_difficulty.Secondary, ...]:
    return task_difficulty.secondary(comparison(_shown), tuple(desk().workspace.taxonomies().values()), desk().said)


@st.cache_resource(max_entries=32, show_spinner=False)
def _reviewing(key: _Key, _shown: Shown) -> reviewed.Reviewing | None:
    subjects = comparing.find_subjects(desk().series(), _shown.subjects)
    return reviewed.reviewing(desk(), subjects, _shown.space, _shown.split, _shown.where)


@st.cache_resource(max_entries=64, show_spinner=False)
def _difference(key: _Key, lines: tuple[object, ...], per: str, _shown: Shown, _layout: Layout) -> Difference:
    first, second = (one.project(_layout.projection) for one in comparison(_shown).evaluations)
    return subtract(first, second, Per(per))


@st.cache_resource(max_entries=32, show_spinner=False)
def _advice(of: str, revision: str, _taxonomy: Taxonomy) -> merge_suggestions.Advice | None:
    return merge_suggestions.advise(desk(), _taxonomy, previews(_taxonomy, Shown(split=Split.VALIDATION)))


@st.cache_resource(max_entries=16, show_spinner=False)
def _agreement(of: str, revision: str, _taxonomy: Taxonomy) -> tuple[agreeing.Agreements | None, agreeing.Opinions]:
    now = desk()
    said = agreeing.opinions(now.store.all(), _taxonomy, now.workspace.space)
    return agreeing.agreements(said, _taxonomy, now.dataset().patients), said


@st.cache_resource(max_entries=32, show_spinner=False)
def _distinguished(of: str, revision: str, _taxonomy: Taxonomy) -> separability.Distinguished | None:
    return separability.distinguish(desk(), _taxonomy, previews(_taxonomy, Shown(split=Split.VALIDATION)))


@st.cache_resource(max_entries=32, show_spinner="Two clusters or one cloud, class by class …")
def _divided(of: str, stamp: str, revision: str, _embedded: subclusters.Embedded) -> subclusters.Divided:
    return subclusters.divide(desk(), _embedded)


@st.cache_resource(max_entries=8, show_spinner="Laying the images out so that alike ones are near …")
def _mapped(run_id: str, split: str, stamp: str, revision: str) -> ImageMap:
    return image_map(desk(), run_id, Split(split))


@st.cache_resource(max_entries=16, show_spinner=False)
def _labels_compared(
    sides: tuple[str, str], of: str, sets: tuple[str, ...], revision: str, _taxonomy: Taxonomy | None
) -> labelling.Compared:
    return labelling.compare_labels(desk(), *sides, _taxonomy)


@st.cache_resource(max_entries=4, show_spinner="What would change …")
def _import_plan(
    sha256: str, name: str, of: tuple[str, ...], revision: str, _raw: bytes, _wanted: importing.LabelsWanted
) -> importing.ImportPlan:
    file = read_label_file(io.BytesIO(_raw), name, _wanted.column)
    return importing.plan_import(
        desk(), file, _wanted.importer, datetime.now(UTC), _wanted.taxonomy, _wanted.annotator, _wanted.values
    )


@st.cache_resource(max_entries=32, show_spinner=False)
def _counts(
    by: str, labels: str, of: str, revision: str, _view: DataView, _taxonomy: Taxonomy | None
) -> tuple[Group, ...]:
    dataset, known = desk().dataset(), desk().labels(_view.labels)
    if _taxonomy is not None:
        return count_classes(dataset, known, _taxonomy)
    return count_by(dataset, known, _view.by, _view.name)


@st.cache_resource(max_entries=4, show_spinner="Comparing the files with what is known of them …")
def _looked(labels: str, stamp: str, revision: str) -> LookedAt:
    return looked_at(desk().workspace, desk().dataset(), desk().labels(Labels(labels)))


@st.cache_resource(max_entries=32, show_spinner=False)
def _restrictions(subjects: tuple[str, ...], split: str, revision: str, _shown: Shown) -> Mapping[Where, str]:
    now, dataset = desk(), desk().dataset()
    taxonomies = [one.taxonomy for one in comparing.find_subjects(now.series(), _shown.subjects)]
    ground = common_ground(taxonomies) if taxonomies else None
    return all_restrictions(dataset, dataset.split(_shown.split), ground)


@st.cache_resource(max_entries=64, show_spinner=False)
def _queue(
    key: _Key, order: str, seed: int, where: tuple[str, ...], cell: Cell | None, _shown: Shown, _view: QueueView
) -> queue_order.Queue:
    now = desk()
    return queue_order.ordered(
        now,
        comparing.find_subjects(now.series(), _shown.subjects),
        Order(order),
        _shown.space,
        _shown.split,
        _shown.labels,
        seed,
        where=_view.where,
        only=images_where_all(_view.where, now.dataset(), now.labels(_shown.labels)),
        cell=cell,
    )


@st.cache_resource(max_entries=32, show_spinner=False)
def _cells(
    key: _Key, subject_id: str, order: str, where: tuple[str, ...], _shown: Shown, _view: QueueView
) -> Mapping[Cell, int]:
    now = desk()
    judged = queue_order.judge_one(
        now,
        comparing.find_subjects(now.series(), _shown.subjects),
        subject_id,
        _shown.space,
        _shown.split,
        _shown.labels,
        images_where_all(_view.where, now.dataset(), now.labels(_shown.labels)),
    )
    if judged is None:
        return {}
    return (wrong_cells if Order(order) is Order.CELL else class_cells)(*judged)


@st.cache_resource(max_entries=4, show_spinner=False)
def _patients(split: str, revision: str) -> Mapping[Where, str]:
    return all_patients(desk().dataset().split(Split(split)))


@st.cache_resource(max_entries=64, show_spinner=False)
def _previews(key: _Key, of: str, _taxonomy: Taxonomy, _shown: Shown) -> tuple[editing.Preview, ...]:
    return editing.previews(desk(), _taxonomy, _shown.split, _shown.labels, only=_only(_shown))


@st.cache_resource(max_entries=64, show_spinner="Four causes, each against thousands of chance draws …")
def _diagnosis(key: _Key, coarser: str, _coarser: Taxonomy, _shown: Shown) -> diagnosing.Diagnosis:
    (subject,) = comparing.find_subjects(desk().series(), _shown.subjects)
    return diagnosed(desk(), subject, _coarser, _shown.split, _shown.labels, where=_shown.where, only=_only(_shown))
