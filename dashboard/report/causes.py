"""Section of a report: the diagnosis of each subject."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from markupsafe import Markup

from dashboard.diagnose import diagnosis_plot, diagnosis_words
from dashboard.diagnose.diagnosis import Diagnosis, Evidence
from dashboard.report.contents import ReportContents
from dashboard.report.examples import confused_examples
from dashboard.report.page import render
from dashboard.server_state.open_workspace import Desk
from dashboard.ui.plots import SUBJECT_COLOURS
from dashboard.words import plain
from model_zoo.core.diagnosis.diagnosis import Cause

N_PAIRS = 8
"""Most pairs of classes in a table."""


def section(contents: ReportContents) -> Markup:
    """The four causes in their fixed order, each for every subject."""
    return render(
        "causes.html",
        introduction=diagnosis_words.INTRODUCTION,
        evidence=str(Evidence.RETRAINED).capitalize(),
        retrained=diagnosis_words.retraining_effect(contents.diagnoses),
        causes={
            cause: [
                _card(contents.desk, cause, diagnosis, SUBJECT_COLOURS[place % len(SUBJECT_COLOURS)])
                for place, diagnosis in enumerate(contents.diagnoses)
            ]
            for cause in Cause
        },
    )


def _card(desk: Desk, cause: Cause, diagnosis: Diagnosis, colour: str) -> dict[str, object]:
    return {
        "title": diagnosis.subject.title,
        "finding": diagnosis_words.cause_finding(cause, diagnosis),
        "basis": diagnosis.basis,
        "details": _confusion(desk, diagnosis) if cause is Cause.CONFUSION else _DETAILS[cause](diagnosis, colour),
    }


def _imbalance(diagnosis: Diagnosis, colour: str) -> Markup:
    recalls = partial(
        diagnosis_plot.recall_by_size_figure,
        diagnosis.recalls,
        diagnosis.training,
        diagnosis.subject.subject_id,
        colour=colour,
    )
    curves = diagnosis.retrained.curves
    return render(
        "imbalance.html",
        sentence=diagnosis_words.class_imbalance(diagnosis),
        recalls=recalls if diagnosis.has_training_counts else None,
        learning_curve=partial(diagnosis_plot.learning_curve_figure, curves) if curves else None,
        learning_curve_title=diagnosis_words.LEARNING_CURVE,
        learning_curve_note=diagnosis_words.CURVE,
    )


def _confusion(desk: Desk, diagnosis: Diagnosis) -> Markup:
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
    return render(
        "confusion.html",
        errors=diagnosis_words.error_split(diagnosis),
        rows=rows,
        n_pairs=f"{len(diagnosis.pairs):,}",
        people=diagnosis_words.rater_confusion(diagnosis),
        examples=confused_examples(desk, diagnosis),
    )


def _capacity(diagnosis: Diagnosis, colour: str) -> Markup:
    prediction_bias = partial(
        diagnosis_plot.prediction_bias_figure,
        diagnosis.names,
        diagnosis.prediction_ratios,
        diagnosis.training,
        diagnosis.subject.subject_id,
        colour=colour,
    )
    siblings = partial(diagnosis_plot.probability_mass_figure, diagnosis.names, diagnosis.probability_mass)
    return render(
        "capacity.html",
        underpredicted=diagnosis_words.underpredicted_class(diagnosis),
        prediction_bias=prediction_bias if diagnosis.has_training_counts else None,
        siblings=siblings if diagnosis.merges else None,
        siblings_note=diagnosis_words.sibling_classes(diagnosis),
        calibration=diagnosis_words.calibration_sentence(diagnosis),
        reliability=partial(diagnosis_plot.reliability_figure, diagnosis.calibration, colour=colour),
    )


def _scatter(diagnosis: Diagnosis, colour: str) -> Markup:
    groups = [one for one in diagnosis.groups if not np.isnan(one.score)] or list(diagnosis.groups)
    if not groups:
        return Markup()
    draw = partial(diagnosis_plot.groups_figure, groups, diagnosis.recalls, diagnosis.subject.subject_id, colour=colour)
    return render("scatter.html", groups=draw)


_DETAILS: Mapping[Cause, Callable[[Diagnosis, str], Markup]] = {
    Cause.IMBALANCE: _imbalance,
    Cause.CAPACITY: _capacity,
    Cause.SCATTER: _scatter,
}
