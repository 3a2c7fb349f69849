"""Comparison of many models: each against a baseline, and groups of models that no pair separates.

Two families, each with intervals that hold for all of its members at once (max-T, Westfall & Young 1993; against one
baseline Dunnett 1955): the rows of a table against the baseline, and all pairs. Groups come from the second family
alone: maximal sets of models in which no pair is separated (the letters of Piepho 2004).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from model_zoo.core.comparison import uncertainty
from model_zoo.core.comparison.aligned import Aligned
from model_zoo.core.comparison.comparison import MIN_PATIENTS_FOR_RESULT, MIN_SEEDS, Difference, answer
from model_zoo.core.comparison.outcomes import Answer, Outcome, Question, outcome_of
from model_zoo.core.comparison.uncertainty import FEW_DIFFERING, LEVEL
from model_zoo.core.evaluation import macro_intervals
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.metrics import ClassFigure, Headline, effective_number
from model_zoo.core.evaluation.patient_counts import PatientCounts
from model_zoo.core.label_space.taxonomy import Taxonomy, common_ground

N_DRAWS = 20_000
MAX_GROUPS = 100
"""More groups than that are not listed; models that differ by chance alone give a handful."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """Model ``of`` minus model ``against`` (positions), its simultaneous 95 % interval and what it says."""

    of: int
    against: int
    difference: Difference
    answer: Answer

    @property
    def separated(self) -> bool:
        """Whether the interval lies off 0."""
        return self.difference.excludes_zero


@dataclass(frozen=True, slots=True)
class ManyModels:
    """M models in one metric, answering one question.

    ``figures`` (M,) are means over runs. ``rows`` set each model but the baseline against it, in their order;
    ``pairs`` are all pairs, a family of its own. ``groups`` hold positions, best model first; empty where there are no
    intervals, or more than `MAX_GROUPS`. ``rare`` are the indices of the classes that all intervals take as unknown.
    """

    question: Question
    figure: Headline
    margin: float
    baseline: int
    figures: tuple[float, ...]
    n_runs: tuple[int, ...]
    n_images: int
    n_patients: int
    n_missing: tuple[int, ...]
    rows: tuple[Contrast, ...]
    pairs: tuple[Contrast, ...]
    groups: tuple[tuple[int, ...], ...]
    rare: tuple[int, ...] = ()

    def outcome(self, contrast: Contrast) -> Outcome:
        """The result of a contrast, as the decision rule words it."""
        return outcome_of(contrast.answer, contrast.difference.low, contrast.difference.high, self.margin)

    def letters(self, position: int) -> str:
        """The groups that a model is in, ``a`` for the first: models that share a letter are not separated."""
        return " ".join(_letter(k) for k, group in enumerate(self.groups) if position in group)


@dataclass(frozen=True, slots=True)
class ClassSets:
    """Which models are compared at once, in which classes; models are positions.

    ``shared`` are the finest classes that all ``kept`` models map onto. ``left_out`` maps each other model to how many
    classes would be shared with it.
    """

    shared: Taxonomy
    kept: tuple[int, ...]
    left_out: Mapping[int, int]


def question_of_all(n_runs: Sequence[int]) -> Question:
    """The widest question that all models can answer: the training where each has `MIN_SEEDS` seeds."""
    return Question.TRAINING if min(n_runs) >= MIN_SEEDS else Question.CHECKPOINT


def compare_many(
    aligned: Aligned, figure: Headline, margin: float, baseline: int = 0, question: Question | None = None
) -> ManyModels:
    """Two models or more against the one at ``baseline``, and their groups; ``margin`` is a share in (0, 1).

    With fewer than `MIN_PATIENTS_FOR_RESULT` patients, or seeds than ``question`` asks for, no interval is given.
    """
    counts = aligned.counts
    n_models, n_runs = len(counts), tuple(one.n_runs for one in counts)
    asked = question or question_of_all(n_runs)
    can = counts[0].n_patients >= MIN_PATIENTS_FOR_RESULT and (asked is Question.CHECKPOINT or min(n_runs) >= MIN_SEEDS)
    family = _Family(aligned, figure, asked)
    rows = family.contrasts([(k, baseline) for k in range(n_models) if k != baseline], margin, can)
    pairs = family.contrasts(list(combinations(range(n_models), 2)), margin, can)
    groups = tuple(islice(_groups(pairs, n_models), MAX_GROUPS + 1)) if can else ()
    return ManyModels(
        asked,
        figure,
        margin,
        baseline,
        family.figures,
        n_runs,
        counts[0].n_images,
        counts[0].n_patients,
        aligned.n_missing,
        rows,
        pairs,
        _ordered(groups, family.figures) if len(groups) <= MAX_GROUPS else (),
        family.rare,
    )


def class_sets(taxonomies: Sequence[Taxonomy], baseline: int = 0) -> ClassSets:
    """Leaves out the models whose classes reduce the shared classes of the others, the one that reduces most first.

    The baseline always stays, and so do two models at least: of two there is nothing to leave out.
    """
    kept, left_out = list(range(len(taxonomies))), list[int]()
    while True:
        shared = common_ground([taxonomies[k] for k in kept])
        without: dict[str, Taxonomy] = {}
        for own in sorted({taxonomies[k].hash for k in kept} - {taxonomies[baseline].hash}):
            others = [taxonomies[k] for k in kept if taxonomies[k].hash != own]
            if len(others) >= 2 and _size(finer := common_ground(others)) > _size(shared):
                without[own] = finer
        if not without:
            break
        worst = max(without, key=lambda own: _size(without[own]))
        left_out += [k for k in kept if taxonomies[k].hash == worst]
        kept = [k for k in kept if taxonomies[k].hash != worst]
    reduced = {
        k: len(common_ground([*(taxonomies[one] for one in kept), taxonomies[k]]).classes) for k in sorted(left_out)
    }
    return ClassSets(shared, tuple(kept), reduced)


def incorrect_alone(evaluations: Sequence[Evaluation]) -> tuple[tuple[str, ...], ...]:
    """Of each model the images that it alone gets wrong, in order: most of its runs are incorrect there (more than
    half), and of every other model most are correct. Images that all models predicted count.
    """
    if len(evaluations) < 2:
        return tuple(() for _ in evaluations)
    shared = set.intersection(*(set(one.image_ids) for one in evaluations))
    rates = [dict(zip(one.image_ids, one.right.mean(axis=0).tolist(), strict=True)) for one in evaluations]
    asked = [image_id for image_id in evaluations[0].image_ids if image_id in shared]
    return tuple(
        tuple(
            image_id
            for image_id in asked
            if own[image_id] < 0.5 and all(other[image_id] > 0.5 for other in rates if other is not own)
        )
        for own in rates
    )


class _Side:
    """One model's metric: its ratios, how far each patient moves each run's, (S, P), and each run's value, (S,)."""

    def __init__(self, counts: PatientCounts, figure: Headline, rare: NDArray[np.bool_]) -> None:
        whole, present = counts.headline(figure), counts.images.sum(axis=(0, 1)) > 0
        known = np.ones(1, dtype=np.bool_) if figure is Headline.ACCURACY else ~rare[present]
        share = float(known.sum()) / max(1, len(known))
        self.figure, self.ratios, self.unknown = float(whole.figure().mean()), whole.only(known), 1 - share
        self.influence, self.values = share * self.ratios.figure_influence(), share * self.ratios.figure()


