"""All that a report tells, before it becomes a page or numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dashboard.address.links import JUDGED
from dashboard.compare.many_models import ManyModelsResult
from dashboard.diagnose.diagnosis import Diagnosis
from dashboard.evaluation.comparison import Comparison
from dashboard.evaluation.label_change_effect import Reviewing
from dashboard.evaluation.verdict import Judgement
from dashboard.runs.region_attention import RegionAttention, stored_region_attention
from dashboard.server_state.open_workspace import Desk


@dataclass(frozen=True)
class ReportContents:
    """A comparison, its verdicts, one diagnosis per subject in their order, and what each run looks at.

    ``looks`` maps a run's id to what was found over each split; empty where nobody has looked.
    ``reviewing`` is what reviewing changed, None where nobody reviewed. ``many`` sets three models or more against the
    first; ``beside`` maps a subject's id to what stands beside its result, ``many_beside`` is that of the table.
    """

    desk: Desk
    judged: Comparison
    judgements: Sequence[Judgement]
    diagnoses: Sequence[Diagnosis]
    looks: Mapping[str, tuple[RegionAttention, ...]]
    reviewing: Reviewing | None = None
    many: ManyModelsResult | None = None
    beside: Mapping[str, str] = field(default_factory=dict)
    many_beside: str = ""


def region_attention_of_runs(desk: Desk, judged: Comparison) -> Mapping[str, tuple[RegionAttention, ...]]:
    """Run id -> what `taxoscope look` found about it, for all runs of all subjects."""
    runs = {run.run_id: run for subject in judged.subjects for run in subject.runs}
    dataset, workspace = desk.dataset(), desk.workspace
    return {
        run_id: tuple(
            one for split in JUDGED if (one := stored_region_attention(workspace, run, dataset, split)) is not None
        )
        for run_id, run in runs.items()
    }
