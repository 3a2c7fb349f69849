"""Class intervals hold for all classes at once where a gap is large and counts are small, and are not symmetric."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, norm
from scipy.stats import t as student

from model_zoo.core.comparison.class_rows import class_rows
from model_zoo.core.comparison.comparison import pair
from model_zoo.core.comparison.outcomes import Question
from model_zoo.core.evaluation.metrics import ClassFigure
from model_zoo.core.label_space.taxonomy import Taxonomy
from tests.evaluations import judged


def named(n_classes: int) -> Taxonomy:
    return Taxonomy("numbered", {f"class {k}": frozenset({f"class {k}"}) for k in range(n_classes)})


def drawn(rng, n_classes, n_images, recalls, seeds, of_patient=1, alike=0.0):
    """Two sides of ``seeds`` runs: an image of either is correct with a probability of its own (beta, mean recall).

    Patients have ``of_patient`` images; with probability ``alike`` an image has the luck of its patient, and then
    all images of a patient are of one class.
    """
    truth = np.repeat(np.arange(n_classes), n_images)
    n_patients = len(truth) // of_patient
    patients = np.arange(len(truth)) // of_patient if alike else np.arange(len(truth)) % n_patients
    own, shared = rng.random(len(truth)), rng.random(len(truth))[patients]
    luck = np.where(rng.random(len(truth)) < alike, shared, own)
    sides = []
    for recall in recalls:
        chance = beta.ppf(luck, recall * 0.8, (1 - recall) * 0.8) if seeds > 1 else (luck < recall).astype(float)
        right = rng.random((seeds, len(truth))) < chance
        sides.append(judged(truth, np.where(right, truth, (truth + 1) % n_classes), patients, named(n_classes)))
    return sides


@pytest.mark.parametrize(
    ("n_classes", "n_images", "n_patients", "bound"),
    [
        (20, 30, 30, 0.1997),  # 1 - (0.05 / 40) ** (1 / 30)
        (3, 60, 12, 0.3290),  # 1 - (0.05 / 6) ** (1 / 12): images of one patient do not count
        (2, 400, 200, 0.0217),  # 1 - (0.05 / 4) ** (1 / 200)
    ],
)
def test_rows_of_exactly_zero_are_bounded_by_patients_for_all_rows_at_once(n_classes, n_images, n_patients, bound):
    truth = np.repeat(np.arange(n_classes), n_images)
    patients = np.concatenate([k * n_patients + np.arange(n_images) % n_patients for k in range(n_classes)])
    one = judged(truth, [truth], patients, named(n_classes))
    for row in class_rows(pair(one, one), ClassFigure.RECALL, Question.CHECKPOINT):
        assert (row.difference.low, row.difference.high) == pytest.approx((-bound, bound), abs=5e-5)


def test_an_interval_of_few_images_is_that_of_gains_and_losses_by_hand():
    """Of 60 patients with one image each of class 0, A alone is right on 9 and B alone on 2; two rows."""
    truth = np.repeat([0, 1], 60)
    a, b = np.copy(truth), np.copy(truth)
    b[:9], a[9:11] = 1, 1
    b[60:69], a[70:80] = 0, 0  # so that class 1 moves too
    row = class_rows(pair(judged(truth, a), judged(truth, b)), ClassFigure.RECALL, Question.CHECKPOINT)[0]
    gap = 7 / 60
    z = [1 - gap] * 9 + [-1 - gap] * 2 + [-gap] * 49
    variance = sum((one / 60) ** 2 for one in z) * 120 / 119
    squares = [one**2 / sum(other**2 for other in z) for one in z]
    apart = [one - (1 / 11 if k < 11 else 0) for k, one in enumerate(squares)]
    freedom = min(59, 2 / sum(one**2 for one in apart))
    tail = 0.025 / 2
    trials = (9 / 60 * 51 / 60 + 2 / 60 * 58 / 60) / variance * (norm.ppf(tail) / student.ppf(tail, freedom)) ** 2
    low, high = [], []
    for part in (9 / 60, 2 / 60):
        hits = part * trials
        low.append(beta.ppf(tail, hits, trials - hits + 1))
        high.append(beta.ppf(1 - tail, hits + 1, trials - hits))
    below = math.hypot(9 / 60 - low[0], high[1] - 2 / 60)
    above = math.hypot(high[0] - 9 / 60, 2 / 60 - low[1])
    expected = (gap, gap - below, gap + above)
    assert (row.difference.value, row.difference.low, row.difference.high) == pytest.approx(expected, abs=1e-9)
    assert above > below


@pytest.mark.parametrize(
    ("n_classes", "n_images", "recalls", "seeds", "of_patient", "alike"),
    [
        (9, 50, (0.98, 0.93), 8, 5, 0.0),
        (20, 30, (0.97, 0.87), 5, 5, 0.0),
        (9, 100, (0.99, 0.95), 1, 5, 0.7),  # a patient is of one class, two images correlate by 0.7 ** 2
        (9, 40, (0.9, 0.9), 1, 1, 0.0),
    ],
)
def test_class_intervals_hold_at_once_where_counts_are_small(n_classes, n_images, recalls, seeds, of_patient, alike):
    rng = np.random.default_rng(n_images)
    question = Question.TRAINING if seeds > 1 else Question.CHECKPOINT
    true, held = recalls[0] - recalls[1], []
    for _ in range(150):
        sides = drawn(rng, n_classes, n_images, recalls, seeds, of_patient, alike)
        rows = class_rows(pair(*sides), ClassFigure.RECALL, question)
        held.append(all(row.difference.low <= true <= row.difference.high for row in rows))
    assert np.mean(held) >= 0.91  # 150 trials of 95 % and more


@pytest.mark.parametrize("figure", ClassFigure)
def test_with_plenty_of_data_an_interval_is_the_usual_one(figure):
    rng = np.random.default_rng(3)
    truth = np.repeat([0, 1, 2], 4000)
    sides = [judged(truth, np.where(rng.random(len(truth)) < p, truth, (truth + 1) % 3)) for p in (0.8, 0.78)]
    both = pair(*sides)
    rows = class_rows(both, figure, Question.CHECKPOINT)
    between = np.subtract(*(side.classes(figure).influence()[0] for side in (both.a, both.b)))
    half = norm.ppf(1 - 0.025 / 3) * np.sqrt((between**2).sum(axis=0))
    widths = [row.difference.high - row.difference.low for row in rows[:3]]
    assert widths == pytest.approx(2 * half[:3], rel=0.04)


@given(st.integers(0, 10_000), st.sampled_from(ClassFigure), st.sampled_from(Question))
def test_swapping_the_sides_mirrors_every_class_interval_and_it_holds_the_difference(seed, figure, question):
    rng = np.random.default_rng(seed)
    a, b = drawn(rng, 3, 30, (0.9, 0.6), 3, of_patient=2, alike=0.5)
    there, back = (class_rows(pair(*sides), figure, question) for sides in ((a, b), (b, a)))
    for one, other in zip(there, back, strict=True):
        assert one.difference.low == pytest.approx(-other.difference.high, abs=1e-9)
        assert -1 <= one.difference.low <= one.difference.value <= one.difference.high <= 1


@pytest.mark.parametrize("question", Question)
def test_all_against_nothing_and_classes_that_one_patient_dominates_have_an_interval(question):
    truth = np.repeat([0, 1], 60)
    patients = np.concatenate([np.r_[np.zeros(49, dtype=int), np.arange(1, 12)], 100 + np.arange(60)])
    right, wrong = (judged(truth, [one] * 3, patients, named(2)) for one in (truth, 1 - truth))
    rows = class_rows(pair(right, wrong), ClassFigure.RECALL, question)
    assert [row.difference.high for row in rows] == [1.0, 1.0]
    assert rows[0].difference.low < rows[1].difference.low < 1


def test_missing_predictions_enter_every_class_at_their_worst():
    """A lacks its three errors; of 40 images a class its recall is at the least 37 / 40, and B's 38 / 40 is known."""
    truth = np.repeat([0, 1, 2], 40)
    a, b = truth.copy(), truth.copy()
    a[:3], b[40:42], b[78] = 1, 0, 2
    kept = np.arange(3, 120)
    whole, other = judged(truth, a, taxonomy=named(3)), judged(truth, b, taxonomy=named(3))
    some = pair(whole.only(kept), other)
    for figure in ClassFigure:
        rows = class_rows(some, figure, Question.CHECKPOINT)
        for of_three in itertools.product(range(3), repeat=3):  # whatever A would have predicted
            filled = np.concatenate([of_three, a[3:]])
            full = class_rows(pair(judged(truth, filled, taxonomy=named(3)), other), figure, Question.CHECKPOINT)
            for one, row in zip(full, rows, strict=True):
                assert row.difference.low <= one.difference.low + 0.002  # what lies between may vary more
                assert row.difference.high >= one.difference.high - 0.002
    recall = class_rows(some, ClassFigure.RECALL, Question.CHECKPOINT)
    dropped = class_rows(pair(whole.only(kept), other.only(kept)), ClassFigure.RECALL, Question.CHECKPOINT)
    assert recall[0].difference.low < dropped[0].difference.low
    assert recall[2].difference == dropped[2].difference
