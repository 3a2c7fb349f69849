"""Sections of a report: results, classes, confusion matrices and sources."""

import base64
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

from markupsafe import Markup

from dashboard.compare import label_noise_words
from dashboard.compare import verdict_words as words
from dashboard.compare.matrices import why_no_difference
from dashboard.compare.verdict_plot import forest_figure, forest_lines
from dashboard.evaluation.class_selection import PlottedClasses, plotted_classes, plotted_differences
from dashboard.evaluation.comparison import Comparison, Subject
from dashboard.evaluation.undecided_words import undecided_note
from dashboard.evaluation.verdict import Judgement, question_of, why_none
from dashboard.report.contents import ReportContents
from dashboard.report.examples import differing_examples
from dashboard.report.page import render
from dashboard.ui.matrices_plot import INCONCLUSIVE_MARK, UNITS, confusion_figure, difference_figure
from dashboard.ui.plots import class_figure
from dashboard.words import counted, interval_text, no_interval, of_counts, plain, share_text
from model_zoo.core.comparison.difference_matrix import FEW_IMAGES, difference_matrix
from model_zoo.core.comparison.outcomes import Question
from model_zoo.core.evaluation.confusion import Per
from model_zoo.core.evaluation.evaluation import Evaluation, accuracy, churn, class_figures
from model_zoo.core.evaluation.metrics import ClassFigure

_MIME = {".csv": "text/csv", ".json": "application/json"}


