"""Nearest images in a run's embedding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard.address.selection import Labels
from dashboard.evaluation.comparison import Subject
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.errors import LinkError
from model_zoo.core.explanation.nearest_neighbors import nearest_neighbors
from model_zoo.core.label_space.labels import Label
from model_zoo.core.label_space.splits import Split
from model_zoo.inference.embedding_files import embeddings_path
from model_zoo.workspace.command_line import command
from model_zoo.workspace.manifest import ImageRecord
from model_zoo.workspace.run import Run

N_NEAREST = 6


@dataclass(frozen=True, slots=True)
class NearestImage:
    """An image near another: its standing label, the cosine of the two vectors, and whether their patient is one."""

    image: ImageRecord
    label: Label
    cosine: float
    same_patient: bool


@dataclass(frozen=True, slots=True)
class Reference:
    """The runs that can tell the nearest images of a split; without any, ``command`` makes the first one able."""

    run_ids: tuple[str, ...]
    command: str


def nearest_in_embedding(desk: Desk, run_id: str, image_id: str) -> tuple[NearestImage, ...]:
    """The images nearest to one in a run's embedding, nearest first, from all splits that were embedded.

    `LinkError` says which command makes the embedding that is missing.
    """
    image, made = desk.image(image_id), desk.embeddings(run_id)
    if made is None or image_id not in made.row_of:
        needed = embed_command(desk, run_id, image.split)
        raise LinkError(f"Run {run_id[:100]!r} has not embedded the {image.split} images; `{needed}` does it.")
    rows, cosines = nearest_neighbors(made.vectors, made.row_of[image_id], N_NEAREST)
    labels: Mapping[str, Label] = desk.labels(Labels.REVIEWED)
    found = [(desk.image(made.image_ids[row]), float(cosine)) for row, cosine in zip(rows, cosines, strict=True)]
    return tuple(
        NearestImage(one, labels[one.image_id], cosine, bool(image.patient_id) and one.patient_id == image.patient_id)
        for one, cosine in found
    )


def reference(desk: Desk, subjects: Sequence[Subject], split: Split) -> Reference:
    """The runs whose embeddings hold ``split``: those of ``subjects`` first, then all others."""
    chosen = [run for subject in subjects for run in subject.runs]
    runs = {run.run_id: run for run in [*chosen, *desk.runs().values()]}
    embedded = tuple(run_id for run_id, run in runs.items() if embeddings_path(desk.workspace.folders, run, split))
    able: Sequence[Run] = [run for run in runs.values() if run.weights_path]
    return Reference(embedded, embed_command(desk, able[0].run_id, split) if able and not embedded else "")


def embed_command(desk: Desk, run_id: str, split: Split) -> str:
    """What to type so that a run embeds a split."""
    return command("embed", run_id, "--split", str(split), folders=desk.workspace.folders)