class _Family:
    """What all contrasts of some models in one metric rest on."""

    def __init__(self, aligned: Aligned, figure: Headline, question: Question) -> None:
        self._question, self._counts = question, aligned.lowest[0]
        self._figure, rare = figure, _rare(aligned.counts, figure)
        self.rare = tuple(np.flatnonzero(rare & (self._counts.images.sum(axis=(0, 1)) > 0)).tolist())
        self._shared = [_Side(one, figure, rare) for one in aligned.counts]
        self._lowest = self._highest = self._shared
        if any(aligned.n_missing):
            self._lowest, self._highest = (
                [_Side(one, figure, rare) for one in some] for some in (aligned.lowest, aligned.highest)
            )
        self.figures = tuple(one.figure for one in self._shared)

    def contrasts(self, pairs: Sequence[tuple[int, int]], margin: float, can: bool) -> tuple[Contrast, ...]:
        """The contrasts of these positions as one family."""
        values = [self.figures[i] - self.figures[j] for i, j in pairs]
        if not can or any(map(math.isnan, values)):
            return tuple(
                Contrast(i, j, Difference(value), Answer.TOO_FEW) for (i, j), value in zip(pairs, values, strict=True)
            )
        tail = self._tail(pairs)
        return tuple(self._contrast(i, j, margin, tail) for i, j in pairs)

    def _contrast(self, i: int, j: int, margin: float, tail: float) -> Contrast:
        value = self.figures[i] - self.figures[j]
        low, high = self._interval(self._lowest[i], self._highest[j], tail)
        if self._lowest is not self._highest:
            high = self._interval(self._highest[i], self._lowest[j], tail)[1]
        found = Difference(value, min(low, value), max(high, value))
        return Contrast(i, j, found, answer(found, margin, _unseen(self._shared[i], self._shared[j], tail)))

    def _interval(self, a: _Side, b: _Side, tail: float) -> tuple[float, float]:
        """Student's interval of a mean difference that leaves ``tail`` on either side."""
        value, moved = float(a.values.mean() - b.values.mean()), a.ratios.moved(b.ratios)
        if self._question is Question.TRAINING:
            variance = uncertainty.over_patients_and_seeds(a.influence, b.influence, (a.values, b.values))
        else:
            variance = uncertainty.over_patients(a.influence, b.influence)
        is_accuracy = self._figure is Headline.ACCURACY
        if is_accuracy:
            variance = replace(variance, differing=effective_number(moved))
        # of several contrasts at once, the largest is mostly one whose spread over few seeds came out small by chance
        own_t = tail < (1 - LEVEL) / 2
        below, above = variance.halves(self._counts.effective_patients, (len(a.values), len(b.values)), tail, own_t)
        if np.count_nonzero(moved) >= FEW_DIFFERING:
            between = a.influence.mean(axis=0) - b.influence.mean(axis=0)
            skewed = uncertainty.skew(between, False, tail) if is_accuracy else 0.0
            low, high = value - below + min(skewed, 0.0), value + above + max(skewed, 0.0)
            low, high = uncertainty.beside_missed(a.ratios, b.ratios, value, (low, high), tail)
        else:
            missed = _unseen(a, b, tail)
            low, high = min(value - max(below, missed), 0.0), max(value + max(above, missed), 0.0)
        return max(-1.0, low - a.unknown), min(1.0, high + a.unknown)

    def _tail(self, pairs: Sequence[tuple[int, int]]) -> float:
        """What each side of one interval may leave, so that all hold at once in 95 %."""
        if len(pairs) == 1:
            return (1 - LEVEL) / 2
        draws, largest = _draws(self._shared, self._question), np.zeros(N_DRAWS)
        for i, j in pairs:
            apart = draws[:, i] - draws[:, j]
            if (spread := float(apart.std())) > 1e-12:
                np.maximum(largest, np.abs(apart) / spread, out=largest)
        return min((1 - LEVEL) / 2, float(ndtr(-np.quantile(largest, LEVEL))))


