"""Images that look alike although they are in two splits or of two classes: leaks, or labels that contradict."""

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
    """Two images whose perceptual hashes differ in ``n_bits`` of 64, and what they are apart in."""

    first: ImageRecord
    second: ImageRecord
    n_bits: int
    across_splits: bool
    across_classes: bool


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """Pairs apart in split or class, the most alike first, at most `MAX_PAIRS`; and how many there are of each kind.

    ``n_pairs`` counts all that look alike, also within one split and class; ``n_hashed`` the images compared. Where
    ``is_all`` is false there are more than were looked at.
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
    """Pairs among ``images`` by their hashes (None: not compared); files of equal ``digests`` are no pair."""
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
        classes = not one.label & two.label  # no leaf that both could be
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
    """Pairs among all images of a workspace, and a sentence for each file that cannot be read now.

    Hashes that are not kept yet are computed and kept one by one: whatever ``progress`` raises stops the work, and the
    next call goes on from there.
    """
    dataset = workspace.dataset()
    files = {image.path: workspace.image_path(image) for image in dataset.images}
    kept = KnownHashes(workspace.writable / HASHES)
    told = kept.fill(files, progress)
    known: Mapping[str, int] = kept.of(files)
    hashes = [known.get(image.path) for image in dataset.images]
    return find_near_duplicates(dataset.images, hashes), told


def near_duplicate_words(found: NearDuplicates) -> list[str]:
    """Sentences about pairs that are apart in split or class; none where there are none."""
    told = []
    for n, what, example in (
        (found.n_across_splits, "splits", next((one for one in found.pairs if one.across_splits), None)),
        (found.n_across_classes, "classes", next((one for one in found.pairs if one.across_classes), None)),
    ):
        if n and example:
            more = "" if found.is_all else " or more"
            told.append(
                f"{counted(n, 'pair')}{more} of images that look alike (at most {MAX_DISTANCE} of 64 bits of a "
                f"perceptual hash differ) {'is' if n == 1 else 'are'} in two {what}, such as "
                f"{shown(example.first.image_id)} ({example.first.split}) and {shown(example.second.image_id)} "
                f"({example.second.split}); look at both, and keep what shows the same in one."
            )
    return told
