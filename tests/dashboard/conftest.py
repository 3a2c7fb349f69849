"""A second workspace about something else, opened once for all dashboard tests."""

import shutil
from pathlib import Path

import pytest

from model_zoo.workspace.workspace import Workspace
from tests.second_workspace import build


@pytest.fixture(scope="session")
def animals(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return build(tmp_path_factory.mktemp("animals"))


@pytest.fixture(scope="session")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same workspace, to be copied and never opened."""
    return build(tmp_path_factory.mktemp("untouched") / "animals").writable


@pytest.fixture
def fresh_animals(untouched: Path, tmp_path: Path) -> Workspace:
    return Workspace.open(shutil.copytree(untouched, tmp_path / "animals"))
