"""Is the result right as often as it says? Simulated comparisons whose true difference is known.

    OMP_NUM_THREADS=1 uv run python benchmarks/verdict.py [--trials 200] [--most 1000] [--jobs 1] [--table FILE]
    uv run python benchmarks/verdict.py --report

`comparison_worlds.py` simulates A and B; `worlds` lists what is compared, equal or not, symmetric or not. One line per
world goes to the table as soon as it is done; worlds that are there under the present `RULE` are not run again. A world
gets more trials, up to ``--most``, while it is within a standard error of a gate, or beyond it. With one seed a side
the question is that of the checkpoint. ``--report`` reads the table and says of each gate whether it is held.
"""

import argparse
import csv
import math
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from comparison_worlds import World, trial, truth
from scipy.stats import norm

from model_zoo.core.comparison.class_rows import class_rows
from model_zoo.core.comparison.comparison import verdict
from model_zoo.core.comparison.outcomes import Answer, Question
from model_zoo.core.evaluation.metrics import ClassFigure, Headline

MARGIN = 0.01
RULE = 3
"""The version of the decision rule. Rule 1 is the one before 2026-12; of it the table keeps how often it said
*equivalent*, which the present rule is compared with."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a world's trials came to, as shares of trials unless stated.

    ``coverage`` is of the trials with an interval, ``refused`` counts the others; ``above`` and ``below``: the truth
    is above the upper end, or below the lower end. ``better`` and ``worse`` hold the results beyond the margin, which
    ``better_beyond`` and ``worse_beyond`` count alone. ``false_equivalent``, ``false_better`` and ``false_worse`` are
    results that the truth of the trial belies; of several checkpoints it is their own, not 0. ``width``: the mean
    interval against 2 x 1.96 SD of the difference over trials; ``rows_width`` the same for classes, on average.
    ``rows_coverage``: all class intervals hold at once. ``differing``: mean number of patients for whom the sides
    differ; ``errors``: mean number of incorrect images on the side with fewer.
    """

    trials: int
    refused: float
    coverage: float
    above: float
    below: float
    equivalent: float
    better: float
    worse: float
    better_beyond: float
    worse_beyond: float
    false_equivalent: float
    false_better: float
    false_worse: float
    width: float
    rows_coverage: float
    rows_width: float
    differing: float
    errors: float


def worlds() -> Iterator[World]:
    """Every world of the table: unequal and asymmetric ones of each kind, then equal sides."""
    yield _POWER
    yield from _differ_in_few_patients()
    yield from _families_of_rows()
    yield from _near_the_margin()
    yield from _rare_and_pure_classes()
    yield from _one_patient_weighs_most()
    yield from _unequal_seeds()
    yield from _missing_predictions()
    for patients, sizes, correlation, seeds, accuracy in product(
        (30, 100, 1000), ("even", "skewed"), (0.0, 0.2, 0.5), (1, 3, 5, 10), (0.6, 0.9, 0.99)
    ):
        if (patients == 1000) == (correlation == 0.2):  # many patients of all correlations differ least
            sd = 0.003 if accuracy == 0.99 else 0.01
            yield _seeds(World(patients, 5, sizes, correlation, accuracy=accuracy), seeds, sd)
    for patients, correlation, seeds in product((100, 1000), (0.0, 0.2), (1, 3, 5, 10)):
        world = World(patients, 5, "skewed", correlation, classes="rare", metric=Headline.MACRO_F1)
        yield _seeds(world, seeds)


def run(world: World, least: int, most: int) -> Outcome:
    """The trials of a world; the same on every machine."""
    rng = np.random.default_rng(list(",".join(world.key).encode()))
    found: list[tuple[float, ...]] = []
    rows: list[tuple[np.ndarray, ...]] = []
    while True:
        for _ in range(least):
            _add_trial(world, rng, found, rows)
        outcome = _outcome(found, rows)
        if len(found) >= most or not _near_a_gate(world, outcome):
            return outcome


def _seeds(world: World, seeds: int, sd: float = 0.01) -> World:
    question = Question.TRAINING if seeds > 1 else Question.CHECKPOINT
    return replace(world, seeds_a=seeds, seeds_b=seeds, sd_a=sd, sd_b=sd, question=question)


def _one_seed(*args: object, **kinds: object) -> World:
    return World(*args, question=Question.CHECKPOINT, **kinds)  # type: ignore[arg-type]


