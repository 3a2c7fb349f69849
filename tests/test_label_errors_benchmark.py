"""The benchmark of label-error rankings: its figures against scikit-learn, and no claim without its interval."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from tests.real_data import real

bench = runpy.run_path(str(Path(__file__).resolve().parents[1] / "benchmarks" / "label_errors.py"))


def test_resampled_figures_are_those_of_the_images_repeated():
    rng = np.random.default_rng(0)
    wrong, score = rng.random(40) < 0.3, rng.random(40)
    weights = rng.multinomial(40, np.full(40, 1 / 40), 20)
    precision, first = (
        bench["average_precision"](wrong, score, weights),
        bench["precision_at"](10, wrong, score, weights),
    )
    for k, row in enumerate(weights):
        drawn = np.repeat(np.arange(40), row)
        assert precision[k] == pytest.approx(average_precision_score(wrong[drawn], -score[drawn]))
        assert first[k] == pytest.approx(wrong[drawn][np.argsort(score[drawn], kind="stable")][:10].mean())


def test_better_is_said_only_where_the_interval_says_so():
    clear, unclear = np.linspace(0.01, 0.1, 100), np.linspace(-0.01, 0.1, 100)
    assert [bench["verdict"](one) for one in (clear, -clear, unclear)] == ["better", "worse", "–"]


def test_on_labels_that_people_judged_again_no_ranking_is_claimed_to_beat_cleanlabs(capsys):
    real("label_errors_cifar10")
    bench["photographs"](400)
    printed = capsys.readouterr().out
    assert "275 images judged again, 54 labels wrong" in printed
    labels, said, rows, wrong = bench["judged_again"](bench["DATA"])
    own = said[rows, labels[rows]]
    line = next(line for line in printed.splitlines() if line.startswith("ours, self-confidence"))
    assert f"{average_precision_score(wrong, -own):.3f}" in line
    paired = [line for line in printed.splitlines() if " minus " in line and "paired" not in line]
    assert len(paired) == 4 * 5
    assert not any("better" in line or "worse" in line for line in paired)
