"""Does the estimate from the random queue cover, and how far off are figures after reviewing? Planted errors.

    uv run python benchmarks/reviewing.py [--trials 1000] [--table benchmarks/reviewing.csv] [--report]

Labels are wrong by a known process, two subjects answer, A having learned more of the wrong labels than B, and a
reviewer gives the true labels of ``drawn`` images: of those first in the queue of what A gets wrong, most runs first
(figures before and after), or first in random order (the estimate). The truth is each subject's accuracy under the
true labels of the same images. One line per cell goes to the table as soon as it is done; cells that are there are
not run again.

Simulated images: patients share how likely their labels are wrong (normal scores, ``correlation`` within a patient)
and how hard they are. Demo: the shipped answers of `fine` (A) and `consolidated` (B) on their common ground over the
test split, whose labels are the truth; errors are planted into them, so the answers have learned none of them.

Errors are in points of accuracy. *Covers*: the 95 % interval holds the truth, of A, of B, of A - B. *Turned, though
it has not*: of the trials in which the true order is that under the wrong labels, how often the interval of A - B (or
the figures after reviewing what A gets wrong) says that the ranking has turned; *found*: of those in which it is not.
"""

import argparse
import csv
import itertools
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.core.review.label_change_effect import BeforeAfter, reviewable_difference
from model_zoo.core.review.review_estimate import Estimate, estimate

CLASSES = Taxonomy("four", {name: frozenset({name}) for name in ("a", "b", "c", "d")})
ACCURACY = {"a": 0.88, "b": 0.9}
LEARNED = {"a": 0.5, "b": 0.1}
"""Under true labels, and the share of wrong labels that the subject says."""
RUNS_AGREE = 0.8
"""Correlation of the scores of two runs of a subject."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination; ``images`` of each of ``patients``, ``runs`` a subject, ``noise`` the share of wrong labels."""

    source: str
    patients: int
    images: int
    runs: int
    correlation: float
    noise: float
    drawn: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a cell's trials came to: shares of trials, and errors and widths in points of accuracy."""

    trials: int
    covers_a: float
    covers_b: float
    covers_difference: float
    width_a: float
    width_difference: float
    estimate_error_a: float
    before_error_a: float
    after_error_a: float
    before_error_difference: float
    after_error_difference: float
    turned: float
    turned_wrongly: float
    turned_found: float
    naive_turned_wrongly: float


@dataclass(frozen=True)
class World:
    """Two subjects judged by the wrong labels and by the true ones, over the same images."""

    a: BeforeAfter
    b: BeforeAfter


def grid() -> Iterator[Cell]:
    """All cells."""
    for (patients, images), runs, correlation, noise, drawn in itertools.product(
        ((12, 50), (200, 5)), (1, 4), (0.0, 0.5), (0.01, 0.05, 0.2), (20, 60, 200)
    ):
        yield Cell("simulated", patients, images, runs, correlation, noise, drawn)
    for noise, drawn in itertools.product((0.03, 0.1), (60, 200)):
        yield Cell("demo", 0, 0, 8, 0.0, noise, drawn)


def simulated(cell: Cell, rng: np.random.Generator) -> World:
    """True labels, wrong ones, and the answers of A and B."""
    patient = np.repeat(np.arange(cell.patients), cell.images)
    n = len(patient)
    truth = rng.integers(0, 4, n)
    wrong = _scores(patient, cell.correlation, rng) < norm.ppf(cell.noise)
    labels = np.where(wrong, (truth + rng.integers(1, 4, n)) % 4, truth)
    hard = _scores(patient, cell.correlation, rng)
    sides = []
    for who in ("a", "b"):
        luck = rng.normal(size=(cell.runs, n))
        score = np.sqrt(RUNS_AGREE) * hard + np.sqrt(1 - RUNS_AGREE) * luck
        other = (truth + rng.integers(1, 4, luck.shape)) % 4
        said = np.where(score < norm.ppf(ACCURACY[who]), truth, other)
        said = np.where(wrong & (rng.random(n) < LEARNED[who]), labels, said)
        sides.append(_judged(said, labels, truth, patient, CLASSES))
    return World(*sides)


