"""Section of a report: three or more models against the first, or the smallest detectable difference of one."""

import math
from html import escape
from typing import Any

from dashboard.compare.many_models import ManyModelsResult, rare_class_names, sentences, table_rows
from dashboard.compare.smallest_gap import detectable_difference_words
from dashboard.report.contents import ReportContents
from dashboard.report.page import table
from dashboard.words import plain
from model_zoo.core.comparison.many_models import Contrast


def section(contents: ReportContents) -> str:
    """The table with its basis; for one model the smallest detectable difference; otherwise empty."""
    gaps = "".join(
        f"<p>{escape(one)}</p>" for one in detectable_difference_words(contents.judged, contents.desk.workspace.rule)
    )
    if contents.many is None:
        return gaps
    rows = [{name: plain(cell) for name, cell in row.items()} for row in table_rows(contents.many)]
    alone = "".join(
        f"<li>{escape(subject.title)}: {escape(', '.join(images))}</li>"
        for subject, images in zip(contents.many.judged.subjects, contents.many.only_wrong, strict=True)
        if images
    )
    return (
        f"<h2>All models against {escape(contents.many.baseline.title)}</h2>{table(rows)}"
        f'<p class="quiet">{escape(" ".join([*sentences(contents.many), contents.many_models_note]))}</p>'
        + (f"<p>Images that only one model gets wrong:</p><ul>{alone}</ul>" if alone else "")
    )


def tree(many: ManyModelsResult) -> dict[str, Any]:
    """The same as numbers; undefined values are ``None``."""
    found, ids = many.found, [subject.subject_id for subject in many.judged.subjects]

    def contrast(one: Contrast) -> dict[str, Any]:
        ends = (one.difference.value, one.difference.low, one.difference.high)
        return {
            "of": ids[one.of],
            "against": ids[one.against],
            "difference": [None if math.isnan(end) else end for end in ends],
            "answer": str(one.answer),
            "result": str(found.outcome(one)),
        }

    return {
        "baseline": many.baseline.subject_id,
        "question": str(found.question),
        "figure": str(found.figure),
        "margin": found.margin,
        "classes": list(many.judged.evaluations[0].taxonomy.names),
        "images": found.n_images,
        "patients": found.n_patients,
        "without a prediction": dict(zip(ids, found.n_missing, strict=True)),
        "values": {one: None if math.isnan(v) else v for one, v in zip(ids, found.figures, strict=True)},
        "rows": [contrast(one) for one in found.rows],
        "pairs": [contrast(one) for one in found.pairs],
        "groups": [[ids[k] for k in group] for group in found.groups],
        "rare classes": list(rare_class_names(many)),
        "left out": {subject.subject_id: n for subject, n in many.left_out},
        "incorrect alone": {one: list(images) for one, images in zip(ids, many.only_wrong, strict=True)},
    }
