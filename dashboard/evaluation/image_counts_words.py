"""Sentences on the distribution of images."""

from collections.abc import Iterator, Mapping, Sequence

from dashboard.address.data_view import CountedBy
from dashboard.evaluation.image_counts import CountGroup, effective_number
from dashboard.words import counted, one_of, share_text
from model_zoo.core.label_space.splits import Split

SPLIT_NAMES: Mapping[Split, str] = {
    Split.TRAIN: "train",
    Split.VALIDATION: "validation",
    Split.TEST: "test",
    Split.NONE: "no split",
}
FEW_PATIENTS = 10
"""Below this many patients an interval over patients says little."""


def balance(groups: Sequence[CountGroup], splits: Sequence[Split], by: CountedBy) -> Iterator[str]:
    """How evenly images are spread over classes or labels, and what is missing or rare in a split."""
    noun = "class" if by is CountedBy.CLASS else "label"
    plural = "classes" if by is CountedBy.CLASS else "labels"
    answers = [one for one in groups if one.answers]
    there = [one for one in answers if one.n_images]
    if len(there) < 2:
        yield f"Only {counted(len(there), noun, plural)} has any image; there is nothing to tell apart."
        return
    total = sum(one.n_images for one in there)
    most, least = max(there, key=lambda one: one.n_images), min(there, key=lambda one: one.n_images)
    if most.n_images == least.n_images:
        yield f"All {counted(len(there), noun, plural)} have {counted(most.n_images, 'image')} each."
    else:
        yield (
            f"Most images: {most.name} ({most.n_images:,}, {most.n_images / least.n_images:,.1f} times as many as "
            f"{least.name}, {least.n_images:,}). Always answering {most.name} would be right for "
            f"{share_text(most.n_images / total)} of {counted(total, 'image')}. As hard to guess as "
            f"{effective_number(there):.1f} equally frequent {plural}."
        )
    for split in splits:
        if split is not Split.NONE:
            if missing := [one.name for one in answers if not one.images.get(split)]:
                yield (
                    f"No image in {SPLIT_NAMES[split]}: {one_of(missing, 'and', 8)} "
                    f"({counted(len(missing), noun, plural)})."
                )
            if rare := [one for one in there if 0 < one.patients.get(split, 0) < FEW_PATIENTS]:
                told = [f"{one.name} ({one.patients[split]})" for one in sorted(rare, key=lambda g: g.patients[split])]
                yield f"Fewer than {FEW_PATIENTS} patients in {SPLIT_NAMES[split]}: {one_of(told, 'and', 8)}."


def spread(groups: Sequence[CountGroup], what: str) -> str:
    """How many values there are and how many images they have."""
    counts = sorted(one.n_images for one in groups)
    if not counts:
        return "There is none."
    if counts[0] == counts[-1]:
        return f"{counted(len(counts), what)} with {counted(counts[0], 'image')} each."
    middle = counts[len(counts) // 2] if len(counts) % 2 else sum(counts[len(counts) // 2 - 1 :][:2]) / 2
    return f"{counted(len(counts), what)} with {counts[0]:,} to {counts[-1]:,} images each, {middle:,g} in the middle."