def planted(cell: Cell, rng: np.random.Generator) -> World:
    """The demo's answers, and its test labels with errors planted: another class, any of them."""
    sides = demo()
    truth, n_classes = sides[0].truth, len(sides[0].taxonomy.classes)
    wrong = rng.random(len(truth)) < cell.noise
    labels = np.where(wrong, (truth + rng.integers(1, n_classes, len(truth))) % n_classes, truth)
    return World(*(BeforeAfter(one.image_ids, replace(one, truth=labels), one) for one in sides))


@cache
def demo() -> tuple[Evaluation, Evaluation]:
    """The shipped series `fine` and `consolidated` on their common ground, over the test split."""
    from dashboard.address.selection import Labels, Space
    from dashboard.evaluation.comparison import compare, named_subjects
    from model_zoo.core.label_space.splits import Split
    from model_zoo.workspace.workspace import PROJECT, Workspace

    workspace = Workspace((PROJECT / "model_zoo" / "sample_images", PROJECT / "model_zoo"))
    dataset = workspace.dataset()
    subjects = named_subjects(workspace.series(), ["fine", "consolidated"])
    judged = compare(subjects, Space.COMMON, Split.TEST, Labels.ORIGINAL, dataset.labels, dataset.patients)
    return judged.evaluations[0], judged.evaluations[1]


def reviewed_wrong(world: World, drawn: int) -> NDArray[np.int64]:
    """The labels after the first images of the queue of what A gets wrong are reviewed, most runs first."""
    n_wrong = (~world.a.before.right).sum(axis=0)
    first = np.argsort(-n_wrong, kind="stable")[: min(drawn, int((n_wrong > 0).sum()))]
    labels = world.a.before.truth.copy()
    labels[first] = world.a.after.truth[first]
    return labels


def run(cell: Cell, trials: int) -> Outcome:
    """All trials of a cell; the same on every machine."""
    rng = np.random.default_rng([int(1000 * v) for v in asdict(cell).values() if not isinstance(v, str)])
    make = simulated if cell.source == "simulated" else planted
    rows = []
    for _ in range(trials):
        world = make(cell, rng)
        n = len(world.a.image_ids)
        drawn = np.zeros(n, dtype=np.bool_)
        drawn[rng.choice(n, min(n, cell.drawn), replace=False)] = True
        a, b = (estimate(one.reviewable(drawn), drawn) for one in (world.a, world.b))
        both = estimate(reviewable_difference(world.a, world.b, drawn), drawn)
        true_a, true_b = (float(one.after.right.mean()) for one in (world.a, world.b))
        labels = reviewed_wrong(world, cell.drawn)
        after_a, after_b = (float((one.after.predicted == labels).mean()) for one in (world.a, world.b))
        true, after = true_a - true_b, after_a - after_b
        rows.append(
            (
                *(_holds(*pair) for pair in ((a, true_a), (b, true_b), (both, true))),
                *(a.high - a.low, both.high - both.low),
                *(a.value - true_a, a.before - true_a, after_a - true_a, both.before - true, after - true),
                *(true * both.before < 0, both.turned, after * both.before < 0),
            )
        )
    found = np.array(rows, dtype=np.float64)
    turned, said, naive = (found[:, k] > 0 for k in (10, 11, 12))
    return Outcome(
        trials,
        *found[:, :3].mean(axis=0),
        *100 * found[:, 3:10].mean(axis=0),
        turned=float(turned.mean()),
        turned_wrongly=_share(said, ~turned),
        turned_found=_share(said, turned),
        naive_turned_wrongly=_share(naive, ~turned),
    )


