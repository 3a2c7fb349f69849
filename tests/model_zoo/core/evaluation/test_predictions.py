"""What counts as a table of predictions."""

import numpy as np
import pytest

from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.predictions import Predictions


def table(rows, ids=None):
    rows = np.array(rows, dtype=np.float32)
    ids = tuple(f"i{k}" for k in range(len(rows))) if ids is None else ids
    return Predictions(ids, ("a", "b"), rows)


def test_the_highest_probability_is_predicted_and_the_first_of_equals():
    assert table([[0.2, 0.8], [0.5, 0.5], [1, 0]]).predicted.tolist() == [1, 0, 0]
    assert table([[0.2, 0.8], [1, 0]]).row_of == {"i0": 0, "i1": 1}


def test_no_image_is_a_table_too():
    assert table(np.empty((0, 2))).predicted.shape == (0,)


@pytest.mark.parametrize(
    ("rows", "ids", "sentence"),
    [
        ([[0.5, 0.5, 0.0]], None, r"have shape \(1, 3\); expected \(1 images, 2 classes\)"),
        ([[0.5, 0.5]], ("i", "j"), "expected"),
        ([[0.5, 0.5], [1, 0]], ("i", "i"), "an image twice"),
        ([[0.5, 0.4]], None, "no probabilities"),
        ([[np.nan, 1.0]], None, "no probabilities"),
        ([[np.inf, 0.0]], None, "no probabilities"),
        ([[-1.0, 2.0]], None, "none may be negative"),
    ],
)
def test_what_is_no_table_of_probabilities_is_refused(rows, ids, sentence):
    with pytest.raises(RunError, match=sentence):
        table(rows, ids)


def test_some_images_only_keep_their_order_and_answers():
    some = table([[0.2, 0.8], [1, 0], [0.3, 0.7]]).only({"i2", "i0", "never asked"})
    assert some.image_ids == ("i0", "i2")
    assert some.probabilities == pytest.approx(np.array([[0.2, 0.8], [0.3, 0.7]]))
    assert table([[1, 0]]).only(set()).probabilities.shape == (0, 2)
