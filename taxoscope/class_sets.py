"""Class sets of models: which of the finest classes each of a model's own classes holds."""

from collections.abc import Iterable, Mapping, Sequence

from model_zoo.core.errors import TaxonomyError
from model_zoo.core.label_space.labels import LeafSpace, join_values
from model_zoo.core.label_space.taxonomy import Taxonomy

ClassMapping = Mapping[str | None, str | Iterable[str]]
"""Coarse class -> the finest classes that it holds; ``None`` -> those that the model does not know."""

FINEST = "classes"
"""Name of the taxonomy of the finest classes."""


def leaf_space(names: Sequence[str]) -> LeafSpace:
    """The finest classes as leaf classes without parts."""
    return LeafSpace((), tuple(names))


def finest(space: LeafSpace, name: str = FINEST) -> Taxonomy:
    """The taxonomy whose classes are the leaf classes of ``space``."""
    return Taxonomy(name, {one: frozenset({join_values((one,))}) for one in space.lone})


def class_set(name: str, given: ClassMapping | Taxonomy, space: LeafSpace) -> tuple[Taxonomy, bool]:
    """The class set of a model, and whether ``given`` names all its classes: those not mentioned stay as they are.

    `TaxonomyError` where a class is in several, or is none of the finest.
    """
    if isinstance(given, Taxonomy):
        return given.check(space), True
    if not isinstance(given, Mapping):
        raise TaxonomyError(
            f"taxonomies[{name!r}] is a {type(given).__name__}; expected a dict of its class -> list of finest classes."
        )
    members = {coarse: _members(one) for coarse, one in given.items()}
    known = set(space.lone)
    for coarse, inside in members.items():
        for one in inside:
            if one not in known:
                listed = ", ".join(space.lone[:20]) + ("..." if len(space.lone) > 20 else "")
                raise TaxonomyError(
                    f"taxonomies[{name!r}][{coarse!r}] names {one!r}, which is none of the finest classes: {listed}."
                )
    outside = frozenset(join_values((one,)) for one in members.pop(None, ()))
    classes = {str(coarse): frozenset(join_values((one,)) for one in inside) for coarse, inside in members.items()}
    placed = outside.union(*classes.values())
    rest = [one for one in space.lone if join_values((one,)) not in placed]
    if taken := [one for one in rest if one in classes]:
        raise TaxonomyError(
            f"taxonomies[{name!r}] has a class {taken[0]!r} that does not hold the finest class of that name; "
            "say where that one belongs."
        )
    classes |= {one: frozenset({join_values((one,))}) for one in rest}
    return Taxonomy(name, classes, outside).check(space), not rest


def _members(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(str(one) for one in given)
