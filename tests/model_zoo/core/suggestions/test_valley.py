"""Two clusters against curved and skewed clouds: shapes without a valley are passed, planted pairs are found."""

import numpy as np
import pytest
from scipy import stats

from model_zoo.core.suggestions.two_clusters import _components, find_clusters, two_means
from model_zoo.core.suggestions.valley import _two_parts, _valley_along, valley_p_value

N_PATIENTS, N_EACH, N_DIMENSIONS = 60, 4, 12


def noise(rng, sd=1.0, alike=0.4):
    """Images of a patient share a part of it, (n, N_DIMENSIONS)."""
    own = rng.standard_normal((N_PATIENTS * N_EACH, N_DIMENSIONS))
    shared = np.repeat(rng.standard_normal((N_PATIENTS, N_DIMENSIONS)), N_EACH, axis=0)
    return sd * (np.sqrt(alike) * shared + np.sqrt(1 - alike) * own)


def evenly(rng, alike=0.4):
    """Places along a continuum, uniform in (0, 1), alike within patients, (n,)."""
    score = np.sqrt(alike) * np.repeat(rng.standard_normal(N_PATIENTS), N_EACH)
    return stats.norm.cdf(score + np.sqrt(1 - alike) * rng.standard_normal(N_PATIENTS * N_EACH))


def bent(rng, degrees, sd):
    angle, vectors = np.deg2rad(degrees) * (evenly(rng) - 0.5), noise(rng, sd)
    vectors[:, 0] += 5 * np.sin(angle)
    vectors[:, 1] += 5 * np.cos(angle)
    return vectors


def stretched(rng, place):
    vectors = noise(rng)
    vectors[:, 0] += place(evenly(rng))
    return vectors


def pair(rng, distance=5.0, share=0.5, by_patient=False):
    vectors = noise(rng)
    n = N_PATIENTS if by_patient else len(vectors)
    second = rng.random(n) < share
    vectors[:, 0] += distance * (np.repeat(second, N_EACH) if by_patient else second)
    return vectors


CONTINUA = {
    "quarter circle": lambda rng: bent(rng, 90, 0.5),
    "half circle": lambda rng: bent(rng, 180, 0.5),
    "half circle, thick": lambda rng: bent(rng, 180, 1.0),
    "three quarters": lambda rng: bent(rng, 270, 0.5),
    "ring": lambda rng: bent(rng, 360, 0.5),
    "uniform": lambda rng: stretched(rng, lambda u: 8 * u),
    "exponential": lambda rng: stretched(rng, lambda u: -4 * np.log(1 - 0.999 * u)),
    "lognormal": lambda rng: stretched(rng, lambda u: 2 * np.exp(stats.norm.ppf(np.clip(u, 1e-4, 1 - 1e-4)))),
}
PAIRS = {
    "by image": lambda rng: pair(rng),
    "by patient": lambda rng: pair(rng, by_patient=True),
    "6 SD, a third": lambda rng: pair(rng, 6.0, 1 / 3),
}
PATIENTS = np.repeat(np.arange(N_PATIENTS), N_EACH)


def share_called_two(make, n_trials=25):
    called = 0
    for seed in range(n_trials):
        vectors = make(np.random.default_rng([seed, 9]))
        points = _components(vectors - vectors.mean(axis=0))
        called += valley_p_value(points, two_means(points[None])[1][0], PATIENTS) < 0.05
    return called / n_trials


@pytest.mark.parametrize("shape", CONTINUA)
def test_a_continuum_is_hardly_ever_two_clusters(shape):
    assert share_called_two(CONTINUA[shape]) <= 0.08  # 5 % of 25 trials is one; two may happen


@pytest.mark.parametrize("shape", PAIRS)
def test_planted_pairs_are_found(shape):
    assert share_called_two(PAIRS[shape]) >= 0.8


def test_both_tests_together_keep_the_pair_and_drop_the_half_circle():
    classes = np.zeros(N_PATIENTS * N_EACH, dtype=np.int64)
    rng = np.random.default_rng(4)
    assert find_clusters(pair(rng), classes, PATIENTS)[0].apart
    arc = [find_clusters(bent(np.random.default_rng(k), 180, 0.5), classes, PATIENTS)[0].apart for k in range(6)]
    assert sum(arc) <= 1


def test_the_split_of_a_line_is_the_best_of_all_splits():
    rng = np.random.default_rng(2)
    for _ in range(20):
        values = rng.exponential(size=30)
        order = np.sort(values)
        spread = [order[:k].var() * k + order[k:].var() * (30 - k) for k in range(1, 30)]
        best = order[int(np.argmin(spread)) + 1]
        assert (_two_parts(values) == (values >= best)).all()


def test_along_a_line_it_is_students_t_of_the_patients_sums():
    """Ten patients with one image at either centre, and one of them with one midway: windows of 1/4 of the distance."""
    along = np.array([0.0, 8.0] * 10 + [4.0])
    patients = np.array([*np.repeat(np.arange(10), 2), 0])
    second = along > 3.9
    centre = along[second].mean()
    counts = np.array([np.sum((patients == k) & (np.abs(along - centre) <= centre / 8)) for k in range(10)])
    middle = np.array([np.sum((patients == k) & (np.abs(along - centre / 2) <= centre / 8)) for k in range(10)])
    found = [counts - middle, 1 - middle]
    wanted = max(stats.ttest_1samp(one, 0, alternative="greater").pvalue for one in found)
    assert _valley_along(along, second, patients) == pytest.approx(wanted)
