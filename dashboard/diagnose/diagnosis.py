"""Diagnosis of a run or run group: measures of the four causes of low metrics, with the images behind them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from dashboard.address.links import Filter, images_words
from dashboard.address.selection import Labels
from dashboard.decisions.decision import Decision
from dashboard.diagnose.retraining import NO_RETRAINING, RetrainingResults
from dashboard.evaluation.annotator_agreement import People, people_of
from dashboard.evaluation.comparison import Subject
from dashboard.words import LABELS, images_of_patients
from model_zoo.core.diagnosis import symptoms
from model_zoo.core.diagnosis.diagnosis import Cause, Measure, measure_causes
from model_zoo.core.errors import LinkError
from model_zoo.core.evaluation.calibration import Calibration, calibration_if_probabilities
from model_zoo.core.evaluation.evaluation import Evaluation, Figure, accuracy, class_figures, evaluate
from model_zoo.core.evaluation.metrics import ClassFigure, Share
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.label_space.class_groups import shared_meanings
from model_zoo.core.label_space.labels import Label
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import OUTSIDE, Taxonomy, common_ground, project
from model_zoo.workspace.manifest import DataSet


class Evidence(StrEnum):
    """How the possible gain of removing a cause is known."""

    BOUND = "bound"
    RETRAINED = "measured by retraining"
    NOT_IDENTIFIABLE = "not identifiable"


@dataclass(frozen=True, slots=True)
class Gain:
    """Maximum gain from removing a cause, as a share of all images."""

    evidence: Evidence
    share: Share


@dataclass(frozen=True)
class Diagnosis:
    """One subject evaluated in its original K classes, with the symptoms of each cause.

    ``coarser_of`` (K,) is the index of the class of ``coarser`` that contains each class. ``training`` (K,) counts the
    training images of each class, ``n_train_left_out`` those of no class. ``prediction_ratios`` (K,) are numbers
    predicted over numbers true. ``probability_mass`` (K, 3): on the class, its siblings, all others. ``newly_correct``
    and ``newly_incorrect`` (N,) count the runs in which summing class probabilities makes an image correct or
    incorrect. Without ``has_probabilities``, every value that needs probabilities is NaN.
    """

    subject: Subject
    split: Split
    labels: Labels
    evaluation: Evaluation
    coarser: Taxonomy
    coarser_of: NDArray[np.int64]
    training: NDArray[np.int64]
    n_train_left_out: int
    measures: Mapping[Cause, Measure]
    gains: Mapping[Cause, tuple[Gain, ...]]
    recalls: tuple[Figure, ...]
    recall_and_support: symptoms.Correlation
    prediction_ratios: tuple[symptoms.ImbalanceRatio, ...]
    prediction_ratio_and_training: symptoms.Correlation
    errors: symptoms.ErrorSplit
    pairs: tuple[symptoms.ConfusedPair, ...]
    people: People
    people_and_models: symptoms.Correlation
    probability_mass: NDArray[np.float64]
    newly_correct_share: Share
    newly_incorrect_share: Share
    newly_correct: NDArray[np.int64]
    newly_incorrect: NDArray[np.int64]
    calibration: Calibration
    groups: tuple[symptoms.GroupRecall, ...]
    retrained: RetrainingResults = NO_RETRAINING
    where: Filter | None = None
    has_probabilities: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """The subject's original classes, in index order."""
        return self.evaluation.taxonomy.names

    @property
    def merges(self) -> bool:
        """Whether the coarser classes merge any of the original classes."""
        return len(set(self.coarser_of.tolist())) < len(self.coarser_of)

    @property
    def has_training_counts(self) -> bool:
        """Whether the data set lists any training image; otherwise the class sizes in training are unknown."""
        return bool(self.training.any())

    @property
    def has_imported_run(self) -> bool:
        """Whether any run was imported; such a run may have been trained on other images than ``training`` counts."""
        return any(run.card.is_imported for run in self.subject.runs)

    @property
    def basis(self) -> str:
        """Class set, split, filter, labels, number of images and number of patients, as text."""
        taxonomy = self.evaluation.taxonomy
        return (
            f"Classes of {taxonomy.name} ({len(taxonomy.classes)}); {images_words(self.split, self.where)}, "
            f"{LABELS[self.labels]}, "
            f"{images_of_patients(len(self.evaluation.truth), self.evaluation.n_patients)}"
        )

    def images(self, n_runs: NDArray[np.int64]) -> tuple[tuple[str, int], ...]:
        """(image id, number of runs) for all nonzero entries of ``n_runs`` (N,), most runs first."""
        order = np.argsort(-n_runs, kind="stable")
        return tuple((self.evaluation.image_ids[k], int(n_runs[k])) for k in order if n_runs[k])


def coarser_spaces(
    subjects: Sequence[Subject], taxonomies: Mapping[str, Taxonomy], opening: Sequence[str]
) -> Mapping[str, Taxonomy]:
    """Name -> coarser class set available for all subjects; the first is the default.

    For subjects with different classes the first is their shared classes. Then come the taxonomies that all subjects
    refine: first those selected in the workspace, then from fine to coarse. If there is none, the subject's own classes
    are used.
    """
    own = [subject.taxonomy for subject in subjects]
    fewest = min(len(taxonomy.classes) for taxonomy in own)
    ground = common_ground(own)
    found = {ground.name: ground} if len({taxonomy.hash for taxonomy in own}) > 1 else {}
    fitting = [
        one
        for one in taxonomies.values()
        if all(taxonomy.refines(one) for taxonomy in own) and 1 < len(one.classes) < max(2, fewest)
    ]
    fitting.sort(key=lambda one: one.name not in opening)
    found |= {one.name: one for one in fitting if one.name not in found}
    return found or {ground.name: ground}


