"""What a page opens with when its address leaves it open."""

from dashboard.actions.desk import Desk
from dashboard.data_view import DataView
from dashboard.links import Shown
from model_zoo.core.choices import CountedBy
from model_zoo.run import Series
from model_zoo.workspace import Workspace


def opening(desk: Desk) -> Shown:
    """The series of the taxonomies that the workspace opens with, in the newest version trained.

    Where that is fewer than two, which is nothing to compare, more are taken: those of other taxonomies first.
    """
    series = desk.series()
    wanted = [
        max((one for one in series if one.card.taxonomy.name == name), key=_version, default=None)
        for name in desk.workspace.opening
    ]
    found = [one for one in wanted if one]
    while len(found) < 2 and (others := [one for one in series if one not in found]):
        named = {one.card.taxonomy.name for one in found}
        found.append(next((one for one in others if one.card.taxonomy.name not in named), others[0]))
    return Shown(subjects=tuple(one.series_id for one in found))


def _version(series: Series) -> int:
    return series.card.taxonomy.version


def opening_counts(workspace: Workspace) -> DataView:
    """The classes that the workspace opens with, else those of its finest taxonomy; labels where it has none."""
    known = workspace.taxonomies()
    name = next((one for one in (*workspace.opening, *known) if one in known), None)
    return DataView(CountedBy.CLASS, name) if name else DataView(CountedBy.LABEL)