def _differ_in_few_patients() -> Iterator[World]:
    """B equals A, but has every image of some patients wrong; and sides that never differ."""
    for patients, images, spoiled in (
        *((20, 50, 0.05), (25, 20, 0.05), (25, 40, 0.05), (100, 20, 0.05), (400, 5, 0.05), (30, 10, 0.1)),
        *((100, 10, 0.02), (100, 10, 0.1), (400, 5, 0.005), (400, 5, 0.02), (1000, 5, 0.002), (1000, 5, 0.02)),
        *((30, 10, 0.3), (1000, 1, 0.01), (400, 5, 0.0), (1000, 5, 0.0), (25, 20, 0.0)),
    ):
        yield _one_seed(patients, images, sides="copy", spoiled=spoiled)
    for patients, spoiled, seeds in product((100, 400), (0.01, 0.05), (3, 8)):
        yield _seeds(World(patients, sides="copy", spoiled=spoiled), seeds)
    for accuracy, spoiled in product((0.6, 0.99), (0.02, 0.1)):
        yield _one_seed(100, 10, "skewed", accuracy=accuracy, spoiled=spoiled)
    for (patients, spoiled), seeds in product(
        ((60, 0.15), (200, 0.045), (120, 0.125), (60, 0.25), (100, 0.24), (200, 0.12)), (1, 5)
    ):  # 9, 15 or 24 wholly different patients, of unequal sizes
        yield _seeds(World(patients, 10, "unequal", sides="copy", spoiled=spoiled), seeds)


def _near_the_margin() -> Iterator[World]:
    for gap, patients in product((0.005, 0.01, 0.0101, 0.015), (100, 1000)):
        yield _one_seed(patients, gap=gap)
        yield _seeds(World(patients, gap=gap), 8, 0.005)
    for gap, accuracy in product((0.01, 0.0101, 0.03), (0.97, 0.98)):
        yield _one_seed(300, 5, "skewed", accuracy=accuracy, gap=gap)
    for gap, sides in product((0.0, 0.01, 0.03), ("similar", "unrelated")):
        yield _one_seed(200, 1, accuracy=0.95, gap=gap, sides=sides)  # one image per patient
    for gap in (0.0, 0.0101, -0.03):
        yield replace(_seeds(World(300, gap=gap), 5, 0.02), question=Question.CHECKPOINT)
    for accuracy in (0.98, 0.995):
        yield _one_seed(2000, accuracy=accuracy)
        yield _seeds(World(1000, accuracy=accuracy), 8, 0.002)


def _rare_and_pure_classes() -> Iterator[World]:
    for classes, metric, patients in product(
        ("rare 1.5 %", "rare 0.4 %"), (Headline.BALANCED_ACCURACY, Headline.MACRO_F1), (240, 800)
    ):
        yield _one_seed(patients, accuracy=0.85, gap=0.2, gap_in="rarest", classes=classes, metric=metric)
    for seeds, gap in product((1, 5), (0.0, 0.2)):
        world = World(240, 5, "skewed", accuracy=0.85, gap=gap, gap_in="rarest", classes="rare 1.5 %")
        yield _seeds(replace(world, metric=Headline.BALANCED_ACCURACY), seeds)
    for patients, metric, gap in product((135, 600), (Headline.ACCURACY, Headline.BALANCED_ACCURACY), (0.0, 0.04)):
        yield _one_seed(patients, correlation=0.5, accuracy=0.97, gap=gap, classes="9 equal", pure=True, metric=metric)


def _one_patient_weighs_most() -> Iterator[World]:
    for sizes, patients, gap in product(("giant", "very skewed"), (30, 100, 300), (0.0, 0.03)):
        yield _one_seed(patients, 5, sizes, gap=gap)
    for sizes, accuracy in product(("giant", "very skewed"), (0.9, 0.97)):
        yield _seeds(World(100, 5, sizes, accuracy=accuracy, gap=0.02), 5)


def _unequal_seeds() -> Iterator[World]:
    for (seeds, sds), patients, gap in product(
        (
            *(((3, 8), (0.03, 0.003)), ((8, 3), (0.003, 0.03)), ((3, 8), (0.003, 0.03))),
            *(((3, 20), (0.01, 0.01)), ((5, 10), (0.02, 0.005)), ((4, 4), (0.02, 0.0))),
        ),
        (100, 1000),
        (0.0, 0.03),
    ):
        yield World(patients, seeds_a=seeds[0], seeds_b=seeds[1], sd_a=sds[0], sd_b=sds[1], gap=gap)


