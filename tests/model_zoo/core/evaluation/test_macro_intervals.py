"""Intervals of macro averages: by hand, by law, and by simulation with rare classes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from model_zoo.core.comparison.comparison import Pair, checkpoint_interval, verdict
from model_zoo.core.comparison.outcomes import Answer, Question
from model_zoo.core.evaluation.macro_intervals import macro_difference, macro_interval
from model_zoo.core.evaluation.metrics import Headline
from model_zoo.core.evaluation.patient_counts import PatientCounts, Ratios

Z = norm.ppf(0.975)


def counts(owner, truth, said, n_classes):
    """One run's tables, from images; patients are numbered from 0."""
    shape = (int(max(owner)) + 1, n_classes)
    tables = [np.zeros(shape) for _ in range(3)]
    for patient, true, one in zip(owner, truth, said, strict=True):
        tables[0][patient, true] += 1
        tables[1][patient, true] += true == one
        tables[2][patient, one] += 1
    return PatientCounts(*(table[None] for table in tables))


def alike(sizes, said=None):
    """Two sides with the same predictions (all right), one image a patient, ``sizes`` images of each class."""
    truth = np.repeat(np.arange(len(sizes)), sizes)
    side = counts(np.arange(len(truth)), truth, truth if said is None else said, len(sizes))
    return Pair(tuple("abcd"[: len(sizes)]), side, side)


@pytest.mark.parametrize("figure", [Headline.BALANCED_ACCURACY, Headline.MACRO_F1])
@pytest.mark.parametrize("n_rare", [1, 2, 9])
def test_a_class_with_few_patients_may_be_anything_on_either_side(figure, n_rare):
    pair = alike((400, 400, 400 - n_rare, n_rare))
    said = verdict(pair, figure, Question.CHECKPOINT, 0.01)
    assert said.rare == ("d",)
    assert said.answer is Answer.INCONCLUSIVE
    # the rare class: 1/4 on either side; a wholly different patient unseen in the smallest other class: z^2 / (4 n)
    smallest = 400 - n_rare
    half = 1 / 4 + Z**2 / (4 * smallest)
    assert (said.difference.low, said.difference.high) == pytest.approx((-half, half))
    assert checkpoint_interval(pair, figure) == pytest.approx((-half, half))


def test_ten_patients_are_not_rare_and_the_least_class_decides_what_can_be_missed():
    said = verdict(alike((400, 400, 390, 10)), Headline.BALANCED_ACCURACY, Question.CHECKPOINT, 0.01)
    assert said.rare == ()
    assert said.difference.high == pytest.approx(Z**2 / (4 * 10))


def test_accuracy_knows_no_rare_class():
    said = verdict(alike((400, 400, 398, 2)), Headline.ACCURACY, Question.CHECKPOINT, 0.01)
    assert said.rare == ()
    assert said.difference.high < 0.02


def test_one_models_average_holds_what_a_rare_class_could_be():
    ratios = alike((400, 400, 398, 2)).a.headline(Headline.BALANCED_ACCURACY)
    found = macro_interval(ratios, alike((400, 400, 398, 2)).a.images[0])
    # nothing wrong: 3/4 less z^2 / (4 x 398) unseen; the rare class adds 0 to 1/4
    assert found.rare == (3,)
    assert (found.low, found.high) == pytest.approx((0.75 - Z**2 / (4 * 398), 1.0))


def test_only_rare_classes_say_nothing():
    ratios = alike((9, 9)).a.headline(Headline.BALANCED_ACCURACY)
    images = alike((9, 9)).a.images[0]
    one, two = macro_interval(ratios, images), macro_difference(ratios, ratios, images)
    assert (one.low, one.high, two.low, two.high) == (0, 1, -1, 1)


def test_a_single_class_by_hand():
    # 100 patients of one image, 10 wrong: a weighted count 0.10 of weight 1/100 each
    hits = np.ones((1, 100, 1))
    hits[0, :10] = 0
    ratios, images = Ratios(hits, np.ones((1, 100, 1))), np.ones((100, 1))
    variance = 0.1 * 0.9 / 99
    t = 2.0859634473  # 20 degrees of freedom: twice the 10 patients that hold the errors
    skew = 1 - 2 * 0.1
    up, down = skew / 100, skew * variance / 0.1
    high_loss = 0.1 + t**2 * up / 2 + math.sqrt(t**2 * variance + (t**2 * up / 2) ** 2)
    low_loss = 0.1 + t**2 * down / 2 - math.sqrt(t**2 * variance + (t**2 * down / 2) ** 2)
    found = macro_interval(ratios, images)
    assert (found.low, found.high) == pytest.approx((1 - high_loss, 1 - low_loss), abs=1e-9)


sides = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)), min_size=40, max_size=90)


