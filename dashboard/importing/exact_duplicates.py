"""Exact duplicates among imported images and the workspace's images, and contradictions between them."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dashboard.words import counted
from model_zoo.core.label_space.labels import LeafSpace
from model_zoo.core.label_space.splits import Split
from model_zoo.importing.files import FoundFile
from model_zoo.importing.source import shown
from model_zoo.workspace.manifest import ImageRecord


def duplicates(
    found: Sequence[FoundFile],
    records: Sequence[ImageRecord],
    before: Sequence[ImageRecord],
    known: Mapping[str, str],
    space: LeafSpace,
) -> list[str]:
    """Sentences about images with equal bytes (if files were read; otherwise with the same path).

    ``records`` belong to ``found``; ``known`` are digests of the files of ``before`` (see `digests`).
    """
    groups: dict[str, list[ImageRecord]] = {}
    for one, image in zip(found, records, strict=True):
        groups.setdefault(one.sha256 or one.inside, []).append(image)
    for image in before:
        if (digest := known.get(image.path)) in groups:
            groups[digest].append(image)
    twice = [group for group in groups.values() if len(group) > 1]
    if not twice:
        return []
    lines = [
        f"{counted(sum(map(len, twice)), 'image')} are {len(twice):,} when equal files count once, such as "
        f"{shown(twice[0][0].image_id)} and {shown(twice[0][1].image_id)}."
    ]
    splits = [(group, {str(i.split) for i in group if i.split is not Split.NONE}) for group in twice]
    classes = [(group, {shown(space.format(i.label)) for i in group if i.label != space.everything}) for group in twice]
    for what, values in (("splits", splits), ("classes", classes)):
        if across := [(group, some) for group, some in values if len(some) > 1]:
            group, some = across[0]
            lines.append(
                f"{len(across):,} of these {'is' if len(across) == 1 else 'are'} in several {what}, such as "
                f"{shown(group[0].image_id)} in "
                f"{' and '.join(sorted(some))}; keep one of each."
            )
    return lines


def digests(found: Sequence[FoundFile], before: Iterable[ImageRecord], folder: Path) -> dict[str, str]:
    """SHA-256 of those workspace files whose size equals that of an imported file; path -> digest."""
    sizes = {one.n_bytes for one in found if one.sha256}
    known = {}
    for image in before if sizes else ():
        path = folder / image.path
        try:
            if path.is_file() and path.stat().st_size in sizes:
                known[image.path] = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError:
            continue  # an unreadable file has no duplicate
    return known