def report(table: Path) -> None:
    """What holds over all cells of a table."""
    with table.open(newline="") as lines:
        rows = [{k: v if k == "source" else float(v) for k, v in row.items()} for row in csv.DictReader(lines)]
    trials = sum(row["trials"] for row in rows)
    print(f"{len(rows)} cells, {trials:,.0f} trials")
    for name in ("covers_a", "covers_b", "covers_difference"):
        covered = [row[name] for row in rows]
        low = min(rows, key=lambda row: row[name])
        print(
            f"{name}: {min(covered):.1%} at least, {np.mean(covered):.1%} on average; >= 93 % in "
            f"{sum(one >= 0.93 for one in covered)} of {len(rows)} cells; lowest at {_name(low)}"
        )
    print("error of A's accuracy, points, mean over trials, by share of wrong labels and images reviewed:")
    print("  source     noise  drawn   before  after wrong ones  estimate   A - B: before  after wrong ones")
    for source, noise, drawn in sorted({(row["source"], row["noise"], row["drawn"]) for row in rows}, reverse=True):
        some = [row for row in rows if (row["source"], row["noise"], row["drawn"]) == (source, noise, drawn)]
        names = ("before_error_a", "after_error_a", "estimate_error_a", *_DIFFERENCE)
        before, after, estimated, *difference = (np.mean([row[name] for row in some]) for name in names)
        print(
            f"  {source:10} {noise:5.2f} {drawn:6.0f} {before:+8.2f} {after:+17.2f} {estimated:+9.2f} "
            f"{difference[0]:+15.2f} {difference[1]:+17.2f}"
        )
    unturned = np.array([row["trials"] * (1 - row["turned"]) for row in rows])
    wrongly, naive = (unturned @ np.nan_to_num([row[name] for row in rows]) for name in ("turned_wrongly", _NAIVE))
    print(f"turned, though it has not: in {wrongly:,.0f} of {unturned.sum():,.0f} trials in which it has not;")
    print(f"  by the figures after reviewing wrong ones: in {naive:,.0f} of them ({naive / unturned.sum():.1%})")
    for row in rows:
        if row["turned"] > 0.5:
            print(f"found in {row['turned_found']:.1%} of the trials where it has ({row['turned']:.0%}): {_name(row)}")


_DIFFERENCE, _NAIVE = ("before_error_difference", "after_error_difference"), "naive_turned_wrongly"


def main() -> None:
    """Run what is missing, then report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--table", type=Path, default=Path(__file__).with_name("reviewing.csv"))
    parser.add_argument("--report", action="store_true", help="report on the table as it is")
    given = parser.parse_args()
    names = [field.name for kind in (Cell, Outcome) for field in fields(kind)]
    if not given.table.exists():
        given.table.write_text(",".join(names) + "\n")
    with given.table.open(newline="") as lines:
        done = {tuple(row[field.name] for field in fields(Cell)) for row in csv.DictReader(lines)}
    for cell in () if given.report else grid():
        key = tuple(str(value) for value in asdict(cell).values())
        if key in done:
            continue
        started = time.perf_counter()
        outcome = run(cell, given.trials)
        with given.table.open("a", newline="") as out:
            csv.writer(out, lineterminator="\n").writerow([*key, *(f"{v:.4g}" for v in asdict(outcome).values())])
        print(cell, outcome, f"{time.perf_counter() - started:.1f} s", flush=True)
    report(given.table)


def _scores(patient: NDArray[np.int64], correlation: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Standard normal scores, correlated so within a patient."""
    shared = rng.normal(size=patient[-1] + 1)[patient]
    return np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * rng.normal(size=len(patient))


def _judged(
    said: NDArray[np.int64],
    labels: NDArray[np.int64],
    truth: NDArray[np.int64],
    patient: NDArray[np.int64],
    taxonomy: Taxonomy,
) -> BeforeAfter:
    ids = tuple(f"i{k}" for k in range(len(truth)))
    return BeforeAfter(ids, *(Evaluation(taxonomy, ids, patient, one, said) for one in (labels, truth)))


def _holds(found: Estimate, truth: float) -> bool:
    return found.low - 1e-9 <= truth <= found.high + 1e-9


def _share(said: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
    return float(said[among].mean()) if among.any() else float("nan")


def _name(row: dict[str, object]) -> str:
    return ", ".join(f"{field.name} {row[field.name]:g}" if field.name != "source" else str(row["source"])
                     for field in fields(Cell))  # fmt: skip


if __name__ == "__main__":
    main()
