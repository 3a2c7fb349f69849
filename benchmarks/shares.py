"""Do intervals of single figures, of few patients and of rare classes hold the truth?

    uv run python benchmarks/shares.py [--trials 1000] [--table benchmarks/shares.csv] [--report]

Every world has an exact truth. One line per cell goes to the table as soon as it is done; cells that are there are not
run again. ``--report`` reads the table and says what holds. Coverage: how often the 95 % interval holds the truth; a
trial without an interval counts in ``none`` alone. Width: the mean interval against that of known variance,
2 x 1.96 x the standard deviation of the figure over the trials.

- *share*: patients differ by a beta law (`icc` 1: wholly right or wrong), 10 images each; with a *giant*, one patient
  has 30 % of all images. *few wrong*: a share `icc` of the patients is wholly wrong, and all others' images are right
  independently of each other, with the accuracy of the cell.
- *kappa*, *alpha*: two or three people, each wrong with a probability that is the patient's, beta again.
- *auc*: normal scores of two classes, 5 images a patient, each patient of one class.
- *macro* figures of one model, and their *difference* between two whose scores correlate by 0.85: right where a normal
  score, shared within patients by `icc`, exceeds a threshold that is the class's.
"""

import argparse
import csv
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from model_zoo.core.comparison.comparison import Pair, verdict
from model_zoo.core.comparison.outcomes import Question
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.macro_intervals import macro_interval
from model_zoo.core.evaluation.metrics import ClassFigure, Headline, share
from model_zoo.core.evaluation.patient_counts import PatientCounts
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.core.review.agreement import Coincidences, cohen, coincidences, krippendorff
from model_zoo.core.suggestions.separability import pair_separabilities

SIDES_SHARE = 0.85
RUNS_AGREE = 0.9
GIANT = 0.3
Found = tuple[float, float, float]
"""Value, low and high of one trial."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One world: a ``figure`` of ``patients`` with so many images; ``layout``: even, giant, or classes by name."""

    figure: str
    layout: str
    patients: int
    images: int
    accuracy: float
    icc: float
    gap: float = 0.0
    seeds: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a cell's trials came to; shares of trials, ``width`` against known variance."""

    trials: int
    coverage: float
    below: float  # the interval lies wholly below the truth
    above: float
    width: float
    none: float


CLASSES = {
    "equal": (0.2,) * 5,
    "pure": (0.2,) * 5,
    "skewed": (0.4, 0.3, 0.2, 0.07, 0.03),
    "rare 3 %": (0.97 / 3,) * 3 + (0.03,),
    "rare 1.5 %": (0.985 / 3,) * 3 + (0.015,),
    "rare 0.4 %": (0.996 / 3,) * 3 + (0.004,),
}
"""Frequencies of the classes. Where one is rare, the gap is that class's; *pure*: each patient is of one class."""


def grid() -> Iterator[Cell]:
    """All cells."""
    for patients, layout, right, icc in itertools.product(
        (8, 10, 12, 20, 30, 100), ("even", "giant"), (0.6, 0.8, 0.9, 0.97), (0.0, 0.1, 0.3, 0.5, 1.0)
    ):
        yield Cell("share", layout, patients, 10, right, icc)
    for patients, right, wrong in itertools.product((20, 30, 60, 100, 200), (0.95, 0.98, 1.0), (0.02, 0.05, 0.1)):
        yield Cell("share", "few wrong", patients, 20, right, wrong)
    for figure, patients, layout, right, icc in itertools.product(
        ("kappa", "alpha"), (10, 20, 30), ("even", "giant"), (0.7, 0.9, 0.97), (0.1, 0.4)
    ):
        yield Cell(figure, layout, patients, 10, right, icc)
    for patients, layout, auc, icc in itertools.product(
        (10, 12, 20, 40), ("even", "giant"), (0.6, 0.8, 0.95), (0.1, 0.5)
    ):
        yield Cell("auc", layout, patients, 5, auc, icc)
    for figure in ("recall", "precision", "f1"):
        for layout, (patients, images), icc in itertools.product(CLASSES, ((1200, 1), (300, 4), (60, 20)), (0.01, 0.3)):
            yield Cell(figure, layout, patients, images, 0.9, icc)
    for figure in ("recall difference", "f1 difference"):
        for layout, (patients, images), icc in itertools.product(
            ("rare 3 %", "rare 1.5 %", "rare 0.4 %"), ((1200, 1), (300, 4), (60, 20)), (0.01, 0.3)
        ):
            yield Cell(figure, layout, patients, images, 0.9, icc, 0.2)
        for layout, patients, right, icc, gap in itertools.product(
            ("equal", "pure", "skewed"), (100, 300), (0.9, 0.97), (0.01, 0.3), (0.0, 0.04)
        ):
            yield Cell(figure, layout, patients, 5, right, icc, gap)
        for layout, seeds, gap in itertools.product(("equal", "rare 1.5 %"), (3, 8), (0.0, 0.04)):
            yield Cell(figure, layout, 300, 4, 0.9, 0.1, gap, seeds)


