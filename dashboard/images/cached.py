"""Cached results of Images."""

from dashboard.images.embedding import EmbeddingLayout, layout_embeddings
from dashboard.server_state.open_workspace import desk
from dashboard.ui.caching import cached, revision_without_decisions
from model_zoo.core.label_space.splits import Split


@cached(entries=8, spinner="Laying the images out so that alike ones are near …", revision=revision_without_decisions)
def embedding_layout(run_id: str, split: Split, stamp: str) -> EmbeddingLayout:
    """Where a run's embeddings place the images of a split; ``stamp`` changes with the file of the embeddings."""
    return layout_embeddings(desk(), run_id, split)
