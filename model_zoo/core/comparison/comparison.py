"""Comparison of two models: the difference of one metric over the same images, its interval and the decision.

Two questions are kept apart. *Checkpoint*: these very runs; only the choice of patients is uncertain. *Training*:
this way of training; patients and seeds are crossed random effects. Both are conditional on the training set.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from model_zoo.core.comparison import uncertainty
from model_zoo.core.comparison.missing_predictions import UNPREDICTED, best_and_worst_case, over_all_images
from model_zoo.core.comparison.outcomes import Answer, Outcome, Question, outcome_of
from model_zoo.core.comparison.power import Needs, needs
from model_zoo.core.comparison.uncertainty import FEW_DIFFERING, MAX_BOOTSTRAP_PATIENTS, Variance
from model_zoo.core.errors import RunError
from model_zoo.core.evaluation import macro_intervals
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.metrics import Headline, effective_number
from model_zoo.core.evaluation.patient_counts import PatientCounts, Ratios, counts_by_patient

MIN_PATIENTS_FOR_RESULT = 20
"""With fewer patients in all there is no verdict."""

MIN_SEEDS = 3
"""With fewer seeds on a side it cannot be told how much trainings differ."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a verdict is about, fixed before anything is compared: one figure, and the margin that counts as the same.

    ``margin`` is a share in (0, 1): 0.01 is one point of accuracy. ``planned_seeds`` is how many seeds a side were
    planned, if that was declared.
    """

    figure: Headline = Headline.ACCURACY
    margin: float = 0.01
    planned_seeds: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.margin < 1:
            raise ValueError(f"the margin must be a share between 0 and 1, such as 0.01; got {self.margin!r}")
        if self.planned_seeds is not None and self.planned_seeds < 1:
            raise ValueError(f"planned_seeds must be a whole number from 1 on; got {self.planned_seeds!r}")


@dataclass(frozen=True, slots=True)
class Pair:
    """What A (the one asked about) and B come to over the same images and classes.

    ``n_apart`` images lack a prediction of some run: ``n_missing`` on A and on B. They are not in ``a`` and ``b``, but
    in ``extremes``: all images with what is missing on A incorrect and on B correct, then the other way round.
    """

    classes: tuple[str, ...]
    a: PatientCounts
    b: PatientCounts
    n_apart: int = 0
    n_missing: tuple[int, int] = (0, 0)
    extremes: tuple["Pair", "Pair"] | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A - B of a figure in [0, 1], with its 95 % interval; NaN where there is none."""

    value: float
    low: float = math.nan
    high: float = math.nan

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the comparison says of one figure, for one question.

    ``a`` and ``b`` are the means over the runs of each side. ``n_effective`` counts effective patients (Kish 1965),
    ``n_apart`` images that lack a prediction.
    ``unseen`` is the share of patients who may be wholly different though this sample holds none of them (97.5 %).
    ``nothing_seen``: the patients seen differ by no more than the margin, but ``unseen`` is larger than it.
    ``rare`` names the classes of a macro average that its interval takes as unknown (`macro_intervals`).
    """

    question: Question
    figure: Headline
    a: float
    b: float
    difference: Difference
    margin: float
    answer: Answer
    n_images: int
    n_patients: int
    n_runs: tuple[int, int]
    variance: Variance
    unseen: float
    nothing_seen: bool
    n_effective: float
    n_apart: int
    rare: tuple[str, ...] = ()

    @property
    def needs(self) -> Needs | None:
        """What would give a result with `POWER`; None where there is one, predictions are missing or classes rare."""
        if self.answer is not Answer.INCONCLUSIVE or self.n_apart or self.rare:
            return None
        return needs(
            self.difference.value,
            self.margin,
            self.variance,
            self.n_patients,
            self.n_effective,
            self.n_runs,
            self.question,
            self.unseen,
        )

    @property
    def outcome(self) -> Outcome:
        """The result by the rule of `outcome_of`, which says on which side of the margin the interval lies."""
        return outcome_of(self.answer, self.difference.low, self.difference.high, self.margin)


def pair(a: Evaluation, b: Evaluation, partly: tuple[Evaluation | None, Evaluation | None] = (None, None)) -> Pair:
    """Both over the images that all runs of each predicted; `RunError` if they stand in different label spaces.

    ``partly``: of each side, images that some of its runs predicted (`evaluate_with_missing`). Images that a side does
    not place in these classes are in neither evaluation, and not missing.
    """
    if a.taxonomy != b.taxonomy:
        raise RunError(
            f"These runs are judged in different classes ({a.taxonomy.name}, {b.taxonomy.name}); "
            "compare them on the common ground."
        )
    if a.image_ids == b.image_ids and partly == (None, None):
        return Pair(a.taxonomy.names, counts_by_patient(a), counts_by_patient(b))
    a, b = over_all_images(a, b, partly)
    lacking = [(side.predicted == UNPREDICTED).any(axis=0) for side in (a, b)]
    apart, n_missing = lacking[0] | lacking[1], (int(lacking[0].sum()), int(lacking[1].sum()))
    here = pair(a.only(~apart), b.only(~apart))
    if not apart.any():
        return here
    low, high = (pair(*one) for one in best_and_worst_case(a, b))
    return replace(here, n_apart=int(apart.sum()), n_missing=n_missing, extremes=(low, high))


def verdict(pair: Pair, figure: Headline, question: Question, margin: float) -> Verdict:
    """Whether A is better than B in ``figure``; ``margin`` is a share in (0, 1).

    Checkpoint: patient bootstrap over the tables, linearised above `MAX_BOOTSTRAP_PATIENTS` patients. Training:
    patients + seeds - interaction, seeds with their own Student's t (`Variance.halves`). Where fewer than
    `FEW_DIFFERING` patients differ, the interval holds whatever this sample can have missed. With fewer than
    `MIN_PATIENTS_FOR_RESULT` patients, or `MIN_SEEDS` seeds where seeds are asked about, it is `Answer.TOO_FEW`.
    """
    a, b = pair.a.headline(figure), pair.b.headline(figure)
    mean_a, mean_b = _mean(a), _mean(b)
    nothing = Difference(mean_a - mean_b)
    found, said = _Found(nothing, nothing, Variance(math.nan), math.nan, math.nan), Answer.TOO_FEW
    if can_answer(pair, question) and not math.isnan(mean_a - mean_b):
        found = _found(pair, figure, question)
        said = answer(found.difference, margin, found.missed)
    nothing_seen = said is Answer.INCONCLUSIVE and answer(found.seen, margin) is Answer.SAME and found.unseen > margin
    return Verdict(
        question,
        figure,
        mean_a,
        mean_b,
        found.difference,
        margin,
        said,
        pair.a.n_images,
        pair.a.n_patients,
        (a.n_runs, b.n_runs),
        found.variance,
        found.unseen,
        nothing_seen,
        pair.a.effective_patients,
        pair.n_apart,
        rare_names(pair, figure),
    )


def checkpoint_interval(pair: Pair, figure: Headline) -> tuple[float, float] | None:
    """The interval of A - B that `verdict` gives for these runs as they are; None where it gives none."""
    if not can_answer(pair, Question.CHECKPOINT):
        return None
    found = _found(pair, figure, Question.CHECKPOINT).difference
    return None if math.isnan(found.value) else (found.low, found.high)


def rare_names(pair: Pair, figure: Headline) -> tuple[str, ...]:
    """The classes that the interval of a macro average takes as anything from 0 to 1: they have too few patients."""
    if figure is Headline.ACCURACY:
        return ()
    present = pair.a.images[0].sum(axis=0) > 0
    below = [side.headline(figure).below.mean(axis=0) for side in (pair.a, pair.b)]
    images = pair.a.images[0][:, present]
    rare = macro_intervals.rare_classes(images, below[0]) | macro_intervals.rare_classes(images, below[1])
    return tuple(np.array(pair.classes, dtype=object)[present][rare])


def can_answer(pair: Pair, question: Question) -> bool:
    """Whether there are enough patients, and seeds where these are asked about."""
    return pair.a.n_patients >= MIN_PATIENTS_FOR_RESULT and (
        question is Question.CHECKPOINT or min(pair.a.n_runs, pair.b.n_runs) >= MIN_SEEDS
    )


def answer(difference: Difference, margin: float, unseen: float = 0.0) -> Answer:
    """The rule, first match: an interval inside the margin is the same; one wholly above or below 0 better or worse.

    The same is said only if ``unseen``, the share of wholly different patients that were possibly missed, is within
    the margin too.
    """
    if -margin <= difference.low and difference.high <= margin and unseen <= margin:
        return Answer.SAME
    if difference.low > 0:
        return Answer.BETTER
    return Answer.WORSE if difference.high < 0 else Answer.INCONCLUSIVE


def clustered_mcnemar(pair: Pair) -> tuple[float, float]:
    """That two runs are right equally often (Obuchowski 1998, Stat. Med. 17): chi-square with 1 df, and p.

    Discordant images are summed within patients. NaN where no patient is discordant or a side has several runs.
    """
    if pair.a.n_runs != 1 or pair.b.n_runs != 1:
        return math.nan, math.nan
    gap = (pair.a.hits - pair.b.hits)[0].sum(axis=1)
    squares = float(gap @ gap)
    if squares == 0:
        return math.nan, math.nan
    chi2 = float(gap.sum()) ** 2 / squares
    return chi2, float(2 * ndtr(-math.sqrt(chi2)))


@dataclass(frozen=True, slots=True)
class _Found:
    """A difference with the interval stated, and the one that the patients ``seen`` alone give.

    ``missed`` is how far from 0 the truth may be because patients who differ were missed.
    """

    difference: Difference
    seen: Difference
    variance: Variance
    unseen: float
    missed: float


def _found(pair: Pair, figure: Headline, question: Question) -> _Found:
    """Over the images that both predicted; the intervals hold whatever the missing predictions would have been."""
    here = _found_in(pair, figure, question)
    if pair.extremes is None:
        return here
    low, high = (_found_in(one, figure, question) for one in pair.extremes)

    def both(of: Callable[[_Found], Difference]) -> Difference:
        value = here.difference.value
        return Difference(value, min(value, of(low).low), max(value, of(high).high))

    return _Found(
        both(lambda one: one.difference),
        both(lambda one: one.seen),
        here.variance,
        max(here.unseen, low.unseen, high.unseen),
        max(here.missed, low.missed, high.missed),
    )


def _found_in(pair: Pair, figure: Headline, question: Question) -> _Found:
    a, b = pair.a.headline(figure), pair.b.headline(figure)
    influence, value = (a.figure_influence(), b.figure_influence()), _mean(a) - _mean(b)
    if question is Question.CHECKPOINT:
        variance = uncertainty.over_patients(*influence)
    else:
        variance = uncertainty.over_patients_and_seeds(*influence, (a.figure(), b.figure()))
    weights, moved = (a.weights() + b.weights()) / 2, a.moved(b)
    if figure is Headline.ACCURACY:
        variance = replace(variance, differing=effective_number(moved))
    ends = _seen(pair, a, b, question, variance, value)
    if np.count_nonzero(moved) >= FEW_DIFFERING:
        ends = uncertainty.beside_missed(a, b, value, ends)
    seen = Difference(value, *ends)
    unseen = uncertainty.unseen_patients(weights)
    missed = unseen + (abs(value) if _few_dominate(moved, weights) else 0)
    if np.count_nonzero(moved) < FEW_DIFFERING:
        stated = _widened(seen, unseen)
    elif figure is Headline.ACCURACY:
        resampled = question is Question.CHECKPOINT and pair.a.n_patients <= MAX_BOOTSTRAP_PATIENTS
        seen = stated = _farther(
            seen, uncertainty.skew(influence[0].mean(axis=0) - influence[1].mean(axis=0), resampled)
        )
    else:
        stated = seen
    return _Found(stated, seen, variance, unseen, missed)


def _mean(ratios: Ratios) -> float:
    return float(ratios.figure().mean()) if ratios.n_runs else math.nan


def _seen(
    pair: Pair, a: Ratios, b: Ratios, question: Question, variance: Variance, value: float
) -> tuple[float, float]:
    """The interval that the patients and runs seen give; no width where none of them differ."""
    if a.above.shape[2] > 1:
        images = pair.a.images[0][:, pair.a.images.sum(axis=(0, 1)) > 0]
        found = macro_intervals.macro_difference(
            a, b, images, variance.seeds_halves(pair.a.effective_patients, (a.n_runs, b.n_runs))
        )
        return found.low, found.high
    if variance.total <= 0:
        return value, value
    n_patients = pair.a.effective_patients
    if question is Question.CHECKPOINT and pair.a.n_patients <= MAX_BOOTSTRAP_PATIENTS:
        return uncertainty.bootstrap_interval(a, b, variance.patients_freedom(n_patients))
    below, above = variance.halves(n_patients, (a.n_runs, b.n_runs))
    return value - below, value + above


def _farther(seen: Difference, skew: float) -> Difference:
    """With the end farther out to which what patients add is skewed; the other one stays."""
    return Difference(seen.value, max(seen.low + min(skew, 0.0), -1.0), min(seen.high + max(skew, 0.0), 1.0))


def _widened(seen: Difference, unseen: float) -> Difference:
    """By what was possibly missed on either side, and over 0: fewer than `FEW_DIFFERING` patients never exclude it."""
    low, high = min(seen.low, seen.value - unseen, 0.0), max(seen.high, seen.value + unseen, 0.0)
    return Difference(seen.value, max(low, -1.0), min(high, 1.0))


def _few_dominate(moved: NDArray[np.float64], weights: NDArray[np.float64]) -> bool:
    """Whether fewer than `FEW_DIFFERING` patients make up the difference, absolutely and for their weights."""
    rates = np.divide(moved, weights, out=np.zeros_like(moved), where=weights > 0)
    return max(uncertainty.effective_number(moved), uncertainty.effective_number(rates)) < FEW_DIFFERING