def run(cell: Cell, trials: int) -> Outcome:
    """All trials of a cell; the same on every machine."""
    kinds = [int(1000 * value) for value in asdict(cell).values() if not isinstance(value, str)]
    rng = np.random.default_rng([*kinds, sum(map(ord, cell.figure + cell.layout))])
    draw, truth = _WORLDS[cell.figure](cell)
    value, low, high = np.array([draw(rng) for _ in range(trials)]).T
    told = ~np.isnan(low)
    value, low, high = value[told], low[told], high[told]
    if not told.any():
        return Outcome(trials, math.nan, math.nan, math.nan, math.nan, 1.0)
    known = 2 * norm.ppf(0.975) * value.std()
    return Outcome(
        trials,
        coverage=float(((low <= truth + 1e-9) & (truth - 1e-9 <= high)).mean()),
        below=float((high < truth - 1e-9).mean()),
        above=float((low > truth + 1e-9).mean()),
        width=float((high - low).mean() / known) if known > 0 else math.nan,
        none=float(1 - told.mean()),
    )


Draw = Callable[[np.random.Generator], Found]


def _sizes(cell: Cell) -> NDArray[np.int64]:
    sizes = np.full(cell.patients, cell.images)
    if cell.layout == "giant":
        sizes[0] = round(GIANT / (1 - GIANT) * cell.images * (cell.patients - 1))
    return sizes


