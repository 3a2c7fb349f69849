"""Sentences about the four causes, as Markdown with escaped names."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from dashboard.diagnose.diagnosis import Diagnosis, Evidence, retrained
from dashboard.diagnose.retraining import LargerModel, LearningCurve
from dashboard.words import (
    counted,
    interval_text,
    number_text,
    plain,
    points_interval,
    points_text,
    rounding,
    share_text,
    signed,
)
from model_zoo.core.comparison.comparison import Verdict
from model_zoo.core.comparison.outcomes import Question
from model_zoo.core.diagnosis.diagnosis import Cause, may_be_masked_by
from model_zoo.core.diagnosis.symptoms import ConfusedPair, Correlation, imbalance_ratio, largest_cells
from model_zoo.core.evaluation.metrics import Share
from model_zoo.workspace.command_line import command

INTRODUCTION = (
    "Four possible causes of wrong answers, always in this order. Each has one **measure** and the range that "
    "chance alone gives it (99 %, all four together). A measure outside its range shows a link, not yet a cause. "
    "**The causes overlap, so what removing them would buy does not sum to 100 %.**"
)


@dataclass(frozen=True, slots=True)
class CauseFinding:
    """One sentence on the result, one on the measure behind it, and the possible gains."""

    sentence: str
    measure: str
    gains: Sequence[tuple[Evidence, str]]


LEARNING_CURVE = "**Learning curve**: fewer training images of one class, everything else as it was."

CURVE = "Lines up and down: 95 % interval, patients only; strokes: each seed."


def cause_finding(cause: Cause, diagnosis: Diagnosis, folders: Sequence[Path] = ()) -> CauseFinding:
    """Sentences for the card of ``cause``; shell commands refer to the workspace made of ``folders``."""
    cards: Mapping[Cause, Callable[[Diagnosis], CauseFinding]] = {
        Cause.IMBALANCE: _imbalance,
        Cause.CONFUSION: _confusion,
        Cause.CAPACITY: partial(_capacity, folders=folders),
        Cause.SCATTER: _scatter,
    }
    found = cards[cause](diagnosis)
    masks = may_be_masked_by(cause, tuple(diagnosis.measures.values()))
    if not masks:
        return found
    masked = f"{found.sentence} It may be masked by: {'; '.join(map(str, masks))}."
    return replace(found, sentence=masked)


def class_imbalance(diagnosis: Diagnosis) -> str:
    """How uneven the class sizes in training are, and whether predictions favor large classes."""
    if not diagnosis.has_training_counts:
        return "No training image is listed here: how many each class was taught with is not known."
    training, names = diagnosis.training, diagnosis.names
    elsewhere = (
        "What it was trained on is not known, as it was imported; counted are the training images of this workspace. "
        if diagnosis.has_imported_run
        else ""
    )
    ratio = imbalance_ratio(training)
    most, fewest = int(training.argmax()), int(training.argmin())
    left_out = diagnosis.n_train_left_out
    return (
        f"{elsewhere}Training images of a class: {training[most]:,} ({plain(names[most])}) to {training[fewest]:,} "
        f"({plain(names[fewest])}), ratio {'–' if not math.isfinite(ratio) else f'{ratio:,.1f}'}; "
        f"{counted(int(training.sum()), 'image')} in all"
        + (f", {left_out:,} more that no class holds" if left_out else "")
        + f". Answers lean to classes with many training images by a rank correlation of "
        f"{_correlation(diagnosis.prediction_ratio_and_training)}."
    )


def error_split(diagnosis: Diagnosis) -> str:
    """Errors inside and across the coarser classes."""
    errors, coarser = diagnosis.errors, plain(diagnosis.coarser.name)
    if not diagnosis.merges:
        return f"Wrong: {_share(errors.error)}. Its classes are those of {coarser}, so all of it is across them."
    return (
        f"Wrong: {_share(errors.error)} = inside one class of {coarser} {_share(errors.inside)} "
        f"+ across its classes {_share(errors.across)}."
    )


def rater_confusion(diagnosis: Diagnosis) -> str:
    """Whether people confuse the same pairs as the models, or why this is not known yet."""
    asked = diagnosis.people
    if asked.n_people < 2:
        who = "Nobody has" if asked.n_people == 0 else "Only one person has"
        return f"{who} decided about images so far; with decisions by two people this shows which pairs people mix up."
    if asked.n_images == 0:
        return "No image has a decision by two people yet; with such images this shows which pairs people mix up."
    both = diagnosis.people_and_models
    text = f"{counted(asked.n_people, 'person').replace('persons', 'people')}, "
    text += f"{counted(asked.n_images, 'image')} decided by at least two of them. "
    if math.isnan(both.value):
        return text + "So far that says nothing about pairs of classes: people agreed, or met too few classes."
    return (
        text
        + f"Pairs that people mix up against pairs that models mix up: rank correlation {_correlation(both, 'pair')}."
    )


def retraining_effect(diagnoses: Sequence[Diagnosis]) -> str:
    """The accuracy difference of two subjects trained on different classes; empty for any other number."""
    if len(diagnoses) != 2 or len({one.evaluation.taxonomy.hash for one in diagnoses}) < 2:
        return ""
    first, second = retrained(diagnoses)
    names, gap = [plain(one.subject.title) for one in diagnoses], second.mean - first.mean
    return (
        f"all causes together: in the classes of {plain(diagnoses[0].coarser.name)}, {names[0]} is right on "
        f"{share_text(first.mean)}, {names[1]} on {share_text(second.mean)} of images "
        f"({points_text(gap)} points{rounding(second.mean, first.mean, gap)})."
    )


def most_confused_pair(diagnosis: Diagnosis) -> ConfusedPair | None:
    """The pair with the most confusions beyond the expected number; ``None`` if no pair stands out."""
    if not diagnosis.measures[Cause.CONFUSION].stands_out:
        return None
    return max(diagnosis.pairs, key=lambda pair: pair.n_images - pair.expected, default=None)


def underpredicted_class(diagnosis: Diagnosis) -> str:
    """The class predicted least often relative to how often it is true, and the one predicted most often."""
    known = [(one.value, k) for k, one in enumerate(diagnosis.prediction_ratios) if not math.isnan(one.value)]
    if not known:
        return "No class has an image here."
    least, most = min(known)[1], max(known)[1]
    low, high = diagnosis.prediction_ratios[least], diagnosis.prediction_ratios[most]
    return (
        f"Called least for how often it is true: {plain(diagnosis.names[least])} ({low.n_predicted:,.1f} for "
        f"{counted(low.n_true, 'image')}); most: {plain(diagnosis.names[most])} ({high.n_predicted:,.1f} for "
        f"{high.n_true:,.0f}). "
        "Small classes that are called too seldom look the same whether they are pushed out or badly learned: "
        "see card 1."
    )


def calibration_sentence(diagnosis: Diagnosis) -> str:
    """Calibration error in the coarser classes, and its bias."""
    if not diagnosis.has_probabilities:
        return "These answers came as labels without probabilities: there is no confidence to be checked."
    return (
        f"Calibration in the classes of {plain(diagnosis.coarser.name)}: expected error "
        f"{share_text(diagnosis.calibration.ece)}. This figure is biased upwards: perfect probabilities would show "
        f"{share_text(diagnosis.calibration.ece_of_perfect)} with as many images."
    )


def sibling_classes(diagnosis: Diagnosis) -> str:
    """Legend text that defines siblings."""
    return f"Siblings: classes that are one class in {plain(diagnosis.coarser.name)}."


def rarest_found_class(diagnosis: Diagnosis) -> str:
    """The class with the lowest nonzero recall among those with at most the median number of training images.

    Classes with recall 0 are skipped: fewer images cannot lower it.
    """
    few = diagnosis.training <= np.median(diagnosis.training)
    return min(
        (one for one, is_few in zip(diagnosis.recalls, few, strict=True) if is_few),
        key=lambda one: one.mean if one.mean > 0 else math.inf,
    ).name


def learning_curve_sentence(one: LearningCurve) -> str:
    """Effect of a class's training images on its own recall and on the accuracy of all other classes."""
    fewest, all_of_them = one.points[0].n_train, one.points[-1].n_train
    return (
        f"{counted(all_of_them, 'training image')} of {plain(one.name)} instead of {fewest:,}: {_points(one.rise)} "
        f"of its recall; all other classes together {_points(one.others)} of accuracy."
    )


