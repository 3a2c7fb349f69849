"""Whether images that count as independent patients may not be: no patient ids, one image each, or copies."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dashboard.evaluation.file_checks import file_state
from dashboard.words import counted, images_of_patients
from model_zoo.importing.near_duplicates import HASHES, KnownHashes, as_array, pairs_alike
from model_zoo.workspace.file_checks import FILE, read_facts
from model_zoo.workspace.manifest import DataSet
from model_zoo.workspace.workspace import Workspace

QUIET_S = 60
"""Files that are still being checked are read again once in so many seconds."""


def patients_text(
    image_ids: Sequence[str], n_patients: int, patients: Mapping[str, str], alike: Mapping[str, int]
) -> str:
    """``1,447 images of 320 patients``, and what makes an interval over these patients too narrow.

    ``alike`` maps images to groups that look alike (`alike_images`).
    """
    notes = []
    unnamed = sum(not patients.get(one) for one in image_ids)
    if unnamed and n_patients < len(image_ids):
        notes.append(
            f"{counted(unnamed, 'image')} without a patient id {'counts' if unnamed == 1 else 'count'} as a patient "
            "each: the CI is too narrow if they share patients"
        )
    if alike and (n_copies := _copies(image_ids, patients, alike)):
        notes.append(f"{n_copies:,} look like an image of another patient: the CI is too narrow if they are copies")
    return images_of_patients(len(image_ids), n_patients, *notes)


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


def _copies(image_ids: Sequence[str], patients: Mapping[str, str], alike: Mapping[str, int]) -> int:
    """How many of these images look like one of another patient among them."""
    owners: dict[int, set[str]] = {}
    there = [one for one in image_ids if one in alike]
    for one in there:
        owners.setdefault(alike[one], set()).add(patients.get(one) or f"\0{one}")
    return sum(len(owners[alike[one]]) > 1 for one in there)
