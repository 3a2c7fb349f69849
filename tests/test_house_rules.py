"""What the project promises about its own code, checked by the tools that check it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CODE = [path for folder in ("model_zoo", "dashboard", "benchmarks") for path in (ROOT / folder).rglob("*.py")]


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["lint-imports", "--no-cache"],
    ],
    ids=lambda command: " ".join(command),
)
def test_the_checkers_have_nothing_to_say(command: list[str]) -> None:
    tool = Path(sys.executable).with_name(command[0])
    done = subprocess.run([str(tool), *command[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}\n{done.stderr}"


def test_files_stay_readable() -> None:
    too_long = {str(path.relative_to(ROOT)): n for path in CODE if (n := len(path.read_text().splitlines())) > 400}
    pages = [path for path in CODE if path.parent.name == "pages"]
    too_long |= {str(path.relative_to(ROOT)): n for path in pages if (n := len(path.read_text().splitlines())) > 70}
    assert too_long == {}


def test_no_code_knows_what_the_demo_is_about() -> None:
    words = re.compile(r"\b(bpd|cereb|caliper|no_marker|consolidated)\b", re.IGNORECASE)
    allowed = ("phantom",)
    code = [path for path in CODE if not any(part in allowed for part in path.parts) and "benchmarks" not in path.parts]
    found = {
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in code
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if words.search(line) and not line.strip().startswith(("#", '"""', "``")) and '"""' not in line
    }
    in_code = {one for one in found if re.search(r"[\"'](bpd|cereb|no_marker|consolidated)[\"']", one)}
    assert in_code == set()
