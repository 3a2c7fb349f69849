"""All contents of a report, before they become a page or numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dashboard.address.links import JUDGED
from dashboard.compare.many_models import ManyModelsResult
from dashboard.diagnose.diagnosis import Diagnosis
from dashboard.evaluation.comparison import Comparison
from dashboard.evaluation.label_change_effect import LabelChanges
from dashboard.evaluation.verdict import Judgement
from dashboard.runs.region_attention import RegionAttention, stored_region_attention
from dashboard.server_state.open_workspace import Desk


@dataclass(frozen=True)
class ReportContents:
    """A comparison, its verdicts, one diagnosis per subject in their order, and region attention of each run.

    ``region_attention`` maps a run id to the results of each split; empty if there are none. ``reviewing`` is the
    effect of label changes, None if nothing was reviewed. ``many`` compares three models or more with the first;
    ``result_notes`` maps a subject's id to the notes beside its result, ``many_models_note`` is the note below the
    table.
    """

    desk: Desk
    comparison: Comparison
    judgements: Sequence[Judgement]
    diagnoses: Sequence[Diagnosis]
    region_attention: Mapping[str, tuple[RegionAttention, ...]]
    reviewing: LabelChanges | None = None
    many: ManyModelsResult | None = None
    result_notes: Mapping[str, str] = field(default_factory=dict)
    many_models_note: str = ""


def region_attention_of_runs(desk: Desk, compared: Comparison) -> Mapping[str, tuple[RegionAttention, ...]]:
    """Run id -> stored results of `taxoscope look`, for all runs of all subjects."""
    runs = {run.run_id: run for subject in compared.subjects for run in subject.runs}
    dataset, workspace = desk.dataset(), desk.workspace
    return {
        run_id: tuple(
            one for split in JUDGED if (one := stored_region_attention(workspace, run, dataset, split)) is not None
        )
        for run_id, run in runs.items()
    }
