"""Accuracy on corrected labels, estimated from a random sample of reviewed images.

The population is the N images that figures are computed over, nothing beyond them: images are drawn one by one
without replacement, each with probability n / N, so patients need no clusters here. What other patients would give is
the question of the other intervals.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ReviewedDifference:
    """What each of N images adds to a figure ``above.sum() / below.sum()``, under its original label and reviewed.

    All (N,). ``above`` is in [-1, 1]; ``below`` is 1 for an image that counts, 0 for one that is left out (then above
    is 0). ``reviewed_above`` and ``reviewed_below`` are read where the reviewed label is ``known`` and nowhere else.
    Whatever the label, an image that counts adds ``lowest`` to ``highest`` above.
    """

    above: Values
    below: Values
    known: Mask
    reviewed_above: Values
    reviewed_below: Values
    lowest: Values
    highest: Values

    @property
    def before(self) -> float:
        """The figure under the original labels; NaN where no image counts."""
        return _divided(float(self.above.sum()), float(self.below.sum()))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure as it would be if all ``n_images`` were reviewed, from ``n_drawn`` of them; NaN where undefined.

    ``before`` is the figure under the original labels. Of the drawn, ``n_gaps`` have no reviewed label: ``value``
    leaves them as they were, and the 95 % interval holds whatever theirs could be.
    """

    value: float
    low: float
    high: float
    before: float
    n_images: int
    n_drawn: int
    n_gaps: int

    @property
    def turned(self) -> bool:
        """Of a difference: whether the interval lies wholly on the other side of 0 than the original labels say."""
        return (self.before > 0 and self.high < 0) or (self.before < 0 and self.low > 0)


def estimate(images: ReviewedDifference, drawn: Mask) -> Estimate:
    """The figure if every image were reviewed, from those ``drawn`` (N,), a simple random sample of n.

    The difference estimator: original total + N x the drawn images' mean correction, above and below (Särndal,
    Swensson & Wretman 1992, section 6.3; the ratio of two such totals, section 5.6). It is unbiased for each total
    whatever the labels are, and as precise as corrections are few. Interval: `_around`, of the linearised corrections.
    Value and interval never leave `range_of_unlabelled`.
    """
    n, total = int(drawn.sum()), len(images.above)
    known = drawn & images.known
    gaps = int((drawn & ~images.known).sum())
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, images.before, total, 0, 0)
    above = np.where(known, images.reviewed_above, images.above)
    below = np.where(known, images.reviewed_below, images.below)
    value, low, high = _ratio(images, drawn, above, below)
    if math.isnan(value):
        return Estimate(value, value, value, images.before, total, n, gaps)
    if gaps:  # the worst and the best that their labels could say (Horowitz & Manski 1995)
        gap = drawn & ~images.known
        counted = np.where(gap, 1.0, below)
        low = min(low, _ratio(images, drawn, np.where(gap, images.lowest, above), counted)[1])
        high = max(high, _ratio(images, drawn, np.where(gap, images.highest, above), counted)[2])
    value, low, high = np.clip([value, low, high], *range_of_unlabelled(images)).tolist()
    return Estimate(value, low, high, images.before, total, n, gaps)


def range_of_unlabelled(images: ReviewedDifference) -> tuple[float, float]:
    """The lowest and the highest figure that the reviewed labels leave possible; NaN without images.

    Reviewed images count by their corrected label. Any other may add ``lowest`` to ``highest``, or be left
    out.
    """
    above, below = (float(one[images.known].sum()) for one in (images.reviewed_above, images.reviewed_below))
    return (
        _lowest_ratio(above, below, images.lowest[~images.known]),
        -_lowest_ratio(-above, below, -images.highest[~images.known]),
    )


def _lowest_ratio(above: float, below: float, additions: Values) -> float:
    """The lowest of ``(above + some additions) / (below + how many)``: the smallest additions come first."""
    counts = below + np.arange(len(additions) + 1)
    totals = above + np.append(0.0, np.cumsum(np.sort(additions)))
    return float((totals[counts > 0] / counts[counts > 0]).min(initial=math.inf)) if counts[-1] > 0 else math.nan