def find_coarser(spaces: Mapping[str, Taxonomy], asked: str | None) -> Taxonomy:
    """The requested coarser class set, or the first; raises `LinkError` if the name is unknown."""
    asked = next((name for name, one in spaces.items() if asked == one.pinned), asked)
    if asked is not None and asked not in spaces:
        raise LinkError(f"There is no coarser space {asked[:100]!r} here; it can be {', '.join(spaces)}.")
    return spaces[asked] if asked is not None else next(iter(spaces.values()))


def diagnose(
    subject: Subject,
    coarser: Taxonomy,
    split: Split,
    which: Labels,
    labels: Mapping[str, Label],
    dataset: DataSet,
    stored: Sequence[Predictions],
    decisions: Iterable[Decision],
    *,
    retrained: RetrainingResults = NO_RETRAINING,
    where: Filter | None = None,
) -> Diagnosis:
    """Compute the symptoms of all four causes for ``subject``, whose runs' predictions are ``stored``.

    ``which`` says which ``labels`` (image id -> label) these are; ``where`` is the filter already applied to
    ``stored``. Training images are never filtered and are counted by their original label, because the runs were
    trained on it. ``retrained`` comes from `retraining_results` for the same images and labels.
    """
    taxonomy, groups = subject.taxonomy, shared_meanings(subject.taxonomy, dataset.space)
    evaluation = evaluate(stored, taxonomy, taxonomy, labels, dataset.patients)
    rows = [stored[0].row_of[image_id] for image_id in evaluation.image_ids]
    probabilities = np.stack([one.probabilities[rows] for one in stored]).astype(np.float64)
    coarser_of = project(taxonomy, coarser).index
    training, n_train_left_out = training_images(taxonomy, dataset)
    measured = measure_causes(evaluation, probabilities, training, coarser_of, groups)
    measures = {measure.cause: measure for measure in measured}
    has_probabilities = not any(one.labels_only for one in stored)
    if not has_probabilities:
        measures[Cause.CAPACITY] = Measure(Cause.CAPACITY, math.nan, math.nan)
    pulls = symptoms.class_pull(evaluation)
    errors = symptoms.error_split(evaluation, coarser_of)
    pairs = symptoms.confused_pairs(evaluation, groups)
    gained_share, lost_share, gained, lost = symptoms.changed_by_summing(evaluation, probabilities, coarser_of)
    calibration = calibration_if_probabilities(evaluation, probabilities, coarser_of)
    if not has_probabilities:
        calibration = Calibration((), math.nan, math.nan)
        gained_share = lost_share = symptoms.share_of(evaluation, gained[None] > 0, np.zeros_like(gained, dtype=bool))
        probabilities = np.full_like(probabilities, np.nan)
    found = symptoms.group_recalls(evaluation, groups)
    people = people_of(decisions, taxonomy, dataset.space)
    return Diagnosis(
        subject=subject,
        split=split,
        labels=which,
        evaluation=evaluation,
        coarser=coarser,
        coarser_of=coarser_of,
        training=training,
        n_train_left_out=n_train_left_out,
        measures=measures,
        gains={
            Cause.IMBALANCE: (Gain(Evidence.BOUND, symptoms.small_classes(evaluation, training)),),
            Cause.CONFUSION: (Gain(Evidence.BOUND, symptoms.excess_on_pairs(errors, pairs)),),
            Cause.CAPACITY: (Gain(Evidence.BOUND, gained_share),),
            Cause.SCATTER: (Gain(Evidence.BOUND, symptoms.largest_cells_inside(evaluation, found)),),
        },
        recalls=tuple(class_figures(evaluation, ClassFigure.RECALL)),
        recall_and_support=symptoms.recall_and_support(evaluation, training),
        prediction_ratios=tuple(pulls),
        prediction_ratio_and_training=symptoms.correlation(
            np.array([one.value for one in pulls]), training.astype(np.float64)
        ),
        errors=errors,
        pairs=tuple(pairs),
        people=people,
        people_and_models=symptoms.people_and_models(people.disagreements, evaluation),
        probability_mass=symptoms.probability_mass(evaluation, probabilities, coarser_of),
        newly_correct_share=gained_share,
        newly_incorrect_share=lost_share,
        newly_correct=gained,
        newly_incorrect=lost,
        calibration=calibration,
        groups=tuple(found),
        retrained=retrained,
        where=where,
        has_probabilities=has_probabilities,
    )


def training_images(taxonomy: Taxonomy, dataset: DataSet) -> tuple[NDArray[np.int64], int]:
    """Number of training images per class of ``taxonomy``, (K,), and the number that belong to no class."""
    placed = taxonomy.place_all([image.label for image in dataset.split(Split.TRAIN)])
    known = placed[placed != OUTSIDE]
    return np.bincount(known, minlength=len(taxonomy.classes)), len(placed) - len(known)


def retrained(diagnoses: Sequence[Diagnosis]) -> tuple[Figure, ...]:
    """Accuracy of each subject in the coarser classes (argmax, then mapped), to compare separately trained models."""
    return tuple(accuracy(one.evaluation.project(project(one.evaluation.taxonomy, one.coarser))) for one in diagnoses)
