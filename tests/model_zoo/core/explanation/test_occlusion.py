"""Painting out: only the region changes, and it takes on what lies around it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.linalg import spsolve

from model_zoo.core.explanation.occlusion import control_region, occlude
from model_zoo.core.explanation.regions import Box, mask


def noise(seed, shape=(40, 30)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@given(st.integers(0, 50), st.integers(0, 29), st.integers(0, 39), st.integers(1, 30), st.integers(1, 40))
def test_only_the_region_changes_and_no_new_extreme_appears(seed, x, y, width, height):
    pixels, region = noise(seed), mask([Box(x, y, x + width, y + height)], (30, 40))
    painted = occlude(pixels, region)
    assert (painted[~region] == pixels[~region]).all()
    if not region.all():
        assert painted[region].min() >= pixels[~region].min()
        assert painted[region].max() <= pixels[~region].max()


@pytest.mark.parametrize("channels", [(), (3,)])
def test_a_mark_on_a_plain_ground_is_gone_without_a_trace(channels):
    plain = np.full((21, 34, *channels), 90, dtype=np.uint8)
    marked, region = plain.copy(), mask([Box(5, 5, 9, 9), Box(0, 18, 34, 21)], (34, 21))
    marked[region] = 255
    assert (occlude(marked, region) == plain).all()


def test_what_is_filled_in_does_not_depend_on_what_was_there():
    region = mask([Box(3, 3, 20, 30)], (30, 40))
    one, other = noise(1), noise(1)
    other[region] = 255 - other[region]
    assert (occlude(one, region) == occlude(other, region)).all()


def test_nothing_to_paint_out_and_all_to_paint_out():
    pixels = noise(2)
    assert (occlude(pixels, np.zeros((40, 30), np.bool_)) == pixels).all()
    assert not occlude(pixels, np.ones((40, 30), np.bool_)).any()


def harmonic(pixels, region):
    """Laplace's equation in the region, solved exactly; no flow over the image's edge."""
    at = np.full(region.shape, -1)
    y, x = np.nonzero(region)
    at[y, x] = np.arange(len(y))
    system, right = sparse.lil_matrix((len(y), len(y))), np.zeros(len(y))
    for k, (row, column) in enumerate(zip(y, x, strict=True)):
        for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if 0 <= r < region.shape[0] and 0 <= c < region.shape[1]:
                system[k, k] += 1
                if at[r, c] >= 0:
                    system[k, at[r, c]] -= 1
                else:
                    right[k] += pixels[r, c]
    return spsolve(system.tocsr(), right)


@pytest.mark.parametrize("box", [Box(5, 5, 9, 9), Box(20, 0, 30, 12), Box(10, 12, 26, 33)])
def test_it_is_close_to_the_exact_solution_of_laplace(box):
    y, x = np.mgrid[:40, :30]
    pixels = (128 + 60 * np.sin(x / 7) + 50 * np.cos(y / 9)).astype(np.uint8)
    region = mask([box], (30, 40))
    assert (
        np.abs(occlude(pixels, region)[region] - harmonic(pixels.astype(float), region)).max() <= 8
    )  # of 220 grey levels


@given(st.integers(0, 200))
def test_the_control_is_as_large_clear_of_the_region_and_least_over_what_is_known(seed):
    region, known = mask([Box(2, 3, 6, 5), Box(10, 3, 11, 4)], (30, 20)), np.zeros((20, 30), np.int64)
    known += region
    known[:, 15:] += 1
    moved = control_region(region, known, np.random.default_rng(seed))
    assert moved.sum() == region.sum()
    assert not (moved & region).any()
    assert (moved == control_region(region, known, np.random.default_rng(seed))).all()
    anywhere = control_region(region, np.zeros_like(known), np.random.default_rng(seed))
    assert known[moved].sum() <= known[anywhere].sum()


def test_where_there_is_no_room_there_is_no_control():
    rng = np.random.default_rng(0)
    large = mask([Box(0, 0, 20, 20)], (30, 20))
    assert control_region(large, large.astype(np.int64), rng) is None
    assert control_region(np.zeros((20, 30), np.bool_), np.zeros((20, 30), np.int64), rng) is None
