"""What the project promises about its own code, checked by the tools that check it."""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CODE = [
    path for folder in ("model_zoo", "dashboard", "taxoscope", "benchmarks") for path in (ROOT / folder).rglob("*.py")
]
COMMANDS = {
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
    "lint-imports": ["lint-imports", "--no-cache"],
    "deptry": ["deptry", "."],
}
MOST_LINES, MOST_LINES_OF_PAGE, MOST_FILES = 400, 70, 25
GONE = (
    "vouches?", "nobody has", "nobody asked", "common ground of", "told apart", "tells? apart", "told from",
    "painted out", "painting out", "lookalikes?", "witness(es)?", "as reviewed", "hand-made", "used to be",
)  # fmt: skip
"""Words that `CONTRIBUTING.md` replaces, as regular expressions; none may stand in a docstring or comment again."""


@pytest.fixture(scope="module")
def checkers() -> dict[str, subprocess.Popen[str]]:
    """All of them at once: together they take as long as the slowest."""
    return {
        name: subprocess.Popen(
            [str(Path(sys.executable).with_name(command[0])), *command[1:]],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name, command in COMMANDS.items()
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_the_checkers_have_nothing_to_say(checkers: dict[str, subprocess.Popen[str]], name: str) -> None:
    printed, _ = checkers[name].communicate()
    assert checkers[name].returncode == 0, f"{name}:\n{printed}"


def test_files_stay_readable() -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in CODE}
    too_long = {str(path.relative_to(ROOT)): n for path, n in lines.items() if n > MOST_LINES}
    pages = {path: n for path, n in lines.items() if path.parent.name == "pages"}
    too_long |= {str(path.relative_to(ROOT)): n for path, n in pages.items() if n > MOST_LINES_OF_PAGE}
    assert too_long == {}


def test_folders_stay_readable() -> None:
    folders = {path.parent for path in CODE}
    sizes = {str(one.relative_to(ROOT)): sum(path.is_file() for path in one.iterdir()) for one in folders}
    assert {name: n for name, n in sizes.items() if n > MOST_FILES} == {}


def test_every_module_says_what_it_does() -> None:
    silent = [str(path.relative_to(ROOT)) for path in CODE if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []


def test_old_words_do_not_come_back() -> None:
    gone = re.compile(rf"\b({'|'.join(GONE)})\b", re.IGNORECASE)
    found = [f"{path.relative_to(ROOT)}: {text}" for path in CODE for text in prose(path) if gone.search(text)]
    assert found == []


def prose(path: Path) -> Iterator[str]:
    """The docstrings and comments of a file."""
    source = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def test_every_expectation_has_a_matcher() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / "tests" / "browser").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Expr) and is_call_of_expect(node.value)
    ]
    assert bare == []


def is_call_of_expect(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "expect"


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
