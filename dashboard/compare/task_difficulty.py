"""Task difficulty: metrics in original and in shared classes, and whether an accuracy gap is due to an easier task."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from dashboard.evaluation.comparison import Comparison, Subject
from dashboard.words import counted, points_interval, rounding, share_text
from model_zoo.core.comparison.task_difficulty import AccuracyGap, accuracy_gap, frequency_chance
from model_zoo.core.evaluation.evaluation import Evaluation, Figure, accuracy, probabilities_in
from model_zoo.core.evaluation.hierarchy import Hierarchy, hierarchical, longest_chain, mistake_severity
from model_zoo.core.evaluation.metrics import LEAST_PATIENTS, ClassFigure, Share
from model_zoo.core.evaluation.overall_metrics import brier, kappa, log_loss, macro, mcc
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.evaluation.probability_summing import SummingChange, accuracy_change
from model_zoo.core.evaluation.undecided import accuracy_decided, has_undecided, share_undecided
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.workspace.run import Run


@dataclass(frozen=True)
class SubjectInBothSpaces:
    """One subject in its original and in the shared classes, and the effect of summing class probabilities."""

    subject: Subject
    native: Evaluation
    common: Evaluation
    by_summing: SummingChange


@dataclass(frozen=True)
class SideBySide:
    """All subjects, each in both class sets; ``sentences`` explain the gaps between them."""

    native: Comparison
    common: Comparison
    sides: tuple[SubjectInBothSpaces, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class SecondaryMetrics:
    """Secondary metrics of one subject; ``chain`` names the taxonomies of the hierarchical ones, if any."""

    subject: Subject
    figures: tuple[Figure, ...]
    chain: tuple[Taxonomy, ...]


def side_by_side(native: Comparison, common: Comparison, sums: Comparison, patients: Mapping[str, str]) -> SideBySide:
    """Combine evaluations in original classes, in shared classes, and there with summed probabilities.

    Each class set is compared with the finest; ``patients`` maps image id to patient id.
    """
    sides = tuple(
        SubjectInBothSpaces(subject, own, shared, accuracy_change(shared, summed))
        for subject, own, shared, summed in zip(
            native.subjects, native.evaluations, common.evaluations, sums.evaluations, strict=True
        )
    )
    finest = max(sides, key=lambda side: len(side.subject.taxonomy.classes))
    sentences = tuple(
        accuracy_gap_sentence(finest, other, len(sides), patients)
        for other in sides
        if other.subject.taxonomy.hash != finest.subject.taxonomy.hash
    )
    return SideBySide(native, common, sides, sentences)


def accuracy_gap_sentence(
    one: SubjectInBothSpaces, other: SubjectInBothSpaces, n_subjects: int, patients: Mapping[str, str]
) -> str:
    """How to read the accuracy gap in original classes of two of ``n_subjects``, given the patients' intervals."""
    lower, higher = sorted((one, other), key=lambda side: accuracy(side.native).mean)
    if not (len(lower.native.truth) and len(higher.native.truth) and len(lower.common.truth)):
        return f"{higher.subject.title} and {lower.subject.title}: no image to judge both on."
    found = accuracy_gap((lower.native, higher.native), (lower.common, higher.common), patients)
    who, whom = higher.subject.title, lower.subject.title
    n_classes, all_of = len(lower.common.taxonomy.classes), "both" if n_subjects == 2 else "all"
    high, low = accuracy(higher.native).mean, accuracy(lower.native).mean
    easier = frequency_chance(lower.native).value < frequency_chance(higher.native).value
    apart = _points(found.native, rounding(high, low, found.native.value))
    return (
        f"{who}: {share_text(high)} in its own {counted(len(higher.native.taxonomy.classes), 'class', 'classes')}, "
        f"{apart} above the {share_text(low)} of {whom} in its own "
        f"{len(lower.native.taxonomy.classes)}. On the {n_classes} that {all_of} can tell apart, "
        f"{_lead(found.common, who, whom, _alike(lower.common, higher.common))}.{_apart(found)} "
        f"{_conclusion(found, easier)}"
    )


