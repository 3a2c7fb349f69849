"""A second workspace about something else, opened once for all dashboard tests."""

from pathlib import Path

import pytest

from model_zoo.workspace.workspace import Workspace
from tests.second_workspace import build


@pytest.fixture(scope="session")
def animals(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return build(tmp_path_factory.mktemp("animals"))


@pytest.fixture
def fresh_animals(tmp_path: Path) -> Workspace:
    return build(tmp_path / "animals")