def _ratio(images: ReviewedDifference, drawn: Mask, above: Values, below: Values) -> tuple[float, float, float]:
    total, n = len(above), int(drawn.sum())
    change_above, change_below = (above - images.above)[drawn], (below - images.below)[drawn]
    denominator = float(images.below.sum() + total / n * change_below.sum())
    value = _divided(float(images.above.sum() + total / n * change_above.sum()), denominator)
    if math.isnan(value):
        return value, value, value
    corrections = change_above - value * change_below
    counts, out = images.above + value * (1 - images.below), value * images.below - images.above
    rise = np.maximum(0, np.maximum(images.highest - counts, out))
    fall = np.maximum(0, np.maximum(counts - images.lowest, -out))
    below_mean, above_mean = _around(corrections, rise, fall, drawn)
    scale = total / denominator
    return value, value - scale * below_mean, value + scale * above_mean


def _around(corrections: Values, rise: Values, fall: Values, drawn: Mask) -> tuple[float, float]:
    """How far below and above the mean of n ``corrections`` their mean over all N images may lie, at 95 %.

    ``rise`` and ``fall`` (N,) bound what each image's correction can be, upwards and downwards. Most corrections
    are 0, so rises and falls get bounds of their own (`_part`), which are joined as estimates of a difference (Zou &
    Donner 2008), with the correlation that two parts of one variable have.
    """
    up, down = np.maximum(corrections, 0), np.maximum(-corrections, 0)
    up_low, up_high = _part(up, rise, len(drawn))
    down_low, down_high = _part(down, fall, len(drawn))
    spread = float(up.std() * down.std())
    correlation = max(-1.0, -float(up.mean() * down.mean()) / spread) if spread else 0.0

    def joined(a: float, b: float) -> float:
        return math.sqrt(max(0.0, a * a + b * b - 2 * correlation * a * b))

    seen = float(corrections.sum()) / len(drawn) - float(corrections.mean())
    lowest, highest = seen - float(fall[~drawn].sum()) / len(drawn), seen + float(rise[~drawn].sum()) / len(drawn)
    return max(0.0, min(joined(up_low, down_high), -lowest)), max(0.0, min(joined(up_high, down_low), highest))


def _part(values: Values, possible: Values, total: int) -> tuple[float, float]:
    """How far below and above the mean of n ``values`` >= 0 the mean over ``total`` images may lie.

    A mean is the sum over thresholds of the share above each (so many times their distance), and each share gets
    exact hypergeometric bounds: of values 0 and 1 these are the exact bounds of a share. Where none is above a
    threshold, some unseen may be, up to the largest ``possible``.
    """
    n = len(values)
    steps = np.unique(np.round(np.append(values, possible.max(initial=0.0)), 9))
    steps = steps[steps > 0]
    widths = np.diff(steps, prepend=0.0)
    seen = n - np.searchsorted(np.sort(values), steps - 1e-9)
    low, high = np.array([_hypergeometric(int(x), n, total) for x in seen]).reshape(-1, 2).T
    expected = seen * (total / n)
    return float((expected - low) @ widths / total), float((high - expected) @ widths / total)


@lru_cache(maxsize=16_384)
def _hypergeometric(seen: int, n: int, total: int) -> tuple[int, int]:
    """How many of ``total`` may be such when ``seen`` of ``n`` drawn are; both tails 2.5 % (Buonaccorsi 1987)."""
    return (
        _first(seen, total - n + seen, lambda m: hypergeom.sf(seen - 1, total, m, n) > _TAIL),
        _first(seen, total - n + seen, lambda m: hypergeom.cdf(seen, total, m + 1, n) <= _TAIL),
    )


_TAIL = 0.025


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The lowest whole number from ``low`` to ``high`` of which ``holds``, ``high`` if none; it holds from there on."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _divided(above: float, below: float) -> float:
    return above / below if below > 0 else math.nan
