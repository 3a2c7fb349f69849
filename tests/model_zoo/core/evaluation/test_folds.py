"""Folds by patient."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_zoo.core.errors import WorkspaceError
from model_zoo.core.evaluation.folds import patient_folds, with_fewer_images


def test_each_fold_gets_its_part_of_every_class():
    patients = [f"p{k // 2}" for k in range(120)]  # 60 patients of two images of one class, 20 of each class
    classes = np.array([k // 2 % 3 for k in range(120)])
    folds = patient_folds(patients, classes, 5, seed=0)
    table = np.zeros((5, 3), dtype=int)
    np.add.at(table, (folds, classes), 1)
    assert table.tolist() == [[8, 8, 8]] * 5  # 40 images of a class in 5 folds


def test_the_seed_draws_the_folds():
    patients, classes = list(range(30)), np.zeros(30, np.int64)
    first, again, other = (patient_folds(patients, classes, 3, seed) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("n_folds", [1, 4])
def test_folds_need_patients(n_folds):
    with pytest.raises(WorkspaceError, match=rf"3 patients cannot be split into {n_folds} folds"):
        patient_folds(["a", "b", "c", "a"], np.zeros(4, np.int64), n_folds, 0)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(-1, 5)), min_size=2), st.integers(2, 6), st.integers(0, 99))
def test_no_patient_lies_in_two_folds_and_none_is_empty(images, n_folds, seed):
    patients, classes = [one for one, _ in images], np.array([one for _, one in images])
    if len(set(patients)) < n_folds:
        return
    folds = patient_folds(patients, classes, n_folds, seed)
    assert len(set(zip(patients, folds.tolist()))) == len(set(patients))
    assert set(folds.tolist()) == set(range(n_folds))


def test_fewer_images_of_one_class_are_of_fewer_patients():
    patients = ["a", "a", "a", "b", "b", "c", "c", "d"]
    among = np.array([1, 1, 0, 1, 1, 1, 1, 0], bool)  # two images each of a, b and c
    for seed in range(5):
        stays = with_fewer_images(patients, among, 3, seed)
        assert stays[~among].all()
        kept = [patients[row] for row in np.flatnonzero(stays & among)]
        assert (len(kept), len(set(kept))) == (3, 2)  # both images of one, one of another


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=40), st.integers(0, 99))
def test_what_stays_for_a_number_stays_for_every_larger_one(images, seed):
    patients, among = [one for one, _ in images], np.array([chosen for _, chosen in images])
    n = int(among.sum())
    before = ~among
    for size in range(1, n + 1):
        stays = with_fewer_images(patients, among, size, seed)
        assert (stays & among).sum() == size
        assert stays[before].all()
        before = stays
    with pytest.raises(WorkspaceError, match=rf"{n + 1} of {n} images cannot be kept"):
        with_fewer_images(patients, among, n + 1, seed)
