"""What published accuracies alone can say, from Python."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from model_zoo.core.comparison.claim import Claim, assess, published
from model_zoo.core.comparison.claim_inputs import ClassSet, class_sets, read_accuracy


@dataclass(frozen=True, eq=False)
class ClaimResult:
    """`numbers` are what can be said of the claim; shown in a notebook or printed, it reads as the command does."""

    numbers: Claim

    def __repr__(self) -> str:
        from dashboard.compare.claim_words import claim_sentences

        return "\n".join(claim_sentences(self.numbers))


def claim(
    accuracy: str | float,
    accuracy_old: str | float,
    n_images: int,
    *,
    n_images_old: int | None = None,
    n_both_correct: int | None = None,
    classes: ClassSet | None = None,
    classes_old: ClassSet | None = None,
    mapping: Mapping[str, Sequence[str]] | None = None,
    margin: float = 0.01,
) -> ClaimResult:
    """Which results can be true of a published gain, and how probably it is false, without any predictions.

    Parameters
    ----------
    accuracy, accuracy_old : as published, ``"0.958"`` or ``"95.8%"``: its decimals say how it was rounded.
    n_images : images in the test set; ``n_images_old`` where the old model has another one.
    n_both_correct : images that both have correct, where that is known; else every number that fits is looked at.
    classes, classes_old : names of the classes of each model, or their number; different ones need ``mapping``, coarse
        class -> its finer classes.
    margin : the difference that counts as none, in (0, 1).

    Method: Christodoulou et al. 2025, arXiv 2505.04720. `taxoscope.TaxoScopeError` for class sets that differ without
    a mapping, and for numbers that contradict each other.
    """
    sets = class_sets(classes, classes_old, mapping)
    (value, decimals), (value_old, decimals_old) = read_accuracy(accuracy), read_accuracy(accuracy_old)
    return ClaimResult(
        assess(
            published(value, n_images, decimals),
            published(value_old, n_images_old or n_images, decimals_old),
            margin,
            classes=sets,
            one_test_set=n_images_old is None,
            n_both_correct=n_both_correct,
        )
    )
