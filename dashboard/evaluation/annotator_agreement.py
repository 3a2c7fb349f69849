"""Inter-rater agreement from the decisions about the same images, in the classes of a taxonomy."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from dashboard.decisions.consensus import in_force
from dashboard.decisions.decision import Decision
from model_zoo.core.errors import LabelError
from model_zoo.core.evaluation.evaluation import patient_codes
from model_zoo.core.label_space.labels import LeafSpace
from model_zoo.core.label_space.taxonomy import OUTSIDE, Taxonomy
from model_zoo.core.review.agreement import (
    NO_LABEL,
    Agreement,
    cohen,
    coincidences,
    fleiss,
    joint,
    krippendorff,
    observed,
)


@dataclass(frozen=True)
class Opinions:
    """What R people said of the N images that anybody gave a label: class indices ``ratings`` (R, N) or `NO_LABEL`.

    Adjudications are not among them: who gives one knows what the others said. An answer that fits no single class
    says nothing here; there were ``n_no_class`` of these. ``n_blind`` of all answers were given with earlier labels
    hidden.
    """

    people: tuple[str, ...]
    image_ids: tuple[str, ...]
    ratings: NDArray[np.int64]
    n_no_class: int
    n_blind: int
    n_answers: int


@dataclass(frozen=True)
class OfClass:
    """How often a rating of one class is shared by a second person; ``n_ratings`` of images rated twice or more."""

    name: str
    n_ratings: int
    agreement: Agreement


@dataclass(frozen=True)
class Agreements:
    """All figures of agreement over the classes that anybody named; ``fleiss`` is undefined where the number of
    people differs from image to image.

    ``matrix`` (K, K): pairs of ratings of one image, symmetric, in the order of ``classes``.
    ``disputed`` are the images about which people differ.
    """

    opinions: Opinions
    classes: tuple[str, ...]
    observed: Agreement
    krippendorff: Agreement
    fleiss: Agreement | None
    of_pairs: Mapping[tuple[str, str], Agreement]
    of_classes: tuple[OfClass, ...]
    matrix: NDArray[np.float64]
    disputed: tuple[str, ...]


def answers_in(decisions: Iterable[Decision], taxonomy: Taxonomy, space: LeafSpace) -> dict[str, dict[str, int]]:
    """Image id -> person -> class index, or `OUTSIDE` for no single class; the last answer in force of each.

    Adjudications left out.
    """
    said: dict[str, dict[str, int]] = {}
    for decision in _own_answers(decisions):
        try:
            place = taxonomy.place(space.parse(decision.after))
        except LabelError:  # given before the workspace was declared anew
            continue
        said.setdefault(decision.image_id, {})[decision.reviewer] = place
    return said


def opinions(decisions: Iterable[Decision], taxonomy: Taxonomy, space: LeafSpace) -> Opinions:
    """The labels that people gave, in the classes of ``taxonomy``."""
    history = tuple(decisions)
    said = answers_in(history, taxonomy, space)
    people = tuple(sorted({name for answers in said.values() for name in answers}))
    places = [[answers.get(name) for answers in said.values()] for name in people]
    ratings = np.array(
        [[NO_LABEL if one is None or one == OUTSIDE else one for one in row] for row in places], np.int64
    )
    given = _own_answers(history)
    return Opinions(
        people,
        tuple(said),
        ratings.reshape(len(people), len(said)),
        sum(one == OUTSIDE for row in places for one in row),
        sum(one.blind for one in given),
        len(given),
    )


def agreements(found: Opinions, taxonomy: Taxonomy, patients: Mapping[str, str]) -> Agreements | None:
    """All figures; ``None`` where no image was rated by two people."""
    n_rated = (found.ratings != NO_LABEL).sum(axis=0) if found.people else np.zeros(0, np.int64)
    if not (n_rated > 1).any():
        return None
    used = np.unique(found.ratings[:, n_rated > 1][found.ratings[:, n_rated > 1] != NO_LABEL])
    ratings = np.where(found.ratings == NO_LABEL, NO_LABEL, np.searchsorted(used, found.ratings))
    ratings[:, n_rated < 2] = NO_LABEL
    owners = patient_codes(found.image_ids, patients)
    names = tuple(taxonomy.names[k] for k in used)
    both = coincidences(ratings, owners, len(names))
    pairs = {
        (found.people[a], found.people[b]): met
        for a, b in combinations(range(len(found.people)), 2)
        if (met := joint(ratings[a], ratings[b], owners, len(names))).n_images
    }
    differ = (n_rated > 1) & (np.where(ratings == NO_LABEL, -1, ratings).max(axis=0) != _least(ratings))
    return Agreements(
        found,
        names,
        both.figure(observed),
        both.figure(krippendorff),
        both.figure(fleiss) if len(set(n_rated[n_rated > 1].tolist())) == 1 else None,
        {people: met.figure(cohen) for people, met in pairs.items()},
        tuple(OfClass(name, round(float(both.total[k].sum())), both.of_class(k)) for k, name in enumerate(names)),
        both.total,
        tuple(np.array(found.image_ids, dtype=object)[differ]),
    )


def _own_answers(decisions: Iterable[Decision]) -> list[Decision]:
    return [one for one in in_force(decisions) if one.answer.gives_label and not one.adjudicates]


def _least(ratings: NDArray[np.int64]) -> NDArray[np.int64]:
    """The lowest class that anybody named, per image (N,)."""
    return np.where(ratings == NO_LABEL, np.iinfo(np.int64).max, ratings).min(axis=0)


@dataclass(frozen=True)
class People:
    """What several people decided about the same images, in the classes of one taxonomy.

    ``n_people`` gave any label; ``n_images`` got one from at least two of them. ``disagreements`` (K, K)
    counts pairs of people by the two classes they gave, symmetric, agreements on the diagonal.
    """

    n_people: int
    n_images: int
    disagreements: NDArray[np.int64]


def people_of(decisions: Iterable[Decision], taxonomy: Taxonomy, space: LeafSpace) -> People:
    """The labels that people gave, one per person and image (the last in force), in the classes of ``taxonomy``."""
    said = answers_in(decisions, taxonomy, space)
    n_classes = len(taxonomy.classes)
    counts = np.zeros((n_classes, n_classes), dtype=np.int64)
    n_images = 0
    for answers in said.values():
        n_images += len(answers) > 1
        for one, other in combinations(answers.values(), 2):
            if OUTSIDE not in (one, other):
                counts[one, other] += 1
                counts[other, one] += one != other
    return People(len({name for answers in said.values() for name in answers}), n_images, counts)
