"""Numbers of a report: metrics as CSV, and everything as JSON."""

import csv
import io
import math
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from dashboard.compare import many_models as comparing_many
from dashboard.compare.smallest_gap import rare_class_names, smallest_detectable_differences
from dashboard.decisions.csv_export import safe_cell
from dashboard.diagnose.diagnosis import Diagnosis
from dashboard.evaluation.comparison import Comparison
from dashboard.evaluation.label_change_effect import LabelChanges
from dashboard.evaluation.verdict import question_of
from dashboard.report.comparison import now
from dashboard.report.contents import ReportContents
from dashboard.runs.region_attention import RegionAttention
from model_zoo.core.comparison.comparison import Difference
from model_zoo.core.comparison.many_models import Contrast
from model_zoo.core.comparison.power import POWER
from model_zoo.core.diagnosis.diagnosis import LEVEL
from model_zoo.core.evaluation.evaluation import accuracy, class_figures
from model_zoo.core.evaluation.metrics import ClassFigure, Ratio, Share
from model_zoo.core.evaluation.undecided import accuracy_decided, has_undecided, share_undecided
from model_zoo.core.review.review_estimate import Estimate


def table(compared: Comparison) -> str:
    """Accuracy and per-class metrics as CSV, one line per subject and metric, safe to open in a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    sides = ("value", "low", "high", "sd over runs", "images", "patients")
    writer.writerow(["subject", "label space", "split", "restricted to", "labels", "figure", "class", *sides])
    for subject, evaluation in zip(compared.subjects, compared.evaluations, strict=True):
        rows = [("accuracy", "", accuracy(evaluation))]
        if has_undecided(evaluation):
            rows += [(one.name, "", one) for one in (share_undecided(evaluation), accuracy_decided(evaluation))]
        rows += [(str(kind), one.name, one) for kind in ClassFigure for one in class_figures(evaluation, kind)]
        where = compared.where.written if compared.where else ""
        about = (subject.title, evaluation.taxonomy.name, str(compared.split), where, str(compared.labels))
        for kind, name, one in rows:
            figures = (one.mean, one.share.low, one.share.high, one.sd)
            counts = (_count(one.share.n_images), _count(one.share.n_patients))
            writer.writerow([*map(safe_cell, about), kind, safe_cell(name), *figures, *counts])
    return out.getvalue()


def tree(contents: ReportContents) -> dict[str, Any]:
    """Sources, results, matrices, causes and region attention; undefined values are ``None``."""
    compared = contents.comparison
    return {
        "made": now(),
        "versions": {name: version(name) for name in ("taxoscope", "numpy", "scipy")},
        "basis": {
            "label space": compared.evaluations[0].taxonomy.name if compared.one_basis else None,
            "split": str(compared.split),
            "restricted to": compared.where.written if compared.where else None,
            "labels": str(compared.labels),
            "images and patients": {
                subject.subject_id: compared.images_of_patients(evaluation)
                for subject, evaluation in zip(compared.subjects, compared.evaluations, strict=True)
            },
        },
        "subjects": {
            subject.subject_id: {
                "title": subject.title,
                "taxonomy": [subject.taxonomy.name, subject.taxonomy.version, subject.taxonomy.hash],
                "runs": {run.run_id: run.card.weights_sha256 for run in subject.runs},
                "data": dict(subject.runs[0].card.data_hash),
            }
            for subject in compared.subjects
        },
        "verdicts": _verdicts(contents),
        "many models": many_models(contents.many) if contents.many else None,
        "smallest gaps": [
            {
                "question": str(one.question),
                "figure": str(one.figure),
                "power": POWER,
                "errors independent": _number(one.unrelated),
                "errors as alike as two seeds": _number(one.alike),
                "patients": one.n_patients,
                "seeds a side": one.n_runs,
                "rare classes": list(rare_class_names(contents.comparison, one)),
            }
            for one in smallest_detectable_differences(contents.comparison, contents.desk.workspace.rule)
        ],
        "label errors": _label_errors(contents),
        "classes": _classes(contents),
        "matrices": {
            subject.subject_id: {
                "classes": evaluation.taxonomy.names,
                "counts": evaluation.confusion.counts.tolist(),
                "elsewhere": evaluation.confusion.elsewhere.tolist(),
            }
            for subject, evaluation in zip(compared.subjects, compared.evaluations, strict=True)
        },
        "reviewing": _reviewing(contents.reviewing) if contents.reviewing else None,
        "causes": {one.subject.subject_id: _causes(one) for one in contents.diagnoses},
        "looks": [_looks(one) for there in contents.region_attention.values() for one in there],
    }


def many_models(many: comparing_many.ManyModelsResult) -> dict[str, Any]:
    """Three or more models against the first; undefined values are ``None``."""
    result, ids = many.found, [subject.subject_id for subject in many.judged.subjects]

    def contrast(one: Contrast) -> dict[str, Any]:
        return {
            "of": ids[one.of],
            "against": ids[one.against],
            "difference": _ends(one.difference),
            "answer": str(one.answer),
            "result": str(result.outcome(one)),
        }

    return {
        "baseline": many.baseline.subject_id,
        "question": str(result.question),
        "figure": str(result.figure),
        "margin": result.margin,
        "classes": list(many.judged.evaluations[0].taxonomy.names),
        "images": result.n_images,
        "patients": result.n_patients,
        "without a prediction": dict(zip(ids, result.n_missing, strict=True)),
        "values": {one: _number(v) for one, v in zip(ids, result.figures, strict=True)},
        "rows": [contrast(one) for one in result.rows],
        "pairs": [contrast(one) for one in result.pairs],
        "groups": [[ids[k] for k in group] for group in result.groups],
        "rare classes": list(comparing_many.rare_class_names(many)),
        "left out": {subject.subject_id: n for subject, n in many.left_out},
        "incorrect alone": {one: list(images) for one, images in zip(ids, many.only_wrong, strict=True)},
    }


def _verdicts(contents: ReportContents) -> list[dict[str, Any]]:
    return [
        {
            "of": judgement.subject.subject_id,
            "against": judgement.reference.subject_id,
            "question": str(question),
            "figure": str(figure),
            "deciding": figure is contents.desk.workspace.rule.figure,
            "margin": result.margin,
            "answer": str(result.answer),
            "outcome": str(result.outcome),
            "by more than the margin": result.outcome.by_more,
            "no difference seen": result.nothing_seen,
            "patients possibly missed": _number(result.unseen),
            "missing predictions": list(judgement.pair.n_missing),
            "values": [_number(result.a), _number(result.b)],
            "difference": _ends(result.difference),
            "images": result.n_images,
            "patients": result.n_patients,
            "beside": contents.result_notes.get(judgement.subject.subject_id, ""),
            "needs": asdict(result.needs) | {"power": POWER} if result.needs else None,
            "rare classes": list(result.rare),
        }
        for judgement in contents.judgements
        for (question, figure), result in judgement.verdicts.items()
    ]


def _label_errors(contents: ReportContents) -> dict[str, Any]:
    """Number of wrong labels that would change each result, and the share that the random review estimates."""
    rule, rate = contents.desk.workspace.rule, contents.reviewing.label_errors if contents.reviewing else None
    points = ((one, one.tipping_point(rule.figure)) for one in contents.judgements)
    return {
        "tipping points": [
            {
                "of": judgement.subject.subject_id,
                "against": judgement.reference.subject_id,
                "worst case": point.worst,
                "at random": point.at_random,
                "difference to zero": point.to_zero,
                "images where the models differ": point.n_differ,
                "images": point.n_images,
            }
            for judgement, point in points
            if point
        ],
        "share of wrong labels": rate and _ends(rate),
    }


def _classes(contents: ReportContents) -> list[dict[str, Any]]:
    """Every class's difference, for the question of the result; the intervals hold simultaneously."""
    return [
        {
            "of": judgement.subject.subject_id,
            "against": judgement.reference.subject_id,
            "question": str(question_of(judgement)),
            "figure": str(ClassFigure.RECALL),
            "class": row.name,
            "values": [_number(row.a), _number(row.b)],
            "difference": _ends(row.difference),
            "images": row.n_images,
            "patients": row.n_patients,
        }
        for judgement in contents.judgements
        for row in judgement.rows(question_of(judgement), ClassFigure.RECALL)
    ]


