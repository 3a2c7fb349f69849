"""Data with exactly one planted cause, and with none: does only the planted one's measure leave its null range?

    uv run --no-sync python benchmarks/causes.py [--trials 50] [--first 0]

Simulated predictions of one run, about 2,000 images of 400 patients, 15 classes in 3 groups of 5 (drawn by lot),
training images from 20 to 1,000 a class (drawn by lot). A patient's images share their noise.
"""

import argparse
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.diagnosis.diagnosis import Cause, Measure, may_be_masked_by, measure_causes
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.label_space.class_groups import ClassGroup
from model_zoo.core.label_space.taxonomy import Taxonomy

N_CLASSES, N_GROUPS, N_PATIENTS, MEAN_IMAGES = 15, 3, 400, 5
TAXONOMY = Taxonomy("simulated", {f"c{k}": frozenset({f"leaf{k}"}) for k in range(N_CLASSES)})
MARGIN = 3.0  # of the true class's score, in SD of the noise; about 85 % of the answers are right


@dataclass
class Trial:
    """One simulated data set: scores (N, K) before the softmax, and what they were made for."""

    rng: np.random.Generator
    truth: NDArray[np.int64]
    patients: NDArray[np.int64]
    training: NDArray[np.int64]
    group_of: NDArray[np.int64]
    scores: NDArray[np.float64]

    def others(self) -> NDArray[np.bool_]:
        """Members of the true class's group, except the true class itself, (N, K)."""
        same = self.group_of[self.truth][:, None] == self.group_of[None, :]
        same[np.arange(len(self.truth)), self.truth] = False
        return same

    def measured(self) -> tuple[Measure, ...]:
        """The four measures, as the page computes them."""
        powers = np.exp(1.5 * (self.scores - self.scores.max(axis=1, keepdims=True)))
        probabilities = (powers / powers.sum(axis=1, keepdims=True))[None]
        ids = tuple(map(str, range(len(self.truth))))
        predicted = probabilities.argmax(axis=2)
        evaluation = Evaluation(TAXONOMY, ids, self.patients, self.truth, predicted)
        groups = [
            ClassGroup({"group": str(g)}, tuple(np.flatnonzero(self.group_of == g).tolist())) for g in range(N_GROUPS)
        ]
        return measure_causes(evaluation, probabilities, self.training, self.group_of, groups)


def nothing(seed: int) -> Trial:
    """No cause: every class is as hard as any other, and noise alone makes the wrong answers."""
    rng = np.random.default_rng(seed)
    sizes = rng.geometric(1 / MEAN_IMAGES, N_PATIENTS)
    patients = np.repeat(np.arange(N_PATIENTS), sizes)
    weights = rng.dirichlet(np.full(N_CLASSES, 4.0))
    truth = rng.choice(N_CLASSES, len(patients), p=weights)
    training = np.geomspace(20, 1000, N_CLASSES).astype(np.int64)[rng.permutation(N_CLASSES)]
    group_of = (np.arange(N_CLASSES) % N_GROUPS)[rng.permutation(N_CLASSES)]
    scores = np.sqrt(0.7) * rng.normal(size=(len(truth), N_CLASSES))
    scores += np.sqrt(0.3) * rng.normal(size=(N_PATIENTS, N_CLASSES))[patients]
    scores[np.arange(len(truth)), truth] += MARGIN
    return Trial(rng, truth, patients, training, group_of, scores)


def imbalance(trial: Trial) -> None:
    """Every score leans towards the classes with more training images."""
    lean = np.log(trial.training)
    trial.scores += 0.7 * (lean - lean.mean())


def confusion(trial: Trial) -> None:
    """Three pairs of classes, drawn by lot, look alike in a third of their images; the label is a matter of opinion."""
    for pair in trial.rng.permutation(N_CLASSES)[:6].reshape(3, 2):
        _look_alike(trial, *pair)


def capacity(trial: Trial) -> None:
    """The true class's score is split: its siblings hold a share of it, mostly too little to win themselves."""
    rows = np.arange(len(trial.truth))
    trial.scores[rows, trial.truth] -= 0.4
    held = trial.scores[rows, trial.truth][:, None] - 0.6 - 0.2 * np.abs(trial.rng.normal(size=trial.scores.shape))
    trial.scores = np.where(trial.others(), np.maximum(trial.scores, held), trial.scores)


