"""Two clusters or one cloud: planted clusters are found, single clouds are not split, patients are not many images."""

import numpy as np
import pytest
from sklearn.cluster import KMeans

from model_zoo.core.suggestions import two_clusters as core
from model_zoo.core.suggestions.two_clusters import find_clusters, two_means


def cloud(rng, n_patients=40, n_each=2, n_dimensions=12, alike=0.4, n_classes=4):
    """Vectors of classes that are one Gaussian cloud each, with their classes and patients."""
    patients = np.repeat(np.arange(n_patients), n_each * n_classes)
    classes = np.tile(np.arange(n_classes), n_patients * n_each)
    scale = np.exp(-np.arange(n_dimensions) / 4)
    luck = rng.standard_normal((n_patients, n_classes, n_dimensions))[patients, classes]
    own = rng.standard_normal((len(patients), n_dimensions))
    centres = 8 * rng.standard_normal((n_classes, n_dimensions))
    return centres[classes] + scale * (np.sqrt(alike) * luck + np.sqrt(1 - alike) * own), classes, patients


def test_a_class_of_two_clusters_is_found_and_no_other():
    vectors, classes, patients = cloud(np.random.default_rng(1))
    inside = (classes == 2) & (np.random.default_rng(2).random(len(classes)) < 0.4)
    vectors[inside, 3] += 5
    found = find_clusters(vectors, classes, patients)
    assert [one.index for one in found if one.apart] == [2]
    first = found[0]
    assert first.p < 0.01
    assert not first.small
    assert (first.second == inside[first.rows]).mean() > 0.97
    assert first.n_images == ((~first.second).sum(), first.second.sum())
    assert first.n_patients[1] == len(set(patients[first.rows][first.second]))
    assert (first.depth[first.second] > 0).all()
    assert (first.depth > 0).all()
    assert first.one_cloud[0] < first.one_cloud[1] < first.between.low < first.between.value < first.between.high


@pytest.mark.parametrize("shape", ["gauss", "rectified", "skewed"])
def test_one_cloud_a_class_is_hardly_ever_split(shape):
    """20 data sets of four classes each: at most 5 % show two clusters in any class, whatever the cloud's shape."""
    rng, shown = np.random.default_rng(3), 0
    for _ in range(20):
        vectors, classes, patients = cloud(rng, n_patients=25)
        if shape == "rectified":
            vectors = np.maximum(vectors - vectors.mean(axis=0), -0.5)
        elif shape == "skewed":
            vectors = np.exp(vectors / 4 / vectors.std(axis=0))
        shown += any(one.apart for one in find_clusters(vectors, classes, patients))
    assert shown <= 1


def test_images_of_few_patients_are_not_many_images():
    """Twenty patients whose twenty images are nearly the same: taken as independent they would look like clusters."""
    rng, by_patient, by_image = np.random.default_rng(4), 0, 0
    for _ in range(8):
        vectors, classes, patients = cloud(rng, n_patients=20, n_each=20, n_dimensions=1, alike=0.99, n_classes=1)
        by_patient += find_clusters(vectors, classes, patients)[0].wide
        independent = find_clusters(vectors, classes, np.arange(len(classes)))[0]
        by_image += independent.wide
    assert by_patient <= 1
    assert by_image >= 4, by_image


def test_the_likeness_within_patients_is_that_which_was_put_in():
    vectors, _, patients = cloud(np.random.default_rng(5), n_patients=400, n_each=4, alike=0.6, n_classes=1)
    points = vectors - vectors.mean(axis=0)
    assert core._likeness(points, patients) == pytest.approx(np.full(12, 0.6), abs=0.08)
    assert core._likeness(points, np.arange(len(points))) == pytest.approx(np.zeros(12))


def test_two_means_are_as_good_as_those_of_scikit_learn():
    rng = np.random.default_rng(6)
    for n in (30, 100, 300):
        points = rng.standard_normal((n, 6)) * [3, 2, 1, 1, 0.5, 0.2]
        points[: n // 3, 0] += 4
        points -= points.mean(axis=0)
        between, second = two_means(points[None])
        fitted = KMeans(2, n_init=20, random_state=0).fit(points)
        assert 1 - between[0] == pytest.approx(fitted.inertia_ / (points**2).sum(), rel=0.02)
        sides = [points[second[0]], points[~second[0]]]
        within = sum(((side - side.mean(axis=0)) ** 2).sum() for side in sides)
        assert 1 - between[0] == pytest.approx(within / (points**2).sum(), rel=1e-9)


def test_the_interval_of_the_spread_is_that_of_a_patient_bootstrap():
    vectors, classes, patients = cloud(np.random.default_rng(7), n_patients=150, n_each=3, n_classes=1)
    vectors[(patients % 3 == 0), 0] += 4
    one = find_clusters(vectors, classes, patients)[0]
    rng, moved = np.random.default_rng(8), []
    points = core._components(vectors - vectors.mean(axis=0))
    for _ in range(300):
        rows = np.concatenate([np.flatnonzero(patients == k) for k in rng.integers(0, 150, 150)])
        drawn = points[rows] - points[rows].mean(axis=0)
        moved.append(two_means(drawn[None])[0][0])
    low, high = np.quantile(moved, (0.025, 0.975))
    assert one.between.high - one.between.low == pytest.approx(high - low, rel=0.2)
    assert one.between.value == pytest.approx(np.mean(moved), abs=0.02)


def test_a_few_images_far_away_are_small():
    vectors, classes, patients = cloud(np.random.default_rng(9))
    far = (classes == 0) & (np.arange(len(classes)) % 40 == 0)
    vectors[far] += 40
    first = find_clusters(vectors, classes, patients)[0]
    assert (first.index, first.apart, first.small) == (0, True, True)
    assert first.n_images[1] == far.sum()


def test_p_holds_for_all_classes_at_once():
    """Holm by hand: the smallest of four times four, the next times three, never below the one before."""
    vectors, classes, patients = cloud(np.random.default_rng(10))
    together = {one.index: one.p for one in find_clusters(vectors, classes, patients)}
    alone = {k: find_clusters(vectors, np.where(classes == k, k, -1), patients)[0].p for k in range(4)}
    least, wanted = 0.0, {}
    for rank, (k, p) in enumerate(sorted(alone.items(), key=lambda item: item[1])):
        least = max(least, min(1.0, p * (4 - rank)))
        wanted[k] = least
    assert together == pytest.approx(wanted)


def test_what_cannot_be_judged_is_left_out():
    vectors, classes, patients = cloud(np.random.default_rng(11), n_patients=19)
    assert find_clusters(vectors, classes, patients) == ()
    vectors, classes, patients = cloud(np.random.default_rng(12))
    vectors[classes == 1] = 3.0
    assert sorted(one.index for one in find_clusters(vectors, classes, patients)) == [0, 2, 3]
    assert find_clusters(vectors, np.full(len(classes), -1), patients) == ()


def test_of_very_many_images_some_are_drawn():
    vectors, classes, patients = cloud(np.random.default_rng(13), n_patients=600, n_each=2, n_classes=1)
    one = find_clusters(vectors, classes, patients)[0]
    assert len(one.rows) == len(set(one.rows)) == sum(one.n_images) == core.MAX_IMAGES
