"""Few patients of very unequal size who differ: their number, not that of all patients, says how sure a variance is."""

import numpy as np
import pytest
from scipy.stats import binomtest, t

from model_zoo.core.comparison.comparison import Pair, verdict
from model_zoo.core.comparison.outcomes import Answer, Question
from model_zoo.core.comparison.uncertainty import Variance
from model_zoo.core.evaluation.metrics import Headline
from model_zoo.core.evaluation.patient_counts import PatientCounts


def pair_of(sizes, a, b):
    """Hits (P,) of one run a side, or (S, P)."""
    sides = [
        PatientCounts(sizes[None, :, None], hits, hits) for hits in (np.atleast_2d(one)[:, :, None] for one in (a, b))
    ]
    return Pair(("one",), *sides)


def test_degrees_of_freedom_are_at_most_twice_the_patients_who_differ_less_two():
    # 1, 2 and 3 images: (1 + 2 + 3)^2 / (1 + 4 + 9) = 18 / 7 patients
    assert Variance(1.0, differing=18 / 7).patients_freedom(50) == pytest.approx(22 / 7)
    assert Variance(1.0, differing=40).patients_freedom(50) == 49
    assert Variance(1.0).patients_freedom(50) == 49
    assert Variance(1.0, differing=1.2).patients_freedom(50) == 2
    half = t.ppf(0.975, 22 / 7) * np.sqrt(2)
    assert Variance(2.0, differing=18 / 7).halves(50, (1, 1)) == pytest.approx((half, half), rel=1e-12)


def test_the_interval_over_patients_and_seeds_counts_those_who_differ():
    """40 patients of 10 images; B has fewer hits with 6 of them: 1, 2, 3, 4, 5 and 5 images, each seed alike."""
    sizes = np.full(40, 10.0)
    apart = np.r_[1.0, 2, 3, 4, 5, 5, np.zeros(34)]
    a, b = (np.tile(one, (3, 1)) for one in (sizes, sizes - apart))
    found = verdict(pair_of(sizes, a, b), Headline.ACCURACY, Question.TRAINING, 0.01).difference
    differing = 20**2 / 80  # 20 images; squares 1 + 4 + 9 + 16 + 25 + 25
    z = (apart - 20 / 40) / 400
    half = t.ppf(0.975, 2 * (differing - 1)) * np.sqrt(40 / 39 * (z**2).sum())
    assert found.low == pytest.approx(20 / 400 - half, rel=1e-9)


@pytest.mark.parametrize(("n_differing", "n_patients"), [(9, 60), (9, 120), (15, 120), (24, 100), (24, 200)])
@pytest.mark.parametrize("seeds", [1, 3])
def test_the_interval_covers_where_sizes_are_lognormal(n_differing, n_patients, seeds):
    """B is wrong on all images of a patient with a probability, else equal to A, which has 90 % right."""
    rng = np.random.default_rng([n_differing, n_patients, seeds])
    question = Question.TRAINING if seeds > 1 else Question.CHECKPOINT
    n_trials, covered, trials = 400, 0, 0
    for _ in range(n_trials):
        sizes = np.maximum(1, np.round(np.exp(rng.normal(np.log(10) - 0.5, 1.0, n_patients))))
        a = np.tile(rng.binomial(sizes.astype(int), 0.9).astype(np.float64), (seeds, 1))
        b = np.where(rng.random(n_patients) < n_differing / n_patients, 0.0, a)
        said = verdict(pair_of(sizes, a, b), Headline.ACCURACY, question, 0.01)
        truth = 0.9 * n_differing / n_patients
        covered += said.difference.low <= truth <= said.difference.high
        trials += said.answer is not Answer.TOO_FEW
    assert trials == n_trials
    assert binomtest(covered, n_trials, 0.92, alternative="less").pvalue > 0.01, covered / n_trials
