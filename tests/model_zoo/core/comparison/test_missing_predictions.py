"""Images that a side, or single runs of it, have no prediction for: the result is that of the worst case."""

from itertools import product

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, recall_score

from model_zoo.core.comparison.comparison import Pair, checkpoint_interval, pair, verdict
from model_zoo.core.comparison.missing_predictions import UNPREDICTED, evaluate_with_missing
from model_zoo.core.comparison.outcomes import Answer, Question
from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.evaluation import Evaluation, evaluate
from model_zoo.core.evaluation.metrics import Headline
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.label_space.taxonomy import Taxonomy, common_ground

ABC = Taxonomy("abc", {name: frozenset(name) for name in "abc"})
MEASURES = {
    Headline.ACCURACY: accuracy_score,
    Headline.BALANCED_ACCURACY: lambda t, p: recall_score(t, p, labels=sorted(set(t)), average="macro"),
    Headline.MACRO_F1: lambda t, p: f1_score(t, p, labels=sorted(set(t)), average="macro"),
}


def judged(truth, predicted, patients, ids):
    names = tuple(f"i{k:04d}" for k in ids)
    rows = np.atleast_2d(np.array(predicted, dtype=np.int64))
    return Evaluation(ABC, names, np.array(patients, dtype=np.int64), np.array(truth, dtype=np.int64), rows)


def only(evaluation, kept):
    return evaluation.only(np.array(kept, dtype=np.int64))


def test_missing_on_each_side_is_counted_and_bounded_by_hand():
    """30 patients of one image. Both predict 28: A has 27 correct, B 24. A lacks image 28, B lacks image 29."""
    ids = range(30)
    a = judged(np.zeros(30), [[0] * 27 + [1] * 2 + [0]], ids, ids)  # correct on 29, which B lacks
    b = judged(np.zeros(30), [[0] * 24 + [1] * 4 + [0] + [1]], ids, ids)  # correct on 28, which A lacks
    said = pair(only(a, [k for k in ids if k != 28]), only(b, range(29)))
    assert (said.n_apart, said.n_missing, said.a.n_images) == (2, (1, 1), 28)
    low, high = said.extremes
    # low: A incorrect on 28, B correct on 29: A 27 + 0 + 1, B 24 + 1 + 1; high: A correct on 28, B incorrect on 29
    assert (low.a.hits.sum(), low.b.hits.sum()) == (28, 26)
    assert (high.a.hits.sum(), high.b.hits.sum()) == (29, 25)
    found = verdict(said, Headline.ACCURACY, Question.CHECKPOINT, 0.01)
    assert found.difference.value == pytest.approx((27 - 24) / 28)
    lows, highs = (verdict(one, Headline.ACCURACY, Question.CHECKPOINT, 0.01).difference for one in (low, high))
    assert (found.difference.low, found.difference.high) == (lows.low, highs.high)
    assert (lows.value, highs.value) == (pytest.approx(2 / 30), pytest.approx(4 / 30))


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 5, 1052])
def test_the_extremes_are_those_over_everything_that_could_have_been_predicted(seed):
    """Each figure, over all ways to fill in three missing predictions, by scikit-learn."""
    rng = np.random.default_rng(seed)
    n = 12
    truth, said = rng.integers(0, 3, n), rng.integers(0, 3, (2, n))
    lost = rng.permutation(n)[:3]
    on_a, on_b = lost[:2], lost[2:]
    sides = [judged(truth, row, range(n), range(n)) for row in said]
    found = pair(*(only(side, np.setdiff1d(range(n), gone)) for side, gone in zip(sides, (on_a, on_b), strict=True)))
    for figure, measure in MEASURES.items():
        gaps = []
        for filled in product(range(3), repeat=3):
            a, b = said.copy()
            a[on_a], b[on_b] = filled[:2], filled[2:]
            gaps.append(measure(truth, a) - measure(truth, b))
        low, high = (one.a.headline(figure).figure()[0] - one.b.headline(figure).figure()[0] for one in found.extremes)
        assert low == pytest.approx(min(gaps), abs=1e-12), figure
        assert high == pytest.approx(max(gaps), abs=1e-12), figure


@pytest.mark.parametrize("figure", Headline)
@pytest.mark.parametrize("question", Question)
def test_errors_that_are_not_predicted_make_nobody_better(figure, question):
    """A and B are equally good; B has no prediction for most images that it would get wrong."""
    rng = np.random.default_rng(5)
    n_runs = 1 if question is Question.CHECKPOINT else 3
    held, before = [], []
    for _ in range(60):
        patients = np.repeat(np.arange(80), 5)
        truth, shape = rng.integers(0, 3, 400), (n_runs, 400)
        sides = []
        for _ in range(2):
            wrong = (rng.random(400) < 0.12) ^ (rng.random(shape) < 0.02)
            sides.append(
                judged(truth, np.where(wrong, (truth + rng.integers(1, 3, shape)) % 3, truth), patients, range(400))
            )
        a, b = sides
        lost = (b.predicted[0] != truth) & (rng.random(400) < 0.7)
        both = pair(a, b.only(~lost))
        said = verdict(both, figure, question, 0.01)
        held.append(said.difference.low <= 0 <= said.difference.high)
        dropped = verdict(Pair(both.classes, both.a, both.b), figure, question, 0.01)
        before.append(dropped.answer is Answer.WORSE)
        assert both.n_missing == (0, int(lost.sum()))
        assert said.needs is None  # more patients or seeds are no remedy
    assert np.mean(before) > 0.8
    assert np.mean(held) >= 0.93


