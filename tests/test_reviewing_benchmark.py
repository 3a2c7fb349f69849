"""The benchmark of the random queue's estimate: a small part of it anew, and what the committed table says."""

import csv
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "reviewing.py"
bench = runpy.run_path(str(SCRIPT))


@pytest.fixture(scope="module")
def table():
    with SCRIPT.with_suffix(".csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_the_table_holds_every_cell_with_a_thousand_trials_and_all_cover(table):
    cells = [tuple(str(getattr(cell, name)) for name in cell.__dataclass_fields__) for cell in bench["grid"]()]
    names = list(bench["Cell"].__dataclass_fields__)
    assert sorted(cells) == sorted(tuple(row[name] for name in names) for row in table)
    assert all(int(row["trials"]) >= 1000 for row in table)
    for name in ("covers_a", "covers_b", "covers_difference"):
        assert min(float(row[name]) for row in table) >= 0.93


def test_run_again_reviewing_wrong_ones_is_biased_and_the_estimate_is_not_and_covers():
    cell = bench["Cell"]("simulated", 12, 50, 1, 0.5, 0.2, 200)
    found = bench["run"](cell, 120)
    assert found.after_error_a > 5
    assert found.after_error_difference > 10
    assert abs(found.estimate_error_a) < 1
    assert min(found.covers_a, found.covers_b, found.covers_difference) >= 0.9  # 120 trials of 95 % and more
    assert found.turned_wrongly == 0 or np.isnan(found.turned_wrongly)


def test_planted_worlds_are_judged_by_both_labels_over_the_same_images():
    cell = bench["Cell"]("simulated", 6, 10, 2, 0.0, 0.3, 20)
    world = bench["simulated"](cell, np.random.default_rng(3))
    truth, labels = world.a.after.truth, world.a.before.truth
    assert 0.1 < (truth != labels).mean() < 0.5
    assert (world.a.before.predicted == world.a.after.predicted).all()
    assert (world.b.after.truth == truth).all()
    reviewed = bench["reviewed_wrong"](world, 20)
    changed = reviewed != labels
    assert 0 < changed.sum() <= 20
    assert (reviewed[changed] == truth[changed]).all()
    assert (~world.a.before.right[:, changed]).any(axis=0).all()  # only what A gets wrong was looked at
    everything = bench["reviewed_wrong"](replace(world, b=world.a), 60)
    assert (everything[(~world.a.before.right).any(axis=0)] == truth[(~world.a.before.right).any(axis=0)]).all()
