"""Diagnose what is on the desk: one subject, or all that a comparison judges."""

from collections.abc import Sequence, Set

from dashboard.address.links import Where
from dashboard.address.selection import Labels
from dashboard.diagnose.diagnosis import Diagnosis, coarser_spaces, diagnose, find_coarser
from dashboard.diagnose.retraining import RunEvaluator, retraining_results
from dashboard.evaluation.comparison import Comparison, Subject
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy


def coarser_space(desk: Desk, subjects: Sequence[Subject]) -> Taxonomy:
    """The coarser label space that ``subjects`` are looked at from where nobody asks for another."""
    return find_coarser(coarser_spaces(subjects, desk.workspace.taxonomies(), desk.workspace.opening), None)


def diagnose_subject(
    desk: Desk,
    subject: Subject,
    coarser: Taxonomy,
    split: Split,
    labels: Labels,
    *,
    where: Where | None = None,
    only: Set[str] | None = None,
) -> Diagnosis:
    """One subject over the images ``only`` of ``split``, which are those of ``where``; else over all of them."""
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
        stored if only is None else [said.only(only) for said in stored],
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
