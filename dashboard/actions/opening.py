"""What a page opens with when its address leaves it open."""

from dashboard.actions.desk import Desk
from dashboard.links import Shown


def opening(desk: Desk) -> Shown:
    """The series of the taxonomies that the workspace opens with, else the first two series."""
    series = desk.series()
    wanted = [
        next((one.series_id for one in series if one.card.taxonomy.name == name), None)
        for name in desk.workspace.opening
    ]
    subjects = [series_id for series_id in wanted if series_id] or [one.series_id for one in series[:2]]
    return Shown(subjects=tuple(subjects))
