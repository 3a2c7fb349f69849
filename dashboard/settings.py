"""What was said on the command line or in the environment, read once and frozen."""

import os
from pathlib import Path

from platformdirs import user_data_path
from pydantic_settings import BaseSettings, SettingsConfigDict

from model_zoo.workspace import Workspace


class Settings(BaseSettings):
    """Environment variables ``TAXOSCOPE_*``; the command line sets them before the app is loaded."""

    model_config = SettingsConfigDict(env_prefix="TAXOSCOPE_", env_ignore_empty=True, frozen=True)

    workspace: Path | None = None
    """Folder of a workspace; ``None`` serves the demo."""

    demo_folder: Path = user_data_path("taxoscope", appauthor=False) / "demo"
    """The demo's writable part: decisions, generated training images, kept uploads, new runs."""

    def write_back(self) -> None:
        """Write the paths into the environment as absolute ones, to be read alike from any working directory."""
        for name, path in self.model_dump(exclude_none=True).items():
            os.environ[f"TAXOSCOPE_{name.upper()}"] = str(path.resolve())

    def open_workspace(self) -> Workspace:
        """The workspace to serve; `WorkspaceError` says in one sentence what it lacks."""
        return Workspace.open(self.workspace) if self.workspace else Workspace.demo(self.demo_folder)
