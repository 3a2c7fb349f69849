"""Review queues: rank, shuffle or list images, and what remains of them."""

import hashlib
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.words import counted

Ranked = Mapping[str, tuple[float, str]]
"""Image id -> its place (lowest first) and, in one short phrase, why it is shown."""


@dataclass(frozen=True, slots=True)
class QueueItem:
    """An image that waits, and in one short phrase why it is shown ('' for a list that somebody chose).

    ``notice`` is said even to who works blind. An image that is not ``at_hand`` is counted and not shown yet: others
    are at work in the queue and may be handed it first.
    """

    image_id: str
    why: str = ""
    notice: str = ""
    at_hand: bool = True


def ranked_queue(ranked: Ranked) -> tuple[QueueItem, ...]:
    """The images by their place, lowest first, equal ones as listed."""
    return tuple(QueueItem(image_id, why) for image_id, (_, why) in sorted(ranked.items(), key=lambda one: one[1][0]))


def lowest(each: Iterable[Ranked]) -> dict[str, tuple[float, str]]:
    """Several rankings as one: each image at its lowest place, with the reason of that one."""
    found: dict[str, tuple[float, str]] = {}
    for ranked in each:
        for image_id, place in ranked.items():
            if image_id not in found or place[0] < found[image_id][0]:
                found[image_id] = place
    return found


def random_queue(image_ids: Iterable[str], seed: int) -> tuple[QueueItem, ...]:
    """The images in an order drawn by ``seed``: by the hash of seed and id, so that a new image moves no other."""

    def drawn(image_id: str) -> bytes:
        return hashlib.sha256(f"{seed}:{image_id}".encode()).digest()

    return tuple(QueueItem(image_id, "drawn at random") for image_id in sorted(dict.fromkeys(image_ids), key=drawn))


def listed_queue(image_ids: Iterable[str]) -> tuple[QueueItem, ...]:
    """Any list of images as a queue, each image once, in the given order."""
    return tuple(QueueItem(image_id) for image_id in dict.fromkeys(image_ids))


def disagreement(predicted: NDArray[np.int64]) -> NDArray[np.float64]:
    """The share of pairs of R runs that answer differently, per image, (N,), in [0, 1]; ``predicted`` is (R, N).

    All 0 for fewer than two runs.
    """
    n_runs, n_images = predicted.shape
    if n_runs < 2:
        return np.zeros(n_images)
    pairs: NDArray[np.float64] = np.zeros(n_images)
    for i in range(n_runs - 1):
        pairs += (predicted[i] != predicted[i + 1 :]).sum(axis=0)
    pairs /= n_runs * (n_runs - 1) / 2
    return pairs


def votes(answers: Sequence[str]) -> str:
    """``cat in 6 of 8 runs, dog in 2``: what several runs say of one image, most first."""
    first, *others = Counter(answers).most_common()
    most = f"{first[0]} in {first[1]} of {counted(len(answers), 'run')}"
    return ", ".join([most, *(f"{name} in {n}" for name, n in others)])


def remaining(items: Iterable[QueueItem], answered: Container[str]) -> tuple[QueueItem, ...]:
    """The items whose image is not among ``answered`` (ids, or a mapping from them), in the same order."""
    return tuple(item for item in items if item.image_id not in answered)