def _patient_rates(rate: float, icc: float, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    if icc in (0, 1):
        return np.full(n, rate) if icc == 0 else (rng.random(n) < rate).astype(np.float64)
    return rng.beta(rate * (1 / icc - 1), (1 - rate) * (1 / icc - 1), n)


def _share(cell: Cell) -> tuple[Draw, float]:
    sizes = _sizes(cell)
    if cell.layout == "few wrong":

        def few_wrong(rng: np.random.Generator) -> Found:
            one = share(rng.binomial(sizes, cell.accuracy) * (rng.random(cell.patients) >= cell.icc), sizes)
            return one.value, one.low, one.high

        return few_wrong, (1 - cell.icc) * cell.accuracy

    def draw(rng: np.random.Generator) -> Found:
        one = share(rng.binomial(sizes, _patient_rates(cell.accuracy, cell.icc, cell.patients, rng)), sizes)
        return one.value, one.low, one.high

    return draw, cell.accuracy


def _people(cell: Cell) -> tuple[Draw, float]:
    """Two people for kappa, three for alpha; classes 0.6, 0.25, 0.15. Truth: the statistic of endless patients."""
    frequencies, wrong = np.array([0.6, 0.25, 0.15]), 1 - cell.accuracy
    both = cell.icc * wrong * cell.accuracy + wrong**2  # two people wrong on one image
    table = np.zeros((3, 3))
    for k, frequency in enumerate(frequencies):
        true = np.eye(3)[k]
        other = (1 - true) / 2
        one_wrong = (wrong - both) * (np.outer(true, other) + np.outer(other, true))
        table += frequency * ((1 - 2 * wrong + both) * np.outer(true, true) + one_wrong + both * np.outer(other, other))
    statistic, n_people = (cohen, 2) if cell.figure == "kappa" else (krippendorff, 3)
    sizes = _sizes(cell)
    owner = np.repeat(np.arange(cell.patients), sizes)

    def draw(rng: np.random.Generator) -> Found:
        classes = rng.choice(3, len(owner), p=frequencies)
        rates = _patient_rates(wrong, cell.icc, cell.patients, rng)[owner]
        ratings = np.stack(
            [
                np.where(rng.random(len(owner)) < rates, (classes + rng.integers(1, 3, len(owner))) % 3, classes)
                for _ in range(n_people)
            ]
        )
        said: Coincidences = coincidences(ratings, owner, 3)
        if cell.figure == "kappa":
            each = np.zeros((cell.patients, 3, 3))
            np.add.at(each, (owner, ratings[0], ratings[1]), 1)
            said = Coincidences(each, len(owner))
        found = said.figure(statistic)
        return found.value, found.low, found.high

    return draw, float(statistic(table * 1e9))


def _auc(cell: Cell) -> tuple[Draw, float]:
    taxonomy = Taxonomy("two", {"a": frozenset({"a"}), "b": frozenset({"b"})})
    sizes = np.tile(_sizes(cell), 2)
    owner = np.repeat(np.arange(2 * cell.patients), sizes)
    first = owner < cell.patients
    apart = math.sqrt(2) * norm.ppf(cell.accuracy)

    def draw(rng: np.random.Generator) -> Found:
        noise = math.sqrt(cell.icc) * rng.normal(size=2 * cell.patients)[owner]
        score = apart * first + noise + math.sqrt(1 - cell.icc) * rng.normal(size=len(owner))
        one = 1 / (1 + np.exp(-score))
        rows = np.stack([one, 1 - one], axis=1)
        ids = tuple(map(str, range(len(owner))))
        judged = Evaluation(taxonomy, ids, owner, np.where(first, 0, 1), rows.argmax(axis=1)[None])
        found = pair_separabilities([(judged, [rows])])[0].separations[0]
        return found.auc, found.low, found.high

    return draw, cell.accuracy


def _macro(cell: Cell) -> tuple[Draw, float]:
    """One model, or the difference of two, of ``seeds`` runs each; an error is any other class, each alike."""
    frequencies = np.array(CLASSES[cell.layout])
    n_classes, rare = len(frequencies), cell.layout.startswith("rare")
    kind, _, differs = cell.figure.partition(" ")
    figure = {"recall": ClassFigure.RECALL, "precision": ClassFigure.PRECISION, "f1": ClassFigure.F1}[kind]
    sides = [np.full(n_classes, cell.accuracy + sign * cell.gap / 2 * (not rare)) for sign in (1, -1)]
    if rare:
        sides[0][-1], sides[1][-1] = 0.95, 0.95 - cell.gap
    owner = np.repeat(np.arange(cell.patients), cell.images)

    def noise(rng: np.random.Generator, by_patient: float, by_image: float) -> NDArray[np.float64]:
        return np.asarray(by_patient * rng.normal(size=cell.patients)[owner] + by_image * rng.normal(size=len(owner)))

    def counts(rng: np.random.Generator, classes: NDArray[np.int64], right: NDArray[np.bool_]) -> PatientCounts:
        said = np.where(right, classes, (classes + rng.integers(1, n_classes, right.shape)) % n_classes)
        return PatientCounts(
            _table(owner, classes, np.ones(len(owner), dtype=np.bool_), cell.patients, n_classes)[None],
            np.stack([_table(owner, classes, one, cell.patients, n_classes) for one in right]),
            np.stack([_table(owner, one, one >= 0, cell.patients, n_classes) for one in said]),
        )

    def draw(rng: np.random.Generator) -> Found:
        of = cell.patients if cell.layout == "pure" else len(owner)
        classes = rng.choice(n_classes, of, p=frequencies)
        classes = classes[owner] if cell.layout == "pure" else classes
        agree = RUNS_AGREE if cell.seeds > 1 else 1.0
        parts = math.sqrt(cell.icc), math.sqrt(agree - cell.icc)
        shared = math.sqrt(SIDES_SHARE) * noise(rng, *parts)
        found = []
        for rates in sides:
            score = shared + math.sqrt(1 - SIDES_SHARE) * noise(rng, *parts)
            luck = math.sqrt(1 - agree) * rng.normal(size=(cell.seeds, len(owner)))
            found.append(counts(rng, classes, score + luck + norm.ppf(rates)[classes] > 0))
        if differs:
            headline = Headline.BALANCED_ACCURACY if kind == "recall" else Headline.MACRO_F1
            question = Question.TRAINING if cell.seeds > 1 else Question.CHECKPOINT
            pair = Pair(tuple(map(str, range(n_classes))), found[0], found[1])
            said = verdict(pair, headline, question, 0.01)
            return said.difference.value, said.difference.low, said.difference.high
        here = found[0].images[0].sum(axis=0) > 0
        ratios = found[0].classes(figure).only(here)
        one = macro_interval(ratios, found[0].images[0][:, here])
        return float(ratios.figure().mean()), one.low, one.high

    true = [_true_macro(kind, frequencies, rates) for rates in sides]
    return draw, true[0] - true[1] if differs else true[0]


def _true_macro(kind: str, frequencies: NDArray[np.float64], rates: NDArray[np.float64]) -> float:
    """Of endless images: those called a class are its hits and an even part of the errors of all others."""
    errors = frequencies * (1 - rates)
    hits, called = frequencies * rates, frequencies * rates + (errors.sum() - errors) / (len(rates) - 1)
    below = {"recall": frequencies, "precision": called, "f1": (frequencies + called) / 2}[kind]
    return float((hits / below).mean())


def _table(
    owner: NDArray[np.int64], which: NDArray[np.int64], counted: NDArray[np.bool_], n_patients: int, n_classes: int
) -> NDArray[np.float64]:
    flat = np.bincount((owner * n_classes + which)[counted], minlength=n_patients * n_classes)
    return flat.reshape(n_patients, n_classes).astype(np.float64)


_WORLDS: dict[str, Callable[[Cell], tuple[Draw, float]]] = {"share": _share, "kappa": _people, "alpha": _people}
_WORLDS |= {"auc": _auc, **dict.fromkeys(("recall", "precision", "f1", "recall difference", "f1 difference"), _macro)}


def report(table: Path) -> None:
    """Coverage and width by figure and layout, and every cell below the goal."""
    with table.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    groups: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault((row["figure"], row["layout"]), []).append(row)
    for (figure, layout), members in groups.items():
        covered = [float(row["coverage"]) for row in members]
        widths = [float(row["width"]) for row in members if row["width"] != "nan"]
        print(
            f"{figure:18} {layout:10} {len(members):3} cells: coverage {min(covered):.1%} to {max(covered):.1%}, "
            f"mean {np.mean(covered):.1%}; width / known variance {np.median(widths):.2f} in the median"
        )
    covered = [float(row["coverage"]) for row in rows]
    print(
        f"coverage >= 93 % in {np.mean(np.array(covered) >= 0.93):.1%} of {len(rows)} cells, lowest {min(covered):.1%}"
    )
    for row in rows:
        if float(row["coverage"]) < 0.93:
            print("  ", ", ".join(f"{name} {value}" for name, value in row.items()))
    common = [r for r in rows if "difference" in r["figure"] and r["layout"] == "equal" and r["seeds"] == "1"]
    if common:
        print(
            f"difference, all classes common: width {max(float(r['width']) for r in common):.2f} at most (goal: 1.15)"
        )


def main() -> None:
    """Run what is missing, then report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--table", type=Path, default=Path(__file__).with_name("shares.csv"))
    parser.add_argument("--report", action="store_true", help="report on the table as it is")
    given = parser.parse_args()
    names = [field.name for kind in (Cell, Outcome) for field in fields(kind)]
    if not given.table.exists():
        given.table.write_text(",".join(names) + "\n")
    with given.table.open(newline="") as lines:
        done = {tuple(row[field.name] for field in fields(Cell)) for row in csv.DictReader(lines)}
    for cell in () if given.report else grid():
        key = tuple(str(value) for value in asdict(cell).values())
        if key not in done:
            outcome = run(cell, given.trials)
            with given.table.open("a", newline="") as out:
                figures = [f"{value:.4g}" for value in asdict(outcome).values()]
                csv.writer(out, lineterminator="\n").writerow([*key, *figures])
    report(given.table)


if __name__ == "__main__":
    main()
