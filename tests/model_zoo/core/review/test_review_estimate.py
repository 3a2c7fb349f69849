"""The estimate from drawn images against the enumeration of every sample, other people's bounds, and laws."""

from dataclasses import replace
from itertools import combinations, product
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from model_zoo.core.review.review_estimate import Estimate, ReviewedDifference, estimate, range_of_unlabelled


def right_and_wrong(before, after, known=None, counts_before=None, counts_after=None):
    """Images that a run is right (1) or wrong (0) on, under either label."""
    n = len(before)
    ones = np.ones(n)
    return ReviewedDifference(
        above=np.array(before, dtype=float),
        below=ones if counts_before is None else np.array(counts_before, dtype=float),
        known=np.ones(n, dtype=bool) if known is None else np.array(known),
        reviewed_above=np.array(after, dtype=float),
        reviewed_below=ones if counts_after is None else np.array(counts_after, dtype=float),
        lowest=np.zeros(n),
        highest=ones,
    )


def sampled_estimate(images, drawn):
    """The estimate where the sampled images alone were reviewed."""
    return estimate(replace(images, known=images.known & drawn), drawn)


def certain(reviewed, unknown, counts=None):
    """The lowest and highest accuracy for whatever the unknown images are, by trying all of right, wrong, left out."""
    counts = [1] * len(reviewed) if counts is None else counts
    found = []
    for rest in product((0, 1, None), repeat=unknown):
        placed = [one for one in rest if one is not None]
        if sum(counts) + len(placed):
            found.append((sum(reviewed) + sum(placed)) / (sum(counts) + len(placed)))
    return min(found), max(found)


def every_sample(n, total):
    for rows in combinations(range(total), n):
        drawn = np.zeros(total, dtype=bool)
        drawn[list(rows)] = True
        yield drawn


def test_over_all_samples_the_estimate_is_right_on_average_and_varies_as_the_textbook_says():
    before, after = np.array([1, 1, 1, 0, 0, 0, 1, 0]), np.array([1, 0, 1, 1, 0, 0, 1, 0])
    textbook = []
    for drawn in every_sample(3, 8):
        textbook.append(before.mean() + (after - before)[drawn].mean())
        low, high = certain(after[drawn].tolist(), unknown=5)
        found = sampled_estimate(right_and_wrong(before, after), drawn)
        assert found.value == pytest.approx(min(max(textbook[-1], low), high))
    assert len(textbook) == 56
    assert np.mean(textbook) == pytest.approx(4 / 8)  # 4 right before, one falls and one rises
    assert np.var(textbook) == pytest.approx((1 - 3 / 8) * (after - before).var(ddof=1) / 3)


@pytest.mark.parametrize(
    ("before", "after", "n_images", "percent"),
    [
        ([1, 1, 1, 1, 1], [1, 0, 0, 0, 0], 16, (6.25, 75.0)),  # 16 images: 1 of 5 correct, 11 may be anything
        ([0, 0, 0, 0], [1, 1, 1, 1], 10, (40.0, 100.0)),
        ([1, 0, 0], [0, 0, 0], 4, (0.0, 25.0)),
        ([1, 1], [1, 1], 3, (66.67, 100.0)),
    ],
)
def test_the_estimate_stays_within_what_reviewed_images_already_fix(before, after, n_images, percent):
    rest = [1, 0] * 8
    labels = np.array(before + rest[: n_images - len(before)])
    drawn = np.arange(n_images) < len(before)
    images = right_and_wrong(labels, np.append(after, np.zeros(n_images - len(before))))
    found = sampled_estimate(images, drawn)
    low, high = certain(after, n_images - len(after)) if n_images < 12 else (1 / 16, 12 / 16)
    assert (100 * low, 100 * high) == pytest.approx(percent, abs=0.01)
    assert low - 1e-9 <= found.low <= found.value <= found.high <= high + 1e-9


def test_images_reviewed_outside_the_sample_fix_the_estimate_too():
    images = right_and_wrong([1] * 8, [0] * 4 + [1] * 4, known=[True] * 6 + [False] * 2)
    found = estimate(images, np.arange(8) < 4)  # 4 sampled, all wrong; 2 more reviewed, correct; 2 unknown
    assert (found.value, found.low) == pytest.approx((2 / 8, 2 / 8))
    assert found.high <= 4 / 8


def test_the_certain_range_counts_images_that_may_be_left_out():
    rng = np.random.default_rng(5)
    for _ in range(40):
        n, n_known = 6, int(rng.integers(0, 6))
        after, counts = rng.integers(0, 2, n), rng.integers(0, 2, n)
        after = after * counts
        known = np.arange(n) < n_known
        found = range_of_unlabelled(right_and_wrong(after, after, known, counts, counts))
        assert found == pytest.approx(certain(after[known].tolist(), n - n_known, counts[known].tolist()))


def test_where_all_corrections_are_seen_or_none_can_be_the_estimate_is_the_figure_itself():
    images = right_and_wrong([1, 1, 0, 0], [0, 1, 1, 0], counts_after=[1, 1, 1, 0])
    found = sampled_estimate(images, np.ones(4, dtype=bool))
    assert found == Estimate(*[pytest.approx(2 / 3)] * 3, before=0.5, n_images=4, n_drawn=4, n_gaps=0)
    alike = replace(images, lowest=images.above, highest=images.above, reviewed_above=images.above)
    some = sampled_estimate(replace(alike, reviewed_below=alike.below), np.array([True, False, False, False]))
    assert some.value == 0.5
    assert 0.3 < some.low < 0.5  # others may still be left out


