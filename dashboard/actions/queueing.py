"""The review queue of a page: which of its images still wait, and all that a reviewer needs to see of each."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dashboard.actions.asked import Asked, asked
from dashboard.actions.compare import Subject
from dashboard.actions.desk import Desk
from dashboard.links import image_url, map_url
from dashboard.reviews.queue import QueueItem, remaining
from dashboard.reviews.standing import answered, done_for
from model_zoo.core.choices import Split
from model_zoo.core.labels import Label

WINDOW = 80
"""Images sent to the browser ahead of the reviewer."""
TOP = 3
"""Classes shown per run."""


def waiting(
    desk: Desk, items: Sequence[QueueItem], reviewer: str, *, second_opinion: bool = False
) -> tuple[QueueItem, ...]:
    """The items that nobody has answered and ``reviewer`` has not skipped.

    For a ``second_opinion``: those that somebody has given a label, and ``reviewer`` has not answered.
    """
    decisions = desk.store.all()
    if second_opinion:
        labelled = {image_id for image_id, answer in answered(decisions).items() if answer.gives_label}
        mine = answered(decisions, reviewer) if reviewer else {}
        return tuple(item for item in items if item.image_id in labelled and item.image_id not in mine)
    return remaining(items, done_for(decisions, reviewer) if reviewer else answered(decisions))


def shown_items(
    desk: Desk, items: Sequence[QueueItem], subjects: Sequence[Subject], split: Split, standing: Mapping[str, Label]
) -> list[dict[str, Any]]:
    """What the browser needs of each image; only stored predictions, no model is run."""
    said = [one for subject in subjects if (one := asked(desk, subject, split)) is not None] if items else []
    return [_shown(desk, item, subjects, said, standing) for item in items]


def _shown(
    desk: Desk, item: QueueItem, subjects: Sequence[Subject], said: Sequence[Asked], standing: Mapping[str, Label]
) -> dict[str, Any]:
    image = desk.image(item.image_id)
    space = desk.workspace.space
    label = standing[item.image_id]
    patient = f" · patient {image.patient_id}" if image.patient_id else ""
    return {
        "id": item.image_id,
        "src": image_url(item.image_id),
        "caption": f"{item.image_id}{patient} · {image.split}",
        "label": sorted(label),
        "label_text": space.format(label),
        "original_text": space.format(image.label),
        "why": item.why,
        "says": [shown for one in said if (shown := _says(one, item.image_id, label))],
        "maps": [
            {"who": run.run_id, "url": map_url(run.run_id, item.image_id, run.card.weights_sha256)}
            for run in (subject.runs[0] for subject in subjects)
            if run.weights_path
        ],
        "answered": None,
    }


def _says(one: Asked, image_id: str, label: Label) -> dict[str, Any] | None:
    """Mean probabilities of a subject's runs, highest first, and how many runs agree on the first."""
    if any(image_id not in stored.row_of for stored in one.predictions):
        return None
    probabilities = np.stack([stored.probabilities[stored.row_of[image_id]] for stored in one.predictions])
    mean = probabilities.mean(axis=0)
    order = np.argsort(-mean)[:TOP]
    agree = int((probabilities.argmax(axis=1) == order[0]).sum())
    names, right = one.subject.taxonomy.names, one.subject.taxonomy.place(label)
    return {
        "who": one.who,
        "run_ids": [run.run_id for run in one.runs],
        "top": [{"name": names[k], "p": round(float(mean[k]), 4), "is_label": bool(k == right)} for k in order],
        "agree": f"{agree} of {len(probabilities)}" if len(probabilities) > 1 else "",
    }
