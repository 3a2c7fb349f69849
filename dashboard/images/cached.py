"""Cached results of Images."""

from dashboard.images.embedding import ImageMap, image_map
from dashboard.server_state.open_workspace import desk
from dashboard.ui.caching import cached, of_files
from model_zoo.core.label_space.splits import Split


@cached(entries=8, spinner="Laying the images out so that alike ones are near …", revision=of_files)
def mapped(run_id: str, split: Split, stamp: str) -> ImageMap:
    """Where a run's embeddings place the images of a split; ``stamp`` changes with the file of the embeddings."""
    return image_map(desk(), run_id, split)