def _missing_predictions() -> Iterator[World]:
    for errors, correct, gap in (
        *((0.3, 0.0, 0.0), (0.6, 0.02, 0.0), (1.0, 0.0, -0.02), (0.02, 0.02, 0.03), (0.1, 0.0, 0.0)),
        *((0.05, 0.3, 0.0), (0.01, 0.01, -0.05)),
    ):
        yield _one_seed(240, gap=gap, missing_errors=errors, missing_correct=correct)
    for errors, gap in ((0.3, 0.0), (0.05, 0.03)):
        yield _seeds(World(240, gap=gap, missing_errors=errors, missing_correct=0.005), 5)


def _families_of_rows() -> Iterator[World]:
    """Class intervals that shall hold at once."""
    nine, twenty = World(90, accuracy=0.955, gap=0.05, classes="9 equal"), World(120, classes="20 equal")
    for row_metric, seeds in product(ClassFigure, (1, 8)):
        yield replace(_seeds(nine, seeds), row_metric=row_metric)
    yield _seeds(replace(nine, sides="unrelated"), 8)
    yield _seeds(replace(twenty, accuracy=0.92, gap=0.1), 5)
    for accuracy, gap, seeds in ((0.9, 0.0, 1), (0.99, 0.0, 1), (0.9, 0.0, 3), (0.95, 0.1, 1)):
        yield _seeds(replace(twenty, accuracy=accuracy, gap=gap), seeds)
    for patients, images, correlation in ((180, 5, 0.5), (270, 5, 0.5), (270, 10, 0.8), (900, 5, 0.5)):
        yield _one_seed(
            patients, images, correlation=correlation, accuracy=0.97, gap=0.04, classes="9 equal", pure=True
        )
    for pure, spoiled in product((False, True), (0.02, 0.1)):
        yield _one_seed(400, 5, classes="9 equal", pure=pure, sides="copy", spoiled=spoiled)
    for seeds, gap, patients in product((1, 3, 8), (0.0, 0.05), (300, 1000)):
        yield _seeds(World(patients, 5, "skewed", accuracy=0.9, gap=gap, classes="5 equal"), seeds)


def _add_trial(world: World, rng: np.random.Generator, found: list, rows: list) -> None:
    pair, known = trial(world, rng)
    said = verdict(pair, world.metric, world.question, MARGIN)
    hits = [side.hits.mean(axis=0).sum(axis=1) for side in (pair.a, pair.b)]
    differing = (np.abs(hits[0] - hits[1]) > 1e-9).sum()
    errors = pair.a.n_images - max(one.sum() for one in hits)
    ends = said.difference
    found.append(
        (known.difference, ends.value, ends.low, ends.high, said.answer is Answer.SAME, float(differing), float(errors))
    )
    if len(world.shares) > 1:
        each = class_rows(pair, world.row_metric, world.question)
        three = np.array([(row.difference.value, row.difference.low, row.difference.high) for row in each]).T
        rows.append((known.rows, *three))


def _outcome(found: list, rows: list) -> Outcome:
    known, value, low, high, equivalent, differing, errors = np.array(found, dtype=np.float64).T
    equivalent = equivalent > 0
    given = ~np.isnan(low)
    normal = 2 * norm.ppf(0.975)
    rows_coverage = rows_width = math.nan
    if rows:
        true, at, ends_low, ends_high = (np.array(one) for one in zip(*rows, strict=True))  # each (trials, K)
        rows_coverage = float((~((ends_low > true) | (ends_high < true)).any(axis=1)).mean())
        with np.errstate(all="ignore"):
            rows_width = float(np.nanmean((ends_high - ends_low) / (normal * np.nanstd(at - true, axis=0))))
    spread = (value - known).std()
    some = given.any()
    return Outcome(
        trials=len(found),
        refused=float((~given).mean()),
        coverage=float(((low <= known) & (known <= high))[given].mean()) if some else math.nan,
        above=float((known > high)[given].mean()) if some else math.nan,
        below=float((known < low)[given].mean()) if some else math.nan,
        equivalent=float(equivalent.mean()),
        better=float((~equivalent & (low > 0)).mean()),
        worse=float((~equivalent & (high < 0)).mean()),
        better_beyond=float((low > MARGIN).mean()),
        worse_beyond=float((high < -MARGIN).mean()),
        false_equivalent=float((equivalent & (abs(known) > MARGIN)).mean()),
        false_better=float((~equivalent & ((low > 0) & (known <= 0) | (low > MARGIN) & (known <= MARGIN))).mean()),
        false_worse=float((~equivalent & ((high < 0) & (known >= 0) | (high < -MARGIN) & (known >= -MARGIN))).mean()),
        width=float((high - low)[given].mean() / (normal * spread)) if some and spread > 0 else math.nan,
        rows_coverage=rows_coverage,
        rows_width=rows_width,
        differing=float(differing.mean()),
        errors=float(errors.mean()),
    )


