"""Linearised confidence intervals over patients, for metrics that are no plain share.

The *influence* of an image is how far the figure moves per unit of weight put on that image
(Hampel 1974); over all N images influences have mean 0. A figure's variance over patients is that
of the sum of influences / N, patient by patient (Binder 1983, the linearised cluster variance).
"""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.evaluation.evaluation import Evaluation, Figure
from model_zoo.core.evaluation.metrics import (
    LEAST_PATIENTS,
    Share,
    cluster_variance,
    clustered_trials,
    t_quantile,
    wilson,
)

Judged = tuple[float, NDArray[np.float64]]
"""The figure of one run, NaN where undefined, and the influence of each image on it, (N,)."""


def over_runs(
    name: str,
    evaluation: Evaluation,
    runs: Iterable[Judged],
    earned: NDArray[np.float64] | None = None,
    beyond: float = 1.0,
    lowest: float = 0.0,
) -> Figure:
    """A figure of every run, its mean over the runs where it is defined, and the patients' interval of that mean.

    With ``earned`` (N,) the interval is `bounded`, else `unbounded`; ``runs`` are not asked when there is no image.
    """
    judged = list(runs) if len(evaluation.truth) else []
    per_run = np.array([value for value, _ in judged] or [math.nan] * len(evaluation.predicted))
    defined = [one for one in judged if not math.isnan(one[0])]
    if not defined:
        nothing = Share(math.nan, math.nan, math.nan, float(len(evaluation.truth)), evaluation.n_patients, math.nan)
        return Figure(name, nothing, per_run)
    value = float(np.mean([one for one, _ in defined]))
    influence = np.mean([one for _, one in defined], axis=0)
    if earned is None:
        return Figure(name, unbounded(value, influence, evaluation.patients), per_run)
    return Figure(name, bounded(value, influence, evaluation.patients, earned, beyond, lowest), per_run)


def bounded(
    value: float,
    influence: NDArray[np.float64],
    patients: NDArray[np.int64],
    earned: NDArray[np.float64],
    beyond: float = 1.0,
    lowest: float = 0.0,
) -> Share:
    """``value`` in [``lowest``, 1], 1 only where every image is right, with the interval of the share of right images.

    ``influence``, ``patients`` (codes) and ``earned``, how right each image is (in [0, 1]; on average the share m),
    have shape (N,). Such a figure is 1 - (1 - m) / c: with c as it is, m has the figure's variance times c^2, and the
    interval of a share with that variance (`metrics.clustered_trials`), mapped back, is that of the figure. So a plain
    share gets the interval of `metrics.share`. Where all are right, c is ``beyond`` (kappa: 1 - chance).
    """
    variance, effect, n_patients = _variance(influence, patients)
    _, owner = np.unique(patients, return_inverse=True)
    mean = float(earned.mean())
    scale = (1 - mean) / (1 - value) if value < 1 and mean < 1 else beyond
    sizes, right = (np.bincount(owner, weights=one).astype(np.float64) for one in (np.ones(len(owner)), earned))
    trials = clustered_trials(mean, variance * scale**2, sizes, right)
    low, high = (float(np.maximum(lowest, 1 - (1 - end) / scale)) for end in wilson(mean, trials))
    return Share(value, low, high, float(len(patients)), n_patients, effect, trials)


def mean_of(values: NDArray[np.float64]) -> Judged:
    """The mean of N > 0 images' values as the figure of a run."""
    value = float(values.mean())
    return value, values - value


def unbounded(value: float, influence: NDArray[np.float64], patients: NDArray[np.int64]) -> Share:
    """``value`` with Student's interval over effective patients less 1; none for fewer than `LEAST_PATIENTS`.

    ``influence`` and ``patients`` (codes) have shape (N,).
    """
    variance, effect, n_patients = _variance(influence, patients)
    half = math.nan
    if n_patients >= LEAST_PATIENTS:
        sizes = np.unique(patients, return_counts=True)[1].astype(np.float64)
        half = t_quantile(sizes) * math.sqrt(variance)
    return Share(value, value - half, value + half, float(len(patients)), n_patients, effect)


def _variance(influence: NDArray[np.float64], patients: NDArray[np.int64]) -> tuple[float, float, int]:
    """The variance over patients, its ratio to that over images (at least 1), and how many patients there are."""
    n, (_, codes) = len(patients), np.unique(patients, return_inverse=True)
    n_patients = int(codes.max()) + 1 if n else 0
    if n_patients < 2:
        return math.nan, math.nan, n_patients
    clustered = cluster_variance(np.bincount(codes, weights=influence) / n, np.bincount(codes) / n)
    independent = n / (n - 1) * float(influence @ influence) / n**2
    return max(clustered, independent), max(1.0, clustered / independent) if independent else math.nan, n_patients
