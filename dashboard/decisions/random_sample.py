"""The reviewed part of a random order as a simple random sample."""

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from dashboard.decisions.decision import Answer, Decision
from dashboard.decisions.queue import random_queue
from dashboard.words import counted
from model_zoo.core.label_space.splits import Split


@dataclass(frozen=True, slots=True)
class RandomOrder:
    """A random order: drawn by ``seed``, of the images of ``split`` that ``where`` names (words; all if empty)."""

    seed: int
    split: Split
    where: str = ""

    def chosen_by(self, n_images: int) -> str:
        """How a decision says that its image was drawn so, from ``n_images``; `read_random_order` reads it back."""
        where = f", {self.where}" if self.where else ""
        return f"random order, seed {self.seed}, of {counted(n_images, 'image')} ({self.split}{where})"

    def covers(self, split: Split, where: str) -> bool:
        """Whether every image of ``split`` that ``where`` names stands in this order."""
        return self.split is split and self.where in ("", where)


_DRAWN = re.compile(rf"random order, seed (\d+), of [\d,]+ images? \(({'|'.join(Split)})(?:, (.+))?\)")


def read_random_order(chosen_by: str) -> RandomOrder | None:
    """The random order that a decision names, if it names one."""
    found = _DRAWN.fullmatch(chosen_by)
    return RandomOrder(int(found[1]), Split(found[2]), found[3] or "") if found else None


@dataclass(frozen=True, slots=True)
class RandomSample:
    """The images that a random order has drawn by now, in its order: a simple random sample of all in question."""

    draw: RandomOrder
    image_ids: tuple[str, ...]


def random_sample(
    decisions: Iterable[Decision], image_ids: Sequence[str], standing: Container[str], split: Split, where: str = ""
) -> RandomSample | None:
    """What random orders have drawn of ``image_ids`` (all of ``split`` that ``where`` names); the longest, if any.

    An order's place depends on seed and id alone, so the first n of any images are a simple random sample of
    these (without replacement), however others came to be reviewed. n is the place of the last image that was shown
    in this order. One that had an answer already is passed over when its place comes, and is drawn all the same;
    one without a label (skipped, cannot tell, undone) is a gap: drawn, and unknown.

    The queue stops at an image that waited, never at one that others had answered. Where some of the first n
    were passed over so, that would favour those that waited; without the last image it does not (inverse sampling:
    Haldane 1945; without replacement, Mikulski & Smith 1976). ``standing`` says which images have a reviewed label.
    """
    shown: dict[RandomOrder, set[str]] = {}
    answered: set[str] = set()
    for decision in sorted(decisions, key=lambda one: one.decision_id or 0):
        draw = read_random_order(decision.chosen_by)
        if draw and draw.covers(split, where) and decision.image_id not in answered:
            shown.setdefault(draw, set()).add(decision.image_id)
        if decision.answer not in (Answer.SKIP, Answer.UNDO) and not decision.answer.is_flag:
            answered.add(decision.image_id)
    found = [_prefix(draw, image_ids, ids, standing) for draw, ids in shown.items()]
    return max((one for one in found if one.image_ids), key=lambda one: len(one.image_ids), default=None)


def _prefix(
    draw: RandomOrder, image_ids: Sequence[str], shown: Container[str], standing: Container[str]
) -> RandomSample:
    order = [item.image_id for item in random_queue(image_ids, draw.seed)]
    n = max((place for place, image_id in enumerate(order, start=1) if image_id in shown), default=0)
    passed_over = any(image_id in standing and image_id not in shown for image_id in order[:n])
    return RandomSample(draw, tuple(order[: n - 1 if passed_over and n < len(order) else n]))
