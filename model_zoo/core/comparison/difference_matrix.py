"""The difference of two confusion matrices over the same images, second minus first, with intervals by patient."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import stdtrit

from model_zoo.core.comparison.uncertainty import FEW_DIFFERING, unseen_patients
from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.confusion import Per
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.label_space.taxonomy import OUTSIDE, Taxonomy

FEW_IMAGES = 5
"""A cell with fewer images than this on both sides is too small to read anything into."""

FEW_PATIENTS = 10
"""With fewer patients than this no interval is given."""


@dataclass(frozen=True, slots=True)
class DifferenceMatrix:
    """Second minus first, cell by cell; all arrays (K, K + 1): rows true, columns predicted, `OUTSIDE` last.

    ``values`` are shares in [-1, 1] or, per `Per.COUNT`, images; NaN where a share is undefined on
    either side. ``low`` and ``high`` bound the 95 % interval, NaN where none is given. ``first`` and
    ``second`` are the images in the cell, mean over runs. ``n_patients`` is how many patients the
    shares are of, ``n_differing`` for how many of them the two sides differ.
    """

    taxonomy: Taxonomy
    per: Per
    values: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    n_patients: NDArray[np.int64]
    n_differing: NDArray[np.int64]

    @property
    def improvement(self) -> NDArray[np.float64]:
        """The difference where it is better to be more (on the diagonal), its negative elsewhere."""
        better = np.eye(*self.values.shape)
        return self.values * (2 * better - 1)

    @property
    def few(self) -> NDArray[np.bool_]:
        """Cells with fewer than `FEW_IMAGES` images on both sides."""
        return (self.first < FEW_IMAGES) & (self.second < FEW_IMAGES)

    @property
    def settled(self) -> NDArray[np.bool_]:
        """Cells whose interval lies wholly above or below 0."""
        return (self.low > 0) | (self.high < 0)


def difference_matrix(first: Evaluation, second: Evaluation, per: Per, level: float = 0.95) -> DifferenceMatrix:
    """The mean matrix of ``second`` minus that of ``first``, both judged over the same images in one label space.

    The interval is linearised over patients (Taylor linearisation of a difference of ratios, Wolter 2007,
    ch. 6: the same patients stand on both sides) and covers the choice of patients only, not of seeds:
    ``d +- t * sqrt(P / (P - 1) * sum z_p^2)`` with ``z_p`` what patient p adds to the difference. Student's t
    has one degree of freedom less than patients that differ, because in a sparse cell all others are silent. Where
    fewer than `FEW_DIFFERING` patients differ, or all alike, it reaches at least as far as patients who differ wholly
    and are not in this sample may move the cell.
    """
    second = _aligned(first, second)
    n_classes = len(first.taxonomy.classes)
    shape, width = (n_classes, n_classes + 1), n_classes + 1
    codes, patients = np.unique(first.patients, return_inverse=True)
    true_line, predicted_line = (axis.ravel() for axis in np.indices(shape))
    line_of = predicted_line if per is Per.PREDICTED else true_line
    hits, totals = [], []  # per side: hits (patients, cells) and what the shares are of (patients, lines)
    for side in (first, second):
        columns = np.where(side.predicted == OUTSIDE, n_classes, side.predicted)  # (S, N)
        weights = np.full(columns.size, 1 / len(columns))
        rows = np.broadcast_to(patients, columns.shape).ravel()
        cells = (side.truth * width + columns).ravel()
        hits.append(csr_array((weights, (rows, cells)), shape=(len(codes), n_classes * width)))
        lines = (columns if per is Per.PREDICTED else np.broadcast_to(side.truth, columns.shape)).ravel()
        table = np.bincount(rows * width + lines, weights=weights, minlength=len(codes) * width)
        totals.append(table.reshape(len(codes), width).astype(np.float64))
    if per is Per.COUNT:
        values, squares = _of_counts(hits[0], hits[1], len(codes))
        n_patients = np.full(len(line_of), len(codes))
    else:
        values, squares = _of_ratios(hits, totals, line_of)
        n_patients = ((totals[0] > 0) | (totals[1] > 0)).sum(axis=0)[line_of]
    values = np.where(np.abs(values) < _ROUNDING, 0.0, values)
    differing = _n_differing(hits, totals if per is Per.PREDICTED else None, line_of)
    with np.errstate(invalid="ignore", divide="ignore"):
        deviation = np.sqrt(np.maximum(squares, 0) * n_patients / (n_patients - 1))
    half = np.where(differing == 0, 0.0, stdtrit(np.maximum(differing - 1, 1), 0.5 + level / 2) * deviation)
    missed = _missed(totals, per)[line_of]
    half = np.where((differing < FEW_DIFFERING) | (squares <= _ROUNDING), np.fmax(half, missed), half)
    half[(n_patients < FEW_PATIENTS) | (differing == 1)] = np.nan
    bound = np.inf if per is Per.COUNT else 1.0
    images = [_sums(table) for table in hits]
    grids = (values, np.maximum(values - half, -bound), np.minimum(values + half, bound), *images)
    return DifferenceMatrix(first.taxonomy, per, *(grid.reshape(shape) for grid in (*grids, n_patients, differing)))


def _missed(totals: list[NDArray[np.float64]], per: Per) -> NDArray[np.float64]:
    """How far patients who differ wholly and are not in this sample may move a cell of each line, at 97.5 %."""
    sizes = (totals[0] + totals[1]) / 2  # (patients, lines)
    images = sizes.sum(axis=0)
    missed = [unseen_patients(own / whole) if whole > 0 else np.nan for own, whole in zip(sizes.T, images, strict=True)]
    return np.array(missed) * (images if per is Per.COUNT else 1)


def _aligned(first: Evaluation, second: Evaluation) -> Evaluation:
    """``second`` with its images in the order of ``first``; `RunError` where they are not the same."""
    if first.taxonomy == second.taxonomy:
        if first.image_ids == second.image_ids:
            return second
        row_of = {image_id: row for row, image_id in enumerate(second.image_ids)}
        if set(row_of) == set(first.image_ids):
            rows = [row_of[image_id] for image_id in first.image_ids]
            return replace(
                second, image_ids=first.image_ids, truth=second.truth[rows], predicted=second.predicted[:, rows]
            )
    raise RunError(
        "These two are not judged over the same images in the same classes, so their matrices have no difference; "
        "compare on common ground, and predict the same split with each."
    )


def _of_counts(first: csr_array, second: csr_array, n_patients: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Difference of images per cell, and the sum of squares of what each patient adds beyond the mean patient."""
    gap = second - first
    values = _sums(gap)
    return values, _sums(gap.multiply(gap)) - values**2 / max(n_patients, 1)


