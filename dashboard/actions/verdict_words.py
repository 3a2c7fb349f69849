"""A verdict in plain words, the same on the page and in a report."""

import math

from dashboard.actions.verdicts import Judgement, too_few
from dashboard.links import Where
from dashboard.words import counted, points_interval, points_text, rare_classes, rounding, share_text
from model_zoo.core.choices import Answer, Question
from model_zoo.core.comparison import Rule, Verdict, clustered_mcnemar

ASKED = {
    Question.TRAINING: "This way of training",
    Question.CHECKPOINT: "These trained models as they are",
}


def headline(judgement: Judgement, said: Verdict, where: Where | None = None) -> str:
    """The verdict in one sentence; what holds for the images of ``where`` alone says so first."""
    subject, reference = judgement.subject.title, judgement.reference.title
    by = f"{abs(100 * said.difference.value):.1f} points"
    margin = f"{100 * said.margin:g} point{'' if said.margin == 0.01 else 's'}"
    start = "On these images: " if where else ""
    if said.answer in (Answer.BETTER, Answer.WORSE):
        return f"{start}{subject} is {said.answer} than {reference}, by {by} of {said.figure}."
    if said.answer is Answer.SAME:
        return f"{start}{subject} and {reference} are the same within {margin} of {said.figure}."
    if said.answer is Answer.NOT_SETTLED:
        return f"{start}{'not' if where else 'Not'} settled: {subject} or {reference} may be better in {said.figure}."
    return f"{start}{'no' if where else 'No'} answer: {too_few(judgement, said.question)}"


def figures(said: Verdict) -> str:
    """Both figures, their difference with its interval, and what would settle an open question."""
    gap = said.difference.value
    ends = (
        f"{share_text(said.a)} against {share_text(said.b)}: {points_text(gap)} points{rounding(said.a, said.b, gap)}"
    )
    if math.isnan(said.difference.low):
        return f"{ends}, no interval."
    sign = " Off 0, but not by more than the margin." if said.has_sign else ""
    return (
        f"{ends}, 95 % interval {points_interval(said.difference.low, said.difference.high)}; "
        f"{counted(said.n_images, 'image')} of {counted(said.n_patients, 'patient')}.{sign}"
        f"{rare_classes(said.rare)}{needed(said)}"
    )


def uncertain(judgement: Judgement, question: Question) -> str:
    """What could have come otherwise, for the question asked."""
    what = (
        f"other patients and other seeds ({judgement.pair.a.n_runs} and {judgement.pair.b.n_runs}) could have come."
        if question is Question.TRAINING
        else "other patients could have come; how other trainings would do is not asked."
    )
    apart = judgement.pair.n_apart
    left = f" {counted(apart, 'image')} can be judged on one side only and are left out." if apart else ""
    return f"{ASKED[question]}: {what} All of it holds for this training set.{left}"


def needed(said: Verdict) -> str:
    """How many patients or seeds would settle it; empty where it is settled."""
    needs = said.needs
    if needs is None:
        return ""
    patients = f"about {needs.patients:,} patients (now {said.n_patients:,})" if needs.patients else ""
    seeds = f"about {needs.seeds:,} seeds a side (now {' and '.join(map(str, said.n_runs))})" if needs.seeds else ""
    if patients and seeds:
        return f" If the difference stays what it is, {patients} or {seeds} would settle it."
    if patients:
        alone = " More seeds alone cannot." if said.question is Question.TRAINING else ""
        return f" If the difference stays what it is, {patients} would settle it.{alone}"
    if seeds:
        return f" If the difference stays what it is, {seeds} would settle it. More patients alone cannot."
    return " Neither more patients alone nor more seeds alone would settle it; both are needed."


def method(judgement: Judgement, rule: Rule) -> list[str]:
    """How the verdict is decided, one sentence or two each."""
    margin = 100 * rule.margin
    lines = [
        f"The interval alone decides: inside ±{margin:g} it is the same; else wholly above or below 0 it is better "
        f"or worse; else not settled. Figure ({rule.figure}) and margin stand in workspace.toml, fixed beforehand; "
        "all other figures are secondary.",
        "Each model's answer is mapped to the common classes as it is (argmax, then mapped). Images of one patient "
        "count as one draw of several images.",
    ]
    said = judgement.verdicts[Question.TRAINING, rule.figure]
    if said.variance.total > 0:
        parts = (said.variance.patients, sum(said.variance.seeds), sum(said.variance.interaction))
        spread = [100 * math.sqrt(part) for part in parts]
        lines.append(
            f"Where the uncertainty of the trainings comes from (standard errors, points): patients {spread[0]:.2f}, "
            f"seeds {spread[1]:.2f}, of which in both {spread[2]:.2f} (counted once)."
        )
    chi2, p = clustered_mcnemar(judgement.pair)
    if not math.isnan(p):
        lines.append(
            f"As a check, not as a verdict: clustered McNemar (Obuchowski 1998), χ² = {chi2:.2f}, p = {p:.3f}."
        )
    return lines