def _near_a_gate(world: World, outcome: Outcome) -> bool:
    """Whether more trials could turn the world's part in a gate: within a standard error, or beyond it."""
    near = [
        rate > max(0.01, allowed - _error(0.025, outcome.trials))
        for allowed, rate in (
            *((0.025, outcome.false_equivalent), (0.035, outcome.false_better), (0.035, outcome.false_worse)),
        )
    ]
    near += [_gates_width(world, outcome) and outcome.width > 1.1]
    near += [one < 0.93 + _error(0.05, outcome.trials) for one in (outcome.coverage, outcome.rows_coverage)]
    return any(near)


def _gates_width(world: World, outcome: Outcome) -> bool:
    """Whether the width is gated: equal sides, 100 patients or more of whom 20 differ, one seed a side or 8 and more.

    A macro average has as few patients as its rarest class. With missing predictions the interval holds whatever these
    would have been, so that no variance is known.
    """
    missing = world.missing_errors > 0 or world.missing_correct > 0
    few_seeds = 1 < min(world.seeds_a, world.seeds_b) < 8
    equal = truth(world).difference == 0 and world.fewest_patients >= 100 and outcome.differing >= 20
    return equal and not missing and not few_seeds


def _error(share: float, trials: float) -> float:
    """Standard error of a share over trials."""
    return math.sqrt(share * (1 - share) / trials)


def report(table: Path) -> bool:
    """Say of each gate whether it is held, and which worlds fall short; True if all are."""
    now, before = _read(table)
    trials = [o.trials for o in now.values()]
    print(f"{len(now)} of {len(list(worlds()))} worlds, {min(trials):,} to {max(trials):,} trials each")
    few = {w for w in now if 0 < w.spoiled_patients < 5}
    given = {w: o for w, o in now.items() if w not in few and not math.isnan(o.coverage)}
    rows = {w: o for w, o in now.items() if not math.isnan(o.rows_coverage)}
    held = []
    for what, one in (("coverage", given), ("rows_coverage", rows)):
        short = {w: o for w, o in one.items() if getattr(o, what) < 0.93}
        share = 1 - len(short) / len(one)
        name = "coverage" if what == "coverage" else "all class intervals at once"
        held.append(_gate(f"{name} >= 93 % in 95 % of worlds ({share:.1%})", share >= 0.95, short))
        lost = {w: o for w, o in one.items() if getattr(o, what) < 0.91}
        held.append(
            _gate(f"{name} never below 91 % (lowest {min(getattr(o, what) for o in one.values()):.1%})", not lost, lost)
        )
    for kind, allowed in (("equivalent", 0.025), ("better", 0.035), ("worse", 0.035)):
        rates = {w: float(getattr(o, f"false_{kind}")) for w, o in now.items()}
        lost = {w: now[w] for w, rate in rates.items() if rate > allowed + _luck(kind, now[w])}
        held.append(_gate(f"false {kind} <= {allowed:.1%} a world (highest {max(rates.values()):.2%})", not lost, lost))
    lost = {w: o for w, o in now.items() if o.false_better + o.false_worse > 0.06}
    held.append(_gate("false better and worse <= 6 % together", not lost, lost))
    power = {w: o for w, o in now.items() if w == _POWER}
    lost = {w: o for w, o in power.items() if o.equivalent + o.better + o.worse < 0.8}
    held.append(_gate("a result at a gap of 3 points, 300 patients, 8 seeds in >= 80 %", not lost, power))
    gated = {w: o for w, o in now.items() if _gates_width(w, o)}
    wide = {w: o for w, o in gated.items() if o.width > 1.15}
    held.append(_gate(f"width <= 1.15 x known variance in {len(gated)} worlds of equal sides", not wide, wide))
    few_of_class = {w: o for w, o in now.items() if w not in gated and w.patients >= 100 and w.fewest_patients < 100}
    sure = {w: (o, before[w].equivalent) for w, o in now.items() if w in before}
    lost = {w: o for w, (o, then) in sure.items() if o.equivalent < 0.9 * then - 2 * _error(then, o.trials)}
    held.append(_gate(f"equivalent at truth 0, 1,000 patients: >= 0.9 x rule 1 ({len(sure)} worlds)", not lost, lost))
    lost = {w: o for w, o in now.items() if o.refused > 0 and w.patients >= 30 and o.errors >= 10}
    held.append(_gate("no interval refused at 30 patients and 10 errors a side", not lost, lost))
    print("few wholly different patients expected (coverage is printed, not gated):")
    _show({w: now[w] for w in now if w in few})
    print("macro averages over a class of fewer than 100 patients (width is printed, not gated):")
    _show({w: o for w, o in few_of_class.items() if truth(w).difference == 0})
    print("refused:")
    _show({w: o for w, o in now.items() if o.refused > 0})
    return all(held)


