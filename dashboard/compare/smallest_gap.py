"""Smallest difference that the images can detect with given power, estimated from one model."""

import math
from collections.abc import Sequence

from dashboard.address.selection import Labels
from dashboard.evaluation.comparison import Comparison
from dashboard.words import counted, one_of
from model_zoo.core.comparison.comparison import MIN_PATIENTS_FOR_RESULT, MIN_SEEDS, Rule
from model_zoo.core.comparison.outcomes import Question
from model_zoo.core.comparison.power import POWER, SmallestGap, smallest_gap
from model_zoo.core.evaluation.macro_intervals import MIN_CLASS_PATIENTS
from model_zoo.core.evaluation.patient_counts import counts_by_patient


def smallest_detectable_differences(judged: Comparison, rule: Rule) -> tuple[SmallestGap, ...]:
    """For the only model, one per question that it can answer; empty for several models or too few patients."""
    if len(judged.subjects) != 1 or judged.labels is not Labels.ORIGINAL:
        return ()
    counts = counts_by_patient(judged.evaluations[0])
    if counts.n_patients < MIN_PATIENTS_FOR_RESULT:
        return ()
    asked = [Question.CHECKPOINT] + ([Question.TRAINING] if counts.n_runs >= MIN_SEEDS else [])
    return tuple(smallest_gap(counts, rule.figure, question) for question in asked)


def detectable_difference_words(judged: Comparison, rule: Rule) -> list[str]:
    """A sentence per question, or why there is none; empty unless exactly one model is selected."""
    if len(judged.subjects) != 1 or judged.labels is not Labels.ORIGINAL:
        return []
    found = smallest_detectable_differences(judged, rule)
    if not found:
        n_patients = judged.evaluations[0].n_patients
        return [f"No smallest gap: {counted(n_patients, 'patient')}, and an interval needs {MIN_PATIENTS_FOR_RESULT}."]
    return [_words(one, rare_class_names(judged, one)) for one in found]


def rare_class_names(judged: Comparison, one: SmallestGap) -> tuple[str, ...]:
    """Classes with too few patients, whose recall a macro average treats as unknown."""
    names = judged.evaluations[0].taxonomy.names
    return tuple(names[k] for k in one.rare)


def _words(one: SmallestGap, rare: Sequence[str]) -> str:
    over = counted(one.n_patients, "patient")
    if one.question is Question.TRAINING:
        over += f" and {counted(one.n_runs, 'seed')} a side"
        start = "Ways of training"
    else:
        start = "Trained models as they are"
    unknown = f"Fewer than {MIN_CLASS_PATIENTS} patients: {one_of(rare, 'and')}, which may be anything from 0 to 1"
    if math.isnan(one.unrelated) and rare:
        return f"{start}: no smallest gap in {one.figure} can be stated over {over}. {unknown}."
    if math.isnan(one.unrelated):
        return f"{start}: this model's {one.figure} never varies over {over}, so no smallest gap can be stated."
    alike = ""
    if not math.isnan(one.alike):
        alike = f", {100 * one.alike:.1f} pp if they err as alike as two seeds of this model"
    return (
        f"{start}: with {over}, the smallest difference in {one.figure} that is detected with {100 * POWER:.0f} % "
        f"power is {100 * one.unrelated:.1f} pp if the other model errs independently{alike}. "
        "It rests on this model alone; the other is assumed to vary as much."
        + (f" {unknown} on each side; the gap allows for it, if every class has the same." if rare else "")
    )
