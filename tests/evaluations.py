"""Evaluations made up for tests, and what a patient bootstrap says of their figures."""

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.label_space.taxonomy import Taxonomy

FOUR = Taxonomy("four", {name: frozenset(name) for name in "abcd"})

cases = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 3), min_size=n, max_size=n),
        st.lists(st.lists(st.integers(-1, 3), min_size=n, max_size=n), min_size=1, max_size=4),
        st.lists(st.integers(0, 9), min_size=n, max_size=n),
    )
)
"""Truth, answers of some runs (-1 is outside) and patients over 1 to 40 images, for `judged`."""


def judged(truth, predicted, patients=None, taxonomy=FOUR) -> Evaluation:
    """An evaluation over images i0, i1, ...; without patients every image is one of its own."""
    truth = np.array(truth, dtype=np.int64)
    codes = np.arange(len(truth)) if patients is None else np.array(patients, dtype=np.int64)
    ids = tuple(f"i{k}" for k in range(len(truth)))
    return Evaluation(taxonomy, ids, codes, truth, np.atleast_2d(np.array(predicted, dtype=np.int64)))


def clustered(n_patients: int = 200, n_runs: int = 3, seed: int = 5) -> Evaluation:
    """Images whose luck the patient shares, in four classes of uneven size, answered by several runs."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(n_patients), rng.integers(1, 8, n_patients))
    skill = rng.beta(4, 1.3, n_patients)[patients]
    truth = rng.choice(4, len(patients), p=(0.45, 0.3, 0.15, 0.1))
    first = np.where(rng.random(len(truth)) < skill, truth, rng.choice(4, len(truth), p=(0.4, 0.3, 0.2, 0.1)))
    predicted = np.stack([first] * n_runs)
    lucky = rng.random(predicted.shape) < 0.1
    predicted[lucky] = rng.integers(0, 4, int(lucky.sum()))
    return judged(truth, predicted, patients)


def bootstrap(
    evaluation: Evaluation, figure: Callable[[Evaluation], float], n: int = 600, seed: int = 1
) -> tuple[float, float]:
    """The middle 95 % of ``figure`` over ``n`` draws of as many patients, with replacement."""
    rng = np.random.default_rng(seed)
    rows = [np.flatnonzero(evaluation.patients == code) for code in np.unique(evaluation.patients)]
    values = []
    for _ in range(n):
        chosen = np.concatenate([rows[k] for k in rng.integers(0, len(rows), len(rows))])
        values.append(
            figure(judged(evaluation.truth[chosen], evaluation.predicted[:, chosen], taxonomy=evaluation.taxonomy))
        )
    low, high = np.nanquantile(values, (0.025, 0.975))
    return float(low), float(high)
