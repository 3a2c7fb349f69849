"""Makes the phantom screens of a recipe when a workspace asks for them."""

from collections.abc import Collection
from functools import cached_property
from pathlib import Path

from model_zoo.core.errors import WorkspaceError
from model_zoo.phantom.generate import encode, render
from model_zoo.phantom.planning import PlannedImage, plan
from model_zoo.phantom.recipe import Recipe


class PhantomMaker:
    """The screens that one recipe plans; see `ImageMaker`."""

    def __init__(self, recipe: Path) -> None:
        self._path = recipe

    @cached_property
    def _recipe(self) -> Recipe:
        return Recipe.read(self._path)

    @cached_property
    def _planned(self) -> dict[str, PlannedImage]:
        try:
            return {planned.image_id: planned for planned in plan(self._recipe)}
        except (ValueError, KeyError, TypeError) as error:
            raise WorkspaceError(f"Recipe {self._path} cannot be planned: {error}") from error

    def image_ids(self) -> Collection[str]:
        """The screens of all patients, patient by patient."""
        return self._planned.keys()

    def file_of(self, image_id: str) -> bytes:
        """The screen as JPEG."""
        return encode(render(self._planned[image_id], self._recipe).pixels, self._recipe)


maker = PhantomMaker
