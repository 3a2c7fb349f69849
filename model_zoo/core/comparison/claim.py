"""What published accuracies alone can say: the results that can be true, and the probability that a gain is false.

Two accuracies on one test set do not say on how many images both models are correct (their congruence). Given that
number, the probability that the new model is not better has a closed form (Christodoulou et al. 2025, "False Promises
in Medical Imaging AI?", arXiv 2505.04720). Without it every congruence that fits is looked at, and all count alike in
the mean: under that paper's uniform prior all 2 x 2 tables are equally likely, and so are those with given margins.
Accuracies in different class sets are compared only through a mapping. Merging classes only forgives errors: in merged
classes an accuracy is at least the published one, and nothing more is known of it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincc, betaln

from model_zoo.core.comparison.comparison import Pair, verdict
from model_zoo.core.comparison.outcomes import Outcome, Question
from model_zoo.core.errors import TaxoScopeError
from model_zoo.core.evaluation.metrics import Headline
from model_zoo.core.evaluation.patient_counts import PatientCounts
from model_zoo.core.label_space.taxonomy import Taxonomy, common_ground

MAX_IMAGES = 10_000_000
MAX_IMAGES_FOR_RESULTS = 200_000
"""Larger test sets get a probability and no results: these are computed image by image."""
_MOST_AVERAGED = 20_001
"""Congruences in a mean; of more, as many evenly spaced ones."""
_STEPS = 400
"""Of the numerical integral over two test sets."""


@dataclass(frozen=True, slots=True)
class Published:
    """A published accuracy of ``n_images``: ``lowest`` to ``highest`` are correct, as far as it was rounded."""

    lowest: int
    highest: int
    n_images: int

    @property
    def n_correct(self) -> float:
        """The middle of what the published number can stand for."""
        return (self.lowest + self.highest) / 2


@dataclass(frozen=True, slots=True)
class Claim:
    """What can be said of "the new model is better than the old one" on the classes ``classes`` (their number).

    ``false_low`` to ``false_high`` is the probability that the new one is not better, over all tables that fit what is
    published; ``false_mean`` counts them alike, NaN where merging leaves an accuracy open. ``outcomes`` are the results
    that some table gives, from the worst to the best for the new model; empty where there are too many images to tell.
    ``difference_low`` to ``difference_high`` is new minus old, as shares. With ``one_test_set`` both predicted the same
    images.
    """

    classes: int
    difference_low: float
    difference_high: float
    false_low: float
    false_mean: float
    false_high: float
    outcomes: tuple[Outcome, ...]
    n_images: tuple[int, int]
    one_test_set: bool
    margin: float
    lifted: tuple[bool, bool]


def published(accuracy: float, n_images: int, decimals: int | None = None) -> Published:
    """The counts that ``accuracy``, a share in [0, 1] rounded to so many ``decimals``, can stand for.

    Without ``decimals`` it is the nearest count alone. `TaxoScopeError` where no count rounds to it.
    """
    if not 1 <= n_images <= MAX_IMAGES:
        raise TaxoScopeError(f"A test set of {n_images:,} images cannot be used; give 1 to {MAX_IMAGES:,}.")
    if not 0 <= accuracy <= 1:
        raise TaxoScopeError(f"Accuracy {accuracy:g} is no share; give a number between 0 and 1, or percent as 95.8%.")
    if decimals is None:
        nearest = round(accuracy * n_images)
        return Published(nearest, nearest, n_images)
    half = 0.5 * 10.0**-decimals + 1e-12
    lowest = max(0, math.ceil((accuracy - half) * n_images - 1e-9))
    highest = min(n_images, math.floor((accuracy + half) * n_images + 1e-9))
    if lowest > highest:
        raise TaxoScopeError(
            f"No number of correct images of {n_images:,} rounds to an accuracy of {accuracy:g}; check both."
        )
    return Published(lowest, highest, n_images)


def false_claim(only_new: float, only_old: float) -> float:
    """P(the new model is not better | ``only_new`` images are correct by it alone, ``only_old`` by the old one alone).

    The posterior of the four cells under a uniform prior is Dirichlet, in which the new one's share of the images
    that one model alone has correct is Beta(only_new + 1, only_old + 1): the formula of arXiv 2505.04720.
    """
    return float(betainc(only_new + 1, only_old + 1, 0.5))


def false_claim_apart(new: float, n_new: int, old: float, n_old: int) -> float:
    """The same of two test sets: P(p_new <= p_old) for independent Beta posteriors of ``new`` of ``n_new`` correct."""
    a, b = (new + 1, n_new - new + 1), (old + 1, n_old - old + 1)
    nodes, weights = np.polynomial.legendre.leggauss(_STEPS)
    mean, spread = a[0] / sum(a), math.sqrt(a[0] * a[1] / sum(a) ** 2 / (sum(a) + 1))
    low, high = max(0.0, mean - 12 * spread), min(1.0, mean + 12 * spread)
    p = low + (high - low) * (nodes + 1) / 2
    with np.errstate(divide="ignore"):
        density = np.exp((a[0] - 1) * np.log(p) + (a[1] - 1) * np.log1p(-p) - betaln(*a))
    return float(np.clip((weights * density * betaincc(*b, p)).sum() * (high - low) / 2, 0, 1))


def mean_false_claim(new: int, old: int, n_images: int) -> float:
    """The mean of `false_claim` over every congruence that fits ``new`` and ``old`` correct images of ``n_images``."""
    both = _spread(*_congruences(new, old, n_images), _MOST_AVERAGED)
    return float(betainc(new - both + 1, old - both + 1, 0.5).mean())


def assess(
    new: Published,
    old: Published,
    margin: float = 0.01,
    *,
    classes: tuple[Taxonomy, Taxonomy] | None = None,
    one_test_set: bool = True,
    n_both_correct: int | None = None,
) -> Claim:
    """What ``new`` and ``old`` say of each other; ``classes`` are the class sets that they were published in.

    Without ``classes`` both stand in the same ones. ``n_both_correct`` is the congruence where it is known. Each image
    is taken as independent of all others. `TaxoScopeError` where what is given contradicts itself.
    """
    if not 0 < margin < 1:
        raise TaxoScopeError(f"The margin must be a share between 0 and 1, such as 0.01; got {margin!r}.")
    if one_test_set and new.n_images != old.n_images:
        raise TaxoScopeError(
            f"The test sets have {new.n_images:,} and {old.n_images:,} images, so they are not one test set; say that "
            "they are apart."
        )
    if n_both_correct is not None and not one_test_set:
        raise TaxoScopeError("Images that both have correct are of one test set; leave that number out for two.")
    ground = common_ground(classes) if classes else None
    lifted = (False, False)
    if classes and ground:
        lifted = (not _keeps(classes[0], ground), not _keeps(classes[1], ground))
    ends = (_ends(new, lifted[0], n_both_correct), _ends(old, lifted[1], n_both_correct))
    pairs = [(a, b) for a in dict.fromkeys(ends[0]) for b in dict.fromkeys(ends[1])]
    if one_test_set:
        bounds = [_known(_congruences(a, b, new.n_images), n_both_correct) for a, b in pairs]
        tables = [
            (a - both, b - both) for (a, b), one in zip(pairs, bounds, strict=True) for both in dict.fromkeys(one or ())
        ]
        if not tables:
            low, high = zip(*(_congruences(a, b, new.n_images) for a, b in pairs), strict=True)
            raise TaxoScopeError(
                f"{n_both_correct:,} images that both have correct do not fit the accuracies, with which they are "
                f"{min(low):,} to {max(high):,}."
            )
        values = [false_claim(*one) for one in tables]
        middle = (round(new.n_correct), round(old.n_correct))
        if n_both_correct is None:
            mean = mean_false_claim(*middle, new.n_images)
        else:
            mean = false_claim(*(max(0, one - n_both_correct) for one in middle))
        outcomes = _outcomes(ends, new.n_images, n_both_correct, margin)
    else:
        values = [false_claim_apart(a, new.n_images, b, old.n_images) for a, b in pairs]
        mean, outcomes = false_claim_apart(new.n_correct, new.n_images, old.n_correct, old.n_images), ()
    return Claim(
        len(ground.classes) if ground else 0,
        min(ends[0]) / new.n_images - max(ends[1]) / old.n_images,
        max(ends[0]) / new.n_images - min(ends[1]) / old.n_images,
        min(values),
        math.nan if any(lifted) else mean,
        max(values),
        outcomes,
        (new.n_images, old.n_images),
        one_test_set,
        margin,
        lifted,
    )


def outcome_of_table(both: int, only_new: int, only_old: int, n_images: int, margin: float) -> Outcome:
    """The result for these very models that a comparison of all predictions gives, each image a patient of its own."""
    new, old = np.zeros(n_images), np.zeros(n_images)
    new[: both + only_new] = 1
    old[:both] = 1
    old[both + only_new : both + only_new + only_old] = 1
    images = np.ones((1, n_images, 1))
    a, b = (PatientCounts(images, hits[None, :, None], images) for hits in (new, old))
    return verdict(Pair(("image",), a, b), Headline.ACCURACY, Question.CHECKPOINT, margin).outcome


_ORDER = (
    *(Outcome.WORSE_BY_MORE, Outcome.WORSE_POSSIBLY_LESS, Outcome.TOO_FEW, Outcome.INCONCLUSIVE),
    *(Outcome.EQUIVALENT, Outcome.WITHIN_MARGIN, Outcome.BETTER_POSSIBLY_LESS, Outcome.BETTER_BY_MORE),
)
_NEIGHBOURS = (
    {Outcome.BETTER_BY_MORE, Outcome.BETTER_POSSIBLY_LESS},
    {Outcome.WORSE_BY_MORE, Outcome.WORSE_POSSIBLY_LESS},
    {Outcome.WITHIN_MARGIN, Outcome.BETTER_POSSIBLY_LESS},
    {Outcome.WITHIN_MARGIN, Outcome.WORSE_POSSIBLY_LESS},
    {Outcome.WITHIN_MARGIN, Outcome.EQUIVALENT},
    {Outcome.BETTER_POSSIBLY_LESS, Outcome.INCONCLUSIVE},
    {Outcome.WORSE_POSSIBLY_LESS, Outcome.INCONCLUSIVE},
    {Outcome.EQUIVALENT, Outcome.INCONCLUSIVE},
)
"""Results between which there is none as the interval of one difference widens."""


def _outcomes(
    ends: tuple[tuple[int, int], tuple[int, int]], n_images: int, n_both: int | None, margin: float
) -> tuple[Outcome, ...]:
    """The results that some table gives, in `_ORDER`; () where there are too many images."""
    if n_images > MAX_IMAGES_FOR_RESULTS:
        return ()
    (new_low, new_high), (old_low, old_high) = ends
    found: set[Outcome] = set()
    for new, old in _differences(new_low, new_high, old_low, old_high, margin * n_images):
        low, high = _known(_congruences(new, old, n_images), n_both) or (1, 0)
        if low <= high:
            found |= _along(new, old, low, high, n_images, margin)
    return tuple(one for one in _ORDER if one in found)


def _differences(new_low: int, new_high: int, old_low: int, old_high: int, margin: float) -> Iterator[tuple[int, int]]:
    """Numbers of correct images whose differences lie at both ends, and on either side of 0 and of the margins."""
    spread = new_high - new_low + old_high - old_low
    at = {0, spread}
    for turn in (-margin, -margin / 2, 0, margin / 2, margin):
        below = math.floor(turn) - (new_low - old_high)
        at |= {step for step in range(below - 1, below + 3) if 0 <= step <= spread}
    at |= set(_spread(0, spread, 9).tolist())
    for step in sorted(at):
        more = min(step, new_high - new_low)
        yield new_low + more, old_high - (step - more)


def _along(new: int, old: int, low: int, high: int, n_images: int, margin: float) -> set[Outcome]:
    """The results as ``low`` to ``high`` images are correct by both, halved until none can lie between."""

    def at(both: int) -> Outcome:
        return outcome_of_table(both, new - both, old - both, n_images, margin)

    def between(low: int, high: int, first: Outcome, last: Outcome) -> set[Outcome]:
        if high - low < 2 or first is last or {first, last} in _NEIGHBOURS:
            return {first, last}
        middle = (low + high) // 2
        found = at(middle)
        return between(low, middle, first, found) | between(middle, high, found, last)

    return between(low, high, at(low), at(high))


def _known(congruences: tuple[int, int], n_both: int | None) -> tuple[int, int] | None:
    """The fewest and the most images that both have correct; None where ``n_both`` does not fit."""
    if n_both is None:
        return congruences
    return (n_both, n_both) if congruences[0] <= n_both <= congruences[1] else None


def _congruences(new: int, old: int, n_images: int) -> tuple[int, int]:
    """The fewest and the most images on which both can be correct (Fréchet's bounds)."""
    return max(0, new + old - n_images), min(new, old)


def _spread(low: int, high: int, at_most: int) -> NDArray[np.int64]:
    """Whole numbers from ``low`` to ``high``: all, or ``at_most`` evenly spaced ones with both ends."""
    return np.unique(np.linspace(low, high, min(high - low + 1, at_most)).round().astype(np.int64))


def _keeps(taxonomy: Taxonomy, ground: Taxonomy) -> bool:
    """Whether the shared classes merge none of the taxonomy's own and leave none of them out."""
    return set(taxonomy.classes.values()) == set(ground.classes.values())


def _ends(one: Published, lifted: bool, n_both: int | None) -> tuple[int, int]:
    """The fewest and the most correct images that fit; merged classes may forgive every error."""
    lowest, highest = one.lowest, one.n_images if lifted else one.highest
    return max(lowest, min(n_both or 0, highest)), highest
