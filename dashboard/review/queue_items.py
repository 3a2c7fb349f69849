"""The items of a review queue that a reviewer sees."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dashboard.address.links import image_url, map_url
from dashboard.decisions.consensus import answered
from dashboard.decisions.lease_store import Leases
from dashboard.decisions.queue import QueueItem, remaining
from dashboard.evaluation.comparison import Subject, distinct
from dashboard.evaluation.stored_predictions import StoredPredictions, stored_predictions
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.label_space.labels import Label, LeafSpace
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.manifest import ImageRecord
from model_zoo.workspace.run import Run

WINDOW = 80
"""Images sent to the browser ahead of the reviewer."""
OTHERS_WORK = "All that is left is at hand for other reviewers: choose another order, or come back in a few minutes."
"""What to do where no image is handed out though some wait."""
TOP = 3
"""Classes shown per run."""


def waiting(
    desk: Desk, items: Sequence[QueueItem], reviewer: str, *, second_opinion: bool = False
) -> tuple[QueueItem, ...]:
    """The items without an answer that ``reviewer`` has not skipped, without those that others have at hand.

    For a ``second_opinion``: those that somebody has given a label, and ``reviewer`` has not answered. These are
    kept from nobody: everybody is asked for an opinion of their own.
    """
    decisions = desk.store.all()
    if second_opinion:
        labelled = {image_id for image_id, answer in answered(decisions).items() if answer.gives_label}
        own = answered(decisions, reviewer) if reviewer else {}
        return tuple(item for item in items if item.image_id in labelled and item.image_id not in own)
    unanswered = remaining(items, answered(decisions))
    mine = remaining(unanswered, answered(decisions, reviewer)) if reviewer else unanswered
    return handed_out(desk.leases, unanswered, mine, reviewer)


def n_with_others(desk: Desk, items: Sequence[QueueItem], reviewer: str) -> int:
    """How many of the items without an answer are leased to other reviewers."""
    unanswered = remaining(items, answered(desk.store.all()))
    return desk.leases.n_with_others([item.image_id for item in unanswered], reviewer)


def handed_out(
    leases: Leases, unanswered: Sequence[QueueItem], mine: Sequence[QueueItem], reviewer: str
) -> tuple[QueueItem, ...]:
    """Of ``mine`` those that no other reviewer has at hand; first those that ``reviewer`` has.

    ``unanswered`` are all that wait for anybody.
    """
    item_of = {item.image_id: item for item in mine}
    found = leases.hand_out([item.image_id for item in unanswered], list(item_of), reviewer)
    at_hand = [item_of[image_id] for image_id in found.at_hand]
    free = [QueueItem(one.image_id, one.why, one.notice, at_hand=False) for one in map(item_of.__getitem__, found.free)]
    return (*at_hand, *free)


def shown_items(
    desk: Desk, items: Sequence[QueueItem], subjects: Sequence[Subject], split: Split, standing: Mapping[str, Label]
) -> list[dict[str, Any]]:
    """What the browser needs of each image; only stored predictions, no model is run."""
    if not items:
        return []
    image_ids = [item.image_id for item in items]
    voices = [one for subject in distinct(subjects) if (one := stored_predictions(desk, subject, split)) is not None]
    said = [_says(one, image_ids, standing) for one in voices]
    images, space = desk.dataset().by_id, desk.workspace.space
    first = {subject.runs[0].run_id: subject.runs[0] for subject in subjects}
    mapping = [run for run in first.values() if run.weights_path]
    return [
        _shown(item, images[item.image_id], space, [one[k] for one in said], mapping, standing[item.image_id])
        for k, item in enumerate(items)
    ]


def _shown(
    item: QueueItem,
    image: ImageRecord,
    space: LeafSpace,
    said: Sequence[dict[str, Any] | None],
    mapping: Sequence[Run],
    label: Label,
) -> dict[str, Any]:
    patient = f" · patient {image.patient_id}" if image.patient_id else ""
    return {
        "id": item.image_id,
        "src": image_url(item.image_id),
        "caption": f"{item.image_id}{patient} · {image.split}{f' · {item.notice}' if item.notice else ''}",
        "label": sorted(label),
        "label_text": space.format(label),
        "original_text": space.format(image.label),
        "why": item.why,
        "says": [one for one in said if one],
        "maps": [
            {"who": run.run_id, "url": map_url(run.run_id, item.image_id, run.card.weights_sha256)} for run in mapping
        ],
        "answered": None,
    }


def _says(
    one: StoredPredictions, image_ids: Sequence[str], standing: Mapping[str, Label]
) -> list[dict[str, Any] | None]:
    """Mean probabilities of a subject's runs, highest first, and how many runs agree on the first, per image.

    Where runs gave labels without probabilities, ``p`` is None and only classes that one of them answers are there.
    """
    known = [k for k, image_id in enumerate(image_ids) if all(image_id in runs.row_of for runs in one.predictions)]
    rows = [[runs.row_of[image_ids[k]] for k in known] for runs in one.predictions]
    probabilities = np.stack([runs.probabilities[at] for runs, at in zip(one.predictions, rows, strict=True)])
    mean = probabilities.mean(axis=0)
    top = np.argsort(-mean, axis=1)[:, :TOP]
    predicted = np.stack([runs.predicted[at] for runs, at in zip(one.predictions, rows, strict=True)])
    agree = (predicted == top[:, 0]).sum(axis=0).tolist()
    shares = np.take_along_axis(mean, top, axis=1).astype(float).round(4).tolist()
    taxonomy, n_runs = one.subject.taxonomy, len(one.predictions)
    alone = any(runs.labels_only for runs in one.predictions)
    run_ids = [run.run_id for run in one.runs]
    said: list[dict[str, Any] | None] = [None] * len(image_ids)
    for row, k in enumerate(known):
        right = taxonomy.place(standing[image_ids[k]])
        said[k] = {
            "who": one.who,
            "run_ids": run_ids,
            "top": [
                {"name": taxonomy.names[c], "p": None if alone else p, "is_label": c == right}
                for c, p in zip(top[row].tolist(), shares[row], strict=True)
                if p > 0 or not alone
            ],
            "agree": f"{agree[row]} of {n_runs}" if n_runs > 1 else "",
        }
    return said
