"""Imports predictions as a run without a model."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import PurePosixPath

from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.importing.file_matching import match_endings
from model_zoo.importing.prediction_files import ImportedPredictions
from model_zoo.importing.source import counted, shown
from model_zoo.importing.text_encoding import nfc
from model_zoo.workspace.manifest import DataSet, ImageRecord
from model_zoo.workspace.run import LABELS_ONLY, Card

PROBABILITIES = "probabilities"
JUDGED = (Split.VALIDATION, Split.TEST)


@dataclass(frozen=True)
class MatchedPredictions:
    """Answers by split, and in sentences what was taken for what and what was left out."""

    predictions: Mapping[Split, Predictions]
    told: tuple[str, ...]


def match_predictions(
    answers: ImportedPredictions, taxonomy: Taxonomy, dataset: DataSet, split: Split | None
) -> MatchedPredictions:
    """Which image each answer is about; `RunError` where that is not clear.

    Named images are found by id, path, file name or its stem, whichever finds all. Unnamed rows are those of
    ``split``, in the order of the manifest, and as many. Only answers about validation and test are kept.
    """
    if answers.images:
        found, told = _named(answers, dataset.images)
    else:
        found, told = _in_order(answers, dataset, split)
    predictions, rows = {}, answers.rows
    for one in JUDGED:
        images = dataset.split(one)
        row_of = {image.image_id: row for row, image in enumerate(found) if image.split is one}
        asked = [image.image_id for image in images if image.image_id in row_of]
        if asked:
            kept = rows[[row_of[image_id] for image_id in asked]]
            predictions[one] = Predictions(tuple(asked), taxonomy.names, kept, answers.probabilities is None)
            told.append(f"{len(asked):,} of {len(images):,} {one} images have an answer.")
    if not predictions:
        raise RunError(f"None of the images in {answers.name} is in validation or test; nothing can be judged on them.")
    if n_other := len(found) - sum(len(one.image_ids) for one in predictions.values()):
        are = "answer about a training image, or one in no split, is left out"
        several = "answers about training images, or images in no split, are left out"
        told.append(f"{counted(n_other, are, several)}.")
    return MatchedPredictions(predictions, tuple(told))


def card_of(run_id: str, answers: ImportedPredictions, taxonomy: Taxonomy, dataset: DataSet, licence: str) -> Card:
    """The card of a run that is predictions alone."""
    what = LABELS_ONLY if answers.probabilities is None else PROBABILITIES
    return Card(
        run_id=run_id,
        architecture="",
        taxonomy=taxonomy,
        preprocessing=None,
        data_hash={str(split): dataset.hash(split) for split in JUDGED if dataset.split(split)},
        recipe={"imported_from": answers.name.strip("'"), "sha256": answers.sha256, "predictions": what},
        seed=0,
        epochs_chosen="not known: predictions alone",
        n_train_images=0,
        n_parameters=0,
        duration_s=0.0,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={"taxoscope": version("taxoscope")},
        processor="not known: predictions alone",
        licence=licence,
    )


def _named(answers: ImportedPredictions, images: Sequence[ImageRecord]) -> tuple[list[ImageRecord], list[str]]:
    asked = [nfc(one) for one in answers.images]
    if len(set(asked)) < len(asked):
        twice, _ = Counter(asked).most_common(1)[0]
        n = sum(n > 1 for n in Counter(asked).values())
        raise RunError(
            f"{answers.name} answers twice about {counted(n, 'image')}, such as {shown(twice)}; keep one answer for "
            "each image."
        )
    ways: Mapping[str, Callable[[ImageRecord], str]] = {
        "id": lambda image: image.image_id,
        "path": lambda image: image.path,
        "file name": lambda image: PurePosixPath(image.path).name,
        "file name without its ending": lambda image: PurePosixPath(image.path).stem,
    }
    missed: dict[str, str] = {}
    fewest = len(answers.images) + 1
    for way, of in ways.items():
        by_name: dict[str, list[ImageRecord]] = {}
        for image in images:
            by_name.setdefault(nfc(of(image)), []).append(image)
        known = [by_name.get(one, []) for one in asked]
        if all(len(one) == 1 for one in known):
            return [one[0] for one in known], [f"Images are named by {way}."]
        lost = {
            name: "is not" if not some else f"is the name of {len(some):,} images"
            for name, some in zip(answers.images, known, strict=True)
            if len(some) != 1
        }
        if len(lost) < fewest:  # of several ways that find as many, the first
            missed, fewest = lost, len(lost)
    by_path: dict[str, list[ImageRecord]] = {}
    for image in images:
        by_path.setdefault(image.path, []).append(image)
    matched = match_endings(answers.images, by_path)
    if all(len(by_path.get(matched.found.get(one, ""), ())) == 1 for one in answers.images):
        return [by_path[matched.found[one]][0] for one in answers.images], matched.told
    name, why = next(iter(missed.items()))
    n_here = len(answers.images) - fewest
    raise RunError(
        f"{answers.name} names {counted(len(answers.images), 'image')}, of which here {n_here:,}; "
        f"{shown(name)}, say, {why}: name images as the manifest does, by id or path, and leave out those that it does "
        "not list."
    )


def _in_order(
    answers: ImportedPredictions, dataset: DataSet, split: Split | None
) -> tuple[list[ImageRecord], list[str]]:
    counts = {one: len(dataset.split(one)) for one in JUDGED}
    if split is None:
        listed = ", ".join(f"{one} has {n:,}" for one, n in counts.items())
        raise RunError(
            f"{answers.name} does not name its {answers.n_images:,} images ({listed}); say with --split that they are "
            "those of a split in the order of the manifest, or give a file with a column image_id."
        )
    images = dataset.split(split)
    if len(images) != answers.n_images:
        raise RunError(
            f"{answers.name} has {answers.n_images:,} answers, {split} has {len(images):,} images; rows without names "
            "must be those of the split, all of them, in the order of the manifest."
        )
    return list(images), [f"Rows are taken for the {split} images in the order of the manifest: nothing in it says so."]
