"""A verdict in plain words, the same on the page and in a report."""

import math

from dashboard.actions.verdicts import Judgement, too_few
from dashboard.links import Where
from dashboard.words import counted, points_interval, points_text, rounding, share_text
from model_zoo.core.choices import Answer, Question
from model_zoo.core.comparison import Rule, Verdict, clustered_mcnemar
from model_zoo.core.power import POWER

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
        f"{counted(said.n_images, 'image')} of {counted(said.n_patients, 'patient')}.{sign}{needed(said)}"
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
    """How many patients or seeds would give a result, and with which power; empty where there is one."""
    needs = said.needs
    if needs is None:
        return ""
    a, b = said.n_runs
    ways = []
    if needs.patients:
        ways.append(f"about {needs.patients:,} patients (now {said.n_patients:,})")
    if needs.seeds_each:
        ways.append(f"{needs.seeds_each:,} seeds a side (now {a} and {b})")
    if needs.seeds_a:
        ways.append(f"{needs.seeds_a:,} seeds of the first (now {a}), the second as it is")
    if needs.seeds_b:
        ways.append(f"{needs.seeds_b:,} seeds of the second (now {b}), the first as it is")
    if needs.together:
        patients, more_a, more_b = needs.together
        ways.append(f"{patients:,} patients together with {more_a:,} and {more_b:,} seeds")
    if not ways:
        return " If the true difference is the observed one, no number of patients or seeds would give a result."
    alone = "" if needs.patients else " More patients alone would not."
    if said.question is Question.TRAINING and not (needs.seeds_each or needs.seeds_a or needs.seeds_b):
        alone += " More seeds alone would not."
    return (
        f" If the true difference is the observed one, a result has {100 * POWER:.0f} % power with "
        f"{'; or '.join(ways)}.{alone}"
    )


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
