"""Notes beside a result: planned and actual seeds, and the number of comparisons shown for a split."""

from collections.abc import Mapping, Sequence

from dashboard.evaluation.comparison import Comparison, Subject
from dashboard.evaluation.verdict import Judgement
from dashboard.server_state.comparison_log import comparison_key
from dashboard.server_state.open_workspace import Desk
from dashboard.words import counted, one_of
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy


def result_notes(desk: Desk, judged: Comparison, found: Sequence[Judgement]) -> Mapping[str, str]:
    """Subject id -> notes beside its result; counts each result as shown once."""
    pairs = [(one.subject, one.reference) for one in found]
    n_shown = count_comparisons_shown(desk, judged, judged.ground, pairs)
    planned = desk.workspace.rule.planned_seeds
    return {
        subject.subject_id: " ".join(
            one
            for one in (seeds_note([subject, reference], planned), comparisons_shown_note(n_shown, judged.split))
            if one
        )
        for subject, reference in pairs
    }


def count_comparisons_shown(
    desk: Desk, judged: Comparison, classes: Taxonomy, pairs: Sequence[tuple[Subject, Subject]]
) -> int | None:
    """Count these pairs as shown, once per runs, classes, split, labels, filter and metric.

    Returns the total number of comparisons shown for the split; None if it cannot be stored.
    """
    others = (
        classes.hash,
        str(judged.split),
        str(judged.labels),
        judged.where.written if judged.where else "",
        str(desk.workspace.rule.figure),
    )
    keys = [comparison_key([[run.run_id for run in one.runs] for one in pair], *others) for pair in pairs]
    return desk.comparison_log.record(str(judged.split), keys) if keys else None


def comparisons_shown_note(n_shown: int | None, split: Split) -> str:
    """The number of comparisons shown for a split, as a sentence; empty if unknown."""
    return "" if n_shown is None else f"{counted(n_shown, 'comparison')} on this {split} split so far."


def seeds_note(subjects: Sequence[Subject], planned: int | None) -> str:
    """Whether models have fewer or more seeds than planned; empty without a plan, or if it is met."""
    if planned is None:
        return ""
    numbers = [len(subject.runs) for subject in subjects]
    listed = one_of([str(n) for n in numbers], "and", len(numbers))
    notes = []
    if min(numbers) < planned:
        notes.append(f"Interim: {listed} of {counted(planned, 'planned seed')}.")
    if max(numbers) > planned:
        notes.append(f"Seeds added after the plan: {listed} where {planned} were planned.")
    return " ".join(notes)