def scatter(trial: Trial) -> None:
    """One group, drawn by lot, is recognised as a group; which member it is, is half a guess."""
    inside = (trial.group_of[trial.truth] == trial.rng.integers(N_GROUPS))[:, None] & trial.others()
    trial.scores = np.where(inside, trial.scores + MARGIN - 1.0, trial.scores)


def pairs_in_one_group(trial: Trial) -> None:
    """As `confusion`, but both pairs lie in the same group."""
    for pair in trial.rng.permutation(np.flatnonzero(trial.group_of == 0))[:4].reshape(2, 2):
        _look_alike(trial, *pair)


def uneven_scatter(trial: Trial) -> None:
    """As `scatter`, but some members draw more of the group's images than others."""
    inside = (trial.group_of[trial.truth] == trial.rng.integers(N_GROUPS))[:, None] & trial.others()
    lift = np.minimum(1.4, np.exp(0.5 * trial.rng.normal(size=N_CLASSES)))
    trial.scores = np.where(inside, trial.scores + (MARGIN - 1.0) * lift, trial.scores)


def small_classes_in_one_group(trial: Trial) -> None:
    """As `imbalance`, but the supports follow the groups: one holds the small classes, one the large."""
    trial.training[np.argsort(trial.group_of, kind="stable")] = np.sort(trial.training)
    imbalance(trial)


def _look_alike(trial: Trial, one: int, other: int) -> None:
    """In a third of the images of both classes both score alike, and the label is a matter of opinion."""
    rows = np.flatnonzero(np.isin(trial.truth, (one, other)) & (trial.rng.random(len(trial.truth)) < 0.35))
    partner = np.where(trial.truth[rows] == one, other, one)
    trial.scores[rows, partner] += MARGIN
    swapped = trial.rng.random(len(rows)) < 0.5
    trial.truth[rows[swapped]] = partner[swapped]


Effect = Callable[[Trial], None]

PLANTED: dict[Cause, Effect] = {
    Cause.IMBALANCE: imbalance,
    Cause.CONFUSION: confusion,
    Cause.CAPACITY: capacity,
    Cause.SCATTER: scatter,
}


HARD: dict[str, tuple[Cause, Effect]] = {
    "confusion: two pairs, both in one group": (Cause.CONFUSION, pairs_in_one_group),
    "scatter: members draw unevenly": (Cause.SCATTER, uneven_scatter),
    "imbalance: small classes all in one group": (Cause.IMBALANCE, small_classes_in_one_group),
}


def planted(seed: int, *effects: Effect) -> Trial:
    """A data set in which the effects are at work, one after the other."""
    trial = nothing(seed)
    for effect in effects:
        effect(trial)
    return trial


def as_planted(causes: set[Cause], measures: tuple[Measure, ...]) -> bool:
    """Whether the planted causes stand out and no other does."""
    return {one.cause for one in measures if one.stands_out} == causes


def told(causes: set[Cause], measures: tuple[Measure, ...]) -> bool:
    """Whether each planted cause stands out or is said to be possibly masked by another."""
    return all(one.stands_out or bool(may_be_masked_by(one.cause, measures)) for one in measures if one.cause in causes)


def main() -> None:
    """Print a table: how often each measure leaves its range, all four are right, and each planted cause is told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--first", type=int, default=0, help="seed of the first trial")
    arguments = parser.parse_args()
    rows: list[tuple[str, set[Cause], tuple[Effect, ...]]] = [("none", set(), ())]
    rows += [(cause, {cause}, (effect,)) for cause, effect in PLANTED.items()]
    rows += [(name, {cause}, (effect,)) for name, (cause, effect) in HARD.items()]
    rows += [
        (f"{a.name} + {b.name}".lower(), {a, b}, (PLANTED[a], PLANTED[b]))
        for a, b in itertools.combinations(PLANTED, 2)
    ]
    heads = ("right", "told", *(cause.name.lower() for cause in Cause), "s/trial")
    print(f"{'planted':44}" + "".join(f"{head:>12}" for head in heads))
    for name, causes, effects in rows:
        started = time.perf_counter()
        found = [planted(arguments.first + seed, *effects).measured() for seed in range(arguments.trials)]
        seconds = (time.perf_counter() - started) / arguments.trials
        shares = [np.mean([judge(causes, measures) for measures in found]) for judge in (as_planted, told)]
        shares += np.array([[one.stands_out for one in measures] for measures in found]).mean(axis=0).tolist()
        print(f"{name:44}" + "".join(f"{share:>12.0%}" for share in shares) + f"{seconds:>12.2f}", flush=True)


if __name__ == "__main__":
    main()
