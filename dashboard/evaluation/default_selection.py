"""What a page shows when its address leaves it open."""

from dashboard.address.data_view import CountedBy, DataView
from dashboard.address.links import JUDGED, Shown
from dashboard.server_state.open_workspace import Desk
from model_zoo.workspace.run import Series
from model_zoo.workspace.workspace import Workspace


def default_selection(desk: Desk) -> Shown:
    """The series of the taxonomies that the workspace opens with: the most usable one, then the newest version.

    Where that is fewer than two, which is nothing to compare, more are taken: the most usable first, and of these
    those of other taxonomies first.
    """
    series = desk.series()
    usable = {one.series_id: _usable(one) for one in series}
    found = []
    for name in desk.workspace.opening:
        named = [one for one in series if one.card.taxonomy.name == name]
        found += sorted(named, key=lambda one: (usable[one.series_id], one.card.taxonomy.version), reverse=True)[:1]
    while len(found) < 2 and (others := [one for one in series if one not in found]):
        taken = {one.card.taxonomy.name for one in found}
        found.append(max(others, key=lambda one: (usable[one.series_id], one.card.taxonomy.name not in taken)))
    return Shown(subjects=tuple(one.series_id for one in found))


def _usable(series: Series) -> tuple[bool, bool]:
    """Whether all its runs have predictions of every split that is judged; and whether they have a model."""
    return (
        all(run.has_predictions(split) for run in series.runs for split in JUDGED),
        all(run.weights_path for run in series.runs),
    )


def default_counts(workspace: Workspace) -> DataView:
    """The classes that the workspace opens with, else those of its finest taxonomy; labels where it has none."""
    known = workspace.taxonomies()
    name = next((one for one in (*workspace.opening, *known) if one in known), None)
    return DataView(CountedBy.CLASS, name) if name else DataView(CountedBy.LABEL)
