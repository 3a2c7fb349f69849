"""Tipping points against linear scans by other code, sums in the margin, and a world with planted label noise."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_zoo.core.comparison.comparison import pair, verdict
from model_zoo.core.comparison.outcomes import Answer, Question
from model_zoo.core.comparison.tipping_point import tipping_point
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.metrics import Headline
from model_zoo.core.label_space.taxonomy import Taxonomy
from tests.evaluations import judged

MARGIN = 0.01


def asked(a, b, figure=Headline.ACCURACY, question=Question.CHECKPOINT):
    return verdict(pair(a, b), figure, question, MARGIN)


def one_seed(a_only, b_only, both, neither=0, wrong_apart=0):
    """Two models of one seed: images that only A, only B, both or neither gets right; labels are all class 0.

    Of the last, ``wrong_apart`` are images that A calls 1 and B calls 2. One image a patient.
    """
    truth = np.zeros(a_only + b_only + both + neither + wrong_apart, dtype=int)
    a = [0] * a_only + [1] * b_only + [0] * both + [3] * neither + [1] * wrong_apart
    b = [1] * a_only + [0] * b_only + [0] * both + [3] * neither + [2] * wrong_apart
    return judged(truth, [a]), judged(truth, [b])


def scanned(a, b, new_labels, order, said):
    """The first number of wrong labels that gives another answer, one label after the other."""
    truth = a.truth.copy()
    for m, row in enumerate(order, start=1):
        truth[row] = new_labels[row]
        if asked(judged(truth, a.predicted, a.patients), judged(truth, b.predicted, b.patients)).answer != said.answer:
            return m
    return None


@pytest.mark.parametrize(("a_only", "b_only"), [(40, 10), (31, 10), (90, 20), (61, 1)])
def test_the_worst_case_is_what_a_scan_finds_and_to_zero_takes_half_the_lead(a_only, b_only):
    a, b = one_seed(a_only, b_only, 400)
    said = asked(a, b)
    assert said.answer is Answer.BETTER
    found = tipping_point(a, b, said)
    # each wrong label on an image that only A gets right takes one from A and gives one to B
    assert found.to_zero == -(-(a_only - b_only) // 2)
    assert found.worst == scanned(a, b, np.ones(len(a.truth), dtype=int), range(a_only), said)
    assert (found.n_differ, found.n_images) == (a_only + b_only, a_only + b_only + 400)
    assert 0 < found.worst <= min(found.to_zero, found.at_random)
    assert found.at_random <= found.n_differ


def test_turned_around_it_is_the_same():
    a, b = one_seed(50, 12, 300, 20, 9)
    first, second = tipping_point(a, b, asked(a, b)), tipping_point(b, a, asked(b, a))
    assert (first.worst, first.to_zero, first.n_differ) == (second.worst, second.to_zero, second.n_differ)
    assert asked(b, a).answer is Answer.WORSE


def test_at_random_it_turns_half_of_other_random_samples():
    a, b = one_seed(60, 20, 300)
    said = asked(a, b)
    rng = np.random.default_rng(77)

    def share_turned(m):
        turned = 0
        for _ in range(60):
            truth = a.truth.copy()
            truth[rng.permutation(80)[:m]] = 1  # the class of the model that was wrong
            turned += asked(judged(truth, a.predicted), judged(truth, b.predicted)).answer is not said.answer
        return turned / 60

    found = tipping_point(a, b, said)
    assert share_turned(found.at_random - 6) < 0.5 < share_turned(found.at_random + 6)


def test_without_a_result_there_is_no_tipping_point():
    a, b = one_seed(12, 10, 300)
    said = asked(a, b)
    assert said.answer is Answer.INCONCLUSIVE
    assert tipping_point(a, b, said) is None
    few = judged([0] * 5, [[0] * 5])
    assert tipping_point(few, few, asked(few, few)) is None


def test_several_seeds_count_as_shares_of_their_votes():
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 4, 600)
    wrong = (truth + 1) % 4
    a, b = (np.where(rng.random((4, 600)) < right, truth, wrong) for right in (0.97, 0.9))
    first, second = judged(truth, a), judged(truth, b)
    said = asked(first, second, question=Question.TRAINING)
    found = tipping_point(first, second, said)
    lead = (a == truth).mean(axis=0) - (b == truth).mean(axis=0)
    drop = np.sort(lead - np.minimum(0, (a == wrong).mean(axis=0) - (b == wrong).mean(axis=0)))[::-1]
    assert said.answer is Answer.BETTER
    assert found.to_zero == int(np.searchsorted(np.cumsum(drop), lead.sum() - 1e-9)) + 1
    assert found.worst < found.to_zero


def test_with_noise_that_one_model_learned_the_stated_number_is_below_the_wrong_labels():
    """10 % of the labels are wrong and one model learned half of them: it seems better, and is worse by the truth."""
    rng = np.random.default_rng(11)
    truth = rng.integers(0, 4, 1500)
    noisy = rng.random(1500) < 0.1
    labels = np.where(noisy, (truth + 1) % 4, truth)
    learned = noisy & (rng.random(1500) < 0.5)
    fair = np.where(rng.random(1500) < 0.95, truth, (truth + 2) % 4)
    fooled = np.where(learned, labels, np.where(rng.random(1500) < 0.93, truth, (truth + 2) % 4))
    a, b = judged(labels, [fooled]), judged(labels, [fair])
    said = asked(a, b)
    assert said.answer is Answer.BETTER
    assert (fooled == truth).mean() < (fair == truth).mean()
    found = tipping_point(a, b, said)
    assert found.worst < found.at_random < noisy.sum()


def test_an_equivalent_result_turns_in_either_direction():
    a, b = one_seed(2, 2, 4000)
    said = asked(a, b)
    assert said.answer is Answer.SAME
    found = tipping_point(a, b, said)
    assert found.to_zero is None
    assert found.worst is None or found.worst <= found.n_differ


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 10), st.integers(0, 2**16))
def test_the_order_of_images_changes_nothing_in_the_worst_case(a_only, b_only, apart, seed):
    a, b = one_seed(a_only, b_only, 200, 5, apart)
    order = np.random.default_rng(seed).permutation(len(a.truth))
    shuffled = [judged(one.truth[order], one.predicted[:, order]) for one in (a, b)]
    first, second = (tipping_point(*pair_, asked(*pair_)) for pair_ in ((a, b), shuffled))
    assert (first is None) == (second is None)
    if first:
        assert (first.to_zero, first.n_differ) == (second.to_zero, second.n_differ)


def test_with_missing_predictions_no_number_is_stated():
    """What they would have been turns a result before the labels do."""
    a, b = one_seed(60, 10, 300)
    fewer = b.only(np.arange(len(b.truth)) < 369)
    said = asked(a, fewer)
    assert said.answer is Answer.BETTER
    assert tipping_point(a, fewer, said) is None


def test_a_model_that_predicts_no_class_is_no_other_class_to_be_correct():
    """B predicts outside of the class set wherever A is correct: no such image has another predicted class."""
    a, b = one_seed(60, 10, 300)
    outside = judged(b.truth, np.where(b.predicted == 1, -1, b.predicted))
    said = asked(a, outside)
    found = tipping_point(a, outside, said)
    assert said.answer is Answer.BETTER
    assert found.worst == found.at_random is None or found.worst <= 60


def test_of_a_macro_average_labels_of_small_classes_come_first():
    """Class 1 has 20 of 520 images, 15 of which only A finds; 60 of class 0 are found by A alone."""
    truth = np.array([0] * 500 + [1] * 20)
    b = truth.copy()
    b[:60], b[500:515] = 2, 2
    first, second = judged(truth, [truth]), judged(truth, [b])
    said = asked(first, second, Headline.BALANCED_ACCURACY)
    found = tipping_point(first, second, said)
    assert said.answer is Answer.BETTER
    assert found.worst <= 15  # of 12 % and 75 % difference most is that of 15 images


def in_taxonomy(truth, said, patients, places, n_classes):
    """The same model where class k has index ``places[k]`` among ``n_classes``."""
    taxonomy = Taxonomy("wide", {f"c{k}": frozenset([f"c{k}"]) for k in range(n_classes)})
    ids, place = tuple(f"i{k}" for k in range(len(truth))), np.append(places, -1)  # -1: of no class
    return Evaluation(taxonomy, ids, patients, place[truth], place[np.atleast_2d(said)])


@pytest.mark.parametrize("figure", Headline)
@pytest.mark.parametrize("outside", [False, True])
def test_classes_that_no_image_gets_change_nothing(figure, outside):
    rng = np.random.default_rng(8)
    truth, patients = rng.integers(0, 4, 500), rng.integers(0, 300, 500)
    a, b = (np.where(rng.random((3, 500)) < right, truth, rng.integers(-outside, 4, (3, 500))) for right in (0.95, 0.7))
    found = []
    for places, n_classes in (([0, 1, 2, 3], 5), ([0, 9, 10, 2400], 3000)):
        sides = [in_taxonomy(truth, said, patients, places, n_classes) for said in (a, b)]
        found.append(tipping_point(*sides, asked(*sides, figure, Question.TRAINING)))
    assert found[0] == found[1]
    assert None not in (found[0].worst, found[0].at_random, found[0].to_zero)


@pytest.mark.parametrize("figure", [Headline.BALANCED_ACCURACY, Headline.MACRO_F1])
def test_the_worst_case_of_a_macro_average_is_what_a_scan_finds(figure):
    """Of class 1 alone A finds 60 images more, all of them alike; each becomes the class that B predicts."""
    truth = np.array([0] * 300 + [1] * 100 + [2] * 300)
    b = truth.copy()
    b[300:360] = 2
    first, second = judged(truth, [truth]), judged(truth, [b])
    said = asked(first, second, figure)
    assert said.answer is Answer.BETTER

    def turned(m):
        labels = truth.copy()
        labels[300 : 300 + m] = 2
        return asked(judged(labels, [truth]), judged(labels, [b]), figure).answer is not said.answer

    assert tipping_point(first, second, said).worst == next(m for m in range(61) if turned(m))


def test_thousands_of_classes_take_seconds():
    """3,000 classes and 12,000 images of 1,000 patients: 45 s with a table of every class for each number tried."""
    rng = np.random.default_rng(9)
    truth, patients = rng.integers(0, 3000, 12_000), rng.integers(0, 1000, 12_000)
    other = rng.integers(0, 3000, (2, 12_000))
    said = [np.where(rng.random(12_000) < right, truth, one) for right, one in zip((0.9, 0.8), other, strict=True)]
    a, b = (in_taxonomy(truth, one, patients, range(3000), 3000) for one in said)
    said = asked(a, b)
    start = time.process_time()
    found = tipping_point(a, b, said)
    assert time.process_time() - start < 10
    gap = int(a.right.sum()) - int(b.right.sum())
    assert -(-gap // 2) <= found.to_zero <= gap
    assert 0 < found.worst < found.to_zero < found.at_random
