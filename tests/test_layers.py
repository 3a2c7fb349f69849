"""The layers of the dashboard, read from its folders and from the endings of its file names.

A new feature is a new folder in `dashboard/`: it needs no line here.
"""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED = ("settings", "address", "words", "decisions", "server_state", "evaluation", "ui")
"""What features may import, lowest first; `words` and `settings` are modules."""

ABOVE = ("pages", "report", "cli", "routes", "server", "guards", "connections")
"""What may import features."""

PACKAGES = [path.name for path in (ROOT / "dashboard").iterdir() if (path / "__init__.py").exists()]
FEATURES = sorted(set(PACKAGES) - {*SHARED, *ABOVE})


@cache
def imports() -> tuple[tuple[str, str], ...]:
    """(module, imported module) of every import in the dashboard, those inside functions too."""
    return tuple(
        (module_of(path), target)
        for path in sorted((ROOT / "dashboard").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for target in targets(node)
    )


def targets(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom) or node.module is None:
        return []
    return [
        f"{node.module}.{alias.name}" if is_module(f"{node.module}.{alias.name}") else node.module
        for alias in node.names
    ]


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").exists()


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def package(module: str) -> str:
    return module.split(".")[1] if module.startswith("dashboard.") else ""


def shows(module: str) -> bool:
    """Whether a module may know Streamlit."""
    return package(module) in ("ui", "pages") or module.endswith(("_ui", ".cached"))


def test_only_pages_widgets_and_caches_know_streamlit():
    allowed = {"dashboard.server", "dashboard.routes", "dashboard.guards"}  # they extend its web server
    wrong = [(a, b) for a, b in imports() if b.split(".")[0] == "streamlit" and not shows(a) and a not in allowed]
    assert wrong == []


def test_only_plots_know_plotly():
    wrong = [
        (a, b)
        for a, b in imports()
        if b.split(".")[0] == "plotly" and not (a.endswith("_plot") or package(a) in ("ui", "report"))
    ]
    assert wrong == []


def test_logic_and_words_import_nothing_that_shows():
    upper = ("_ui", "_plot", ".cached")
    wrong = [
        (a, b)
        for a, b in imports()
        if b.startswith("dashboard.")
        and b.endswith(upper)
        and not shows(a)
        and not a.endswith("_plot")
        and package(a) != "report"
    ]
    assert wrong == []


def test_features_meet_only_through_the_shared_packages():
    wrong = [(a, b) for a, b in imports() if package(a) in FEATURES and package(b) not in ("", package(a), *SHARED)]
    assert wrong == []


def test_shared_packages_import_only_shared_ones_below_them():
    rank = {name: number for number, name in enumerate(SHARED)}
    wrong = [
        (a, b)
        for a, b in imports()
        if package(a) in rank and package(b) and rank.get(package(b), len(rank)) > rank[package(a)]
    ]
    assert wrong == []


def test_nothing_imports_pages():
    assert [(a, b) for a, b in imports() if package(b) == "pages"] == []
