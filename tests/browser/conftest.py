"""A real Chromium, and Streamlit scripts served for it."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

from tests.browser.serving import PROJECT, Served, free_port, settle, taxoscope

_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

Serve = Callable[..., Served]
Open = Callable[..., Page]


@pytest.fixture(scope="session", autouse=True)
def patience() -> None:
    """Each answer is a run of the page's script, which a busy machine may take seconds for."""
    expect.set_options(timeout=20_000)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium from the system, else Playwright's own; tests are skipped without one, except in CI.

    Playwright's event loop runs in the main thread until it is closed: no test after these could run one of its own.
    """
    executable = os.environ.get("E2E_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        try:
            launched = playwright.chromium.launch(args=_ARGS, executable_path=executable)
        except Error as error:
            why = str(error).splitlines()[0]
            reason = f"no Chromium to test in ({why}); install it or run `playwright install chromium`"
            if os.environ.get("CI", "").lower() in ("1", "true"):
                pytest.fail(reason)
            pytest.skip(reason)
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """``serve(script, **environment)`` starts a Streamlit script (or a file with an `st.App`) on a free port."""
    running: list[Served] = []

    def start(script: Path, **environment: str) -> Served:
        port = free_port()
        command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
        command += ["--server.address", "127.0.0.1", "--server.headless", "true", "--browser.gatherUsageStats", "false"]
        command += ["--server.fileWatcherType", "none"]
        path = os.pathsep.join([str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])])
        log_path = tmp_path_factory.mktemp("server") / "log.txt"
        served = Served(command, {"PYTHONPATH": path, **environment}, log_path, port)
        running.append(served)
        return served.start()

    yield start
    for served in running:
        served.stop()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """``new_page(width=1280, height=900, theme="light")`` opens a page in a context of its own."""
    contexts = []

    def open_page(width: int = 1280, height: int = 900, theme: str = "light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)  # type: ignore[arg-type]
        context.set_default_timeout(60_000)
        contexts.append(context)
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="package")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The demo as `taxoscope serve` gives it, with a fresh writable folder."""
    served = taxoscope(tmp_path_factory.mktemp("demo"))
    yield served.start()
    served.stop()


@pytest.fixture
def opened(app: Served, new_page: Open) -> Open:
    """``opened("compare?space=native", width=1280)`` opens an address of the demo and waits until it is drawn."""

    def go(address: str, **look: object) -> Page:
        page = new_page(**look)
        page.goto(f"{app.url}/{address}")
        settle(page)
        return page

    return go
