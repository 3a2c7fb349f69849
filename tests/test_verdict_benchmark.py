"""The benchmark of results: its worlds have the truth that they claim, some are run anew, and the table is whole."""

import csv
import runpy
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, precision_score

from model_zoo.core.comparison.outcomes import Question
from model_zoo.core.evaluation.metrics import ClassFigure, Headline

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "verdict.py"
sys.path.append(str(SCRIPT.parent))
bench = runpy.run_path(str(SCRIPT))
World, trial, truth, run = (bench[name] for name in ("World", "trial", "truth", "run"))
COPY = World(25, 20, sides="copy", spoiled=0.05, question=Question.CHECKPOINT)


def of_scikit_learn(recalls, shares, metric):
    """``metric`` of a confusion matrix of shares of images, wrong predictions spread over the other classes."""
    n = len(shares)
    cells = [
        (i, j, shares[i] * (recalls[i] if i == j else (1 - recalls[i]) / (n - 1))) for i in range(n) for j in range(n)
    ]
    true, predicted, weight = zip(*cells, strict=True)
    return metric(true, predicted, sample_weight=weight)


def test_the_truth_of_averages_and_rows_is_that_of_scikit_learn():
    world = World(100, accuracy=0.85, gap=0.2, gap_in="rarest", classes="rare 1.5 %", question=Question.CHECKPOINT)
    a, b = [0.85, 0.85, 0.85, 0.95], [0.85, 0.85, 0.85, 0.75]
    for headline, metric in (
        (Headline.BALANCED_ACCURACY, balanced_accuracy_score),
        (Headline.MACRO_F1, partial(f1_score, average="macro")),
    ):
        expected = of_scikit_learn(a, world.shares, metric) - of_scikit_learn(b, world.shares, metric)
        assert truth(replace(world, metric=headline)).difference == pytest.approx(expected, abs=1e-12)
    assert truth(world).difference == pytest.approx(0.015 * 0.2, abs=1e-12)
    for row_metric, metric in ((ClassFigure.PRECISION, precision_score), (ClassFigure.F1, f1_score)):
        each = [of_scikit_learn(one, world.shares, partial(metric, average=None)) for one in (a, b)]
        assert truth(replace(world, row_metric=row_metric)).rows == pytest.approx(each[0] - each[1], abs=1e-12)


def test_the_truth_where_patients_are_spoiled_and_over_seeds():
    # B is wrong on all images of 5 % of patients, else equal to A: 0.9 - 0.95 * 0.9
    assert truth(COPY).difference == pytest.approx(0.045, abs=1e-12)
    # the mean of A's accuracy over seeds is the accuracy, whatever their spread
    assert truth(World(100, seeds_a=3, seeds_b=8, sd_a=0.03, sd_b=0.003, gap=0.02)).difference == pytest.approx(0.02)


@pytest.mark.parametrize(
    "world",
    [
        COPY,
        World(60, 5, "skewed", seeds_a=3, seeds_b=8, sd_a=0.03, sd_b=0.003, gap=0.03),
        World(60, 5, "giant", gap=0.03, classes="5 equal", metric=Headline.MACRO_F1, question=Question.CHECKPOINT),
        World(90, classes="9 equal", pure=True, accuracy=0.97, gap=0.04, correlation=0.5, question=Question.CHECKPOINT),
    ],
    ids=["spoiled", "unequal seeds", "giant", "pure"],
)
def test_simulated_differences_are_the_truth_on_average(world):
    rng = np.random.default_rng(1)
    apart = []
    for _ in range(400):
        pair, known = trial(world, rng)
        a, b = (side.headline(world.metric).figure().mean() for side in (pair.a, pair.b))
        apart.append(a - b - known.difference)
    allowed = 0.0015 if world.metric is Headline.MACRO_F1 else 0.0  # a ratio of few images is biased
    assert abs(np.mean(apart)) < 4 * np.std(apart) / 20 + allowed


def test_missing_predictions_are_mostly_errors_and_the_truth_counts_them():
    world = World(2000, missing_errors=0.5, missing_correct=0.01, question=Question.CHECKPOINT)
    pair, known = trial(world, np.random.default_rng(2))
    assert known.difference == pytest.approx(0.0, abs=1e-12)
    assert pair.n_apart == pytest.approx(10_000 * (0.1 * 0.5 + 0.9 * 0.01), rel=0.1)


def test_run_again_few_patients_who_differ_never_make_equivalent():
    outcome = run(COPY, 60, 60)
    assert outcome.equivalent <= 0.05
    assert outcome.better <= 1  # the truth is better
    assert outcome.coverage >= 0.9


def test_run_again_a_clear_gap_is_found_and_equal_sides_are_seldom_called_different():
    power = run(bench["_POWER"], 60, 60)
    assert power.better >= 0.65  # 84 % in the table
    equal = run(World(100, question=Question.CHECKPOINT), 100, 100)
    assert equal.coverage >= 0.87
    assert equal.better + equal.worse <= 0.13


def test_run_again_class_intervals_hold_at_once_where_there_is_a_gap():
    nine = World(90, accuracy=0.955, gap=0.05, classes="9 equal", seeds_a=8, seeds_b=8)
    assert run(nine, 60, 60).rows_coverage >= 0.88
    pure = World(
        270, correlation=0.5, accuracy=0.97, gap=0.04, classes="9 equal", pure=True, question=Question.CHECKPOINT
    )
    assert run(pure, 60, 60).rows_coverage >= 0.88


def test_the_table_holds_each_world_of_the_benchmark_once_and_none_of_them_was_falsely_equivalent():
    with SCRIPT.with_suffix(".csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    names = list(World.__dataclass_fields__)
    now = [tuple(row[name] for name in names) for row in rows if int(row["rule"]) == bench["RULE"]]
    assert len(now) == len(set(now))
    assert set(now) == {world.key for world in bench["worlds"]()}
    found, _ = bench["_read"](SCRIPT.with_suffix(".csv"))
    for outcome in found.values():
        assert outcome.false_equivalent <= 0.025 + 2 * np.sqrt(0.025 * 0.975 / outcome.trials)
