"""Section of a report: region attention of the runs, or the command that computes it."""

from html import escape

from dashboard.evaluation.comparison import Subject
from dashboard.report.contents import ReportContents
from dashboard.report.page import rich, table
from dashboard.runs.region_attention import RegionAttention
from dashboard.runs.region_attention_words import (
    NO_HEATMAP_ENERGIES,
    energies_note,
    energy_row,
    flow_row,
    flows_note,
    why_no_region_attention,
)


def section(contents: ReportContents) -> str:
    """All analyzed runs of every subject; one sentence for a subject without any."""
    return "<h2>What they look at</h2>" + "".join(_subject(contents, subject) for subject in contents.judged.subjects)


def _subject(contents: ReportContents, subject: Subject) -> str:
    there = [one for run in subject.runs for one in contents.region_attention[run.run_id]]
    if not there:
        first = next((run for run in subject.runs if run.weights_path), subject.runs[0])
        sentence = rich(why_no_region_attention(contents.desk.workspace, first))
        return f"<h3>{escape(subject.title)}</h3><p>{sentence}</p>"
    return "".join(_run(one) for one in there)


def _run(one: RegionAttention) -> str:
    note = energies_note(one.looks, one.basis) if one.looks.layers else NO_HEATMAP_ENERGIES
    parts = [
        f"<section><h3>{escape(one.looks.run_id)}, {escape(str(one.looks.split))} split</h3>",
        f'<p class="quiet">{rich(note)}</p>',
        *([table([energy_row(figure, one.looks) for figure in one.energies])] if one.looks.layers else []),
    ]
    for region in dict.fromkeys(flow.region for flow in one.flows):
        parts.append(f'<p class="quiet">{rich(flows_note(region, one.basis))}</p>')
        parts.append(table([flow_row(flow) for flow in one.flows if flow.region == region]))
    return "".join(parts) + "</section>"
