"""Which of two is really better: the difference of one figure over the same images, and the interval that decides.

Two questions are kept apart. *Checkpoint*: these very runs; only the choice of patients is uncertain. *Training*:
this way of training; patients and seeds are crossed random effects. Both are conditional on the training set.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from model_zoo.core import macro_intervals, uncertainty
from model_zoo.core.choices import Answer, ClassFigure, Headline, Question
from model_zoo.core.counts import Counts, Ratios, counts_by_patient, mean_defined
from model_zoo.core.errors import RunError
from model_zoo.core.evaluation import Evaluation
from model_zoo.core.uncertainty import MAX_BOOTSTRAP_PATIENTS, Variance

MIN_PATIENTS = 20
"""With fewer patients in all there is no verdict."""

MIN_CLASS_PATIENTS = macro_intervals.MIN_CLASS_PATIENTS
"""A class with fewer patients gets counts and no interval."""

MIN_SEEDS = 3
"""With fewer seeds on a side it cannot be told how much trainings differ."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a verdict is about, fixed before anything is compared: one figure, and the margin that counts as the same.

    ``margin`` is a share in (0, 1): 0.01 is one point of accuracy.
    """

    figure: Headline = Headline.ACCURACY
    margin: float = 0.01

    def __post_init__(self) -> None:
        if not 0 < self.margin < 1:
            raise ValueError(f"the margin must be a share between 0 and 1, such as 0.01; got {self.margin!r}")


@dataclass(frozen=True, slots=True)
class Pair:
    """What A (the one asked about) and B come to over the same images and classes.

    ``n_apart`` images can be judged on one side only and are left out.
    """

    classes: tuple[str, ...]
    a: Counts
    b: Counts
    n_apart: int = 0


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
class Needs:
    """How many patients, or seeds a side, would settle a question if the difference stayed what it is.

    ``None``: more of these alone never would.
    """

    patients: int | None
    seeds: int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the comparison says of one figure, for one question.

    ``a`` and ``b`` are the means over the runs of each side. ``needs`` is given where nothing is settled. ``rare``
    names the classes of a macro average that its interval takes as unknown (`macro_intervals`).
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
    needs: Needs | None
    rare: tuple[str, ...] = ()

    @property
    def has_sign(self) -> bool:
        """Whether a difference within the margin is nevertheless off 0."""
        return self.answer is Answer.SAME and self.difference.excludes_zero


@dataclass(frozen=True, slots=True)
class Row:
    """One class: its figure on both sides, and the difference with an interval simultaneous over all rows."""

    name: str
    a: float
    b: float
    difference: Difference
    n_images: int
    n_patients: int


def pair(a: Evaluation, b: Evaluation) -> Pair:
    """Both over the images that each can be judged on; `RunError` if they stand in different label spaces."""
    if a.taxonomy != b.taxonomy:
        raise RunError(
            f"These runs are judged in different classes ({a.taxonomy.name}, {b.taxonomy.name}); "
            "compare them on the common ground."
        )
    n_apart = 0
    if a.image_ids != b.image_ids:
        row_of = {image_id: row for row, image_id in enumerate(b.image_ids)}
        by_id = sorted(enumerate(a.image_ids), key=lambda one: one[1])  # so that B - A rests on the same resamples
        rows = [(row, row_of[image_id]) for row, image_id in by_id if image_id in row_of]
        n_apart = len(a.image_ids) + len(b.image_ids) - 2 * len(rows)
        own, other = np.array(rows, dtype=np.int64).reshape(-1, 2).T
        _, first, codes = np.unique(a.patients[own], return_index=True, return_inverse=True)
        patients = np.argsort(np.argsort(first))[codes]  # their codes must agree, whichever side is A
        a, b = replace(a.only(own), patients=patients), replace(b.only(other), patients=patients)
    return Pair(a.taxonomy.names, counts_by_patient(a), counts_by_patient(b), n_apart)


def verdict(pair: Pair, figure: Headline, question: Question, margin: float) -> Verdict:
    """Whether A is better than B in ``figure``; ``margin`` is a share in (0, 1).

    Checkpoint: patient bootstrap over the tables, linearised above `MAX_BOOTSTRAP_PATIENTS` patients. Training:
    Student's t on patients + seeds - interaction, Satterthwaite's degrees of freedom. With fewer than
    `MIN_PATIENTS` patients, or `MIN_SEEDS` seeds where seeds are asked about, the answer is `Answer.TOO_FEW`.
    """
    a, b = pair.a.headline(figure), pair.b.headline(figure)
    of_runs = a.figure(), b.figure()
    mean_a, mean_b = float(of_runs[0].mean()) if len(of_runs[0]) else math.nan, float(of_runs[1].mean())
    enough = can_answer(pair, question) and not math.isnan(mean_a - mean_b)
    found, variance, said = Difference(mean_a - mean_b), Variance(math.nan), Answer.TOO_FEW
    if enough:
        influence = a.figure_influence(), b.figure_influence()
        if question is Question.CHECKPOINT:
            variance = uncertainty.over_patients(*influence)
        else:
            variance = uncertainty.over_patients_and_seeds(*influence, of_runs)
        low, high = _interval(pair, a, b, question, variance, mean_a - mean_b)
        found = Difference(mean_a - mean_b, low, high)
        said = answer(found, margin)
    return Verdict(
        question,
        figure,
        mean_a,
        mean_b,
        found,
        margin,
        said,
        pair.a.n_images,
        pair.a.n_patients,
        (a.n_runs, b.n_runs),
        variance,
        needs(found, margin, variance, pair, question) if said is Answer.NOT_SETTLED else None,
        rare=rare_names(pair, figure),
    )


def checkpoint_interval(pair: Pair, figure: Headline) -> tuple[float, float] | None:
    """The interval of A - B that `verdict` gives for these runs as they are; None where it gives none."""
    if not can_answer(pair, Question.CHECKPOINT):
        return None
    a, b = pair.a.headline(figure), pair.b.headline(figure)
    value = float(a.figure().mean() - b.figure().mean())
    variance = uncertainty.over_patients(a.figure_influence(), b.figure_influence())
    return None if math.isnan(value) else _interval(pair, a, b, Question.CHECKPOINT, variance, value)


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
    return pair.a.n_patients >= MIN_PATIENTS and (
        question is Question.CHECKPOINT or min(pair.a.n_runs, pair.b.n_runs) >= MIN_SEEDS
    )


def answer(difference: Difference, margin: float) -> Answer:
    """The rule: an interval inside the margin is the same; else one wholly above or below 0 is better or worse."""
    if -margin <= difference.low and difference.high <= margin:
        return Answer.SAME
    if difference.low > 0:
        return Answer.BETTER
    return Answer.WORSE if difference.high < 0 else Answer.NOT_SETTLED


def needs(difference: Difference, margin: float, variance: Variance, pair: Pair, question: Question) -> Needs:
    """Settled is inside the margin or off 0, whichever is nearer; by the normal law, which more of either nears."""
    half = max(abs(difference.value), margin - abs(difference.value))
    allowed = (half / uncertainty.quantile(math.inf)) ** 2
    patients = _least(lambda times: variance.rescaled(times, 1) <= allowed, pair.a.n_patients)
    seeds = None
    if question is Question.TRAINING:
        seeds = _least(lambda times: variance.rescaled(1, times) <= allowed, max(pair.a.n_runs, pair.b.n_runs))
    return Needs(patients, seeds)


def class_rows(pair: Pair, figure: ClassFigure, question: Question) -> list[Row]:
    """Every class with its difference; 95 % intervals hold for all rows at once (max-T, Westfall & Young 1993).

    A class with fewer than `MIN_CLASS_PATIENTS` patients, or whose figure is undefined on a side, gets none; nor
    does any where the question cannot be answered.
    """
    a, b = pair.a.classes(figure), pair.b.classes(figure)
    mean_a, mean_b = mean_defined(a.each().T), mean_defined(b.each().T)
    images, patients = pair.a.images[0].sum(axis=0), (pair.a.images[0] > 0).sum(axis=0)
    half = np.full(len(pair.classes), np.nan)
    shown = (patients >= MIN_CLASS_PATIENTS) & ~np.isnan(mean_a - mean_b)
    if shown.any() and can_answer(pair, question):
        half[shown] = _simultaneous(pair, a.only(shown), b.only(shown), question)
    gap = mean_a - mean_b
    return [
        Row(
            name,
            float(mean_a[k]),
            float(mean_b[k]),
            Difference(float(gap[k]), float(gap[k] - half[k]), float(gap[k] + half[k])),
            int(images[k]),
            int(patients[k]),
        )
        for k, name in enumerate(pair.classes)
    ]


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


def _interval(
    pair: Pair, a: Ratios, b: Ratios, question: Question, variance: Variance, value: float
) -> tuple[float, float]:
    if a.above.shape[2] > 1:
        images = pair.a.images[0][:, pair.a.images.sum(axis=(0, 1)) > 0]
        found = macro_intervals.macro_difference(a, b, images, variance.seeds_half((a.n_runs, b.n_runs)))
        return found.low, found.high
    if variance.total <= 0:
        half = uncertainty.unseen(pair.a.n_images)
    elif question is Question.TRAINING:
        freedom = variance.degrees_of_freedom(pair.a.effective_patients, (a.n_runs, b.n_runs))
        half = uncertainty.quantile(freedom) * math.sqrt(variance.total)
    elif pair.a.n_patients > MAX_BOOTSTRAP_PATIENTS:
        half = uncertainty.quantile(pair.a.effective_patients - 1) * math.sqrt(variance.total)
    else:
        return uncertainty.bootstrap_interval(a, b, pair.a.effective_patients)
    return value - half, value + half


def _simultaneous(pair: Pair, a: Ratios, b: Ratios, question: Question) -> NDArray[np.float64]:
    """Half-widths (J,) that hold for all J ratios at once."""
    influence, each = (a.influence(), b.influence()), (a.each(), b.each())
    n_effective, n_runs = pair.a.effective_patients, (a.n_runs, b.n_runs)
    between = influence[0].mean(axis=0) - influence[1].mean(axis=0)  # (P, J)
    covariance = between.T @ between
    if question is Question.CHECKPOINT:
        parts = [Variance(uncertainty.few_patients(len(between)) * float(one)) for one in np.diag(covariance)]
    else:
        parts = [
            uncertainty.over_patients_and_seeds(
                influence[0][:, :, j], influence[1][:, :, j], (each[0][:, j], each[1][:, j])
            )
            for j in range(between.shape[1])
        ]
        for ratios in each:
            covariance = covariance + np.atleast_2d(np.cov(np.nan_to_num(ratios).T)) / len(ratios)
    scale = np.sqrt([part.total for part in parts])
    half = np.array([uncertainty.unseen(n) for n in a.below.sum(axis=1).mean(axis=0)])
    moves = scale > 0
    if moves.any():
        if question is Question.CHECKPOINT and pair.a.n_patients <= MAX_BOOTSTRAP_PATIENTS:
            largest = uncertainty.largest_resampled(a.only(moves), b.only(moves))
        else:
            largest = uncertainty.largest_normal(covariance[np.ix_(moves, moves)])
        tail = float(ndtr(-largest))
        freedom = [part.degrees_of_freedom(n_effective, n_runs) for part in parts]
        critical = np.array([uncertainty.quantile(one, tail) for one in freedom])
        half[moves] = (critical * scale)[moves]
    return half


def _least(settles: Callable[[float], bool], now: int) -> int | None:
    """The least number, at most a million times ``now``, that settles; by bisection."""
    if not settles(1e6):
        return None
    low, high = now, now * 10**6
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if settles(middle / now) else (middle, high)
    return high
