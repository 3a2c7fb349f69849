"""Several models over the same images: those that all of them have predictions for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from model_zoo.core.comparison.missing_predictions import UNPREDICTED, all_correct, all_incorrect
from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.patient_counts import PatientCounts, counts_by_patient
from model_zoo.core.label_space.taxonomy import OUTSIDE


@dataclass(frozen=True, slots=True)
class Aligned:
    """M models over the union of their images; images without a prediction count in every possible way.

    ``counts`` holds the images that all models predicted; ``lowest`` and ``highest`` all images, those without a
    prediction as incorrect, or as correct (Horowitz & Manski 1995). ``n_missing``: of each model, (M,).
    """

    counts: tuple[PatientCounts, ...]
    lowest: tuple[PatientCounts, ...]
    highest: tuple[PatientCounts, ...]
    n_missing: tuple[int, ...]


def align(evaluations: Sequence[Evaluation], partly: Sequence[Evaluation | None] = ()) -> Aligned:
    """Models of one class set over the same images and patients; `RunError` if their classes differ.

    ``partly``: of each model, images that some of its runs predicted (`missing.evaluate_partly`).
    """
    if len({one.taxonomy.hash for one in evaluations}) != 1:
        raise RunError("These models are evaluated in different classes; compare them on their shared classes.")
    if any(partly):
        evaluations = [_with(*both) for both in zip(evaluations, partly, strict=True)]
    elif len({one.image_ids for one in evaluations}) == 1:
        same = tuple(counts_by_patient(one) for one in evaluations)
        return Aligned(same, same, same, (0,) * len(same))
    union = sorted(set().union(*(one.image_ids for one in evaluations)))
    codes, truth = _union(evaluations, union)
    whole = [_over(one, union, codes, truth) for one in evaluations]
    lacking = np.array([(one.predicted == UNPREDICTED).any(axis=0) for one in whole])
    n_missing = tuple(lacking.sum(axis=1).tolist())
    in_all: NDArray[np.bool_] = np.logical_not(lacking.any(axis=0))
    counts = tuple(counts_by_patient(one.only(in_all)) for one in whole)
    lowest, best = (tuple(counts_by_patient(of(one)) for one in whole) for of in (all_incorrect, all_correct))
    return Aligned(counts, lowest, best, n_missing)


def _union(evaluations: Sequence[Evaluation], union: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Patient codes and true classes of all images, both (N,); the codes of one patient agree over all models."""
    row_of = {image_id: row for row, image_id in enumerate(union)}
    truth, n_nodes = np.full(len(union), OUTSIDE), len(union)
    images, owners = [], []  # an image and each model's code of its patient are of one patient
    for one in evaluations:
        rows = np.array([row_of[image_id] for image_id in one.image_ids], dtype=np.int64)
        truth[rows] = one.truth
        images.append(rows)
        owners.append(one.patients + n_nodes)
        n_nodes += int(one.patients.max(initial=-1)) + 1
    ends = np.concatenate(images), np.concatenate(owners)
    graph = coo_array((np.ones(len(ends[0])), ends), shape=(n_nodes, n_nodes))
    codes = connected_components(graph, directed=False)[1][: len(union)]
    return codes.astype(np.int64), truth.astype(np.int64)


def _with(one: Evaluation, other: Evaluation | None) -> Evaluation:
    """The evaluation over the images of both, which are of the same runs."""
    if other is None:
        return one
    return replace(
        one,
        image_ids=one.image_ids + other.image_ids,
        patients=np.concatenate([one.patients, other.patients]),
        truth=np.concatenate([one.truth, other.truth]),
        predicted=np.concatenate([one.predicted, other.predicted], axis=1),
    )


def _over(one: Evaluation, union: Sequence[str], codes: NDArray[np.int64], truth: NDArray[np.int64]) -> Evaluation:
    """The evaluation over all images of ``union``; those without a prediction are `UNPREDICTED`."""
    row_of = {image_id: row for row, image_id in enumerate(one.image_ids)}
    at = np.array([row_of.get(image_id, -1) for image_id in union], dtype=np.int64)
    predicted = np.where(at >= 0, one.predicted[:, at], UNPREDICTED)
    return replace(one, image_ids=tuple(union), patients=codes, truth=truth, predicted=predicted)
