"""Is the verdict right as often as it says? Simulated comparisons whose true difference is known.

    uv run python benchmarks/verdict.py [--trials 2000] [--table benchmarks/verdict.csv] [--report]

Two ways of training that are equally good are compared again and again, for every combination of patients, images
per patient, intra-patient correlation, seeds and accuracy. One line per cell goes to the table as soon as it is
done; cells that are there are not run again. ``--report`` reads the table and says what holds.

Each run answers each image rightly where a normal score lies above 0. The score adds the run's skill, how hard the
patient and the image are (for both sides, and for each side alone), and luck. Coverage: how often the 95 % interval
holds the true difference, 0. Width: the mean interval against that of known variance,
2 x 1.96 x the standard deviation of the difference over the trials. With one seed a side the question is that of
the checkpoint, else that of the training.
"""

import argparse
import csv
import itertools
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from model_zoo.core.choices import Answer, ClassFigure, Headline, Question
from model_zoo.core.comparison import Pair, class_rows, verdict
from model_zoo.core.counts import Counts

MARGIN = 0.01
IMAGES_PER_PATIENT = 5
RUNS_AGREE, SIDES_SHARE = 0.9, 0.85
"""Correlation of the scores of two seeds of a side, and the part of it that the other side shares: in the demo's
shipped series they are 0.90 and 0.97 (tetrachoric), so the simulated sides differ more than those."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination; ``gap`` is the true difference, ``seed_sd`` the SD of accuracy over seeds, both shares."""

    patients: int
    sizes: str
    correlation: float
    seeds: int
    accuracy: float
    rare: bool = False
    gap: float = 0.0
    seed_sd: float = 0.01

    @property
    def expected_errors(self) -> float:
        """Wrong images a side."""
        return self.patients * IMAGES_PER_PATIENT * (1 - self.accuracy)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a cell's trials came to, as shares of trials; ``width`` against the interval of known variance."""

    trials: int
    coverage: float
    better_or_worse: float
    width: float
    rows_coverage: float  # all class intervals hold their truth at once; NaN where there are no rows


def grid() -> Iterator[Cell]:
    """All null cells: the full grid, then rare classes under macro-F1, then the one that power is asked of."""
    for patients, sizes, correlation, seeds, accuracy in itertools.product(
        (30, 100, 1000), ("even", "skewed"), (0.0, 0.2, 0.5), (1, 3, 5, 10), (0.6, 0.9, 0.99)
    ):
        yield Cell(patients, sizes, correlation, seeds, accuracy, seed_sd=0.003 if accuracy == 0.99 else 0.01)
    for patients, correlation, seeds in itertools.product((100, 1000), (0.0, 0.2), (1, 3, 5, 10)):
        yield Cell(patients, "skewed", correlation, seeds, 0.9, rare=True)
    yield Cell(300, "even", 0.2, 8, 0.9, gap=0.03, seed_sd=0.015)


def trial(cell: Cell, rng: np.random.Generator) -> Pair:
    """One comparison of A (better by the cell's gap) and B."""
    if cell.sizes == "even":
        sizes = np.full(cell.patients, IMAGES_PER_PATIENT)
    else:
        drawn = np.exp(rng.normal(np.log(IMAGES_PER_PATIENT) - 0.32, 0.8, cell.patients))
        sizes = np.maximum(1, np.round(drawn)).astype(np.int64)
    patient = np.repeat(np.arange(cell.patients), sizes)
    n_classes, n_images = (5 if cell.rare else 1), len(patient)
    classes = rng.choice(n_classes, n_images, p=[0.4, 0.3, 0.2, 0.07, 0.03] if cell.rare else None)
    parts = (np.sqrt(cell.correlation), np.sqrt(RUNS_AGREE - cell.correlation))
    shared, own, luck = np.sqrt(SIDES_SHARE), np.sqrt(1 - SIDES_SHARE), np.sqrt(1 - RUNS_AGREE)

    def difficulty() -> NDArray[np.float64]:
        return parts[0] * rng.normal(size=cell.patients)[patient] + parts[1] * rng.normal(size=n_images)

    both = shared * difficulty()
    sides = []
    for accuracy in (cell.accuracy + cell.gap / 2, cell.accuracy - cell.gap / 2):
        side = both + own * difficulty()
        skill = norm.ppf(accuracy) + np.zeros((cell.seeds, 1))
        if cell.seeds > 1:
            skill += rng.normal(size=skill.shape) * cell.seed_sd / norm.pdf(norm.ppf(accuracy))
        right = side + luck * rng.normal(size=(cell.seeds, n_images)) + skill > 0
        said = np.where(right, classes, (classes + 1 + rng.integers(0, max(1, n_classes - 1), right.shape)) % n_classes)
        if n_classes == 1:
            said = np.where(right, 0, -1)
        sides.append(_counts(patient, classes, said, cell.patients, n_classes))
    return Pair(tuple(f"class {k}" for k in range(n_classes)), *sides)