def _of_ratios(
    hits: list[csr_array], totals: list[NDArray[np.float64]], line_of: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Difference of shares per cell, and the sum over patients of z_p^2.

    ``z = (h_B - r_B t_B) / T_B - (h_A - r_A t_A) / T_A`` with hits h, totals t of a patient, T of all and r the
    share. Expanded so that only cells which a patient falls into are visited.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        scales = [1 / total.sum(axis=0)[line_of] for total in totals]
        shares = [_sums(table) * scale for table, scale in zip(hits, scales, strict=True)]
        finite = [np.where(np.isfinite(scale), scale, 0.0) for scale in scales]
        moved = (hits[1].multiply(finite[1][None, :]) - hits[0].multiply(finite[0][None, :])).tocoo()
        rows, cells = moved.coords
        slopes = [share * scale for share, scale in zip(shares, scales, strict=True)]  # r / T, per cell
        squares = _sums(moved.multiply(moved))
        for sign, slope, total in zip((-1, 1), slopes, totals, strict=True):
            along = np.bincount(cells, weights=moved.data * total[rows, line_of[cells]], minlength=len(line_of))
            squares -= 2 * sign * slope * along
        first, second = totals
        squares += slopes[0] ** 2 * (first**2).sum(axis=0)[line_of]
        squares += slopes[1] ** 2 * (second**2).sum(axis=0)[line_of]
        squares -= 2 * slopes[0] * slopes[1] * (first * second).sum(axis=0)[line_of]
    return shares[1] - shares[0], squares


def _n_differing(
    hits: list[csr_array], totals: list[NDArray[np.float64]] | None, line_of: NDArray[np.int64]
) -> NDArray[np.int64]:
    """For how many patients the two sides differ in a cell, or in what its share is of (``totals``); per cell."""
    gap = (hits[1] - hits[0]).tocoo()
    rows, cells = gap.coords
    apart = np.abs(gap.data) > _ROUNDING
    if totals is None:
        return np.bincount(cells[apart], minlength=len(line_of))
    otherwise = np.abs(totals[1] - totals[0]) > _ROUNDING
    apart &= ~otherwise[rows, line_of[cells]]
    return np.bincount(cells[apart], minlength=len(line_of)) + otherwise.sum(axis=0)[line_of]


def _sums(table: csr_array) -> NDArray[np.float64]:
    return np.asarray(table.sum(axis=0), dtype=np.float64).ravel()


_ROUNDING = 1e-9
"""Means over runs are sums of 1 / S; what is nearer to 0 than this is 0."""
