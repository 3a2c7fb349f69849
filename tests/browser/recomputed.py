"""The demo's figures from its files alone, without the project's code."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

PROJECT = Path(__file__).parents[2]
SAMPLES = PROJECT / "model_zoo" / "sample_images"
MANIFEST = pd.read_csv(SAMPLES / "manifest.csv").set_index("image_id")


def answers(taxonomy: str, split: str = "test") -> dict[str, pd.Series]:
    """Run -> the class it names for each image, from the Parquet files alone."""
    said = {}
    for folder in sorted((PROJECT / "model_zoo" / "runs").glob(f"{taxonomy}-s*")):
        frame = pd.read_parquet(folder / f"predictions_{split}.parquet").set_index("image_id")
        said[folder.name] = frame.idxmax(axis=1).str.removeprefix("p:")
    return said


def class_of(taxonomy: str) -> dict[str, str]:
    """Leaf -> class, expanding the file's patterns by hand."""
    written = tomllib.loads((PROJECT / "model_zoo" / "taxonomies" / f"{taxonomy}.toml").read_text())["classes"]
    leaves = [f"{s}.{o}" for s in ("ac", "bpd", "cereb", "fl", "crl", "afi")
              for o in ("placed.present", "none.present", "none.none")] + ["volume"]  # fmt: skip
    owner = {}
    for name, pattern in written.items():
        regex = re.compile("^" + pattern.replace(".", r"\.").replace("*", "[a-z]+") + "$")
        owner |= {leaf: name for leaf in leaves if regex.match(leaf)}
    return owner


def class_names(taxonomy: str) -> list[str]:
    """Classes in the order of the file."""
    return list(tomllib.loads((PROJECT / "model_zoo" / "taxonomies" / f"{taxonomy}.toml").read_text())["classes"])


def in_classes_of(coarse: str, taxonomy: str, labels: pd.Series = MANIFEST.label) -> list[tuple[pd.Series, pd.Series]]:
    """(truth, answer) of each run of ``taxonomy``, both in the classes of ``coarse``."""
    coarse_of, own_of = class_of(coarse), class_of(taxonomy)
    mapped = {name: coarse_of[leaf] for leaf, name in own_of.items()}
    return [(labels.loc[said.index].map(coarse_of), said.map(mapped)) for said in answers(taxonomy).values()]


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def difference_of_series(
    a: list[tuple[pd.Series, pd.Series]], b: list[tuple[pd.Series, pd.Series]]
) -> tuple[float, float, float]:
    """Accuracy of series ``a`` minus ``b`` with its 95 % interval over patients and seeds, written out with pandas.

    (truth, answer) per run; patients crossed with seeds: variance = patients + seeds - interaction, of which seeds have
    their own Student's t on the logit scale and the rest that of patients, with at most twice (those who differ,
    effectively, less 1) degrees of freedom; the end to which these are skewed moves by Hall's term (1992).
    """
    patient = MANIFEST.patient_id.loc[a[0][0].index]
    sizes = patient.value_counts()
    n, n_patients = len(patient), len(sizes)
    tables, means, counts = [], [], []
    for pairs in (a, b):
        right = pd.DataFrame({s: (truth == said).astype(float) for s, (truth, said) in enumerate(pairs)})
        means.append(right.mean())
        hits = right.groupby(patient).sum()
        counts.append(hits.mean(axis=1))
        tables.append((hits - np.outer(sizes.loc[hits.index], right.mean())) / n)
    scale = n_patients / (n_patients - 1)
    between = tables[0].mean(axis=1) - tables[1].mean(axis=1)
    of_patients, effective = scale * (between**2).sum(), sizes.sum() ** 2 / (sizes**2).sum()
    of_both, by_side, squares = 0.0, [], 0.0
    for table, mean in zip(tables, means, strict=True):
        runs = len(mean)
        seeds = mean.var(ddof=1) / runs
        of_both += scale * table.sub(table.mean(axis=1), axis=0).pow(2).to_numpy().sum() / ((runs - 1) * runs)
        by_side, squares = [*by_side, seeds], squares + seeds**2 / (runs - 1)
    of_seeds = sum(by_side)
    moved = (counts[0] - counts[1]).abs()
    freedom = min(effective - 1, max(2, 2 * (moved.sum() ** 2 / (moved**2).sum() - 1)))
    patients_t, seeds_t = stats.t.ppf(0.975, freedom), stats.t.ppf(0.975, of_seeds**2 / squares)
    left = 1 - patients_t**2 * of_both / (seeds_t**2 * of_seeds) if of_seeds > of_both else 0.0
    reach = []
    for mean, seeds in zip(means, by_side, strict=True):
        logits, middle = np.log(mean / (1 - mean)), mean.mean()
        far = seeds_t * np.sqrt(max(left, 0.0) * seeds) * logits.std() / mean.std()
        ends = 1 / (1 + np.exp(-np.log(middle / (1 - middle)) - np.array([-far, far])))
        reach.append(abs(ends - middle))
    below = np.sqrt(patients_t**2 * of_patients + reach[0][0] ** 2 + reach[1][1] ** 2)
    above = np.sqrt(patients_t**2 * of_patients + reach[0][1] ** 2 + reach[1][0] ** 2)
    value = means[0].mean() - means[1].mean()
    skew = (between**3).sum() / (between**2).sum() * (2 * stats.norm.ppf(0.975) ** 2 + 1) / 6
    return value, value - below + min(skew, 0), value + above + max(skew, 0)


def result(low: float, high: float, margin: float = 0.01) -> str:
    """The end of the sentence on A against B, where an interval excludes 0 or holds both 0 and the margin."""
    assert high > margin or low < -margin, "equivalent also asks how many patients may have been missed"
    if low > 0:
        by = "than {b} by more than" if low > margin else "than {b}, possibly by less than"
        return f"{{a}} is better {by} the margin of 1 pp of accuracy, for this training set."
    if high < 0:
        by = "than {b} by more than" if high < -margin else "than {b}, possibly by less than"
        return f"{{a}} is worse {by} the margin of 1 pp of accuracy, for this training set."
    return "Inconclusive: {a} or {b} may be better in accuracy, for this training set."


def ends(low, high):
    """Both ends in points, with one digit, and more where an end that is not 0 would read as 0."""
    digits = next(n for n in range(1, 9) if all(end == 0 or float(f"{100 * end:.{n}f}") for end in (low, high)))
    return f"{100 * low:+.{digits}f} to {100 * high:+.{digits}f}".replace("-", "−")
