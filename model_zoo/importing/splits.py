"""Splits by patient: no patient is in two of them."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from model_zoo.core.evaluation.folds import patient_folds
from model_zoo.core.label_space.splits import Split
from model_zoo.importing.source import Row, SourceError, counted

N_PARTS = 20
"""Shares are drawn in steps of 1 / 20, which keeps classes about even (see `patient_folds`)."""

_JUDGES_FIRST = (Split.TEST, Split.VALIDATION, Split.TRAIN)


def parse_shares(text: str) -> tuple[int, int, int]:
    """``70/15/15`` as percents for train, validation and test; `SourceError` unless steps of 5 that sum to 100."""
    pieces = text.split("/")
    if len(pieces) == 3 and all(one.isascii() and one.isdigit() and len(one) < 4 for one in pieces):
        train, validation, test = (int(one) for one in pieces)
        if train + validation + test == 100 and train % 5 == validation % 5 == 0:
            return train, validation, test
    raise SourceError(
        f"Cannot divide by {text[:40]!r}; write percents of train, validation and test as 70/15/15, in steps of 5."
    )


def split_by_patient(rows: Sequence[Row], shares: tuple[int, int, int], seed: int = 0) -> list[Split]:
    """A split for each row without one, drawn by patient (by image where none is named); the others keep theirs.

    `SourceError` for fewer than `N_PARTS` patients.
    """
    return _drawn(rows, Split.NONE, dict(zip((Split.TRAIN, Split.VALIDATION, Split.TEST), shares, strict=True)), seed)


def hold_out(rows: Sequence[Row], percent: int, seed: int = 0) -> list[Split]:
    """The rows' splits, with ``percent`` (5 to 50, in steps of 5) of the training patients drawn for validation."""
    if percent % 5 or not 5 <= percent <= 50:
        raise SourceError(f"Cannot hold out {percent} percent; give 5 to 50, in steps of 5.")
    if any(row.split is Split.VALIDATION for row in rows):
        raise SourceError("There is a validation split already; leave out what would draw one.")
    return _drawn(rows, Split.TRAIN, {Split.TRAIN: 100 - percent, Split.VALIDATION: percent}, seed)


def patients_together(
    patients: Sequence[str], splits: Sequence[Split], before: Mapping[str, Split]
) -> tuple[list[Split], dict[str, int]]:
    """Splits in which no patient is in two, and how many images moved per patient that was.

    A patient goes where they are ``before`` (in the workspace), else where most of their images are: of equal
    ones first test, then validation. Images in no split stay there.
    """
    where: dict[str, Counter[Split]] = {}
    for patient, split in zip(patients, splits, strict=True):
        if patient and split is not Split.NONE:
            where.setdefault(patient, Counter())[split] += 1
    home = {one: max(_JUDGES_FIRST, key=lambda split: n[split]) for one, n in where.items()} | dict(before)
    moved = {one: sum(n.values()) - n[home[one]] for one, n in where.items()}
    whole = [
        home[one] if one and split is not Split.NONE else split for one, split in zip(patients, splits, strict=True)
    ]
    return whole, {one: n for one, n in moved.items() if n}


def _drawn(rows: Sequence[Row], among: Split, shares: Mapping[Split, int], seed: int) -> list[Split]:
    chosen = [k for k, row in enumerate(rows) if row.split is among]
    splits = [row.split for row in rows]
    if not chosen:
        return splits
    owners = [rows[k].patient_id or ("image", rows[k].image_id) for k in chosen]
    n_patients = len(set(owners))
    if n_patients < N_PARTS:
        raise SourceError(
            f"{counted(n_patients, 'patient is', 'patients are')} too few to draw splits from; name the splits of at "
            f"least {N_PARTS}."
        )
    code_of = {labels: code for code, labels in enumerate(dict.fromkeys(rows[k].labels for k in chosen))}
    folds = patient_folds(owners, np.array([code_of[rows[k].labels] for k in chosen]), N_PARTS, seed)
    share_of = [split for split, percent in shares.items() for _ in range(percent * N_PARTS // 100)]
    for k, fold in zip(chosen, folds.tolist(), strict=True):
        splits[k] = share_of[fold]
    return splits
