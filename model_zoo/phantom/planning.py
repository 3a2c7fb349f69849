"""Who gets which screen: patients, splits, leaves and label noise; no pixel is drawn here."""

import hashlib
from dataclasses import dataclass

import numpy as np

from model_zoo.phantom.recipe import SPLITS, Recipe

STRUCTURES = ("ac", "bpd", "cereb", "fl", "crl", "afi")
EARLY_ONLY = "crl"
SHORT = {"train": "tr", "validation": "va", "test": "te"}
MACHINES = ("aurora", "boreal", "cirrus")


@dataclass(frozen=True, slots=True)
class PlannedImage:
    """One screen to be drawn, with its (noisy) label and the truth.

    ``off_plane`` in [0, 1]; ``habitus`` in [0, 1] (0 easy, 1 hard to scan), the patient's.
    """

    image_id: str
    path: str
    split: str
    patient_id: str
    label: str
    machine: str
    gestational_age_weeks: float
    true_leaf: str
    off_plane: float
    habitus: float

    @property
    def true_structure(self) -> str:
        """The structure shown, or ``volume``."""
        return self.true_leaf.split(".")[0]


@dataclass(frozen=True, slots=True)
class _Patient:
    patient_id: str
    weeks: float
    machine: str
    habitus: float
    appetite: float


def plan(recipe: Recipe) -> tuple[PlannedImage, ...]:
    """All screens of all splits: the same for the same recipe, everywhere."""
    return tuple(image for split in SPLITS for image in _plan_split(recipe, split))


def rng_of(recipe: Recipe, *names: str) -> np.random.Generator:
    """A generator that depends on the seed and names alone."""
    digest = hashlib.sha256("/".join(names).encode()).digest()
    return np.random.default_rng([recipe.seed, int.from_bytes(digest[:8], "big")])


def _plan_split(recipe: Recipe, split: str) -> list[PlannedImage]:
    rng = rng_of(recipe, "plan", split)
    patients = _patients(recipe, split, rng)
    leaves = [leaf for leaf, n in recipe.images[split].items() for _ in range(n)]
    owners = _owners(leaves, patients, rng)
    order = rng.permutation(len(leaves))
    planned = []
    for number, k in enumerate(order):
        leaf, patient = leaves[k], owners[k]
        off_plane = _off_plane(recipe, leaf, rng)
        machine = patient.machine if rng.random() < 0.93 else MACHINES[int(rng.integers(len(MACHINES)))]
        image_id = f"{SHORT[split]}-{number:04d}"
        planned.append(
            PlannedImage(
                image_id=image_id,
                path=f"images/{split}/{image_id}.jpg",
                split=split,
                patient_id=patient.patient_id,
                label=_noisy(recipe, leaf, off_plane, rng),
                machine=machine,
                gestational_age_weeks=patient.weeks,
                true_leaf=leaf,
                off_plane=round(off_plane, 3),
                habitus=patient.habitus,
            )
        )
    return planned


def _patients(recipe: Recipe, split: str, rng: np.random.Generator) -> list[_Patient]:
    patients = []
    n = recipe.patients[split]
    n_early = round(n * recipe.early_patients)
    for k in range(n):
        low, high = (110, 140) if k < n_early else (160, 380)
        patients.append(
            _Patient(
                patient_id=f"{SHORT[split]}-p{k:03d}",
                weeks=int(rng.integers(low, high + 1)) / 10,
                machine=MACHINES[int(rng.choice(3, p=(0.42, 0.33, 0.25)))],
                habitus=int(rng.integers(0, 1001)) / 1000,
                appetite=0.35 + float(rng.random()) ** 2 * 2.2,
            )
        )
    return patients


def _owners(leaves: list[str], patients: list[_Patient], rng: np.random.Generator) -> list[_Patient]:
    """A patient for every screen; each patient gets at least one, early ones the early structures."""
    early = [p for p in patients if p.weeks < 15]
    late = [p for p in patients if p.weeks >= 15]
    owners: list[_Patient | None] = [None] * len(leaves)
    waiting = {id(p): p for p in patients}
    for k in rng.permutation(len(leaves)):
        structure, _, overlay = leaves[k].partition(".")
        if structure == EARLY_ONLY:
            pool = early
        elif structure in ("volume", "afi") or overlay == "none.none":
            pool = patients
        else:
            pool = late
        unseen = [p for p in pool if id(p) in waiting]
        if unseen:
            pick = unseen[int(rng.integers(len(unseen)))]
        else:
            weights = np.array([p.appetite for p in pool])
            pick = pool[int(np.searchsorted(np.cumsum(weights), rng.random() * weights.sum()))]
        waiting.pop(id(pick), None)
        owners[k] = pick
    return [owner for owner in owners if owner is not None]


def _off_plane(recipe: Recipe, leaf: str, rng: np.random.Generator) -> float:
    overlay = {"placed.present": "measured", "none.present": "annotated", "none.none": "bare"}.get(
        leaf.partition(".")[2], "measured"
    )
    low, high = recipe.off_plane[overlay]
    return low + (high - low) * float(rng.random())


def _noisy(recipe: Recipe, leaf: str, off_plane: float, rng: np.random.Generator) -> str:
    structure, _, overlay = leaf.partition(".")
    noise, roll, other = recipe.noise, rng.random(), int(rng.integers(len(STRUCTURES) - 1))
    if structure == "volume":
        return leaf
    if overlay == "placed.present":
        swap = {"bpd": "cereb", "cereb": "bpd"}
        return f"{swap[structure]}.{overlay}" if structure in swap and roll < noise.head_swap else leaf
    low, high = noise.structure_at_off_plane_0, noise.structure_at_off_plane_1
    if roll < low + (high - low) * off_plane:
        return f"{[one for one in STRUCTURES if one != structure][other]}.{overlay}"
    return leaf