def test_swapping_the_sides_mirrors_the_interval():
    rng = np.random.default_rng(3)
    patients, truth = np.repeat(np.arange(40), 3), rng.integers(0, 3, 120)
    said = np.where(rng.random((2, 120)) < 0.8, truth, (truth + 1) % 3)
    a = judged(truth, said[:1], patients, range(120)).only(rng.random(120) < 0.95)
    b = judged(truth, said[1:], patients + 7, range(120)).only(rng.random(120) < 0.9)  # its own codes
    for figure in Headline:
        there = verdict(pair(a, b), figure, Question.CHECKPOINT, 0.01).difference
        back = verdict(pair(b, a), figure, Question.CHECKPOINT, 0.01).difference
        assert (back.value, back.low, back.high) == pytest.approx((-there.value, -there.high, -there.low), abs=1e-6)
        assert checkpoint_interval(pair(a, b), figure) == (there.low, there.high)
    assert pair(a, b).n_missing == pair(b, a).n_missing[::-1]
    low, high = pair(a, b).extremes
    assert low.a.n_patients == high.b.n_patients == len(set(patients))


def test_the_same_images_in_another_order_are_not_missing():
    a = judged([0, 1, 2], [0, 1, 1], [0, 0, 1], [0, 1, 2])
    b = judged([2, 0, 1], [2, 0, 0], [5, 4, 4], [2, 0, 1])
    both = pair(a, b)
    assert (both.n_apart, both.n_missing, both.extremes) == (0, (0, 0), None)


def predictions(ids, classes, answers):
    return Predictions(tuple(ids), classes, np.eye(len(classes), dtype=np.float32)[list(answers)])


def test_single_runs_that_lack_images_are_bounded_each():
    """Run 0 lacks image x, run 1 lacks y; another order of the images is no reason to refuse."""
    labels = {name: frozenset(name[0]) for name in ("a0", "a1", "b0", "b1")}
    one = predictions(["a0", "a1", "b0"], ABC.names, [0, 0, 1])
    two = predictions(["b1", "a1", "a0"], ABC.names, [1, 1, 0])
    whole, partly = evaluate_with_missing([one, two], ABC, ABC, labels, {})
    assert whole.image_ids == ("a0", "a1")
    assert partly.image_ids == ("b0", "b1")
    assert partly.predicted.tolist() == [[1, UNPREDICTED], [UNPREDICTED, 1]]
    full = evaluate([predictions(sorted(labels), ABC.names, [0, 0, 1, 1])], ABC, ABC, labels, {})
    both = pair(whole, full, (partly, None))
    assert (both.n_apart, both.n_missing, both.a.n_images) == (2, (2, 0), 2)
    low, high = both.extremes
    # run 0: a0, a1 and b0 correct, b1 missing; run 1: a0 and b1 correct, a1 wrong, b0 missing
    assert low.a.hits.sum(axis=(1, 2)).tolist() == [3, 2]
    assert high.a.hits.sum(axis=(1, 2)).tolist() == [4, 3]
    with pytest.raises(RunError, match="asked about different images"):
        evaluate([one, two], ABC, ABC, labels, {})
    again, none = evaluate_with_missing([one, one], ABC, ABC, labels, {})
    assert none is None
    assert again.image_ids == one.image_ids


def test_images_outside_one_sides_classes_are_not_missing():
    """A knows no c and was never asked about it: c is outside the shared classes, of both sides alike."""
    ab = Taxonomy("ab", {name: frozenset(name) for name in "ab"}, outside=frozenset("c"))
    labels = {name: frozenset(name[0]) for name in ("a0", "b0", "c0", "c1")}
    ground = common_ground([ab, ABC])
    a = evaluate([predictions(["a0", "b0"], ab.names, [0, 1])], ab, ground, labels, {})
    b = evaluate([predictions(sorted(labels), ABC.names, [0, 1, 2, 0])], ABC, ground, labels, {})
    both = pair(a, b)
    assert (both.n_apart, both.n_missing) == (0, (0, 0))
    assert b.n_outside == 2


def test_patients_seen_by_one_side_alone_count_in_the_worst_case():
    """A lacks all images of ten patients of 50: their share of the images, 20 %, may be all wrong."""
    patients, truth = np.repeat(np.arange(50), 4), np.zeros(200)
    b = judged(truth, truth, patients, range(200))
    a = b.only(patients >= 10)
    both = pair(a, b)
    assert (both.n_missing, both.a.n_patients, both.extremes[0].a.n_patients) == ((40, 0), 40, 50)
    said = verdict(both, Headline.ACCURACY, Question.CHECKPOINT, 0.01)
    assert said.difference.value == 0
    assert said.difference.low < -0.2
    assert said.answer is Answer.INCONCLUSIVE
    assert not said.nothing_seen
