"""What a page opens with when its address leaves it open."""

from dashboard.actions.desk import Desk
from dashboard.links import Shown
from model_zoo.run import Series


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
