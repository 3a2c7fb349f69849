"""Merge suggestions: gain from remapping predictions and, where a model was retrained, the measured gain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard.address.selection import Labels, Space
from dashboard.evaluation.comparison import Subject, compare, series_subject
from dashboard.evaluation.drafting import Preview
from dashboard.evaluation.verdict import Judgement, judgements
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.label_space.edits import Merge
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.core.suggestions.merge_suggestions import MergeCandidate, merge_candidates


@dataclass(frozen=True)
class MergeSuggestions:
    """Candidate merges of ``taxonomy``'s classes, from the predictions of ``subject`` over validation.

    ``retrained`` maps a candidate's members to the comparison of ``subject`` with the run group trained on the merged
    classes, if there is one; ``subject`` must then be trained on ``taxonomy`` itself.
    """

    taxonomy: Taxonomy
    subject: Subject
    evaluation: Evaluation
    candidates: tuple[MergeCandidate, ...]
    retrained: Mapping[tuple[str, ...], Judgement]


def suggest_merges(desk: Desk, taxonomy: Taxonomy, previews: Sequence[Preview]) -> MergeSuggestions | None:
    """Merge suggestions from the run group trained on ``taxonomy``, or else on the finest taxonomy that maps to it.

    ``previews`` are evaluations over validation, because test is reserved for comparisons. ``None`` if no run group can
    be mapped.
    """
    able = [one for one in previews if one.mapped is not None and len(one.mapped.truth)]
    if not able:
        return None
    chosen = min(able, key=lambda one: (not _same_partition(one.subject.taxonomy, taxonomy), -len(one.subject.runs)))
    assert chosen.mapped is not None
    candidates = merge_candidates(chosen.mapped, desk.workspace.space)
    bought = {}
    if _same_partition(chosen.subject.taxonomy, taxonomy):
        others = [series_subject(one) for one in desk.series()]
        for candidate in candidates:
            merged = Merge(candidate.members, merged_class_name(candidate)).apply(taxonomy, desk.workspace.space)
            for other in others:
                if _same_partition(other.taxonomy, merged) and _has_test(other) and _has_test(chosen.subject):
                    bought[candidate.members] = _verdict(desk, chosen.subject, other)
    return MergeSuggestions(taxonomy, chosen.subject, chosen.mapped, candidates, bought)


def merged_class_name(candidate: MergeCandidate) -> str:
    """Default name of the merged class."""
    return candidate.meaning.name if candidate.meaning else " or ".join(candidate.members)[:300]


def _verdict(desk: Desk, reference: Subject, merged: Subject) -> Judgement:
    dataset = desk.dataset()
    judged = compare((reference, merged), Space.COMMON, Split.TEST, Labels.ORIGINAL, dataset.labels, dataset.patients)
    return judgements(judged, desk.workspace.rule)[0]


def _same_partition(one: Taxonomy, other: Taxonomy) -> bool:
    return (set(one.classes.values()), one.outside) == (set(other.classes.values()), other.outside)


def _has_test(subject: Subject) -> bool:
    return all(run.has_predictions(Split.TEST) for run in subject.runs)
