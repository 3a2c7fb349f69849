"""Comparison of three or more models with a baseline: table, groups, and images that only one model gets wrong."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dashboard.compare.result_notes import comparisons_shown_note, count_comparisons_shown, seeds_note
from dashboard.evaluation.comparison import Comparison, Subject, compare
from dashboard.evaluation.filters import images_matching
from dashboard.evaluation.patient_notes import patients_text
from dashboard.evaluation.verdict import why_none
from dashboard.server_state.open_workspace import Desk
from dashboard.words import counted, one_of, points_interval, points_text, share_text
from model_zoo.core.comparison.aligned import align
from model_zoo.core.comparison.comparison import MIN_SEEDS, Rule
from model_zoo.core.comparison.many_models import ManyModels, class_sets, compare_many, incorrect_alone
from model_zoo.core.comparison.outcomes import Question
from model_zoo.core.evaluation.macro_intervals import MIN_CLASS_PATIENTS

MIN_MODELS = 3
"""From so many models on they are compared at once."""


@dataclass(frozen=True)
class ManyModelsResult:
    """Comparisons of the models of ``judged`` with its first one, the baseline.

    ``left_out`` are models that were not compared, each with the number of classes that they would share.
    ``only_wrong`` lists, for each model in the order of ``judged``, the images that no other model gets wrong.
    """

    judged: Comparison
    found: ManyModels
    left_out: tuple[tuple[Subject, int], ...]
    only_wrong: tuple[tuple[str, ...], ...]

    @property
    def baseline(self) -> Subject:
        """The model that all others are compared with."""
        return self.judged.subjects[0]


def compare_subjects(
    judged: Comparison, rule: Rule, again: Callable[[tuple[Subject, ...]], Comparison]
) -> ManyModelsResult | None:
    """Compare all subjects with the first, in their shared classes; None for too few models or without a result.

    ``again`` evaluates a subset of the subjects like ``judged``, in the classes that the subset shares.
    """
    if len(judged.subjects) < MIN_MODELS or why_none(judged):
        return None
    sets = class_sets([subject.taxonomy for subject in judged.subjects])
    left_out = tuple((judged.subjects[k], n_classes) for k, n_classes in sets.left_out.items())
    kept = again(tuple(judged.subjects[k] for k in sets.kept)) if left_out else judged
    found = compare_many(align(kept.evaluations, kept.partly), rule.figure, rule.margin)
    return ManyModelsResult(kept, found, left_out, incorrect_alone(kept.evaluations))


def compare_subset(desk: Desk, judged: Comparison, subjects: tuple[Subject, ...]) -> Comparison:
    """Evaluate some subjects of ``judged`` over the same images and labels, in the classes that they share."""
    dataset, labels = desk.dataset(), desk.labels(judged.labels)
    only = images_matching(judged.where, dataset, labels) if judged.where else None
    return compare(
        subjects,
        judged.space,
        judged.split,
        judged.labels,
        labels,
        dataset.patients,
        where=judged.where,
        only=only,
        alike=judged.alike,
        read=desk.predictions_of_run,
    )


def table_rows(many: ManyModelsResult) -> list[dict[str, str]]:
    """A row per model: metric, difference from the baseline with its interval, result, and groups."""
    rows = {row.of: row for row in many.found.rows}
    made = []
    for k, subject in enumerate(many.judged.subjects):
        row = rows.get(k)
        gap = row.difference if row else None
        made.append(
            {
                "model": subject.title,
                str(many.found.figure): share_text(many.found.figures[k]),
                "difference, pp": points_text(gap.value) if gap else "baseline",
                "95 % CI, all rows at once": points_interval(gap.low, gap.high) if gap else "",
                "result": str(many.found.outcome(row)) if row else "",
                "groups": many.found.letters(k),
                "wrong alone": f"{len(many.only_wrong[k]):,}",
            }
        )
    return made


def sentences(many: ManyModelsResult) -> list[str]:
    """The basis of the table: class set, question, families of comparisons, and excluded models."""
    found, judged = many.found, many.judged
    n_classes = len(judged.evaluations[0].taxonomy.classes)
    what = (
        "the ways of training (patients and seeds)"
        if found.question is Question.TRAINING
        else "these trained models as they are (patients alone)"
    )
    lines = [
        f"Class set: the {n_classes} shared classes of {counted(len(judged.subjects), 'model')}; "
        f"{_over(many)}. Compared: {what}.",
        "The intervals of all rows hold at once in 95 % (max-T). Models that share a letter are not separated by any "
        "pair; these groups come from the intervals of all pairs at once. All of it holds for this training set.",
    ]
    few = [one.title for one in judged.subjects if len(one.runs) < MIN_SEEDS]
    if found.question is Question.CHECKPOINT and few and len(few) < len(judged.subjects):
        lines.append(f"Fewer than {MIN_SEEDS} seeds, so that seeds are not asked about: {one_of(few, 'and')}.")
    if any(found.n_missing):
        missing = [f"{subject.title} ({n:,})" for subject, n in zip(judged.subjects, found.n_missing, strict=True) if n]
        lines.append(
            f"Images without a prediction: {one_of(missing, 'and')}. The intervals hold whatever these would have been."
        )
    if rare := rare_class_names(many):
        lines.append(
            f"Fewer than {MIN_CLASS_PATIENTS} patients, so that in these intervals the figure of "
            f"{one_of(rare, 'and')} may be anything from 0 to 1."
        )
    for subject, n_shared in many.left_out:
        lines.append(
            f"Left out: {subject.title}, which would reduce the shared classes from {n_classes} to {n_shared}. "
            "Compare it with the baseline alone."
        )
    return lines


def rare_class_names(many: ManyModelsResult) -> tuple[str, ...]:
    """Classes with too few patients, whose recall a macro average's interval treats as unknown."""
    names = many.judged.evaluations[0].taxonomy.names
    return tuple(names[k] for k in many.found.rare)


def _over(many: ManyModelsResult) -> str:
    """Number of images that all models predicted, and of their patients."""
    judged, shared = many.judged, set.intersection(*(set(one.image_ids) for one in many.judged.evaluations))
    image_ids = [one for one in judged.evaluations[0].image_ids if one in shared]
    return patients_text(image_ids, many.found.n_patients, judged.patients, judged.alike)


def many_models_note(desk: Desk, many: ManyModelsResult) -> str:
    """Missing or extra seeds, and the number of comparisons shown for the split; counts every row as shown."""
    judged, baseline = many.judged, many.baseline
    pairs = [(subject, baseline) for subject in judged.subjects[1:]]
    n_shown = count_comparisons_shown(desk, judged, judged.ground, pairs)
    lines: Sequence[str] = (
        seeds_note(judged.subjects, desk.workspace.rule.planned_seeds),
        comparisons_shown_note(n_shown, judged.split),
    )
    return " ".join(one for one in lines if one)
