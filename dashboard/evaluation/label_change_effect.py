"""The effect of review: metrics before and after label corrections, and the estimate from a random sample."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.address.links import Filter, images_words
from dashboard.address.selection import Labels, Space
from dashboard.decisions.random_sample import random_sample
from dashboard.evaluation.comparison import Comparison, Subject, compare, label_space_name
from dashboard.evaluation.filters import images_matching
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.metrics import Headline
from model_zoo.core.evaluation.patient_counts import counts_by_patient
from model_zoo.core.label_space.splits import Split
from model_zoo.core.review.label_change_effect import (
    BeforeAfter,
    LabelChangeEffect,
    reviewable_difference,
    reviewable_label_errors,
)
from model_zoo.core.review.review_estimate import Estimate, estimate

CHANGE_WORDS = {
    LabelChangeEffect.RIGHT: "became right",
    LabelChangeEffect.WRONG: "became wrong",
    LabelChangeEffect.SAME: "relabelled, answers as before",
    LabelChangeEffect.LEFT_OUT: "can no longer be placed",
    LabelChangeEffect.COUNTED: "can now be placed",
}


@dataclass(frozen=True)
class ChangedSubject:
    """One subject before and after reviewing, over the same images.

    ``figures`` holds each figure under the original and under the reviewed labels, ``moved`` the relabelled images
    (id -> in how many runs). ``wrong`` is the share of answers that were wrong before, of all images and of those
    ``looked`` at; ``estimate`` is of accuracy, None where no image was drawn at random.
    """

    subject: Subject
    judged: BeforeAfter
    figures: Mapping[Headline, tuple[float, float]]
    moved: Mapping[LabelChangeEffect, Mapping[str, int]]
    wrong: float
    wrong_looked: float
    estimate: Estimate | None


@dataclass(frozen=True)
class LabelChanges:
    """What reviewing changed for the compared subjects; the first of them is what the others are held against.

    ``n_images`` were asked about, ``reviewed`` of them have a standing label, which differs for those
    ``relabelled``. ``sample`` are the images drawn at random by ``seed``; all, by none, if every one is reviewed.
    ``basis`` names the label space, the split, what restricts it, and the images and patients that count.
    ``differences`` are of accuracy, subject id -> that subject minus the first, where both stand in one label space.
    ``label_errors`` is the share of wrong original labels in the first subject's class set; None without a sample.
    """

    basis: str
    n_images: int
    reviewed: frozenset[str]
    relabelled: frozenset[str]
    sample: tuple[str, ...]
    seed: int | None
    subjects: tuple[ChangedSubject, ...]
    differences: Mapping[str, Estimate]
    label_errors: Estimate | None

    @property
    def chosen(self) -> bool:
        """Whether some reviewed image was chosen otherwise than by chance: figures after reviewing then lean."""
        return not self.reviewed <= set(self.sample)

    @property
    def drawn(self) -> bool:
        """Whether there is an estimate from images drawn at random."""
        return self.subjects[0].estimate is not None

    @property
    def complete(self) -> bool:
        """Whether every image is reviewed."""
        return len(self.reviewed) == self.n_images


def label_change_effect(
    desk: Desk, subjects: Sequence[Subject], space: Space, split: Split, where: Filter | None = None
) -> LabelChanges | None:
    """What reviewing changed in the images of ``split`` that ``where`` names by original labels; None if nothing."""
    standing, asked = desk.standing(), _asked(desk, subjects, split, _only(desk, where))
    reviewed = frozenset(asked) & standing.keys()
    if not reviewed:
        return None
    relabelled = reviewed & _relabelled(desk)
    found = random_sample(desk.store.all(), asked, standing, split, where.words if where else "")
    seed = found.draw.seed if found and len(reviewed) < len(asked) else None
    sample = asked if len(reviewed) == len(asked) else found.image_ids if found else ()
    known, in_sample = (np.array([one in some for one in asked]) for some in (reviewed, set(sample)))
    before, judged = _both(desk, subjects, space, split, where, asked)
    changed = tuple(
        _changed(subject, one, relabelled, known, in_sample) for subject, one in zip(subjects, judged, strict=True)
    )
    return LabelChanges(
        _basis(before),
        len(asked),
        reviewed,
        relabelled,
        sample,
        seed,
        changed,
        _differences(changed, known, in_sample),
        estimate(reviewable_label_errors(judged[0], known), in_sample) if in_sample.any() else None,
    )


def changed_images(desk: Desk, comparison: Comparison, subject_id: str, moved: LabelChangeEffect) -> Mapping[str, int]:
    """The images of a comparison's subject that moved so: id -> in how many runs."""
    only = _only(desk, comparison.where)
    asked, relabelled = _asked(desk, comparison.subjects, comparison.split, only), _relabelled(desk)
    of = (desk, comparison.subjects, comparison.space, comparison.split, comparison.where)
    for subject, judged in zip(comparison.subjects, _both(*of, asked)[1], strict=True):
        if subject.subject_id == subject_id:
            return judged.moved(relabelled)[moved]
    return {}


