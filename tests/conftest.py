"""What all tests share: the options `--full` and two workers, Hypothesis's profiles, and a Ctrl-C that is heard."""

import os
import signal

import pytest
from hypothesis import settings

# derandomised: a newcomer's first `pytest` is no lottery; HYPOTHESIS_PROFILE=explore looks for new examples
settings.register_profile("short", deadline=None, derandomize=True, max_examples=30)
settings.register_profile("full", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=500)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="long tests too, and more Hypothesis examples")


def pytest_configure(config: pytest.Config) -> None:
    profile = "full" if config.getoption("full") else "short"
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", profile))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
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
