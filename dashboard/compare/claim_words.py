"""Sentences on a published claim."""

import math

from dashboard.words import counted, one_of, points_text, share_text
from model_zoo.core.comparison.claim import MAX_IMAGES_FOR_RESULTS, Claim

METHOD = (
    "Method: Christodoulou et al. 2025 (arXiv 2505.04720). How often both models are correct on the same image is not "
    "published: the range covers every number that fits, and the mean counts all of them alike. Each image is taken as "
    "independent: with several images of one patient, all of this is too optimistic."
)


def claim_sentences(claim: Claim) -> list[str]:
    """The difference, the probability that the gain is false, the results that can be true, and the method."""
    return [_basis(claim), _difference(claim), _probability(claim), *_outcomes(claim), METHOD]


def _basis(claim: Claim) -> str:
    new, old = claim.n_images
    images = (
        f"one test set of {counted(new, 'image')}" if claim.one_test_set else f"test sets of {new:,} and {old:,} images"
    )
    if not any(claim.lifted):
        return f"Two published accuracies; {images}."
    who = one_of([name for name, up in zip(("new", "old"), claim.lifted, strict=True) if up], "and")
    return (
        f"Two published accuracies; {images}; {claim.classes:,} shared classes. The {who} accuracy is of finer "
        "classes: in the shared ones it is at least the published number, and how much more is not published."
    )


def _difference(claim: Claim) -> str:
    low, high = claim.difference_low, claim.difference_high
    if math.isclose(low, high):
        return f"Difference, new minus old: {points_text(low)} pp."
    return f"Difference, new minus old: between {points_text(low)} and {points_text(high)} pp."


def _probability(claim: Claim) -> str:
    said = "Probability that the new model is not better: "
    if not math.isnan(claim.false_mean):
        said += f"{_percent(claim.false_mean)} on average"
        if math.isclose(claim.false_low, claim.false_high):
            return f"{said}."
        said += ", "
    return f"{said}from {_percent(claim.false_low)} to {_percent(claim.false_high)}."


def _outcomes(claim: Claim) -> list[str]:
    if not claim.one_test_set:
        return ["Which result is true cannot be told: that takes predictions for the same images."]
    if not claim.outcomes:
        return [f"Results are not listed for more than {MAX_IMAGES_FOR_RESULTS:,} images."]
    margin = f"margin {100 * claim.margin:g} pp"
    if len(claim.outcomes) == 1:
        return [f"The only result that can be true ({margin}): {claim.outcomes[0]}."]
    return [f"Results that can be true ({margin}): {'; '.join(map(str, claim.outcomes))}. Predictions would decide."]


def _percent(share: float) -> str:
    return "below 0.1 %" if share < 0.0005 else share_text(share)
