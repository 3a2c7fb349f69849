"""Section of a report: three or more models against the first, or the smallest detectable difference of one."""

import math
from typing import Any

from markupsafe import Markup

from dashboard.compare.many_models import ManyModelsResult, rare_class_names, sentences, table_rows
from dashboard.compare.smallest_gap import detectable_difference_words
from dashboard.report.contents import ReportContents
from dashboard.report.page import render
from dashboard.words import plain
from model_zoo.core.comparison.many_models import Contrast


def section(contents: ReportContents) -> Markup:
    """The table with its basis; for one model the smallest detectable difference; otherwise empty."""
    detectable = detectable_difference_words(contents.judged, contents.desk.workspace.rule)
    many = contents.many
    if many is None:
        return render("many_models.html", detectable=detectable, baseline="")
    return render(
        "many_models.html",
        detectable=detectable,
        baseline=many.baseline.title,
        rows=[{name: plain(cell) for name, cell in row.items()} for row in table_rows(many)],
        notes=" ".join([*sentences(many), contents.many_models_note]),
        alone=[
            f"{subject.title}: {', '.join(images)}"
            for subject, images in zip(many.judged.subjects, many.only_wrong, strict=True)
            if images
        ],
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
