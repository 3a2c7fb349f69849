"""The verdict of each compared model against the first, and what supports it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dashboard.address.selection import Labels, Space
from dashboard.evaluation.comparison import Comparison, Subject
from model_zoo.core.comparison.class_rows import Row, class_rows
from model_zoo.core.comparison.comparison import (
    MIN_PATIENTS_FOR_RESULT,
    MIN_SEEDS,
    Pair,
    Rule,
    Verdict,
    can_answer,
    pair,
)
from model_zoo.core.comparison.comparison import verdict as judge
from model_zoo.core.comparison.outcomes import Question
from model_zoo.core.comparison.tipping_point import TippingPoint, tipping_point
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.metrics import ClassFigure, Headline
from model_zoo.core.label_space.splits import Split


@dataclass(frozen=True)
class Judgement:
    """``subject`` against ``reference`` over the same images of the common ground.

    ``evaluations`` are theirs. ``verdicts`` holds one per question and figure; the workspace's rule says which figure
    decides. `rows` and `tipping_point` are computed when they are first asked for: they take longer than all verdicts.
    """

    subject: Subject
    reference: Subject
    evaluations: tuple[Evaluation, Evaluation]
    pair: Pair
    verdicts: Mapping[tuple[Question, Headline], Verdict]
    _rows: dict[tuple[Question, ClassFigure], tuple[Row, ...]] = field(default_factory=dict, repr=False, compare=False)
    _points: dict[Headline, TippingPoint | None] = field(default_factory=dict, repr=False, compare=False)

    def rows(self, question: Question, figure: ClassFigure) -> tuple[Row, ...]:
        """Every class in ``figure``, in class order, its intervals holding for all at once.

        Where predictions are missing, an interval holds whatever these would have been.
        """
        if (question, figure) not in self._rows:
            self._rows[question, figure] = tuple(class_rows(self.pair, figure, question))
        return self._rows[question, figure]

    def tipping_point(self, figure: Headline) -> TippingPoint | None:
        """How many wrong labels would turn the result of `question_of` in ``figure``; None where none is stated."""
        if figure not in self._points:
            self._points[figure] = tipping_point(*self.evaluations, self.verdicts[question_of(self), figure])
        return self._points[figure]


def question_of(judgement: Judgement) -> Question:
    """The widest question that can be answered: the way of training where there are seeds enough."""
    return Question.TRAINING if can_answer(judgement.pair, Question.TRAINING) else Question.CHECKPOINT


def why_none(judged: Comparison) -> str | None:
    """One sentence that says why this comparison gets no verdict, if it gets none."""
    if len(judged.subjects) < 2:
        return "A verdict needs two: choose another run or series above."
    if judged.mixes_label_spaces and judged.space is Space.NATIVE:
        return "No verdict between native classes: switch to the common ground, where both are asked the same."
    if len(judged.ground.classes) < 2:
        return "No verdict: these taxonomies share no distinction, so nothing can be compared."
    if judged.labels is Labels.REVIEWED:
        return (
            "No verdict on labels as reviewed: only chosen images were reviewed, and correcting what a run got wrong "
            "can only raise that run. Switch to the original labels."
        )
    if judged.split is not Split.TEST:
        return f"No verdict on the {judged.split} split: it is for choosing, the test split for judging."
    return None


def judgements(judged: Comparison, rule: Rule) -> tuple[Judgement, ...]:
    """Every subject but the first against the first; empty where `why_none` has something to say."""
    if why_none(judged):
        return ()
    found, partly = [], judged.partly or (None,) * len(judged.subjects)
    for subject, evaluation, own in zip(judged.subjects[1:], judged.evaluations[1:], partly[1:], strict=True):
        both = pair(evaluation, judged.evaluations[0], (own, partly[0]))
        verdicts = {
            (question, figure): judge(both, figure, question, rule.margin)
            for question in Question
            for figure in Headline
        }
        found.append(Judgement(subject, judged.subjects[0], (evaluation, judged.evaluations[0]), both, verdicts))
    return tuple(found)


def too_few(judgement: Judgement, question: Question) -> str:
    """What is missing for an answer, in one sentence."""
    n_patients, runs = judgement.pair.a.n_patients, (judgement.pair.a.n_runs, judgement.pair.b.n_runs)
    if n_patients < MIN_PATIENTS_FOR_RESULT:
        return f"Too few patients: {n_patients}, and an interval needs {MIN_PATIENTS_FOR_RESULT}."
    if question is Question.TRAINING and min(runs) < MIN_SEEDS:
        return (
            f"Too few seeds: {runs[0]} and {runs[1]}, and {MIN_SEEDS} a side are needed to tell how much trainings "
            "differ. Train more seeds of both."
        )
    return "The figure is not defined here."
