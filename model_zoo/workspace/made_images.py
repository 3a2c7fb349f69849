"""Images that are made when they are first asked for, by what a workspace's recipe names."""

from collections.abc import Collection
from importlib import import_module
from pathlib import Path
from typing import Protocol

from model_zoo.workspace.taxonomy_files import read_toml

MAKERS = {"phantom": "model_zoo.phantom.maker"}
"""Table of the recipe -> the module whose ``maker(recipe)`` makes its images; named here, since it lies above."""


class ImageMaker(Protocol):
    """Makes the images of one recipe."""

    def image_ids(self) -> Collection[str]:
        """The images that it can make; `WorkspaceError` if the recipe cannot be read."""

    def file_of(self, image_id: str) -> bytes:
        """The image as the bytes of a file, always the same."""


def maker_of(recipe: Path | None) -> ImageMaker | None:
    """Who makes the images of this recipe; None where it makes none."""
    tables = read_toml(recipe) if recipe else {}
    module = next((module for table, module in MAKERS.items() if table in tables), None)
    maker: ImageMaker | None = import_module(module).maker(recipe) if module else None
    return maker
