"""The classes that a chart plots where it has no room for all."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.comparison.class_rows import Row
from model_zoo.core.evaluation.evaluation import Figure

MOST_CLASSES = 40
"""Most classes in one chart that gives each a line."""


@dataclass(frozen=True, slots=True)
class PlottedClasses:
    """The classes that are drawn, by position and in class order; ``sentence`` is empty where these are all."""

    positions: tuple[int, ...]
    sentence: str = ""


def plotted_classes(rows: Sequence[Sequence[Figure]]) -> PlottedClasses:
    """Of classes whose figures ``rows[s][k]`` stand side by side; the widths of intervals count, not values alone.

    Of several subjects those that differ most, |mean - first subject's mean| over the root of both widths squared;
    of one the lowest, by the upper end of the interval. So no class of three images takes the place of one that
    says something.
    """
    shares = [[one.share for one in figures] for figures in rows]
    if len(rows) == 1:
        return _most(
            np.array([-one.high for one in shares[0]]), "those that are lowest, by the upper end of their interval"
        )
    apart = [
        [
            abs(one.value - first.value) / math.hypot(one.high - one.low, first.high - first.low)
            for one, first in zip(others, shares[0], strict=True)
        ]
        for others in shares[1:]
    ]
    clear = np.nan_to_num(np.array(apart), nan=-1).max(axis=0)
    return _most(clear, "those on which they differ most, measured in widths of their intervals")


def plotted_differences(rows: Sequence[Row]) -> PlottedClasses:
    """Of classes with their differences: the largest, measured in widths of their intervals; those without one last."""
    values = np.array([abs(row.difference.value) for row in rows])
    widths = np.array([row.difference.high - row.difference.low for row in rows])
    clear = np.where(np.isnan(widths), values - 2, values / np.where(widths > 0, widths, 1))
    return _most(clear, "those with the largest differences, measured in widths of their intervals")


def _most(clear: NDArray[np.float64], which: str) -> PlottedClasses:
    n_classes = len(clear)
    if n_classes <= MOST_CLASSES:
        return PlottedClasses(tuple(range(n_classes)))
    first = np.argsort(-np.nan_to_num(clear, nan=-math.inf), kind="stable")[:MOST_CLASSES]
    return PlottedClasses(
        tuple(sorted(int(k) for k in first)), f"Drawn are {MOST_CLASSES} of {n_classes:,} classes, {which}."
    )
