"""The review queue of a page: which images wait, and all that a reviewer needs to see of each."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dashboard.actions.compare import Comparison, Subject
from dashboard.actions.desk import Desk
from dashboard.links import image_url, map_url
from dashboard.reviews.queue import QueueItem, listed_queue, remaining, wrong_queue
from dashboard.reviews.standing import answered, done_for
from model_zoo.core.choices import Split
from model_zoo.core.labels import Label

WINDOW = 80
"""Images sent to the browser ahead of the reviewer."""
TOP = 3
"""Classes shown per run."""


def wrong_in_any(judged: Comparison) -> tuple[QueueItem, ...]:
    """The images that any run of any subject gets wrong, most runs first, each in its label space shown."""
    wrong: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for evaluation in judged.evaluations:
        asked.update(dict.fromkeys(evaluation.image_ids, len(evaluation.predicted)))
        for item in wrong_queue(evaluation.image_ids, evaluation.truth, evaluation.predicted):
            wrong[item.image_id] += item.n_wrong
    items = [QueueItem(image_id, wrong[image_id], asked[image_id]) for image_id in asked if wrong[image_id]]
    return tuple(sorted(items, key=lambda item: -item.n_wrong))


def listed(image_ids: Sequence[str]) -> tuple[QueueItem, ...]:
    """Any list of images as a queue."""
    return listed_queue(image_ids)


def waiting(desk: Desk, items: Sequence[QueueItem], reviewer: str) -> tuple[QueueItem, ...]:
    """The items that nobody has answered and ``reviewer`` has not skipped."""
    decisions = desk.store.all()
    return remaining(items, done_for(decisions, reviewer) if reviewer else answered(decisions))


def shown_items(
    desk: Desk, items: Sequence[QueueItem], subjects: Sequence[Subject], split: Split, standing: Mapping[str, Label]
) -> list[dict[str, Any]]:
    """What the browser needs of each image; only stored predictions, no model is run."""
    return [_shown(desk, item, subjects, split, standing) for item in items]


def _shown(
    desk: Desk, item: QueueItem, subjects: Sequence[Subject], split: Split, standing: Mapping[str, Label]
) -> dict[str, Any]:
    image = desk.image(item.image_id)
    space = desk.workspace.space
    label = standing[item.image_id]
    why = f"wrong in {item.n_wrong} of {item.n_runs} run{'s' if item.n_runs != 1 else ''}" if item.n_runs else ""
    patient = f" · patient {image.patient_id}" if image.patient_id else ""
    return {
        "id": item.image_id,
        "src": image_url(item.image_id),
        "caption": f"{item.image_id}{patient} · {image.split}",
        "label": sorted(label),
        "label_text": space.format(label),
        "original_text": space.format(image.label),
        "why": why,
        "says": [one for subject in subjects if (one := _says(desk, subject, item.image_id, split, label))],
        "maps": [
            {"who": run.run_id, "url": map_url(run.run_id, item.image_id, run.card.weights_sha256)}
            for run in (subject.runs[0] for subject in subjects)
            if run.weights_path
        ],
        "answered": None,
    }


def _says(desk: Desk, subject: Subject, image_id: str, split: Split, label: Label) -> dict[str, Any] | None:
    """Mean probabilities of a subject's runs, highest first, and how many runs agree on the first."""
    rows = []
    for run in subject.runs:
        stored = desk.predictions(run.run_id, split)
        if image_id not in stored.row_of:
            return None
        rows.append(stored.probabilities[stored.row_of[image_id]])
    probabilities = np.stack(rows)
    mean = probabilities.mean(axis=0)
    order = np.argsort(-mean)[:TOP]
    agree = int((probabilities.argmax(axis=1) == order[0]).sum())
    names, right = subject.taxonomy.names, subject.taxonomy.place(label)
    return {
        "who": subject.title,
        "run_ids": [run.run_id for run in subject.runs],
        "top": [{"name": names[k], "p": round(float(mean[k]), 4), "is_label": bool(k == right)} for k in order],
        "agree": f"{agree} of {len(rows)}" if len(rows) > 1 else "",
    }
