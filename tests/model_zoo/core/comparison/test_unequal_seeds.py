"""Few seeds of much spread against many of little: the interval of a way of training holds all the same."""

import numpy as np
import pytest
from scipy.stats import binomtest, norm, t

from model_zoo.core.comparison import power, uncertainty
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
    assert variance.halves(50, (3, 8)) == pytest.approx((half, half), rel=1e-12)
    alone = t.ppf(0.975, 49) * np.sqrt(2)
    assert Variance(2.0).halves(50, (1, 1)) == pytest.approx((alone, alone), rel=1e-12)
    # seeds whose spread is all interaction add nothing
    assert Variance(2.0, (0.5, 0.5), (0.6, 0.6)).halves(50, (3, 3)) == pytest.approx((alone, alone), rel=1e-12)
    # of several contrasts at once, 3 and 8 seeds have 2 and 7 degrees of freedom
    own = np.sqrt((2 - 1) * t.ppf(0.99, 49) ** 2 + 4 * t.ppf(0.99, 2) ** 2 + t.ppf(0.99, 7) ** 2)
    assert variance.halves(50, (3, 8), 0.01, own_t=True) == pytest.approx((own, own), rel=1e-12)


def test_the_interval_is_never_narrower_than_over_patients_alone():
    # 20 seeds a side have a smaller t than 6 patients: 2.02 against 2.57, and most of their spread is interaction
    variance, alone = Variance(2.0, (1.0, 1.0), (0.9, 0.9)), t.ppf(0.975, 5)
    assert 2 * t.ppf(0.975, 38) ** 2 < 1.8 * alone**2
    assert variance.halves(6, (20, 20)) == pytest.approx((np.sqrt(2) * alone,) * 2, rel=1e-12)
    assert variance.seeds_halves(6, (20, 20)) == (0, 0)


def seeds_alone(a, b):
    """`Variance` of two sides with these accuracies per seed, and patients that add nothing."""
    nothing = [np.zeros((len(side), 50)) for side in (a, b)]
    return uncertainty.over_patients_and_seeds(*nothing, (np.array(a), np.array(b)))


def test_a_mean_over_seeds_has_its_interval_on_the_logit_scale():
    """A of three seeds against B of eight equal ones: the interval of A's mean alone, written out with scipy."""
    a = np.array([0.90, 0.94, 0.97])
    logits = np.log(a / (1 - a))
    reach = t.ppf(0.975, 2) * logits.std(ddof=1) / np.sqrt(3)
    middle = np.log(a.mean() / (1 - a.mean()))
    below, above = a.mean() - 1 / (1 + np.exp(reach - middle)), 1 / (1 + np.exp(-reach - middle)) - a.mean()
    assert seeds_alone(a, [0.9] * 8).seeds_halves(50, (3, 8)) == pytest.approx((below, above), rel=1e-9)
    assert below > 2 * above
    # the other way round it reaches as far above as it did below
    assert seeds_alone([0.9] * 8, a).seeds_halves(50, (8, 3)) == pytest.approx((above, below), rel=1e-9)
    # and of errors it is the mirror image
    assert seeds_alone(1 - a, [0.1] * 8).seeds_halves(50, (3, 8)) == pytest.approx((above, below), rel=1e-9)


def test_sides_alike_have_a_symmetric_interval():
    a, b = [0.90, 0.92, 0.94], [0.94, 0.90, 0.92]
    below, above = seeds_alone(a, b).seeds_halves(50, (3, 3))
    assert below == pytest.approx(above, rel=1e-12)
    assert below > t.ppf(0.975, 4) * np.sqrt(2 * np.var(a, ddof=1) / 3)


def test_seeds_that_are_all_correct_or_all_incorrect_reach_no_farther_than_accuracy_can():
    variance = seeds_alone([1.0, 1.0, 0.98], [0.0, 0.02, 0.0])
    below, above = variance.seeds_halves(50, (3, 3))
    assert 0 < above < 0.02 < below < 1.5
    assert seeds_alone([1.0] * 3, [0.0] * 3).seeds_halves(50, (3, 3)) == (0, 0)


@pytest.mark.parametrize("variance", [Variance(2.0, (4.0, 1.0), (0.5, 0.5)), Variance(1.0, (0.2, 0.2), (0.15, 0.15))])
def test_power_foresees_the_interval_that_is_stated(variance):
    """With very many patients and seeds, measured variances are the true ones, so that all half-widths are one."""
    runs, n_patients = (4000, 4000), 100_000
    expected, _ = variance.halves(n_patients, runs)
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