def _rare(models: Sequence[PatientCounts], figure: Headline) -> NDArray[np.bool_]:
    """The classes that a macro average takes as unknown, (K,): some model has too few patients for them."""
    if figure is Headline.ACCURACY:
        return np.zeros(models[0].images.shape[2], dtype=np.bool_)
    kind = ClassFigure.RECALL if figure is Headline.BALANCED_ACCURACY else ClassFigure.F1
    rare = [macro_intervals.rare_classes(one.images[0], one.classes(kind).below.mean(axis=0)) for one in models]
    return np.any(rare, axis=0)


def _unseen(a: _Side, b: _Side, tail: float) -> float:
    """The share of wholly different patients that the sample can miss."""
    return uncertainty.unseen_patients((a.ratios.weights() + b.ratios.weights()) / 2, tail)


def _draws(models: Sequence[_Side], question: Question) -> NDArray[np.float64]:
    """Jointly normal deviations of the models' figures, (N_DRAWS, M); the same in whichever order the models come."""
    influence = np.stack([one.influence.mean(axis=0) for one in models])  # (M, P)
    order = sorted(range(len(models)), key=lambda k: influence[k].tobytes())
    values, vectors = np.linalg.eigh(influence[order] @ influence[order].T)
    rng = np.random.default_rng(0)
    found = np.empty((N_DRAWS, len(models)))
    found[:, order] = rng.standard_normal((N_DRAWS, len(models))) @ (vectors * np.sqrt(np.clip(values, 0, None))).T
    if question is Question.TRAINING:
        for k in order:
            one = models[k]
            alone = uncertainty.over_patients_and_seeds(one.influence, one.influence, (one.values, one.values))
            found[:, k] += math.sqrt(max(0.0, alone.seeds[0] - alone.interaction[0])) * rng.standard_normal(N_DRAWS)
    return found


def _groups(pairs: Sequence[Contrast], n_models: int) -> Iterator[tuple[int, ...]]:
    """Maximal sets of models of which no pair is separated (Bron & Kerbosch 1973, with a pivot)."""
    near: list[set[int]] = [set() for _ in range(n_models)]
    for pair in pairs:
        if not pair.separated:
            near[pair.of].add(pair.against)
            near[pair.against].add(pair.of)

    def extend(group: tuple[int, ...], possible: set[int], done: set[int]) -> Iterator[tuple[int, ...]]:
        if not possible and not done:
            yield group
            return
        pivot = max(possible | done, key=lambda k: len(near[k] & possible))
        for k in sorted(possible - near[pivot]):
            yield from extend((*group, k), possible & near[k], done & near[k])
            possible, done = possible - {k}, done | {k}

    yield from extend((), set(range(n_models)), set())


def _ordered(groups: Sequence[tuple[int, ...]], figures: Sequence[float]) -> tuple[tuple[int, ...], ...]:
    """Groups and their members, the best first."""
    within = [tuple(sorted(group, key=lambda k: (-figures[k], k))) for group in groups]
    return tuple(sorted(within, key=lambda group: ([-figures[k] for k in group], group)))


def _letter(k: int) -> str:
    return chr(ord("a") + k) if k < 26 else f"{chr(ord('a') + k % 26)}{k // 26}"


def _size(taxonomy: Taxonomy) -> tuple[int, int]:
    """How much a class set distinguishes: its classes, and the leaves that they hold."""
    return len(taxonomy.classes), len(taxonomy.index_of)
