"""What classes have in common, in the names of parts and values."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from model_zoo.core.label_space.labels import Label, LeafSpace
from model_zoo.core.label_space.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Meaning:
    """A description that some leaves share and no other leaf has.

    ``pattern`` is read by `LeafSpace.parse`; ``words`` says the fewest parts that settle it
    (``size = small, colour = red``); ``name`` is a suggestion for a class that means this.
    """

    pattern: str
    words: str
    name: str


def shared_meaning(taxonomy: Taxonomy, names: Sequence[str], space: LeafSpace) -> Meaning | None:
    """What the classes ``names`` of ``taxonomy`` share and nothing else has; ``None`` if there is no such thing.

    A meaning settles some parts to one value each, and holds for exactly the leaves of these classes (leaves that
    the taxonomy declares outside may fit it or not). The fewest parts win, the earlier ones among equals. Classes
    without one may look alike to a model, but have no common meaning. `TaxonomyError` for a name that is no class.
    """
    for name in names:
        taxonomy.class_index(name)
    leaves = frozenset[str]().union(*(taxonomy.classes[name] for name in names))
    judged = space.everything - taxonomy.outside
    if leaves == judged:
        return Meaning("*", "anything", "anything")
    if not leaves or not all(space.values_of[leaf] for leaf in leaves):
        return None
    settled = [(index, value) for index, value in enumerate(space.parts_of(leaves).values()) if value is not None]
    for n_settled in range(len(settled) + 1):
        for chosen in itertools.combinations(settled, n_settled):
            fitting = frozenset(
                leaf
                for leaf, values in space.values_of.items()
                if values and all(values[index] == value for index, value in chosen)
            )
            if fitting & judged == leaves:
                return _meaning(fitting, chosen, space)
    return None


def _meaning(fitting: Label, chosen: Sequence[tuple[int, str]], space: LeafSpace) -> Meaning:
    pattern = space.format(fitting)
    if not chosen:
        lone = [leaf for leaf in space.leaves if not space.values_of[leaf]]
        return Meaning(pattern, f"anything but {', '.join(lone)}", f"not {' or '.join(lone)}")
    settled = [(space.parts[index].name, value) for index, value in chosen]
    # a value that two parts have says nothing without the part's name
    telling = all(sum(value in part.values for part in space.parts) == 1 for _, value in settled)
    name = ", ".join(value if telling else f"{part} {value}" for part, value in settled)
    return Meaning(pattern, ", ".join(f"{part} = {value}" for part, value in settled), name)