def _reviewing(result: LabelChanges) -> dict[str, Any]:
    """Effect of review: metrics before and after, changed images, estimated accuracy on corrected labels."""
    return {
        "images": result.n_images,
        "reviewed": len(result.reviewed),
        "relabelled": len(result.relabelled),
        "one-sided": result.chosen,
        "subjects": {
            one.subject.subject_id: {
                "before and after": {str(figure): [_number(v) for v in pair] for figure, pair in one.figures.items()},
                "moved": {str(moved): len(images) for moved, images in one.moved.items()},
                "if all were reviewed": one.estimate and _ends(one.estimate),
            }
            for one in result.subjects
        },
    }


def _causes(diagnosis: Diagnosis) -> dict[str, Any]:
    return {
        "classes": diagnosis.evaluation.taxonomy.name,
        "seen from": diagnosis.coarser.name,
        "images": len(diagnosis.evaluation.truth),
        "patients": diagnosis.evaluation.n_patients,
        "level of the four together": LEVEL,
        "measures": {
            str(cause): {
                "value": _number(measure.value),
                "chance gives up to": _number(measure.null_high),
                "outside": measure.stands_out if measure.can_tell else None,
                "gains": [{"evidence": str(gain.evidence), **_share(gain.share)} for gain in diagnosis.gains[cause]],
            }
            for cause, measure in diagnosis.measures.items()
        },
    }


def _looks(one: RegionAttention) -> dict[str, Any]:
    looks = one.looks
    return {
        "run": looks.run_id,
        "split": str(looks.split),
        "method": str(looks.method),
        "created": looks.created,
        "images": looks.n_images,
        "patients": looks.n_patients,
        "energies": [
            {
                "layer": figure.layer,
                "region": figure.region,
                "share": _share(figure.share),
                "area": _number(figure.area),
                "per area": _share(figure.ratio),
                "peak": _share(figure.peak),
                "empty": figure.n_empty,
            }
            for figure in one.energies
        ],
        "flows": [
            {
                "region": flow.region,
                "label space": flow.taxonomy.name,
                "becomes another": _share(flow.moved),
                "control": _share(flow.control),
            }
            for flow in one.flows
        ],
    }


def _share(one: Share | Ratio) -> dict[str, float | None]:
    figures = {"value": one.value, "low": one.low, "high": one.high}
    counts = {"images": _count(one.n_images), "patients": _count(one.n_patients)}
    return {name: _number(value) for name, value in figures.items()} | counts


def _ends(difference: Difference | Estimate) -> list[float | None]:
    """A value and its interval."""
    return [_number(end) for end in (difference.value, difference.low, difference.high)]


def _count(value: float) -> float | None:
    """An integer count, or a float if it is a mean over seeds."""
    return int(value) if float(value).is_integer() else _number(value)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
