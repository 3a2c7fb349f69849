"""Merge suggestions: candidate merges by shared meaning or by confusion, and what each gains.

Merging always raises accuracy, so accuracy cannot advise it. What decides is ITCA (Zhang et al. 2022, JMLR 23:341):
a right answer earns -ln(frequency of its class), so a merge must forgive more errors than the resolution it gives
up. Candidates are found, and frequencies counted, in four fifths of the patients, and the gain is measured in the
last fifth, in turn (cross-fitting): a gain found by searching is not measured where it was searched for.

This is the *free* gain: the same answers, merged. What training on the merged classes would bring is another
number, which only training can tell.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from model_zoo.core.comparison import uncertainty
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.label_space.class_groups import shared_meanings
from model_zoo.core.label_space.labels import LeafSpace
from model_zoo.core.label_space.shared_meaning import Meaning, shared_meaning

N_FOLDS = 5
MIN_FOLDS_FOUND = 3
"""Folds in which a candidate of looks alone must turn up to be measured at all."""
N_RANDOM = 2000
MIN_PATIENTS_TO_SUGGEST = 20
ENOUGH_PATIENTS = 150
"""With fewer patients, most pairs that would be worth merging are missed."""


@dataclass(frozen=True, slots=True)
class MergeCandidate:
    """A merge of the classes ``members`` (names, at least two, not all), and what it would be worth as answers stand.

    ``meaning`` is what they share and nothing else has; ``None``: they look alike to the models, no common meaning
    was found. ``rise`` is the accuracy gained, a share; ``random`` the 2.5 %, 50 % and 97.5 % quantiles of the rise
    of random merges of as many classes. ``gain`` is the cross-fitted gain of ITCA in nats an image, with an interval
    that holds for all candidates at once. ``n_images`` and ``n_patients`` are those of the members.
    """

    members: tuple[str, ...]
    meaning: Meaning | None
    rise: float
    random: tuple[float, float, float]
    gain: float
    low: float
    high: float
    n_images: int
    n_patients: int

    @property
    def pays(self) -> bool:
        """Whether the gain is above 0 for sure enough."""
        return self.low > 0


def merge_candidates(evaluation: Evaluation, space: LeafSpace) -> tuple[MergeCandidate, ...]:
    """Every candidate over the images of ``evaluation`` (validation: test is for the verdict), the best first.

    Those of shared meaning come before those of looks alone. Empty with fewer than three classes or
    `MIN_PATIENTS_TO_SUGGEST` patients.
    """
    taxonomy = evaluation.taxonomy
    n_classes = len(taxonomy.classes)
    patients, codes = np.unique(evaluation.patients, return_inverse=True)
    if n_classes < 3 or len(patients) < MIN_PATIENTS_TO_SUGGEST:
        return ()
    fold = (np.random.default_rng(0).permutation(len(patients)) % N_FOLDS)[codes]
    meant = {frozenset(group.members): frozenset(range(N_FOLDS)) for group in shared_meanings(taxonomy, space)}
    found_in: dict[frozenset[int], set[int]] = {}
    for k in range(N_FOLDS):
        for members in _alike(_mean_confusion(evaluation, fold != k)):
            found_in.setdefault(members, set()).add(k)
    looks = {m: frozenset(folds) for m, folds in found_in.items() if len(folds) >= MIN_FOLDS_FOUND and m not in meant}
    tail = (1 - uncertainty.LEVEL) / 2 / max(1, len(meant) + len(looks))
    confusion, rng = _mean_confusion(evaluation, np.ones(len(fold), dtype=np.bool_)), np.random.default_rng(0)
    candidates = []
    for members, folds in {**meant, **looks}.items():
        rise = _rise(confusion, members)
        if rise == 0:
            continue  # nothing is confused inside: a merge would forgive no error
        gains = _gains(evaluation, members, fold, folds)
        gain, half = _mean_and_half(gains, codes, np.isin(fold, list(folds)), tail)
        inside = np.isin(evaluation.truth, list(members))
        names = tuple(taxonomy.names[k] for k in sorted(members))
        candidates.append(
            MergeCandidate(
                names,
                shared_meaning(taxonomy, names, space),
                rise,
                _random_rises(confusion, len(members), rng),
                gain,
                gain - half,
                gain + half,
                int(inside.sum()),
                len(np.unique(codes[inside])),
            )
        )
    return tuple(sorted(candidates, key=lambda one: (one.meaning is None, -one.gain)))


def _alike(confusion: NDArray[np.float64]) -> Iterable[frozenset[int]]:
    """Groups of classes that are confused with each other: the nodes of average linkage (Sokal & Michener 1958).

    Classes are the closer, the larger the share of either's images that the other gets.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.nan_to_num(confusion / confusion.sum(axis=1, keepdims=True))
    near = (shares + shares.T) / 2
    np.fill_diagonal(near, 0)
    members = [frozenset({k}) for k in range(len(near))]
    for a, b, distance, _ in linkage(squareform(1 - near, checks=False), method="average"):
        members.append(members[int(a)] | members[int(b)])
        if distance < 1 and len(members[-1]) <= len(near) // 2:
            yield members[-1]


