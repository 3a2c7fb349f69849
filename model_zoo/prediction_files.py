"""Predictions that somebody made elsewhere, out of files that nobody vouches for: no model, rows of answers alone."""

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.errors import RunError
from model_zoo.foreign_bytes import reading
from model_zoo.importing.source import MAX_COLUMNS, MAX_ROWS, shown
from model_zoo.importing.tables import IMAGE, Table, read_table
from model_zoo.limits import bytes_of
from model_zoo.zip_directory import n_members

MAX_BYTES = 2**30
MAX_ARRAYS = 100
ANSWER = ("predicted", "prediction", "pred", "answer", "predicted_label", "pred_label", "predicted_class", "label", "y")
PREFIXES = ("", "p:", "p_", "prob_", "probability_", "prob:")
_OF_IMAGES = ("image_id", "image_ids", "ids", "id", "images", "files", "paths", "file_names")
_OF_ANSWERS = ("probabilities", "probs", "pred_probs", "predictions", "p", "y_prob", "labels", "predicted", "y_pred")


@dataclass(frozen=True)
class Answers:
    """N answers as a file has them: ``probabilities`` (N, K) in the order of ``classes``, or one class for each.

    ``images`` names what was asked, empty where the file has its rows in an order that it does not tell. ``labels``
    (N,) are indices into ``classes``, where the file has no probabilities.
    """

    name: str
    sha256: str
    images: tuple[str, ...]
    classes: tuple[str, ...]
    probabilities: NDArray[np.float64] | None
    labels: NDArray[np.int64] | None

    @property
    def n_images(self) -> int:
        """N."""
        held = self.labels if self.probabilities is None else self.probabilities
        assert held is not None
        return len(held)

    def in_order_of(self, names: tuple[str, ...]) -> "Answers":
        """The same answers with their classes in another order."""
        columns = [self.classes.index(name) for name in names]
        given = None if self.probabilities is None else self.probabilities[:, columns]
        labels = None if self.labels is None else np.argsort(columns)[self.labels]
        return replace(self, classes=names, probabilities=given, labels=labels)

    @property
    def rows(self) -> NDArray[np.float32]:
        """Probabilities (N, K) whose rows sum to 1; of labels alone 1 at the label. `RunError` where they are none."""
        if self.probabilities is None:
            assert self.labels is not None
            return np.eye(len(self.classes), dtype=np.float32)[self.labels]
        given = self.probabilities
        sums = given.sum(axis=1)
        off = np.flatnonzero(~(np.abs(sums - 1) <= 0.02) | (given < -1e-6).any(axis=1))  # NaN is off, too
        if len(off):
            raise RunError(
                f"{self.name}, row {off[0] + 1:,} sums to {sums[off[0]]:.4g}, lowest value {given[off[0]].min():.4g}: "
                "these are no probabilities; give a softmax, each row summing to 1, or labels alone."
            )
        positive = given.clip(min=0)
        shares: NDArray[np.float32] = (positive / positive.sum(axis=1, keepdims=True)).astype(np.float32)
        return shares


def read_answers(path: Path, classes: Sequence[str]) -> Answers:
    """The answers in a CSV, Parquet, NPZ or NPY file; `RunError` or `SourceError` in one sentence.

    ``classes`` are those that may be answered, in the order of unnamed columns and of numbers. In tables a column of
    probabilities is named after its class, bare or after one of `PREFIXES`; else a column of `ANSWER` holds labels.
    """
    name = shown(path.name)
    with reading(name, RunError, "save it again", "is damaged or holds no plain numbers", "check the path"):
        if bytes_of(path) > MAX_BYTES:
            raise RunError(f"{name} has more than {MAX_BYTES >> 20:,} MiB; split it.")
        with path.open("rb") as file:
            start = file.read(6)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if start[:4] == b"PK\x03\x04" or start == b"\x93NUMPY":
            arrays = _npz(path) if start[:2] == b"PK" else {"": _npy(path)}
            return _of_arrays(name, digest, arrays, tuple(classes))
    return _of_table(name, digest, read_table(path), tuple(classes))


def _of_table(name: str, digest: str, table: Table, classes: tuple[str, ...]) -> Answers:
    at = {one: k for k, one in enumerate(table.names)}
    folded = {one.casefold(): k for one, k in reversed(at.items())}
    image = next((folded[one] for one in IMAGE if one in folded), None)
    images = tuple(row[image] for row in table.rows) if image is not None else ()
    for prefix in PREFIXES:
        columns = [at.get(prefix + one) for one in classes]
        if all(column is not None for column in columns):
            try:
                numbers = [[float(row[column]) for column in columns if column is not None] for row in table.rows]
            except ValueError as error:
                raise RunError(f"{name} holds a probability that is no number ({error}); correct it.") from error
            return Answers(name, digest, images, classes, np.array(numbers), None)
    answer = next((folded[one] for one in ANSWER if one in folded and folded[one] != image), None)
    if answer is None:
        raise RunError(
            f"{name} has no column of probabilities for each class ({', '.join(map(shown, classes[:5]))}...) and none "
            f"of labels called {', '.join(ANSWER[:4])}; it has {', '.join(map(shown, table.names[:10]))}."
        )
    return Answers(name, digest, images, classes, None, _indices([row[answer] for row in table.rows], classes, name))