def run(cell: Cell, trials: int) -> Outcome:
    """All trials of a cell; the same on every machine."""
    rng = np.random.default_rng([int(1000 * value) for value in asdict(cell).values() if not isinstance(value, str)])
    question = Question.TRAINING if cell.seeds > 1 else Question.CHECKPOINT
    figure = Headline.MACRO_F1 if cell.rare else Headline.ACCURACY
    found = np.empty((trials, 3))
    called, rows_hold = np.empty(trials, dtype=np.bool_), np.empty(trials)
    for k in range(trials):
        pair = trial(cell, rng)
        said = verdict(pair, figure, question, MARGIN)
        found[k] = said.difference.value, said.difference.low, said.difference.high
        called[k] = said.answer in (Answer.BETTER, Answer.WORSE)
        rows = class_rows(pair, ClassFigure.RECALL, question) if cell.rare else []
        rows_hold[k] = all(not row.difference.excludes_zero for row in rows) if rows else np.nan
    value, low, high = found.T
    return Outcome(
        trials,
        coverage=float(((low <= cell.gap) & (cell.gap <= high)).mean()),
        better_or_worse=float(called.mean()),
        width=float((high - low).mean() / (2 * norm.ppf(0.975) * value.std())),
        rows_coverage=float(rows_hold.mean()),
    )


def report(table: Path) -> None:
    """What holds over all cells of a table."""
    with table.open(newline="") as lines:
        rows = [{name: _value(value) for name, value in row.items()} for row in csv.DictReader(lines)]
    null = [row for row in rows if row["gap"] == 0]
    covered = [row["coverage"] for row in null]
    print(f"{len(null)} null cells of {null[0]['trials']:.0f} trials")
    held = np.mean(np.array(covered) >= 0.93)
    print(f"coverage >= 93 % in {held:.1%} of cells (goal: 95 %); lowest {min(covered):.1%}")
    few = [r for r in null if r["seeds"] >= 8 or r["seeds"] == 1]
    many_errors = [r for r in null if _expected(r) >= 20]
    loose = [r for r in null if r["coverage"] > 0.97]
    print(f"coverage > 97 % in {len(loose)} cells, of which with 8 seeds and more and 20 expected errors and more:")
    _show([r for r in loose if r in many_errors and r["seeds"] >= 8])
    false = [r["better_or_worse"] for r in null]
    print(f"false better or worse: pooled {np.mean(false):.2%} (goal: <= 6 %), highest {max(false):.2%} (goal: <= 7 %)")
    _show([r for r in null if r["better_or_worse"] > 0.07 or r["coverage"] < 0.93])
    wide = [r for r in few if r["width"] > 1.15]
    print(f"width / known variance > 1.15, one seed or 8 and more: {len(wide)} of {len(few)} cells")
    _show(wide)
    fewer = [r["width"] for r in null if r not in few]
    print(f"width with 3 or 5 seeds: median {np.median(fewer):.2f}, largest {max(fewer):.2f}")
    families = [r["rows_coverage"] for r in null if r["rare"] == "True"]
    if families:
        print(f"all class intervals hold at once (rare classes): {min(families):.1%} to {max(families):.1%} of trials")
    for row in rows:
        if row["gap"]:
            print(f"power at a gap of {row['gap']:.0%}: called in {row['better_or_worse']:.1%} (goal: 80 %)")


def main() -> None:
    """Run what is missing, then report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--table", type=Path, default=Path(__file__).with_name("verdict.csv"))
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
            csv.writer(out, lineterminator="\n").writerow(
                [*key, *(f"{value:.4g}" for value in asdict(outcome).values())]
            )
        print(cell, outcome, f"{time.perf_counter() - started:.1f} s", flush=True)
    report(given.table)


def _counts(
    patient: NDArray[np.int64], classes: NDArray[np.int64], said: NDArray[np.int64], n_patients: int, n_classes: int
) -> Counts:
    def table(which: NDArray[np.int64], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
        flat = np.bincount((patient * n_classes + which)[counted], minlength=n_patients * n_classes)
        return flat.reshape(n_patients, n_classes).astype(np.float64)

    return Counts(
        table(classes, np.ones(len(classes), dtype=np.bool_))[None],
        np.stack([table(classes, one == classes) for one in said]),
        np.stack([table(one, one >= 0) for one in said]),
    )


def _expected(row: dict[str, object]) -> float:
    return float(row["patients"]) * IMAGES_PER_PATIENT * (1 - float(row["accuracy"]))  # type: ignore[arg-type]


def _value(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text


def _show(rows: list[dict[str, object]]) -> None:
    for r in rows:
        print(
            f"  patients {r['patients']:.0f}, {r['sizes']}, correlation {r['correlation']}, seeds {r['seeds']:.0f}, "
            f"accuracy {r['accuracy']}{', rare classes' if r['rare'] == 'True' else ''}: coverage {r['coverage']:.1%}, "
            f"called {r['better_or_worse']:.1%}, width {r['width']:.2f}"
        )


if __name__ == "__main__":
    main()
