"""Names of inner nodes in files of predictions: a class of a coarser taxonomy, or a pattern of leaf classes."""

from collections.abc import Mapping
from dataclasses import dataclass

from model_zoo.core.errors import ClassValuesError, LabelError
from model_zoo.core.label_space.labels import Label, LeafSpace
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.importing.source import shown


@dataclass(frozen=True)
class InnerNodes:
    """What a predicted label may name beside the classes of ``taxonomy``.

    ``taxonomies`` are those whose classes may be named, ``space`` reads patterns such as ``left.*``.
    """

    taxonomy: Taxonomy
    taxonomies: Mapping[str, Taxonomy]
    space: LeafSpace

    def classes_of(self, text: str) -> tuple[str, ...]:
        """The classes of the taxonomy that ``text`` may be, in their order.

        A class of the taxonomy comes first, then a class of another taxonomy, then a pattern. `ClassValuesError` for
        what is none of them, or means different classes in different taxonomies.
        """
        if text in self.taxonomy.classes:
            return (text,)
        named = {
            self._touched(one.classes[text]): one.reference for one in self.taxonomies.values() if text in one.classes
        }
        if len(named) > 1:
            raise ClassValuesError(
                f"{shown(text)} is a class of {' and of '.join(named.values())}, which mean different classes of "
                f"{self.taxonomy.reference}; write the leaf classes instead, joined by |."
            )
        try:
            found = next(iter(named), None) or self._touched(self.space.parse(text))
        except LabelError as error:
            raise ClassValuesError(
                f"{shown(text)} is no class of {self.taxonomy.reference} and no inner node: no class of another "
                "taxonomy and no pattern of leaf classes."
            ) from error
        if not found:
            raise ClassValuesError(f"{shown(text)} lies outside all classes of {self.taxonomy.reference}.")
        return found

    def _touched(self, label: Label) -> tuple[str, ...]:
        return tuple(name for name, leaves in self.taxonomy.classes.items() if not leaves.isdisjoint(label))