def _of_arrays(name: str, digest: str, arrays: Mapping[str, NDArray[np.generic]], classes: tuple[str, ...]) -> Answers:
    by_name = {key.casefold(): array for key, array in arrays.items()}
    ids = next((by_name[key] for key in _OF_IMAGES if key in by_name), None)
    order = by_name.get("classes")
    others = {key: one for key, one in by_name.items() if one is not ids and one is not order}
    found = next((others[key] for key in _OF_ANSWERS if key in others), None)
    found = next(iter(others.values())) if found is None and len(others) == 1 else found
    if found is None:
        raise RunError(f"{name} holds arrays {', '.join(map(shown, by_name))}; call that of the answers probabilities.")
    if max(len(found) if found.ndim else 0, 0 if ids is None else ids.size) > MAX_ROWS or (
        order is not None and order.size > MAX_COLUMNS
    ):
        raise RunError(f"{name} has more than {MAX_ROWS:,} images or {MAX_COLUMNS:,} classes; split it.")
    images = tuple(str(one) for one in ids.ravel()) if ids is not None else ()
    if found.ndim == 0 or (images and len(images) != len(found)):
        raise RunError(f"{name} names {len(images):,} images and has {found.size:,} answers; each image has one.")
    if found.ndim == 1:
        return Answers(name, digest, images, classes, None, _indices([str(one) for one in found], classes, name))
    named = tuple(str(one) for one in order.ravel()) if order is not None else classes
    if sorted(named) != sorted(classes):
        raise RunError(f"{name} names classes {', '.join(map(shown, named[:20]))}, which are not the taxonomy's.")
    if found.ndim != 2 or found.shape[1] != len(classes) or found.dtype.kind not in "fiu":
        raise RunError(f"{name} holds {found.dtype} of shape {found.shape}; expected (images, {len(classes)} classes).")
    return Answers(name, digest, images, classes, found[:, [named.index(one) for one in classes]].astype(float), None)


def _indices(texts: Sequence[str], classes: tuple[str, ...], name: str) -> NDArray[np.int64]:
    """Classes by name, or by number from 0 where no class is called so."""
    index_of = {str(k): k for k in range(len(classes))} | {one: k for k, one in enumerate(classes)}
    if unknown := [one for one in dict.fromkeys(texts) if one not in index_of]:
        raise RunError(
            f"{name} answers {shown(unknown[0])}, which is no class here; there are "
            f"{', '.join(map(shown, classes[:20]))}, or numbers from 0 to {len(classes) - 1} in that order."
        )
    return np.array([index_of[one] for one in texts], dtype=np.int64)


def _npz(path: Path) -> dict[str, NDArray[np.generic]]:
    with path.open("rb") as file:
        if n_members(file) > MAX_ARRAYS:
            raise ValueError(f"more than {MAX_ARRAYS} arrays")
    with zipfile.ZipFile(path) as archive:
        members = [one for one in archive.infolist() if one.filename.endswith(".npy")]
        if not members or sum(one.file_size for one in members) > MAX_BYTES or len(members) > MAX_ARRAYS:
            raise ValueError(f"{len(members)} arrays, {sum(one.file_size for one in members):,} bytes unpacked")
        arrays = {}
        for one in members:
            with archive.open(one) as stream:
                arrays[one.filename.removesuffix(".npy")] = _array(
                    io.BytesIO(stream.read(one.file_size)), one.file_size
                )
        return arrays


def _npy(path: Path) -> NDArray[np.generic]:
    with path.open("rb") as file:
        return _array(file, path.stat().st_size)


def _array(stream: BinaryIO | io.BytesIO, size: int) -> NDArray[np.generic]:
    """One array, its claims checked against the bytes that are there; nothing pickled is read."""
    version = np.lib.format.read_magic(stream)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, kind = header(stream)
    count = 1
    for side in shape:
        count *= max(1, side)  # none is made of what is empty on one side and endless on another
    if kind.hasobject or count * max(1, kind.itemsize) > size:
        raise ValueError("an array of Python objects" if kind.hasobject else "an array cut off")
    stream.seek(0)
    read: NDArray[np.generic] = np.lib.format.read_array(stream, allow_pickle=False)
    return read