def now() -> str:
    """The current time, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def heading(contents: ReportContents) -> Markup:
    """Title, data and software version of the comparison."""
    compared, dataset = contents.comparison, contents.desk.dataset()
    return render(
        "heading.html",
        workspace=contents.desk.workspace.name,
        title=title(compared),
        basis=_basis(compared),
        made=now(),
        version=version("taxoscope"),
        note=of_counts(len(dataset.images)) if dataset.counts_alone else "",
    )


def downloads(files: Mapping[str, str]) -> Markup:
    """Download links for data embedded in the page: file name -> text."""
    links = {
        name: f"data:{_MIME[Path(name).suffix]};base64,{base64.b64encode(text.encode()).decode()}"
        for name, text in files.items()
    }
    return render("downloads.html", links=links)


def title(compared: Comparison) -> str:
    """Names of the compared subjects, and the filter if not all images of the split are used."""
    titles = " against ".join(subject.title for subject in reversed(compared.subjects))
    return f"{titles}, where {compared.where.words}" if compared.where else titles


def verdicts(contents: ReportContents) -> Markup:
    """One card per subject against the first, or one sentence on why there is no result."""
    sentence, where = why_none(contents.comparison), contents.comparison.where
    return render(
        "verdicts.html",
        why_none=sentence,
        where=where.words if where else "",
        verdicts=[] if sentence else [_verdict(contents, judgement) for judgement in contents.judgements],
    )


def classes(compared: Comparison) -> Markup:
    """Recall of each class; all subjects in one chart if they have the same images."""
    everybody = range(len(compared.subjects))
    charts = []
    for group in [list(everybody)] if compared.one_basis else [[k] for k in everybody]:
        recalls = [class_figures(compared.evaluations[k], ClassFigure.RECALL) for k in group]
        titles, ids = zip(*((compared.subjects[k].title, compared.subjects[k].subject_id) for k in group))
        few = plotted_classes(recalls)
        plotted = [[one[k] for k in few.positions] for one in recalls]
        draw = partial(class_figure, plotted, titles, ids, None, axis_title="recall")
        charts.append({"plotted": _plotted(few, "All of them are in comparison.csv."), "draw": draw})
    return render("classes.html", basis=_basis(compared), charts=charts)


def matrices(compared: Comparison) -> Markup:
    """Accuracy and confusion matrix of each subject; for two over the same images also their difference."""
    shown = [_matrix(compared, *one) for one in zip(compared.subjects, compared.evaluations, strict=True)]
    if not why_no_difference(compared):
        shown.append(_difference(compared))
    return render("matrices.html", matrices=shown)


def sources(compared: Comparison) -> Markup:
    """Every run with the hashes of its taxonomy, data and weights."""
    rows = [
        {
            "run": plain(run.run_id),
            "taxonomy": plain(f"{run.card.taxonomy.reference} ({run.card.taxonomy.hash})"),
            "architecture": plain(run.card.architecture) or "–",
            "seed": f"{run.card.seed}",
            "data": plain(run.card.data_hash.get(str(compared.split), "–")),
            "weights, sha256": plain(run.card.weights_sha256[:16] or "–"),
            "trained with": plain(", ".join(f"{name} {which}" for name, which in run.card.versions.items()) or "–"),
        }
        for subject in compared.subjects
        for run in subject.runs
    ]
    return render("sources.html", rows=rows)


def _verdict(contents: ReportContents, judgement: Judgement) -> dict[str, object]:
    compared, rule, question = contents.comparison, contents.desk.workspace.rule, question_of(judgement)
    result = judgement.verdicts[question, rule.figure]
    other = Question.CHECKPOINT if question is Question.TRAINING else Question.TRAINING
    other_result = judgement.verdicts[other, rule.figure]
    names = judgement.subject.title, judgement.reference.title
    few = plotted_differences(judgement.rows(question, ClassFigure.RECALL))
    lines = forest_lines(judgement, question, rule, ClassFigure.RECALL, few.positions)
    tipping = judgement.tipping_point(rule.figure)
    a, b = (compared.evaluations[compared.subjects.index(one)] for one in (judgement.subject, judgement.reference))
    return {
        "sentence": words.verdict_sentence(judgement, result, compared.where),
        "accuracy": words.accuracy_sentence(judgement, result),
        "basis": compared.basis(a),
        "uncertainty": words.uncertainty_note(judgement, question),
        "note": contents.result_notes.get(judgement.subject.subject_id, ""),
        "label_errors": " ".join(label_noise_words.sentences(tipping, contents.reviewing)) if tipping else "",
        "other_question": words.QUESTION_TEXTS[other],
        "other_sentence": words.verdict_sentence(judgement, other_result, compared.where),
        "other_accuracy": words.accuracy_sentence(judgement, other_result),
        "plotted": _plotted(few, "All of them are in comparison.json."),
        "draw": partial(forest_figure, lines, judgement.subject.subject_id, names, rule.margin),
        "method": words.decision_method(judgement, rule),
        "examples": differing_examples(contents.desk, judgement, a, b),
    }


def _matrix(compared: Comparison, subject: Subject, evaluation: Evaluation) -> dict[str, object]:
    metric, n_runs = accuracy(evaluation), len(subject.runs)
    spread = (
        f"; SD over {n_runs} seeds {100 * metric.sd:.1f} points; two seeds disagree on "
        f"{share_text(churn(evaluation.predicted))} of images"
        if n_runs > 1 and not math.isnan(metric.mean)
        else ""
    )
    matrix = f"mean matrix of {n_runs} runs" if n_runs > 1 else "matrix"
    return {
        "title": subject.title,
        "sentence": f"Accuracy {share_text(metric.mean)} (95 %, patients only: "
        f"{interval_text(metric.share.low, metric.share.high)}){spread}.{no_interval(metric.share.n_patients)} "
        f"{compared.basis(evaluation)}; {matrix}, % of the true class. {undecided_note(evaluation)}",
        "draw": partial(confusion_figure, evaluation.confusion, Per.TRUE, of_runs=n_runs),
    }


def _difference(compared: Comparison) -> dict[str, object]:
    first, second = compared.subjects
    before, after = compared.evaluations
    difference = difference_matrix(before, after, Per.TRUE)
    return {
        "title": f"{second.title} minus {first.title}",
        "sentence": f"{compared.basis(before)}; {UNITS[Per.TRUE]}. Blue: better, orange: worse, on the "
        f"diagonal and beside it alike; {INCONCLUSIVE_MARK}: the 95 % interval (patients only) holds 0; "
        f"grey: fewer than {counted(FEW_IMAGES, 'image')} on both sides.",
        "draw": partial(
            difference_figure,
            difference,
            titles=(first.title, second.title),
            of_runs=(len(first.runs), len(second.runs)),
        ),
    }


def _plotted(few: PlottedClasses, where_all: str) -> str:
    return f"{few.sentence} {where_all}" if few.sentence else ""


def _basis(compared: Comparison) -> str:
    if compared.one_basis:
        return compared.basis(compared.evaluations[0])
    if compared.one_space:
        return "Each over its own images"
    return "Each in its own classes: answers to different questions"
