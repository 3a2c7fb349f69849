"""What Compare opens with when its address names no run."""

import pytest
from second_workspace import build

from dashboard.actions.desk import Desk
from dashboard.actions.opening import opening
from model_zoo.workspace import Workspace


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ([], ["things", "kinds"]),
        (["things"], ["things", "kinds"]),  # what an import declares, before a coarser model came
        (["kinds"], ["kinds", "things"]),
        (["sizes", "things"], ["sizes", "things"]),
        (["nothing trained"], ["things", "kinds"]),
    ],
)
def test_two_series_of_different_taxonomies_are_opened_whatever_is_declared(tmp_path, declared, expected):
    folder = build(tmp_path / "animals").writable
    path = folder / "workspace.toml"
    path.write_text(f"opening = {declared}\n{path.read_text()}")
    desk = Desk(Workspace.open(folder))
    of = {one.series_id: one.card.taxonomy.name for one in desk.series()}
    assert [of[one] for one in opening(desk).subjects] == expected
