"""Confident learning: a table counted by hand, laws, cleanlab as oracle, and labels that people judged."""

import json

import numpy as np
import pytest
from cleanlab.count import compute_confident_joint, estimate_joint, estimate_latent, get_confident_thresholds
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_ensemble_scores, get_label_quality_scores
from hypothesis import given, settings
from hypothesis import strategies as st

from model_zoo.core.review.label_errors import LabelErrors, Quality, find_label_errors, label_quality, noise_matrix
from tests.real_data import real

NAME_OF = {
    Quality.SELF_CONFIDENCE: "self_confidence",
    Quality.NORMALIZED_MARGIN: "normalized_margin",
    Quality.CONFIDENCE_WEIGHTED_ENTROPY: "confidence_weighted_entropy",
}

GIVEN = np.array([0, 0, 0, 0, 1, 1, 1])
SAID = np.array(
    [
        [0.9, 0.1],  # surely 0
        [0.8, 0.2],  # surely 0
        [0.5, 0.5],  # reaches neither 0.6 nor 0.7
        [0.2, 0.8],  # given 0, surely 1: the error
        [0.2, 0.8],  # surely 1
        [0.1, 0.9],  # surely 1
        [0.6, 0.4],  # given 1, reaches exactly 0.6: the other error
    ]
)  # thresholds (0.9 + 0.8 + 0.5 + 0.2) / 4 = 0.6 and (0.8 + 0.9 + 0.4) / 3 = 0.7


def test_a_table_counted_by_hand():
    found = LabelErrors(GIVEN, SAID)
    assert found.thresholds.tolist() == pytest.approx([0.6, 0.7])
    assert found.confident.tolist() == [0, 0, -1, 1, 1, 1, 0]
    assert found.confident_joint.tolist() == [[2, 1], [1, 2]]
    assert found.suspected.tolist() == [False, False, False, True, False, False, True]
    # given 0: 4 of 7 images, a third of them truly 1; given 1: 3 of 7, a third of them truly 0
    assert found.joint * 7 == pytest.approx(np.array([[8 / 3, 4 / 3], [1, 2]]))
    assert found.noise == pytest.approx(np.array([[8 / 11, 2 / 5], [3 / 11, 3 / 5]]))
    assert found.ranking().tolist() == [3, 6, 2, 1, 4, 0, 5]


def test_scores_by_hand():
    said = np.array([[0.5, 0.3, 0.2]])
    assert label_quality(np.array([1]), said, Quality.SELF_CONFIDENCE).tolist() == [0.3]
    assert label_quality(np.array([1]), said, Quality.NORMALIZED_MARGIN).tolist() == pytest.approx(
        [(0.3 - 0.5 + 1) / 2]
    )
    entropy = -(0.5 * np.log(0.5) + 0.3 * np.log(0.3) + 0.2 * np.log(0.2)) / np.log(3)
    x = entropy / 0.3
    assert label_quality(np.array([1]), said, Quality.CONFIDENCE_WEIGHTED_ENTROPY) == pytest.approx(np.log(1 + x) / x)


@pytest.mark.parametrize("score", Quality)
def test_a_sure_answer_fits_its_own_label_best_and_any_other_worst(score):
    assert label_quality(np.array([0, 1]), np.array([[1.0, 0.0], [1.0, 0.0]]), score).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("score", Quality)
def test_with_one_class_or_no_image_nothing_is_doubted(score):
    assert label_quality(np.zeros(3, np.int64), np.ones((3, 1)), score).tolist() == [1, 1, 1]
    assert not LabelErrors(np.zeros(3, np.int64), np.ones((3, 1))).suspected.any()
    none = LabelErrors(np.zeros(0, np.int64), np.zeros((0, 3)))
    assert none.ranking().tolist() == none.suspected.tolist() == []
    assert np.isnan(none.thresholds).all()
    assert none.joint.sum() == 0
    assert np.isnan(none.noise).all()


