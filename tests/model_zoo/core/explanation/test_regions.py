"""Regions: which pixels they cover, how much of a map lies on them, and what a file may say."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.path import Path

from model_zoo.core.errors import RegionError, TaxoScopeError
from model_zoo.core.explanation.regions import Box, Polygon, Region, energy, mask, read_regions

places = st.integers(-5, 25).map(float)
boxes = st.tuples(places, places, st.integers(1, 20), st.integers(1, 20)).map(
    lambda b: Box(b[0], b[1], b[0] + b[2], b[1] + b[3])
)


def test_a_box_covers_its_pixels_and_no_other():
    covered = mask([Box(1, 2, 3, 4)], (5, 6))
    assert covered.shape == (6, 5)
    assert np.argwhere(covered).tolist() == [[2, 1], [2, 2], [3, 1], [3, 2]]


def test_a_polygon_covers_the_centres_inside():
    triangle = Polygon(((0, 0), (4, 0), (0, 4)))  # centres (x + .5) + (y + .5) < 4: 3 + 2 + 1 pixels
    assert mask([triangle], (4, 4)).sum(axis=1).tolist() == [3, 2, 1, 0]


@given(st.lists(st.tuples(st.floats(-3, 23), st.floats(-3, 23)), min_size=3, max_size=3))
def test_a_triangle_is_matplotlibs(points):
    covered = mask([Polygon(tuple(points))], (20, 17))
    y, x = np.mgrid[:17, :20] + 0.5
    centres, outline = np.column_stack([x.ravel(), y.ravel()]), Path([*points, points[0]])
    wide, narrow = (outline.contains_points(centres, radius=radius).reshape(17, 20) for radius in (1e-6, -1e-6))
    clear = wide == narrow  # a centre on the very edge belongs to either side
    assert (covered == wide)[clear].all()


@given(st.lists(boxes, max_size=4), st.lists(boxes, max_size=4))
def test_a_union_covers_what_either_covers(some, others):
    size = (20, 20)
    assert (mask([*some, *others], size) == mask(some, size) | mask(others, size)).all()


@given(boxes)
def test_a_box_is_the_polygon_of_its_corners(box):
    corners = ((box.x0, box.y0), (box.x1, box.y0), (box.x1, box.y1), (box.x0, box.y1))
    assert (mask([box], (20, 20)) == mask([Polygon(corners)], (20, 20))).all()


def test_a_coarser_grid_covers_the_same_share():
    half = [Box(0, 0, 50, 80)]
    assert mask(half, (100, 80)).mean() == mask(half, (100, 80), (8, 10)).mean() == 0.5


HEAT = np.array([[0, 0, 1], [0, 2, 5]], dtype=np.float32)


def test_energy_counted_by_hand():
    found = energy(HEAT, mask([Box(2, 0, 3, 2)], (3, 2)))  # the last column: 6 of 8, on 2 of 6 pixels
    assert (found.share, found.area, found.peak) == (0.75, pytest.approx(1 / 3), True)
    assert found.ratio == pytest.approx(2.25)
    beside = energy(HEAT, mask([Box(0, 0, 2, 2)], (3, 2)))
    assert (beside.share, beside.peak) == (0.25, False)


def test_what_the_model_did_not_see_counts_neither_as_energy_nor_as_area():
    cropped = HEAT.copy()
    cropped[:, 0] = np.nan
    found = energy(cropped, mask([Box(0, 0, 2, 2)], (3, 2)))  # of the middle and last column, the middle: 2 of 8
    assert (found.share, found.area) == (0.25, 0.5)


def test_a_map_that_is_zero_has_no_share_and_an_area_of_nothing_no_ratio():
    nothing = energy(np.zeros((2, 3), np.float32), mask([Box(0, 0, 1, 1)], (3, 2)))
    assert math.isnan(nothing.share)
    assert math.isnan(nothing.ratio)
    assert not nothing.peak
    outside = energy(HEAT, mask([Box(10, 10, 12, 12)], (3, 2)))
    assert (outside.share, outside.area) == (0, 0)
    assert math.isnan(outside.ratio)


@given(st.integers(0, 6), st.integers(1, 200))
def test_shares_of_a_region_and_the_rest_add_up_and_scale_does_not_matter(split, scale):
    heat = np.random.default_rng(split).random((5, 7), dtype=np.float32)
    left = np.zeros((5, 7), dtype=np.bool_)
    left[:, :split] = True
    one, other = energy(heat, left), energy(heat, ~left)
    assert one.share + other.share == pytest.approx(1)
    assert one.area + other.area == pytest.approx(1)
    assert one.peak != other.peak
    assert energy(heat * scale, left).share == pytest.approx(one.share)


def test_a_file_says_boxes_polygons_or_both():
    assert read_regions({"a": [[0, 0, 2, 3]], "b": [[0, 0], [1, 0], [0, 1]], "c": []}) == (
        Region("a", (Box(0, 0, 2, 3),)),
        Region("b", (Polygon(((0, 0), (1, 0), (0, 1))),)),
        Region("c", ()),
    )
    (mixed,) = read_regions({"d": [[0, 0, 1, 1], [[0, 0], [2, 0], [0, 2]]]})
    assert mixed.shapes == (Box(0, 0, 1, 1), Polygon(((0, 0), (2, 0), (0, 2))))


@pytest.mark.parametrize(
    "written",
    [
        [],
        {"a": 3},
        {"a": "text"},
        {"a": [[1, 2, 3]]},
        {"a": [[1, 2]]},
        {"a": [[3, 3, 3, 5]]},
        {"a": [[0, 0, math.inf, 1]]},
        {"a": [[0, 0, True, 1]]},
        {"a": [[0, 0, 1e9, 1]]},
        {"a": [[[0, 0], [1, 1]]]},
        {"a": [None]},
    ],
)
def test_what_is_no_region_is_one_sentence(written):
    with pytest.raises(RegionError) as caught:
        read_regions(written)
    assert isinstance(caught.value, TaxoScopeError)
    assert "\n" not in str(caught.value)
