"""Images that nobody in this project made; they lie beside the project and are never committed."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def real(name: str) -> Path:
    """``../shared/data/NAME``; skips the test, saying so, where it is absent."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"real data {name} is not at {path}; this check against real images did NOT run")
    return path
