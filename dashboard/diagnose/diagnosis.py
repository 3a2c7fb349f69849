"""Diagnose one run or series: the four causes, each with its figures and the images behind them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from dashboard.address.links import Where, images_words
from dashboard.address.selection import Labels
from dashboard.decisions.decision import Decision
from dashboard.diagnose.retraining import NO_RETRAINING, RetrainingResults
from dashboard.evaluation.annotator_agreement import People, people_of
from dashboard.evaluation.comparison import Subject
from dashboard.words import LABELS, images_of_patients
from model_zoo.core.diagnosis import symptoms
from model_zoo.core.diagnosis.diagnosis import Cause, Measure, measure_causes
from model_zoo.core.errors import LinkError
from model_zoo.core.evaluation.calibration import Calibration, calibration_there
from model_zoo.core.evaluation.evaluation import Evaluation, Figure, accuracy, class_figures, evaluate
from model_zoo.core.evaluation.metrics import ClassFigure, Share
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.label_space.class_groups import shared_meanings
from model_zoo.core.label_space.labels import Label
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import OUTSIDE, Taxonomy, common_ground, project
from model_zoo.workspace.manifest import DataSet


class Evidence(StrEnum):
    """What stands behind the gain that removing a cause would bring."""

    BOUND = "bound"
    RETRAINED = "measured by retraining"
    NOT_IDENTIFIABLE = "not identifiable"


@dataclass(frozen=True, slots=True)
class Gain:
    """What removing a cause would bring at most, as a share of all images.

    ``coarser`` says whether the share counts answers in the coarser space; else in the own classes.
    """

    evidence: Evidence
    share: Share
    coarser: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """One subject judged in its own K classes, with what each cause looks like.

    ``coarser_of`` (K,) is the class of ``coarser`` that each class falls into; ``training`` (K,) the
    training images of each class, ``n_train_left_out`` those that no class holds. ``gained`` and ``lost``
    (N,) say in how many runs summing makes each image right, or wrong. Not ``graded`` is a subject of whose answers
    the labels alone are known: what rests on probabilities is NaN.
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
    pulls: tuple[symptoms.Ratio, ...]
    pull_and_support: symptoms.Correlation
    errors: symptoms.ErrorSplit
    pairs: tuple[symptoms.Pair, ...]
    people: People
    people_and_models: symptoms.Correlation
    mass: NDArray[np.float64]
    gained_share: Share
    lost_share: Share
    gained: NDArray[np.int64]
    lost: NDArray[np.int64]
    calibration: Calibration
    groups: tuple[symptoms.GroupRecall, ...]
    retrained: RetrainingResults = NO_RETRAINING
    where: Where | None = None
    graded: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """The subject's own classes, in index order."""
        return self.evaluation.taxonomy.names

    @property
    def merges(self) -> bool:
        """Whether the coarser space puts any classes together."""
        return len(set(self.coarser_of.tolist())) < len(self.coarser_of)

    @property
    def counts_training(self) -> bool:
        """Whether any training image is listed; else nothing is known of how many each class had."""
        return bool(self.training.any())

    @property
    def trained_elsewhere(self) -> bool:
        """Whether some run was imported: it need not have learnt from what ``training`` counts."""
        return any(run.card.is_imported for run in self.subject.runs)

    @property
    def basis(self) -> str:
        """What the figures stand on: label space, split, what restricts it, labels, images and patients."""
        taxonomy = self.evaluation.taxonomy
        return (
            f"Classes of {taxonomy.name} ({len(taxonomy.classes)}); {images_words(self.split, self.where)}, "
            f"{LABELS[self.labels]}, "
            f"{images_of_patients(len(self.evaluation.truth), self.evaluation.n_patients)}"
        )

    def images(self, n_runs: NDArray[np.int64]) -> tuple[tuple[str, int], ...]:
        """(image id, in how many runs) for the images of ``n_runs`` (N,) that are not 0, most runs first."""
        order = np.argsort(-n_runs, kind="stable")
        return tuple((self.evaluation.image_ids[k], int(n_runs[k])) for k in order if n_runs[k])


