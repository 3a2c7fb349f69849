"""Groups of images that look alike, as far as files were checked."""

from collections.abc import Mapping

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from model_zoo.importing.near_duplicates import HASHES, KnownHashes, as_array, pairs_alike
from model_zoo.workspace.file_checks import FILE, read_facts, state_of
from model_zoo.workspace.manifest import DataSet, ImageRecord
from model_zoo.workspace.workspace import Workspace


def file_state(workspace: Workspace, image: ImageRecord) -> tuple[int, int] | None:
    """Bytes and time of change of the image's file; None where there is none."""
    file = workspace.image_file(image)
    try:
        return state_of(file) if file else None
    except OSError:
        return None


QUIET_S = 60
"""Files that are still being checked are read again once in so many seconds."""


def alike_images(workspace: Workspace, dataset: DataSet) -> Mapping[str, int]:
    """Image id -> a number for each group of images that look alike, as far as files were checked; others are left out.

    Equal files (the file check of Data) and perceptual hashes that nearly agree; only files that are as they were.
    """
    files = {image.path: file for image in dataset.images if (file := workspace.image_file(image))}
    hashes = KnownHashes(workspace.writable / HASHES).of(files)
    facts = read_facts(workspace.writable / FILE)
    known = [image for image in dataset.images if hashes.get(image.path)]  # a blank image hashes to 0
    pairs = pairs_alike(as_array([hashes[image.path] for image in known])).indices.tolist()
    index = {image.image_id: k for k, image in enumerate(dataset.images)}
    edges = [(index[known[i].image_id], index[known[j].image_id]) for i, j in pairs]
    first: dict[str, int] = {}
    for image in dataset.images:
        fact = facts.get(image.path)
        if fact and fact.sha256 and file_state(workspace, image) == (fact.n_bytes, fact.mtime_ns):
            edges.append((first.setdefault(fact.sha256, index[image.image_id]), index[image.image_id]))
    if not edges:
        return {}
    one, other = np.array(edges).T
    n = len(dataset.images)
    groups = connected_components(coo_array((np.ones(len(one)), (one, other)), shape=(n, n)), directed=False)[1]
    sizes = np.bincount(groups)
    return {image.image_id: int(group) for image, group in zip(dataset.images, groups, strict=True) if sizes[group] > 1}


def checked_stamp(workspace: Workspace, now: float) -> tuple[int, ...]:
    """Changes when more files were checked; while they are being checked, once in `QUIET_S`."""
    stamp = []
    for name in (HASHES, FILE):
        path = workspace.writable / name
        changed = path.stat().st_mtime_ns if path.is_file() else 0
        quiet = QUIET_S * 10**9
        stamp.append(changed // quiet if now * 1e9 - changed < quiet else changed)
    return tuple(stamp)