def test_a_class_without_images_has_no_threshold_and_draws_nobody():
    found = LabelErrors(np.array([0, 0]), np.array([[0.4, 0.6], [0.6, 0.4]]))
    assert np.isnan(found.thresholds[1])
    assert found.confident.tolist() == [-1, 0]
    assert np.isnan(found.noise[:, 1]).all()


@pytest.mark.parametrize(
    ("labels", "said", "sentence"),
    [
        ([0, 1], np.ones((3, 2)) / 2, r"Labels \(2,\) need probabilities \(2, K\); got \(3, 2\)"),
        ([0, 2], np.ones((2, 2)) / 2, "class indices from 0 to 1"),
        ([0, -1], np.ones((2, 2)) / 2, "leave out images without a class"),
    ],
)
def test_what_does_not_fit_is_refused(labels, said, sentence):
    with pytest.raises(ValueError, match=sentence):
        LabelErrors(np.array(labels), said)
    with pytest.raises(ValueError, match="of at least one run"):
        find_label_errors(np.array(labels), said)


# -- laws -----------------------------------------------------------------------------------------------------------


@st.composite
def judged(draw, n_runs=1):
    """Labels and what ``n_runs`` models say, from sharp to flat; every class occurs, as cleanlab asks."""
    n_classes = draw(st.integers(2, 6))
    n_images = draw(st.integers(n_classes, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    said = rng.dirichlet(np.full(n_classes, draw(st.sampled_from([0.05, 0.3, 1.0, 5.0]))), (n_runs, n_images))
    labels = np.where(rng.random(n_images) < 0.7, said[0].argmax(axis=1), rng.integers(0, n_classes, n_images))
    labels[:n_classes] = np.arange(n_classes)
    return labels, said


@given(judged())
def test_shares_and_scores_are_shares(made):
    labels, (said,) = made
    found = LabelErrors(labels, said)
    assert found.joint.sum() == pytest.approx(1)
    assert found.joint.sum(axis=1) == pytest.approx(np.bincount(labels, minlength=said.shape[1]) / len(labels))
    assert found.noise.sum(axis=0) == pytest.approx(1)
    for score in Quality:
        quality = found.quality(score)
        assert ((quality >= 0) & (quality <= 1)).all()
        assert (np.diff(quality[found.ranking(score)]) >= 0).all()


@given(judged(), st.randoms(use_true_random=False))
def test_the_names_of_the_classes_and_the_order_of_the_images_do_not_matter(made, random):
    labels, (said,) = made
    classes, images = list(range(said.shape[1])), list(range(len(labels)))
    random.shuffle(classes)
    random.shuffle(images)
    found = LabelErrors(labels, said)
    again = LabelErrors(np.argsort(classes)[labels][images], said[np.ix_(images, classes)])
    assert (again.suspected == found.suspected[images]).all()
    assert (again.confident_joint == found.confident_joint[np.ix_(classes, classes)]).all()
    for score in Quality:
        assert again.quality(score) == pytest.approx(found.quality(score)[images], abs=1e-12)


@given(judged(n_runs=3))
def test_runs_are_averaged_and_their_order_does_not_matter(made):
    labels, said = made
    found = find_label_errors(labels, said)
    assert found.quality() == pytest.approx(np.mean([LabelErrors(labels, one).quality() for one in said], axis=0))
    assert find_label_errors(labels, said[::-1]).quality() == pytest.approx(found.quality(), abs=1e-12)


def planted():
    """2,000 images of four classes; a fifth of class 2 was called class 3."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 2000)
    wrong = rng.random(2000) < np.where(truth == 2, 0.2, 0.0)
    return np.where(wrong, 3, truth), truth, wrong, rng


def test_a_model_that_knows_the_truth_finds_all_errors_and_their_rate():
    labels, truth, wrong, _ = planted()
    found = LabelErrors(labels, 0.8 * np.eye(4)[truth] + 0.05)  # the ideal case: the estimate is exact (theorem 1)
    assert (found.suspected == wrong).all()
    noise = np.eye(4)
    noise[3, 2] = wrong.sum() / (truth == 2).sum()
    noise[2, 2] = 1 - noise[3, 2]
    assert found.noise == pytest.approx(noise)


def test_a_model_of_uneven_confidence_still_ranks_the_errors_first():
    labels, truth, wrong, rng = planted()
    found = LabelErrors(labels, 0.85 * np.eye(4)[truth] + 0.15 * rng.dirichlet(np.ones(4), 2000))
    assert wrong[found.ranking()][: wrong.sum()].all()
    assert 0.3 * wrong.sum() < found.suspected.sum()  # about half lie above their class's mean, the threshold
    assert not found.suspected[~wrong].any()


# -- oracle: cleanlab -------------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(judged())
def test_thresholds_joint_and_noise_are_cleanlabs(made):
    labels, (said,) = made
    found = LabelErrors(labels, said)
    # cleanlab raises a threshold below 2e-6 to it
    assert np.maximum(found.thresholds, 2e-6) == pytest.approx(get_confident_thresholds(labels, said), abs=1e-9)
    theirs = compute_confident_joint(labels, said, calibrate=False)
    assert (found.confident_joint == theirs).all()
    assert noise_matrix(found.confident_joint) == pytest.approx(estimate_latent(theirs, labels)[1], abs=1e-9)
    # cleanlab rounds the calibrated joint to whole images
    assert np.abs(found.joint - estimate_joint(labels, said)).max() <= (1 + 1e-9) / len(labels)
    issues = find_label_issues(labels, said, filter_by="confident_learning", n_jobs=1)
    assert (found.suspected == issues).all()


@settings(max_examples=200)
@given(judged())
def test_scores_are_cleanlabs(made):
    labels, (said,) = made
    for score in Quality:
        ours, theirs = label_quality(labels, said, score), get_label_quality_scores(labels, said, method=NAME_OF[score])
        same = np.ones(len(labels), dtype=bool)
        if score is Quality.CONFIDENCE_WEIGHTED_ENTROPY:  # where cleanlab clips nothing
            own, entropy = said[np.arange(len(labels)), labels], -(said * np.log(np.maximum(said, 1e-300))).sum(axis=1)
            same = (own >= 1e-6) & (entropy / np.log(said.shape[1]) / np.maximum(own, 1e-6) >= 1e-6)
        assert ours[same] == pytest.approx(theirs[same], abs=1e-9)


@given(judged(n_runs=3))
def test_the_ensemble_is_cleanlabs_with_equal_weights(made):
    labels, said = made
    theirs = get_label_quality_ensemble_scores(labels, list(said), weight_ensemble_members_by="uniform", verbose=False)
    assert find_label_errors(labels, said).quality() == pytest.approx(theirs, abs=1e-9)


def test_on_ten_thousand_real_photographs_all_is_cleanlabs():
    folder = real("label_errors_cifar10")
    labels = np.load(folder / "cifar10_test_set_original_labels.npy").astype(np.int64)
    said = np.load(folder / "cifar10_test_set_pyx.npy")
    found = LabelErrors(labels, said)
    assert found.thresholds == pytest.approx(get_confident_thresholds(labels, said), abs=1e-9)
    assert (found.confident_joint == compute_confident_joint(labels, said, calibrate=False)).all()
    assert (found.suspected == find_label_issues(labels, said, filter_by="confident_learning")).all()
    for score in Quality:
        theirs = get_label_quality_scores(labels, said, method=NAME_OF[score])
        sure = said.max(axis=1) > 1 - 1e-5 if score is Quality.CONFIDENCE_WEIGHTED_ENTROPY else np.zeros(10_000, bool)
        assert found.quality(score)[~sure] == pytest.approx(theirs[~sure], abs=1e-9)
    # of the images that five people judged again, those they call wrong come before the others
    judged_again = json.loads((folder / "cifar10_mturk.json").read_text())
    rows = np.array([one["id"] for one in judged_again])
    wrong = np.array([one["mturk"]["given"] < 3 for one in judged_again])
    assert (len(rows), wrong.sum()) == (275, 54)
    quality = found.quality()[rows]
    assert np.mean(quality[wrong][:, None] < quality[~wrong]) > 0.55
