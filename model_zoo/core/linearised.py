"""Patients-only intervals of figures that are no plain share, by linearisation.

The *influence* of an image is how far the figure moves per unit of weight put on that image
(Hampel 1974); over all N images influences have mean 0. A figure's variance over patients is that
of the sum of influences / N, patient by patient (Binder 1983, the linearised cluster variance).
"""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from model_zoo.core.evaluation import Evaluation, Figure
from model_zoo.core.metrics import Share, wilson

Judged = tuple[float, NDArray[np.float64]]
"""The figure of one run, NaN where undefined, and the influence of each image on it, (N,)."""


def over_runs(
    name: str,
    evaluation: Evaluation,
    runs: Iterable[Judged],
    bounds: tuple[float, float] | None = (0.0, 1.0),
    weights: NDArray[np.float64] | None = None,
) -> Figure:
    """A figure of every run, its mean over the runs where it is defined, and the patients' interval of that mean.

    With ``bounds``, which the figure cannot leave, the interval is `bounded`, else `unbounded`; ``runs`` are not
    asked when there is no image.
    """
    judged = list(runs) if len(evaluation.truth) else []
    per_run = np.array([value for value, _ in judged] or [math.nan] * len(evaluation.predicted))
    defined = [one for one in judged if not math.isnan(one[0])]
    if not defined:
        nothing = Share(math.nan, math.nan, math.nan, float(len(evaluation.truth)), evaluation.n_patients, math.nan)
        return Figure(name, nothing, per_run)
    value = float(np.mean([one for one, _ in defined]))
    influence = np.mean([one for _, one in defined], axis=0)
    if bounds is None:
        return Figure(name, unbounded(value, influence, evaluation.patients), per_run)
    return Figure(name, bounded(value, influence, evaluation.patients, *bounds, weights=weights), per_run)


def bounded(
    value: float,
    influence: NDArray[np.float64],
    patients: NDArray[np.int64],
    low: float = 0.0,
    high: float = 1.0,
    weights: NDArray[np.float64] | None = None,
) -> Share:
    """``value`` in [low, high] with Wilson's interval at its effective number of trials.

    ``influence`` and ``patients`` (codes) have shape (N,). With the figure scaled to a share m, n = m (1 - m) /
    variance (Korn & Graubard 1998), so that the interval of a plain share is that of `metrics.share`. Where nothing
    varies (all right, or one patient) n is Kish's 1 / sum of squared weights of the patients, from the images'
    ``weights`` (N,), summing to 1; equal if not given. A class with few images, all right, adds nothing to the
    variance: such a figure is less certain than it looks.
    """
    variance, effect, n_patients = _variance(influence, patients)
    scaled = min(1.0, max(0.0, (value - low) / (high - low)))
    spread = variance / (high - low) ** 2
    if n_patients > 1 and scaled * (1 - scaled) > 1e-12 and spread > 1e-15:
        trials = scaled * (1 - scaled) / spread
    else:
        shares = np.full(len(patients), 1 / len(patients)) if weights is None else weights
        trials = 1 / float((np.bincount(patients, weights=shares) ** 2).sum())
    below, above = (low + (high - low) * bound for bound in wilson(scaled, trials))
    return Share(value, below, above, float(len(patients)), n_patients, effect)


def mean_of(values: NDArray[np.float64]) -> Judged:
    """The mean of N > 0 images' values as the figure of a run."""
    value = float(values.mean())
    return value, values - value


def unbounded(value: float, influence: NDArray[np.float64], patients: NDArray[np.int64]) -> Share:
    """``value`` with Student's interval over P patients (P - 1 degrees of freedom); none for a single patient.

    ``influence`` and ``patients`` (codes) have shape (N,).
    """
    variance, effect, n_patients = _variance(influence, patients)
    half = float(student.ppf(0.975, n_patients - 1)) * math.sqrt(variance) if n_patients > 1 else math.nan
    return Share(value, value - half, value + half, float(len(patients)), n_patients, effect)


def _variance(influence: NDArray[np.float64], patients: NDArray[np.int64]) -> tuple[float, float, int]:
    """The variance over patients, its ratio to that over images (at least 1), and how many patients there are."""
    n, (_, codes) = len(patients), np.unique(patients, return_inverse=True)
    n_patients = int(codes.max()) + 1 if n else 0
    if n_patients < 2:
        return math.nan, math.nan, n_patients
    sums = np.bincount(codes, weights=influence)
    clustered = n_patients / (n_patients - 1) * float(sums @ sums) / n**2
    independent = n / (n - 1) * float(influence @ influence) / n**2
    return max(clustered, independent), max(1.0, clustered / independent) if independent else math.nan, n_patients
