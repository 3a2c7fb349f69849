"""Sections of a report: results, classes, confusion matrices and sources."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from html import escape
from importlib.metadata import version

import plotly.graph_objects as go

from dashboard.compare import label_noise_words
from dashboard.compare import verdict_words as words
from dashboard.compare.matrices import why_no_difference
from dashboard.compare.verdict_plot import forest_figure, forest_lines
from dashboard.evaluation.class_selection import PlottedClasses, plotted_classes, plotted_differences
from dashboard.evaluation.comparison import Comparison
from dashboard.evaluation.verdict import Judgement, question_of, why_none
from dashboard.report.contents import ReportContents
from dashboard.report.examples import differing_examples
from dashboard.report.page import chart, table
from dashboard.ui.matrices_plot import INCONCLUSIVE_MARK, UNITS, confusion_figure, difference_figure
from dashboard.ui.plots import Theme, class_figure
from dashboard.words import counted, interval_text, no_interval, of_counts, plain, share_text
from model_zoo.core.comparison.difference_matrix import FEW_IMAGES, difference_matrix
from model_zoo.core.comparison.outcomes import Question
from model_zoo.core.evaluation.confusion import Per
from model_zoo.core.evaluation.evaluation import Figure, accuracy, churn, class_figures
from model_zoo.core.evaluation.metrics import ClassFigure


def now() -> str:
    """The current time, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def heading(contents: ReportContents) -> str:
    """Title, data and software version of the comparison."""
    judged, dataset = contents.judged, contents.desk.dataset()
    basis = judged.basis(judged.evaluations[0]) if judged.one_basis else _each_its_own(judged)
    return (
        f"<h1>{escape(contents.desk.workspace.name)}: {escape(title(judged))}</h1>"
        f'<p class="quiet">{escape(basis)}. Made {now()} with TaxoScope {version("taxoscope")}.</p>'
        + (f"<p>{escape(of_counts(len(dataset.images)))}</p>" if dataset.counts_alone else "")
    )


def title(judged: Comparison) -> str:
    """Names of the compared subjects, and the filter if not all images of the split are used."""
    compared = " against ".join(subject.title for subject in reversed(judged.subjects))
    return f"{compared}, where {judged.where.words}" if judged.where else compared


def verdicts(contents: ReportContents) -> str:
    """One card per subject against the first, or one sentence on why there is no result."""
    if sentence := why_none(contents.judged):
        return f"<p>{escape(sentence)}</p>"
    return "".join(_verdict(contents, judgement) for judgement in contents.judgements)


def classes(judged: Comparison) -> str:
    """Recall of each class; all subjects in one chart if they have the same images."""
    everybody = range(len(judged.subjects))
    parts = [
        '<h2>Each class</h2><p class="quiet">Recall; lines: 95 % interval, patients only; strokes: seeds. '
        f"{escape(_over(judged))}</p>"
    ]
    for group in [list(everybody)] if judged.one_basis else [[k] for k in everybody]:
        figures = [class_figures(judged.evaluations[k], ClassFigure.RECALL) for k in group]
        titles, ids = zip(*((judged.subjects[k].title, judged.subjects[k].subject_id) for k in group))
        few = plotted_classes(figures)
        parts.append(_few(few, "All of them are in comparison.csv."))
        parts.append(chart(partial(_classes, [[one[k] for k in few.positions] for one in figures], titles, ids)))
    return "".join(parts)


def matrices(judged: Comparison) -> str:
    """Accuracy and confusion matrix of each subject; for two over the same images also their difference."""
    parts = []
    for subject, evaluation in zip(judged.subjects, judged.evaluations, strict=True):
        figure, n_runs = accuracy(evaluation), len(subject.runs)
        spread = (
            f"; SD over {n_runs} seeds {100 * figure.sd:.1f} points; two seeds disagree on "
            f"{share_text(churn(evaluation.predicted))} of images"
            if n_runs > 1 and not math.isnan(figure.mean)
            else ""
        )
        of = f"mean matrix of {n_runs} runs" if n_runs > 1 else "matrix"
        draw = partial(confusion_figure, evaluation.confusion, Per.TRUE, of_runs=n_runs)
        parts.append(
            f"<h2>{escape(subject.title)}</h2><p>Accuracy {share_text(figure.mean)} (95 %, patients only: "
            f"{interval_text(figure.share.low, figure.share.high)}){spread}.{no_interval(figure.share.n_patients)} "
            f"{escape(judged.basis(evaluation))}; {of}, % of the true class.</p>" + chart(draw)
        )
    return "".join(parts) + ("" if why_no_difference(judged) else _difference(judged))


