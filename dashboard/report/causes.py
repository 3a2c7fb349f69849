"""Section of a report: the diagnosis of each subject."""

from collections.abc import Callable, Mapping
from functools import partial
from html import escape

import numpy as np

from dashboard.diagnose import diagnosis_words
from dashboard.diagnose.diagnosis import Diagnosis, Evidence
from dashboard.diagnose.diagnosis_plot import (
    groups_figure,
    learning_curve_figure,
    prediction_bias_figure,
    probability_mass_figure,
    recall_by_size_figure,
    reliability_figure,
)
from dashboard.report.contents import ReportContents
from dashboard.report.examples import confused_examples
from dashboard.report.page import chart, rich, table
from dashboard.ui.plots import SUBJECT_COLOURS
from dashboard.words import plain
from model_zoo.core.diagnosis.diagnosis import Cause

N_PAIRS = 8
"""Most pairs of classes in a table."""

_INTERVAL = '<p class="quiet">Lines: 95 % interval, patients only.</p>'


def section(contents: ReportContents) -> str:
    """The four causes in their fixed order, each for every subject."""
    parts = [f"<h2>Why answers are wrong</h2><p>{rich(diagnosis_words.INTRODUCTION)}</p>"]
    if together := diagnosis_words.retraining_effect(contents.diagnoses):
        evidence = str(Evidence.RETRAINED).capitalize()
        parts.append(f"<p><i>{escape(evidence)}</i>, {rich(together)} How sure that is, the verdict says.</p>")
    for number, cause in enumerate(Cause, start=1):
        cards = "".join(_card(contents, cause, one, k) for k, one in enumerate(contents.diagnoses))
        parts.append(f"<section><h2>{number} · {escape(cause[0].upper() + cause[1:])}</h2>{cards}</section>")
    return "".join(parts)


def _card(contents: ReportContents, cause: Cause, diagnosis: Diagnosis, place: int) -> str:
    finding = diagnosis_words.cause_finding(cause, diagnosis)
    gains = "".join(f"<li><i>{escape(str(evidence))}</i>: {rich(text)}</li>" for evidence, text in finding.gains)
    colour = SUBJECT_COLOURS[place % len(SUBJECT_COLOURS)]
    return (
        f"<h3>{escape(diagnosis.subject.title)}</h3><p>{rich(finding.sentence)}</p>"
        f'<p class="quiet">{rich(finding.measure)} {escape(diagnosis.basis)}.</p>'
        f"{_FIGURES[cause](contents, diagnosis, colour)}"
        f"<p><b>What removing it would buy</b></p><ul>{gains}</ul>"
    )


def _imbalance(contents: ReportContents, diagnosis: Diagnosis, colour: str) -> str:
    draw = partial(
        recall_by_size_figure,
        diagnosis.recalls,
        diagnosis.training,
        diagnosis.subject.subject_id,
        colour=colour,
    )
    drawn = f"{chart(draw)}{_INTERVAL}{_curves(diagnosis)}" if diagnosis.has_training_counts else ""
    return f"<p>{rich(diagnosis_words.class_imbalance(diagnosis))}</p>{drawn}"


def _curves(diagnosis: Diagnosis) -> str:
    if not diagnosis.retrained.curves:
        return ""
    draw = partial(learning_curve_figure, diagnosis.retrained.curves)
    return f'<p>{rich(diagnosis_words.LEARNING_CURVE)}</p>{chart(draw)}<p class="quiet">{diagnosis_words.CURVE}</p>'


def _confusion(contents: ReportContents, diagnosis: Diagnosis, colour: str) -> str:
    names = diagnosis.names
    rows = [
        {
            "classes": f"{plain(names[pair.first])} / {plain(names[pair.second])}",
            "first as second": f"{pair.first_as_second:,.1f}",
            "second as first": f"{pair.second_as_first:,.1f}",
            "together": f"{pair.n_images:,.1f}",
            "expected": f"{pair.expected:,.1f}",
        }
        for pair in diagnosis.pairs[:N_PAIRS]
    ]
    about = (
        f'<p class="quiet">The pairs of classes mixed up most often, of {len(diagnosis.pairs):,}: images, mean over '
        "runs. Expected: going by how these classes, and groups of shared meaning, are mixed up otherwise.</p>"
    )
    return (
        f"<p>{rich(diagnosis_words.error_split(diagnosis))}</p>{table(rows)}{about if rows else ''}"
        f"<p>{rich(diagnosis_words.rater_confusion(diagnosis))}</p>{confused_examples(contents.desk, diagnosis)}"
    )


def _capacity(contents: ReportContents, diagnosis: Diagnosis, colour: str) -> str:
    pulls = partial(
        prediction_bias_figure,
        diagnosis.names,
        diagnosis.prediction_ratios,
        diagnosis.training,
        diagnosis.subject.subject_id,
        colour=colour,
    )
    drawn = f"{chart(pulls)}{_INTERVAL}" if diagnosis.has_training_counts else ""
    mass = partial(probability_mass_figure, diagnosis.names, diagnosis.probability_mass)
    siblings = (
        f'{chart(mass)}<p class="quiet">{rich(diagnosis_words.sibling_classes(diagnosis))}</p>'
        if diagnosis.merges
        else ""
    )
    reliability = partial(reliability_figure, diagnosis.calibration, colour=colour)
    return (
        f"<p>{rich(diagnosis_words.underpredicted_class(diagnosis))}</p>{drawn}{siblings}"
        f"<p>{rich(diagnosis_words.calibration_sentence(diagnosis))}</p>{chart(reliability)}{_INTERVAL}"
    )


def _scatter(contents: ReportContents, diagnosis: Diagnosis, colour: str) -> str:
    groups = [one for one in diagnosis.groups if not np.isnan(one.score)] or list(diagnosis.groups)
    if not groups:
        return ""
    draw = partial(groups_figure, groups, diagnosis.recalls, diagnosis.subject.subject_id, colour=colour)
    return (
        f'{chart(draw)}<p class="quiet">Groups: classes that share a value, or several, of what the workspace says an '
        "image can be (how many). Line: 95 % interval, patients only.</p>"
    )


_FIGURES: Mapping[Cause, Callable[[ReportContents, Diagnosis, str], str]] = {
    Cause.IMBALANCE: _imbalance,
    Cause.CONFUSION: _confusion,
    Cause.CAPACITY: _capacity,
    Cause.SCATTER: _scatter,
}