def coarser_spaces(
    subjects: Sequence[Subject], taxonomies: Mapping[str, Taxonomy], opening: Sequence[str]
) -> Mapping[str, Taxonomy]:
    """Name -> label space in which the subjects can be looked at more coarsely; the first is the one to open with.

    Of subjects with different classes that is their common ground; then the taxonomies that all of them
    refine, those that the workspace opens with first, else from fine to coarse. A subject that refines none
    is looked at in its own classes.
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
    """The asked space, or the first; `LinkError` if there is none of that name."""
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
    where: Where | None = None,
) -> Diagnosis:
    """All that the four causes show of ``subject``, whose runs' predictions are ``stored``.

    ``which`` names what the ``labels`` (image id -> label) are, ``where`` what restricts ``stored``; training
    images are never restricted and count by their original label, as the runs were trained on it. ``retrained``
    is what `retraining_results` found over the same images and labels.
    """
    taxonomy, groups = subject.taxonomy, shared_meanings(subject.taxonomy, dataset.space)
    evaluation = evaluate(stored, taxonomy, taxonomy, labels, dataset.patients)
    rows = [stored[0].row_of[image_id] for image_id in evaluation.image_ids]
    probabilities = np.stack([one.probabilities[rows] for one in stored]).astype(np.float64)
    coarser_of = project(taxonomy, coarser).index
    training, n_train_left_out = training_images(taxonomy, dataset)
    measured = measure_causes(evaluation, probabilities, training, coarser_of, groups)
    measures = {measure.cause: measure for measure in measured}
    graded = not any(one.labels_alone for one in stored)
    if not graded:
        measures[Cause.CAPACITY] = Measure(Cause.CAPACITY, math.nan, math.nan)
    pulls = symptoms.pull(evaluation)
    errors = symptoms.error_split(evaluation, coarser_of)
    pairs = symptoms.confused_pairs(evaluation, groups)
    gained_share, lost_share, gained, lost = symptoms.changed_by_summing(evaluation, probabilities, coarser_of)
    calibration = calibration_there(evaluation, probabilities, coarser_of)
    if not graded:
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
            Cause.CAPACITY: (Gain(Evidence.BOUND, gained_share, coarser=True),),
            Cause.SCATTER: (Gain(Evidence.BOUND, symptoms.inside_strongest(evaluation, found)),),
        },
        recalls=tuple(class_figures(evaluation, ClassFigure.RECALL)),
        recall_and_support=symptoms.recall_and_support(evaluation, training),
        pulls=tuple(pulls),
        pull_and_support=symptoms.correlation(np.array([one.value for one in pulls]), training.astype(np.float64)),
        errors=errors,
        pairs=tuple(pairs),
        people=people,
        people_and_models=symptoms.people_and_models(people.disagreements, evaluation),
        mass=symptoms.mass(evaluation, probabilities, coarser_of),
        gained_share=gained_share,
        lost_share=lost_share,
        gained=gained,
        lost=lost,
        calibration=calibration,
        groups=tuple(found),
        retrained=retrained,
        where=where,
        graded=graded,
    )


def training_images(taxonomy: Taxonomy, dataset: DataSet) -> tuple[NDArray[np.int64], int]:
    """Images of the training split per class of ``taxonomy``, (K,), and how many of them no class holds."""
    placed = taxonomy.place_all([image.label for image in dataset.split(Split.TRAIN)])
    known = placed[placed != OUTSIDE]
    return np.bincount(known, minlength=len(taxonomy.classes)), len(placed) - len(known)


def retrained(diagnoses: Sequence[Diagnosis]) -> tuple[Figure, ...]:
    """Accuracy of each subject in the coarser space (argmax, then mapped): what training anew changed in all."""
    return tuple(accuracy(one.evaluation.project(project(one.evaluation.taxonomy, one.coarser))) for one in diagnoses)
