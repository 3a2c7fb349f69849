"""The nearest vectors, against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity

from model_zoo.core.explanation.nearest_neighbors import nearest_neighbors


@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(1, 8), st.integers(1, 50))
def test_they_are_those_of_the_highest_cosine_and_never_the_image_itself(seed, n, d, at_most):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, d)).astype(np.float32)
    row = int(rng.integers(n))
    rows, cosines = nearest_neighbors(vectors, row, at_most)
    every = cosine_similarity(vectors[row : row + 1], vectors)[0]
    assert len(rows) == min(at_most, n - 1)
    assert row not in rows
    assert cosines == pytest.approx(every[rows], abs=1e-5)
    assert cosines.tolist() == sorted(cosines.tolist(), reverse=True)
    left_out = np.setdiff1d(np.arange(n), [row, *rows])
    assert not len(left_out) or every[left_out].max() <= cosines.min() + 1e-5


def test_equal_ones_stand_in_order_and_no_direction_is_no_likeness():
    # from (1, 0): twice the same direction, the zero vector and a right angle at 0, the opposite at -1
    vectors = np.array([[0, 0], [1, 0], [-2, 0], [3, 0], [0, 5], [1, 0]], dtype=np.float32)
    rows, cosines = nearest_neighbors(vectors, 1, 9)
    assert rows.tolist() == [3, 5, 0, 4, 2]
    assert cosines.tolist() == [1, 1, 0, 0, -1]
    assert nearest_neighbors(vectors, 0, 2)[1].tolist() == [0, 0]
    assert nearest_neighbors(vectors[:1], 0, 6)[0].tolist() == []
