"""A workspace on disk, from Python."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_zoo.core.errors import RunError
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from taxoscope.result import Result

if TYPE_CHECKING:
    import pandas as pd

    from dashboard.server_state.open_workspace import Desk


class Workspace:
    """Images, labels, taxonomies and runs of one folder; `open` gives it. What it reads is what the pages show."""

    def __init__(self, desk: "Desk") -> None:
        self._desk = desk

    def __repr__(self) -> str:
        series = ", ".join(one.series_id for one in self._desk.series()) or "none"
        return f"{self.name}: {len(self._desk.dataset().images):,} images; run groups: {series}"

    @property
    def name(self) -> str:
        """As the workspace declares it."""
        return self._desk.workspace.name

    @property
    def taxonomies(self) -> dict[str, Taxonomy]:
        """Name -> newest version, from fine to coarse."""
        return dict(self._desk.workspace.taxonomies())

    def images(self) -> "pd.DataFrame":
        """One row for each image: path, split, patient, original label, and the manifest's further columns."""
        import pandas as pd

        dataset, space = self._desk.dataset(), self._desk.workspace.space
        rows = [
            {
                "image_id": one.image_id,
                "path": one.path,
                "split": str(one.split),
                "patient_id": one.patient_id,
                "label": space.format(one.label),
                **one.columns,
            }
            for one in dataset.images
        ]
        return pd.DataFrame(rows).set_index("image_id")

    def runs(self) -> "pd.DataFrame":
        """One row for each run: run group, taxonomy, architecture and seed."""
        import pandas as pd

        rows = [
            {
                "run_id": run.run_id,
                "run_group": series.series_id,
                "taxonomy": run.card.taxonomy.reference,
                "architecture": run.card.architecture,
                "seed": run.card.seed,
            }
            for series in self._desk.series()
            for run in series.runs
        ]
        columns = ["run_id", "run_group", "taxonomy", "architecture", "seed"]
        return pd.DataFrame(rows, columns=columns).set_index("run_id")

    def predictions(self, run_id: str, split: str = "test") -> "pd.DataFrame":
        """Probabilities of a run, one row for each image and one column for each class."""
        import pandas as pd

        runs = self._desk.runs()
        if run_id not in runs:
            raise RunError(f"There is no run {run_id[:100]!r} here; it has {', '.join(list(runs)[:20]) or 'none yet'}.")
        stored = self._desk.predictions(run_id, _split(split))
        index: Any = pd.Index(stored.image_ids, name="image_id")
        return pd.DataFrame(stored.probabilities, index=index, columns=list(stored.classes))

    def compare(self, *names: str, split: str = "test") -> Result:
        """Runs or run groups against the first of ``names``, as ``taxoscope compare`` does."""
        from dashboard.address.selection import Labels, Space
        from dashboard.evaluation.comparison import compare, named_subjects

        if len(names) < 2:
            raise RunError("Give at least two runs or run groups to compare, the baseline first.")
        desk = self._desk
        dataset = desk.dataset()
        judged = compare(
            named_subjects(desk.series(), names),
            Space.COMMON,
            _split(split),
            Labels.ORIGINAL,
            dataset.labels,
            dataset.patients,
            alike=desk.alike(),
        )
        return Result(judged, desk.workspace.rule, desk=desk)


def open_workspace(folder: str | Path | None = None) -> Workspace:
    """The workspace in ``folder``, or the demo without one; `taxoscope.TaxoScopeError` says what it lacks."""
    from dashboard.server_state.open_workspace import Desk
    from dashboard.settings import Settings
    from model_zoo.workspace.workspace import Workspace as Folder

    return Workspace(Desk(Folder.open(Path(folder)) if folder is not None else Settings().open_workspace()))


def _split(name: str) -> Split:
    if name not in tuple(Split):
        raise RunError(f"split={name!r} is none; it can be {', '.join(map(repr, map(str, Split)))}.")
    return Split(name)
