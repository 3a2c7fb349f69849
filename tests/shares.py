"""The interval of a share of clustered images by other code: pandas and scipy.stats, without the project's."""

import pandas as pd
from scipy import stats


def trials_of(hits: pd.Series, sizes: pd.Series) -> float:
    """Of so many independent trials Wilson's interval is that of the share; both by patient, in the same order.

    Share (1 - share) / variance, times (z / t)^2, and never fewer than effective patients. The variance is that over
    patients or over images, whichever is larger; t has as many degrees of freedom as effective patients less 1, and
    no more than the effective patients with a hit, and with a miss.
    """
    hits, sizes = hits.to_numpy(), sizes.to_numpy()
    images = sizes.sum()
    share = hits.sum() / images
    patients = _effective(sizes)
    if share in (0, 1):
        return patients
    clustered = (((hits - share * sizes) / images) ** 2 / (1 - sizes / images)).sum()
    variance = max(clustered, share * (1 - share) / images)
    freedom = min(patients - 1, _effective(sizes[hits > 0]), _effective(sizes[hits < sizes]))
    return float(
        max(patients, share * (1 - share) / variance * (stats.norm.ppf(0.975) / stats.t.ppf(0.975, freedom)) ** 2)
    )


def _effective(sizes):  # Kish 1965
    return sizes.sum() ** 2 / (sizes**2).sum()
