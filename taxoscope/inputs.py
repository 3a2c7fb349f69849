"""Reads labels, probabilities and groups from lists, numpy, pandas, Arrow, polars and torch."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.errors import RunError


@dataclass(frozen=True)
class Values:
    """An array (N,) of labels or (N, K) of probabilities, with the names of its columns, () where none has one."""

    array: NDArray[Any]
    columns: tuple[str, ...] = ()

    @property
    def is_numbered(self) -> bool:
        """Whether columns are called 0 to K - 1, as a DataFrame calls those that nobody named."""
        return self.columns == tuple(map(str, range(len(self.columns))))


def read_values(given: Any, what: str) -> Values:
    """``given`` as an array with column names; `RunError` names ``what`` where it is no array of one or two axes."""
    columns: tuple[str, ...] = ()
    if hasattr(given, "column_names"):  # Arrow table
        columns, given = tuple(map(str, given.column_names)), [given.column(k) for k in range(given.num_columns)]
        array = np.stack([_array(one, what) for one in given], axis=1) if given else np.empty((0, 0))
    elif hasattr(given, "columns") and hasattr(given, "to_numpy"):  # DataFrame of pandas or polars
        columns, array = tuple(map(str, given.columns)), given.to_numpy()
    else:
        array = _array(given, what)
    if array.ndim == 2 and array.shape[1] == 1 and array.dtype.kind not in "f":
        return Values(array[:, 0])
    if array.ndim not in (1, 2):
        raise RunError(f"{what} has shape {array.shape}; expected (N,) labels or (N, K) probabilities.")
    return Values(array, columns)


def _array(given: Any, what: str) -> NDArray[Any]:
    if hasattr(given, "detach"):  # torch tensor
        tensor = given.detach().cpu()
        return np.asarray((tensor.float() if tensor.is_floating_point() else tensor).numpy())
    if hasattr(given, "to_pylist"):  # Arrow array
        given = given.to_pylist()
    if hasattr(given, "to_numpy"):
        given = given.to_numpy()
    if isinstance(given, np.ndarray):
        return given
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        raise RunError(f"{what} is a {type(given).__name__}; expected an array, a list, a Series or a table.")
    listed = list(given)
    if listed and all(isinstance(one, (Sequence, np.ndarray)) and not isinstance(one, (str, bytes)) for one in listed):
        if len({len(one) for one in listed}) > 1:
            raise RunError(f"{what} has rows of different lengths; expected (N,) labels or (N, K) probabilities.")
        return np.array([list(one) for one in listed])
    labels = np.empty(len(listed), dtype=object)
    labels[:] = listed
    return labels


def read_texts(given: Any, what: str, missing: str | None = None) -> tuple[str, ...]:
    """One text for each of N values; `RunError` where one is missing, unless ``missing`` stands for it."""
    values = read_values(given, what)
    if values.array.ndim != 1:
        raise RunError(f"{what} has shape {values.array.shape}; expected one value for each image, (N,).")
    return texts_of(values.array, what, missing)


def texts_of(array: NDArray[Any], what: str, missing: str | None = None) -> tuple[str, ...]:
    """The values of ``array`` (N,) as texts: whole numbers without decimals, so that 3 and 3.0 are one class."""
    texts = []
    for row, value in enumerate(array.tolist()):
        if _is_missing(value):
            if missing is None:
                raise RunError(f"{what} has no value in row {row}; leave that row out everywhere, or fill it in.")
            texts.append(missing)
        elif isinstance(value, float):
            texts.append(str(int(value)) if value.is_integer() else str(value))
        else:
            texts.append(value.decode() if isinstance(value, bytes) else str(value))
    return tuple(texts)


def _is_missing(value: Any) -> bool:
    is_nan = isinstance(value, float) and math.isnan(value)
    return value is None or is_nan or type(value).__name__ in ("NAType", "NaTType") or str(value) == ""


def in_natural_order(texts: Iterable[str]) -> tuple[str, ...]:
    """Each text once, sorted as scikit-learn's ``classes_``: numbers by value where all are whole numbers."""
    distinct = set(texts)
    numbers = all(text.removeprefix("-").isdigit() for text in distinct)
    return tuple(sorted(distinct, key=(lambda text: (int(text), text)) if numbers else (lambda text: (0, text))))


def read_seeds(given: Any, what: str, n_images: int) -> tuple[Values, ...]:
    """The predictions of each seed: ``given`` itself, or its items where these are predictions of N images each."""
    listed = isinstance(given, (list, tuple)) and given and all(_is_of_images(one, n_images) for one in given)
    if listed or getattr(given, "ndim", 0) == 3:
        seeds = tuple(read_values(one, f"{what}[{k}]") for k, one in enumerate(given))
    else:
        seeds = (read_values(given, what),)
    for k, one in enumerate(seeds):
        if len(one.array) != n_images:
            place = f"{what}[{k}]" if len(seeds) > 1 else what
            raise RunError(
                f"{place} has {len(one.array):,} predictions, y_true has {n_images:,} labels; give one for each image, "
                "in the same order, and several seeds as a list of such arrays."
            )
    return seeds


def _is_of_images(one: Any, n_images: int) -> bool:
    """Whether an item of a list is the predictions of one seed, and no row of probabilities and no label."""
    if isinstance(one, (str, bytes)) or not hasattr(one, "__len__"):
        return False
    if isinstance(one, (list, tuple)):
        return len(one) == n_images and not (one and all(isinstance(share, float) for share in one))
    return getattr(one, "ndim", 1) == 2 or len(one) == n_images or hasattr(one, "column_names")
