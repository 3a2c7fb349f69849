"""The current label of an image when a decision is stored."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dashboard.decisions.consensus import in_force, settled_label
from dashboard.decisions.decision import LABEL_MAX, Decision, DecisionError
from model_zoo.core.label_space.labels import Label, LeafSpace
from model_zoo.core.review.consensus_rule import Rule


@dataclass(frozen=True)
class Labelling:
    """The data set's own label of every image, and the rule by which decisions change it."""

    space: LeafSpace
    original: Mapping[str, Label]
    rule: Rule = Rule.LATEST

    def standing(self, about: Sequence[Decision], image_id: str, without: Iterable[Decision] = ()) -> str:
        """The label of one image by all the decisions ``about`` it, as if those in ``without`` had never been made.

        An image that is no longer in the data set starts from the label that its first decision found.
        """
        left_out = frozenset(one.decision_id for one in without)
        counted = [one for one in about if one.decision_id not in left_out]
        return self.settled(in_force(counted), image_id, about)

    def settled(self, kept: Sequence[Decision], image_id: str, about: Sequence[Decision]) -> str:
        """The same where it is known which of the decisions ``about`` an image are in force, oldest first."""
        found = settled_label(kept, self.rule)
        return self._own(about, image_id) if found is None else found

    def canonical(self, text: str) -> str:
        """The one way to write a label; `TaxoScopeError` if it is none of this space."""
        if len(text) > LABEL_MAX:
            raise DecisionError(f"The label has {len(text):,} characters; at most {LABEL_MAX:,} can be stored.")
        return self.space.format(self.space.parse(text))

    def check(self, image_id: str) -> None:
        """`DecisionError` unless the image is in the data set."""
        if image_id not in self.original:
            raise DecisionError(
                f"No image {image_id[:200]!r} in this workspace; reload the page, or list it in the manifest."
            )

    def _own(self, about: Sequence[Decision], image_id: str) -> str:
        label = self.original.get(image_id)
        return about[0].before if label is None else self.space.format(label)
