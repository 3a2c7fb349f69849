"""Reads predictions from untrusted files."""

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from model_zoo.core.errors import ClassValuesError, RunError
from model_zoo.importing.class_values import ClassValues, InnerNodes, read_classes, readings
from model_zoo.importing.json_tables import ENDINGS, read_json
from model_zoo.importing.prediction_columns import (
    PREDICTED,
    PredictionColumn,
    Role,
    chosen_column,
    table_candidates,
    words_of,
)
from model_zoo.importing.source import MAX_COLUMNS, MAX_ROWS, shown
from model_zoo.importing.tables import IMAGE, Table, read_table, text_of
from model_zoo.untrusted.limits import bytes_of
from model_zoo.untrusted.parquet_trial import plain_columns
from model_zoo.untrusted.parser_errors import parser_errors_as_ours
from model_zoo.untrusted.zip_directory import n_members

MAX_BYTES = 2**30
MAX_ARRAYS = 100
_OF_IMAGES = ("image_id", "image_ids", "ids", "id", "images", "files", "paths", "file_names", "filenames")
_CLASSES = "classes"
"""Array that names the columns of the probabilities."""
_SCORES = frozenset({"out", "score", "scores", "logit", "logits", "confidence", "confidences"})
"""Words in the name of a column of lists or records that may hold predictions as well."""


@dataclass(frozen=True)
class ImportedPredictions:
    """N answers as a file has them: ``probabilities`` (N, K) in the order of ``classes``, or one class for each.

    ``images`` names what was asked, empty where the file has its rows in an order that it does not tell. ``labels``
    (N,) are indices into ``classes``, where the file has no probabilities; ``candidates`` (N, K) stands instead where
    some labels are inner nodes, and marks the classes that each may be. ``told`` says in sentences what was read, and
    ``values`` how it writes classes: None where nothing names the columns of its probabilities. ``written`` (M,) are
    the different texts that it has for classes.
    """

    name: str
    sha256: str
    images: tuple[str, ...]
    classes: tuple[str, ...]
    probabilities: NDArray[np.float64] | None
    labels: NDArray[np.int64] | None
    told: tuple[str, ...] = ()
    values: ClassValues | None = None
    written: tuple[str, ...] = ()
    candidates: NDArray[np.bool_] | None = None

    @property
    def n_images(self) -> int:
        """N."""
        return next(len(one) for one in (self.probabilities, self.labels, self.candidates) if one is not None)

    def in_order_of(self, names: tuple[str, ...]) -> "ImportedPredictions":
        """The same answers with their classes in another order."""
        columns = [self.classes.index(name) for name in names]
        given = None if self.probabilities is None else self.probabilities[:, columns]
        labels = None if self.labels is None else np.argsort(columns)[self.labels]
        candidates = None if self.candidates is None else self.candidates[:, columns]
        return replace(self, classes=names, probabilities=given, labels=labels, candidates=candidates)

    @property
    def rows(self) -> NDArray[np.float32]:
        """Probabilities (N, K) whose rows sum to 1; of labels alone as `Predictions` has them. `RunError` for others.

        The class with the highest probability keeps it where float32 would make it equal to another.
        """
        if self.candidates is not None:
            marks: NDArray[np.float32] = self.candidates.astype(np.float32)
            marks /= marks.sum(axis=1, keepdims=True)
            return marks
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
        exact = positive / positive.sum(axis=1, keepdims=True)
        shares: NDArray[np.float32] = exact.astype(np.float32)
        rows, best = np.arange(len(exact)), exact.argmax(axis=1)
        only_rounded = ((shares == shares.max(axis=1, keepdims=True)) & (exact < exact[rows, best, None])).any(axis=1)
        shares[rows, best] = np.where(only_rounded, np.nextafter(shares[rows, best], np.float32(2)), shares[rows, best])
        return shares


_RANKED = frozenset({"topk", "top", "ranks", "rank", "ranking", "ranked", *(f"top{k}" for k in range(1, 11))})
"""Words in the name of an array that lists classes from the best on."""