def larger_model_sentence(one: LargerModel, diagnosis: Diagnosis) -> str:
    """Effect of a larger model, trained in the same way, on accuracy in the coarser classes."""
    now = diagnosis.subject.runs[0].card.n_parameters
    return (
        f"{plain(one.subject.title)} with {one.n_parameters:,} parameters instead of {now:,}: {_points(one.verdict)} "
        f"of accuracy in the classes of {plain(diagnosis.coarser.name)}."
    )


def _points(result: Verdict) -> str:
    gap, over = result.difference, "patients and seeds" if result.question is Question.TRAINING else "patients"
    interval = "no interval" if math.isnan(gap.low) else f"95 % {points_interval(gap.low, gap.high)}, over {over}"
    n = f"{counted(result.n_images, 'image')} of {counted(result.n_patients, 'patient')}"
    return f"{points_text(gap.value)} points ({interval}; {n})"


def _imbalance(diagnosis: Diagnosis) -> CauseFinding:
    measure = diagnosis.measures[Cause.IMBALANCE]
    if not diagnosis.has_training_counts:
        sentence = "Nobody knows: how many images of each class it was trained on cannot be said here."
    elif measure.stands_out:
        sentence = "Classes with fewer training images are found less often, more clearly than chance makes it look."
    elif measure.can_tell:
        sentence = "That classes with fewer training images are found less often cannot be told from chance."
    else:
        sentence = "There are too few classes, or too little between them, to tell whether training images matter."
    (gain,) = diagnosis.gains[Cause.IMBALANCE]
    return CauseFinding(
        sentence,
        f"Measure: rank correlation of recall with training images {_correlation(diagnosis.recall_and_support)}; "
        f"{_by_chance(measure.null_high, number_text)}.",
        [
            *([(gain.evidence, f"at most {_share(gain.share)}: all wrong answers about classes with fewer training "
                "images than the median class.")] if diagnosis.has_training_counts else []),
            *((Evidence.RETRAINED, learning_curve_sentence(one)) for one in diagnosis.retrained.curves),
            (Evidence.NOT_IDENTIFIABLE, "what more images than there are would bring."),
        ],
    )  # fmt: skip


