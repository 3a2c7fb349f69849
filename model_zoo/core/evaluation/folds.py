"""Folds of training images by patient, and random subsets of one class."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.errors import WorkspaceError


def patient_folds(
    patients: Sequence[Hashable], classes: NDArray[np.int64], n_folds: int, seed: int
) -> NDArray[np.int64]:
    """The fold of each of N images, 0..n_folds-1, (N,): no patient in two folds, none of them empty.

    Patients are dealt out, those with most images first and equal ones in an order drawn by
    ``seed``, each to the fold that holds least of their ``classes`` (N,) (-1 counts as a class):
    classes and sizes stay about even. `WorkspaceError` for fewer patients than folds.
    """
    code_of = {patient: code for code, patient in enumerate(dict.fromkeys(patients))}
    if not 2 <= n_folds <= len(code_of):
        raise WorkspaceError(
            f"{len(code_of)} patients cannot be split into {n_folds} folds; choose 2 to as many folds as patients."
        )
    owner = np.array([code_of[patient] for patient in patients], dtype=np.int64)
    n_of = np.zeros((len(code_of), int(classes.max(initial=-1)) + 2))
    np.add.at(n_of, (owner, classes + 1), 1)
    weight = n_of / np.maximum(1, n_of.sum(axis=0))  # a rare class counts as much as a common one
    drawn = np.random.default_rng(seed).permutation(len(code_of))
    held, fold_of = np.zeros((n_folds, n_of.shape[1])), np.zeros(len(code_of), dtype=np.int64)
    for patient in drawn[np.argsort(-n_of[drawn].sum(axis=1), kind="stable")]:
        fold = np.lexsort((held.sum(axis=1), held @ weight[patient]))[0]  # an empty fold holds least of all
        fold_of[patient] = fold
        held[fold] += n_of[patient]
    return fold_of[owner]


def with_fewer_images(
    patients: Sequence[Hashable], among: NDArray[np.bool_], n_images: int, seed: int
) -> NDArray[np.bool_]:
    """Which of N images stay when only ``n_images`` of those ``among`` (N,) do, (N,).

    Patient after patient, in an order drawn by ``seed``, so that fewer images are of fewer patients; what stays
    for a number stays for every larger one. `WorkspaceError` unless 1 to all of them are asked for.
    """
    rows = np.flatnonzero(among)
    if not 1 <= n_images <= len(rows):
        raise WorkspaceError(f"{n_images} of {len(rows)} images cannot be kept; choose 1 to {len(rows)}.")
    owners = [patients[row] for row in rows.tolist()]
    each = dict.fromkeys(owners)
    place = dict(zip(each, np.random.default_rng(seed).permutation(len(each)).tolist(), strict=True))
    order = np.argsort([place[owner] for owner in owners], kind="stable")
    stays = ~among
    stays[rows[order[:n_images]]] = True
    return stays
