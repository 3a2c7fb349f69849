"""Embeddings on disk, with the weights and images that they were made for.

They are computed once (`embedding.embed`, which needs torch) and lie in a folder of their own in the workspace.
Reading them needs no torch.
"""

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from model_zoo.core.errors import RunError
from model_zoo.core.label_space.splits import Split
from model_zoo.untrusted.parser_errors import RAISED_BY_PARSERS
from model_zoo.workspace.command_line import command
from model_zoo.workspace.manifest import DataSet, write_whole
from model_zoo.workspace.run import Run

FOLDER = "embeddings"
_FORMAT, _META = 1, b"taxoscope"


@dataclass(frozen=True)
class Embeddings:
    """One vector per image; all come from one model, so that they can be compared.

    ``vectors`` (N, D) are pooled features of the penultimate layer, without bounds.
    """

    image_ids: tuple[str, ...]
    vectors: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.image_ids):
            raise RunError(f"Embeddings have shape {self.vectors.shape}; expected ({len(self.image_ids)} images, D).")
        if len(set(self.image_ids)) < len(self.image_ids):
            raise RunError("Embeddings name an image twice; each image has one.")
        if not np.isfinite(self.vectors).all():
            raise RunError("Embeddings hold numbers that are infinite or none at all; check the run's weights.")

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Image id -> row."""
        return {image_id: row for row, image_id in enumerate(self.image_ids)}

    def of(self, image_ids: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of these images in this order, (n, D); `RunError` names the first that has none."""
        if missing := [one for one in image_ids if one not in self.row_of]:
            raise RunError(f"Image {missing[0]!r} has no embedding; make them again.")
        return self.vectors[[self.row_of[one] for one in image_ids]]


def joined(parts: Sequence[Embeddings]) -> Embeddings:
    """Several embeddings of one model as one; `RunError` unless their vectors are of one length."""
    if len({part.vectors.shape[1] for part in parts}) != 1:
        raise RunError("Embeddings of different lengths are of different models; make them again.")
    image_ids = tuple(image_id for part in parts for image_id in part.image_ids)
    return Embeddings(image_ids, np.concatenate([part.vectors for part in parts]))


def made_for(run: Run, dataset: DataSet, split: Split) -> dict[str, object]:
    """What embeddings depend on; where any of it differs they are stale. Labels and patients do not count."""
    images = sorted((image.image_id, image.path) for image in dataset.split(split))
    return {
        "format": _FORMAT,
        "run_id": run.run_id,
        "weights": run.card.weights_sha256,
        "preprocessing": json.dumps(run.card.prepared.to_json(), sort_keys=True),
        "split": str(split),
        "images": hashlib.sha256(repr(images).encode()).hexdigest()[:12],
    }


def embeddings_path(folders: Sequence[Path], run: Run, split: Split) -> Path | None:
    """The file of a run's embeddings over a split in a workspace's ``folders``, the first that has one."""
    paths = (_path(folder, run, split) for folder in folders)
    return next((path for path in paths if path.is_file()), None)


def read_embeddings(path: Path, run: Run, dataset: DataSet, split: Split) -> Embeddings:
    """The embeddings in ``path``; `RunError` unless they fit the run's weights and the split's images of today."""
    try:
        table = pq.read_table(path)
        about = json.loads((table.schema.metadata or {})[_META])
        if about != made_for(run, dataset, split):
            raise RunError("they were made for other weights or other images")
        vectors = table.column("vector").combine_chunks()
        flat = vectors.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
        return Embeddings(tuple(table.column("image_id").to_pylist()), flat.reshape(len(table), -1))
    except (*RAISED_BY_PARSERS, pa.ArrowException, RunError) as error:
        raise RunError(
            f"The embeddings {path} of run {run.run_id!r} cannot be used ({error}); make them again with "
            f"`{command('embed', run.run_id, '--split', str(split))}`."
        ) from error


def write_embeddings(folder: Path, run: Run, dataset: DataSet, split: Split, made: Embeddings) -> Path:
    """Write the file into a workspace's ``folder``, whole or not at all; returns its path."""
    if set(made.image_ids) != {image.image_id for image in dataset.split(split)}:
        raise RunError(f"Embeddings must cover the images of the {split} split, each once, and no others.")
    flat = pa.array(made.vectors.ravel(), pa.float32())
    vectors = pa.FixedSizeListArray.from_arrays(flat, made.vectors.shape[1])
    table = pa.table({"image_id": pa.array(made.image_ids, pa.string()), "vector": vectors})
    out = io.BytesIO()
    about = json.dumps(made_for(run, dataset, split))
    pq.write_table(table.replace_schema_metadata({_META: about}), out, compression="zstd")
    path = _path(folder, run, split)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, out.getvalue())
    return path


def _path(folder: Path, run: Run, split: Split) -> Path:
    return folder / FOLDER / run.run_id / f"{split}.parquet"
