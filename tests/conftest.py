"""What all tests share: the options `--full` and two workers, Hypothesis's profiles, and a Ctrl-C that is heard."""

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# A second thread of torch or BLAS waits, busily, for a core that the other worker uses.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# derandomised: a newcomer's first `pytest` is no lottery; HYPOTHESIS_PROFILE=explore looks for new examples
settings.register_profile("short", deadline=None, derandomize=True, max_examples=30)
settings.register_profile("full", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=500)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="long tests too, and more Hypothesis examples")


def pytest_configure(config: pytest.Config) -> None:
    profile = "full" if config.getoption("full") else "short"
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", profile))


HERE = Path(__file__).parent
LONGEST = ("test_house_rules.py", "browser", "cli", "test_server.py")
"""Parts of paths: tests of these files and folders are started first, so that no worker ends with a long module."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        parts = item.path.relative_to(HERE).parts
        return next((k for k, name in enumerate(LONGEST) if name in parts), len(LONGEST))

    items.sort(key=rank)
    if not config.getoption("full"):
        skip = pytest.mark.skip(reason="long; runs with --full")
        for item in items:
            if item.get_closest_marker("full"):
                item.add_marker(skip)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Bytes of files hold the time at which they were made: no name that two workers agree on."""
    return argname if isinstance(val, bytes) and len(val) > 8 else None


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two workers for the whole suite; none for a few files, which they would only delay."""
    return 2 if config.args_source is pytest.Config.ArgsSource.TESTPATHS else 0


# A shell that runs the suite in the background has it ignore Ctrl-C, and commands that tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Without compiled files, each of the many commands and servers that tests start would compile torch anew: 15 s.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
