"""Cached results of Images."""

from dashboard.images.embedding import EmbeddingLayout, layout_embeddings
from dashboard.server_state.open_workspace import desk
from dashboard.ui.caching import cached, revision_without_decisions
from model_zoo.core.label_space.splits import Split


@cached(entries=8, spinner="Laying the images out so that alike ones are near …", revision=revision_without_decisions)
def embedding_layout(run_id: str, split: Split, stamp: str) -> EmbeddingLayout:
    """2-D layout of a run's embeddings over a split; ``stamp`` changes with the embedding file."""
    return layout_embeddings(desk(), run_id, split)
