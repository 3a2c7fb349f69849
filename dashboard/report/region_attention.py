"""Section of a report: region attention of the runs, or the command that computes it."""

from markupsafe import Markup

from dashboard.evaluation.comparison import Subject
from dashboard.report.contents import ReportContents
from dashboard.report.page import render
from dashboard.runs import region_attention_words as words
from dashboard.runs.region_attention import RegionAttention


def section(contents: ReportContents) -> Markup:
    """All analyzed runs of every subject; one sentence for a subject without any."""
    return render(
        "region_attention.html", subjects=[_subject(contents, subject) for subject in contents.comparison.subjects]
    )


def _subject(contents: ReportContents, subject: Subject) -> dict[str, object]:
    analyzed = [one for run in subject.runs for one in contents.region_attention[run.run_id]]
    first = next((run for run in subject.runs if run.weights_path), subject.runs[0])
    return {
        "title": subject.title,
        "why_none": "" if analyzed else words.why_no_region_attention(contents.desk.workspace, first),
        "runs": [{"title": f"{one.looks.run_id}, {one.looks.split} split", "tables": _tables(one)} for one in analyzed],
    }


def _tables(one: RegionAttention) -> list[tuple[str, list[dict[str, str]]]]:
    """Notes, each with the rows of the table below it."""
    note = words.energies_note(one.looks, one.basis) if one.looks.layers else words.NO_HEATMAP_ENERGIES
    energies = [words.energy_row(energy, one.looks) for energy in one.energies] if one.looks.layers else []
    return [
        (note, energies),
        *(
            (words.flows_note(region, one.basis), [words.flow_row(flow) for flow in one.flows if flow.region == region])
            for region in dict.fromkeys(flow.region for flow in one.flows)
        ),
    ]
