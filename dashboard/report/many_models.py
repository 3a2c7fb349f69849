"""Section of a report: three or more models against the first, or the smallest detectable difference of one."""

from markupsafe import Markup

from dashboard.compare.many_models import sentences, table_rows
from dashboard.compare.smallest_gap import detectable_difference_words
from dashboard.report.contents import ReportContents
from dashboard.report.page import render
from dashboard.words import plain


def section(contents: ReportContents) -> Markup:
    """The table with its basis; for one model the smallest detectable difference; otherwise empty."""
    detectable = detectable_difference_words(contents.comparison, contents.desk.workspace.rule)
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
