"""Counts per patient, run and class: the small tables that comparisons work on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.metrics import ClassFigure, Headline, effective_number


@dataclass(frozen=True)
class Ratios:
    """A figure of S runs as the mean of J ratios of sums over P patients.

    ``above`` (S, P, J) and ``below`` (S, P, J), or (1, P, J) where all runs share it. A ratio whose denominator
    sums to 0 is undefined and left out of the mean. Accuracy has J = 1, macro-F1 one ratio per class present.
    """

    above: NDArray[np.float64]
    below: NDArray[np.float64]

    @property
    def n_runs(self) -> int:
        """How many runs there are."""
        return len(self.above)

    def each(self) -> NDArray[np.float64]:
        """The ratios of each run, (S, J); NaN where undefined."""
        return ratios_or_nan(self.above.sum(axis=1), self.below.sum(axis=1))

    def figure(self) -> NDArray[np.float64]:
        """The figure of each run, (S,); NaN if no ratio is defined."""
        return mean_defined(self.each())

    def influence(self) -> NDArray[np.float64]:
        """How far each patient moves each ratio of each run, (S, P, J); sums to 0 over patients.

        The linearisation of a ratio of sums (Särndal, Swensson & Wretman 1992, section 5.6); 0 where undefined.
        """
        residuals = self.above - np.nan_to_num(self.each())[:, None, :] * self.below
        return np.nan_to_num(ratios_or_nan(residuals, self.below.sum(axis=1, keepdims=True)))

    def figure_influence(self) -> NDArray[np.float64]:
        """How far each patient moves the figure of each run, (S, P)."""
        n_defined = (self.below.sum(axis=1) > 0).sum(axis=1)
        return self.influence().sum(axis=2) / np.maximum(n_defined, 1)[:, None]

    def weights(self) -> NDArray[np.float64]:
        """How much of the figure rests on each patient, (P,), over the mean of the runs; sums to 1."""
        below = self.below.mean(axis=0)
        return np.nan_to_num(mean_defined(ratios_or_nan(below, below.sum(axis=0))))

    def moved(self, other: "Ratios") -> NDArray[np.float64]:
        """How far each patient moves the difference of two sides' means over their runs, (P,); 0: does not differ."""
        below = self.below.mean(axis=0)
        moved = np.zeros(len(below))
        for own, others in ((self.above, other.above), (self.below, other.below)):
            apart = np.abs(own.mean(axis=0) - others.mean(axis=0))
            apart[apart < 1e-9] = 0
            moved += np.nan_to_num(ratios_or_nan(apart, below.sum(axis=0))).sum(axis=1)
        return moved

    def only(self, chosen: NDArray[np.bool_]) -> "Ratios":
        """The ratios chosen by a mask (J,)."""
        return Ratios(self.above[:, :, chosen], self.below[:, :, chosen])

    def of_runs(self, chosen: NDArray[np.bool_]) -> "Ratios":
        """The same of the runs chosen by a mask (S,)."""
        return Ratios(self.above[chosen], self.below[chosen] if len(self.below) > 1 else self.below)

    def resampled(self, weights: NDArray[np.float32]) -> NDArray[np.float64]:
        """The ratios of each run with each patient counted so often, (S, B, J), for ``weights`` (B, P)."""
        below = [weights @ table.astype(np.float32) for table in self.below]
        return np.stack(
            [
                ratios_or_nan(weights @ table.astype(np.float32), below[s % len(below)])
                for s, table in enumerate(self.above)
            ]
        )


@dataclass(frozen=True)
class PatientCounts:
    """S runs over the same images of P patients, in K classes.

    ``images`` (1, P, K) of each true class; ``hits`` (S, P, K) of them found; ``called`` (S, P, K) images that
    a run puts in the class.
    """

    images: NDArray[np.float64]
    hits: NDArray[np.float64]
    called: NDArray[np.float64]

    @property
    def n_images(self) -> int:
        """All images."""
        return int(self.images.sum())

    @property
    def n_patients(self) -> int:
        """All patients."""
        return self.images.shape[1]

    @property
    def n_runs(self) -> int:
        """All runs."""
        return len(self.hits)

    def __add__(self, other: "PatientCounts") -> "PatientCounts":
        """The tables of both sets of images, of the same runs, patients and classes."""
        return PatientCounts(self.images + other.images, self.hits + other.hits, self.called + other.called)

    @property
    def effective_patients(self) -> float:
        """Patients of equal size that would say as much: (sum n)^2 / sum n^2 (Kish 1965); at least 2."""
        sizes = self.images.sum(axis=(0, 2))
        return max(2.0, effective_number(sizes))

    def classes(self, figure: ClassFigure) -> Ratios:
        """``figure`` of every class, J = K in class order."""
        if figure is ClassFigure.RECALL:
            return Ratios(self.hits, self.images)
        if figure is ClassFigure.PRECISION:
            return Ratios(self.hits, self.called)
        return Ratios(2 * self.hits, self.images + self.called)

    def headline(self, figure: Headline) -> Ratios:
        """The ratios whose mean is ``figure``; macro averages run over the classes present."""
        if figure is Headline.ACCURACY:
            return Ratios(self.hits.sum(axis=2, keepdims=True), self.images.sum(axis=2, keepdims=True))
        kind = ClassFigure.RECALL if figure is Headline.BALANCED_ACCURACY else ClassFigure.F1
        return self.classes(kind).only(self.images.sum(axis=(0, 1)) > 0)


def counts_by_patient(evaluation: Evaluation) -> PatientCounts:
    """The tables of an evaluation; patients in ascending order of their codes."""
    patients, codes = np.unique(evaluation.patients, return_inverse=True)
    n_classes = len(evaluation.taxonomy.classes)
    return count_tables(codes, evaluation.truth, evaluation.predicted, len(patients), n_classes)


def count_tables(
    patients: NDArray[np.int64],
    truth: NDArray[np.int64],
    predicted: NDArray[np.int64],
    n_patients: int,
    n_classes: int,
) -> PatientCounts:
    """The tables of N images: patient codes (N,) below ``n_patients``, classes (N,), predictions (S, N).

    A prediction below 0 is of no class.
    """

    def table(classes: NDArray[np.int64], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
        flat = np.bincount((patients * n_classes + classes)[counted], minlength=n_patients * n_classes)
        return flat.reshape(n_patients, n_classes).astype(np.float64)

    return PatientCounts(
        table(truth, np.ones(len(truth), dtype=np.bool_))[None],
        np.stack([table(truth, said == truth) for said in predicted]),
        np.stack([table(said, said >= 0) for said in predicted]),
    )


def ratios_or_nan(above: NDArray[np.floating], below: NDArray[np.floating]) -> NDArray[np.float64]:
    """``above / below``; NaN where there is nothing to divide by."""
    above, below = np.broadcast_arrays(above, below)
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0, dtype=np.float64)


def mean_defined(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the last axis of what is not NaN; NaN where nothing is."""
    defined = ~np.isnan(values)
    return ratios_or_nan(np.where(defined, values, 0).sum(axis=-1), defined.sum(axis=-1).astype(np.float64))