@settings(max_examples=40)
@given(sides, st.integers(1, 3))
def test_swapping_the_sides_mirrors_the_interval_and_it_holds_the_difference(rows, per_patient):
    truth, a, b = np.array(rows).T
    owner = np.arange(len(truth)) // per_patient
    first, second = (counts(owner, truth, said, 3).headline(Headline.MACRO_F1) for said in (a, b))
    images = counts(owner, truth, a, 3).images[0]
    images = images[:, images.sum(axis=0) > 0]
    there, back = macro_difference(first, second, images), macro_difference(second, first, images)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    value = float(first.figure()[0] - second.figure()[0])
    assert math.isnan(there.low) or there.low - 1e-9 <= value <= there.high + 1e-9


@settings(max_examples=40)
@given(st.lists(st.booleans(), min_size=6, max_size=6), st.lists(st.booleans(), min_size=6, max_size=6))
def test_what_was_seen_of_a_rare_class_does_not_move_the_interval(a, b):
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], [60, 60, 6])
    said = [np.where(rng.random(126) < 0.85, truth, 1 - truth.clip(0, 1)) for _ in range(2)]
    for side, right in zip(said, (a, b), strict=True):
        side[120:] = np.where(right, 2, 0)
    owner = np.arange(126)
    first, second = (counts(owner, truth, one, 3).headline(Headline.BALANCED_ACCURACY) for one in said)
    found = macro_difference(first, second, counts(owner, truth, truth, 3).images[0])
    common = [one.each()[0, :2].mean() * 2 / 3 for one in (first, second)]
    assert found.rare == (2,)
    assert (found.low + found.high) / 2 == pytest.approx(common[0] - common[1], abs=0.02)
    assert found.low <= first.figure()[0] - second.figure()[0] <= found.high


def drawn(rng, frequencies, rates, n_patients, n_each, alike_by=0.85):
    """Truth, owners and each side's answers: right where a normal score, half of it the patient's, is low enough."""
    owner = np.repeat(np.arange(n_patients), n_each)
    truth = rng.choice(len(frequencies), len(owner), p=frequencies)
    both = [rng.normal(size=n_patients)[owner] * math.sqrt(0.2) + rng.normal(size=len(owner)) * math.sqrt(0.8)]
    other = (truth + rng.integers(1, len(frequencies), len(owner))) % len(frequencies)
    said = []
    for side in rates:
        own = rng.normal(size=n_patients)[owner] * math.sqrt(0.2) + rng.normal(size=len(owner)) * math.sqrt(0.8)
        score = math.sqrt(alike_by) * both[0] + math.sqrt(1 - alike_by) * own
        said.append(np.where(score < norm.ppf(np.array(side))[truth], truth, other))
    return owner, truth, said


def tables(owner, truth, said, n_patients, n_classes):
    def table(which, kept):
        return np.bincount((owner * n_classes + which)[kept], minlength=n_patients * n_classes).reshape(
            1, n_patients, n_classes
        )

    everything = np.ones(len(truth), dtype=bool)
    return PatientCounts(
        *(one * 1.0 for one in (table(truth, everything), table(truth, truth == said), table(said, everything)))
    )


@pytest.mark.parametrize("alike_by", [0.85, 1.0])
@pytest.mark.parametrize(("rare", "n_patients"), [(0.015, 1200), (0.015, 300), (0.004, 1200), (0.03, 60)])
def test_a_rare_class_that_differs_is_covered(rare, n_patients, alike_by):
    """1,200 images; the rare class is recalled with .95 and .75, all others with .9 on both sides: truth 0.05."""
    rng, held, frequencies = np.random.default_rng(5), 0, [(1 - rare) / 3] * 3 + [rare]
    for _ in range(200):
        rates = ([0.9] * 3 + [0.95], [0.9] * 3 + [0.75])
        owner, truth, said = drawn(rng, frequencies, rates, n_patients, 1200 // n_patients, alike_by)
        if (truth == 3).sum() == 0:
            held += 1  # then the average runs over three classes, and is another figure
            continue
        pair = Pair(tuple("abcd"), *(tables(owner, truth, one, n_patients, 4) for one in said))
        low, high = checkpoint_interval(pair, Headline.BALANCED_ACCURACY)
        held += low <= 0.05 <= high
    assert held >= 0.93 * 200


def test_where_all_classes_are_common_the_interval_is_hardly_wider_than_known_variance():
    """100 patients with 5 images each, of which some 30 differ; five equal classes, recalled with .9 on both sides."""
    rng, widths, values, held = np.random.default_rng(6), [], [], 0
    for _ in range(300):
        owner, truth, said = drawn(rng, [0.2] * 5, ([0.9] * 5, [0.9] * 5), 100, 5)
        pair = Pair(tuple("abcde"), *(tables(owner, truth, one, 100, 5) for one in said))
        found = verdict(pair, Headline.BALANCED_ACCURACY, Question.CHECKPOINT, 0.01).difference
        widths.append(found.high - found.low)
        values.append(found.value)
        held += found.low <= 0 <= found.high
    assert held >= 0.93 * 300
    assert np.mean(widths) <= 1.15 * 2 * Z * np.std(values) * 1.06  # the SD of 300 trials is known to 4 %