def _confusion(diagnosis: Diagnosis) -> CauseFinding:
    measure, names = diagnosis.measures[Cause.CONFUSION], diagnosis.names
    worst = most_confused_pair(diagnosis)
    if worst:
        sentence = (
            "Some pairs of classes are mixed up more often than each of them is with others, above all "
            f"{plain(names[worst.first])} and {plain(names[worst.second])} "
            f"({worst.n_images:,.1f} images, {worst.expected:,.1f} expected)."
        )
    elif measure.can_tell:
        sentence = "No pairs of classes are mixed up more often than each of them is with others."
    else:
        sentence = "There are too few classes or wrong answers to tell whether certain pairs are mixed up."
    (gain,) = diagnosis.gains[Cause.CONFUSION]
    return CauseFinding(
        sentence,
        "Measure: share of the wrong answers that rates, pulls and groups of classes, fitted to all of them, leave "
        f"over on pairs {share_text(measure.value)}; "
        f"{_by_chance(measure.null_high, share_text)}.",
        [
            (gain.evidence, f"at most {_share(gain.share)}: the wrong answers on pairs beyond what is expected "
             "there, chance included."),
            (Evidence.NOT_IDENTIFIABLE, "how much of it is the labels' fault and how much the model's, before people "
             "have judged these images again."),
        ],
    )  # fmt: skip


