"""Section of a report: region attention of the runs, or the command that computes it."""

from markupsafe import Markup

from dashboard.evaluation.comparison import Subject
from dashboard.report.contents import ReportContents
from dashboard.report.page import render
from dashboard.runs.region_attention import RegionAttention
from dashboard.runs.region_attention_words import (
    NO_HEATMAP_ENERGIES,
    energies_note,
    energy_row,
    flow_row,
    flows_note,
    why_no_region_attention,
)


def section(contents: ReportContents) -> Markup:
    """All analyzed runs of every subject; one sentence for a subject without any."""
    return render(
        "region_attention.html", subjects=[_subject(contents, subject) for subject in contents.judged.subjects]
    )


def _subject(contents: ReportContents, subject: Subject) -> dict[str, object]:
    analyzed = [one for run in subject.runs for one in contents.region_attention[run.run_id]]
    first = next((run for run in subject.runs if run.weights_path), subject.runs[0])
    return {
        "title": subject.title,
        "why_none": "" if analyzed else why_no_region_attention(contents.desk.workspace, first),
        "runs": [{"title": f"{one.looks.run_id}, {one.looks.split} split", "tables": _tables(one)} for one in analyzed],
    }


def _tables(one: RegionAttention) -> list[tuple[str, list[dict[str, str]]]]:
    """Notes, each with the rows of the table below it."""
    note = energies_note(one.looks, one.basis) if one.looks.layers else NO_HEATMAP_ENERGIES
    energies = [energy_row(energy, one.looks) for energy in one.energies] if one.looks.layers else []
    return [
        (note, energies),
        *(
            (flows_note(region, one.basis), [flow_row(flow) for flow in one.flows if flow.region == region])
            for region in dict.fromkeys(flow.region for flow in one.flows)
        ),
    ]