def _gains(
    evaluation: Evaluation, members: frozenset[int], fold: NDArray[np.int64], folds: frozenset[int]
) -> NDArray[np.float64]:
    """Gain of each image in nats, mean over runs, (N,); 0 outside the members and the ``folds`` looked at."""
    truth, n_classes = evaluation.truth, len(evaluation.taxonomy.classes)
    inside = np.isin(truth, list(members))
    right = evaluation.right.mean(axis=0)
    right_merged = np.isin(evaluation.predicted, list(members)).mean(axis=0)
    gains = np.zeros(len(truth))
    for k in folds:
        counts = (
            np.bincount(truth[fold != k], minlength=n_classes) + 0.5
        )  # a class unseen elsewhere is rare, not absent
        of = counts / counts.sum()
        here = (fold == k) & inside
        merged = -np.log(of[list(members)].sum())
        gains[here] = right_merged[here] * merged - right[here] * -np.log(of[truth[here]])
    return gains


def _mean_and_half(
    gains: NDArray[np.float64], codes: NDArray[np.int64], used: NDArray[np.bool_], tail: float
) -> tuple[float, float]:
    """Mean over the images used, and the half-width of its interval over patients."""
    patients, own = np.unique(codes[used], return_inverse=True)
    sizes = np.bincount(own).astype(np.float64)
    mean = float(gains[used].mean())
    residuals = np.bincount(own, weights=gains[used] - mean) / used.sum()
    variance = len(patients) / (len(patients) - 1) * float(residuals @ residuals)
    effective = max(2.0, float(sizes.sum() ** 2 / (sizes @ sizes)))
    return mean, uncertainty.quantile(effective - 1, tail) * variance**0.5


def _mean_confusion(evaluation: Evaluation, used: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Images of the used ones by true and predicted class, mean over runs, (K, K)."""
    n_classes = len(evaluation.taxonomy.classes)
    truth = np.broadcast_to(evaluation.truth[used], (len(evaluation.predicted), int(used.sum())))
    said = evaluation.predicted[:, used]
    known = said >= 0
    flat = np.bincount((truth * n_classes + said)[known], minlength=n_classes**2)
    return flat.reshape(n_classes, n_classes) / len(evaluation.predicted)


def _rise(confusion: NDArray[np.float64], members: Iterable[int]) -> float:
    """The share of images whose wrong answer stays inside the members."""
    chosen = list(members)
    block = confusion[np.ix_(chosen, chosen)]
    return float((block.sum() - np.trace(block)) / confusion.sum())


def _random_rises(confusion: NDArray[np.float64], size: int, rng: np.random.Generator) -> tuple[float, float, float]:
    wrong = confusion - np.diag(np.diag(confusion))
    order = rng.random((N_RANDOM, len(confusion))).argsort(axis=1)[:, :size]
    chosen = np.zeros((N_RANDOM, len(confusion)))
    np.put_along_axis(chosen, order, 1, axis=1)
    rises = (chosen @ wrong * chosen).sum(axis=1) / confusion.sum()
    low, middle, high = np.quantile(rises, (0.025, 0.5, 0.975))
    return float(low), float(middle), float(high)
