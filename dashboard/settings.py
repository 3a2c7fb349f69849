"""Settings from the command line and the environment."""

import os
from pathlib import Path

from platformdirs import user_data_path
from pydantic_settings import BaseSettings, SettingsConfigDict

from model_zoo.workspace.workspace import Workspace


class Settings(BaseSettings):
    """Environment variables ``TAXOSCOPE_*``; the command line sets them before the app is loaded.

    Size limits (``TAXOSCOPE_MAX_*``) are in `model_zoo.untrusted.limits`, which works without the dashboard.
    """

    model_config = SettingsConfigDict(env_prefix="TAXOSCOPE_", env_ignore_empty=True, frozen=True)

    workspace: Path | None = None
    """Folder of a workspace; ``None`` serves the demo."""

    demo_folder: Path = user_data_path("taxoscope", appauthor=False) / "demo"
    """The demo's writable part: decisions, generated training images, kept uploads, new runs."""

    trust_code: str = ""
    """Names of runs whose own code may be run, separated by commas; no page can add to them."""

    allow_host: str = ""
    """Names, separated by commas, under which the server may be asked besides those of its machine."""

    @property
    def trusted(self) -> frozenset[str]:
        """Runs whose own code may be run."""
        return frozenset(_listed(self.trust_code))

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """Names of the server besides those of its machine."""
        return tuple(_listed(self.allow_host))

    def write_back(self) -> None:
        """Write the paths into the environment as absolute ones, to be read alike from any working directory."""
        for name, value in self.model_dump(exclude_none=True).items():
            os.environ[f"TAXOSCOPE_{name.upper()}"] = str(value.resolve() if isinstance(value, Path) else value)

    def open_workspace(self) -> Workspace:
        """The workspace to serve; `WorkspaceError` says in one sentence what it lacks."""
        return Workspace.open(self.workspace) if self.workspace else Workspace.demo(self.demo_folder)


def _listed(names: str) -> list[str]:
    return [name for one in names.split(",") if (name := one.strip())]
