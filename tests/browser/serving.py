"""Servers for browser tests to talk to, and when a page has come to rest."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.watched import CONNECTIONS, leads_out

PROJECT = Path(__file__).parents[2]
START_S = 90


@dataclass(slots=True)
class Served:
    """A server at ``url``, run in the folder of its log; it can be killed and started again on its port."""

    command: list[str]
    environment: Mapping[str, str]
    log_path: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Served":
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.log_path.parent, env={**os.environ, **self.environment}, stdout=log, stderr=log
            )
        end = time.monotonic() + START_S
        while not _answers(f"{self.url}/_stcore/health"):
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                pytest.fail(f"the server did not start:\n{self.log_path.read_text()[-4000:]}")
            time.sleep(0.05)
        return self

    def forget_leases(self) -> None:
        """No image is at hand for a reviewer of an earlier test; for a server by `taxoscope`."""
        assert self.process
        self.process.send_signal(signal.SIGUSR1)
        assert _answers(f"{self.url}/_stcore/health")  # by the thread that hears the signal first

    def kill(self) -> None:
        """As the power would: no goodbye."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it; a connection that it opened to another machine fails the test."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        watched = self.log_path.parent / CONNECTIONS
        if out := [one for one in (watched.read_text().splitlines() if watched.exists() else []) if leads_out(one)]:
            pytest.fail(f"the server opened connections to {', '.join(sorted(set(out)))}")


def taxoscope(folder: Path, *arguments: str, **environment: str) -> Served:
    """`taxoscope serve` on a free port, the demo's writable part in ``folder``; not yet started."""
    port = free_port()
    command = [sys.executable, str(Path(__file__).with_name("watched.py")), "serve", "--no-browser"]
    environment = {"TAXOSCOPE_DEMO_FOLDER": str(folder), "PYTHONPATH": str(PROJECT), **environment}
    return Served([*command, "--port", str(port), *arguments], environment, folder / "log.txt", port)


def wait_idle(page: Page) -> None:
    """Until the script has run, and all that it asked for is drawn.

    A chart's code is loaded when the first one is needed: until then its place is held by a skeleton, and charts
    may be drawn in any order.
    """
    page.wait_for_function(
        """() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
        && !document.querySelector('[data-testid=stSkeleton]')
        && [...document.querySelectorAll('[data-testid=stPlotlyChart]')].every(
            chart => chart.querySelector('.js-plotly-plot .main-svg'))"""
    )


def settle(page: Page) -> None:
    """Until the script has run, and has run again for what the browser told it meanwhile."""
    page.wait_for_selector("[data-testid=stApp]")
    wait_idle(page)
    page.wait_for_timeout(300)
    wait_idle(page)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except OSError:
        return False
