"""Example images in a report: small, upright, and without file metadata."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dashboard.diagnose.diagnosis import Diagnosis
from dashboard.diagnose.diagnosis_words import most_confused_pair
from dashboard.evaluation.verdict import Judgement
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.errors import ImageError
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.images.encoding import data_url

N_DIFFERING = 12
"""Images shown on which a subject and the reference differ most."""
N_OF_PAIR = 6
"""Images shown of the classes mixed up above all."""
MAX_SIDE_PX = 480


@dataclass(frozen=True, slots=True)
class Example:
    """An image as a data URL, or the error that says why it cannot be shown."""

    image_id: str
    caption: str
    url: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Examples:
    """Images under one heading."""

    about: str
    pictures: Sequence[Example]


def differing_examples(desk: Desk, judgement: Judgement, a: Evaluation, b: Evaluation) -> Examples | None:
    """The images on which the two subjects' shares of correct runs differ most."""
    if a.image_ids != b.image_ids:
        return None
    gap = a.right.mean(axis=0) - b.right.mean(axis=0)
    rows = _largest(np.abs(gap), N_DIFFERING)
    captions = [
        f"true {a.taxonomy.names[a.truth[row]]}; right: "
        + " against ".join(f"{side.right[:, row].sum()} of {len(side.right)}" for side in (a, b))
        for row in rows
    ]
    about = f"Images on which {judgement.subject.title} and {judgement.reference.title} differ most (not a sample)"
    return _examples(desk, about, [a.image_ids[row] for row in rows], captions)


def confused_examples(desk: Desk, diagnosis: Diagnosis) -> Examples | None:
    """Images of the most confused pair of classes, those with the most confused runs first."""
    pair = most_confused_pair(diagnosis)
    if pair is None:
        return None
    evaluation, names = diagnosis.evaluation, diagnosis.names
    swapped = sum(
        (evaluation.truth == true) & (evaluation.predicted == called)
        for true, called in ((pair.first, pair.second), (pair.second, pair.first))
    )
    n_runs = np.asarray(swapped).sum(axis=0)
    rows = _largest(n_runs, N_OF_PAIR)
    captions = [
        f"true {names[evaluation.truth[row]]}; called the other by {n_runs[row]} of {len(evaluation.predicted)}"
        for row in rows
    ]
    about = f"Images of {names[pair.first]} and {names[pair.second]} called the other most often (not a sample)"
    return _examples(desk, about, [evaluation.image_ids[row] for row in rows], captions)


def _largest(values: NDArray[np.number], at_most: int) -> list[int]:
    return [int(row) for row in np.argsort(-values, kind="stable")[:at_most] if values[row]]


def _examples(desk: Desk, about: str, image_ids: Sequence[str], captions: Sequence[str]) -> Examples | None:
    records = [desk.dataset().by_id[image_id] for image_id in image_ids]
    workspace = desk.workspace
    if not any(workspace.image_file(one) or workspace.can_generate(one) for one in records):
        return None  # labels alone, without any image
    return Examples(about, [_example(desk, *one) for one in zip(image_ids, captions, strict=True)])


def _example(desk: Desk, image_id: str, caption: str) -> Example:
    try:
        image = desk.decoded(image_id)
    except ImageError as error:
        return Example(image_id, caption, error=str(error))
    image.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX), Image.Resampling.LANCZOS)
    return Example(image_id, caption, url=data_url(image, "webp"))
