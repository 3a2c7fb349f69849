"""Simulated comparisons of A and B whose true difference is known exactly; `verdict.py` asks how often it is found.

Each run predicts each image correctly where a normal score lies above 0. The score adds the run's skill, how hard the
patient and the image are (for both sides, and for each side alone), and luck. On top of that B may be wrong on all
images of some patients, and A may have no prediction for some images. A wrong prediction is any other class, each as
likely.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from model_zoo.core.comparison.comparison import Pair, pair
from model_zoo.core.comparison.outcomes import Question
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.metrics import ClassFigure, Headline
from model_zoo.core.evaluation.patient_counts import PatientCounts
from model_zoo.core.label_space.taxonomy import Taxonomy

RUNS_AGREE = 0.9
"""Correlation of the scores of two seeds of a side; 0.90 in the demo's models (tetrachoric)."""

SHARED_BY_SIDES = {"similar": 0.85, "unrelated": 0.0, "copy": 1.0}
"""The part of `RUNS_AGREE` that the other side shares; 0.97 in the demo's models. A copy makes the same errors."""

CLASS_SHARES = {
    "one": (1.0,),
    "rare": (0.4, 0.3, 0.2, 0.07, 0.03),
    "rare 1.5 %": (0.5, 0.3, 0.185, 0.015),
    "rare 0.4 %": (0.5, 0.3, 0.196, 0.004),
    "5 equal": (1 / 5,) * 5,
    "9 equal": (1 / 9,) * 9,
    "20 equal": (1 / 20,) * 20,
}


_NODES = np.polynomial.hermite_e.hermegauss(40)  # of a mean over a normal variable