def hypergeometric_bounds(seen, n, total):
    """All numbers of such images that do not make what was seen an event of either 2.5 %, by counting samples."""

    def at_least(m, k):
        return sum(comb(m, i) * comb(total - m, n - i) for i in range(k, n + 1)) / comb(total, n)

    fits = [
        m for m in range(seen, total - n + seen + 1) if at_least(m, seen) > 0.025 and 1 - at_least(m, seen + 1) > 0.025
    ]
    return min(fits), max(fits)


@pytest.mark.parametrize(("seen", "n", "total"), [(0, 10, 40), (1, 10, 40), (3, 10, 40), (9, 10, 40), (0, 20, 23)])
def test_with_rises_alone_the_interval_is_the_exact_one_of_a_share(seen, n, total):
    images = right_and_wrong([0] * total, [1] * seen + [0] * (total - seen))
    drawn = np.arange(total) < n
    found = sampled_estimate(images, drawn)
    low, high = hypergeometric_bounds(seen, n, total)
    assert found.value == pytest.approx(seen / n)
    assert (found.low, found.high) == (pytest.approx(low / total), pytest.approx(high / total))


def test_of_a_very_large_population_it_is_clopper_and_pearsons():
    total, n, seen = 300_000, 60, 4
    before = np.zeros(total)
    found = sampled_estimate(right_and_wrong(before, np.arange(total) < seen), np.arange(total) < n)
    expected = proportion_confint(seen, n, method="beta")
    assert (found.low, found.high) == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize(("rises", "falls"), [(r, f) for r, f in product(range(5), range(5)) if r + f < 8])
def test_over_all_samples_of_a_small_population_the_interval_covers(rises, falls):
    before = np.array([0] * 5 + [1] * 7)
    after = before.copy()
    after[:rises], after[5 : 5 + falls] = 1, 0
    images = right_and_wrong(before, after)
    truth = after.mean()
    held = [
        one.low - 1e-9 <= truth <= one.high + 1e-9 for d in every_sample(5, 12) for one in [sampled_estimate(images, d)]
    ]
    assert np.mean(held) >= 0.94


def test_what_no_label_can_do_is_left_out_of_the_interval():
    """Two runs that answer alike on 90 of 100 images: only the other ten can part them."""
    votes = np.zeros(100)
    votes[:10] = 1
    images = ReviewedDifference(
        np.zeros(100), np.ones(100), np.ones(100, bool), np.zeros(100), np.ones(100), -votes, votes
    )
    found = sampled_estimate(images, np.arange(100) % 5 == 0)  # 20 drawn, two of the ten among them: eight are unseen
    assert (found.value, found.low, found.high) == (0, pytest.approx(-0.08), pytest.approx(0.08))


figures = st.lists(st.tuples(*[st.sampled_from([0.0, 0.25, 0.5, 1.0])] * 2, st.booleans(), st.booleans()), min_size=2)


@given(figures)
def test_the_interval_holds_the_value_and_whatever_the_gaps_could_be(cases):
    before, after, known, drawn = (np.array(column) for column in zip(*cases, strict=True))
    found = sampled_estimate(right_and_wrong(before, after, known), drawn)
    if not drawn.any():
        assert np.isnan(found.value)
        return
    filled = sampled_estimate(right_and_wrong(before, np.where(known, after, 1 - before)), drawn)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low - 1e-9 <= filled.value <= found.high + 1e-9
    assert (found.n_drawn, found.n_gaps) == (drawn.sum(), (drawn & ~known).sum())


@given(figures)
def test_the_other_way_round_it_is_the_mirror_image(cases):
    before, after, known, drawn = (np.array(column) for column in zip(*cases, strict=True))
    images = right_and_wrong(before, after, known)
    turned = replace(images, above=-before, reviewed_above=-after, lowest=-images.highest, highest=-images.lowest)
    found, mirrored = sampled_estimate(images, drawn), sampled_estimate(turned, drawn)
    same = (found.value, found.low, found.high) == pytest.approx((-mirrored.value, -mirrored.high, -mirrored.low))
    assert same or not drawn.any()


def test_more_of_the_images_drawn_is_never_less_precise_by_much_and_all_of_them_exact():
    rng = np.random.default_rng(2)
    before = (rng.random(200) < 0.9).astype(float)
    images = right_and_wrong(before, np.where(rng.random(200) < 0.1, 1 - before, before))
    order = rng.permutation(200)
    widths = [
        one.high - one.low for n in (10, 40, 100, 200) for one in [sampled_estimate(images, np.isin(order, order[:n]))]
    ]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] == 0


def test_a_ranking_has_turned_only_where_the_interval_lies_on_the_other_side():
    def turned(before, low, high):
        return Estimate((low + high) / 2, low, high, before, 100, 20, 0).turned

    assert [turned(0.02, -0.05, -0.01), turned(-0.02, 0.01, 0.05)] == [True, True]
    assert [turned(0.02, -0.05, 0.01), turned(0.02, 0.01, 0.05), turned(0.0, 0.01, 0.05)] == [False] * 3
