"""Few seeds of much spread against many of little: the interval of a way of training holds all the same."""

import numpy as np
import pytest
from scipy.stats import binomtest, norm, t

from model_zoo.core.comparison import power
from model_zoo.core.comparison.comparison import Pair, verdict
from model_zoo.core.comparison.outcomes import Question
from model_zoo.core.comparison.uncertainty import Variance
from model_zoo.core.evaluation.metrics import Headline
from model_zoo.core.evaluation.patient_counts import PatientCounts


def test_patients_and_seeds_each_have_their_own_t():
    # seeds 4 and 1 of 3 and 8 runs: 25 / (16 / 2 + 1 / 7) = 3.0702 degrees of freedom; patients 2 of 50: 49
    variance = Variance(2.0, (4.0, 1.0), (0.5, 0.5))
    # of which 1 is interaction, and the patients' 2 hold it too
    half = np.sqrt((2 - 1) * t.ppf(0.975, 49) ** 2 + 5 * t.ppf(0.975, 25 / (16 / 2 + 1 / 7)) ** 2)
    assert variance.critical(50, (3, 8)) * np.sqrt(variance.total) == pytest.approx(half, rel=1e-12)
    assert Variance(2.0).critical(50, (1, 1)) == pytest.approx(t.ppf(0.975, 49), rel=1e-12)
    # seeds whose spread is all interaction add nothing
    assert Variance(2.0, (0.5, 0.5), (0.6, 0.6)).critical(50, (3, 3)) == pytest.approx(t.ppf(0.975, 49), rel=1e-12)


def test_the_interval_is_never_narrower_than_over_patients_alone():
    # 20 seeds a side have a smaller t than 6 patients: 2.02 against 2.57, and most of their spread is interaction
    variance, alone = Variance(2.0, (1.0, 1.0), (0.9, 0.9)), t.ppf(0.975, 5)
    assert 2 * t.ppf(0.975, 38) ** 2 < 1.8 * alone**2
    assert variance.critical(6, (20, 20)) * np.sqrt(variance.total) == pytest.approx(np.sqrt(2) * alone, rel=1e-12)
    assert variance.seeds_half(6, (20, 20)) == 0


def test_the_seeds_half_and_that_over_patients_join_to_the_interval():
    variance = Variance(2.0, (4.0, 1.0), (0.5, 0.5))
    both = np.hypot(variance.seeds_half(50, (3, 8)), t.ppf(0.975, 49) * np.sqrt(2))
    assert both == pytest.approx(variance.critical(50, (3, 8)) * np.sqrt(variance.total), rel=1e-12)
    # 5 t_seeds^2 less 1 t_patients^2
    seeds = np.sqrt(5 * t.ppf(0.975, 25 / (16 / 2 + 1 / 7)) ** 2 - t.ppf(0.975, 49) ** 2)
    assert variance.seeds_half(50, (3, 8)) == pytest.approx(seeds, rel=1e-12)


@pytest.mark.parametrize("variance", [Variance(2.0, (4.0, 1.0), (0.5, 0.5)), Variance(1.0, (0.2, 0.2), (0.15, 0.15))])
def test_power_foresees_the_interval_that_is_stated(variance):
    """With very many patients and seeds, measured variances are the true ones, so that all half-widths are one."""
    runs, n_patients = (4000, 4000), 100_000
    expected = variance.critical(n_patients, runs) * np.sqrt(variance.total)
    assert np.median(power._half_widths(variance, n_patients, runs)) == pytest.approx(expected, rel=0.002)


@pytest.mark.parametrize(
    ("n_runs", "spreads"),
    [((3, 8), (0.03, 0.003)), ((3, 10), (0.03, 0.003)), ((5, 3), (0.003, 0.03)), ((3, 3), (0.03, 0.003))],
)
def test_the_interval_covers_whichever_side_spreads(n_runs, spreads):
    """Equal accuracy of 0.9 on 200 patients of 5 images; a seed's accuracy is normal with the spread."""
    rng = np.random.default_rng([*n_runs, int(1000 * spreads[0])])
    n_trials, n_patients, n_images = 600, 200, 5
    missed = np.zeros(2, dtype=int)
    for _ in range(n_trials):
        shape = (n_patients, n_images)
        hard = 0.4 * rng.standard_normal((n_patients, 1)) + 0.7 * rng.standard_normal(shape)
        sides = []
        for runs, spread in zip(n_runs, spreads, strict=True):
            own = hard + 0.35 * rng.standard_normal(shape)
            luck = np.sqrt(1 - 0.4**2 - 0.7**2 - 0.35**2)
            skill = norm.ppf(np.clip(0.9 + spread * rng.standard_normal(runs), 0.5, 0.999))
            right = own + luck * rng.standard_normal((runs, *shape)) + skill[:, None, None] > 0
            hits = right.sum(axis=2).astype(np.float64)[:, :, None]
            sides.append(PatientCounts(np.full((1, n_patients, 1), float(n_images)), hits, hits))
        found = verdict(Pair(("one",), *sides), Headline.ACCURACY, Question.TRAINING, 0.01).difference
        missed += [found.low > 0, found.high < 0]
    assert binomtest(int(missed.sum()), n_trials, 0.07, alternative="greater").pvalue > 0.01, missed
    assert missed.max() <= 0.05 * n_trials, missed
