"""Reads what is published: accuracies as they are written, and class sets with the mapping between them."""

import re
from collections.abc import Mapping, Sequence

from model_zoo.core.errors import TaxoScopeError
from model_zoo.core.label_space.taxonomy import Taxonomy

ClassSet = Sequence[str] | int
"""The names of the classes, or their number alone."""


def read_accuracy(written: str | float) -> tuple[float, int]:
    """An accuracy as a share, and the decimals that it was rounded to: ``0.958``, ``95.8%``; `TaxoScopeError` else."""
    text = str(written).strip()
    found = re.fullmatch(r"(\d*)\.?(\d*)(e-\d+)?\s*(%?)", text)
    if not found or not found[1] + found[2]:
        raise TaxoScopeError(f"Accuracy {text[:50]!r} is no number; write a share as 0.958 or percent as 95.8%.")
    whole, after, exponent, percent = found.groups()
    value = float(f"{whole or 0}.{after or 0}{exponent or ''}") / (100 if percent else 1)
    if value > 1:
        raise TaxoScopeError(f"Accuracy {text[:50]} is above 1; write percent with its sign, as 95.8%.")
    return value, len(after) - int((exponent or "e-0")[1:]) + (2 if percent else 0)


def class_sets(
    new: ClassSet | None, old: ClassSet | None, mapping: Mapping[str, Sequence[str]] | None = None
) -> tuple[Taxonomy, Taxonomy] | None:
    """The class sets of the new and the old model; None where both are the same or none is given.

    ``mapping`` holds the finer classes of each coarse class. `TaxoScopeError` for different class sets without a
    mapping, and for classes that lie in one of the sets alone: such accuracies are answers to different questions.
    """
    if (new is None) != (old is None):
        raise TaxoScopeError("Only one class set is given; give those of both models, or none if they are the same.")
    if new is None or old is None:
        return None
    if isinstance(new, int) or isinstance(old, int):
        sizes = tuple(one if isinstance(one, int) else len(one) for one in (new, old))
        if sizes[0] != sizes[1]:
            raise TaxoScopeError(
                f"{sizes[0]} and {sizes[1]} classes are different questions, and fewer classes are an easier one: give "
                "the names of both class sets and a mapping from the coarser classes to the finer ones."
            )
        return None
    if set(new) == set(old):
        return None
    if not mapping:
        alone = sorted(set(new) ^ set(old))
        raise TaxoScopeError(
            f"The class sets differ ({len(set(new))} and {len(set(old))} classes; {alone[0]!r} is in one of them "
            "alone), so these accuracies answer different questions: give a mapping from the coarser classes to the "
            "finer ones."
        )
    made = tuple(_taxonomy(name, one, mapping) for name, one in (("new", new), ("old", old)))
    covered = [frozenset(one.index_of) for one in made]
    if alone_in := sorted(covered[0] ^ covered[1]):
        side, other = ("new", "old") if alone_in[0] in covered[0] else ("old", "new")
        raise TaxoScopeError(
            f"Class {alone_in[0]!r} lies in the {side} class set and in no class of the {other} one, so the accuracies "
            "rest on different images; say in the mapping where it belongs."
        )
    return made[0], made[1]


def _taxonomy(name: str, classes: Sequence[str], mapping: Mapping[str, Sequence[str]]) -> Taxonomy:
    return Taxonomy(name, {one: frozenset(mapping.get(one, (one,))) for one in dict.fromkeys(classes)})
