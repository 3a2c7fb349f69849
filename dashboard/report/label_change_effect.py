"""Section of a report: effect of label changes, with the sentences and table of Compare."""

from markupsafe import Markup

from dashboard.evaluation import label_change_effect_words as words
from dashboard.report.contents import ReportContents
from dashboard.report.page import render


def section(contents: ReportContents) -> Markup:
    """A row per subject, the direction of the bias, and the random-sample estimate; empty without reviews."""
    effect = contents.reviewing
    if effect is None:
        return Markup()
    return render(
        "label_change_effect.html",
        coverage=words.coverage(effect),
        how_to_read=words.HOW_TO_READ,
        rows=[words.row(effect, one) for one in effect.subjects],
        lines=[*words.leans(effect), *words.rankings(effect)],
        note=words.sample(effect) if effect.drawn else "" if effect.complete else words.WHAT_FOR,
    )
