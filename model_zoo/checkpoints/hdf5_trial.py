"""Reads an HDF5 file of Keras in a child process: every number in it, and the texts that Keras writes beside them."""

import io
import json
import math
from collections.abc import Iterator

import h5py
import numpy as np
from safetensors.numpy import save

MAX_OBJECTS = 100_000
TEXTS = ("model_config", "layer_names", "weight_names")
FILTERS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32)
"""All others are libraries that HDF5 would look for and load."""

MAX_BYTES_PER_BYTE = 4


def read_hdf5(raw: bytes) -> bytes:
    """The data sets as safetensors by path, as float32; ``texts`` among its metadata maps places to texts as JSON.

    Raises `ValueError` for whatever leads out of the file: links other than hard ones, external storage, virtual data
    sets. All of it is asked before a number is read.
    """
    with h5py.File(io.BytesIO(raw), "r") as file:
        objects = list(_objects(h5py.h5g.open(file.id, b"/"), "", set()))
        datasets = {place: one for place, one in objects if isinstance(one, h5py.h5d.DatasetID)}
        for place, one in datasets.items():
            _check(place, one)
        claimed = sum(math.prod(one.shape) * one.dtype.itemsize for one in datasets.values())
        if claimed > MAX_BYTES_PER_BYTE * len(raw):
            raise ValueError(f"it claims {claimed:,} bytes of numbers and has {len(raw):,}")
        texts = {place: found for place, one in objects if (found := _texts(one))}
        tensors = {place: np.asarray(h5py.Dataset(one)[()], dtype=np.float32) for place, one in datasets.items()}
    return save(tensors, {"texts": json.dumps(texts)})


def _objects(group: h5py.h5g.GroupID, place: str, seen: set[int]) -> Iterator[tuple[str, object]]:
    yield place, group
    for name in group:
        where = f"{place}/{name.decode(errors='replace')}" if place else name.decode(errors="replace")
        if group.links.get_info(name).type != h5py.h5l.TYPE_HARD:
            raise ValueError(f"{where[:80]} is a link, which may lead out of the file")
        one = h5py.h5o.open(group, name)
        address = h5py.h5o.get_info(one).addr
        if address in seen or len(seen) >= MAX_OBJECTS:
            raise ValueError(f"{where[:80]} stands there twice, or there are more than {MAX_OBJECTS:,} objects")
        seen.add(address)
        if isinstance(one, h5py.h5g.GroupID):
            yield from _objects(one, where, seen)
        elif isinstance(one, h5py.h5d.DatasetID):
            yield where, one
        else:
            raise ValueError(f"{where[:80]} is neither a group nor a data set")


def _check(place: str, dataset: h5py.h5d.DatasetID) -> None:
    made = dataset.get_create_plist()  # asked first: the shape of a virtual data set opens other files
    if made.get_layout() == h5py.h5d.VIRTUAL or made.get_external_count():
        raise ValueError(f"{place[:80]} keeps its numbers in another file")
    if any(made.get_filter(index)[0] not in FILTERS for index in range(made.get_nfilters())):
        raise ValueError(f"{place[:80]} is packed in a way that Keras does not write")
    if dataset.get_type().get_class() not in (h5py.h5t.FLOAT, h5py.h5t.INTEGER):
        raise ValueError(f"{place[:80]} holds no plain numbers")


def _texts(one: object) -> dict[str, str | list[str]]:
    """`TEXTS` that an object has; Keras cuts long lists into ``layer_names0``, ``layer_names1`` ..."""
    found: dict[str, str | list[str]] = {}
    names = [h5py.h5a.open(one, index=index).name for index in range(h5py.h5a.get_num_attrs(one))]
    for name in sorted(names, key=lambda written: (len(written), written)):
        text = name.decode(errors="replace")
        kind = text.rstrip("0123456789")
        attribute = h5py.h5a.open(one, name)
        if kind not in TEXTS or attribute.get_type().get_class() != h5py.h5t.STRING:
            continue
        value = h5py.AttributeManager(h5py.Group(one) if isinstance(one, h5py.h5g.GroupID) else h5py.Dataset(one))[name]
        plain = [_text(each) for each in value.ravel()] if isinstance(value, np.ndarray) else _text(value)
        known = found.get(kind, [])
        found[kind] = [*known, *plain] if isinstance(plain, list) and isinstance(known, list) else plain
    return found


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
