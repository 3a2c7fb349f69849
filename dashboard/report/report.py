"""Report on a comparison: one self-contained HTML page, with its numbers as CSV and JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dashboard.compare.many_models import compare_subjects, compare_subset, many_models_note
from dashboard.compare.result_notes import result_notes
from dashboard.diagnose.diagnosis import Diagnosis
from dashboard.evaluation.comparison import Comparison
from dashboard.evaluation.label_change_effect import label_change_effect
from dashboard.evaluation.verdict import Judgement
from dashboard.report import causes, comparison, many_models, numbers, page, region_attention
from dashboard.report import label_change_effect as label_change_section
from dashboard.report.contents import ReportContents, region_attention_of_runs
from dashboard.server_state.open_workspace import Desk
from model_zoo.workspace.manifest import write_whole


@dataclass(frozen=True, slots=True)
class Report:
    """The HTML page, a table with a row per subject and class as CSV, and all numbers with their sources as JSON."""

    html: str
    csv: str
    json: str


def build_report(
    desk: Desk, compared: Comparison, judgements: Sequence[Judgement], diagnoses: Sequence[Diagnosis]
) -> Report:
    """Build the report on ``compared``, with its results and the diagnoses of its subjects."""
    changed = label_change_effect(desk, compared.subjects, compared.space, compared.split, compared.where)
    many = compare_subjects(compared, desk.workspace.rule, partial(compare_subset, desk, compared))
    beside, many_beside = result_notes(desk, compared, judgements), many_models_note(desk, many) if many else ""
    attention = region_attention_of_runs(desk, compared)
    contents = ReportContents(desk, compared, judgements, diagnoses, attention, changed, many, beside, many_beside)
    table, tree = numbers.table(compared), json.dumps(numbers.tree(contents), indent=2)
    sections = [
        comparison.heading(contents),
        comparison.downloads({"comparison.csv": table, "comparison.json": tree}),
        comparison.verdicts(contents),
        many_models.section(contents),
        label_change_section.section(contents),
        comparison.classes(compared),
        comparison.matrices(compared),
        causes.section(contents),
        region_attention.section(contents),
        comparison.sources(compared),
    ]
    return Report(page.page(f"{desk.workspace.name}: {comparison.title(compared)}", sections), table, tree)


def write_report(made: Report, path: Path) -> tuple[Path, ...]:
    """Write the page to ``path`` and its numbers beside it; each file completely or not at all."""
    files = {path: made.html, path.with_suffix(".csv"): made.csv, path.with_suffix(".json"): made.json}
    for one, text in files.items():
        write_whole(one, text.encode())
    return tuple(files)
