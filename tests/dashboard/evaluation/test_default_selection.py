"""What Compare opens with when its address names no run."""

import shutil

import pytest

from dashboard.evaluation.default_selection import default_selection
from dashboard.server_state.open_workspace import Desk
from model_zoo.workspace.workspace import Workspace
from tests.second_workspace import answer_test_alone, build


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
    assert [of[one] for one in default_selection(desk).subjects] == expected


@pytest.mark.parametrize(
    ("declared", "expected"), [([], ["things", "kinds"]), (["sizes", "things"], ["sizes", "things"])]
)
def test_answers_about_the_test_split_alone_are_opened_only_where_there_is_nothing_better(tmp_path, declared, expected):
    workspace = build(tmp_path / "animals")
    path = workspace.writable / "workspace.toml"
    path.write_text(f"opening = {declared}\n{path.read_text()}")
    answer_test_alone(workspace, "a-csv")  # listed first, by its name
    desk = Desk(Workspace.open(workspace.writable))
    of = {one.series_id: one for one in desk.series()}
    opened = [of[one] for one in default_selection(desk).subjects]
    assert [one.card.taxonomy.name for one in opened] == expected
    assert "a-csv" not in [run.run_id for one in opened for run in one.runs]


def test_of_two_with_all_predictions_the_one_with_a_model_is_opened(tmp_path):
    workspace = build(tmp_path / "animals")
    (workspace.writable / "runs" / "sizes-s0" / "model.safetensors").write_bytes(b"weights")
    assert default_selection(Desk(workspace)).subjects[0].startswith("sizes-")


def test_answers_alone_are_opened_where_there_is_nothing_else(tmp_path):
    workspace = build(tmp_path / "animals")
    alone = answer_test_alone(workspace, "a-csv")
    for folder in set(alone.folder.parent.iterdir()) - {alone.folder}:
        shutil.rmtree(folder)
    desk = Desk(Workspace.open(workspace.writable))
    assert default_selection(desk).subjects == tuple(one.series_id for one in desk.series())
