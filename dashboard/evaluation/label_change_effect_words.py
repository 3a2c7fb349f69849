"""Sentences on the effect of review."""

import math
from collections.abc import Callable

from dashboard.evaluation.label_change_effect import CHANGE_WORDS, ChangedSubject, LabelChanges
from dashboard.words import counted, number_text, plain, points_interval, points_text, share_text, signed
from model_zoo.core.diagnosis.diagnosis import Cause, Measure
from model_zoo.core.review.label_change_effect import LabelChangeEffect
from model_zoo.core.review.review_estimate import Estimate

HOW_TO_READ = "Before → after, over the same images"

_ESTIMATE = "accuracy if all were reviewed"

WHAT_FOR = (
    "No estimate of accuracy yet: these images were chosen, not drawn. Some dozens of images reviewed in random order "
    "give one, with an interval."
)


def coverage(found: LabelChanges) -> str:
    """How many images were reviewed, and over which the figures stand."""
    changed = counted(len(found.relabelled), "label")
    return f"Reviewed: {_of(len(found.reviewed), found.n_images)}; {changed} changed. {found.basis}"


def reviewed_part(found: LabelChanges | None) -> str:
    """What metrics on corrected labels rest on, in half a sentence."""
    if found is None:
        return "As reviewed: no image is reviewed yet, so these are the original labels"
    part = f"As reviewed: {_of(len(found.reviewed), found.n_images)}"
    if found.complete:
        return part
    if found.chosen:
        return f"{part}, one-sided: only chosen images were reviewed"
    return f"{part}, drawn by chance; all others keep their labels"


def lean(found: LabelChanges, changed: ChangedSubject) -> str:
    """Which way the figures after reviewing lean, and why they are no estimate; empty where every image is reviewed."""
    if found.complete:
        return ""
    n_looked, n_images = len(found.reviewed), found.n_images
    if not found.chosen:
        return (
            f"not one-sided: the {counted(n_looked, 'image')} looked at were drawn by chance. But all others keep "
            "their labels, so this is no estimate of accuracy either (Compare gives one: if all were reviewed)"
        )
    only = f"only {counted(n_looked, 'image')} of {n_images:,} were looked at"
    if math.isnan(changed.wrong_looked):
        return f"{only}, none of which counts here"
    if changed.wrong_looked == 1:
        return f"one-sided: {only}, all of them called wrong before, so this can only rise: no estimate of accuracy"
    if changed.wrong_looked == 0:
        return f"one-sided: {only}, all of them called right before, so this can only fall: no estimate of accuracy"
    way = "rise" if changed.wrong_looked > changed.wrong else "fall"
    return (
        f"one-sided: {only}, and {share_text(changed.wrong_looked, 0)} of the answers about them were wrong before, "
        f"against {share_text(changed.wrong, 0)} of all: this leans to a {way}, no estimate of accuracy"
    )


def row(
    found: LabelChanges,
    changed: ChangedSubject,
    count: Callable[[LabelChangeEffect, int], str] = lambda moved, n_images: f"{n_images:,}",
) -> dict[str, str]:
    """A subject's line of the table: figures before and after, how many images moved how; ``count`` writes these."""
    cells = {"subject": plain(changed.subject.title)}
    cells |= {str(figure): before_after(pair) for figure, pair in changed.figures.items()}
    for moved, images in changed.moved.items():
        if images or moved in (LabelChangeEffect.RIGHT, LabelChangeEffect.WRONG, LabelChangeEffect.SAME):
            cells[CHANGE_WORDS[moved]] = count(moved, len(images))
    return cells | ({_ESTIMATE: estimated(changed.estimate)} if found.drawn else {})


def leans(found: LabelChanges) -> list[str]:
    """Which way figures after reviewing lean: a line per subject, or one for all; Markdown."""
    if found.chosen:
        return [f"**{plain(one.subject.title)}**: {plain(lean(found, one))}." for one in found.subjects]
    return [sentence(said)] if (said := lean(found, found.subjects[0])) else []


def rankings(found: LabelChanges) -> list[str]:
    """What the random sample says of every other subject against the first; Markdown, bold where a ranking turned."""
    said = [plain(one) for one in (ranking(found, changed) for changed in found.subjects[1:]) if one]
    return [f"**{one}**" if one.startswith("The ranking turned") else one for one in said] if found.drawn else []


def sentence(part: str) -> str:
    """Half a sentence made whole; Markdown."""
    return plain(f"{part[0].upper()}{part[1:]}.")


def before_after(pair: tuple[float, float]) -> str:
    """A figure under the original and the reviewed labels."""
    return f"{share_text(pair[0])} → {share_text(pair[1])}"


def estimated(found: Estimate | None) -> str:
    """What accuracy would be if every image were reviewed; a dash where nothing was drawn."""
    if found is None or math.isnan(found.value):
        return "–"
    return f"{share_text(found.value)} ({100 * found.low:.1f}–{100 * found.high:.1f} %)"


def sample(found: LabelChanges) -> str:
    """Which images the estimate rests on, what it covers, and what it leaves open."""
    if found.complete:
        return "Every image is reviewed: nothing is estimated, and labels leave no interval."
    n, estimate = len(found.sample), found.subjects[0].estimate
    gaps = estimate.n_gaps if estimate else 0
    gap = (
        f" {counted(gaps, 'of them has', 'of them have')} no label (skipped, cannot tell, undone): the figure leaves "
        f"{'its' if gaps == 1 else 'their'} label as it was, and the interval holds whatever it could be."
        if gaps
        else ""
    )
    return (
        f"If all were reviewed: from the {counted(n, 'image')} that come first in random order (seed {found.seed}; "
        f"each had a chance of {n:,} in {found.n_images:,}), however else they were reviewed too.{gap} In brackets: "
        "95 %, for these images and these models; it covers which images were drawn. Other patients and seeds come "
        "on top. It takes the reviewers' labels for true. Accuracy alone is estimated: every other figure corrects the "
        "images that were reviewed, and says nothing of the rest."
    )


def ranking(found: LabelChanges, changed: ChangedSubject) -> str:
    """Whether the ranking against the first turned, said from the random sample alone; empty without one."""
    estimate = found.differences.get(changed.subject.subject_id)
    if estimate is None or math.isnan(estimate.value):
        return ""
    other, first = changed.subject.title, found.subjects[0].subject.title
    figures = (
        f"{other} minus {first}, accuracy: {points_text(estimate.before)} points by the original labels, "
        f"{points_text(estimate.value)} if all were reviewed (95 % {points_interval(estimate.low, estimate.high)})."
    )
    if estimate.turned:
        return f"The ranking turned. {figures}"
    if estimate.low > 0 or estimate.high < 0:
        return f"The ranking {'holds' if estimate.value * estimate.before > 0 else 'is settled'}. {figures}"
    return f"Inconclusive: the ranking may hold or turn. {figures}"


def measure_text(measure: Measure) -> str:
    """A cause's measure, and up to which value chance alone gives it."""
    form = {
        Cause.IMBALANCE: number_text,
        Cause.CONFUSION: share_text,
        Cause.CAPACITY: lambda value: f"{signed(100 * value, 2)} points",
        Cause.SCATTER: lambda value: f"{number_text(value, 1)} SD",
    }[measure.cause]
    if math.isnan(measure.value):
        return "–"
    if math.isnan(measure.null_high):
        return f"{form(measure.value)} (the range of chance cannot be told)"
    return f"{form(measure.value)} (chance: up to {form(measure.null_high)})"


def _of(some: int, everything: int) -> str:
    return f"{some:,} of {counted(everything, 'image')}"
