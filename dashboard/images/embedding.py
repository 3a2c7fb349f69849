"""2-D layout of images by t-SNE on a run's embeddings."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.server_state.open_workspace import Desk
from model_zoo.core.errors import LinkError, RunError
from model_zoo.core.label_space.splits import Split
from model_zoo.inference.embedding_files import embeddings_path, read_embeddings

MIN_IMAGES = 10
"""Fewer images are no map."""
PERPLEXITY = 30


@dataclass(frozen=True)
class EmbeddingLayout:
    """Positions ``places`` (N, 2) of N images, without unit: only neighborhoods are meaningful."""

    run_id: str
    split: Split
    image_ids: tuple[str, ...]
    places: NDArray[np.float64]


def embedded_runs(desk: Desk, split: Split) -> dict[str, str]:
    """Run id -> stamp that changes with its embedding file, for runs with embeddings over ``split``."""
    found = {}
    for run in desk.runs().values():
        if path := embeddings_path(desk.workspace.folders, run, split):
            found[run.run_id] = f"{path} {path.stat().st_mtime_ns}"
    return found


def layout_embeddings(desk: Desk, run_id: str, split: Split) -> EmbeddingLayout:
    """All embedded images of ``split``, laid out by t-SNE (van der Maaten & Hinton 2008) on cosine distances.

    Deterministic. `RunError` if the embeddings are stale or too few, `LinkError` if there are none.
    """
    run = desk.runs().get(run_id)
    path = embeddings_path(desk.workspace.folders, run, split) if run else None
    if run is None or path is None:
        raise LinkError(f"Run {run_id[:100]!r} has no embeddings of the {split} split; choose another.")
    made = read_embeddings(path, run, desk.dataset(), split)
    if len(made.image_ids) < MIN_IMAGES:
        raise RunError(f"The {split} split has {len(made.image_ids)} embedded images; a map needs {MIN_IMAGES}.")
    return EmbeddingLayout(run_id, split, made.image_ids, _laid_out(made.vectors))


def _laid_out(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    from sklearn.manifold import TSNE

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float64)
    perplexity = min(PERPLEXITY, (len(units) - 1) / 3)
    drawn = TSNE(2, perplexity=perplexity, init="pca", random_state=0).fit_transform(units)
    return np.asarray(drawn, dtype=np.float64)