def _capacity(diagnosis: Diagnosis, folders: Sequence[Path]) -> CauseFinding:
    measure, coarser = diagnosis.measures[Cause.CAPACITY], plain(diagnosis.coarser.name)
    larger = command("train", "--taxonomy", "NAME", "--architecture", "NAME", folders=folders)
    changes = (
        f"adding up the probabilities of siblings would make {_images(diagnosis.newly_correct_share)} right and "
        f"{_images(diagnosis.newly_incorrect_share)} wrong"
    )
    if not diagnosis.merges:
        sentence = f"Its classes are those of {coarser}: none has siblings that could take probability from it."
    elif not diagnosis.has_probabilities:
        sentence = "Nobody knows: these answers came as labels without probabilities, so there are none to add up."
    elif measure.stands_out:
        sentence = f"Answers are lost because probability is split among siblings: {changes}."
    elif measure.can_tell:
        sentence = f"No more is lost by splitting probability among siblings than among random classes: {changes}."
    else:
        sentence = f"There are too few ways to put these classes together to tell: {changes}."
    (gain,) = diagnosis.gains[Cause.CAPACITY]
    return CauseFinding(
        sentence,
        f"Measure: images made right less images made wrong {signed(100 * measure.value, 2)} points; "
        f"{_by_chance(100 * measure.null_high, lambda high: f'{signed(high, 2)} points')}.",
        [
            (gain.evidence, f"at most {_share(gain.share)} in the classes of {coarser}: the images that summing makes "
             "right, on these predictions." if diagnosis.merges else "nothing, as there are no siblings."),
            *((Evidence.RETRAINED, larger_model_sentence(one, diagnosis)) for one in diagnosis.retrained.larger_models),
            (Evidence.NOT_IDENTIFIABLE, "what freed capacity would bring without training anew" if
             diagnosis.retrained.larger_models else "what freed capacity, or a larger model, would bring; "
             f"`{larger}` trains one, to be shown here."),
        ],
    )  # fmt: skip


def _scatter(diagnosis: Diagnosis) -> CauseFinding:
    measure, top = diagnosis.measures[Cause.SCATTER], largest_cells(diagnosis.groups)
    if top is None:
        sentence = "No group of three or more classes with a shared meaning, and three others, can be judged here."
    elif measure.stands_out:
        sentence = (
            f"The group {plain(top.group.name)} is recognised as a group ({share_text(top.as_group.value)}) better "
            f"than member by member ({share_text(top.exactly.value)}): {share_text(top.stays)} of its wrong answers "
            f"stay inside, {share_text(top.expected)} would be expected."
        )
    elif measure.can_tell:
        sentence = "Wrong answers stay inside no group of shared meaning more than inside random groups of classes."
    else:
        sentence = (
            "There are too few classes or wrong answers to tell whether groups of shared meaning keep theirs inside."
        )
    (gain,) = diagnosis.gains[Cause.SCATTER]
    bound = "no group can be judged here."
    if top:
        bound = (
            f"at most {_share(gain.share)} in its own classes: the wrong answers inside {plain(top.group.name)}. Where "
            "the members are one class they are no mistakes, so this is no gain there."
        )
    return CauseFinding(
        sentence,
        f"Measure: by how many SD of random groups wrong answers stay inside, largest of all groups "
        f"{number_text(measure.value, 1)}; {_by_chance(measure.null_high, lambda high: number_text(high, 1))}.",
        [
            (gain.evidence, bound),
            (Evidence.NOT_IDENTIFIABLE, "what a model trained with the group as one class would do elsewhere; it takes "
             "such runs."),
        ],
    )  # fmt: skip


def _by_chance(high: float, form: Callable[[float], str]) -> str:
    return "the range of chance cannot be told" if math.isnan(high) else f"chance alone gives up to {form(high)}"


def _share(share: Share) -> str:
    interval = f"95 % {interval_text(share.low, share.high)}" if not math.isnan(share.low) else "no interval"
    return f"{share_text(share.value)} ({interval})"


def _images(share: Share) -> str:
    n = share.value * share.n_images
    return "no images" if not n > 0 else f"{n:,.1f} images ({share_text(share.value)})"


def _correlation(one: Correlation, noun: str = "class") -> str:
    if math.isnan(one.value):
        return "–"
    what = f"{one.n:,} {'classes' if noun == 'class' else 'pairs'}"
    interval = "" if math.isnan(one.low) else f"95 % {number_text(one.low)} to {number_text(one.high)} over "
    return f"{number_text(one.value)} ({interval}{what})"
