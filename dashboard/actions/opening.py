"""What a page opens with when its address leaves it open."""

from dashboard.actions.desk import Desk
from dashboard.data_view import DataView
from dashboard.links import Shown
from model_zoo.core.choices import CountedBy
from model_zoo.run import Series
from model_zoo.workspace import Workspace


def opening(desk: Desk) -> Shown:
    """The series of the taxonomies that the workspace opens with, in the newest version trained; else the first two."""
    series = desk.series()
    wanted = [
        max((one for one in series if one.card.taxonomy.name == name), key=_version, default=None)
        for name in desk.workspace.opening
    ]
    subjects = [one.series_id for one in wanted if one] or [one.series_id for one in series[:2]]
    return Shown(subjects=tuple(subjects))


def _version(series: Series) -> int:
    return series.card.taxonomy.version


def opening_counts(workspace: Workspace) -> DataView:
    """The classes that the workspace opens with, else those of its finest taxonomy; labels where it has none."""
    known = workspace.taxonomies()
    name = next((one for one in (*workspace.opening, *known) if one in known), None)
    return DataView(CountedBy.CLASS, name) if name else DataView(CountedBy.LABEL)
