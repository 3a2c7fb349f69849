"""Sentences about a result, shared by the page, the report and the command line."""

import math

from dashboard.address.links import Filter
from dashboard.evaluation.verdict import Judgement, too_few
from dashboard.words import counted, points_interval, points_text, rare_classes, rounding, share_text
from model_zoo.core.comparison.comparison import Rule, Verdict, clustered_mcnemar
from model_zoo.core.comparison.outcomes import Answer, Outcome, Question
from model_zoo.core.comparison.power import POWER
from model_zoo.core.comparison.uncertainty import FEW_DIFFERING

QUESTION_TEXTS = {
    Question.TRAINING: "This way of training",
    Question.CHECKPOINT: "These trained models as they are",
}

HELP = (
    "A result holds for this training set. A better one picked among many comparisons overstates the difference (in a "
    "simulation, a true 1.0 pp was stated as 2.7 pp on average). More data may turn a result that is possibly by less "
    "than the margin into equivalent."
)


def verdict_sentence(judgement: Judgement, result: Verdict, where: Filter | None = None) -> str:
    """The result in one sentence; if the filter ``where`` restricts the images, the sentence says so first."""
    a, b = judgement.subject.title, judgement.reference.title
    if result.answer is Answer.TOO_FEW:
        return f"{'On these images: no' if where else 'No'} result: {too_few(judgement, result.question)}"
    if result.answer is Answer.INCONCLUSIVE:
        which = (
            f"no difference seen; up to {share_text(result.unseen)} of patients could still differ"
            if result.nothing_seen
            else f"{a} or {b} may be better in {result.figure}"
        )
        between = f" ({a}, {b})" if result.nothing_seen else ""
        start = "On these images: inconclusive" if where else "Inconclusive"
        return f"{start}{between}: {which}, for this training set."
    margin = f"{100 * result.margin:g} pp of {result.figure}, for this training set."
    start = "On these images: " if where else ""
    if result.outcome is Outcome.EQUIVALENT:
        return f"{start}{a} and {b} are equivalent within ±{margin}"
    if result.outcome is Outcome.WITHIN_MARGIN:
        return f"{start}{a} and {b} are equivalent; a difference exists, within the margin of ±{margin}"
    if result.outcome.by_more:
        return f"{start}{a} is {result.answer} than {b} by more than the margin of {margin}"
    return f"{start}{a} is {result.answer} than {b}, possibly by less than the margin of {margin}"


def accuracy_sentence(judgement: Judgement, result: Verdict) -> str:
    """Both metrics, their difference with its interval, and the sample size needed if inconclusive."""
    gap = result.difference.value
    ends = f"{share_text(result.a)} against {share_text(result.b)}: {points_text(gap)} pp"
    ends += rounding(result.a, result.b, gap)
    if math.isnan(result.difference.low):
        return f"{ends}, no interval."
    return (
        f"{ends}, 95 % CI {points_interval(result.difference.low, result.difference.high)}; "
        f"{counted(result.n_images, 'image')} of {counted(result.n_patients, 'patient')}."
        f"{missing_predictions_note(judgement)}{rare_classes(result.rare)}{sample_size_note(result)}"
    )


def missing_predictions_note(judgement: Judgement) -> str:
    """Number of images without a prediction on each side, and how the interval treats them; empty if there are none."""
    on_a, on_b = judgement.pair.n_missing
    if not judgement.pair.n_apart:
        return ""
    return (
        f" {counted(on_a, 'image')} without a prediction of {judgement.subject.title}, {on_b:,} without one of "
        f"{judgement.reference.title}: the 95 % CI holds whatever these would have been (worst case). "
        "Predict them to narrow it."
    )


def uncertainty_note(judgement: Judgement, question: Question) -> str:
    """The sources of variation that the interval covers, for the selected question."""
    what = (
        f"other patients and other seeds ({judgement.pair.a.n_runs} and {judgement.pair.b.n_runs}) could have come."
        if question is Question.TRAINING
        else "other patients could have come; how other trainings would do is not asked."
    )
    return f"{QUESTION_TEXTS[question]}: {what}"


def sample_size_note(result: Verdict) -> str:
    """Number of patients or seeds needed for a result, with its power; empty if there is a result."""
    needs = result.needs
    if needs is None:
        return ""
    a, b = result.n_runs
    ways = []
    if needs.patients:
        ways.append(f"about {counted(needs.patients, 'patient')} (now {result.n_patients:,})")
    if needs.seeds_each:
        ways.append(f"{counted(needs.seeds_each, 'seed')} a side (now {a} and {b})")
    if needs.seeds_a:
        ways.append(f"{counted(needs.seeds_a, 'seed')} of the first (now {a}), the second as it is")
    if needs.seeds_b:
        ways.append(f"{counted(needs.seeds_b, 'seed')} of the second (now {b}), the first as it is")
    if needs.together:
        patients, more_a, more_b = needs.together
        ways.append(f"{counted(patients, 'patient')} together with {more_a:,} and {counted(more_b, 'seed')}")
    if not ways:
        return " If the true difference is the observed one, no number of patients or seeds would give a result."
    alone = "" if needs.patients else " More patients alone would not."
    if result.question is Question.TRAINING and not (needs.seeds_each or needs.seeds_a or needs.seeds_b):
        alone += " More seeds alone would not."
    return (
        f" If the true difference is the observed one, a result has {100 * POWER:.0f} % power with "
        f"{'; or '.join(ways)}.{alone}"
    )


def decision_method(judgement: Judgement, rule: Rule) -> list[str]:
    """How the result is decided, in one or two sentences per step."""
    margin = f"{100 * rule.margin:g} pp"
    lines = [
        f"Decision rule for the 95 % CI of the difference, first match: within ±{margin}: equivalent (if it excludes "
        f"0: a difference exists, within the margin); above +{margin}: better by more than the margin; above 0: "
        "better, possibly by less than the margin; mirrored: worse; else inconclusive. "
        f"Metric ({rule.figure}) and margin are set in workspace.toml, beforehand; all other metrics are secondary.",
        HELP,
        "The prediction of each model is mapped to the shared classes as it is (argmax, then mapped). Images of one "
        "patient are one cluster.",
    ]
    unseen = judgement.verdicts[Question.CHECKPOINT, rule.figure].unseen
    if not math.isnan(unseen):
        lines.append(
            f"A sample like this one can miss up to {share_text(unseen)} of patients on whom the models wholly differ "
            f"(97.5 %, exact). Equivalent is stated only if that is within the margin of {margin}; where fewer than "
            f"{FEW_DIFFERING} patients differ, the 95 % CI is at least that wide on each side."
        )
    result = judgement.verdicts[Question.TRAINING, rule.figure]
    if result.variance.total > 0:
        parts = (result.variance.patients, sum(result.variance.seeds), sum(result.variance.interaction))
        spread = [100 * math.sqrt(part) for part in parts]
        lines.append(
            f"Sources of uncertainty (standard errors, pp): patients {spread[0]:.2f}, "
            f"seeds {spread[1]:.2f}, of which in both {spread[2]:.2f} (counted once)."
        )
    chi2, p = clustered_mcnemar(judgement.pair)
    if not math.isnan(p):
        lines.append(f"As a check, not as a result: clustered McNemar (Obuchowski 1998), χ² = {chi2:.2f}, p = {p:.3f}.")
    return lines