def read_predictions(
    path: Path,
    classes: Sequence[str],
    column: str = "",
    values: ClassValues | None = None,
    nodes: InnerNodes | None = None,
    encoding: str = "",
) -> ImportedPredictions:
    """The answers in a CSV, Parquet, JSON, NPZ or NPY file; `TaxoScopeError` in one sentence.

    ``classes`` are those that may be answered, in the order of unnamed columns and of indices. ``column`` names the
    column, array or set of columns (`prob_*`) that holds them, else `chosen_column` finds it; ``values`` says how it
    writes classes, else `read_classes` finds that. With ``nodes``, labels may name inner nodes where they cannot all be
    classes. ``encoding`` of a text: see `decode_text`.
    """
    name = shown(path.name)
    with parser_errors_as_ours(
        name, RunError, "save it again", "is damaged or holds no plain numbers", "check the path"
    ):
        if bytes_of(path) > MAX_BYTES:
            raise RunError(f"{name} has more than {MAX_BYTES >> 20:,} MiB; split it.")
        with path.open("rb") as file:
            start = file.read(6)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if start[:4] == b"PK\x03\x04" or start == b"\x93NUMPY":
            arrays = _npz(path) if start[:2] == b"PK" else {"array": _npy(path)}
            images, candidates = _of_arrays(name, arrays, tuple(classes), column)
            return _answers(name, digest, images, candidates, tuple(classes), column, values, nodes)
    is_json = path.suffix.lower() in ENDINGS
    table = read_json(path, path.parent, encoding) if is_json else read_table(path, encoding)
    images, candidates = _of_table(table, classes)
    unread = table.nested or (_nested(path) if start[:4] == b"PAR1" else ())
    called = any(one.role is Role.PREDICTED for one in candidates)
    if not column and not called and (nested := [one for one in unread if words_of(one) & (PREDICTED | _SCORES)]):
        raise RunError(
            f"{name}: column {shown(nested[0])} holds lists or records, which are not read; write a column for each "
            "class, or name the column that holds the predictions with --prediction-column."
        )
    return _answers(name, digest, images, candidates, tuple(classes), column, values, nodes, table.told)


def _answers(
    name: str,
    digest: str,
    images: tuple[str, ...],
    candidates: Sequence[PredictionColumn],
    classes: tuple[str, ...],
    column: str,
    values: ClassValues | None,
    nodes: InnerNodes | None,
    told: tuple[str, ...] = (),
) -> ImportedPredictions:
    found, which = chosen_column(candidates, column, classes, name)
    if found.read and not found.columns:
        if values is ClassValues.NAMES:
            raise RunError(f"{name} does not name the columns of {shown(found.name)}; give their order with --classes.")
        told = (*told, which, f"Nothing names its columns: they are taken for {_listed(classes)}, in this order.")
        return ImportedPredictions(name, digest, images, classes, found.numbers, None, told)
    written = tuple(dict.fromkeys(found.columns or found.texts))
    try:
        read = read_classes(written, classes, values)
    except ClassValuesError as error:
        if nodes and not found.read and values in (None, ClassValues.NAMES) and not readings(written, classes):
            return _at_any_depth(name, digest, images, found, classes, nodes, error, (*told, which))
        raise RunError(f"{name}, {shown(found.name)}: {error}") from error
    order = "" if read.values is ClassValues.NAMES else f", in the order {_listed(classes)}"
    told = (*told, which, f"They are read as {read.values.words}{order}; --prediction-values can say otherwise.")
    if not found.read:
        labels = np.array([read.index_of[text] for text in found.texts], dtype=np.int64)
        return ImportedPredictions(name, digest, images, classes, None, labels, told, read.values, written)
    columns = np.argsort([read.index_of[text] for text in found.columns])
    return ImportedPredictions(
        name, digest, images, classes, found.numbers[:, columns], None, told, read.values, written
    )


def _at_any_depth(
    name: str,
    digest: str,
    images: tuple[str, ...],
    found: PredictionColumn,
    classes: tuple[str, ...],
    nodes: InnerNodes,
    why_no_classes: ClassValuesError,
    told: tuple[str, ...],
) -> ImportedPredictions:
    """Labels of which some name inner nodes; `RunError` where one is neither a class nor an inner node."""
    written = tuple(dict.fromkeys(found.texts))
    of, wrong = dict[str, tuple[str, ...]](), list[ClassValuesError]()
    for text in written:
        try:
            of[text] = nodes.classes_of(text)
        except ClassValuesError as error:
            wrong.append(error)
    if wrong:
        why = wrong[0] if of.keys() - set(classes) and "" not in written else why_no_classes
        raise RunError(f"{name}, {shown(found.name)}: {why}") from why
    rows = {text: np.isin(classes, of[text]) for text in written}
    candidates = np.array([rows[text] for text in found.texts], dtype=np.bool_).reshape(-1, len(classes))
    inner = [text for text in written if text not in classes]
    listed = "; ".join(f"{shown(text)} may be {_listed(of[text], 5)}" for text in inner[:5])
    more = f"; and {len(inner) - 5:,} more" if len(inner) > 5 else ""
    told = (*told, f"They are read as names of classes and of inner nodes: {listed}{more}.")
    return ImportedPredictions(name, digest, images, classes, None, None, told, ClassValues.NAMES, written, candidates)


