"""What to split: named by a part where the clusters agree with it, and never by label noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.label_space.labels import LeafSpace, Part
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.core.suggestions.subclusters import adjusted_rand, find_subclusters

SPACE = LeafSpace((Part("thing", ("a", "b", "c")), Part("mark", ("no", "yes")), Part("size", ("s", "m", "l"))))
THINGS = Taxonomy("things", {thing: SPACE.parse(f"{thing}.*.*") for thing in "abc"})


def seen(rng, apart=0.0, noise=0.0, n_patients=40, unknown=False):
    """A model's vectors of three things; the marked ones of "b" lie ``apart``, and labels are wrong by ``noise``.

    The model calls every image by what it truly is.
    """
    n = 6 * n_patients
    patients, truth = np.repeat(np.arange(n_patients), 6), rng.integers(0, 3, n)
    marked, size = rng.integers(0, 2, n), rng.integers(0, 3, n)
    scale = np.exp(-np.arange(10) / 4)
    vectors = scale * (0.6 * rng.standard_normal((n_patients, 10))[patients] + 0.8 * rng.standard_normal((n, 10)))
    vectors += 8 * np.eye(10)[truth]
    vectors[(truth == 1) & (marked == 1), 5] += apart
    given_as = np.where(rng.random(n) < noise, rng.integers(0, 3, n), truth)
    marks = [("no", "yes")[k] for k in marked]
    if unknown:
        marks = ["*" if k % 5 == 0 else mark for k, mark in enumerate(marks)]
    labels = [SPACE.parse(f"{'abc'[t]}.{m}.{'sml'[s]}") for t, m, s in zip(given_as, marks, size)]
    ids = tuple(f"i{k}" for k in range(n))
    return vectors, Evaluation(THINGS, ids, patients, given_as, truth[None]), labels, marked


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=40))
def test_the_agreement_is_the_adjusted_rand_index_of_scikit_learn(pairs):
    one, other = np.array(pairs).T
    table = np.bincount(2 * one + other, minlength=4).reshape(2, 2).astype(float)
    assert adjusted_rand(table) == pytest.approx(adjusted_rand_score(one, other), abs=1e-9)


def test_clusters_that_agree_with_a_part_carry_its_name():
    vectors, evaluation, labels, marked = seen(np.random.default_rng(1), apart=5)
    found = find_subclusters(vectors, evaluation, labels, SPACE)
    assert [one.clusters.index for one in found if one.candidate] == [1]
    first = found[0]
    rows = first.clusters.rows
    assert first.meaning.words in ("mark: no against yes", "mark: yes against no")
    assert first.meaning.leaves == SPACE.parse(f"b.{first.meaning.value}.*")
    assert first.meaning.agreement == pytest.approx(adjusted_rand_score(first.clusters.second, marked[rows]))
    assert 0.8 < first.meaning.low <= first.meaning.agreement <= first.meaning.high <= 1
    assert first.meaning.n_images == len(rows)
    has = marked[rows] == (first.meaning.value == "yes")
    assert first.meaning.shares == pytest.approx(
        (has[~first.clusters.second].mean(), has[first.clusters.second].mean())
    )
    assert first.right == (1.0, 1.0)


def test_labels_that_leave_the_part_open_are_not_counted():
    vectors, evaluation, labels, _ = seen(np.random.default_rng(2), apart=5, unknown=True)
    first = find_subclusters(vectors, evaluation, labels, SPACE)[0]
    settled = [SPACE.parts_of(labels[row])["mark"] is not None for row in first.clusters.rows]
    assert first.meaning.part == "mark"
    assert first.meaning.n_images == sum(settled) < len(settled)


def test_clusters_of_no_part_have_no_meaning_and_are_still_shown():
    vectors, evaluation, labels, _ = seen(np.random.default_rng(3))
    hidden = (np.random.default_rng(4).random(len(vectors)) < 0.5) & (evaluation.truth == 1)
    vectors[hidden, 5] += 5
    first = find_subclusters(vectors, evaluation, labels, SPACE)[0]
    assert (first.clusters.index, first.candidate, first.meaning) == (1, True, None)


@pytest.mark.parametrize("noise", [0.1, 0.3])
def test_label_noise_is_no_class_of_its_own(noise):
    """10 data sets whose labels are wrong by chance: some class is no single cloud, but none is a candidate."""
    rng, apart, advised = np.random.default_rng(5), 0, 0
    for _ in range(10):
        vectors, evaluation, labels, _ = seen(rng, noise=noise)
        found = find_subclusters(vectors, evaluation, labels, SPACE)
        apart += any(one.clusters.wide for one in found)
        advised += any(one.candidate for one in found)
    assert apart >= 9
    assert advised == 0


def test_what_a_part_never_varies_over_is_no_meaning():
    vectors, evaluation, labels, _ = seen(np.random.default_rng(6), apart=5)
    same = [SPACE.parse(f"{next(iter(label))[0]}.no.s") for label in labels]
    assert find_subclusters(vectors, evaluation, same, SPACE)[0].meaning is None
