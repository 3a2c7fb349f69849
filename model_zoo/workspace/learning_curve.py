"""Learning curves: the same training with fewer training images of one class.

The runs lie in a folder of their own and have no weights: they say what images of that class are worth, and are
none to compare, deploy or inspect.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from model_zoo.core.errors import RunError
from model_zoo.workspace.run import Card, Series

FOLDER = "learning_curves"
_KEPT = "kept"


@dataclass(frozen=True, slots=True)
class ReducedClass:
    """How many training images of one class a run was trained on, where it was not all of them."""

    class_name: str
    n_images: int

    def to_recipe(self) -> dict[str, object]:
        """The entry in a card's recipe; none of an ordinary run's."""
        return {_KEPT: asdict(self)}

    @classmethod
    def of(cls, card: Card) -> "ReducedClass":
        """What a card tells; `RunError` for that of an ordinary run."""
        try:
            kept = cls(**card.recipe[_KEPT])
            if kept.class_name not in card.classes or type(kept.n_images) is not int:
                raise ValueError(f"{kept}")
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"Run {card.run_id!r} is no point of a learning curve ({error}); remove it.") from error
        return kept


def full_key(card: Card) -> str:
    """The `Card.series_key` of the runs that were trained alike on all images of every class."""
    return replace(card, recipe={name: card.recipe[name] for name in card.recipe if name != _KEPT}).series_key


def points(full: Card, thinned: Iterable[Series]) -> dict[str, list[Series]]:
    """Class name -> the series among ``thinned`` that ``full`` would belong to otherwise, fewest images first."""
    found: dict[str, list[tuple[int, Series]]] = {}
    for series in thinned:
        if full_key(series.card) == full.series_key:
            kept = ReducedClass.of(series.card)
            found.setdefault(kept.class_name, []).append((kept.n_images, series))
    return {name: [one for _, one in sorted(some, key=lambda pair: pair[0])] for name, some in found.items()}