@dataclass(frozen=True, slots=True)
class World:
    """What is compared; gaps, SDs and shares lie in [0, 1].

    ``gap`` is the true recall of A minus that of B, in all classes or in the rarest alone; ``accuracy`` is the mean
    of both. ``sd_a`` and ``sd_b`` are the SDs of accuracy over seeds. ``spoiled``: of so many patients B has every
    image wrong. ``missing_errors``, ``missing_correct``: A has no prediction for so many of its incorrect and its
    correct images. ``pure``: all images of a patient are of one class.
    """

    patients: int
    images: int = 5
    sizes: str = "even"
    correlation: float = 0.2
    seeds_a: int = 1
    seeds_b: int = 1
    sd_a: float = 0.01
    sd_b: float = 0.01
    accuracy: float = 0.9
    gap: float = 0.0
    gap_in: str = "all"
    classes: str = "one"
    pure: bool = False
    sides: str = "similar"
    spoiled: float = 0.0
    missing_errors: float = 0.0
    missing_correct: float = 0.0
    metric: Headline = Headline.ACCURACY
    row_metric: ClassFigure = ClassFigure.RECALL
    question: Question = Question.TRAINING

    @property
    def key(self) -> tuple[str, ...]:
        """Its fields as text, in order."""
        return tuple(str(getattr(self, field.name)) for field in fields(self))

    @property
    def shares(self) -> NDArray[np.float64]:
        """Share of the images in each class, (K,)."""
        return np.array(CLASS_SHARES[self.classes])

    @property
    def fewest_patients(self) -> float:
        """How many patients are expected behind the metric: of a macro average, those of its rarest class."""
        if self.metric is Headline.ACCURACY:
            return self.patients
        share = float(self.shares.min())
        return self.patients * (share if self.pure else 1 - (1 - share) ** self.images)

    @property
    def spoiled_patients(self) -> float:
        """How many patients are expected to be wholly wrong on one side only."""
        return self.patients * self.spoiled

    def recalls(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """True recall of each class on each side, (K,), before patients are spoiled."""
        gap = np.full(len(self.shares), self.gap)
        if self.gap_in == "rarest":
            gap[:-1] = 0.0
        return self.accuracy + gap / 2, self.accuracy - gap / 2

    def skill_sds(self) -> tuple[float, float]:
        """SD over seeds on each side on the scale of the score; 0 where there is one seed."""
        scale = np.exp(-(ndtri(self.accuracy) ** 2) / 2) / np.sqrt(2 * np.pi)  # the density at the threshold
        own = [sd / scale if n > 1 else 0.0 for sd, n in ((self.sd_a, self.seeds_a), (self.sd_b, self.seeds_b))]
        return own[0], own[0] if self.sides == "copy" else own[1]


@dataclass(frozen=True, slots=True)
class Truth:
    """The true A - B: of the metric, and of each class, (K,)."""

    difference: float
    rows: NDArray[np.float64]


def truth(world: World, skills: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None) -> Truth:
    """Over all patients, all images and all trainings; with ``skills`` (S,) per side, of these very runs instead."""
    sides = []
    for side, (recall, sd) in enumerate(zip(world.recalls(), world.skill_sds(), strict=True)):
        if skills is None:
            nodes, weights = sd * _NODES[0], _NODES[1] / _NODES[1].sum()
        else:
            nodes, weights = skills[side], np.full(len(skills[side]), 1 / len(skills[side]))
        at = ndtr(_thresholds(recall, sd) + nodes[:, None])  # (nodes, K)
        at = at * (1 - world.spoiled) if side else at
        each = _of_classes(at, world.shares, world.row_metric)
        if world.metric is Headline.ACCURACY:
            whole = at @ world.shares
        else:
            kind = ClassFigure.RECALL if world.metric is Headline.BALANCED_ACCURACY else ClassFigure.F1
            whole = _of_classes(at, world.shares, kind).mean(axis=1)
        sides.append((weights @ whole, weights @ each))
    return Truth(float(sides[0][0] - sides[1][0]), sides[0][1] - sides[1][1])


def trial(world: World, rng: np.random.Generator) -> tuple[Pair, Truth]:
    """One comparison, and what is true: of these runs where the question is about them, else of all trainings."""
    sizes = _sizes(world, rng)
    patient = np.repeat(np.arange(world.patients), sizes)
    n_images, n_classes = len(patient), len(world.shares)
    classes = _classes(world, patient, rng)
    parts = (np.sqrt(world.correlation), np.sqrt(RUNS_AGREE - world.correlation))
    shared = SHARED_BY_SIDES[world.sides]

    def difficulty() -> NDArray[np.float64]:
        return parts[0] * rng.normal(size=world.patients)[patient] + parts[1] * rng.normal(size=n_images)

    both = np.sqrt(shared) * difficulty()
    correct, skills = [], []
    for recall, sd, seeds in zip(world.recalls(), world.skill_sds(), (world.seeds_a, world.seeds_b), strict=True):
        skill = sd * rng.normal(size=seeds)
        score = both + np.sqrt(1 - shared) * difficulty() + _thresholds(recall, sd)[classes]
        luck = np.sqrt(1 - RUNS_AGREE) * rng.standard_normal((seeds, n_images), dtype=np.float32)
        correct.append(luck > -(skill[:, None] + score))
        skills.append(skill)
    if world.sides == "copy":
        correct[1], skills[1] = correct[0].copy(), skills[0]
    if world.spoiled:
        correct[1] &= (rng.random(world.patients) >= world.spoiled)[patient]
    known = truth(world, (skills[0], skills[1]) if world.question is Question.CHECKPOINT else None)
    if world.missing_errors or world.missing_correct:
        return _with_missing(world, patient, classes, correct, rng), known
    if n_classes == 1:
        starts = np.cumsum(sizes) - sizes
        hits = [np.add.reduceat(one, starts, axis=1, dtype=np.float64)[:, :, None] for one in correct]
        images = sizes.astype(np.float64)[None, :, None]
        sides = [PatientCounts(images, one, one) for one in hits]
    else:
        wrong = _wrong(world, classes, rng)
        sides = [
            _counts(patient, classes, np.where(*one), world.patients, n_classes)
            for one in zip(correct, (classes, classes), wrong, strict=True)
        ]
    return Pair(tuple(f"class {k}" for k in range(n_classes)), *sides), known


def _wrong(world: World, classes: NDArray[np.int64], rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """What each run predicts where it is wrong, (S, N) per side; the same for a copy."""
    n_classes = len(world.shares)
    shape = max(world.seeds_a, world.seeds_b), len(classes)
    drawn = [(classes + 1 + rng.integers(0, n_classes - 1, shape)) % n_classes for _ in range(2)]
    if world.sides == "copy":
        drawn[1] = drawn[0]
    return [one[:seeds] for one, seeds in zip(drawn, (world.seeds_a, world.seeds_b), strict=True)]


def _thresholds(recall: NDArray[np.float64], sd: float) -> NDArray[np.float64]:
    """What is added to a score so that a class is found with this probability, over runs whose skill has this SD."""
    return ndtri(recall) * np.sqrt(1 + sd**2)


def _of_classes(recall: NDArray[np.float64], shares: NDArray[np.float64], metric: ClassFigure) -> NDArray[np.float64]:
    """Recall, precision or F1 of each class, (..., K), where wrong predictions spread evenly over the other classes."""
    if metric is ClassFigure.RECALL:
        return recall
    hits, errors = shares * recall, shares * (1 - recall)
    called = hits + (errors.sum(axis=-1, keepdims=True) - errors) / max(1, len(shares) - 1)
    return hits / called if metric is ClassFigure.PRECISION else 2 * hits / (shares + called)


def _sizes(world: World, rng: np.random.Generator) -> NDArray[np.int64]:
    """Images of each patient, (P,)."""
    if world.sizes == "even":
        return np.full(world.patients, world.images)
    if world.sizes == "giant":  # one patient has 30 % of all images
        sizes = np.full(world.patients, world.images)
        sizes[0] = round(sizes[1:].sum() * 0.3 / 0.7)
        return sizes
    spread = {"skewed": 0.8, "unequal": 1.0, "very skewed": 1.5}[world.sizes]
    drawn = np.exp(rng.normal(np.log(world.images) - spread**2 / 2, spread, world.patients))
    return np.maximum(1, np.round(drawn)).astype(np.int64)


def _classes(world: World, patient: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """The true class of each image, (N,): equal classes have equally many images, or patients where these are pure."""
    n_classes, rows = len(world.shares), (world.patients if world.pure else len(patient))
    if world.classes.endswith("equal"):
        drawn = rng.permutation(np.arange(rows) % n_classes)
    else:
        drawn = rng.choice(n_classes, rows, p=world.shares)
    return drawn[patient] if world.pure else drawn


def _with_missing(
    world: World,
    patient: NDArray[np.int64],
    classes: NDArray[np.int64],
    correct: list[NDArray[np.bool_]],
    rng: np.random.Generator,
) -> Pair:
    """The pair where A has no prediction for some images, oftener where its first run would be wrong; one class."""
    taxonomy = Taxonomy("classes", {f"class {k}": frozenset({f"class {k}"}) for k in range(len(world.shares))})
    ids = np.array([f"{k:06d}" for k in range(len(patient))])
    chance = np.where(correct[0][0], world.missing_correct, world.missing_errors)
    sides = []
    for one, kept in zip(correct, (rng.random(len(patient)) >= chance, np.ones(len(patient), dtype=np.bool_))):
        sides.append(Evaluation(taxonomy, tuple(ids[kept]), patient[kept], classes[kept], one[:, kept] - 1))
    return pair(*sides)


def _counts(
    patient: NDArray[np.int64],
    classes: NDArray[np.int64],
    predicted: NDArray[np.int64],
    n_patients: int,
    n_classes: int,
) -> PatientCounts:
    def table(which: NDArray[np.int64], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
        flat = np.bincount((patient * n_classes + which)[counted], minlength=n_patients * n_classes)
        return flat.reshape(n_patients, n_classes).astype(np.float64)

    return PatientCounts(
        table(classes, np.ones(len(classes), dtype=np.bool_))[None],
        np.stack([table(classes, one == classes) for one in predicted]),
        np.stack([table(one, one >= 0) for one in predicted]),
    )