def _gate(name: str, held: bool, worlds: dict[World, Outcome]) -> bool:
    print(f"{'held' if held else 'NOT HELD'}: {name}")
    _show(worlds)
    return held


def _show(worlds: dict[World, Outcome]) -> None:
    for world, o in worlds.items():
        told = {f.name: getattr(world, f.name) for f in fields(World) if getattr(world, f.name) != f.default}
        print(
            "   ",
            ", ".join(f"{name} {value}" for name, value in told.items()),
            f"| coverage {o.coverage:.1%} (truth above {o.above:.1%}, below {o.below:.1%}), "
            f"equivalent {o.equivalent:.1%}, "
            f"better {o.better:.1%} ({o.better_beyond:.1%}), worse {o.worse:.1%} ({o.worse_beyond:.1%}), "
            f"width {o.width:.2f}, rows {o.rows_coverage:.1%} ({o.rows_width:.2f}), refused {o.refused:.1%}, "
            f"{o.trials:,} trials",
        )


def _luck(kind: str, outcome: Outcome) -> float:
    """What trials alone may add to a false *equivalent*; the other gates leave room for it."""
    return 2 * _error(0.025, outcome.trials) if kind == "equivalent" else 0.0


def _read(table: Path) -> tuple[dict[World, Outcome], dict[World, Outcome]]:
    """The lines of the present rule and those of rule 1."""
    read: tuple[dict[World, Outcome], dict[World, Outcome]] = ({}, {})
    known = {world.key: world for world in worlds()}
    with table.open(newline="") as lines:
        for line in csv.DictReader(lines):
            key = tuple(line[field.name] for field in fields(World))
            found = Outcome(*(float(line[field.name]) for field in fields(Outcome)))
            if key in known:
                read[int(line["rule"]) != RULE][known[key]] = replace(found, trials=int(found.trials))
    return read


def main() -> None:
    """Run what is missing, then report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=200, help="trials of each world, and how many are added")
    parser.add_argument("--most", type=int, default=1000, help="most trials of a world")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--table", type=Path, default=Path(__file__).with_name("verdict.csv"))
    parser.add_argument("--report", action="store_true", help="report on the table as it is")
    given = parser.parse_args()
    if not given.table.exists():
        names = [field.name for kind in (World, Outcome) for field in fields(kind)]
        given.table.write_text(",".join(["rule", *names]) + "\n")
    done = _read(given.table)[0]
    missing = [] if given.report else [world for world in worlds() if world not in done]
    with ProcessPoolExecutor(given.jobs) as pool:
        outcomes = pool.map(partial(run, least=given.trials, most=given.most), missing)
        for world, outcome in zip(missing, outcomes, strict=True):
            with given.table.open("a", newline="") as out:
                csv.writer(out, lineterminator="\n").writerow(
                    [RULE, *world.key, *(f"{value:.4g}" for value in asdict(outcome).values())]
                )
            print(world, outcome, flush=True)
    raise SystemExit(not report(given.table))


_POWER = World(300, seeds_a=8, seeds_b=8, sd_a=0.015, sd_b=0.015, gap=0.03)

if __name__ == "__main__":
    main()