def sources(judged: Comparison) -> str:
    """Every run with the hashes of its taxonomy, data and weights."""
    rows = [
        {
            "run": plain(run.run_id),
            "taxonomy": plain(f"{run.card.taxonomy.reference} ({run.card.taxonomy.hash})"),
            "architecture": plain(run.card.architecture) or "–",
            "seed": f"{run.card.seed}",
            "data": plain(run.card.data_hash.get(str(judged.split), "–")),
            "weights, sha256": plain(run.card.weights_sha256[:16] or "–"),
            "trained with": plain(", ".join(f"{name} {which}" for name, which in run.card.versions.items()) or "–"),
        }
        for subject in judged.subjects
        for run in subject.runs
    ]
    return f"<h2>Where it comes from</h2>{table(rows)}"


def _verdict(contents: ReportContents, judgement: Judgement) -> str:
    judged, rule, asked = contents.judged, contents.desk.workspace.rule, question_of(judgement)
    result = judgement.verdicts[asked, rule.figure]
    other = Question.CHECKPOINT if asked is Question.TRAINING else Question.TRAINING
    beside = judgement.verdicts[other, rule.figure]
    names = judgement.subject.title, judgement.reference.title
    few = plotted_differences(judgement.rows(asked, ClassFigure.RECALL))
    lines = forest_lines(judgement, asked, rule, ClassFigure.RECALL, few.positions)
    tipping = judgement.tipping_point(rule.figure)
    errors = " ".join(label_noise_words.sentences(tipping, contents.reviewing)) if tipping else ""
    a, b = (judged.evaluations[judged.subjects.index(one)] for one in (judgement.subject, judgement.reference))
    secondary = (
        f'<p class="quiet">Secondary look, restricted to {escape(judged.where.words)}: not the verdict that was fixed '
        "beforehand.</p>"
        if judged.where
        else ""
    )
    method = "".join(f"<li>{escape(line)}</li>" for line in words.decision_method(judgement, rule))
    draw = partial(forest_figure, lines, judgement.subject.subject_id, names, rule.margin)
    return (
        f"<section><h2>{escape(words.verdict_sentence(judgement, result, judged.where))}</h2>{secondary}"
        f"<p>{escape(words.accuracy_sentence(judgement, result))}</p>"
        f'<p class="quiet">{escape(judged.basis(a))}. {escape(words.uncertainty_note(judgement, asked))} '
        f"{escape(contents.result_notes.get(judgement.subject.subject_id, ''))}</p>"
        + (f"<p><b>Label errors.</b> {escape(errors)}</p>" if errors else "")
        + f"<p>{escape(words.QUESTION_TEXTS[other])}. "
        f"{escape(words.verdict_sentence(judgement, beside, judged.where))} "
        f"{escape(words.accuracy_sentence(judgement, beside))}</p>"
        f"{_few(few, 'All of them are in comparison.json.')}{chart(draw)}"
        f'<ul class="quiet">{method}</ul>{differing_examples(contents.desk, judgement, a, b)}</section>'
    )


def _difference(judged: Comparison) -> str:
    first, second = judged.subjects
    before, after = judged.evaluations
    found = difference_matrix(before, after, Per.TRUE)
    draw = partial(
        difference_figure, found, titles=(first.title, second.title), of_runs=(len(first.runs), len(second.runs))
    )
    return (
        f"<h2>{escape(second.title)} minus {escape(first.title)}</h2>"
        f"<p>{escape(judged.basis(before))}; {UNITS[Per.TRUE]}. Blue: better, orange: worse, on the "
        f"diagonal and beside it alike; {INCONCLUSIVE_MARK}: the 95 % interval (patients only) holds 0; "
        f"grey: fewer than {counted(FEW_IMAGES, 'image')} on both sides.</p>" + chart(draw)
    )


def _few(few: PlottedClasses, where_all: str) -> str:
    return f'<p class="quiet">{few.sentence} {where_all}</p>' if few.sentence else ""


def _classes(
    figures: Sequence[Sequence[Figure]], titles: Sequence[str], subject_ids: Sequence[str], theme: Theme
) -> go.Figure:
    return class_figure(figures, titles, subject_ids, None, theme, "recall")


def _over(judged: Comparison) -> str:
    return f"{judged.basis(judged.evaluations[0])}." if judged.one_basis else f"{_each_its_own(judged)}."


def _each_its_own(judged: Comparison) -> str:
    return "Each over its own images" if judged.one_space else "Each in its own classes: answers to different questions"
