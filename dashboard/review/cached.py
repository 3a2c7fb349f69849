"""Cached results of Review and Decisions."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dashboard.address.links import Cell, Shown
from dashboard.address.queue import Order, QueueView
from dashboard.address.selection import Labels
from dashboard.evaluation import annotator_agreement, queue_order
from dashboard.evaluation.comparison import find_subjects
from dashboard.evaluation.confusion_cells import class_cells, wrong_cells
from dashboard.evaluation.filters import images_matching_all
from dashboard.server_state.open_workspace import Desk, desk
from dashboard.ui.caching import cached
from model_zoo.core.label_space.taxonomy import Taxonomy


def _of_labels(now: Desk, shown: Shown, *_arguments: Any) -> str:
    """Original labels do not change with a decision."""
    return now.revision() if shown.labels is Labels.REVIEWED else now.files_revision()


def queue(shown: Shown, view: QueueView, cell: Cell | None) -> queue_order.Queue:
    """The images of a review queue, done ones included."""
    return _queue(replace(shown, where=None), view, cell)


@cached(entries=64, revision=_of_labels)
def _queue(shown: Shown, view: QueueView, cell: Cell | None) -> queue_order.Queue:
    now = desk()
    return queue_order.ordered(
        now,
        find_subjects(now.series(), shown.subjects),
        view.order,
        shown.space,
        shown.split,
        shown.labels,
        view.seed,
        where=view.where,
        only=images_matching_all(view.where, now.dataset(), now.labels(shown.labels)),
        cell=cell,
    )


def cells(shown: Shown, view: QueueView, cell: Cell | None) -> Mapping[Cell, int]:
    """The cells beside the diagonal, or the classes, that a queue can be of, with the number of their images."""
    return _cells(replace(shown, where=None), view, cell.subject if cell else "") if view.order.uses_cell else {}


@cached(entries=32, revision=_of_labels)
def _cells(shown: Shown, view: QueueView, subject_id: str) -> Mapping[Cell, int]:
    now = desk()
    judged = queue_order.judge_one(
        now,
        find_subjects(now.series(), shown.subjects),
        subject_id,
        shown.space,
        shown.split,
        shown.labels,
        images_matching_all(view.where, now.dataset(), now.labels(shown.labels)),
    )
    if judged is None:
        return {}
    return (wrong_cells if view.order is Order.CELL else class_cells)(*judged)


@cached(entries=16)
def agreement(
    taxonomy: Taxonomy,
) -> tuple[annotator_agreement.Agreements | None, annotator_agreement.Opinions]:
    """How far people agree in the classes of ``taxonomy``."""
    now = desk()
    said = annotator_agreement.opinions(now.store.all(), taxonomy, now.workspace.space)
    return annotator_agreement.agreements(said, taxonomy, now.dataset().patients), said
