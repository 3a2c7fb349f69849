"""Diagnoses of the subjects in an open workspace: of one, or of all in a comparison."""

from collections.abc import Sequence, Set

from dashboard.address.links import Filter
from dashboard.address.selection import Labels
from dashboard.diagnose.diagnosis import Diagnosis, coarser_spaces, diagnose, find_coarser
from dashboard.diagnose.retraining import RunEvaluator, retraining_results
from dashboard.evaluation.comparison import Comparison, Subject
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy


def coarser_space(desk: Desk, subjects: Sequence[Subject]) -> Taxonomy:
    """The default coarser class set for ``subjects``."""
    return find_coarser(coarser_spaces(subjects, desk.workspace.taxonomies(), desk.workspace.opening), None)


def diagnose_subject(
    desk: Desk,
    subject: Subject,
    coarser: Taxonomy,
    split: Split,
    labels: Labels,
    *,
    where: Filter | None = None,
    only: Set[str] | None = None,
) -> Diagnosis:
    """Diagnosis over the images ``only`` of ``split``, selected by the filter ``where``; otherwise over all images."""
    stored = [desk.predictions(run.run_id, split) for run in subject.runs]
    workspace, dataset, label_of = desk.workspace, desk.dataset(), desk.labels(labels)
    judge = RunEvaluator(split, label_of, dataset.patients, only)
    return diagnose(
        subject,
        coarser,
        split,
        labels,
        label_of,
        dataset,
        stored if only is None else [one.only(only) for one in stored],
        desk.store.all(),
        retrained=retraining_results(
            subject, desk.series(), workspace.learning_curves(), coarser, judge, workspace.rule
        ),
        where=where,
    )


def diagnose_all(desk: Desk, judged: Comparison, only: Set[str] | None = None) -> tuple[Diagnosis, ...]:
    """Diagnose every subject of ``judged`` with the same coarser classes; ``only`` as in `diagnose_subject`."""
    coarser = coarser_space(desk, judged.subjects)
    return tuple(
        diagnose_subject(desk, subject, coarser, judged.split, judged.labels, where=judged.where, only=only)
        for subject in judged.subjects
    )
