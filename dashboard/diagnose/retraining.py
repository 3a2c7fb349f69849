"""Effect of retraining: with fewer images of one class (learning curve), or with a larger model."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from dashboard.evaluation.comparison import Subject, series_subject
from model_zoo.core.comparison.comparison import Rule, Verdict, can_answer, pair, verdict
from model_zoo.core.comparison.outcomes import Question
from model_zoo.core.evaluation.evaluation import Evaluation, Figure, class_figures, evaluate
from model_zoo.core.evaluation.metrics import ClassFigure, Headline
from model_zoo.core.label_space.labels import Label
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.workspace.learning_curve import ReducedClass, points
from model_zoo.workspace.run import Run, Series


@dataclass(frozen=True)
class LearningCurvePoint:
    """Recall of a class when trained with ``n_train`` of its images."""

    n_train: int
    recall: Figure


@dataclass(frozen=True)
class LearningCurve:
    """Recall of one class with reduced numbers of training images; the last point has all of them.

    ``rise`` compares all images against the fewest on the class's own images, ``others`` on the images of all other
    classes.
    """

    name: str
    points: tuple[LearningCurvePoint, ...]
    rise: Verdict
    others: Verdict


@dataclass(frozen=True)
class LargerModel:
    """A run group trained in the same way with more parameters; ``verdict`` compares it with the subject."""

    subject: Subject
    n_parameters: int
    verdict: Verdict


@dataclass(frozen=True)
class RetrainingResults:
    """Learning curves and larger models of one subject."""

    curves: tuple[LearningCurve, ...] = ()
    larger_models: tuple[LargerModel, ...] = ()


NO_RETRAINING = RetrainingResults()


@dataclass(frozen=True)
class RunEvaluator:
    """Evaluates runs over one split with given labels; ``only`` restricts the images if given."""

    split: Split
    labels: Mapping[str, Label]
    patients: Mapping[str, str]
    only: Set[str] | None = None

    def __call__(self, runs: Sequence[Run], space: Taxonomy) -> Evaluation:
        """Evaluation of runs that share one taxonomy, in the classes of ``space``."""
        predictions = [run.predictions(self.split) for run in runs]
        restricted = predictions if self.only is None else [one.only(self.only) for one in predictions]
        return evaluate(restricted, runs[0].card.taxonomy, space, self.labels, self.patients)


def retraining_results(
    subject: Subject,
    series: Sequence[Series],
    thinned: Sequence[Series],
    coarser: Taxonomy,
    judge: RunEvaluator,
    rule: Rule,
) -> RetrainingResults:
    """Learning curves (from ``thinned``) and larger models (from ``series``) that match ``subject``."""
    card = subject.runs[0].card
    curves = tuple(_curve(subject, name, some, judge, rule) for name, some in points(card, thinned).items())
    wider = tuple(
        LargerModel(
            series_subject(one),
            one.card.n_parameters,
            compare_accuracy(judge(one.runs, coarser), judge(subject.runs, coarser), rule),
        )
        for one in series
        if _is_wider(one, subject.runs[0])
    )
    return RetrainingResults(curves, wider)


def compare_accuracy(a: Evaluation, b: Evaluation, rule: Rule) -> Verdict:
    """Accuracy of A minus B: over patients and seeds if there are enough of both, otherwise over patients."""
    both = pair(a, b)
    question = Question.TRAINING if can_answer(both, Question.TRAINING) else Question.CHECKPOINT
    return verdict(both, Headline.ACCURACY, question, rule.margin)


def _curve(subject: Subject, name: str, thinned: Sequence[Series], judge: RunEvaluator, rule: Rule) -> LearningCurve:
    taxonomy, card = subject.taxonomy, subject.runs[0].card
    k = card.classes.index(name)
    fewest, *_ = judged = [judge(runs, taxonomy) for runs in (*(series.runs for series in thinned), subject.runs)]
    kept = [ReducedClass.of(one.card).n_images for one in thinned]
    n_all = card.n_train_images - thinned[0].card.n_train_images + kept[0]
    recalls = [class_figures(one, ClassFigure.RECALL)[k] for one in judged]
    own = fewest.truth == k
    rise, others = (
        compare_accuracy(judged[-1].only(rows), fewest.only(rows), rule) for rows in (own, np.logical_not(own))
    )
    return LearningCurve(
        name,
        tuple(LearningCurvePoint(n, recall) for n, recall in zip([*kept, n_all], recalls, strict=True)),
        rise,
        others,
    )


def _is_wider(one: Series, run: Run) -> bool:
    """Whether ``one`` was trained like ``run`` on the same images and classes, with more parameters."""
    other, card = one.card, run.card
    alike = ("data_hash", "recipe", "preprocessing")
    return (
        other.taxonomy.hash == card.taxonomy.hash
        and all(getattr(other, name) == getattr(card, name) for name in alike)
        and other.architecture != card.architecture
        and other.n_parameters > card.n_parameters
    )