def secondary_metrics(
    judged: Comparison,
    taxonomies: Sequence[Taxonomy],
    read: Callable[[Run, Split], Predictions] = Run.predictions,
) -> tuple[SecondaryMetrics, ...]:
    """Secondary metrics of every subject in the class set shown; ``taxonomies`` are the workspace's.

    ``read`` returns a run's predictions.
    """
    made = []
    for subject, evaluation in zip(judged.subjects, judged.evaluations, strict=True):
        asked = set(evaluation.image_ids)
        predictions = [read(run, judged.split).only(asked) for run in subject.runs]
        figures = [
            macro(evaluation, ClassFigure.F1),
            macro(evaluation, ClassFigure.RECALL),
            macro(evaluation, ClassFigure.PRECISION),
            kappa(evaluation),
            mcc(evaluation),
            log_loss(evaluation, probabilities_in(evaluation, predictions, subject.taxonomy)),
            brier(evaluation, probabilities_in(evaluation, predictions, subject.taxonomy)),
        ]
        spans = has_undecided(evaluation)
        if spans:
            figures += [share_undecided(evaluation), accuracy_decided(evaluation)]
        chain = longest_chain(taxonomies, first=evaluation.taxonomy)
        if len(chain) > 1:
            hierarchy = Hierarchy(chain)
            if spans:
                figures += [
                    hierarchical(evaluation, hierarchy, one) for one in (ClassFigure.PRECISION, ClassFigure.RECALL)
                ]
            figures += [hierarchical(evaluation, hierarchy, ClassFigure.F1), mistake_severity(evaluation, hierarchy)]
        made.append(SecondaryMetrics(subject, tuple(figures), chain if len(chain) > 1 else ()))
    return tuple(made)


def _conclusion(found: AccuracyGap, easier: bool) -> str:
    """Conclusion about the gap; ``easier``: chance accuracy is higher in the classes of the more accurate subject."""
    question = "the easier question" if easier else "the different question"
    if not found.native.low > 0:
        return "Inconclusive: with these patients there may be no rise at all."
    if found.common.high < 0:
        return f"For these runs the whole rise is {question}: where both answer the same one, it turns around."
    if found.beyond_half.low > 0:
        remains = "a part of it remains" if found.common.low > 0 else "it is inconclusive whether any of it remains"
        return f"For these runs most of the rise is {question}; {remains}."
    if found.beyond_half.high < 0:
        return "For these runs most of the rise remains where both answer the same question."
    return f"Inconclusive: with these patients most of the rise may or may not be {question}."


def _alike(one: Evaluation, other: Evaluation) -> bool:
    """Whether both are correct in the same share of runs on each image."""
    return one.image_ids == other.image_ids and bool((one.right.mean(axis=0) == other.right.mean(axis=0)).all())


def _apart(found: AccuracyGap) -> str:
    """Why the difference in shared classes deviates from that of the result; empty if it does not."""
    if not found.n_apart:
        return ""
    return f" (Of {counted(found.n_apart, 'image')} a side has no prediction: the result above takes the worst case.)"


def _lead(common: Share, who: str, whom: str, alike: bool) -> str:
    if alike:
        return "they are right and wrong on the same images"
    if abs(common.value) < 0.0005:
        return f"neither is ahead ({_interval(common)})"
    if common.value < 0:
        return f"{whom} is {_points(replace(common, value=-common.value, low=-common.high, high=-common.low))} ahead"
    return f"{who} is {_points(common)} ahead"


def _points(difference: Share, rounded: str = "") -> str:
    return f"{100 * difference.value:.1f} points{rounded} ({_interval(difference)})"


def _interval(difference: Share) -> str:
    if difference.n_patients < LEAST_PATIENTS:
        return f"no interval: fewer than {LEAST_PATIENTS} patients"
    return f"95 % interval {points_interval(difference.low, difference.high)}"
