"""Near duplicates (perceptual hashes) in different splits or classes: leakage, or contradicting labels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dashboard.words import counted
from model_zoo.core.label_space.splits import Split
from model_zoo.importing.near_duplicates import HASHES, MAX_DISTANCE, KnownHashes, as_array, pairs_alike
from model_zoo.importing.source import shown
from model_zoo.workspace.manifest import ImageRecord
from model_zoo.workspace.workspace import Workspace

MAX_PAIRS = 10_000


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Two images whose perceptual hashes differ in ``n_bits`` of 64 bits, in different splits or classes."""

    first: ImageRecord
    second: ImageRecord
    n_bits: int
    across_splits: bool
    across_classes: bool


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """Pairs in different splits or classes, the most similar first, at most `MAX_PAIRS`; and counts of each kind.

    ``n_pairs`` counts all similar pairs, also within one split and class; ``n_hashed`` the compared images. If
    ``is_all`` is false, there are more pairs than were examined.
    """

    pairs: tuple[NearDuplicate, ...]
    n_across_splits: int
    n_across_classes: int
    n_pairs: int
    n_hashed: int
    is_all: bool


def find_near_duplicates(
    images: Sequence[ImageRecord], hashes: Sequence[int | None], digests: Sequence[str] = ()
) -> NearDuplicates:
    """Pairs of similar ``images`` by their hashes (None: not compared); files with equal ``digests`` are skipped."""
    at = [k for k, one in enumerate(hashes) if one is not None]
    found = pairs_alike(as_array([one for one in hashes if one is not None]))
    pairs = []
    n_pairs = 0
    for (i, j), n_bits in zip(found.indices.tolist(), found.distances.tolist(), strict=True):
        one, two = images[at[i]], images[at[j]]
        if digests and digests[at[i]] and digests[at[i]] == digests[at[j]]:
            continue
        n_pairs += 1
        splits = Split.NONE not in (one.split, two.split) and one.split is not two.split
        classes = not one.label & two.label  # the labels share no leaf class
        if splits or classes:
            pairs.append(NearDuplicate(one, two, n_bits, splits, classes))
    pairs.sort(key=lambda pair: pair.n_bits)
    return NearDuplicates(
        tuple(pairs[:MAX_PAIRS]),
        sum(pair.across_splits for pair in pairs),
        sum(pair.across_classes for pair in pairs),
        n_pairs,
        len(at),
        found.n_left_out == 0,
    )


def near_duplicates_of_workspace(
    workspace: Workspace, progress: Callable[[int, int], None] = lambda done, of: None
) -> tuple[NearDuplicates, list[str]]:
    """Near duplicates among all images of a workspace, and a sentence for each unreadable file.

    Missing hashes are computed and saved one by one: if ``progress`` raises, the next call continues from there.
    """
    dataset = workspace.dataset()
    files = {image.path: workspace.image_path(image) for image in dataset.images}
    kept = KnownHashes(workspace.writable / HASHES)
    lines = kept.fill(files, progress)
    known: Mapping[str, int] = kept.of(files)
    hashes = [known.get(image.path) for image in dataset.images]
    return find_near_duplicates(dataset.images, hashes), lines


def near_duplicate_words(found: NearDuplicates) -> list[str]:
    """Sentences about pairs in different splits or classes; empty if there are none."""
    lines = []
    for n, what, example in (
        (found.n_across_splits, "splits", next((one for one in found.pairs if one.across_splits), None)),
        (found.n_across_classes, "classes", next((one for one in found.pairs if one.across_classes), None)),
    ):
        if n and example:
            more = "" if found.is_all else " or more"
            lines.append(
                f"{counted(n, 'pair')}{more} of images that look alike (at most {MAX_DISTANCE} of 64 bits of a "
                f"perceptual hash differ) {'is' if n == 1 else 'are'} in two {what}, such as "
                f"{shown(example.first.image_id)} ({example.first.split}) and {shown(example.second.image_id)} "
                f"({example.second.split}); look at both, and keep what shows the same in one."
            )
    return lines
