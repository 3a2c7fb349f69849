"""Each server that browser tests talk to is stopped with a check that would see a connection to another machine."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.serving import PROJECT, Served, free_port

CONNECT = """
import socket, sys
sys.path.insert(0, {tests!r})
from tests.browser.watched import _note
sys.addaudithook(_note)
try:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(({where!r}, 9))
except OSError:
    pass  # no network; that it was tried is what counts
"""


def stopped(folder: Path, where: str) -> None:
    code = CONNECT.format(tests=str(PROJECT / "tests"), where=where)
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)
    Served([], {}, folder / "log.txt", free_port()).stop()


def test_a_connection_to_another_machine_is_seen(tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"opened connections to 192\.0\.2\.1"):
        stopped(tmp_path, "192.0.2.1")


def test_a_connection_within_this_machine_is_none(tmp_path: Path) -> None:
    stopped(tmp_path, "127.0.0.1")
    assert (tmp_path / "connections.txt").read_text() == "127.0.0.1\n"