def _only(desk: Desk, where: Filter | None) -> frozenset[str] | None:
    """The images that ``where`` names by their original labels."""
    return images_matching(where, desk.dataset(), desk.dataset().labels) if where else None


def _relabelled(desk: Desk) -> frozenset[str]:
    """The images whose standing label is another than their own."""
    original = desk.dataset().labels
    return frozenset(image_id for image_id, label in desk.standing().items() if label != original[image_id])


def _asked(desk: Desk, subjects: Sequence[Subject], split: Split, only: Set[str] | None) -> tuple[str, ...]:
    """The images that every subject was asked about."""
    first, *others = (desk.predictions(subject.runs[0].run_id, split) for subject in subjects)
    everywhere = [one for one in first.image_ids if all(one in other.row_of for other in others)]
    return tuple(one for one in everywhere if only is None or one in only)


def _basis(judged: Comparison) -> str:
    evaluation, images = judged.evaluations[0], images_words(judged.split, judged.where)
    common = judged.mixes_label_spaces and judged.space is Space.COMMON
    if judged.mixes_label_spaces and not common:
        space = "Native: each in its own classes, so these rows answer different questions"
    else:
        space = label_space_name(evaluation.taxonomy, common)
    counts = judged.images_of_patients(evaluation)
    return f"{space}; {images}, {counts if judged.same_images else 'each over those that its classes can place'}"


def _both(
    desk: Desk, subjects: Sequence[Subject], space: Space, split: Split, where: Filter | None, asked: tuple[str, ...]
) -> tuple[Comparison, list[BeforeAfter]]:
    """The comparison by original labels, and each subject judged by both."""
    by_original, by_reviewed = (
        compare(
            tuple(subjects), space, split, labels, desk.labels(labels), desk.dataset().patients,
            where=where, only=frozenset(asked), alike=desk.alike(),
        )
        for labels in (Labels.ORIGINAL, Labels.REVIEWED)
    )  # fmt: skip
    pairs = zip(by_original.evaluations, by_reviewed.evaluations, strict=True)
    return by_original, [BeforeAfter(asked, before, after) for before, after in pairs]


def _changed(
    subject: Subject,
    judged: BeforeAfter,
    relabelled: frozenset[str],
    known: NDArray[np.bool_],
    in_sample: NDArray[np.bool_],
) -> ChangedSubject:
    wrong = ~judged.before.right
    looked = known[judged.rows(judged.before)]
    return ChangedSubject(
        subject,
        judged,
        {figure: (_headline(judged.before, figure), _headline(judged.after, figure)) for figure in Headline},
        judged.moved(relabelled),
        float(wrong.mean()) if wrong.size else float("nan"),
        float(wrong[:, looked].mean()) if looked.any() else float("nan"),
        estimate(judged.reviewable(known), in_sample) if in_sample.any() else None,
    )


def _headline(evaluation: Evaluation, figure: Headline) -> float:
    """Mean over runs."""
    if not len(evaluation.truth):
        return float("nan")
    return float(counts_by_patient(evaluation).headline(figure).figure().mean())


def _differences(
    changed: Sequence[ChangedSubject], known: NDArray[np.bool_], in_sample: NDArray[np.bool_]
) -> Mapping[str, Estimate]:
    first, *others = changed
    same = [
        one
        for one in others
        if one.judged.before.taxonomy == first.judged.before.taxonomy
        and one.judged.before.image_ids == first.judged.before.image_ids
        and one.judged.after.image_ids == first.judged.after.image_ids
    ]
    if not in_sample.any():
        return {}
    return {
        one.subject.subject_id: estimate(reviewable_difference(one.judged, first.judged, known), in_sample)
        for one in same
    }
