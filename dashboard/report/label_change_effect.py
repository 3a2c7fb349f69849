"""Section of a report: effect of label changes, with the sentences and table of Compare."""

from dashboard.evaluation import label_change_effect_words as words
from dashboard.report.contents import ReportContents
from dashboard.report.page import rich, table
from dashboard.words import plain


def section(contents: ReportContents) -> str:
    """A row per subject, the direction of the bias, and the random-sample estimate; empty without reviews."""
    found = contents.reviewing
    if found is None:
        return ""
    lines = [*words.leans(found), *words.rankings(found)]
    about = words.sample(found) if found.drawn else "" if found.complete else words.WHAT_FOR
    basis = f"{rich(plain(words.coverage(found)))}. {words.HOW_TO_READ}."
    return (
        f'<h2>What reviewing changed</h2><p class="quiet">{basis}</p>'
        f"{table([words.row(found, one) for one in found.subjects])}"
        + "".join(f"<p>{rich(line)}</p>" for line in lines)
        + (f'<p class="quiet">{rich(plain(about))}</p>' if about else "")
    )