def _of_table(table: Table, classes: Sequence[str]) -> tuple[tuple[str, ...], list[PredictionColumn]]:
    folded = {one.casefold(): k for k, one in reversed(list(enumerate(table.names)))}
    image = next((folded[one] for one in IMAGE if one in folded), None)
    if image is None:
        return (), table_candidates(table.names, table.rows, classes)
    others = [k for k in range(len(table.names)) if k != image]
    rows = [[row[k] for k in others] for row in table.rows]
    return tuple(row[image] for row in table.rows), table_candidates([table.names[k] for k in others], rows, classes)


def _of_arrays(
    name: str, arrays: Mapping[str, NDArray[np.generic]], classes: tuple[str, ...], wanted: str = ""
) -> tuple[tuple[str, ...], list[PredictionColumn]]:
    by_name = {key.casefold(): key for key in arrays}
    ids = next((by_name[key] for key in _OF_IMAGES if key in by_name), None)
    order = by_name.get(_CLASSES)
    if max((len(one) for one in arrays.values() if one.ndim), default=0) > MAX_ROWS or (
        order is not None and arrays[order].size > MAX_COLUMNS
    ):
        raise RunError(f"{name} has more than {MAX_ROWS:,} images or {MAX_COLUMNS:,} classes; split it.")
    images = tuple(str(one) for one in arrays[ids].ravel()) if ids is not None else ()
    columns = tuple(str(one) for one in arrays[order].ravel()) if order is not None else ()
    if columns and (len(columns) != len(classes) or len(set(columns)) < len(columns)):
        raise RunError(f"{name} names classes {_listed(columns)}, which are not the taxonomy's {len(classes)}.")
    candidates = []
    for key, array in arrays.items():
        if key in (ids, order):
            continue
        flat = array.ravel() if array.shape[1:] == (1,) else array
        if flat.ndim == 1:
            candidates.append(PredictionColumn(key, tuple(map(text_of, flat.tolist()))))
        elif (
            array.ndim == 2
            and array.shape[1] == len(classes)
            and array.dtype.kind in "fiu"
            and not _is_ranked(key, array)
        ):
            candidates.append(PredictionColumn(key, (), columns, partial(array.astype, np.float64)))
        elif key.casefold() == wanted.casefold() or (not wanted and (len(arrays) == 1 or _is_of_answers(key, array))):
            raise RunError(
                f"{name}: array {shown(key)} holds {array.dtype} of shape {array.shape}; expected (images, "
                f"{len(classes)} classes) or one class for each image: save it so, or name the array of predictions "
                "with --prediction-column."
            )
    if images and (other := next((one for one in candidates if one.n_images != len(images)), None)):
        raise RunError(
            f"{name} names {len(images):,} images and has {other.n_images:,} predictions in {shown(other.name)}; each "
            "image has one."
        )
    return images, candidates


def _is_of_answers(key: str, array: NDArray[np.generic]) -> bool:
    """Whether an array of another shape may hold the predictions: by its name, or as shares."""
    return bool(words_of(key) & (PREDICTED | _RANKED)) or _are_shares(array)


def _is_ranked(key: str, array: NDArray[np.generic]) -> bool:
    """Whether the rows list the best classes of each image, as ``topk`` (N, 2) does, also where there are 2 classes."""
    return array.dtype.kind in "iu" and bool(words_of(key) & _RANKED)


def _are_shares(array: NDArray[np.generic]) -> bool:
    """Whether every row sums to 1, as probabilities of some classes do."""
    if array.ndim != 2 or array.dtype.kind != "f":
        return False
    return bool((abs(array.astype(np.float64).sum(axis=1) - 1) <= 0.02).all())


def _nested(path: Path) -> tuple[str, ...]:
    """The columns of lists and records in a Parquet file that was read already."""
    schema = pq.read_schema(path)
    return tuple(name for name in schema.names if name not in plain_columns(schema))


def _listed(names: Sequence[str], at_most: int = 20) -> str:
    return ", ".join(names[:at_most]) + (f" and {len(names) - at_most:,} more" if len(names) > at_most else "")


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
