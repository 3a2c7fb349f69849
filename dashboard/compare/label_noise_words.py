"""Sentences on label noise: how many wrong labels would change a result, and how many the random review found."""

import math

from dashboard.evaluation.label_change_effect import LabelChanges
from dashboard.words import counted, interval_text, share_text
from model_zoo.core.comparison.tipping_point import TippingPoint


def sentences(found: TippingPoint, reviewing: LabelChanges | None) -> list[str]:
    """How many wrong labels would change the result, and what is known about the share of wrong labels."""
    return [_worst(found), _at_random(found), _review(reviewing)]


HELP = (
    "Worst case: the wrong labels are those whose correction hurts the result most. At random: the wrong labels are a "
    "random sample of the images on which the models' predictions differ, and the correct class of each is another "
    "that the models predict; so many turn the result in more than half of 11 such samples. The CI is computed again "
    "each time."
)


def _worst(found: TippingPoint) -> str:
    if found.worst is None:
        return "No number of wrong test labels would turn this result in the worst case."
    zero = f" {_of(found.to_zero, found.n_images)} would bring the difference itself to 0." if found.to_zero else ""
    return f"Worst case: {_of(found.worst, found.n_images)} would turn this result.{zero}"


def _at_random(found: TippingPoint) -> str:
    among = f"the {counted(found.n_differ, 'image')} where the models differ"
    if found.at_random is None:
        return f"At random: not even wrong labels on all of {among} would turn it."
    share = share_text(found.at_random / found.n_differ, 0)
    return f"At random: {_of(found.at_random, found.n_images)} would turn it, among {among} ({share} of these)."


def _review(reviewing: LabelChanges | None) -> str:
    rate = reviewing.label_errors if reviewing else None
    if reviewing is None or rate is None or math.isnan(rate.value):
        return (
            "How many test labels are wrong is unknown: review about 50 random images on Review (order: Random) "
            "for an estimate."
        )
    if reviewing.complete:
        return f"All {counted(rate.n_images, 'image')} are reviewed: {share_text(rate.value)} of the labels were wrong."
    return (
        f"Random review: {share_text(rate.value)} of the test labels are wrong (95 % CI "
        f"{interval_text(rate.low, rate.high)}; {rate.n_drawn:,} of {counted(rate.n_images, 'image')} sampled)."
    )


def _of(n_wrong: int, n_images: int) -> str:
    return f"{counted(n_wrong, 'wrong label')} of {n_images:,} ({share_text(n_wrong / n_images)})"
